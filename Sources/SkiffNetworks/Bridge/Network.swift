package import SkiffSpec

/// A network of containers: a bridge of the host with a subnet of its own.
package struct Network: Equatable, Sendable {
  package let name: NetworkName
  /// Sixteen hexadecimal digits.
  package let id: String
  package let subnet: IPv4Subnet
  /// The host's own address on the bridge, through which containers reach everything else.
  package let gateway: IPv4Address
  package let bridge: InterfaceName
  /// The largest packet: that of the host's way out when the network was made.
  package let mtu: UInt32
  /// Seconds since 1970.
  package let created: Int64

  package init(
    name: NetworkName, id: String, subnet: IPv4Subnet, gateway: IPv4Address, bridge: InterfaceName, mtu: UInt32,
    created: Int64
  ) {
    self.name = name
    self.id = id
    self.subnet = subnet
    self.gateway = gateway
    self.bridge = bridge
    self.mtu = mtu
    self.created = created
  }

  /// The bridge's card; from the gateway, so that a bridge is known as this network's by its address.
  package var bridgeAddress: HardwareAddress { HardwareAddress(for: gateway) }
}

/// The name of a network: 1 to 64 small letters, digits, `-` and `_`, beginning with a letter or digit. It names directories.
package struct NetworkName: Equatable, Hashable, Sendable, CustomStringConvertible {
  package let text: String

  package init(_ text: String) throws(NetworkError) {
    guard let name = NetworkName(checking: text) else { throw .badName(text) }
    self = name
  }

  private init?(checking text: String) {
    guard (1...64).contains(text.utf8.count) else { return nil }
    for (index, byte) in text.utf8.enumerated() {
      switch byte {
      case 0x30...0x39, 0x61...0x7A: continue
      case 0x2D, 0x5F:
        if index == 0 { return nil }
      default: return nil
      }
    }
    self.text = text
  }

  private init(trusted text: String) {
    self.text = text
  }

  /// The network of containers that ask for none in particular.
  package static let standard = NetworkName(trusted: "skiff")

  package var description: String { text }
}

/// What a container has got of a network.
package struct Endpoint: Equatable, Sendable {
  package var network: NetworkName
  package var address: IPv4Address
  package var prefixLength: UInt8
  package var gateway: IPv4Address
  package var macAddress: HardwareAddress
  /// The link's name inside the container.
  package var interfaceName: InterfaceName
  /// The other end, a port of the bridge.
  package var hostInterface: InterfaceName
  /// What a person should be told, once: a setting of the host that was changed, a firewall in the way.
  package var notices: [String]
  /// What was done, in order, with the time it took.
  package var performed: [PerformedAttachmentStep]
  let explainer: AttachmentExplainer

  /// What was done, in order, in words.
  package var explanation: [ExplanationStep] {
    performed.map { explainer.explain($0.step, nanoseconds: $0.nanoseconds) }
  }
}

extension InterfaceName {
  /// The host's end of a container's cable: derived from the id, so that any later command can find it.
  ///
  /// An id of 64 hexadecimal digits lends its first eleven, for the eye; of other ids a hash is taken.
  package init(hostEndFor containerID: ContainerID) {
    let text = containerID.text
    let isRandom = text.utf8.count == 64 && text.utf8.allSatisfy(\.isSmallHexadecimal)
    let digits = isRandom ? String(text.prefix(11)) : StableHash.hexadecimal(of: text.utf8, count: 11)
    self.init(trusted: "sk" + digits)
  }

  /// Whether the name has the form of a container's cable.
  var isHostEnd: Bool {
    text.utf8.count == 13 && text.hasPrefix("sk") && text.utf8.dropFirst(2).allSatisfy(\.isSmallHexadecimal)
  }
}

extension UInt8 {
  fileprivate var isSmallHexadecimal: Bool { (0x30...0x39).contains(self) || (0x61...0x66).contains(self) }
}

/// A hash that is the same in every process and release (FNV-1a, 64 bits): for names, not for secrets.
enum StableHash {
  static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    // The algorithm wraps by definition.
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
  }

  static func hexadecimal(of bytes: some Sequence<UInt8>, count: Int) -> String {
    let digits = String(of(bytes), radix: 16)
    return String((String(repeating: "0", count: max(0, 16 - digits.utf8.count)) + digits).suffix(count))
  }
}
