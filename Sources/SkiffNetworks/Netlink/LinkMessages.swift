package import SkiffKernel

/// Messages about network links: cards, bridges, virtual cables (rtnetlink(7), struct ifinfomsg and IFLA_ attributes).
package enum LinkMessage {
  static let headerBytes = 16
  static let new: UInt16 = 16
  static let delete: UInt16 = 17
  static let get: UInt16 = 18

  /// The flags of a link that is switched on (IFF_UP).
  static let upFlag: UInt32 = 1

  enum Attribute {
    static let address: UInt16 = 1
    static let name: UInt16 = 3
    static let mtu: UInt16 = 4
    static let master: UInt16 = 10
    static let operatingState: UInt16 = 16
    static let information: UInt16 = 18
    static let kind: UInt16 = 1
    static let data: UInt16 = 2
    static let namespaceDescriptor: UInt16 = 28
    static let transmitQueues: UInt16 = 31
    static let peerNamespaceNumber: UInt16 = 37
    static let receiveQueues: UInt16 = 32
    static let vethPeer: UInt16 = 1
    static let bridgeForwardDelay: UInt16 = 1
    static let bridgeSpanningTree: UInt16 = 5
    static let bridgeMulticastSnooping: UInt16 = 23
  }

  /// struct ifinfomsg: family, padding, type, index, flags, change.
  private static func header(_ payload: inout NetlinkPayload, index: UInt32 = 0, up: Bool = false) {
    payload.append(0 as UInt32)
    payload.append(index)
    payload.append(up ? upFlag : 0)
    payload.append(up ? upFlag : 0)
  }

  /// Makes a bridge: `ip link add NAME address MAC type bridge stp_state 0 forward_delay 0 mcast_snooping 0`.
  ///
  /// Without spanning tree and delay a new port carries packets at once.
  package static func makeBridge(_ name: InterfaceName, address: HardwareAddress, mtu: UInt32) -> NetlinkMessage {
    var payload = NetlinkPayload()
    header(&payload)
    payload.attribute(Attribute.name, text: name.text)
    payload.attribute(Attribute.mtu, number: mtu)
    payload.attribute(Attribute.address, bytes: address.bytes)
    payload.nest(Attribute.information) { information in
      information.attribute(Attribute.kind, text: "bridge")
      information.nest(Attribute.data) { data in
        data.attribute(Attribute.bridgeForwardDelay, number: 0)
        data.attribute(Attribute.bridgeSpanningTree, number: 0)
        data.attribute(Attribute.bridgeMulticastSnooping, byte: 0)
      }
    }
    return NetlinkMessage(type: new, flags: [.acknowledge, .create, .exclusive], payload: payload.bytes)
  }

  /// Makes a virtual cable, near end a port of the bridge `master`, far end already in another network namespace:
  /// `ip link add NAME master BRIDGE up type veth peer name eth0 netns …`.
  package static func makeVeth(_ cable: VirtualCable) -> NetlinkMessage {
    var payload = NetlinkPayload()
    header(&payload, up: true)
    payload.attribute(Attribute.name, text: cable.name.text)
    payload.attribute(Attribute.mtu, number: cable.mtu)
    payload.attribute(Attribute.master, number: cable.masterIndex)
    oneQueue(&payload)
    payload.nest(Attribute.information) { information in
      information.attribute(Attribute.kind, text: "veth")
      information.nest(Attribute.data) { data in
        data.nest(Attribute.vethPeer) { peer in
          header(&peer)
          peer.attribute(Attribute.name, text: cable.peerName.text)
          peer.attribute(Attribute.mtu, number: cable.mtu)
          peer.attribute(Attribute.address, bytes: cable.peerAddress.bytes)
          peer.attribute(Attribute.namespaceDescriptor, number: UInt32(bitPattern: cable.peerNamespace.number))
          oneQueue(&peer)
        }
      }
    }
    return NetlinkMessage(type: new, flags: [.acknowledge, .create, .exclusive], payload: payload.bytes)
  }

  /// By itself veth takes a queue for each processor, and the kernel makes objects in sysfs for every one of them; a cable
  /// without a queueing discipline gains nothing from more than one.
  private static func oneQueue(_ payload: inout NetlinkPayload) {
    payload.attribute(Attribute.transmitQueues, number: 1)
    payload.attribute(Attribute.receiveQueues, number: 1)
  }

  /// Switches a link on: `ip link set … up`.
  package static func switchOn(index: UInt32) -> NetlinkMessage {
    var payload = NetlinkPayload()
    header(&payload, index: index, up: true)
    return NetlinkMessage(type: new, flags: .acknowledge, payload: payload.bytes)
  }

  /// Asks for one link: `ip link show NAME`.
  package static func find(_ name: InterfaceName) -> NetlinkMessage {
    var payload = NetlinkPayload()
    header(&payload)
    payload.attribute(Attribute.name, text: name.text)
    return NetlinkMessage(type: get, flags: .acknowledge, payload: payload.bytes)
  }

  /// Asks for one link by its number.
  package static func find(index: UInt32) -> NetlinkMessage {
    var payload = NetlinkPayload()
    header(&payload, index: index)
    return NetlinkMessage(type: get, flags: .acknowledge, payload: payload.bytes)
  }

  /// Asks for all links, or for the ports of a bridge alone: `ip link show master BRIDGE`.
  package static func list(masterIndex: UInt32? = nil) -> NetlinkMessage {
    var payload = NetlinkPayload()
    header(&payload)
    if let masterIndex { payload.attribute(Attribute.master, number: masterIndex) }
    return NetlinkMessage(type: get, flags: .dump, payload: payload.bytes)
  }

  /// Deletes a link: `ip link delete NAME`.
  package static func delete(_ name: InterfaceName) -> NetlinkMessage {
    var payload = NetlinkPayload()
    header(&payload)
    payload.attribute(Attribute.name, text: name.text)
    return NetlinkMessage(type: delete, flags: .acknowledge, payload: payload.bytes)
  }
}

/// Messages about the numbers by which a network namespace knows others.
package enum NamespaceNumberMessage {
  /// Asks for a number; the kernel knows none (ENOENT) of a namespace that nothing holds any more.
  package static func find(_ number: UInt32) -> NetlinkMessage {
    let get: UInt16 = 90
    var payload = NetlinkPayload()
    payload.append(0 as UInt32)
    payload.attribute(1, number: number)
    return NetlinkMessage(type: get, flags: .acknowledge, payload: payload.bytes)
  }
}

/// What a virtual cable (veth pair) is made of.
package struct VirtualCable: Equatable, Sendable {
  package var name: InterfaceName
  package var masterIndex: UInt32
  package var mtu: UInt32
  package var peerName: InterfaceName
  package var peerAddress: HardwareAddress
  package var peerNamespace: Descriptor

  package init(
    name: InterfaceName, masterIndex: UInt32, mtu: UInt32, peerName: InterfaceName, peerAddress: HardwareAddress,
    peerNamespace: Descriptor
  ) {
    self.name = name
    self.masterIndex = masterIndex
    self.mtu = mtu
    self.peerName = peerName
    self.peerAddress = peerAddress
    self.peerNamespace = peerNamespace
  }
}

/// The name of a link: 1 to 15 bytes of letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
///
/// The kernel allows more; what it allows has been used to confuse scripts and file names in /proc/sys.
package struct InterfaceName: Equatable, Hashable, Sendable, CustomStringConvertible {
  package let text: String

  package init?(_ text: String) {
    let bytes = text.utf8
    guard (1...15).contains(bytes.count) else { return nil }
    for (index, byte) in bytes.enumerated() {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: continue
      case 0x2D, 0x2E, 0x5F:
        if index == 0 { return nil }
      default: return nil
      }
    }
    self.text = text
  }

  /// A name written in our own source, or made of parts that fit.
  init(trusted text: String) {
    self.text = text
  }

  package static let loopback = InterfaceName(trusted: "lo")
  package static let container = InterfaceName(trusted: "eth0")

  package var description: String { text }

  /// Sixteen bytes with zeros at the end, as packet filters compare names.
  package var padded: [UInt8] {
    Array(text.utf8.prefix(15)) + [UInt8](repeating: 0, count: 16 - min(text.utf8.count, 15))
  }
}

/// What the kernel knows of a link.
package struct Link: Equatable, Sendable {
  package var index: UInt32
  package var isUp: Bool
  /// Whether packets pass: up itself, and so is what it is plugged into.
  package var isOperating: Bool
  package var name: String
  /// "bridge", "veth"…; nil for a plain card.
  package var kind: String?
  package var masterIndex: UInt32?
  package var mtu: UInt32
  package var address: HardwareAddress?
  /// Which network namespace the other end of a virtual cable is in, by the number that this one has for it.
  package var peerNamespaceNumber: UInt32?

  /// Nil if the message is not about a link, or not whole.
  package init?(_ message: NetlinkMessage) {
    let header = message.payload[...]
    guard message.type == LinkMessage.new, let index = header.netlinkUInt32(at: 4),
      let flags = header.netlinkUInt32(at: 8)
    else { return nil }
    let attributes = NetlinkAttributes(message.payload, after: LinkMessage.headerBytes)
    guard let name = attributes.text(LinkMessage.Attribute.name) else { return nil }
    self.index = index
    isUp = flags & LinkMessage.upFlag != 0
    let operating: UInt8 = 6
    isOperating = attributes[LinkMessage.Attribute.operatingState]?.first == operating
    self.name = name
    kind = attributes.nested(LinkMessage.Attribute.information)?.text(LinkMessage.Attribute.kind)
    masterIndex = attributes.number(LinkMessage.Attribute.master)
    mtu = attributes.number(LinkMessage.Attribute.mtu) ?? 1500
    address = attributes[LinkMessage.Attribute.address].flatMap { HardwareAddress(bytes: $0) }
    peerNamespaceNumber = attributes.number(LinkMessage.Attribute.peerNamespaceNumber)
  }
}
