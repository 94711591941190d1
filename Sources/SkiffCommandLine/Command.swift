/// Options that several commands share.
public protocol OptionGroup {
  init()
  static func declare(_ form: inout CommandForm<Self>)
}

/// A command of a program: its values are its stored properties, filled in by what `declare` lists.
public protocol Command: OptionGroup {
  static var name: String { get }
  static var abstract: String { get }
  static var aliases: [String] { get }
  /// Whether it is for other programs, and no help speaks of it.
  static var isHidden: Bool { get }
  /// Says what does not fit together, before anything is done.
  func validate() throws(CommandLineMistake)
  mutating func run() throws
}

extension Command {
  public static var aliases: [String] { [] }
  public static var isHidden: Bool { false }
  public func validate() throws(CommandLineMistake) {}
}

/// A command line that makes no sense, or asks for help.
public struct CommandLineMistake: Error, CustomStringConvertible {
  /// One sentence without its full stop.
  public let description: String
  /// The words that lead to the command: `skiff container ls`.
  public internal(set) var path: String

  public init(_ description: String) {
    self.description = description
    path = ""
  }
}

/// A command, or a noun with commands beneath it, as the parser looks for it.
public struct CommandEntry {
  public let name: String
  public let aliases: [String]
  public let abstract: String
  public let isHidden: Bool
  /// Under which heading it is listed.
  public var group: String?
  package let children: [CommandEntry]
  /// Reads its words; gives what runs. Nil for a noun.
  package let parse: (([String]) throws(CommandLineMistake) -> any Command)?
  /// What it takes, for texts.
  package let describe: () -> CommandDescription

  /// An entry for a command.
  public init<C: Command>(_ command: C.Type) {
    name = C.name
    aliases = C.aliases
    abstract = C.abstract
    isHidden = C.isHidden
    children = []
    parse = { words throws(CommandLineMistake) in try CommandReader<C>.read(words) }
    describe = { CommandDescription(C.self) }
  }

  /// A noun: commands about one kind of thing.
  public init(noun: String, abstract: String, _ children: [CommandEntry]) {
    name = noun
    aliases = []
    self.abstract = abstract
    isHidden = false
    self.children = children
    parse = nil
    describe = { CommandDescription() }
  }

  /// A heading over several entries.
  public static func group(_ title: String, _ entries: [CommandEntry]) -> [CommandEntry] {
    entries.map {
      var entry = $0
      entry.group = title
      return entry
    }
  }

  func isCalled(_ word: String) -> Bool { name == word || aliases.contains(word) }
}
