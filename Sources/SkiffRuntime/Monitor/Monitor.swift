internal import SkiffKernel
internal import SkiffSpec

/// Lives beside one container of the engine: makes it, holds its streams, writes its log, records its end.
///
/// ```
/// engine                         monitor                            container
///   spawns, sync and attach ──▶  loads
///                                a network namespace, if asked ──▶  (to the engine)
///   container               ──▶  makes the container, gate closed ─▶ steps … waits
///                           ◀──  created, pid
///   wires the network            (meanwhile)
///   start                   ──▶  opens the gate                   ─▶ execve
///                           ◀──  started, or an error
///                                carries streams, log              … runs
///                                end: exit file, clean-up, exit packets, exit command
///                                or, by the restart policy: a pause, then the restart command
/// ```
package struct Monitor {
  private let settings: MonitorSettings
  private let store: ContainerStateStore
  private let runtime: ContainerRuntime
  private let containerPath: String
  private let sync: SyncLine
  private let firstClient: Descriptor?
  private let networkNamespace: Descriptor?
  /// Open for its lock alone, which says that somebody minds the container.
  private let lifeline: Descriptor?
  /// How many open files the container's process inherits, from number 3 on.
  private let preservedDescriptors: UInt32

  /// - Parameters:
  ///   - syncNumber, attachNumber, lifelineNumber: the numbers of the inherited files.
  ///   - makesNetwork: the container gets a network namespace, which is made while the engine still thinks about the rest.
  ///   - preservedDescriptors: how many files, from number 3 on, are for the container's process.
  package static func run(
    syncNumber: Int32, attachNumber: Int32?, lifelineNumber: Int32?, makesNetwork: Bool, preservedDescriptors: UInt32
  ) -> Int32 {
    let sync = SyncLine(Descriptor(syncNumber))
    do throws(RuntimeError) {
      let networkNamespace = makesNetwork ? try sync.offerNetwork() : nil
      // An engine that closes the line instead wanted nothing after all.
      guard let containerPath = try sync.waitForOrder() else { return 0 }
      let settings = try MonitorSettings.read(in: containerPath)
      let monitor = Monitor(
        settings: settings, store: ContainerStateStore(root: settings.runtimeRoot),
        runtime: ContainerRuntime(root: settings.runtimeRoot), containerPath: containerPath, sync: sync,
        firstClient: attachNumber.map { Descriptor($0) }, networkNamespace: networkNamespace,
        lifeline: lifelineNumber.map { Descriptor($0) },
        preservedDescriptors: preservedDescriptors)
      try monitor.run()
      return 0
    } catch {
      sync.tell(error)
      return 1
    }
  }

  private func run() throws(RuntimeError) {
    // A monitor ends with its container, not with the session that it came from.
    for signal in [Signal.hangup, Signal.interrupt, Signal.terminate, Signal.pipe, Signal.quit] {
      try? Signal.ignore(signal)
    }
    let id: ContainerID
    do {
      id = try ContainerID(settings.id)
    } catch {
      throw .failed("invalid container id \(settings.id)")
    }
    let streams = try MonitorStreams(settings, containerPath: containerPath, firstClient: firstClient)
    var request = CreateRequest(id: id, bundlePath: containerPath)
    request.rootfs = settings.rootfs
    request.explains = settings.explains
    request.secrets = try ContainerSecrets.read(settings.secrets)
    request.networkNamespacePath = networkNamespace?.path
    request.preservedDescriptors = preservedDescriptors
    var handover = ContainerMaker.Handover()
    handover.waitsForWord = true
    if let notify = settings.notify, notify.mode == .container {
      request.notifySocketPath = notify.socket
      handover.hearsReadiness = true
    }
    handover.streams = streams.containerEnds
    handover.console = streams.consoleEnd
    var made = try ContainerMaker(store: store, request: request).make(handover)
    // The container is in its network now. With a handle left here the namespace, and the cable that ends in it, would outlive it.
    if let networkNamespace { _ = FileDescriptor(adopting: networkNamespace.number) }
    // The container's process has its own; a pipe's other end would wait for ours as well.
    for number in 0..<Int32(clamping: preservedDescriptors) { _ = FileDescriptor(adopting: number + 3) }
    let started = ClockTime.now()
    let began = ClockTime.monotonic()
    // Before anybody hears that the container runs: it is starting from its first moment on.
    let health = settings.health.map { watch($0, made.record) }
    let limit = settings.timeLimitSeconds > 0 ? timeLimit(made.record) : nil
    do throws(RuntimeError) {
      sync.send(["event": "created", "pid": .integer(Int64(made.record.processID))])
      for warning in made.warnings { sync.send(["event": "warning", "message": .string(warning)]) }
      guard sync.waitForStart() else { throw .failed("the engine went away before the container was started") }
      let record = made.record
      let version = made.spec.version
      do throws(LaunchError) {
        try made.launcher.start { record.stateJSON(.created, version: version) }
      } catch {
        throw .launch(error)
      }
      try runtime.runPoststart(record, made.spec)
    } catch {
      made.launcher.abort()
      _ = try? runtime.delete(id, force: true)
      throw error
    }
    tellStarted(made)
    tellServiceManager(isReady: settings.notify?.mode == .conmon)
    streams.releaseContainerEnds()
    try streams.takeConsole()
    let status = streams.carry(
      until: made.launcher.process.descriptor, minding: health, within: limit, hearing: made.notify)
    health?.finish()
    try finish(made, status, started: started, began: began, streams, sentence: health?.sentence)
  }

  private func tellStarted(_ made: borrowing MadeContainer) {
    sync.send(["event": "started"])
    if settings.explains {
      let steps = made.launcher.explanation.map { step -> JSONValue in
        var members: [(String, JSONValue)] = [
          ("what", .string(step.what)), ("call", .string(step.kernelCall)), ("command", .string(step.command)),
        ]
        if let time = step.nanoseconds { members.append(("nanoseconds", .integer(Int64(clamping: time)))) }
        return .object(JSONObject(members))
      }
      sync.send(["event": "explain", "steps": .array(steps)])
    }
    sync.close()
  }

  /// The end is recorded first, so that at no moment the container is neither running nor ended.
  ///
  /// - Parameters:
  ///   - started: the time of day.
  ///   - began: the same moment, by the clock that never jumps.
  private func finish(
    _ made: borrowing MadeContainer, _ status: ExitStatus, started: ClockTime, began: ClockTime,
    _ streams: MonitorStreams, sentence: HealthWatch.Sentence?
  ) throws(RuntimeError) {
    let wasKilledForMemory = made.record.cgroup.flatMap { try? $0.oomKillCount() } ?? 0
    let code = status.shellCode
    let finished = ClockTime.now()
    let ran = ClockTime.monotonic().totalNanoseconds &- began.totalNanoseconds
    let ending = Ending(
      code: code, ranOutOfMemory: wasKilledForMemory > 0, started: started, finished: finished,
      ranMilliseconds: ran / 1_000_000)
    // By now it may have another name, and another restart policy.
    let container = containerRecord()
    // Before the record of the end: at no moment does the container seem to have ended for good.
    var refusal = ""
    let restart = pendingRestart(container, ending, sentence, refusal: &refusal)
    // Before anybody can act on the end, so that what they do is told after it.
    tellEnd(code, ranOutOfMemory: wasKilledForMemory > 0, name: container?["name"]?.string)
    var failure: RuntimeError?
    do throws(RuntimeError) {
      try ExitFile.write(ending.document(error: refusal), to: settings.exitFile)
    } catch {
      failure = error
    }
    if !settings.keepsExit, restart == nil { streams.tellFilesLeft() }
    do throws(RuntimeError) {
      _ = try runtime.cleanUp(made.record, made.directory.descriptor)
      if let id = try? ContainerID(settings.id) { try store.remove(id) }
    } catch {
      if failure == nil { failure = error }
    }
    let isHeard = streams.tellExit(code, isRestarting: restart != nil)
    // Whoever waits has the code; the record may take its time to outlive a power failure.
    if settings.keepsExit { ExitFile.synchronize(settings.exitFile) }
    if let restart {
      seeTo(restart, after: ending)
      if let failure { throw failure }
      return
    }
    // A first client that has heard of the end cleans up itself.
    if !isHeard { runExitCommand() }
    if let failure { throw failure }
  }

  /// How the container ended.
  private struct Ending {
    var code: Int32
    var ranOutOfMemory: Bool
    var started: ClockTime
    var finished: ClockTime
    /// By the clock that never jumps.
    var ranMilliseconds: Int64

    /// The exit record.
    ///
    /// - Parameter error: why what should have followed did not.
    func document(error: String) -> [UInt8] {
      let record: JSONValue = [
        "exitCode": .integer(Int64(code)), "oomKilled": .bool(ranOutOfMemory),
        "startedAt": .string(WallClock.text(started)), "finishedAt": .string(WallClock.text(finished)),
        "error": .string(error),
      ]
      return record.serialized()
    }
  }

  /// Tells of the end in the journal, under the name that the container has by now.
  private func tellEnd(_ code: Int32, ranOutOfMemory: Bool, name: String?) {
    guard let events = settings.events else { return }
    var attributes = events.attributes
    if let name { attributes["name"] = name }
    if ranOutOfMemory {
      EventJournal.append(
        EngineEvent(type: "container", action: "oom", id: settings.id, attributes: attributes), runRoot: events.runRoot)
    }
    attributes["exitCode"] = String(code)
    EventJournal.append(
      EngineEvent(type: "container", action: "die", id: settings.id, attributes: attributes), runRoot: events.runRoot)
  }

  /// The engine's record of the container, as it is now.
  private func containerRecord() -> JSONValue? {
    let limitBytes = 4 << 20
    let name = "\(containerPath)/container.json"
    guard let path = try? KernelPath(name),
      let file = try? Descriptor.workingDirectory.open(path, [.readOnly, .nonBlocking, .noFollow]),
      let bytes = try? file.descriptor.readToEnd(limitBytes: limitBytes)
    else { return nil }
    return try? JSONValue.parse(bytes)
  }

  // MARK: Starting again

  /// The restart that the container's policy asks for after this end; nil where it has ended for good.
  ///
  /// - Parameter refusal: why a restart that is asked for cannot be.
  private func pendingRestart(
    _ container: JSONValue?, _ ending: Ending, _ sentence: HealthWatch.Sentence?, refusal: inout String
  ) -> PendingRestart? {
    let policy = Self.policy(container)
    guard sentence != .stop, policy.name != .no || sentence == .restart, let path = try? KernelPath(containerPath),
      let directory = try? Descriptor.workingDirectory.open(path, [.readOnly, .directory]),
      !PendingRestart.isCalledOff(in: directory.descriptor)
    else { return nil }
    let progress = PendingRestart.progress(in: directory.descriptor)
    guard
      sentence == .restart
        || policy.restarts(afterCode: ending.code, wasUnhealthy: sentence == .failure, count: progress.count)
    else { return nil }
    do throws(Errno) {
      return try PendingRestart(
        progress.next(afterRunOf: ending.ranMilliseconds), code: ending.code,
        finishedAt: WallClock.text(ending.finished), in: directory.descriptor)
    } catch {
      // Where not even this can be written the container stays as it ended.
      refusal = "cannot start the container again: cannot write \(containerPath)/\(PendingRestart.fileName): \(error)"
      return nil
    }
  }

  /// Nothing that can be understood is no policy.
  private static func policy(_ container: JSONValue?) -> RestartPolicy {
    container?["request"]?["restart"]?.string.flatMap { try? RestartPolicy(parsing: $0) } ?? RestartPolicy()
  }

  /// From its start on the service manager is to watch this process, which ends with the container.
  private func tellServiceManager(isReady: Bool) {
    guard let notify = settings.notify else { return }
    let own = "MAINPID=\(ProcessControl.processID)\n"
    NotifySocket.tell(isReady ? "READY=1\n" + own : own, to: notify.socket, waits: false)
  }

  /// The end of all of a container whose time is over. Its restart policy decides what comes then, as after any failure.
  private func timeLimit(_ record: ContainerRecord) -> TimeLimit {
    TimeLimit(seconds: settings.timeLimitSeconds) {
      do throws(RuntimeError) {
        guard let id = try? ContainerID(record.id) else { return }
        try runtime.kill(id, signal: Signal.kill, all: true)
      } catch {
        // It has ended by itself in the same moment.
      }
    }
  }

  // MARK: Health

  private func watch(_ check: HealthCheck, _ record: ContainerRecord) -> HealthWatch {
    HealthWatch(
      check, record, runtime,
      save: { state in
        let content = state.document.serialized()
        Self.keep(content, as: HealthState.fileName, in: containerPath)
        if let place = check.log.directory { Self.keep(content, as: "\(record.id)-healthcheck.log", in: place) }
      },
      tell: { status in
        if status == .healthy, settings.notify?.mode == .healthy { tellServiceManager(isReady: true) }
        guard let events = settings.events else { return }
        var attributes = events.attributes
        if let name = containerRecord()?["name"]?.string { attributes["name"] = name }
        EventJournal.append(
          EngineEvent(
            type: "container", action: "health_status: \(status.rawValue)", id: settings.id, attributes: attributes),
          runRoot: events.runRoot)
      },
      restartsUnhealthy: { Self.policy(containerRecord()).name == .unhealthy })
  }

  /// A full disk, or a directory that has gone, loses what a check found, not the container.
  private static func keep(_ content: [UInt8], as name: String, in directory: String) {
    guard let path = try? KernelPath(directory), let name = try? KernelPath(name),
      let directory = try? Descriptor.workingDirectory.open(path, [.readOnly, .directory])
    else { return }
    try? directory.descriptor.replaceFile(name, with: content, isDurable: false)
  }

  // MARK: The end

  /// Waits for the time of a restart and becomes the engine's command for it.
  private func seeTo(_ restart: borrowing PendingRestart, after ending: Ending) {
    switch restart.wait() {
    case .overtaken: return
    case .calledOff: runExitCommand()
    case .due:
      var command = settings.restartCommand
      // The policy was changed while the container ran.
      if command.isEmpty { command = (try? MonitorSettings.read(in: containerPath))?.restartCommand ?? [] }
      let refusal = begin(restart, by: command)
      // It stays as it ended, and says why.
      do throws(RuntimeError) {
        try ExitFile.write(
          ending.document(error: "cannot start the container again: \(refusal)"), to: settings.exitFile)
      } catch {
        // The record of the end is there; the reason is lost with the disk.
      }
      runExitCommand()
    }
  }

  /// Becomes the command that starts the container again; comes back only with what is in the way.
  private func begin(_ restart: borrowing PendingRestart, by command: [String]) -> String {
    guard let program = command.first else { return "nothing says how" }
    do throws(Errno) {
      let lock = try restart.handOver()
      // The manager that heard of this start hears of the next.
      let manager = settings.notify.map { ["NOTIFY_SOCKET=\($0.socket)"] } ?? []
      let failure = become(command + ["--restart-lock", String(lock), settings.id], adding: manager)
      // What this process becomes next must not have it.
      restart.keep()
      throw failure
    } catch {
      return "cannot execute \(program): \(error)"
    }
  }

  /// Becomes the command that the engine left for the end; comes back only when there is none, or it cannot be executed.
  private func runExitCommand() {
    if !settings.exitCommand.isEmpty { _ = become(settings.exitCommand) }
  }

  /// Comes back only with an error.
  private func become(_ command: [String], adding environment: [String] = []) -> Errno {
    do throws(Errno) {
      let path = try KernelPath(command.first ?? "")
      let image = try ExecImage(arguments: command, environment: ProcessEnvironment.all() + environment)
      // As long as somebody has the container in hand no other command takes what is left of it for its own to clear. If this cannot
      // be had both may be at it, and one of them is told that there is nothing any more.
      try? lifeline?.setCloseOnExec(false)
      return image.execute(path)
    } catch {
      return error
    }
  }
}

/// The line to the engine that started the monitor; it may go away at any time.
private struct SyncLine {
  private let line: Descriptor

  init(_ line: Descriptor) {
    self.line = line
  }

  func send(_ message: JSONValue) {
    // An engine that has gone needs no news; the container goes on.
    _ = try? line.send(message.serialized())
  }

  func tell(_ error: RuntimeError) {
    var code: Int64 = 125
    if case .launch(let failure) = error {
      switch failure.kind {
      case .failed: code = 125
      case .notExecutable: code = 126
      case .notFound: code = 127
      }
    }
    send(["event": "error", "message": .string(error.description), "exitCode": .integer(code)])
  }

  /// Makes a network namespace and gives the engine a handle on it; the other one is the caller's to close.
  func offerNetwork() throws(RuntimeError) -> Descriptor {
    do throws(Errno) {
      let namespace = try NetworkNamespace.make()
      let message: JSONValue = ["event": "network"]
      // An engine that has gone is noticed where its order is waited for.
      do throws(Errno) { try line.send(message.serialized(), file: namespace.descriptor) } catch {}
      return Descriptor(namespace.release())
    } catch {
      throw .failed("cannot make a network namespace: \(error)")
    }
  }

  /// Which container is to be made.
  func waitForOrder() throws(RuntimeError) -> String? {
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count: Int
    do throws(Errno) {
      count = try line.receive(into: &buffer).count
    } catch {
      throw .failed("cannot hear the engine: \(error)")
    }
    if count == 0 { return nil }
    guard let message = try? JSONValue.parse(Array(buffer[..<count])), let path = message["container"]?.string,
      path.hasPrefix("/")
    else { throw .failed("the engine did not say which container is to be made") }
    return path
  }

  /// False when the engine closed the line instead.
  func waitForStart() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    guard let (count, _) = try? line.receive(into: &buffer), count > 0,
      let message = try? JSONValue.parse(Array(buffer[..<count]))
    else { return false }
    return message["command"]?.string == "start"
  }

  func close() {
    _ = FileDescriptor(adopting: line.number)
  }
}

enum ExitFile {
  static func write(_ bytes: [UInt8], to path: String) throws(RuntimeError) {
    do throws(Errno) {
      guard let slash = path.lastIndex(of: "/") else { throw .invalidArgument }
      let directory = try Descriptor.workingDirectory.open(try KernelPath(String(path[..<slash])), [.directory])
      try directory.descriptor.replaceFile(
        try KernelPath(String(path[path.index(after: slash)...])), with: bytes, mode: 0o600, isDurable: false)
    } catch {
      throw .failed("cannot write the exit record \(path): \(error)")
    }
  }

  /// Has the record and its name written to the disk. One that is gone, with its container, needs no disk.
  static func synchronize(_ path: String) {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      try file.descriptor.synchronize()
      guard let slash = path.lastIndex(of: "/") else { return }
      let directory = try Descriptor.workingDirectory.open(try KernelPath(String(path[..<slash])), [.directory])
      try directory.descriptor.synchronize()
    } catch {
      // Without it, a power failure in the next seconds would show the container as one that died.
    }
  }
}
