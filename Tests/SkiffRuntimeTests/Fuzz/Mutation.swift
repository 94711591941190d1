import SkiffSpec

/// Changes documents at random, the same way for the same seed (SplitMix64).
struct Mutation: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  private mutating func pick<T>(_ elements: [T]) -> T { elements[Int.random(in: 0..<elements.count, using: &self)] }

  private static let marks = Array("{}[]\",:\\u0-+eE.truefalsn \n/".utf8)
  /// Pieces that have been some reader's undoing.
  private static let pieces: [[UInt8]] = [
    [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0], Array("\\ud800".utf8),
    Array("99999999999999999999999".utf8), Array("-9223372036854775809".utf8), Array("1e999999".utf8),
    Array("18446744073709551616".utf8), Array("4294967295".utf8), Array("\"args\":[],".utf8), Array("null".utf8),
    Array(repeating: UInt8(ascii: "["), count: 3000), Array(repeating: UInt8(ascii: "9"), count: 500),
    Array(String(repeating: #"{"a":"#, count: 600).utf8),
  ]

  /// Some bytes changed, taken out, put in, doubled; or cut short.
  mutating func bytes(of document: [UInt8]) -> [UInt8] {
    var bytes = document
    for _ in 0..<Int.random(in: 1...6, using: &self) {
      if bytes.isEmpty { return bytes }
      let place = Int.random(in: 0..<bytes.count, using: &self)
      switch Int.random(in: 0..<8, using: &self) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &self)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &self)
      case 2: bytes[place] = pick(Self.marks)
      case 3: bytes.remove(at: place)
      case 4: bytes.insert(contentsOf: pick(Self.pieces), at: place)
      case 5: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...200, using: &self)))
      // A member doubled, with luck.
      case 6: bytes.insert(contentsOf: Array(bytes[place..<min(bytes.count, place + 120)]), at: place)
      default: bytes.removeSubrange(place...)
      }
    }
    return bytes
  }

  /// A document whose values are others, of the same kind or of any.
  mutating func values(of document: [UInt8]) -> [UInt8] {
    guard var tree = try? JSONValue.parse(document) else { return document }
    for _ in 0..<Int.random(in: 1...4, using: &self) { tree = changed(tree) }
    return tree.serialized()
  }

  private mutating func changed(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(var object) where !object.isEmpty && Int.random(in: 0..<12, using: &self) > 0:
      let key = pick(object.keys)
      object[key] = changed(object[key] ?? .null)
      return .object(object)
    case .array(var elements) where !elements.isEmpty && Int.random(in: 0..<12, using: &self) > 0:
      let index = Int.random(in: 0..<elements.count, using: &self)
      switch Int.random(in: 0..<6, using: &self) {
      case 0: elements.remove(at: index)
      case 1: elements.append(elements[index])
      default: elements[index] = changed(elements[index])
      }
      return .array(elements)
    case .string(let text) where Int.random(in: 0..<3, using: &self) > 0: return .string(changed(text))
    case .integer, .unsigned:
      return pick([
        0, 1, -1, .integer(.min), .integer(.max), .unsigned(.max), 4_294_967_295, 4_294_967_296, 2_147_483_648,
        -2_147_483_649, 65536, 1_000_000, .number(1.5), .number(1e300),
      ])
    case .bool(let isTrue): return .bool(!isTrue)
    default:
      return pick([
        .null, true, 0, "", [], [:], [.null], ["": .null], "a", "\0", "/", .string(String(repeating: "x", count: 5000)),
      ])
    }
  }

  /// A text of the same kind: a path, a list of numbers, a name.
  private mutating func changed(_ text: String) -> String {
    switch Int.random(in: 0..<8, using: &self) {
    case 0: text + pick(["/", "\0", ",", "-", ":", "=", "\n", "%d", "/..", "é", "\u{202E}", ".slice"])
    case 1: String(text.dropLast())
    case 2: String(text.dropFirst())
    case 3: text + text
    case 4: text.uppercased()
    case 5:
      pick([
        "0-99999999999999999999", "18446744073709551615", "-1", "0-", ",,,", "/proc/self/fd/7", "../../..", "a:b:c",
        "::",
        "4096-0", "size=99999999999999999999k", "mode=99999999999", "SCMP_CMP_MASKED_EQ", "SCMP_ACT_NOTIFY", "rbind",
        "idmap=uids=0-99999999999999999999-1", "RLIMIT_AS", "CAP_SYS_ADMIN", "uint64 99999999999999999999", "['",
        "@as []",
      ])
    case 6: ""
    default: String(text.reversed())
    }
  }
}
