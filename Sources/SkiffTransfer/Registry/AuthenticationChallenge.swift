/// What a server asks for before it answers (WWW-Authenticate, RFC 9110 section 11.6.1).
package struct AuthenticationChallenge: Sendable, Equatable {
  /// In lower case: `bearer`, `basic`.
  package let scheme: String
  /// Names in lower case; where a name comes twice the first stands.
  package let parameters: [String: String]

  package init(scheme: String, parameters: [String: String]) {
    self.scheme = scheme
    self.parameters = parameters
  }

  static let fieldLimitBytes = 8192
  static let challengeLimit = 16

  /// The challenges of one field value; what breaks the grammar ends the reading, what was whole before stands.
  package static func parse(_ field: String) -> [AuthenticationChallenge] {
    guard field.utf8.count <= fieldLimitBytes else { return [] }
    var scanner = ChallengeScanner(bytes: Array(field.utf8))
    var challenges: [AuthenticationChallenge] = []
    while challenges.count < challengeLimit, let challenge = scanner.nextChallenge() {
      challenges.append(challenge)
    }
    return challenges
  }
}

/// Walks over a field value once, from left to right.
private struct ChallengeScanner {
  let bytes: [UInt8]
  var position = 0

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skip(while accepted: (UInt8) -> Bool) {
    while let byte = current, accepted(byte) { position += 1 }
  }

  mutating func skipBlanks() {
    skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
  }

  mutating func skipSeparators() {
    skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: ",") }
  }

  /// A token (RFC 9110 section 5.6.2).
  mutating func token() -> String? {
    let start = position
    skip { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
      default:
        "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
    }
    return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
  }

  /// What stands between quotation marks, with backslashes resolved.
  mutating func quoted() -> String? {
    guard current == UInt8(ascii: "\"") else { return nil }
    position += 1
    var value: [UInt8] = []
    while let byte = current {
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: value, as: UTF8.self) }
      if byte == UInt8(ascii: "\\") {
        guard let escaped = current else { return nil }
        position += 1
        value.append(escaped)
      } else {
        value.append(byte)
      }
    }
    return nil
  }

  mutating func nextChallenge() -> AuthenticationChallenge? {
    skipSeparators()
    guard let scheme = token() else { return nil }
    var parameters: [String: String] = [:]
    while true {
      let before = position
      skipSeparators()
      guard let name = token() else { break }
      skipBlanks()
      guard current == UInt8(ascii: "=") else {
        // No parameter but the scheme of the next challenge.
        position = before
        break
      }
      position += 1
      skipBlanks()
      guard let value = current == UInt8(ascii: "\"") ? quoted() : token() else { return nil }
      if parameters[name.lowercased()] == nil { parameters[name.lowercased()] = value }
    }
    return AuthenticationChallenge(scheme: scheme.lowercased(), parameters: parameters)
  }
}
