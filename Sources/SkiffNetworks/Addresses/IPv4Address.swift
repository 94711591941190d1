/// An IPv4 address as a number; comparing orders as the network does.
package struct IPv4Address: Equatable, Hashable, Comparable, Sendable {
  package let number: UInt32

  package init(number: UInt32) {
    self.number = number
  }

  package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    number = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }

  /// Four decimal numbers with points, no leading zeros (some read those as octal, and mean another address).
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var number: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      guard part.utf8.count == 1 || part.utf8.first != 0x30, let byte = UInt8(part) else { return nil }
      number = number << 8 | UInt32(byte)
    }
    self.number = number
  }

  /// Four bytes in network order.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 4 else { return nil }
    number = bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Four bytes in network order.
  package var bytes: [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  /// 127.0.0.0/8.
  package var isLoopback: Bool { number >> 24 == 127 }

  package static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.number < right.number }
}

extension IPv4Address: CustomStringConvertible {
  package var description: String { bytes.map { String($0) }.joined(separator: ".") }
}

/// A block of IPv4 addresses: 10.87.0.0/22.
package struct IPv4Subnet: Equatable, Hashable, Sendable {
  /// The first address; its host bits are zero.
  package let base: IPv4Address
  /// 0…32.
  package let prefixLength: UInt8

  /// Nil if the length is over 32; host bits of `address` are cleared.
  package init?(_ address: IPv4Address, prefixLength: UInt8) {
    guard prefixLength <= 32 else { return nil }
    self.prefixLength = prefixLength
    base = IPv4Address(number: address.number & Self.mask(prefixLength))
  }

  /// `10.87.0.0/22`; refused if host bits are set, for that is more often a slip than a wish.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let first = parts.first, let last = parts.last, let address = IPv4Address(first) else {
      return nil
    }
    guard (1...2).contains(last.utf8.count), last.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let length = UInt8(last), let subnet = IPv4Subnet(address, prefixLength: length), subnet.base == address
    else { return nil }
    self = subnet
  }

  /// 255.255.252.0 for a /22.
  package var mask: IPv4Address { IPv4Address(number: Self.mask(prefixLength)) }

  /// The last address.
  package var broadcast: IPv4Address { IPv4Address(number: base.number | ~Self.mask(prefixLength)) }

  package func contains(_ address: IPv4Address) -> Bool {
    address.number & Self.mask(prefixLength) == base.number
  }

  /// Whether any address is in both.
  package func overlaps(_ other: IPv4Subnet) -> Bool {
    prefixLength <= other.prefixLength ? contains(other.base) : other.contains(base)
  }

  /// The address `offset` after the first; nil outside.
  package func address(at offset: UInt32) -> IPv4Address? {
    let (number, overflow) = base.number.addingReportingOverflow(offset)
    let address = IPv4Address(number: number)
    return overflow || !contains(address) ? nil : address
  }

  private static func mask(_ prefixLength: UInt8) -> UInt32 {
    prefixLength == 0 ? 0 : ~0 << UInt32(32 - prefixLength)
  }
}

extension IPv4Subnet: CustomStringConvertible {
  package var description: String { "\(base)/\(prefixLength)" }
}

/// The address of a network card (MAC).
package struct HardwareAddress: Equatable, Hashable, Sendable {
  /// Six bytes.
  package let bytes: [UInt8]

  /// Made of an IPv4 address, 02:42 (locally administered) in front: the same address always has the same card, so no
  /// neighbour's memory of it is ever stale.
  package init(for address: IPv4Address) {
    bytes = [0x02, 0x42] + address.bytes
  }

  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 6 else { return nil }
    self.bytes = Array(bytes)
  }
}

extension HardwareAddress: CustomStringConvertible {
  package var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }
}
