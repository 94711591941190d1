internal import SkiffKernel
internal import SkiffSpec

/// Writes what a container says as docker's json-file does: one object a line, `{"log":…,"stream":…,"time":…}`.
struct LogWriter: ~Copyable {
  /// A line longer than this is cut into several entries.
  static let lineLimitBytes = 16384

  private let file: FileDescriptor
  private var pending: [UInt8: [UInt8]] = [:]
  private var output: [UInt8] = []

  init(path: String) throws(Errno) {
    file = try Descriptor.workingDirectory.open(
      try KernelPath(path), [.writeOnly, .create, .append, .noFollow], mode: 0o640)
  }

  /// Takes a piece of one stream (1 or 2); whole lines go to the file at once, the rest waits for its end.
  mutating func write(_ bytes: ArraySlice<UInt8>, stream: UInt8) {
    let time = Self.time()
    var rest = bytes
    while let end = rest.firstIndex(of: 0x0A) {
      let line = rest[...end]
      rest = rest[(end + 1)...]
      if let begun = pending.removeValue(forKey: stream) {
        append(begun + line, stream, time)
      } else {
        append(line, stream, time)
      }
    }
    if !rest.isEmpty { pending[stream, default: []].append(contentsOf: rest) }
    while let begun = pending[stream], begun.count >= Self.lineLimitBytes {
      append(begun.prefix(Self.lineLimitBytes), stream, time)
      pending[stream] = Array(begun.dropFirst(Self.lineLimitBytes))
    }
    flush()
  }

  /// Writes lines that never got their end.
  mutating func finish() {
    let time = Self.time()
    for (stream, begun) in pending where !begun.isEmpty { append(begun, stream, time) }
    pending = [:]
    flush()
  }

  private mutating func append(_ line: some Collection<UInt8>, _ stream: UInt8, _ time: [UInt8]) {
    output.append(contentsOf: Array("{\"log\":".utf8))
    JSONText.append(line, to: &output)
    output.append(
      contentsOf: Array(
        (stream == 2 ? ",\"stream\":\"stderr\",\"time\":\"" : ",\"stream\":\"stdout\",\"time\":\"").utf8))
    output.append(contentsOf: time)
    output.append(contentsOf: [0x22, 0x7D, 0x0A])
  }

  private mutating func flush() {
    // A full disk loses log lines, not the container.
    try? file.descriptor.writeAll(output)
    output.removeAll(keepingCapacity: true)
  }

  private static func time() -> [UInt8] {
    let now = ClockTime.now()
    return Array(Timestamp(seconds: now.seconds, nanoseconds: now.nanoseconds).text.utf8)
  }
}

/// Bytes of a program as a JSON string: what is not UTF-8 becomes the replacement character, as in docker's log.
enum JSONText {
  static func append(_ bytes: some Collection<UInt8>, to output: inout [UInt8]) {
    output.append(0x22)
    let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
    if isPlain {
      output.append(contentsOf: bytes)
    } else {
      for byte in String(decoding: bytes, as: UTF8.self).utf8 { appendByte(byte, to: &output) }
    }
    output.append(0x22)
  }

  private static func appendByte(_ byte: UInt8, to output: inout [UInt8]) {
    switch byte {
    case 0x22, 0x5C: output.append(contentsOf: [0x5C, byte])
    case 0x0A: output.append(contentsOf: [0x5C, UInt8(ascii: "n")])
    case 0x0D: output.append(contentsOf: [0x5C, UInt8(ascii: "r")])
    case 0x09: output.append(contentsOf: [0x5C, UInt8(ascii: "t")])
    case 0..<0x20:
      let digits = Array("0123456789abcdef".utf8)
      output.append(contentsOf: Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 0xF)]])
    default: output.append(byte)
    }
  }
}
