import SkiffEngine

/// What stands before the command: where the engine keeps its things.
struct GlobalOptions: Sendable {
  private(set) var root: String?
  private(set) var runRoot: String?
  private(set) var storageDriver: String?
  /// The words from the command on.
  private(set) var remainder: [String] = []
  /// What was typed wrong.
  private(set) var mistake: String?

  /// Those of this process.
  static let current = GlobalOptions(Array(CommandLine.arguments.dropFirst()))

  init(_ words: [String]) {
    var rest = words[...]
    while let word = rest.first, word.hasPrefix("-") {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      switch parts[0] {
      case "--root", "--run-root", "--storage-driver":
        rest = rest.dropFirst()
        guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
          mistake = "the option \(parts[0]) needs a value"
          return
        }
        take(parts[0], value)
      case "--debug", "-D", "--log-level", "-l":
        mistake = "\(parts[0]) is not built yet: there is no log (run --explain says what is done)"
        return
      case "-v", "--version": rest = ["version"]
      default:
        // Help, or an option that the parser of commands refuses in its own words.
        remainder = Array(rest)
        return
      }
    }
    remainder = Array(rest)
  }

  private mutating func take(_ name: String, _ value: String) {
    switch name {
    case "--root": root = value
    case "--run-root": runRoot = value
    default: storageDriver = value
    }
  }

  /// The configuration that they ask for.
  func configuration() throws(EngineError) -> EngineConfiguration {
    try EngineConfiguration.fromEnvironment(root: root, runRoot: runRoot, storageDriver: storageDriver)
  }

  /// An engine over the store that they name.
  func engine() throws(EngineError) -> Engine {
    try Engine(try configuration())
  }
}
