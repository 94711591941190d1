import SkiffSpec

/// Reads the YAML that specifications of devices are written in: mappings and sequences by indentation, lists and mappings on one
/// line, plain and quoted scalars, comments. What goes beyond (anchors, tags, scalars over several lines) is refused by its line.
package struct SimpleYAML {
  /// What is wrong, and where.
  package struct Fault: Error {
    let line: Int
    let words: String
  }

  private struct Line {
    let number: Int
    var indent: Int
    var text: Substring
  }

  private static let depthLimit = 32
  private static let lineLimit = 100_000

  private var lines: [Line] = []
  private var position = 0

  /// The document that the text holds.
  package static func parse(_ text: String) throws(Fault) -> JSONValue {
    var reader = SimpleYAML()
    try reader.takeLines(text)
    guard let first = reader.lines.first else { return .null }
    let value = try reader.block(indent: first.indent, depth: 0)
    if let line = reader.current { throw Fault(line: line.number, words: "it does not belong to what stands above it") }
    return value
  }

  private mutating func takeLines(_ text: String) throws(Fault) {
    var number = 0
    // "\r\n" is one Character.
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
    for line in lines {
      number += 1
      guard number <= Self.lineLimit else { throw Fault(line: number, words: "the file is too long") }
      let content = line.drop { $0 == " " }
      if content.first == "\t" { throw Fault(line: number, words: "a tab cannot indent") }
      let text = Self.trimmed(Self.withoutComment(content))
      if text.isEmpty { continue }
      if line == "---" || line.hasPrefix("--- ") && text == "---" {
        guard self.lines.isEmpty else { throw Fault(line: number, words: "a second document") }
        continue
      }
      if line == "..." { break }
      self.lines.append(Line(number: number, indent: line.count - content.count, text: text))
    }
  }

  private var current: Line? { position < lines.count ? lines[position] : nil }

  // MARK: Blocks

  private mutating func block(indent: Int, depth: Int) throws(Fault) -> JSONValue {
    guard let line = current else { return .null }
    guard depth < Self.depthLimit else { throw Fault(line: line.number, words: "it is nested too deeply") }
    if Self.isItem(line.text) { return try sequence(indent: indent, depth: depth) }
    guard Self.keyEnd(line.text) != nil else {
      position += 1
      return try scalar(line.text, line.number, depth: depth)
    }
    return try mapping(indent: indent, depth: depth)
  }

  private mutating func sequence(indent: Int, depth: Int) throws(Fault) -> JSONValue {
    var items: [JSONValue] = []
    while let line = current, line.indent == indent, Self.isItem(line.text) {
      let rest = line.text.dropFirst().drop { $0 == " " }
      if rest.isEmpty {
        position += 1
        items.append(try nested(below: indent, depth: depth))
      } else if Self.isItem(rest) || Self.keyEnd(rest) != nil {
        // What stands behind the dash is a block of its own, as far right as it begins.
        let inner = indent + (line.text.count - rest.count)
        lines[position].indent = inner
        lines[position].text = rest
        items.append(try block(indent: inner, depth: depth + 1))
      } else {
        position += 1
        items.append(try scalar(rest, line.number, depth: depth))
      }
    }
    return .array(items)
  }

  private mutating func mapping(indent: Int, depth: Int) throws(Fault) -> JSONValue {
    var object = JSONObject()
    while let line = current, line.indent == indent, !Self.isItem(line.text) {
      guard let end = Self.keyEnd(line.text) else {
        throw Fault(line: line.number, words: "a key and a colon are expected")
      }
      let keyValue = try scalar(line.text[..<end], line.number, depth: depth)
      guard let key = Self.text(keyValue) else { throw Fault(line: line.number, words: "this is no key") }
      guard object[key] == nil else { throw Fault(line: line.number, words: "\"\(key)\" stands here twice") }
      let rest = line.text[line.text.index(after: end)...].drop { $0 == " " }
      position += 1
      if !rest.isEmpty {
        object[key] = try scalar(rest, line.number, depth: depth)
      } else if let next = current, next.indent == indent, Self.isItem(next.text) {
        // A list may stand right below its key.
        object[key] = try sequence(indent: indent, depth: depth + 1)
      } else {
        object[key] = try nested(below: indent, depth: depth)
      }
    }
    return .object(object)
  }

  private mutating func nested(below indent: Int, depth: Int) throws(Fault) -> JSONValue {
    guard let next = current, next.indent > indent else { return .null }
    return try block(indent: next.indent, depth: depth + 1)
  }

  // MARK: Words

  private static func isItem(_ text: Substring) -> Bool { text == "-" || text.hasPrefix("- ") }

  /// The colon that ends a key, outside of quotes.
  private static func keyEnd(_ text: Substring) -> Substring.Index? {
    if let first = text.first, "[{".contains(first) { return nil }
    var quote: Character?
    var index = text.startIndex
    while index < text.endIndex {
      let character = text[index]
      let next = text.index(after: index)
      if let open = quote {
        if character == "\\", open == "\"", next < text.endIndex {
          index = text.index(after: next)
          continue
        }
        if character == open { quote = nil }
      } else if character == "\"" || character == "'", index == text.startIndex {
        quote = character
      } else if character == ":", next == text.endIndex || text[next] == " " {
        return index
      }
      index = next
    }
    return nil
  }

  private static func withoutComment(_ text: Substring) -> Substring {
    var quote: Character?
    var before: Character = " "
    for index in text.indices {
      let character = text[index]
      if let open = quote {
        if character == open, !(open == "\"" && before == "\\") { quote = nil }
      } else if (character == "\"" || character == "'") && " [{,:-".contains(before) {
        quote = character
      } else if character == "#", before == " " {
        return text[..<index]
      }
      before = character
    }
    return text
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
    return text
  }

  private func scalar(_ text: Substring, _ line: Int, depth: Int) throws(Fault) -> JSONValue {
    var flow = FlowReader(text: text, line: line)
    let value = try flow.value(depth: depth, isInside: false)
    guard flow.isAtEnd else { throw Fault(line: line, words: "something stands behind the value") }
    return value
  }

  /// A scalar where a text is wanted: a number without quotes will do.
  static func text(_ value: JSONValue) -> String? {
    if let text = value.string { return text }
    if let number = value.integer { return String(number) }
    if let flag = value.bool { return flag ? "true" : "false" }
    return nil
  }

  // MARK: On one line

  private struct FlowReader {
    private var rest: Substring
    private let line: Int

    init(text: Substring, line: Int) {
      rest = text
      self.line = line
    }

    var isAtEnd: Bool { rest.allSatisfy { $0 == " " } }

    mutating func value(depth: Int, isInside: Bool) throws(Fault) -> JSONValue {
      guard depth < SimpleYAML.depthLimit else { throw Fault(line: line, words: "it is nested too deeply") }
      skipSpaces()
      switch rest.first {
      case "[": return try list(depth: depth)
      case "{": return try object(depth: depth)
      case "\"": return .string(try doubleQuoted())
      case "'": return .string(try singleQuoted())
      case "&", "*", "!", "|", ">", "%", "@", "`":
        throw Fault(line: line, words: "\"\(rest.prefix(1))\" is more YAML than is understood here")
      default: return plain(isInside: isInside)
      }
    }

    private mutating func skipSpaces() { rest = rest.drop { $0 == " " } }

    private mutating func list(depth: Int) throws(Fault) -> JSONValue {
      rest.removeFirst()
      var items: [JSONValue] = []
      while true {
        skipSpaces()
        if rest.first == "]" {
          rest.removeFirst()
          return .array(items)
        }
        items.append(try value(depth: depth + 1, isInside: true))
        try separator(orEnd: "]")
      }
    }

    private mutating func object(depth: Int) throws(Fault) -> JSONValue {
      rest.removeFirst()
      var object = JSONObject()
      while true {
        skipSpaces()
        if rest.first == "}" {
          rest.removeFirst()
          return .object(object)
        }
        let keyValue = try value(depth: depth + 1, isInside: true)
        guard let key = SimpleYAML.text(keyValue) else { throw Fault(line: line, words: "this is no key") }
        skipSpaces()
        guard rest.first == ":" else { throw Fault(line: line, words: "a colon is expected") }
        rest.removeFirst()
        object[key] = try value(depth: depth + 1, isInside: true)
        try separator(orEnd: "}")
      }
    }

    private mutating func separator(orEnd end: Character) throws(Fault) {
      skipSpaces()
      if rest.first == "," {
        rest.removeFirst()
      } else if rest.first != end {
        throw Fault(line: line, words: "a comma or \(end) is expected")
      }
    }

    private mutating func doubleQuoted() throws(Fault) -> String {
      rest.removeFirst()
      var text = ""
      while let character = rest.popFirst() {
        if character == "\"" { return text }
        guard character == "\\" else {
          text.append(character)
          continue
        }
        switch rest.popFirst() {
        case "n": text.append("\n")
        case "t": text.append("\t")
        case "\"": text.append("\"")
        case "\\": text.append("\\")
        case "/": text.append("/")
        default: throw Fault(line: line, words: "an escape that is not understood here")
        }
      }
      throw Fault(line: line, words: "a quote is not closed")
    }

    private mutating func singleQuoted() throws(Fault) -> String {
      rest.removeFirst()
      var text = ""
      while let character = rest.popFirst() {
        guard character == "'" else {
          text.append(character)
          continue
        }
        // Two of them stand for one.
        guard rest.first == "'" else { return text }
        rest.removeFirst()
        text.append("'")
      }
      throw Fault(line: line, words: "a quote is not closed")
    }

    private mutating func plain(isInside: Bool) -> JSONValue {
      var word = rest
      if isInside {
        var end = rest.startIndex
        while end < rest.endIndex, !",]}".contains(rest[end]) {
          let next = rest.index(after: end)
          if rest[end] == ":", next == rest.endIndex || " ,]}".contains(rest[next]) { break }
          end = next
        }
        word = rest[..<end]
      }
      rest = rest[word.endIndex...]
      return Self.resolved(SimpleYAML.trimmed(word))
    }

    /// What a word without quotes means.
    private static func resolved(_ word: Substring) -> JSONValue {
      switch word {
      case "", "~", "null", "Null", "NULL": return .null
      case "true", "True", "TRUE": return .bool(true)
      case "false", "False", "FALSE": return .bool(false)
      default: break
      }
      if word.count > 2, word.hasPrefix("0x"), let number = Int64(word.dropFirst(2), radix: 16) {
        return .integer(number)
      }
      if word.hasPrefix("0o"), let number = Int64(word.dropFirst(2), radix: 8) { return .integer(number) }
      // As Go's libraries read it, which these files are written for.
      if word.count > 1, word.hasPrefix("0"), let number = Int64(word, radix: 8) { return .integer(number) }
      if word.first != "+", let number = Int64(word) { return .integer(number) }
      return .string(String(word))
    }
  }
}
