/// A program of several commands.
public struct CommandLineProgram {
  public let name: String
  public let abstract: String
  /// What its help says beneath the abstract.
  public let discussion: String
  public let entries: [CommandEntry]

  public init(name: String, abstract: String, discussion: String, _ entries: [CommandEntry]) {
    self.name = name
    self.abstract = abstract
    self.discussion = discussion
    self.entries = entries
  }

  /// What a command line asks for.
  public enum Request {
    /// A command, its values filled in.
    case command(any Command)
    /// A text for standard output.
    case text(String)
  }

  /// Finds the command that the words begin with and reads the rest of them.
  ///
  /// - Throws: What is wrong, in a sentence, and the command that it is wrong with.
  public func read(_ words: [String]) throws(CommandLineMistake) -> Request {
    var rest = words[...]
    var path = [name]
    var known = entries
    while true {
      guard let word = rest.first else { return .text(help(path)) }
      if word == "--help" || word == "-h" { return .text(help(path)) }
      if word == "help", !known.contains(where: { $0.isCalled("help") }) {
        return .text(try helpFor(path, rest.dropFirst()))
      }
      guard let entry = known.first(where: { $0.isCalled(word) }) else {
        throw mistake(
          word.hasPrefix("-") ? "there is no option \(word.prefix { $0 != "=" })" : unknown(word, known), path)
      }
      rest.removeFirst()
      path.append(entry.name)
      guard let parse = entry.parse else {
        known = entry.children
        continue
      }
      do throws(CommandLineMistake) {
        return .command(try parse(Array(rest)))
      } catch {
        if error.description.isEmpty { return .text(help(path)) }
        throw mistake(error.description, path)
      }
    }
  }

  /// The help of a command, as `--help` shows it.
  public func help<C: Command>(of command: C.Type) -> String {
    func find(_ entries: [CommandEntry], _ path: [String]) -> [String]? {
      for entry in entries {
        if entry.parse != nil, entry.name == C.name { return path + [entry.name] }
      }
      return nil
    }
    return help(find(entries, [name]) ?? [name])
  }

  private func helpFor(_ path: [String], _ words: ArraySlice<String>) throws(CommandLineMistake) -> String {
    var path = path
    for word in words {
      guard let entry = entry(path)?.children.first(where: { $0.isCalled(word) }) ?? topEntry(path, word) else {
        throw mistake(unknown(word, entry(path)?.children ?? entries), path)
      }
      path.append(entry.name)
    }
    return help(path)
  }

  private func topEntry(_ path: [String], _ word: String) -> CommandEntry? {
    path.count == 1 ? entries.first { $0.isCalled(word) } : nil
  }

  /// The entry at the end of a path that begins with the program's name; nil for the program.
  func entry(_ path: [String]) -> CommandEntry? {
    var found: CommandEntry?
    var known = entries
    for name in path.dropFirst() {
      found = known.first { $0.isCalled(name) }
      known = found?.children ?? []
    }
    return found
  }

  private func mistake(_ text: String, _ path: [String]) -> CommandLineMistake {
    var mistake = CommandLineMistake(text)
    mistake.path = path.joined(separator: " ")
    return mistake
  }

  private func unknown(_ word: String, _ known: [CommandEntry]) -> String {
    let near = known.filter { !$0.isHidden && Spelling.isNear(word, $0.name) }.map(\.name)
    return "there is no command \"\(word)\"" + (near.isEmpty ? "" : ": is it \(near.joined(separator: " or "))?")
  }
}

/// Slips of the keyboard.
enum Spelling {
  /// Whether one change, one letter too many or too few, or two swapped letters lie between two words.
  static func isNear(_ a: String, _ b: String) -> Bool {
    let (a, b) = (Array(a), Array(b))
    guard abs(a.count - b.count) <= 1, a.count > 1 else { return false }
    let common = zip(a, b).prefix { $0 == $1 }.count
    let (restA, restB) = (a[common...], b[common...])
    if restA.dropFirst() == restB.dropFirst() || restA.dropFirst() == restB || restA == restB.dropFirst() {
      return true
    }
    return restA.count == restB.count && restA.count > 1
      && restA.first == restB.dropFirst().first && restA.dropFirst().first == restB.first
      && restA.dropFirst(2) == restB.dropFirst(2)
  }
}
