package import SkiffKernel

/// Messages about the addresses of links (rtnetlink(7), struct ifaddrmsg and IFA_ attributes).
package enum AddressMessage {
  static let new: UInt16 = 20

  private enum Attribute {
    static let address: UInt16 = 1
    static let local: UInt16 = 2
    static let broadcast: UInt16 = 4
  }

  /// Gives a link an address: `ip address add ADDRESS/LENGTH broadcast + dev LINK`.
  package static func add(_ address: IPv4Address, in subnet: IPv4Subnet, linkIndex: UInt32) -> NetlinkMessage {
    var payload = NetlinkPayload()
    let ipv4: UInt8 = 2
    let universe: UInt8 = 0
    payload.append(ipv4)
    payload.append(subnet.prefixLength)
    payload.append(0 as UInt8)
    payload.append(universe)
    payload.append(linkIndex)
    payload.attribute(Attribute.local, bytes: address.bytes)
    payload.attribute(Attribute.address, bytes: address.bytes)
    payload.attribute(Attribute.broadcast, bytes: subnet.broadcast.bytes)
    return NetlinkMessage(type: new, flags: [.acknowledge, .create, .exclusive], payload: payload.bytes)
  }
}

/// Messages about neighbours: which address is at which card (rtnetlink(7), struct ndmsg and NDA_ attributes).
package enum NeighbourMessage {
  static let delete: UInt16 = 29

  private enum Attribute {
    static let destination: UInt16 = 1
  }

  /// Forgets what is known of an address: `ip neighbour delete ADDRESS dev LINK`. "Not found" is the answer where that is nothing.
  package static func delete(_ address: IPv4Address, linkIndex: UInt32) -> NetlinkMessage {
    var payload = NetlinkPayload()
    let ipv4: UInt8 = 2
    payload.append(ipv4)
    for padding in [0, 0, 0] as [UInt8] { payload.append(padding) }
    payload.append(linkIndex)
    // State, flags and type.
    payload.append(0 as UInt32)
    payload.attribute(Attribute.destination, bytes: address.bytes)
    return NetlinkMessage(type: delete, flags: [.acknowledge], payload: payload.bytes)
  }
}

/// Messages about routes (rtnetlink(7), struct rtmsg and RTA_ attributes).
package enum RouteMessage {
  static let headerBytes = 12
  static let new: UInt16 = 24
  static let get: UInt16 = 26

  enum Attribute {
    static let destination: UInt16 = 1
    static let outLink: UInt16 = 4
    static let gateway: UInt16 = 5
    static let table: UInt16 = 15
  }

  private static let ipv4: UInt8 = 2

  /// Asks for all IPv4 routes of all tables: `ip route show table all`.
  package static func list() -> NetlinkMessage {
    var payload = NetlinkPayload()
    for byte in [ipv4, 0, 0, 0, 0, 0, 0, 0] { payload.append(byte) }
    payload.append(0 as UInt32)
    return NetlinkMessage(type: get, flags: .dump, payload: payload.bytes)
  }
}

/// What the kernel knows of an IPv4 route.
package struct Route: Equatable, Sendable {
  /// 0.0.0.0/0 for the default route.
  package var destination: IPv4Subnet
  package var outLinkIndex: UInt32?
  package var gateway: IPv4Address?
  package var table: UInt32

  package init(destination: IPv4Subnet, outLinkIndex: UInt32? = nil, gateway: IPv4Address? = nil, table: UInt32) {
    self.destination = destination
    self.outLinkIndex = outLinkIndex
    self.gateway = gateway
    self.table = table
  }

  /// Nil if the message is not about an IPv4 route, or not whole.
  package init?(_ message: NetlinkMessage) {
    let header = message.payload.prefix(RouteMessage.headerBytes)
    guard message.type == RouteMessage.new, header.count == RouteMessage.headerBytes, header.first == 2,
      let length = header.dropFirst().first, let shortTable = header.dropFirst(4).first
    else { return nil }
    let attributes = NetlinkAttributes(message.payload, after: RouteMessage.headerBytes)
    let address =
      attributes[RouteMessage.Attribute.destination].flatMap { IPv4Address(bytes: $0) } ?? IPv4Address(0, 0, 0, 0)
    guard let destination = IPv4Subnet(address, prefixLength: length) else { return nil }
    self.destination = destination
    outLinkIndex = attributes.number(RouteMessage.Attribute.outLink)
    gateway = attributes[RouteMessage.Attribute.gateway].flatMap { IPv4Address(bytes: $0) }
    table = attributes.number(RouteMessage.Attribute.table) ?? UInt32(shortTable)
  }
}
