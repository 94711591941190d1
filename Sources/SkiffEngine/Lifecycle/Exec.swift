import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// A further process in a running container.
public struct ExecRequest: Equatable, Sendable {
  public var command: [String] = []
  public var environment: [String] = []
  public var workingDirectory: String?
  public var user: String?
  public var hasTerminal = false
  public var isInteractive = false
  public var detaches = false
  public var isPrivileged = false
  /// As `DetachKeys` reads them.
  public var detachKeys: String?

  public init() {}
}

extension Engine {
  /// Becomes the runtime that runs a further process in a container; comes back only with an error.
  public func exec(_ text: String, _ request: ExecRequest, consoleSize: RuntimeSpec.ConsoleSize?) throws(EngineError)
    -> Never
  {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    guard let processID = try runningProcess(id) else {
      throw .containerNotRunning(name: record.name, act: "run a command in")
    }
    let spec = try specification(in: directory)
    guard let base = spec.process else {
      throw .damaged(thing: "\(directory.path)/config.json", reason: "it has no process")
    }
    var user: ResolvedUser?
    if let wanted = request.user { user = try resolveUser(wanted, inProcess: processID) }
    var process = try ExecComposer(base: base, request: request, user: user, host: try HostFacts.read()).process()
    process.consoleSize = request.hasTerminal ? consoleSize : nil
    let command = process.arguments.joined(separator: " ")
    announce("exec_create: \(command)", record)
    announce("exec_start: \(command)", record)
    throw try become(id, process, request)
  }

  /// The users of a running container are those of the root that it has now.
  private func resolveUser(_ text: String, inProcess processID: Int32) throws(EngineError) -> ResolvedUser {
    let path = "/proc/\(processID)/root"
    let database = try naming("read the users of", "the container") { () throws(Errno) in
      let root = try Root(opening: try KernelPath(path))
      return UserDatabase(
        passwd: try Self.userFile("/etc/passwd", root), group: try Self.userFile("/etc/group", root))
    }
    return try database.resolve(user: text, additionalGroups: [])
  }

  private static func userFile(_ path: KernelPath, _ root: borrowing Root) throws(Errno) -> [UInt8] {
    do throws(Errno) {
      let file = try root.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
      guard try file.descriptor.status().type == .regular else { return [] }
      return try file.descriptor.readToEnd(limitBytes: UserDatabase.fileLimitBytes)
    } catch {
      guard error == .notFound || error == .notDirectory || error == .tooManyLinks else { throw error }
      return []
    }
  }

  private func become(
    _ id: String, _ process: RuntimeSpec.Process, _ request: ExecRequest
  ) throws(EngineError) -> EngineError {
    let refusal: Errno
    do throws(Errno) {
      let file = try MemoryFile.make(name: "process.json")
      try file.descriptor.writeAll(process.serialized())
      // It survives the change of program, and is read by its path there.
      try file.descriptor.setCloseOnExec(false)
      let program = try Descriptor.workingDirectory.open(
        try KernelPath(configuration.runtimeProgram), [.pathOnly])
      var arguments = [
        "skiff-runtime", "--root", configuration.runtimeRoot, "exec", "--shell-exit-codes", "--process",
        file.descriptor.path,
      ]
      if request.detaches { arguments.append("--detach") }
      if request.hasTerminal { arguments.append("--tty") }
      if let keys = request.detachKeys { arguments += ["--detach-keys", keys] }
      arguments.append(id)
      if !request.isInteractive, !request.detaches {
        // A command that was not given the caller's input finds its end at once.
        let null = try Descriptor.workingDirectory.open("/dev/null", [.readOnly])
        if !request.hasTerminal { try null.descriptor.duplicate(onto: 0, closeOnExec: false) }
      }
      let image = try ExecImage(arguments: arguments, environment: ProcessEnvironment.all())
      refusal = image.execute("", beneath: program.descriptor)
      withExtendedLifetime(file.descriptor) {}
    } catch {
      refusal = error
    }
    return .kernel(act: "execute", thing: configuration.runtimeProgram, cause: refusal)
  }
}

/// Turns the container's own process and what was asked into the further process. Pure.
package struct ExecComposer {
  let base: RuntimeSpec.Process
  let request: ExecRequest
  let user: ResolvedUser?
  let host: HostFacts

  package init(base: RuntimeSpec.Process, request: ExecRequest, user: ResolvedUser?, host: HostFacts) {
    self.base = base
    self.request = request
    self.user = user
    self.host = host
  }

  package func process() throws(EngineError) -> RuntimeSpec.Process {
    guard !request.command.isEmpty else { throw .refused("nothing to run: name a command after the container") }
    var process = base
    process.arguments = request.command
    process.terminal = request.hasTerminal
    process.consoleSize = nil
    process.environment = environment()
    if let directory = request.workingDirectory {
      guard directory.hasPrefix("/") else {
        throw .invalidOption(name: "--workdir", value: directory, reason: "the working directory is an absolute path")
      }
      process.workingDirectory = directory
    }
    if let user {
      process.user.userID = user.userID
      process.user.groupID = user.groupID
      process.user.additionalGroupIDs = user.additionalGroupIDs
    }
    if request.isPrivileged {
      var sets = RuntimeSpec.Capabilities()
      sets.bounding = host.capabilities
      sets.effective = host.capabilities
      sets.permitted = host.capabilities
      process.capabilities = sets
      process.noNewPrivileges = false
    }
    return process
  }

  private func environment() -> [String] {
    var entries = base.environment
    func set(_ entry: String) {
      let name = entry.prefix { $0 != "=" }
      entries.removeAll { $0.hasPrefix(name) && $0.dropFirst(name.count).first == "=" }
      if name.count < entry.count { entries.append(entry) }
    }
    if request.hasTerminal, !entries.contains(where: { $0.hasPrefix("TERM=") }) { set("TERM=xterm") }
    if let user { set("HOME=\(user.home ?? "/")") }
    for entry in request.environment { set(entry) }
    return entries
  }
}

/// Keys as people write them: `ctrl-p,ctrl-q`, `a,b`.
public enum DetachKeys {
  /// Nil where the text names no keys; empty text is no keys at all.
  public static func parse(_ text: String) -> [UInt8]? {
    DetachKeyScanner.parse(text)
  }
}
