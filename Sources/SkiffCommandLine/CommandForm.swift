/// What a command takes: its options in groups, and the words behind them. Made by `Command.declare`, read by the parser, the
/// help text, the manual pages and the completion of shells.
///
/// A form is data and plain closures, without reflection: declaring a hundred options costs microseconds, and every start of a
/// container pays it (docs/decisions/0004-command-line.md).
public struct CommandForm<Values> {
  /// The lines behind "Usage:", each whole; empty if they follow from the options and words.
  public var usage: [String] = []
  /// What is said beneath the abstract; examples.
  public var discussion = ""

  package private(set) var options: [CommandOption<Values>] = []
  package private(set) var words: [CommandWords<Values>] = []
  private var group: String?

  package init() {}

  /// An option that is there or not: `--rm`, and `--rm=false` as pflag takes it.
  ///
  /// - Parameters:
  ///   - names: All its names with their dashes, separated by spaces: `-d --detach`.
  ///   - help: What it does, as a sentence; nil hides it.
  ///   - set: Is given what was said.
  public mutating func flag(_ names: String, _ help: String?, set: @escaping (inout Values, Bool) -> Void) {
    options.append(
      CommandOption(
        names: names, valueName: nil, choices: [], help: help, group: group,
        set: { values, text in
          guard let isOn = FlagValue.parse(text) else { return "it is true or false" }
          set(&values, isOn)
          return nil
        }))
  }

  /// An option that is there or not, or has one of some values: `--explain`, `--explain=dry`.
  public mutating func flag(
    _ names: String, orOneOf choices: [String], _ help: String?, set: @escaping (inout Values, Bool, String?) -> Void
  ) {
    options.append(
      CommandOption(
        names: names, valueName: nil, choices: choices, help: help, group: group,
        set: { values, text in
          if choices.contains(text) {
            set(&values, true, text)
          } else if let isOn = FlagValue.parse(text) {
            set(&values, isOn, nil)
          } else {
            return "it is \(choices.joined(separator: ", ")), true or false"
          }
          return nil
        }))
  }

  /// An option with a value: `--name web`, `--name=web`, `-w/src`. Given again, it is set again: a list appends.
  ///
  /// - Parameter completes: What a shell offers for the value; nil for what the value's name tells: `DIR`, `host|private`, `SIGNAL`.
  public mutating func value(
    _ names: String, _ valueName: String, _ help: String?, completes: CompletionKind? = nil,
    set: @escaping (inout Values, String) -> Void
  ) {
    options.append(
      CommandOption(
        names: names, valueName: valueName, choices: [], help: help, group: group, completes: completes,
        set: { values, text in
          set(&values, text)
          return nil
        }))
  }

  /// An option whose value is a whole number that its type can hold.
  public mutating func number<Number: FixedWidthInteger>(
    _ names: String, _ valueName: String, _ help: String?, set: @escaping (inout Values, Number) -> Void
  ) {
    options.append(
      CommandOption(
        names: names, valueName: valueName, choices: [], help: help, group: group,
        set: { values, text in
          guard let number = Number(text) else {
            return "it is a whole number from \(Number.min) to \(Number.max)"
          }
          set(&values, number)
          return nil
        }))
  }

  /// Options that several commands share, as a part of this one's values.
  ///
  /// - Parameter lend: Hands the part on to a closure, to be changed in place.
  public mutating func group<Part: OptionGroup>(
    _ title: String?, _ part: Part.Type, lend: @escaping (inout Values, (inout Part) -> Void) -> Void
  ) {
    var form = CommandForm<Part>()
    Part.declare(&form)
    for option in form.options {
      options.append(
        CommandOption(
          names: option.names, valueName: option.valueName, choices: option.choices, help: option.help,
          group: title ?? option.group, completes: option.completes,
          set: { values, text in
            var mistake: String?
            lend(&values) { mistake = option.set(&$0, text) }
            return mistake
          }))
    }
    for word in form.words {
      words.append(
        CommandWords<Values>(
          valueName: word.valueName, help: word.help, count: word.count, completes: word.completes
        ) {
          values, text in lend(&values) { word.set(&$0, text) }
        })
    }
  }

  /// A word that must be there.
  public mutating func word(
    _ valueName: String, _ help: String, completes: CompletionKind = .file,
    set: @escaping (inout Values, String) -> Void
  ) {
    words.append(CommandWords(valueName: valueName, help: help, count: .one, completes: completes, set: set))
  }

  /// A word that may be there.
  public mutating func optionalWord(
    _ valueName: String, _ help: String, completes: CompletionKind = .file,
    set: @escaping (inout Values, String) -> Void
  ) {
    words.append(CommandWords(valueName: valueName, help: help, count: .optional, completes: completes, set: set))
  }

  /// One word or more.
  public mutating func list(
    _ valueName: String, _ help: String, completes: CompletionKind = .file,
    set: @escaping (inout Values, String) -> Void
  ) {
    words.append(CommandWords(valueName: valueName, help: help, count: .atLeastOne, completes: completes, set: set))
  }

  /// Any number of words, none too.
  public mutating func anyWords(
    _ valueName: String, _ help: String, completes: CompletionKind = .file,
    set: @escaping (inout Values, String) -> Void
  ) {
    words.append(CommandWords(valueName: valueName, help: help, count: .any, completes: completes, set: set))
  }

  /// Everything from the first word that is no option of this command: a command line for somebody else.
  public mutating func commandLine(
    _ valueName: String, _ help: String, completes: CompletionKind, set: @escaping (inout Values, String) -> Void
  ) {
    words.append(CommandWords(valueName: valueName, help: help, count: .rest, completes: completes, set: set))
  }
}

/// An option of a command.
package struct CommandOption<Values> {
  package var names: String
  /// What its value is called; nil for a flag.
  package var valueName: String?
  /// The values beside true and false that a flag may have.
  package var choices: [String]
  package var help: String?
  package var group: String?
  /// What a shell offers for the value; nil for what the value's name tells.
  package var completes: CompletionKind?
  /// Takes a value in; gives what is wrong with it.
  package var set: (inout Values, String) -> String?

  package var isFlag: Bool { valueName == nil }
  package var nameList: [Substring] { names.split(separator: " ") }

  /// Whether one of its names is this word, dashes included.
  func isCalled(_ word: some StringProtocol) -> Bool {
    nameList.contains { $0 == word }
  }
}

/// Words of a command that are no options.
package struct CommandWords<Values> {
  package var valueName: String
  package var help: String
  package var count: WordCount
  package var completes: CompletionKind
  package var set: (inout Values, String) -> Void
}

/// How many words may stand in a place.
package enum WordCount {
  case one, optional, any, atLeastOne
  /// All that follow, options or not.
  case rest
}

/// What a shell may offer in the place of a word.
public enum CompletionKind: Sendable {
  case file, container, image, volume, network, secret, signal, nothing
}

/// The words for yes and no that pflag, the parser of docker and podman, takes (strconv.ParseBool).
enum FlagValue {
  static func parse(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }
}
