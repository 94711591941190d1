import SkiffSpec

/// Reads a template: text between `{{` and `}}`, and in them words.
struct TemplateParser {
  private var pieces: [Piece] = []
  private var position = 0
  private var mistake: Template.Mistake?

  private enum Piece {
    case text(String)
    case action([Token])
  }

  enum Token: Equatable {
    case word(String)
    case string(String)
    case pipe
    case open
    /// With the fields that follow: `(…).A`.
    case close([String])
  }

  /// Blocks in blocks.
  private static let depthLimit = 32

  init(_ text: String) {
    do throws(Template.Mistake) {
      pieces = try Self.split(text)
    } catch {
      mistake = error
    }
  }

  mutating func parse() throws(Template.Mistake) -> [Template.Node] {
    if let mistake { throw mistake }
    let (nodes, end) = try block(depth: 0)
    if let end { throw Template.Mistake("unexpected {{\(end.keyword)}}") }
    return nodes
  }

  // MARK: Blocks

  private struct End {
    var keyword: String
    var rest: ArraySlice<Token>
  }

  /// Nodes up to the end of the text, or an `else` or `end`.
  private mutating func block(depth: Int) throws(Template.Mistake) -> ([Template.Node], End?) {
    guard depth < Self.depthLimit else { throw Template.Mistake("blocks stand in blocks too deep") }
    var nodes: [Template.Node] = []
    while position < pieces.count {
      defer { position += 1 }
      switch pieces[position] {
      case .text(let text): nodes.append(.text(text))
      case .action(let tokens):
        guard let first = tokens.first else { throw Template.Mistake("{{}} holds nothing") }
        switch first {
        case .word("end"), .word("else"):
          guard case .word(let keyword) = first else { continue }
          return (nodes, End(keyword: keyword, rest: tokens.dropFirst()))
        case .word("if"): nodes.append(try branches(tokens.dropFirst(), depth: depth))
        case .word("range"), .word("with"): nodes.append(try loop(tokens, depth: depth))
        default: nodes.append(.value(try Self.pipeline(tokens[...])))
        }
      }
    }
    return (nodes, nil)
  }

  private mutating func branches(_ tokens: ArraySlice<Token>, depth: Int) throws(Template.Mistake) -> Template.Node {
    var branches: [(condition: Template.Pipeline?, body: [Template.Node])] = []
    var condition: Template.Pipeline? = try Self.pipeline(tokens)
    while true {
      position += 1
      let (body, end) = try block(depth: depth + 1)
      // The loop of the caller steps on by itself.
      position -= 1
      guard let end else { throw Template.Mistake("{{if}} has no {{end}}") }
      branches.append((condition, body))
      if end.keyword == "end" { return .branches(branches) }
      guard condition != nil else { throw Template.Mistake("{{else}} follows {{else}}") }
      switch end.rest.first {
      case nil: condition = nil
      case .word("if"): condition = try Self.pipeline(end.rest.dropFirst())
      default: throw Template.Mistake("after {{else}} comes if, or nothing")
      }
    }
  }

  private mutating func loop(_ tokens: [Token], depth: Int) throws(Template.Mistake) -> Template.Node {
    let isLoop = tokens.first == .word("range")
    let pipeline = try Self.pipeline(tokens.dropFirst())
    position += 1
    let (body, end) = try block(depth: depth + 1)
    position -= 1
    guard let end else { throw Template.Mistake("{{\(isLoop ? "range" : "with")}} has no {{end}}") }
    var otherwise: [Template.Node] = []
    if end.keyword == "else" {
      position += 1
      let (nodes, last) = try block(depth: depth + 1)
      position -= 1
      guard let last, last.keyword == "end" else {
        throw Template.Mistake("{{\(isLoop ? "range" : "with")}} has no {{end}}")
      }
      otherwise = nodes
    }
    return isLoop
      ? .loop(over: pipeline, body: body, otherwise: otherwise) : .with(pipeline, body: body, otherwise: otherwise)
  }

  // MARK: Pipelines

  static func pipeline(_ tokens: ArraySlice<Token>) throws(Template.Mistake) -> Template.Pipeline {
    var rest = tokens
    let (pipeline, _) = try pipeline(&rest, isNested: false, depth: 0)
    return pipeline
  }

  private static func pipeline(
    _ rest: inout ArraySlice<Token>, isNested: Bool, depth: Int
  ) throws(Template.Mistake) -> (Template.Pipeline, fields: [String]) {
    guard depth < depthLimit else { throw Template.Mistake("parentheses stand in parentheses too deep") }
    var commands: [[Template.Operand]] = [[]]
    while let token = rest.popFirst() {
      switch token {
      case .pipe:
        guard commands.last?.isEmpty == false else { throw Template.Mistake("nothing stands before |") }
        commands.append([])
      case .open:
        let (inner, fields) = try pipeline(&rest, isNested: true, depth: depth + 1)
        commands[commands.count - 1].append(.nested(inner, fields: fields))
      case .close(let fields):
        guard isNested else { throw Template.Mistake("a parenthesis closes that was not opened") }
        guard commands.last?.isEmpty == false else { throw Template.Mistake("parentheses hold nothing") }
        return (Template.Pipeline(commands: commands), fields)
      case .string(let text): commands[commands.count - 1].append(.literal(.string(text)))
      case .word(let word): commands[commands.count - 1].append(try operand(word))
      }
    }
    guard !isNested else { throw Template.Mistake("a parenthesis is not closed") }
    guard commands.last?.isEmpty == false else { throw Template.Mistake("a command is missing") }
    return (Template.Pipeline(commands: commands), [])
  }

  private static func operand(_ word: String) throws(Template.Mistake) -> Template.Operand {
    if word.hasPrefix(".") { return .field(try fields(word)) }
    if word == "$" { return .root([]) }
    if word.hasPrefix("$.") { return .root(try fields(String(word.dropFirst()))) }
    if word.hasPrefix("$") { throw Template.Mistake("variables such as \(word) are not built yet") }
    if let number = Int64(word) { return .literal(.integer(number)) }
    switch word {
    case "true": return .literal(true)
    case "false": return .literal(false)
    case "nil": return .literal(.null)
    default: break
    }
    guard TemplateEvaluator.functions.contains(word) else {
      throw Template.Mistake("there is no function \"\(word)\" (fields begin with a dot)")
    }
    return .function(word)
  }

  private static func fields(_ word: String) throws(Template.Mistake) -> [String] {
    if word == "." { return [] }
    let names = word.dropFirst().split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !names.contains("") else { throw Template.Mistake("\(word) names no field") }
    return names
  }
}

// The text and its words.
extension TemplateParser {
  private static func split(_ text: String) throws(Template.Mistake) -> [Piece] {
    var pieces: [Piece] = []
    var rest = Array(text.unicodeScalars)[...]
    var plain = String.UnicodeScalarView()
    while let scalar = rest.first {
      guard scalar == "{", rest.dropFirst().first == "{" else {
        plain.append(scalar)
        rest = rest.dropFirst()
        continue
      }
      rest = rest.dropFirst(2)
      // `{{- ` takes the blanks before away, ` -}}` those behind.
      if rest.first == "-", let next = rest.dropFirst().first, isBlank(next) {
        rest = rest.dropFirst()
        while let last = plain.last, isBlank(last) { plain.removeLast() }
      }
      if !plain.isEmpty { pieces.append(.text(String(plain))) }
      plain = String.UnicodeScalarView()
      let trims = try action(&rest, into: &pieces)
      if trims { rest = rest.drop(while: isBlank) }
    }
    if !plain.isEmpty { pieces.append(.text(String(plain))) }
    return pieces
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r"
  }

  /// Reads words up to `}}`; says whether the blanks behind are to go. A comment is passed over.
  private static func action(
    _ rest: inout ArraySlice<Unicode.Scalar>, into pieces: inout [Piece]
  ) throws(Template.Mistake) -> Bool {
    var tokens: [Token] = []
    var isComment = false
    while let scalar = rest.first {
      if scalar == "}", rest.dropFirst().first == "}" {
        rest = rest.dropFirst(2)
        if !isComment { pieces.append(.action(tokens)) }
        return false
      }
      if scalar == "-", rest.dropFirst().starts(with: "}}".unicodeScalars) {
        rest = rest.dropFirst(3)
        if !isComment { pieces.append(.action(tokens)) }
        return true
      }
      if scalar == "/", rest.dropFirst().first == "*" {
        isComment = true
        rest = rest.dropFirst(2)
        while !rest.isEmpty, !rest.starts(with: "*/".unicodeScalars) { rest = rest.dropFirst() }
        rest = rest.dropFirst(2)
        continue
      }
      try token(scalar, &rest, &tokens)
    }
    throw Template.Mistake("{{ is not closed by }}")
  }

  private static func token(
    _ scalar: Unicode.Scalar, _ rest: inout ArraySlice<Unicode.Scalar>, _ tokens: inout [Token]
  ) throws(Template.Mistake) {
    switch scalar {
    case _ where isBlank(scalar): rest = rest.dropFirst()
    case "|":
      rest = rest.dropFirst()
      tokens.append(.pipe)
    case "(":
      rest = rest.dropFirst()
      tokens.append(.open)
    case ")":
      rest = rest.dropFirst()
      let fields = rest.first == "." ? word(&rest) : ""
      tokens.append(.close(fields.split(separator: ".").map(String.init)))
    case "\"": tokens.append(.string(try quoted(&rest)))
    case "`":
      let body = rest.dropFirst().prefix { $0 != "`" }
      rest = rest.dropFirst(body.count + 2)
      tokens.append(.string(text(body)))
    default:
      let word = word(&rest)
      guard !word.isEmpty else { throw Template.Mistake("unexpected \"\(scalar)\"") }
      tokens.append(.word(word))
    }
  }

  private static func word(_ rest: inout ArraySlice<Unicode.Scalar>) -> String {
    let body = rest.prefix { !isBlank($0) && !"|()\"`}".unicodeScalars.contains($0) }
    rest = rest.dropFirst(body.count)
    return text(body)
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  private static func quoted(_ rest: inout ArraySlice<Unicode.Scalar>) throws(Template.Mistake) -> String {
    var view = String.UnicodeScalarView()
    rest = rest.dropFirst()
    while let scalar = rest.popFirst() {
      if scalar == "\"" { return String(view) }
      guard scalar == "\\" else {
        view.append(scalar)
        continue
      }
      switch rest.popFirst() {
      case "n": view.append("\n")
      case "t": view.append("\t")
      case "r": view.append("\r")
      case let other?: view.append(other)
      case nil: break
      }
    }
    throw Template.Mistake("a string is not closed")
  }
}
