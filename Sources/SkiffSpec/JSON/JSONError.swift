/// Why bytes are not a JSON document that skiff reads, and where.
public struct JSONError: Error, Equatable, Sendable {
  /// Counted in bytes from the start of the document.
  public let offset: Int
  public let reason: Reason

  public init(offset: Int, reason: Reason) {
    self.offset = offset
    self.reason = reason
  }

  public enum Reason: Equatable, Sendable {
    case endOfInput
    case expected(StaticText)
    case controlCharacterInString
    case invalidEscape
    case unpairedSurrogate
    case invalidUTF8
    case malformedNumber
    case numberOutOfRange
    case tooDeep(limit: Int)
    case tooLarge(limit: Int)
    case trailingBytes
  }

  /// Words that stand in the source text of skiff, never in a document.
  public struct StaticText: Equatable, Sendable, ExpressibleByStringLiteral {
    public let text: String

    public init(stringLiteral value: StaticString) {
      text = value.description
    }
  }
}

extension JSONError: CustomStringConvertible {
  public var description: String {
    "invalid JSON at byte \(offset): \(reason)"
  }
}

extension JSONError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .endOfInput: "the document ends too early"
    case .expected(let what): "expected \(what.text)"
    case .controlCharacterInString: "a control character inside a string"
    case .invalidEscape: "an unknown escape sequence"
    case .unpairedSurrogate: "half of a surrogate pair"
    case .invalidUTF8: "bytes that are not UTF-8"
    case .malformedNumber: "a malformed number"
    case .numberOutOfRange: "a number out of range"
    case .tooDeep(let limit): "more than \(limit) levels"
    case .tooLarge(let limit): "more than \(limit) bytes"
    case .trailingBytes: "something follows the document"
    }
  }
}
