private import CZlib
private import CZstd

/// How a stream is packed, told by its first bytes.
package enum CompressionFormat: String, Sendable {
  case none
  case gzip
  case zstd
  // Known to be told by name when they are refused: no layer may be packed so (image-spec, layer.md).
  case bzip2
  case xz
  case lz4

  /// How many bytes `detect` wants to see.
  package static let magicBytes = 9

  /// Reads the magic number; what has none is taken as plain.
  package static func detect(_ start: some Collection<UInt8>) -> CompressionFormat {
    let start = Array(start.prefix(magicBytes))
    if start.starts(with: [0x1F, 0x8B]) { return .gzip }
    if start.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
    // A skippable frame may stand before the first one (RFC 8878, 3.1.2).
    if start.count >= 4, start[0] & 0xF0 == 0x50, start[1..<4].elementsEqual([0x2A, 0x4D, 0x18]) { return .zstd }
    if start.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) { return .xz }
    if start.starts(with: [0x04, 0x22, 0x4D, 0x18]) { return .lz4 }
    // `BZh` and a digit may begin a name in a plain archive; not followed by this.
    if start.starts(with: "BZh".utf8), start.dropFirst(4).elementsEqual([0x31, 0x41, 0x59, 0x26, 0x53]) {
      return .bzip2
    }
    return .none
  }
}

/// Why packed bytes cannot be unpacked.
package enum CompressionError: Error, Equatable, Sendable {
  /// The packed bytes break the rules of their format; the words are the library's.
  case corrupt(format: CompressionFormat, words: String)
  /// The bytes end in the middle.
  case truncated(format: CompressionFormat)
  /// A format that is known by name only.
  case unsupported(CompressionFormat)
  /// The library has no memory.
  case noMemory
}

extension CompressionError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .corrupt(let format, let words): "the \(format.rawValue) data is corrupt: \(words)"
    case .truncated(let format): "the \(format.rawValue) data ends too early"
    case .unsupported(let format): "it is packed with \(format.rawValue), which is not supported: gzip and zstd are"
    case .noMemory: "not enough memory to unpack"
    }
  }
}

/// Unpacks a stream that comes in pieces of any size: gzip with any number of members, zstd with any number of frames, or plain.
///
/// Feed: call `step` with what there is until it has consumed all and gives nothing more. At the end of the stream: `finish`.
package struct Decompressor: ~Copyable {
  /// What one step did.
  package struct Progress: Sendable {
    package let consumed: Int
    /// How many bytes stand in the output buffer.
    package let produced: Int
  }

  /// Known once the first bytes were seen.
  package private(set) var format: CompressionFormat?
  private var engine = Engine.none
  /// Bytes kept until the format is known.
  private var start: [UInt8] = []

  private enum Engine {
    case none
    case plain
    case gzip(GzipEngine)
    case zstd(ZstdEngine)
  }

  /// True while bytes wait that came before the format was known.
  package var holdsBack: Bool { !start.isEmpty }

  /// The format is detected unless it is given.
  package init(format: CompressionFormat? = nil) throws(CompressionError) {
    if let format { try choose(format) }
  }

  private mutating func choose(_ format: CompressionFormat) throws(CompressionError) {
    self.format = format
    switch format {
    case .none: engine = .plain
    case .gzip: engine = .gzip(try GzipEngine())
    case .zstd: engine = .zstd(try ZstdEngine())
    case .bzip2, .xz, .lz4: throw .unsupported(format)
    }
  }

  /// Takes some of `input` and fills some of `output`.
  ///
  /// With nothing consumed and nothing produced the stream waits for more input.
  package mutating func step(_ input: Span<UInt8>, into output: inout [UInt8]) throws(CompressionError) -> Progress {
    if format == nil {
      // A stream that comes a byte at a time is held back until its magic number is whole.
      let wanted = CompressionFormat.magicBytes - start.count
      let taken = min(wanted, input.count)
      for index in 0..<taken { start.append(input[index]) }
      if taken < wanted { return Progress(consumed: taken, produced: 0) }
      try choose(CompressionFormat.detect(start))
      return Progress(consumed: taken, produced: 0)
    }
    if !start.isEmpty {
      // What was held back goes first.
      let held = start
      let progress = try run(held.span, into: &output)
      start.removeFirst(progress.consumed)
      // Bytes that were held back do not count as taken from `input`: with nothing to show for them, go on.
      if progress.produced > 0 || !start.isEmpty { return Progress(consumed: 0, produced: progress.produced) }
    }
    return try run(input, into: &output)
  }

  /// Ends the stream: gives what was held back of a stream too short to have a format, refuses one that ends in the middle.
  package mutating func finish() throws(CompressionError) -> [UInt8] {
    guard let format else {
      // What is packed has more than its magic number.
      let begun = CompressionFormat.detect(start)
      if begun != .none { throw .truncated(format: begun) }
      let rest = start
      start = []
      return rest
    }
    let inside: Bool
    switch engine {
    case .none, .plain: inside = false
    case .gzip(let gzip): inside = gzip.isInside
    case .zstd(let zstd): inside = zstd.isInside
    }
    if inside { throw .truncated(format: format) }
    return []
  }

  private mutating func run(_ input: Span<UInt8>, into output: inout [UInt8]) throws(CompressionError) -> Progress {
    switch engine {
    case .none, .plain:
      let count = min(input.count, output.count)
      for index in 0..<count { output[index] = input[index] }
      return Progress(consumed: count, produced: count)
    case .gzip(let gzip):
      return try gzip.step(input, into: &output)
    case .zstd(let zstd):
      return try zstd.step(input, into: &output)
    }
  }
}

/// zlib's inflate over gzip members one after the other.
@safe
private final class GzipEngine {
  private let stream: UnsafeMutablePointer<z_stream>
  /// True from the first byte of a member to its checksum.
  private(set) var isInside = false
  private var membersSeen = 0
  /// After the last member zeros may follow, as tape and some registries leave them; anything else is an error.
  private var inPadding = false

  init() throws(CompressionError) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let gzipOnly: Int32 = 15 + 16
    guard unsafe inflateInit2_(stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      unsafe stream.deallocate()
      throw .noMemory
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  func step(
    _ input: Span<UInt8>, into output: inout [UInt8]
  ) throws(CompressionError) -> Decompressor.Progress {
    if !isInside, let done = try skipPadding(input) { return done }
    let inputCount = min(input.count, Int(UInt32.max))
    let outputCount = min(output.count, Int(UInt32.max))
    let stream = unsafe stream
    let answer = unsafe input.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        // inflate(3) does not write through next_in; the type only lacks the const.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        unsafe stream.pointee.avail_in = UInt32(inputCount)
        unsafe stream.pointee.next_out = output.baseAddress
        unsafe stream.pointee.avail_out = UInt32(outputCount)
        return unsafe inflate(stream, Z_NO_FLUSH)
      }
    }
    let consumed = inputCount - Int(unsafe stream.pointee.avail_in)
    let produced = outputCount - Int(unsafe stream.pointee.avail_out)
    if consumed > 0 { isInside = true }
    switch answer {
    case Z_OK, Z_BUF_ERROR:
      break
    case Z_STREAM_END:
      isInside = false
      membersSeen += 1
      guard unsafe inflateReset(stream) == Z_OK else { throw .noMemory }
    case Z_MEM_ERROR:
      throw .noMemory
    default:
      let words = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
      throw .corrupt(format: .gzip, words: words ?? "error \(answer)")
    }
    return Decompressor.Progress(consumed: consumed, produced: produced)
  }

  /// Between members: nil when the next member starts here.
  private func skipPadding(_ input: Span<UInt8>) throws(CompressionError) -> Decompressor.Progress? {
    guard membersSeen > 0, input.count > 0 else { return nil }
    if !inPadding, input[0] == 0x1F { return nil }
    inPadding = true
    for index in 0..<input.count where input[index] != 0 {
      throw .corrupt(format: .gzip, words: "something other than gzip follows its end")
    }
    return Decompressor.Progress(consumed: input.count, produced: 0)
  }
}

/// zstd's streaming decoder; it goes from frame to frame by itself.
@safe
private final class ZstdEngine {
  private let context: OpaquePointer
  private(set) var isInside = false
  /// The largest window that is accepted: 128 MiB, zstd's own default, bounds the memory that a frame may ask for.
  private static let windowLogLimit: Int32 = 27

  init() throws(CompressionError) {
    guard let context = unsafe ZSTD_createDCtx() else { throw .noMemory }
    unsafe self.context = context
    _ = unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.windowLogLimit)
  }

  deinit {
    _ = unsafe ZSTD_freeDCtx(context)
  }

  func step(
    _ input: Span<UInt8>, into output: inout [UInt8]
  ) throws(CompressionError) -> Decompressor.Progress {
    var consumed = 0
    var produced = 0
    let context = unsafe context
    let answer = unsafe input.withUnsafeBytes { input in
      unsafe output.withUnsafeMutableBytes { output in
        var from = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var to = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let answer = unsafe ZSTD_decompressStream(context, &to, &from)
        consumed = unsafe from.pos
        produced = unsafe to.pos
        return answer
      }
    }
    if ZSTD_isError(answer) != 0 {
      let words = unsafe String(cString: ZSTD_getErrorName(answer))
      throw .corrupt(format: .zstd, words: words.prefix(1).lowercased() + words.dropFirst())
    }
    // 0: a frame is whole and flushed. Without any progress the last word stands.
    if consumed > 0 || produced > 0 { isInside = answer != 0 }
    return Decompressor.Progress(consumed: consumed, produced: produced)
  }
}
