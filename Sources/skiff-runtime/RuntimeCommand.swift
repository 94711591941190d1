import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// Reads the command line, does the verb, tells how it went.
struct RuntimeCommand {
  var stateRoot: String?
  /// The root is the caller's choice, not the default.
  var namesRoot = false
  var report = Report()
  var cgroupManager = CgroupManager.cgroupfs
  var isRootless = false
  var isDebugging = false
  let arguments: [String]

  static let globalRules: [OptionRule] = [
    .value("root"), .value("log"), .value("log-format"), .flag("debug"), .flag("systemd-cgroup"),
    .value("cgroup-manager"), .value("rootless"), .value("criu"), .flag("version", "v"), .flag("help", "h"),
  ]

  /// Gives the exit code.
  static func main(_ arguments: [String]) -> Int32 {
    // Files that the caller left open must not travel on by accident; what is to be preserved is marked later.
    var command = RuntimeCommand(stateRoot: defaultRoot(), arguments: arguments)
    do {
      return try command.run(arguments.dropFirst())
    } catch let error as UsageError {
      command.report.error(error.words)
      return 1
    } catch let error as RuntimeError {
      if case .launch(let failure) = error, failure.isOfProgram {
        command.report.failureOfProgram(error.description)
      } else {
        command.report.error(error.description)
      }
      return command.exitCode(error)
    } catch let error as LaunchError {
      command.report.error(error.description)
      return 1
    } catch {
      command.report.error("\(error)")
      return 1
    }
  }

  /// `/run/skiff` for root, the user's own runtime directory for anybody else, also where that user is root of a user namespace.
  /// Nil where there is none: a name in a directory of all users could be somebody else's trap.
  private static func defaultRoot() -> String? {
    let directory = ProcessEnvironment.value(named: "XDG_RUNTIME_DIR").flatMap { $0.hasPrefix("/") ? $0 : nil }
    if Credentials.effectiveUserID != 0 { return directory.map { "\($0)/skiff" } }
    if let directory, (try? UserNamespace.isOuter()) == true { return "\(directory)/skiff" }
    return "/run/skiff"
  }

  private static func rootlessness(_ text: String) throws -> Bool {
    switch text {
    case "auto": return SystemdUnit.callerIsUser
    case "true", "1": return true
    case "false", "0": return false
    default: throw UsageError(words: "invalid value \"\(text)\" for flag --rootless: it must be true, false or auto")
    }
  }

  /// As runc's; a caller that asked for them gets a shell's codes for a program that is not there or cannot be executed.
  private func exitCode(_ error: RuntimeError) -> Int32 {
    guard isExec else { return 1 }
    guard arguments.contains("--shell-exit-codes") else { return 255 }
    guard case .launch(let failure) = error else { return 125 }
    switch failure.kind {
    case .failed: return 125
    case .notExecutable: return 126
    case .notFound: return 127
    }
  }

  private var isExec: Bool { arguments.contains("exec") }

  private mutating func run(_ words: ArraySlice<String>) throws -> Int32 {
    let globalEnd = try Self.verbIndex(words)
    let globals = try ParsedArguments(words[..<globalEnd], Self.globalRules)
    if let root = globals.value("root") { (stateRoot, namesRoot) = (root, true) }
    for target in ["journald:", "syslog:"] where globals.value("log")?.hasPrefix(target) == true {
      throw UsageError(words: "--log \(target) is not supported: give a file")
    }
    if let log = globals.value("log") { report.logPath = log.hasPrefix("file:") ? String(log.dropFirst(5)) : log }
    if let format = globals.value("log-format") {
      guard format == "json" || format == "text" else { throw UsageError(words: "invalid log-format \(format)") }
      report.isJSON = format == "json"
    }
    try report.openLog()
    if globals.has("systemd-cgroup") { cgroupManager = .systemd }
    if let name = globals.value("cgroup-manager") {
      guard let manager = CgroupManager(rawValue: name) else {
        throw UsageError(words: "unknown cgroup manager \"\(name)\": it must be cgroupfs, systemd or disabled")
      }
      cgroupManager = manager
    }
    isRootless = try Self.rootlessness(globals.value("rootless") ?? "auto")
    isDebugging = globals.has("debug")
    if globals.has("version") {
      let version = "skiff-runtime version \(SkiffVersion.text)\nspec: \(SkiffVersion.runtimeSpecification)"
      try printBytes(Array(version.utf8))
      return 0
    }
    guard globalEnd < words.endIndex, !globals.has("help") else {
      try printBytes(Array(Help.overview.utf8))
      return globals.has("help") ? 0 : 1
    }
    let verb = words[globalEnd]
    let rest = words[(globalEnd + 1)...]
    if verb == "checkpoint", rest.contains("--help") || rest.contains("-h") { return try checkpointHelp() }
    if rest.contains("--help") || rest.contains("-h"), let help = Help.text(of: verb),
      // After exec's id everything is the program's.
      verb != "exec" && verb != "ps" || ["--help", "-h"].contains(rest.first)
    {
      try printBytes(Array(help.utf8))
      return 0
    }
    if ["--help", "-h"].contains(rest.first), Help.verbs[verb] == nil {
      throw UsageError(words: "No help topic for '\(verb)'")
    }
    let began = ClockTime.monotonic().totalNanoseconds
    let code = try perform(verb, rest)
    if isDebugging {
      report.debug("\(verb) took \((ClockTime.monotonic().totalNanoseconds - began) / 1000) µs and ended with \(code)")
    }
    return code
  }

  /// Where the globals end: the first word that is neither an option nor an option's value.
  private static func verbIndex(_ words: ArraySlice<String>) throws -> Int {
    var index = words.startIndex
    while index < words.endIndex {
      let word = words[index]
      guard word.hasPrefix("-") else { return index }
      let name = String(word.drop { $0 == "-" })
      let rule = globalRules.first { $0.name == name || $0.short == name }
      index += rule?.takesValue == true ? 2 : 1
    }
    return words.endIndex
  }

  private func perform(_ verb: String, _ words: ArraySlice<String>) throws -> Int32 {
    switch verb {
    case "create": return try create(words)
    case "run": return try run(verb: words)
    case "start": return try start(words)
    case "exec": return try exec(words)
    case "state": return try state(words)
    case "kill": return try kill(words)
    case "delete": return try delete(words)
    case "list": return try list(words)
    case "spec": return try writeSpec(words)
    case "features":
      try printBytes(Features.document())
      return 0
    case "monitor": return try monitor(words)
    case "forward": return try forward(words)
    case "pause": return try pause(words)
    case "resume": return try resume(words)
    case "ps": return try processes(words)
    case "update": return try update(words)
    case "events": return try events(words)
    case "checkpoint": return try checkpoint(words)
    case "restore": return try restore(words)
    case "mounts": return try mounts(words)
    default: throw UsageError(words: "unknown command \"\(verb)\" (see skiff-runtime --help)")
    }
  }

  var runtime: ContainerRuntime {
    get throws(UsageError) {
      guard let stateRoot else {
        throw UsageError(words: "XDG_RUNTIME_DIR is not set: name a directory for the containers' states with --root")
      }
      return ContainerRuntime(root: stateRoot)
    }
  }

  /// - Parameter furtherLimit: how many words may follow the id.
  func containerID(
    _ arguments: ParsedArguments, _ verb: String, furtherLimit: Int = 0
  ) throws -> ContainerID {
    guard let text = arguments.positional.first else {
      throw UsageError(words: "\"\(verb)\" requires a container id as its argument")
    }
    guard arguments.positional.count - 1 <= furtherLimit else {
      let count = furtherLimit == 0 ? "exactly 1" : "at most \(furtherLimit + 1)"
      throw UsageError(words: "\"\(verb)\" requires \(count) argument(s)")
    }
    do {
      return try ContainerID(text)
    } catch {
      throw UsageError(words: error.description)
    }
  }
}
