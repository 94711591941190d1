/// The status and the header fields of an answer.
package struct HTTPHead: Sendable, Equatable {
  package let status: Int
  /// In the order of arrival, names in lower case.
  package let fields: [Field]

  package struct Field: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  package init(status: Int, fields: [Field]) {
    self.status = status
    self.fields = fields
  }

  /// The first field of that name (lower case).
  package func first(_ name: String) -> String? {
    fields.first { $0.name == name }?.value
  }

  /// All fields of that name (lower case).
  package func all(_ name: String) -> [String] {
    fields.filter { $0.name == name }.map(\.value)
  }

  /// The declared length of the body; nil when none or no number.
  package var contentLength: Int64? {
    first("content-length").flatMap(Int64.init)
  }

  /// The media type without its parameters, in lower case.
  package var contentType: String? {
    guard let value = first("content-type") else { return nil }
    let type = value.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
    return trimmed(type).lowercased()
  }

  /// How long the server wants to be left alone (Retry-After, RFC 9110 section 10.2.3): never negative.
  ///
  /// A date is as good as never: whoever names one wants more than a moment.
  package var retryAfterSeconds: Int? {
    first("retry-after").map { Int($0).map { max(0, $0) } ?? .max }
  }

  /// The first byte that a partial answer starts at: `bytes 100-199/200` is 100.
  package var rangeStart: Int64? {
    guard let value = first("content-range"), value.lowercased().hasPrefix("bytes ") else { return nil }
    return Int64(value.dropFirst(6).prefix { $0 != "-" })
  }
}

/// Collects the header lines of an answer as they arrive.
package struct HTTPHeadReader {
  /// The bytes of all header lines of one answer together: what servers of the field send is below 16 KiB.
  static let limitBytes = 256 * 1024

  private var status: Int?
  private var fields: [HTTPHead.Field] = []
  private var bytesTaken = 0

  package init() {}

  package enum Outcome: Equatable {
    case more
    case complete(HTTPHead)
    /// Over the limit or not HTTP.
    case refused
  }

  /// Takes one line with its line end. A status line starts anew, because 1xx answers and proxies' answers come first.
  package mutating func take(line: Span<UInt8>) -> Outcome {
    bytesTaken += line.count
    if bytesTaken > Self.limitBytes { return .refused }
    var text = ""
    text.reserveCapacity(line.count)
    for index in line.indices {
      let byte = line[index]
      if byte == 0x0D || byte == 0x0A { continue }
      // Other bytes than printable ASCII have no meaning in the fields read here.
      text.unicodeScalars.append(Unicode.Scalar(byte < 0x80 && (byte >= 0x20 || byte == 0x09) ? byte : 0x3F))
    }
    if text.hasPrefix("HTTP/") { return begin(statusLine: text) }
    if text.isEmpty { return end() }
    guard let colon = text.firstIndex(of: ":") else { return .more }
    fields.append(
      HTTPHead.Field(
        name: trimmed(text[..<colon]).lowercased(), value: trimmed(text[text.index(after: colon)...])))
    return .more
  }

  private mutating func begin(statusLine: String) -> Outcome {
    let words = statusLine.split(separator: " ", maxSplits: 2)
    guard words.count >= 2, let number = Int(words[1]), (100...599).contains(number) else { return .refused }
    status = number
    fields = []
    return .more
  }

  private mutating func end() -> Outcome {
    guard let status else { return .refused }
    if status < 200 { return .more }
    return .complete(HTTPHead(status: status, fields: fields))
  }
}

/// Without the blanks at both ends.
func trimmed(_ text: some StringProtocol) -> String {
  let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
  guard let first = text.firstIndex(where: { !blank($0) }), let last = text.lastIndex(where: { !blank($0) }) else {
    return ""
  }
  return String(text[first...last])
}
