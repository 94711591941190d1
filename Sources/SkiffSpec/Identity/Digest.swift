/// The name of content by its hash (image-spec, "Digests"): `sha256:` and 64 hexadecimal digits.
///
/// Digests become file names: only well-formed ones of known algorithms exist.
public struct Digest: Hashable, Sendable {
  public enum Algorithm: String, CaseIterable, Hashable, Sendable {
    case sha256, sha512

    /// In hexadecimal digits.
    public var length: Int {
      switch self {
      case .sha256: 64
      case .sha512: 128
      }
    }
  }

  public let algorithm: Algorithm
  /// The hash in hexadecimal digits of lower case.
  public let encoded: String

  public init(_ text: String) throws(FormatError) {
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw FormatError("invalid digest \(SpecKeyPath.quoted(text))") }
    guard let algorithm = Algorithm.allCases.first(where: { $0.rawValue.utf8.elementsEqual(parts[0]) }) else {
      throw FormatError("unsupported digest algorithm in \(SpecKeyPath.quoted(text))")
    }
    try self.init(algorithm, encoded: String(Substring(parts[1])))
  }

  public init(_ algorithm: Algorithm, encoded: String) throws(FormatError) {
    guard encoded.utf8.count == algorithm.length else {
      throw FormatError("invalid digest length: \(algorithm.rawValue) has \(algorithm.length) digits")
    }
    guard encoded.utf8.allSatisfy(Self.isHexadecimal) else {
      throw FormatError("invalid digest \(SpecKeyPath.quoted("\(algorithm.rawValue):\(encoded)"))")
    }
    self.algorithm = algorithm
    self.encoded = encoded
  }

  /// Takes a SHA-256 that was computed here, as 64 hexadecimal digits; anything else is a programmer's error.
  public init(sha256 encoded: String) {
    precondition(encoded.utf8.count == Algorithm.sha256.length && encoded.utf8.allSatisfy(Self.isHexadecimal))
    algorithm = .sha256
    self.encoded = encoded
  }

  /// Takes a hash as it was computed: 32 bytes are SHA-256, 64 are SHA-512; nil for any other count.
  public init?(hash: [UInt8]) {
    guard let algorithm = Algorithm.allCases.first(where: { $0.length == hash.count * 2 }) else { return nil }
    self.algorithm = algorithm
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(algorithm.length)
    for byte in hash {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 0x0F)])
    }
    encoded = String(decoding: text, as: UTF8.self)
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    byte.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  /// `sha256:…`
  public var text: String { "\(algorithm.rawValue):\(encoded)" }

  /// The first twelve digits, as lists show them.
  public var short: String { String(encoded.prefix(12)) }
}

extension Digest: CustomStringConvertible {
  public var description: String { text }
}
