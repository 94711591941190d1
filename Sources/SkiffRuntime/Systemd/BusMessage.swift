/// One message on a D-Bus connection (D-Bus specification, "Message Format").
package struct BusMessage: Equatable, Sendable {
  package enum Kind: UInt8, Sendable {
    case call = 1
    case reply = 2
    case error = 3
    case signal = 4
  }

  package var kind: Kind
  package var serial: UInt32 = 0
  package var path: String?
  package var interface: String?
  package var member: String?
  package var errorName: String?
  package var replySerial: UInt32?
  package var destination: String?
  package var body: [BusValue] = []

  package init(_ kind: Kind) {
    self.kind = kind
  }
}

extension BusMessage {
  /// Longer messages are refused; systemd's answers are short.
  static let sizeLimitBytes = 1 << 20
  /// What must be there before the length of a message is known.
  static let preludeBytes = 16

  /// As it goes over the wire.
  package func serialized() -> [UInt8] {
    var body = BusWriter()
    for value in self.body { body.write(value) }
    var fields: [BusValue] = []
    func field(_ code: UInt8, _ value: BusValue?) {
      if let value { fields.append(.structure([.byte(code), .variant(value)])) }
    }
    field(1, path.map { .objectPath($0) })
    field(2, interface.map { .string($0) })
    field(3, member.map { .string($0) })
    field(4, errorName.map { .string($0) })
    field(5, replySerial.map { .uint32($0) })
    field(6, destination.map { .string($0) })
    if !self.body.isEmpty { field(8, .signature(self.body.map(\.signature).joined())) }
    var writer = BusWriter()
    for value in [
      BusValue.byte(UInt8(ascii: "l")), .byte(kind.rawValue), .byte(0), .byte(1),
      .uint32(UInt32(truncatingIfNeeded: body.bytes.count)), .uint32(serial), .array(of: "(yv)", fields),
    ] {
      writer.write(value)
    }
    writer.align(8)
    return writer.bytes + body.bytes
  }

  /// How long the message that starts with `prelude` is, all told.
  static func length(of prelude: ArraySlice<UInt8>) throws(BusError) -> Int {
    guard prelude.count >= preludeBytes, let first = prelude.first else { throw .malformed }
    var reader = BusReader(prelude.dropFirst(4).prefix(12), isBigEndian: try isBigEndian(first))
    let numbers = try reader.read(all: "uuu")
    guard case .uint32(let body) = numbers[0], case .uint32(let fields) = numbers[2],
      body <= sizeLimitBytes, fields <= sizeLimitBytes
    else { throw .malformed }
    return preludeBytes + (Int(fields) + 7) / 8 * 8 + Int(body)
  }

  private static func isBigEndian(_ mark: UInt8) throws(BusError) -> Bool {
    switch mark {
    case UInt8(ascii: "l"): return false
    case UInt8(ascii: "B"): return true
    default: throw .malformed
    }
  }

  /// Reads one whole message. A kind that is not known yet is passed over by specification: nil.
  package static func parse(_ bytes: ArraySlice<UInt8>) throws(BusError) -> BusMessage? {
    guard bytes.count >= preludeBytes, let mark = bytes.first else { throw .malformed }
    var reader = BusReader(bytes, isBigEndian: try isBigEndian(mark))
    let head = try reader.read(all: "yyyyuua(yv)")
    try reader.align(8)
    guard case .byte(let code) = head[1], case .byte(1) = head[3], case .uint32(let serial) = head[5],
      case .array(_, let fields) = head[6]
    else { throw .malformed }
    guard let kind = Kind(rawValue: code) else { return nil }
    var message = BusMessage(kind)
    message.serial = serial
    var signature = ""
    for field in fields {
      guard case .structure(let pair) = field, pair.count == 2, case .byte(let code) = pair[0],
        case .variant(let value) = pair[1]
      else { throw .malformed }
      switch (code, value) {
      case (1, .objectPath(let text)): message.path = text
      case (2, .string(let text)): message.interface = text
      case (3, .string(let text)): message.member = text
      case (4, .string(let text)): message.errorName = text
      case (5, .uint32(let number)): message.replySerial = number
      case (6, .string(let text)): message.destination = text
      case (8, .signature(let text)): signature = text
      default: break
      }
    }
    var body = BusReader(bytes[reader.offset...], isBigEndian: mark == UInt8(ascii: "B"))
    message.body = try body.read(all: signature)
    return message
  }
}

/// Why a conversation over D-Bus failed.
package enum BusError: Error, Equatable, Sendable {
  /// What came is not what the specification allows.
  case malformed
  /// The other side refused the connection; its words.
  case notAuthenticated(String)
  /// The other side has gone, or said nothing for too long; a clause.
  case lost(String)
  /// The other side refused the call.
  case refused(name: String, words: String)
}

extension BusError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformed: "the answer on D-Bus is malformed"
    case .notAuthenticated(let words): "not let in to D-Bus: \(words)"
    case .lost(let words): words
    case .refused(let name, let words): words.isEmpty ? name : words
    }
  }
}
