import SkiffKernel
import SkiffRuntime
import SkiffSpec

extension RuntimeCommand {
  private static let execRules: [OptionRule] = [
    .value("process", "p"), .flag("detach", "d"), .flag("tty", "t"), .value("pid-file"), .value("console-socket"),
    .value("cwd"), .value("env", "e"), .value("user", "u"), .value("additional-gids", "g"), .value("cap", "c"),
    .flag("no-new-privs"), .value("preserve-fds"), .value("detach-keys"), .flag("ignore-paused"), .value("apparmor"),
    .value("process-label"), .value("cgroup"), .value("pidfd-socket"), .flag("shell-exit-codes"),
  ]

  func exec(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try Self.execArguments(words)
    var request = ExecRequest(id: try containerID(arguments, "exec", furtherLimit: .max - 1))
    try runtime.enterUserNamespace(of: request.id, arguments: self.arguments)
    try enterProtection()
    request.appArmorProfile = arguments.value("apparmor")
    request.selinuxLabel = arguments.value("process-label")
    for text in arguments.values("cgroup") { try Self.addSubgroup(text, to: &request) }
    request.pidfdSocketPath = arguments.value("pidfd-socket")
    request.arguments = Array(arguments.positional.dropFirst())
    request.extraEnvironment = arguments.values("env")
    request.workingDirectory = arguments.value("cwd")
    request.detaches = arguments.has("detach")
    if isDebugging { request.tell = report.debug }
    request.ignoresPause = arguments.has("ignore-paused")
    request.pidFilePath = arguments.value("pid-file")
    request.consoleSocketPath = arguments.value("console-socket")
    request.preservedDescriptors = try preservedDescriptors(arguments)
    request.extraCapabilities = arguments.values("cap")
    if arguments.has("tty") { request.wantsTerminal = true }
    // Also `=false`, for a container that has it.
    if arguments.value("no-new-privs") != nil { request.noNewPrivileges = arguments.has("no-new-privs") }
    if let text = arguments.value("user") { request.user = try Self.user(text) }
    for text in arguments.values("additional-gids") {
      guard let id = UInt32(text), id < .max else { throw RuntimeError.failed("invalid group id \"\(text)\"") }
      request.additionalGroupIDs.append(id)
    }
    if let keys = arguments.value("detach-keys") {
      guard let parsed = DetachKeyScanner.parse(keys) else {
        throw UsageError(words: "invalid detach keys \"\(keys)\"")
      }
      request.detachKeys = parsed
    }
    if let path = arguments.value("process") { request.process = try Self.readProcess(path) }
    try closeOnExec(preserving: request.preservedDescriptors)
    return try runtime.exec(request, warn: report.warning)
  }

  /// After the id everything belongs to the program, unless the process comes as a file: then options may follow the id, too.
  private static func execArguments(_ words: ArraySlice<String>) throws(UsageError) -> ParsedArguments {
    let arguments = try ParsedArguments(words, execRules, stopsAfterPositional: 1)
    // No program's name begins with a dash.
    let isFollowedByOption = arguments.positional.dropFirst().first?.hasPrefix("-") == true
    guard arguments.value("process") != nil || isFollowedByOption else { return arguments }
    return try ParsedArguments(words, execRules)
  }

  /// `PATH`, or `CONTROLLER[,CONTROLLER]:PATH` on control groups of version 1.
  private static func addSubgroup(_ text: String, to request: inout ExecRequest) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let controllers = parts.count == 2 ? parts[0].split(separator: ",").map(String.init) : [""]
    for controller in controllers {
      guard request.subgroups[controller] == nil else {
        throw UsageError(words: "invalid value \"\(text)\" for flag --cgroup: \(controller) stands twice")
      }
      request.subgroups[controller] = parts[parts.count - 1]
    }
  }

  private static func readProcess(_ path: String) throws -> RuntimeSpec.Process {
    do {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      return try RuntimeSpec.Process.parse(try file.descriptor.readToEnd(limitBytes: 16 << 20))
    } catch let error as Errno {
      throw RuntimeError.failed("cannot read the process file \(path): \(error)")
    } catch let problems as SpecProblems {
      throw RuntimeError.invalid(problems)
    }
  }

  /// `uid[:gid]`, numbers only: names are the engine's business (a digit string is never a name, CVE-2026-30892).
  private static func user(_ text: String) throws -> (userID: UInt32, groupID: UInt32?) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, let userID = UInt32(parts[0]), userID < .max else {
      throw RuntimeError.failed("invalid user \"\(text)\": it must be uid or uid:gid")
    }
    guard parts.count == 2 else { return (userID, nil) }
    guard let groupID = UInt32(parts[1]), groupID < .max else {
      throw RuntimeError.failed("invalid user \"\(text)\": it must be uid or uid:gid")
    }
    return (userID, groupID)
  }
}
