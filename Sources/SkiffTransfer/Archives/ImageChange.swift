internal import SkiffSpec

/// One change to an image's configuration, as `--change` takes it: an instruction in the words of a Dockerfile.
package enum ImageChange: Equatable, Sendable {
  case command([String])
  case entrypoint([String])
  case environment([Pair])
  case labels([Pair])
  case workingDirectory(String)
  case user(String)
  case ports([String])
  case volumes([String])
  case stopSignal(String)

  package struct Pair: Equatable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Longest instruction that is read.
  static let limitBytes = 64 << 10

  /// Reads `CMD ["sh"]`, `ENV A=1 B="two words"`, `USER 1000:1000` and their kin.
  package init(parsing text: String) throws(TransferError) {
    let (keyword, rest) = Self.split(text)
    guard text.utf8.count <= Self.limitBytes, !text.utf8.contains(0) else {
      throw .invalid(what: "the change", reason: "it is too long or holds a zero byte")
    }
    guard !rest.isEmpty else {
      throw .invalid(what: "change \"\(printable(Array(text.utf8), limitCharacters: 80))\"", reason: "it says nothing")
    }
    switch keyword.uppercased() {
    case "CMD": self = .command(Self.arguments(rest))
    case "ENTRYPOINT": self = .entrypoint(Self.arguments(rest))
    case "ENV": self = .environment(try Self.pairs(rest, keyword: "ENV"))
    case "LABEL": self = .labels(try Self.pairs(rest, keyword: "LABEL"))
    case "WORKDIR": self = .workingDirectory(try Self.single(rest, keyword: "WORKDIR"))
    case "USER": self = .user(try Self.single(rest, keyword: "USER"))
    case "EXPOSE":
      self = .ports(try Self.words(rest, keyword: "EXPOSE").map { (word) throws(TransferError) in try Self.port(word) })
    case "VOLUME": self = .volumes(try Self.volumes(rest))
    case "STOPSIGNAL": self = .stopSignal(try Self.single(rest, keyword: "STOPSIGNAL"))
    default:
      throw .invalid(
        what: "change \"\(printable(Array(keyword.utf8), limitCharacters: 40))\"",
        reason: "known are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR")
    }
  }

  /// The first word and what follows it. `CMD=x`, podman's way, is the same as `CMD x`.
  private static func split(_ text: String) -> (keyword: String, rest: String) {
    let text = trimmed(text.replacing("\n", with: " "))
    guard let end = text.firstIndex(where: { !$0.isASCII || !$0.isLetter }) else { return (text, "") }
    var rest = text[end...]
    if rest.hasPrefix("=") { rest = rest.dropFirst() }
    return (String(text[..<end]), trimmed(rest))
  }

  /// A JSON list of strings is taken word by word; anything else is given to a shell.
  private static func arguments(_ text: String) -> [String] {
    list(text) ?? ["/bin/sh", "-c", text]
  }

  private static func list(_ text: String) -> [String]? {
    guard text.hasPrefix("["), let items = RegistryAnswers.parsed(Array(text.utf8))?.array else { return nil }
    let strings = items.compactMap(\.string)
    return strings.count == items.count ? strings : nil
  }

  private static func volumes(_ text: String) throws(TransferError) -> [String] {
    if let list = list(text) { return list }
    return try words(text, keyword: "VOLUME")
  }

  private static func single(_ text: String, keyword: String) throws(TransferError) -> String {
    let words = try words(text, keyword: keyword)
    guard words.count == 1, let word = words.first, !word.isEmpty else {
      throw .invalid(what: "change \(keyword)", reason: "it takes one value")
    }
    return word
  }

  /// `NAME=VALUE …`, or the old form `NAME VALUE WITH BLANKS`.
  private static func pairs(_ text: String, keyword: String) throws(TransferError) -> [Pair] {
    let words = try words(text, keyword: keyword)
    guard let first = words.first else { return [] }
    if !first.contains("=") {
      let name = text.prefix { $0 != " " && $0 != "\t" }
      let value = trimmed(text.dropFirst(name.count))
      guard !value.isEmpty else { throw .invalid(what: "change \(keyword)", reason: "\(name) has no value") }
      return [Pair(String(name), value)]
    }
    return try words.map { (word) throws(TransferError) in
      guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
        throw .invalid(what: "change \(keyword)", reason: "\"\(word)\" is not of the form NAME=VALUE")
      }
      return Pair(String(word[..<equals]), String(word[word.index(after: equals)...]))
    }
  }

  /// `80`, `80/tcp`, `8000-8010/udp`: the protocol is written out.
  private static func port(_ text: String) throws(TransferError) -> String {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let numbers = (parts.first ?? "").split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
    let transport = parts.count == 2 ? parts[1].lowercased() : "tcp"
    guard parts.count <= 2, (1...2).contains(numbers.count), numbers.allSatisfy({ $0 != nil && $0 != 0 }),
      ["tcp", "udp", "sctp"].contains(transport)
    else { throw .invalid(what: "change EXPOSE", reason: "\"\(text)\" is no port") }
    return "\(parts[0])/\(transport)"
  }

  /// Words as a shell takes them apart: blanks between, quotation marks and backslashes resolved.
  private static func words(_ text: String, keyword: String) throws(TransferError) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var characters = text.makeIterator()
    while let character = characters.next() {
      switch (character, quote) {
      case ("\\", nil), ("\\", "\""):
        guard let next = characters.next() else { throw .invalid(what: "change \(keyword)", reason: "it ends with \\") }
        // Inside quotation marks a backslash is only special before what is special there.
        if quote == "\"", next != "\"", next != "\\", next != "$" { word = (word ?? "") + "\\" }
        word = (word ?? "") + String(next)
      case ("\"", nil), ("'", nil):
        quote = character
        word = word ?? ""
      case (let character, let open?) where character == open:
        quote = nil
      case (" ", nil), ("\t", nil):
        if let complete = word { words.append(complete) }
        word = nil
      default:
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil else { throw .invalid(what: "change \(keyword)", reason: "a quotation mark is not closed") }
    if let word { words.append(word) }
    return words
  }
}
