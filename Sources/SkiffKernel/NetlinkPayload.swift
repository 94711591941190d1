/// The payload of a netlink message while it is written: a fixed header, then attributes padded to multiples of four.
///
/// Netlink speaks the machine's own byte order, which is little-endian on every machine of ours; what goes on the wire of a
/// network, and all of nf_tables, is big-endian.
package struct NetlinkPayload: Equatable, Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func append(_ value: UInt8) {
    bytes.append(value)
  }

  package mutating func append(_ value: UInt16) {
    append(UInt8(truncatingIfNeeded: value))
    append(UInt8(truncatingIfNeeded: value >> 8))
  }

  package mutating func append(_ value: UInt32) {
    append(UInt16(truncatingIfNeeded: value))
    append(UInt16(truncatingIfNeeded: value >> 16))
  }

  package mutating func append(bigEndian value: UInt16) {
    append(value.byteSwapped)
  }

  /// An attribute of bytes; no attribute of ours comes near the 65,531 bytes that fit.
  package mutating func attribute(_ type: UInt16, bytes value: [UInt8]) {
    precondition(value.count <= 65531, "a netlink attribute holds less than 64 KiB")
    append(UInt16(truncatingIfNeeded: 4 + value.count))
    append(type)
    bytes.append(contentsOf: value)
    pad()
  }

  package mutating func attribute(_ type: UInt16, byte value: UInt8) {
    attribute(type, bytes: [value])
  }

  package mutating func attribute(_ type: UInt16, number value: UInt32) {
    append(8 as UInt16)
    append(type)
    append(value)
  }

  package mutating func attribute(_ type: UInt16, bigEndian value: UInt32) {
    attribute(type, number: value.byteSwapped)
  }

  /// Text with a closing zero.
  package mutating func attribute(_ type: UInt16, text: String) {
    attribute(type, bytes: Array(text.utf8) + [0])
  }

  /// An attribute made of what `content` writes.
  package mutating func nest(_ type: UInt16, _ content: (inout NetlinkPayload) -> Void) {
    let start = bytes.count
    append(0 as UInt16)
    append(type)
    content(&self)
    let length = bytes.count - start
    precondition(length <= 65535, "a netlink attribute holds less than 64 KiB")
    bytes[start] = UInt8(truncatingIfNeeded: length)
    bytes[start + 1] = UInt8(truncatingIfNeeded: length >> 8)
    pad()
  }

  private mutating func pad() {
    while bytes.count & 3 != 0 { append(0 as UInt8) }
  }
}

/// The attributes of a netlink payload while they are read. What is cut short ends the reading, what is missing is nil.
package struct NetlinkAttributes: Sequence, Sendable {
  package struct Attribute: Sendable {
    /// Without the flags for nesting and byte order.
    package let type: UInt16
    package let value: ArraySlice<UInt8>
  }

  private let bytes: ArraySlice<UInt8>

  /// The attributes after a fixed header of `headerBytes`, itself padded to a multiple of four.
  package init(_ payload: [UInt8], after headerBytes: Int) {
    bytes = payload.dropFirst((headerBytes + 3) & ~3)
  }

  /// The attributes inside another.
  package init(_ value: ArraySlice<UInt8>) {
    bytes = value
  }

  package func makeIterator() -> AnyIterator<Attribute> {
    var rest = bytes
    return AnyIterator {
      guard let length = rest.netlinkUInt16(at: 0), let type = rest.netlinkUInt16(at: 2) else { return nil }
      guard length >= 4, Int(length) <= rest.count else { return nil }
      let value = rest.dropFirst(4).prefix(Int(length) - 4)
      rest = rest.dropFirst((Int(length) + 3) & ~3)
      return Attribute(type: type & 0x3FFF, value: value)
    }
  }

  /// The first of a type.
  package subscript(type: UInt16) -> ArraySlice<UInt8>? {
    first { $0.type == type }?.value
  }

  package func number(_ type: UInt16) -> UInt32? {
    self[type]?.netlinkUInt32(at: 0)
  }

  package func bigEndian(_ type: UInt16) -> UInt32? {
    number(type)?.byteSwapped
  }

  /// Text up to its closing zero.
  package func text(_ type: UInt16) -> String? {
    self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  package func nested(_ type: UInt16) -> NetlinkAttributes? {
    self[type].map { NetlinkAttributes($0) }
  }
}

extension ArraySlice<UInt8> {
  /// Two bytes in the machine's order, `offset` after the start; nil outside.
  package func netlinkUInt16(at offset: Int) -> UInt16? {
    let rest = dropFirst(offset)
    guard let low = rest.first, let high = rest.dropFirst().first else { return nil }
    return UInt16(low) | UInt16(high) << 8
  }

  /// Four bytes in the machine's order, `offset` after the start; nil outside.
  package func netlinkUInt32(at offset: Int) -> UInt32? {
    guard let low = netlinkUInt16(at: offset), let high = netlinkUInt16(at: offset + 2) else { return nil }
    return UInt32(low) | UInt32(high) << 16
  }
}
