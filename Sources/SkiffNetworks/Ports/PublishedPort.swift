/// A port of the host that leads to one of a container.
package struct PublishedPort: Equatable, Hashable, Sendable {
  package enum Transport: String, Equatable, Hashable, Sendable {
    case tcp
    case udp
    case sctp

    /// The protocol's number in the packet (protocols(5)).
    var number: UInt8 {
      switch self {
      case .tcp: 6
      case .udp: 17
      case .sctp: 132
      }
    }
  }

  package var transport: Transport
  /// 0.0.0.0 is every address of the host.
  package var hostAddress: IPv4Address
  package var hostPort: UInt16
  package var containerPort: UInt16

  package init(transport: Transport, hostAddress: IPv4Address, hostPort: UInt16, containerPort: UInt16) {
    self.transport = transport
    self.hostAddress = hostAddress
    self.hostPort = hostPort
    self.containerPort = containerPort
  }

  var isOfEveryAddress: Bool { hostAddress.number == 0 }

  /// Whether packets from outside can ask for it: the host's loopback is nobody else's.
  var isReachedFromOutside: Bool { hostAddress.number >> 24 != 127 }

  /// As it stands in a record: `tcp 0.0.0.0 8080 80`.
  package var text: String { "\(transport.rawValue) \(hostAddress) \(hostPort) \(containerPort)" }

  package init?(text: Substring) {
    let words = text.split(separator: " ")
    guard words.count == 4, let transport = Transport(rawValue: String(words[0])),
      let address = IPv4Address(String(words[1])), let host = UInt16(words[2]), let inside = UInt16(words[3])
    else { return nil }
    self.init(transport: transport, hostAddress: address, hostPort: host, containerPort: inside)
  }
}

/// The published ports of one container, as they are recorded and as the firewall has them.
package struct PortRecord: Equatable, Sendable {
  package var address: IPv4Address
  package var ports: [PublishedPort]

  /// The address on the first line, a port on each further one.
  var content: [UInt8] { Array(([address.description] + ports.map(\.text)).map { $0 + "\n" }.joined().utf8) }

  init(address: IPv4Address, ports: [PublishedPort]) {
    self.address = address
    self.ports = ports
  }

  /// Nil where the content is not whole.
  init?(content: [UInt8]) {
    let lines = String(decoding: content, as: UTF8.self).split(separator: "\n")
    guard let first = lines.first, let address = IPv4Address(String(first)) else { return nil }
    let ports = lines.dropFirst().compactMap { PublishedPort(text: $0) }
    guard ports.count == lines.count - 1 else { return nil }
    self.init(address: address, ports: ports)
  }

  /// What the firewall's two maps must hold, by the map.
  var filterElements: [(set: FilterSet, elements: [FilterSetElement])] {
    let outside = ports.filter(\.isReachedFromOutside)
    let everywhere = outside.filter(\.isOfEveryAddress).map { port in
      FilterSetElement(key: Self.padded(port.transport.number) + Self.padded(port.hostPort), value: value(port))
    }
    let somewhere = outside.filter { !$0.isOfEveryAddress }.map { port in
      FilterSetElement(
        key: port.hostAddress.bytes + Self.padded(port.transport.number) + Self.padded(port.hostPort),
        value: value(port))
    }
    return [(FilterRules.ports, everywhere), (FilterRules.addressedPorts, somewhere)].filter { !$0.1.isEmpty }
  }

  private func value(_ port: PublishedPort) -> [UInt8] { address.bytes + Self.padded(port.containerPort) }

  /// Fields of a key lie in registers of four bytes.
  private static func padded(_ number: UInt8) -> [UInt8] { [number, 0, 0, 0] }
  private static func padded(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 0xFF), 0, 0] }
}
