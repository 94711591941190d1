package import SkiffKernel

/// Where a stream of bytes goes.
package protocol ByteSink: ~Copyable {
  mutating func write(_ bytes: Span<UInt8>) throws(LayerError)
}

/// An open file as the end of a stream.
package struct FileSink: ByteSink {
  private let file: Descriptor
  private let name: String

  /// Writes to `file`, which someone else keeps open; `name` is for a report.
  package init(_ file: Descriptor, name: String) {
    self.file = file
    self.name = name
  }

  package mutating func write(_ bytes: Span<UInt8>) throws(LayerError) {
    do throws(Errno) {
      try file.writeAll(bytes)
    } catch {
      throw .kernel(act: "write", entry: name, error)
    }
  }
}

/// Writes a tar archive: POSIX ustar, with an extended header before an entry only where ustar has no room. The same entries give
/// the same bytes.
///
/// For each entry `begin`, its data by `write` (as much as it announced), `end`; `finish` after the last.
package struct TarWriter<Sink: ByteSink & ~Copyable>: ~Copyable {
  private var sink: Sink
  private var buffer: [UInt8] = []
  private var remaining: Int64 = 0
  private var padding = 0
  private var currentName = ""
  /// Length of the archive so far.
  package private(set) var sizeBytes: Int64 = 0

  private static var bufferBytes: Int { 256 << 10 }

  package init(sink: consuming Sink) {
    self.sink = sink
    buffer.reserveCapacity(Self.bufferBytes)
  }

  /// Writes an entry's headers. Of a sparse file the holes are written as zeros.
  package mutating func begin(_ entry: TarEntry) throws(LayerError) {
    currentName = entry.printablePath
    let header = TarHeaderBuilder(entry)
    if !header.records.isEmpty {
      let records = header.records
      try append(header.extendedHeaderBlock(length: records.count))
      try append(records)
      try append([UInt8](repeating: 0, count: Self.padding(Int64(records.count))))
    }
    try append(header.block)
    remaining = entry.type == .regular ? entry.sizeBytes : 0
    padding = Self.padding(remaining)
  }

  private static func padding(_ size: Int64) -> Int { Int((512 - size % 512) % 512) }

  /// Writes data of the current entry.
  package mutating func write(_ bytes: Span<UInt8>) throws(LayerError) {
    guard Int64(bytes.count) <= remaining else {
      throw .kernel(act: "archive more than was announced of", entry: currentName, .fileTooLarge)
    }
    remaining -= Int64(bytes.count)
    sizeBytes += Int64(bytes.count)
    if buffer.count + bytes.count > Self.bufferBytes { try flush() }
    if bytes.count >= Self.bufferBytes {
      try sink.write(bytes)
    } else {
      buffer.append(copying: bytes)
    }
  }

  /// Ends the entry; refuses one that got less data than announced.
  package mutating func end() throws(LayerError) {
    guard remaining == 0 else { throw .truncated(entry: currentName) }
    try append([UInt8](repeating: 0, count: padding))
    padding = 0
  }

  /// Writes the end mark; gives the sink back.
  package consuming func finish() throws(LayerError) -> Sink {
    try append([UInt8](repeating: 0, count: 1024))
    try flush()
    return sink
  }

  private mutating func append(_ bytes: [UInt8]) throws(LayerError) {
    sizeBytes += Int64(bytes.count)
    if buffer.count + bytes.count > Self.bufferBytes { try flush() }
    buffer.append(contentsOf: bytes)
  }

  private mutating func flush() throws(LayerError) {
    if buffer.isEmpty { return }
    // Taken out for the call, so that its memory is used again.
    var pending: [UInt8] = []
    swap(&pending, &buffer)
    try sink.write(pending.span)
    pending.removeAll(keepingCapacity: true)
    swap(&pending, &buffer)
  }
}

/// The blocks before an entry's data.
struct TarHeaderBuilder {
  private(set) var block = [UInt8](repeating: 0, count: TarHeader.blockBytes)
  /// The extended header's records; empty where ustar has room for all.
  private(set) var records: [UInt8] = []
  private let path: [UInt8]

  init(_ entry: TarEntry) {
    // Directories end with a slash, as every tar writes them.
    let slash = UInt8(ascii: "/")
    path = entry.type == .directory && entry.path.last != slash ? entry.path + [slash] : entry.path
    putText(path, at: 0, length: 100, key: "path")
    putNumber(Int64(entry.mode), at: 100, length: 8, key: nil)
    putNumber(Int64(entry.userID), at: 108, length: 8, key: "uid")
    putNumber(Int64(entry.groupID), at: 116, length: 8, key: "gid")
    putNumber(entry.type == .regular ? entry.sizeBytes : 0, at: 124, length: 12, key: "size")
    putTime(entry.modified)
    block[156] = Self.flag(entry.type)
    putText(entry.linkTarget, at: 157, length: 100, key: "linkpath")
    putMagic()
    if entry.type == .characterDevice || entry.type == .blockDevice {
      putNumber(Int64(entry.deviceMajor), at: 329, length: 8, key: "SCHILY.devmajor")
      putNumber(Int64(entry.deviceMinor), at: 337, length: 8, key: "SCHILY.devminor")
    }
    for attribute in entry.attributes.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
      putAttribute(attribute)
    }
    putChecksum()
  }

  /// The header of the extended header itself.
  func extendedHeaderBlock(length: Int) -> [UInt8] {
    var header = TarHeaderBuilder()
    let name = Array("PaxHeaders/".utf8) + path.filter { $0 != UInt8(ascii: "/") }.prefix(80)
    header.putText(name, at: 0, length: 100, key: nil)
    header.putNumber(0o644, at: 100, length: 8, key: nil)
    header.putNumber(0, at: 108, length: 8, key: nil)
    header.putNumber(0, at: 116, length: 8, key: nil)
    header.putNumber(Int64(length), at: 124, length: 12, key: nil)
    header.putNumber(0, at: 136, length: 12, key: nil)
    header.block[156] = UInt8(ascii: "x")
    header.putMagic()
    header.putChecksum()
    return header.block
  }

  private init() {
    path = []
  }

  private static func flag(_ type: TarEntryType) -> UInt8 {
    switch type {
    case .regular: UInt8(ascii: "0")
    case .hardLink: UInt8(ascii: "1")
    case .symbolicLink: UInt8(ascii: "2")
    case .characterDevice: UInt8(ascii: "3")
    case .blockDevice: UInt8(ascii: "4")
    case .directory: UInt8(ascii: "5")
    case .fifo: UInt8(ascii: "6")
    }
  }

  private mutating func put(_ bytes: some Sequence<UInt8>, at offset: Int) {
    for (position, byte) in bytes.enumerated() where offset + position < block.count {
      block[offset + position] = byte
    }
  }

  private mutating func putText(_ text: [UInt8], at offset: Int, length: Int, key: String?) {
    put(text.prefix(length), at: offset)
    if text.count > length, let key { putRecord(key, text) }
  }

  /// Octal digits and a zero; a number that has no room there goes into a record.
  private mutating func putNumber(_ number: Int64, at offset: Int, length: Int, key: String?) {
    let digits = String(max(number, 0), radix: 8)
    if number < 0 || digits.utf8.count > length - 1 {
      if let key { putRecord(key, Array(String(number).utf8)) }
      return put(String(repeating: "0", count: length - 1).utf8, at: offset)
    }
    put((String(repeating: "0", count: length - 1 - digits.utf8.count) + digits).utf8, at: offset)
  }

  private mutating func putTime(_ time: FileTime) {
    let fits = time.seconds >= 0 && time.seconds < 1 << 33
    putNumber(fits ? time.seconds : 0, at: 136, length: 12, key: nil)
    if fits, time.nanoseconds == 0 { return }
    putRecord("mtime", Array(Self.decimal(time).utf8))
  }

  /// Seconds with a fraction: what stands before zero is written with a sign for the whole.
  private static func decimal(_ time: FileTime) -> String {
    if time.nanoseconds == 0 { return String(time.seconds) }
    let isNegative = time.seconds < 0
    let whole = isNegative ? -(time.seconds + 1) : time.seconds
    let fraction = String(isNegative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds)
    return (isNegative ? "-" : "") + "\(whole)." + String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
  }

  private mutating func putAttribute(_ attribute: TarAttribute) {
    let equals = UInt8(ascii: "=")
    // A record's key ends at the first equals sign: a name that holds one is written in libarchive's way.
    if attribute.name.contains(equals) {
      let name = Base64.percentEncoded(attribute.name)
      putRecord(bytes: Array("LIBARCHIVE.xattr.".utf8) + name, Base64.encode(attribute.value))
    } else {
      putRecord(bytes: Array("SCHILY.xattr.".utf8) + attribute.name, attribute.value)
    }
  }

  private mutating func putRecord(_ key: String, _ value: [UInt8]) {
    putRecord(bytes: Array(key.utf8), value)
  }

  /// `length key=value\n`: the length counts its own digits.
  private mutating func putRecord(bytes key: [UInt8], _ value: [UInt8]) {
    let rest = key.count + value.count + 3
    var length = rest + 1
    while length != rest + String(length).utf8.count { length = rest + String(length).utf8.count }
    records.append(contentsOf: "\(length) ".utf8)
    records.append(contentsOf: key)
    records.append(UInt8(ascii: "="))
    records.append(contentsOf: value)
    records.append(UInt8(ascii: "\n"))
  }

  private mutating func putMagic() {
    put("ustar".utf8, at: 257)
    put("00".utf8, at: 263)
  }

  private mutating func putChecksum() {
    put(String(repeating: " ", count: 8).utf8, at: 148)
    var sum = 0
    for byte in block { sum += Int(byte) }
    let digits = String(sum, radix: 8)
    put((String(repeating: "0", count: max(6 - digits.utf8.count, 0)) + digits).utf8, at: 148)
    block[154] = 0
  }
}

extension Base64 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// Base 64 without filling.
  package static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    var buffer: UInt32 = 0
    var bits = 0
    for byte in bytes {
      buffer = (buffer << 8 | UInt32(byte)) & 0xFFFFFF
      bits += 8
      while bits >= 6 {
        bits -= 6
        text.append(digits[Int(buffer >> UInt32(bits) & 63)])
      }
    }
    if bits > 0 { text.append(digits[Int(buffer << UInt32(6 - bits) & 63)]) }
    return text
  }

  /// Everything but letters, digits, dots, dashes and underscores as `%XX`.
  package static func percentEncoded(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
        text.append(byte)
      default:
        text.append(UInt8(ascii: "%"))
        text.append(contentsOf: SHA256Stream.hexadecimal([byte]).utf8)
      }
    }
    return text
  }
}
