/// What a command takes, without the code behind it: for help, manual pages and completion.
package struct CommandDescription {
  package struct Option {
    package var names: [String]
    package var valueName: String?
    package var choices: [String]
    package var help: String?
    package var group: String?
    package var completes: CompletionKind?

    /// `-e, --env NAME=VALUE`; a long name alone stands under the long names of the others.
    package var label: String {
      let short = names.filter { !$0.hasPrefix("--") }
      let long = names.filter { $0.hasPrefix("--") }
      let joined = (short + long).joined(separator: ", ")
      let choice = choices.isEmpty ? "" : "[=" + choices.joined(separator: "|") + "]"
      return (short.isEmpty ? "    " : "") + joined + choice + (valueName.map { " " + $0 } ?? "")
    }
  }

  package struct Words {
    package var valueName: String
    package var help: String
    package var isOptional: Bool
    package var isRepeating: Bool
    /// Whether it is a command line for somebody else, whose options are not ours.
    package var isCommandLine: Bool
    package var completes: CompletionKind

    package var written: String {
      let word = valueName + (isRepeating && !valueName.contains(" ") ? "…" : "")
      return isOptional ? "[\(word)]" : word
    }
  }

  package var usage: [String] = []
  package var discussion = ""
  package var options: [Option] = []
  package var words: [Words] = []

  init() {}

  init<C: Command>(_ command: C.Type) {
    var form = CommandForm<C>()
    C.declare(&form)
    usage = form.usage
    discussion = form.discussion
    options = form.options.map {
      Option(
        names: $0.nameList.map(String.init), valueName: $0.valueName, choices: $0.choices, help: $0.help,
        group: $0.group, completes: $0.completes)
    }
    words = form.words.map {
      Words(
        valueName: $0.valueName, help: $0.help, isOptional: $0.count == .optional || $0.count == .any,
        isRepeating: $0.count == .any || $0.count == .atLeastOne || $0.count == .rest,
        isCommandLine: $0.count == .rest, completes: $0.completes)
    }
  }
}
