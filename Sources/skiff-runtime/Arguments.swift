/// An option that a verb knows.
struct OptionRule {
  let name: String
  let short: String?
  let takesValue: Bool

  static func flag(_ name: String, _ short: String? = nil) -> OptionRule {
    OptionRule(name: name, short: short, takesValue: false)
  }

  static func value(_ name: String, _ short: String? = nil) -> OptionRule {
    OptionRule(name: name, short: short, takesValue: true)
  }
}

/// What was typed wrong, in words.
struct UsageError: Error {
  let words: String
}

/// A command line taken apart: `--name value`, `--name=value`, `-name` as engines written in Go send it, `-n value`; options may
/// stand before or after what is not an option.
struct ParsedArguments {
  private(set) var options: [(name: String, value: String)] = []
  private(set) var positional: [String] = []

  /// - Parameter stopsAtPositional: everything after the first (or, for exec, the second) word without a dash is left alone.
  init(_ words: ArraySlice<String>, _ rules: [OptionRule], stopsAfterPositional: Int = .max) throws(UsageError) {
    var rest = words
    while let word = rest.popFirst() {
      if positional.count >= stopsAfterPositional || !word.hasPrefix("-") || word == "-" {
        positional.append(word)
        continue
      }
      if word == "--" {
        positional.append(contentsOf: rest)
        return
      }
      let body = word.drop { $0 == "-" }
      let name = String(body.prefix { $0 != "=" })
      guard let rule = rules.first(where: { $0.name == name || $0.short == name }) else {
        throw UsageError(words: "flag provided but not defined: \(word)")
      }
      if let equals = body.firstIndex(of: "=") {
        options.append((rule.name, String(body[body.index(after: equals)...])))
      } else if rule.takesValue {
        guard let value = rest.popFirst() else { throw UsageError(words: "flag needs an argument: \(word)") }
        options.append((rule.name, value))
      } else {
        options.append((rule.name, "true"))
      }
    }
  }

  /// The last value given.
  func value(_ name: String) -> String? { options.last { $0.name == name }?.value }

  func values(_ name: String) -> [String] { options.filter { $0.name == name }.map(\.value) }

  func has(_ name: String) -> Bool {
    guard let value = value(name) else { return false }
    return value != "false" && value != "0"
  }

  /// A number that the option holds.
  func number<Number: FixedWidthInteger>(_ name: String, _ type: Number.Type) throws(UsageError) -> Number? {
    guard let text = value(name) else { return nil }
    guard let number = Number(text) else { throw UsageError(words: "invalid value \"\(text)\" for flag --\(name)") }
    return number
  }
}
