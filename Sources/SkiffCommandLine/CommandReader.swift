/// Reads the words of one command as pflag does, which docker's and podman's users have in their fingers:
/// `--name=web`, `--name web`, `-w/src`, `-w=/src`, `-itd`, `--rm=false`, `--` before words that begin with a dash.
enum CommandReader<C: Command> {
  static func read(_ words: [String]) throws(CommandLineMistake) -> C {
    var form = CommandForm<C>()
    C.declare(&form)
    var values = C()
    var rest = words[...]
    var plain: [String] = []
    // Of a command that ends in somebody else's command line, that begins at the first word that is no option.
    let passesOn = form.words.last?.count == .rest
    while let word = rest.first {
      guard word.count > 1, word.hasPrefix("-") else {
        if passesOn { break }
        plain.append(rest.removeFirst())
        continue
      }
      if word == "--" {
        // The one who is passed the words sees the dashes, too: they may end his own options.
        if passesOn { break }
        plain += rest.dropFirst()
        rest = []
        break
      }
      if word == "--help" || (word == "-h" && !form.options.contains { $0.isCalled("-h") }) {
        throw HelpRequest.mistake
      }
      let taken = try take(word, &rest, form, &values)
      if !taken {
        if passesOn { break }
        throw CommandLineMistake("there is no option \(word.prefix { $0 != "=" })")
      }
    }
    try place(plain + rest, form, &values)
    try values.validate()
    return values
  }

  /// Takes the option that a word names out of the words, with its value. False if there is none of that name.
  private static func take(
    _ word: String, _ rest: inout ArraySlice<String>, _ form: CommandForm<C>, _ values: inout C
  ) throws(CommandLineMistake) -> Bool {
    guard word.hasPrefix("--") else { return try takeLetters(word, &rest, form, &values) }
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, let option = form.options.first(where: { $0.isCalled(name) }) else { return false }
    rest.removeFirst()
    let value: String
    if parts.count == 2 {
      value = String(parts[1])
    } else if option.isFlag {
      value = "true"
    } else {
      guard let next = rest.popFirst() else { throw CommandLineMistake("the option \(name) needs a value") }
      value = next
    }
    try set(option, String(name), value, &values)
    return true
  }

  /// Takes letters behind one dash: flags, and at the end perhaps one with a value, joined or in the next word.
  private static func takeLetters(
    _ word: String, _ rest: inout ArraySlice<String>, _ form: CommandForm<C>, _ values: inout C
  ) throws(CommandLineMistake) -> Bool {
    // All letters are looked up before one is taken: an unknown one refuses the whole word.
    var letters = word.dropFirst()
    var found: [(option: CommandOption<C>, name: String, value: String?)] = []
    while let letter = letters.popFirst() {
      let name = "-\(letter)"
      guard let option = form.options.first(where: { $0.isCalled(name) }) else { return false }
      guard option.isFlag else {
        let joined = letters.first == "=" ? letters.dropFirst() : letters
        found.append((option, name, letters.isEmpty ? nil : String(joined)))
        break
      }
      // `-i=false`
      let value = letters.first == "=" ? String(letters.dropFirst()) : nil
      found.append((option, name, value ?? "true"))
      if value != nil { break }
    }
    rest.removeFirst()
    for (option, name, value) in found {
      guard let value = value ?? rest.popFirst() else {
        throw CommandLineMistake("the option \(name) needs a value")
      }
      try set(option, name, value, &values)
    }
    return true
  }

  private static func set(
    _ option: CommandOption<C>, _ name: String, _ value: String, _ values: inout C
  ) throws(CommandLineMistake) {
    if let mistake = option.set(&values, value) {
      throw CommandLineMistake("the value \"\(value)\" of \(name) is no good: \(mistake)")
    }
  }

  /// Hands the words that are no options to what takes them.
  private static func place(
    _ words: [String], _ form: CommandForm<C>, _ values: inout C
  ) throws(CommandLineMistake) {
    var words = words[...]
    for place in form.words {
      switch place.count {
      case .one:
        guard let word = words.popFirst() else { throw CommandLineMistake("\(place.valueName) is missing") }
        place.set(&values, word)
      case .optional:
        if let word = words.popFirst() { place.set(&values, word) }
      case .any, .atLeastOne, .rest:
        if words.isEmpty, place.count == .atLeastOne { throw CommandLineMistake("\(place.valueName) is missing") }
        for word in words { place.set(&values, word) }
        words = []
      }
    }
    if let word = words.first { throw CommandLineMistake("\"\(word)\" is one word too many") }
  }
}

/// Asking for help ends the reading of a command line as a mistake does, and is none.
enum HelpRequest {
  static let mistake = CommandLineMistake("")
}
