/// A value as D-Bus carries it (D-Bus specification, "Type System").
package indirect enum BusValue: Equatable, Sendable {
  case byte(UInt8)
  case bool(Bool)
  case int16(Int16)
  case uint16(UInt16)
  case int32(Int32)
  case uint32(UInt32)
  case int64(Int64)
  case uint64(UInt64)
  case double(Double)
  case string(String)
  case objectPath(String)
  case signature(String)
  /// All of one type, whose signature stands first.
  case array(of: String, [BusValue])
  case structure([BusValue])
  case variant(BusValue)

  /// The type, as D-Bus writes it: `s`, `a(sv)`.
  package var signature: String {
    switch self {
    case .byte: "y"
    case .bool: "b"
    case .int16: "n"
    case .uint16: "q"
    case .int32: "i"
    case .uint32: "u"
    case .int64: "x"
    case .uint64: "t"
    case .double: "d"
    case .string: "s"
    case .objectPath: "o"
    case .signature: "g"
    case .array(let element, _): "a" + element
    case .structure(let members): "(" + members.map(\.signature).joined() + ")"
    case .variant: "v"
    }
  }

  /// The text of a string or a path; nil for anything else.
  package var text: String? {
    switch self {
    case .string(let text), .objectPath(let text): text
    case .variant(let value): value.text
    default: nil
    }
  }
}

/// What a signature is made of.
enum BusSignature {
  static let depthLimit = 32

  /// The first complete type of `signature`; nil where there is none that is well formed.
  static func firstType(of signature: Substring, depth: Int = 0) -> Substring? {
    guard depth < depthLimit, let code = signature.utf8.first else { return nil }
    switch code {
    case UInt8(ascii: "a"):
      guard let element = firstType(of: signature.dropFirst(), depth: depth + 1) else { return nil }
      return signature.prefix(element.utf8.count + 1)
    case UInt8(ascii: "("), UInt8(ascii: "{"):
      let end: Character = code == UInt8(ascii: "(") ? ")" : "}"
      var rest = signature.dropFirst()
      while let member = firstType(of: rest, depth: depth + 1) { rest = rest.dropFirst(member.utf8.count) }
      guard rest.first == end, rest.startIndex > signature.index(after: signature.startIndex) else { return nil }
      return signature[...rest.startIndex]
    default:
      return "ybnqiuxtdsogv".utf8.contains(code) ? signature.prefix(1) : nil
    }
  }

  /// The complete types of `signature`, one after the other; nil where it is not well formed.
  static func types(of signature: Substring) -> [Substring]? {
    var types: [Substring] = []
    var rest = signature
    while !rest.isEmpty {
      guard let type = firstType(of: rest) else { return nil }
      types.append(type)
      rest = rest.dropFirst(type.utf8.count)
    }
    return types
  }

  /// Where values of a type start: a multiple of this many bytes.
  static func alignment(of type: Substring) -> Int {
    switch type.utf8.first {
    case UInt8(ascii: "n"), UInt8(ascii: "q"): 2
    case UInt8(ascii: "b"), UInt8(ascii: "i"), UInt8(ascii: "u"), UInt8(ascii: "s"), UInt8(ascii: "o"),
      UInt8(ascii: "a"):
      4
    case UInt8(ascii: "x"), UInt8(ascii: "t"), UInt8(ascii: "d"), UInt8(ascii: "("), UInt8(ascii: "{"): 8
    default: 1
    }
  }
}
