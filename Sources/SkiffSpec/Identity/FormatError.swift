/// Why a text that a person or a document gave is not what it should be, in one sentence.
public struct FormatError: Error, Equatable, Sendable {
  public let message: String

  public init(_ message: String) {
    self.message = message
  }
}

extension FormatError: CustomStringConvertible {
  public var description: String { message }
}

/// Plain decimal numbers, as strict as outside texts need: digits only, no sign, no blanks, no overflow.
enum Decimal {
  static func value<Number: FixedWidthInteger, Text: StringProtocol>(_ text: Text) -> Number? {
    guard !text.isEmpty, text.utf8.allSatisfy(\.isDigit) else { return nil }
    return Number(text, radix: 10)
  }
}
