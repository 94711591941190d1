import SkiffSpec

/// Fills a template in. Values are shown as Go shows them: `true`, `[a b]`, `map[k:v]`, `<no value>`.
struct TemplateEvaluator {
  private let root: JSONValue
  private var sizeBytes = 0

  /// Largest result: loops in loops must not fill the memory.
  private static let resultLimitBytes = 64 << 20

  static let functions: Set<String> = [
    "json", "join", "index", "len", "upper", "lower", "title", "split", "print", "println", "printf", "eq", "ne", "lt",
    "le", "gt", "ge", "and", "or", "not", "truncate", "table",
  ]

  init(root: JSONValue) {
    self.root = root
  }

  mutating func render(
    _ nodes: [Template.Node], _ value: JSONValue, depth: Int
  ) throws(Template.Mistake) -> String {
    var result = ""
    for node in nodes {
      switch node {
      case .text(let text): result += text
      case .value(let pipeline): result += Self.text(try evaluate(pipeline, value))
      case .branches(let branches):
        for branch in branches {
          if let condition = branch.condition, !Self.isTrue(try evaluate(condition, value)) { continue }
          result += try render(branch.body, value, depth: depth + 1)
          break
        }
      case .loop(let pipeline, let body, let otherwise):
        let elements = Self.elements(try evaluate(pipeline, value))
        if elements.isEmpty { result += try render(otherwise, value, depth: depth + 1) }
        for element in elements { result += try render(body, element, depth: depth + 1) }
      case .with(let pipeline, let body, let otherwise):
        let inner = try evaluate(pipeline, value)
        result +=
          Self.isTrue(inner)
          ? try render(body, inner, depth: depth + 1) : try render(otherwise, value, depth: depth + 1)
      }
      guard result.utf8.count <= Self.resultLimitBytes else { throw Template.Mistake("the result is too large") }
    }
    return result
  }

  private func evaluate(_ pipeline: Template.Pipeline, _ value: JSONValue) throws(Template.Mistake) -> JSONValue {
    var result: JSONValue?
    for command in pipeline.commands { result = try evaluate(command, value, last: result) }
    return result ?? .null
  }

  private func evaluate(
    _ command: [Template.Operand], _ value: JSONValue, last: JSONValue?
  ) throws(Template.Mistake) -> JSONValue {
    guard let first = command.first else { throw Template.Mistake("a command is missing") }
    guard case .function(let name) = first else {
      guard command.count == 1, last == nil else { throw Template.Mistake("a value takes no arguments") }
      return try resolve(first, value)
    }
    var arguments: [JSONValue] = []
    for operand in command.dropFirst() { arguments.append(try resolve(operand, value)) }
    if let last { arguments.append(last) }
    return try Self.call(name, arguments)
  }

  private func resolve(_ operand: Template.Operand, _ value: JSONValue) throws(Template.Mistake) -> JSONValue {
    switch operand {
    case .field(let names): return try Self.field(names, of: value)
    case .root(let names): return try Self.field(names, of: root)
    case .literal(let literal): return literal
    case .function(let name): return try Self.call(name, [])
    case .nested(let pipeline, let fields): return try Self.field(fields, of: try evaluate(pipeline, value))
    }
  }

  private static func field(_ names: [String], of value: JSONValue) throws(Template.Mistake) -> JSONValue {
    var current = value
    for name in names {
      switch current {
      case .object(let object):
        if let member = object[name] {
          current = member
        } else if let member = object.members.first(where: { $0.key.lowercased() == name.lowercased() }) {
          // Docker's own words differ in case between its commands.
          current = member.value
        } else {
          throw Template.Mistake(
            "there is no field \"\(name)\" (there are " + object.keys.joined(separator: ", ") + ")")
        }
      case .null: return .null
      default: throw Template.Mistake("\"\(name)\" is asked of a value that has no fields")
      }
    }
    return current
  }

  // MARK: Values

  private static func elements(_ value: JSONValue) -> [JSONValue] {
    switch value {
    case .array(let elements): elements
    case .object(let object): object.members.sorted { $0.key < $1.key }.map(\.value)
    default: []
    }
  }

  static func isTrue(_ value: JSONValue) -> Bool {
    switch value {
    case .null: false
    case .bool(let flag): flag
    case .integer(let number): number != 0
    case .unsigned(let number): number != 0
    case .number(let number): number != 0
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let object): !object.isEmpty
    }
  }

  static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: "<no value>"
    case .bool(let flag): flag ? "true" : "false"
    case .string(let text): text
    case .array(let elements): "[" + elements.map(text).joined(separator: " ") + "]"
    case .object(let object):
      "map[" + object.members.sorted { $0.key < $1.key }.map { "\($0.key):\(text($0.value))" }.joined(separator: " ")
        + "]"
    case .integer, .unsigned, .number: value.description
    }
  }
}

// Functions.
extension TemplateEvaluator {
  private static func call(_ name: String, _ arguments: [JSONValue]) throws(Template.Mistake) -> JSONValue {
    switch name {
    case "json":
      guard arguments.count == 1 else { throw count(name, "one value") }
      return .string(arguments[0].description)
    case "len":
      guard arguments.count == 1 else { throw count(name, "one value") }
      return try length(arguments[0])
    case "upper", "lower", "title":
      guard arguments.count == 1 else { throw count(name, "one text") }
      return .string(cased(text(arguments[0]), name))
    case "join":
      guard arguments.count == 2 else { throw count(name, "a list and what stands between") }
      return .string(elements(arguments[0]).map(text).joined(separator: text(arguments[1])))
    case "split":
      guard arguments.count == 2 else { throw count(name, "a text and where to part it") }
      return split(text(arguments[0]), text(arguments[1]))
    case "truncate":
      guard arguments.count == 2, let limit = arguments[1].integer, limit >= 0 else {
        throw count(name, "a text and a length")
      }
      return .string(String(text(arguments[0]).prefix(Int(clamping: limit))))
    case "index": return try index(arguments)
    case "print", "table": return .string(arguments.map(text).joined(separator: name == "print" ? " " : "\t"))
    case "println": return .string(arguments.map(text).joined(separator: " ") + "\n")
    case "printf": return .string(try format(arguments))
    case "not":
      guard arguments.count == 1 else { throw count(name, "one value") }
      return .bool(!isTrue(arguments[0]))
    case "and": return arguments.first { !isTrue($0) } ?? arguments.last ?? true
    case "or": return arguments.first(where: isTrue) ?? arguments.last ?? false
    default: return .bool(try compare(name, arguments))
    }
  }

  private static func count(_ name: String, _ wanted: String) -> Template.Mistake {
    Template.Mistake("\(name) takes \(wanted)")
  }

  private static func length(_ value: JSONValue) throws(Template.Mistake) -> JSONValue {
    switch value {
    case .string(let text): JSONValue(text.utf8.count)
    case .array(let elements): JSONValue(elements.count)
    case .object(let object): JSONValue(object.count)
    case .null: 0
    default: throw Template.Mistake("len takes a text, a list or a map")
    }
  }

  private static func cased(_ text: String, _ name: String) -> String {
    switch name {
    case "upper": text.uppercased()
    case "lower": text.lowercased()
    default: text.prefix(1).uppercased() + text.dropFirst()
    }
  }

  private static func split(_ text: String, _ separator: String) -> JSONValue {
    guard let mark = separator.first, separator.count == 1 else { return [.string(text)] }
    return JSONValue(text.split(separator: mark, omittingEmptySubsequences: false).map(String.init))
  }

  private static func index(_ arguments: [JSONValue]) throws(Template.Mistake) -> JSONValue {
    guard var current = arguments.first else { throw count("index", "a value and keys") }
    for key in arguments.dropFirst() {
      switch (current, key) {
      case (.object(let object), .string(let name)): current = object[name] ?? .null
      case (.array(let elements), .integer(let position)):
        guard position >= 0, position < elements.count else {
          throw Template.Mistake("index \(position) is beyond the list's \(elements.count) elements")
        }
        current = elements[Int(position)]
      case (.null, _): return .null
      default: throw Template.Mistake("index takes a map and a name, or a list and a number")
      }
    }
    return current
  }

  /// `%s`, `%v`, `%d`, `%q` and `%%`, with a width.
  private static func format(_ arguments: [JSONValue]) throws(Template.Mistake) -> String {
    guard let pattern = arguments.first?.string else { throw count("printf", "a pattern and values") }
    var values = arguments.dropFirst()
    var result = ""
    var rest = pattern[...]
    while let character = rest.popFirst() {
      guard character == "%" else {
        result.append(character)
        continue
      }
      let isLeft = rest.first == "-"
      if isLeft { rest = rest.dropFirst() }
      let digits = rest.prefix { $0.isNumber && $0.isASCII }
      rest = rest.dropFirst(digits.count)
      let width = min(Int(digits) ?? 0, 1000)
      switch rest.popFirst() {
      case "%": result.append("%")
      case "s", "v", "d", "t":
        let shown = text(values.popFirst() ?? .string("%!(MISSING)"))
        let padding = String(repeating: " ", count: max(0, width - shown.count))
        result += isLeft ? shown + padding : padding + shown
      case "q": result += JSONValue.string(text(values.popFirst() ?? .null)).description
      default: throw Template.Mistake("printf knows %s, %v, %d, %q and %%")
      }
    }
    return result
  }

  private static func compare(_ name: String, _ arguments: [JSONValue]) throws(Template.Mistake) -> Bool {
    guard arguments.count >= 2 else { throw count(name, "two values") }
    let (left, right) = (arguments[0], arguments[1])
    switch name {
    // Equal to any of the others.
    case "eq": return arguments.dropFirst().contains { text($0) == text(left) }
    case "ne": return text(left) != text(right)
    default: break
    }
    let order: (less: Bool, equal: Bool)
    if let first = left.number, let second = right.number {
      order = (first < second, first == second)
    } else {
      order = (text(left) < text(right), text(left) == text(right))
    }
    switch name {
    case "lt": return order.less
    case "le": return order.less || order.equal
    case "gt": return !order.less && !order.equal
    default: return !order.less
    }
  }
}
