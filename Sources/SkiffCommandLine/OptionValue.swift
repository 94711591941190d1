/// What a shell may offer for the value of an option.
struct OptionValue {
  private let choices: [String]
  private let kind: CompletionKind
  private let help: String

  /// The name of a value tells what it may be: `host|private|container:NAME` two words and the beginning of a third, `DIR` a path,
  /// `SIGNAL` a signal. What may be left out stands in brackets and is none of these.
  init(_ option: CommandDescription.Option) {
    let name = Self.withoutBrackets(option.valueName ?? "")
    var choices = option.choices
    if name.contains("|") {
      choices = name.split(separator: "|").map { String($0.prefix { !$0.isUppercase && $0 != "…" }) }.filter {
        $0.contains(where: \.isLowercase)
      }
    }
    self.choices = choices
    help = option.help ?? ""
    if let completes = option.completes {
      kind = completes
    } else if ["FILE", "DIR", "PATH"].contains(where: { name.contains($0) }) {
      kind = .file
    } else if name.hasPrefix("CONTAINER") {
      kind = .container
    } else if name.hasPrefix("SIGNAL") {
      kind = .signal
    } else {
      kind = .nothing
    }
  }

  private static func withoutBrackets(_ text: String) -> String {
    var depth = 0
    return String(
      text.filter { character in
        if character == "[" { depth += 1 }
        defer { if character == "]" { depth -= 1 } }
        return depth == 0
      })
  }

  /// What may stand in the place of `current`, the value as far as it is typed.
  ///
  /// - Parameter prefix: what stands before the value in its word: `--network=`.
  func completions(_ current: String, behind prefix: String) -> CompletionAnswer {
    var answer = CompletionAnswer()
    answer.prefix = prefix
    let container = "container:"
    if choices.contains(container), current.hasPrefix(container) {
      answer.prefix += container
      answer.kind = .container
      return answer
    }
    // Behind a colon it is not the name of anything on this machine any more.
    if kind == .volume || kind == .network || kind == .secret, current.contains(where: { ":,".contains($0) }) {
      return answer
    }
    answer.kind = kind
    // With the names of networks come those that every machine has.
    let offered = kind == .network ? choices.filter { $0.hasSuffix(":") } : choices
    answer.words = offered.filter { $0.hasPrefix(current) }.map { ($0, help) }
    answer.isOpen =
      !answer.words.isEmpty && answer.words.allSatisfy { $0.word.hasSuffix(":") || $0.word.hasSuffix("=") }
    return answer
  }
}
