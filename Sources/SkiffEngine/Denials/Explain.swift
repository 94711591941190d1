import SkiffKernel
import SkiffSpec

// Why something was denied to a container.
extension Engine {
  /// How many lines at the end of a log are read.
  private static var logLines: Int { 100 }

  /// What stood, or may have stood, in a container's way, by what it left: its limits, its end, the last lines of its log.
  public func explain(_ text: String) throws(EngineError) -> [Denial] {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let defences = try Defences(spec: try specification(in: directory), request: record.request)
    var denials: [Denial] = []
    if try runningProcess(id) != nil {
      denials += limitFacts(id)?.denials(record.request) ?? []
    } else if let exit = try directory.exitRecord() {
      denials += Self.denials(of: exit, record)
    }
    guard record.request.logDriver.hasFiles else { return denials }
    var options = LogOptions()
    options.tail = Self.logLines
    try logs(id, options) { entry in
      for denial in ErrorWords.denials(of: entry.text, defences) where !denials.contains(denial) {
        denials.append(denial)
      }
    }
    return denials
  }

  private static func denials(of exit: ExitRecord, _ record: ContainerRecord) -> [Denial] {
    if exit.oomKilled { return [LimitFacts.outOfMemory(limit: record.request.resources.memoryBytes)] }
    let killedBy = exit.exitCode - 128
    if killedBy == Signal.badSystemCall {
      return [
        Denial(
          .seccomp, .candidate, "it was killed for a system call (exit code \(exit.exitCode))",
          why: "its seccomp profile kills for some calls", flags: ["--security-opt seccomp=unconfined"])
      ]
    }
    return exit.error.isEmpty ? [] : ErrorWords.denials(of: exit.error)
  }

  /// Runs a further process in a running container and watches what is refused to it.
  public func explain(_ text: String, running request: ExecRequest) throws(EngineError) -> TraceReport {
    let (id, name) = try living(text, to: "watch a command in")
    return try watch(id, name) { [self] () throws(EngineError) in
      try exec(id, request, consoleSize: nil)
    }
  }

  /// Starts a container that has ended once more, to its end, and watches what is refused to it.
  public func explainStart(_ text: String) throws(EngineError) -> TraceReport {
    let id = try containers.find(text)
    let record = try containers.open(id: id).record()
    guard try runningProcess(id) == nil else {
      throw .containerRunning(name: record.name, act: "start under watch")
    }
    let command = command(["start", "--attach", id])
    var report = try watch(id, record.name) { [self] () throws(EngineError) in
      throw .kernel(act: "execute", thing: configuration.ownProgram, cause: Self.become(command))
    }
    if let exit = try containers.open(id: id).exitRecord(), exit.oomKilled {
      let denial = LimitFacts.outOfMemory(limit: record.request.resources.memoryBytes)
      if !report.denials.contains(denial) { report.denials.append(denial) }
    }
    return report
  }

  private func watch(
    _ id: String, _ name: String, _ act: () throws(EngineError) -> Never
  ) throws(EngineError) -> TraceReport {
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let defences = try Defences(spec: try specification(in: directory), request: record.request)
    return try ContainerTrace(engine: self, id: id, defences: defences).run {
      do throws(EngineError) {
        try act()
      } catch {
        try? Descriptor.standardError.writeAll(Array("skiff: \(error)\n".utf8))
        ProcessControl.exit(125)
      }
    }
  }

  private static func become(_ command: [String]) -> Errno {
    do throws(Errno) {
      let program = try Descriptor.workingDirectory.open(try KernelPath(command[0]), .pathOnly)
      return try ExecImage(arguments: command, environment: ProcessEnvironment.all())
        .execute("", beneath: program.descriptor)
    } catch {
      return error
    }
  }
}
