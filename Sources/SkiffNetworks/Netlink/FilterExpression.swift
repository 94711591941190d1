internal import SkiffKernel

/// One step of a rule on the packet filter's machine. A condition that does not hold ends the rule.
package enum FilterExpression: Equatable, Sendable {
  /// Something known of the packet comes into a register.
  case load(PacketFact, register: FilterRegister)
  /// The register must equal, or differ from, these bytes.
  case compare(FilterRegister, equals: Bool, [UInt8])
  /// The register is masked, four bytes in the machine's order.
  case keepBits(FilterRegister, mask: UInt32)
  /// The register must be in the set, or not in it.
  case lookup(FilterRegister, set: String, isIn: Bool)
  /// The register must be a key of the map; what it leads to comes into a register.
  case translate(FilterRegister, map: String, into: FilterRegister)
  /// The destination becomes the address in one register and the port in the other.
  case changeDestination(address: FilterRegister, port: FilterRegister)
  /// Packets that came so far are counted.
  case count
  case drop
  case accept
  /// The source becomes the address of the link that the packet leaves by, its port chosen at random (two connections at
  /// once then do not contend for one).
  case masquerade
}

/// What can be known of a packet.
package enum PacketFact: Equatable, Sendable {
  /// The link that it came in by; sixteen bytes.
  case inLinkName
  /// The link that it leaves by; sixteen bytes.
  case outLinkName
  /// 2 for IPv4, 10 for IPv6; one byte.
  case protocolFamily
  /// Bytes of the network header.
  case networkHeader(offset: UInt32, count: UInt32)
  /// The protocol in the IP packet, TCP for one; one byte.
  case transportProtocol
  /// Bytes of the transport header.
  case transportHeader(offset: UInt32, count: UInt32)
  /// Whose the destination is, by the host's routes: 2 the host's own; four bytes in the machine's order.
  case destinationKind
  /// What connection tracking did: bit 5 says that the destination was changed; four bytes.
  case connectionStatus
  /// What connection tracking thinks: 1 invalid, 2 established, 4 related; four bytes.
  case connectionState
}

/// Registers of sixteen bytes; the words are the first one's four.
package enum FilterRegister: UInt32, Sendable {
  case verdict = 0
  case first = 1
  case second = 2
  case firstWord = 8
  case secondWord = 9
  case thirdWord = 10
}

extension FilterExpression {
  /// Writes the expression's name and its attributes (NFTA_EXPR_NAME, NFTA_EXPR_DATA).
  func write(to payload: inout NetlinkPayload) {
    payload.attribute(1, text: name)
    payload.nest(2 | FilterMessage.nested) { writeData(to: &$0) }
  }

  private var name: String {
    switch self {
    case .load(.networkHeader, _), .load(.transportHeader, _): "payload"
    case .load(.connectionState, _), .load(.connectionStatus, _): "ct"
    case .load(.destinationKind, _): "fib"
    case .load: "meta"
    case .compare: "cmp"
    case .keepBits: "bitwise"
    case .lookup, .translate: "lookup"
    case .changeDestination: "nat"
    case .count: "counter"
    case .drop, .accept: "immediate"
    case .masquerade: "masq"
    }
  }

  private func writeData(to data: inout NetlinkPayload) {
    switch self {
    case .load(let fact, let register):
      fact.write(to: &data, register: register)
    case .compare(let register, let equals, let bytes):
      data.attribute(1, bigEndian: register.rawValue)
      data.attribute(2, bigEndian: (equals ? 0 : 1) as UInt32)
      Self.writeValue(bytes, type: 3, to: &data)
    case .keepBits(let register, let mask):
      data.attribute(1, bigEndian: register.rawValue)
      data.attribute(2, bigEndian: register.rawValue)
      data.attribute(3, bigEndian: 4 as UInt32)
      Self.writeValue((0..<4).map { UInt8(truncatingIfNeeded: mask >> (8 * $0)) }, type: 4, to: &data)
      Self.writeValue([0, 0, 0, 0], type: 5, to: &data)
    case .lookup(let register, let set, let isIn):
      data.attribute(2, bigEndian: register.rawValue)
      data.attribute(1, text: set)
      if !isIn { data.attribute(5, bigEndian: 1 as UInt32) }
    case .translate(let register, let map, let target):
      data.attribute(2, bigEndian: register.rawValue)
      data.attribute(1, text: map)
      data.attribute(3, bigEndian: target.rawValue)
    case .changeDestination(let address, let port):
      let destination: UInt32 = 1
      let internet: UInt32 = 2
      data.attribute(1, bigEndian: destination)
      data.attribute(2, bigEndian: internet)
      data.attribute(3, bigEndian: address.rawValue)
      data.attribute(5, bigEndian: port.rawValue)
    case .count:
      break
    case .drop:
      Self.writeVerdict(0, to: &data)
    case .accept:
      Self.writeVerdict(1, to: &data)
    case .masquerade:
      let fullyRandom: UInt32 = 0x10
      data.attribute(1, bigEndian: fullyRandom)
    }
  }

  private static func writeValue(_ bytes: [UInt8], type: UInt16, to data: inout NetlinkPayload) {
    data.nest(type | FilterMessage.nested) { $0.attribute(1, bytes: bytes) }
  }

  private static func writeVerdict(_ code: UInt32, to data: inout NetlinkPayload) {
    data.attribute(1, bigEndian: FilterRegister.verdict.rawValue)
    data.nest(2 | FilterMessage.nested) { value in
      value.nest(2 | FilterMessage.nested) { $0.attribute(1, bigEndian: code) }
    }
  }
}

extension PacketFact {
  fileprivate func write(to data: inout NetlinkPayload, register: FilterRegister) {
    switch self {
    case .inLinkName: Self.writeKey(6, register, to: &data)
    case .outLinkName: Self.writeKey(7, register, to: &data)
    case .protocolFamily: Self.writeKey(15, register, to: &data)
    case .transportProtocol: Self.writeKey(16, register, to: &data)
    case .networkHeader(let offset, let count):
      let networkHeader: UInt32 = 1
      Self.writePart(of: networkHeader, offset, count, register, to: &data)
    case .transportHeader(let offset, let count):
      let transportHeader: UInt32 = 2
      Self.writePart(of: transportHeader, offset, count, register, to: &data)
    case .destinationKind:
      let addressType: UInt32 = 3
      let byDestination: UInt32 = 2
      data.attribute(1, bigEndian: register.rawValue)
      data.attribute(2, bigEndian: addressType)
      data.attribute(3, bigEndian: byDestination)
    case .connectionStatus:
      data.attribute(2, bigEndian: 2 as UInt32)
      data.attribute(1, bigEndian: register.rawValue)
    case .connectionState:
      data.attribute(2, bigEndian: 0 as UInt32)
      data.attribute(1, bigEndian: register.rawValue)
    }
  }

  private static func writePart(
    of header: UInt32, _ offset: UInt32, _ count: UInt32, _ register: FilterRegister, to data: inout NetlinkPayload
  ) {
    data.attribute(1, bigEndian: register.rawValue)
    data.attribute(2, bigEndian: header)
    data.attribute(3, bigEndian: offset)
    data.attribute(4, bigEndian: count)
  }

  private static func writeKey(_ key: UInt32, _ register: FilterRegister, to data: inout NetlinkPayload) {
    data.attribute(2, bigEndian: key)
    data.attribute(1, bigEndian: register.rawValue)
  }
}
