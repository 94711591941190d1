internal import SkiffKernel
internal import SkiffSpec

/// Moves links of the host into a container's network (config-linux.md "Network Devices").
///
/// A link takes its attributes along, but loses its addresses: those that a person gave it, of global scope, are given again.
/// It is never moved back: with the network namespace the kernel returns hardware to the host and removes the rest.
enum NetworkDevices {
  /// By the host's name, in the order of names.
  static func move(_ devices: [String: RuntimeSpec.NetDevice], to namespacePath: String) throws(LaunchError) {
    for (name, device) in devices.sorted(by: { $0.key < $1.key }) {
      let newName = device.name ?? name
      do throws(NetlinkRefusal) {
        try move(name, as: newName, to: namespacePath)
      } catch {
        let words = error.words.map { " (\($0))" } ?? ""
        throw LaunchError(
          "linux.netDevices: cannot move \(name) into the container as \(newName): \(error.errno)\(words)")
      }
    }
  }

  private static func move(_ name: String, as newName: String, to namespacePath: String) throws(NetlinkRefusal) {
    let target = try opened { () throws(Errno) in
      try Descriptor.workingDirectory.open(try KernelPath(namespacePath), .readOnly)
    }
    var host = try opened { () throws(Errno) in try NetlinkSocket(.route) }
    var container = try opened { () throws(Errno) in try NetlinkSocket.open(.route, in: target.descriptor) }
    try move(name, as: newName, from: &host, to: &container, target.descriptor)
  }

  private static func opened<Opened: ~Copyable>(
    _ open: () throws(Errno) -> Opened
  ) throws(NetlinkRefusal) -> Opened {
    do throws(Errno) {
      return try open()
    } catch {
      throw NetlinkRefusal(errno: error)
    }
  }

  private static func move(
    _ name: String, as newName: String, from host: inout NetlinkSocket, to container: inout NetlinkSocket,
    _ namespace: Descriptor
  ) throws(NetlinkRefusal) {
    guard let index = try links(host.perform([LinkRequest.find(name)]).first).first else {
      throw NetlinkRefusal(errno: .noSuchDevice)
    }
    let addresses = try host.perform([AddressRequest.list()]).first?.compactMap(LinkAddress.init)
      .filter { $0.linkIndex == index && $0.isKept }
    let before = Set(try links(container.perform([LinkRequest.list()]).first))
    // Down first: nothing goes through it half moved. Renamed with the move, so that both or neither happen.
    try host.perform([LinkRequest.switchOff(index)])
    try host.perform([LinkRequest.move(index, as: newName, to: namespace)])
    // The name may be a template (`eth%d`), and the number may be another there: it is the one that is new.
    let after = try links(container.perform([LinkRequest.list()]).first)
    guard let arrived = after.first(where: { !before.contains($0) }) else { throw NetlinkRefusal(errno: .noSuchDevice) }
    try container.perform((addresses ?? []).map { $0.added(to: arrived) })
    try container.perform([LinkRequest.switchOn(arrived)])
  }

  /// The numbers of the links that a listing tells of.
  private static func links(_ answers: [NetlinkMessage]?) -> [UInt32] {
    (answers ?? []).compactMap { message in
      message.type == LinkRequest.new ? message.payload[...].netlinkUInt32(at: 4) : nil
    }
  }
}

/// Questions about links (rtnetlink(7), struct ifinfomsg).
private enum LinkRequest {
  static let new: UInt16 = 16
  private static let get: UInt16 = 18
  private static let nameAttribute: UInt16 = 3
  private static let namespaceAttribute: UInt16 = 28
  private static let upFlag: UInt32 = 1

  /// Family and type, number, flags, and which of the flags are meant.
  private static func header(_ index: UInt32 = 0, flags: UInt32 = 0, change: UInt32 = 0) -> NetlinkPayload {
    var payload = NetlinkPayload()
    for word in [0, index, flags, change] { payload.append(word) }
    return payload
  }

  static func find(_ name: String) -> NetlinkMessage {
    var payload = header()
    payload.attribute(nameAttribute, text: name)
    return NetlinkMessage(type: get, flags: .acknowledge, payload: payload.bytes)
  }

  static func list() -> NetlinkMessage {
    NetlinkMessage(type: get, flags: .dump, payload: header().bytes)
  }

  static func switchOff(_ index: UInt32) -> NetlinkMessage {
    NetlinkMessage(type: new, flags: .acknowledge, payload: header(index, change: upFlag).bytes)
  }

  static func switchOn(_ index: UInt32) -> NetlinkMessage {
    NetlinkMessage(type: new, flags: .acknowledge, payload: header(index, flags: upFlag, change: upFlag).bytes)
  }

  static func move(_ index: UInt32, as name: String, to namespace: Descriptor) -> NetlinkMessage {
    var payload = header(index)
    payload.attribute(nameAttribute, text: name)
    payload.attribute(namespaceAttribute, number: UInt32(bitPattern: namespace.number))
    return NetlinkMessage(type: new, flags: .acknowledge, payload: payload.bytes)
  }
}

private enum AddressRequest {
  private static let get: UInt16 = 22

  static func list() -> NetlinkMessage {
    var payload = NetlinkPayload()
    payload.append(0 as UInt32)
    payload.append(0 as UInt32)
    return NetlinkMessage(type: get, flags: .dump, payload: payload.bytes)
  }
}

/// An address of a link (rtnetlink(7), struct ifaddrmsg).
private struct LinkAddress {
  private static let new: UInt16 = 20
  private static let headerBytes = 8
  private static let permanentFlag: UInt32 = 0x80
  private static let universe: UInt8 = 0
  private static let flagsAttribute: UInt16 = 8
  /// IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST: what makes the address.
  private static let parts: [UInt16] = [1, 2, 4]

  private let family: UInt8
  private let prefixLength: UInt8
  private let scope: UInt8
  private let flags: UInt32
  let linkIndex: UInt32
  private let attributes: [(type: UInt16, value: [UInt8])]

  init?(_ message: NetlinkMessage) {
    let header = Array(message.payload.prefix(Self.headerBytes))
    guard message.type == Self.new, header.count == Self.headerBytes, let index = header[...].netlinkUInt32(at: 4)
    else { return nil }
    (family, prefixLength, scope, linkIndex) = (header[0], header[1], header[3], index)
    let all = NetlinkAttributes(message.payload, after: Self.headerBytes)
    // Eight flags fit in the header; the attribute has all of them.
    flags = all.number(Self.flagsAttribute) ?? UInt32(header[2])
    attributes = all.filter { Self.parts.contains($0.type) }.map { ($0.type, Array($0.value)) }
  }

  /// Given by a person and good anywhere: neither leased nor of the link alone.
  var isKept: Bool { flags & Self.permanentFlag != 0 && scope == Self.universe }

  func added(to link: UInt32) -> NetlinkMessage {
    var payload = NetlinkPayload()
    for byte in [family, prefixLength, 0, scope] { payload.append(byte) }
    payload.append(link)
    for attribute in attributes { payload.attribute(attribute.type, bytes: attribute.value) }
    return NetlinkMessage(type: Self.new, flags: [.acknowledge, .create, .exclusive], payload: payload.bytes)
  }
}
