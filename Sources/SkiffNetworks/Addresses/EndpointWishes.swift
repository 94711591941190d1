/// What a container wants of its place in a network; what is nil is left to the network.
package struct EndpointWishes: Equatable, Sendable {
  package var address: IPv4Address?
  package var macAddress: HardwareAddress?

  package init(address: IPv4Address? = nil, macAddress: HardwareAddress? = nil) {
    self.address = address
    self.macAddress = macAddress
  }

  /// Whether what others remember of an address can be wrong.
  var isEmpty: Bool { address == nil && macAddress == nil }
}

extension HardwareAddress {
  /// Six pairs of hexadecimal digits between colons or dashes, as ip(8) and Go's net.ParseMAC read them.
  package init?(_ text: some StringProtocol) {
    let separator: Character = text.contains("-") ? "-" : ":"
    let parts = text.split(separator: separator, maxSplits: 6, omittingEmptySubsequences: false)
    guard parts.count == 6 else { return nil }
    var bytes: [UInt8] = []
    for part in parts {
      guard part.utf8.count == 2, part.utf8.allSatisfy(\.isHexadecimal), let byte = UInt8(part, radix: 16) else {
        return nil
      }
      bytes.append(byte)
    }
    self.init(bytes: bytes)
  }

  /// Whether a card can have it: it is one card's, not a group's, and not nothing (is_valid_ether_addr of the kernel).
  package var isOfOneCard: Bool {
    bytes.first.map { $0 & 1 == 0 } ?? false && bytes.contains { $0 != 0 }
  }
}

extension UInt8 {
  fileprivate var isHexadecimal: Bool {
    (0x30...0x39).contains(self) || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
  }
}
