/// Writes a message as Protocol Buffers carry it (protobuf.dev, "Encoding"): only what criu's requests need.
struct ProtocolBufferWriter {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ field: UInt64, _ value: Int64?) {
    guard let value else { return }
    varint(field << 3)
    varint(UInt64(bitPattern: value))
  }

  mutating func add(_ field: UInt64, _ flag: Bool) {
    if flag { add(field, 1) }
  }

  mutating func add(_ field: UInt64, _ text: String?) {
    if let text { add(field, bytes: Array(text.utf8)) }
  }

  mutating func add(_ field: UInt64, bytes content: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  /// A message within the message.
  mutating func add(_ field: UInt64, _ fill: (inout ProtocolBufferWriter) -> Void) {
    var inner = ProtocolBufferWriter()
    fill(&inner)
    add(field, bytes: inner.bytes)
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}

/// Reads the fields of a message one after the other.
struct ProtocolBufferReader {
  enum Value: Equatable {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  /// The fields by number, the last of each; nil for what is no message.
  static func fields(_ bytes: ArraySlice<UInt8>) -> [UInt64: Value]? {
    var reader = ProtocolBufferReader(bytes)
    var fields: [UInt64: Value] = [:]
    while !reader.rest.isEmpty {
      guard let (number, value) = reader.next() else { return nil }
      if let value { fields[number] = value }
    }
    return fields
  }

  /// Nil for a value of fixed width, which is passed over.
  private mutating func next() -> (UInt64, Value?)? {
    guard let tag = varint() else { return nil }
    switch tag & 7 {
    case 0: return varint().map { (tag >> 3, .number($0)) }
    case 1, 5:
      let width = tag & 7 == 1 ? 8 : 4
      guard rest.count >= width else { return nil }
      rest = rest.dropFirst(width)
      return (tag >> 3, nil)
    case 2:
      guard let length = varint(), length <= UInt64(rest.count) else { return nil }
      let content = rest.prefix(Int(length))
      rest = rest.dropFirst(content.count)
      return (tag >> 3, .bytes(content))
    default: return nil
    }
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }
}
