import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// How `run` and `start` stay with a container.
public struct ForegroundOptions: Sendable {
  /// Leave it alone once it runs.
  public var detaches = false
  /// The keys that let go of a container with a terminal; nil for ctrl-p ctrl-q.
  public var detachKeys: [UInt8]?
  /// Pass the caller's signals on to the container.
  public var passesSignals = true
  /// Say what was done, step by step.
  public var explains = false
  /// What a terminal's size is at first.
  public var consoleSize: RuntimeSpec.ConsoleSize?

  public init() {}
}

/// What became of a run.
public struct RunOutcome: Equatable, Sendable {
  public var id: String
  public var name: String
  /// The container's own code; nil where it runs on without the caller.
  public var exitCode: Int32?
  public var explanation: [ExplanationStep] = []
}

extension Engine {
  /// The keys that let go of a container: ctrl-p ctrl-q.
  public static let standardDetachKeys: [UInt8] = [16, 17]

  /// Makes a container, starts it, and stays with it unless told otherwise. What fails before its program runs leaves nothing.
  ///
  /// - Parameters:
  ///   - onCreated: called once the container exists.
  ///   - onStarted: called once its program runs, with what was done where that was asked for.
  public func run(
    _ request: RunRequest, pull: PullPolicy = .missing, _ options: ForegroundOptions,
    warn: (String) -> Void = { _ in },
    onCreated: (CreatedContainer) throws(EngineError) -> Void = { _ in },
    onStarted: ([ExplanationStep]) -> Void = { _ in }
  ) throws(EngineError) -> RunOutcome {
    // Loaded while the container's files are made.
    let monitor = try WaitingMonitor(program: configuration.runtimeProgram, attaches: !options.detaches)
    var creation = try ContainerCreation(engine: self, request: request, pull: pull, explains: options.explains)
    creation.consoleSize = options.consoleSize
    let created = try creation.perform()
    created.warnings.forEach(warn)
    var explanation = creation.log.steps
    let record = creation.finished
    let started: StartedContainer
    do throws(EngineError) {
      try onCreated(created)
      var start = StartOptions()
      start.attaches = !options.detaches
      start.leavesCleaningToMonitor = options.detaches
      start.explains = options.explains
      started = try self.start(creation.directory, record, start, monitor)
    } catch {
      if request.removesItself { creation.discard() }
      throw error
    }
    started.warnings.forEach(warn)
    explanation += started.explanation
    onStarted(explanation)
    var outcome = RunOutcome(id: created.id, name: created.name, explanation: explanation)
    // Let go of the container: others may stop and remove it from here on.
    _ = consume creation
    guard let connection = started.takeConnection() else { return outcome }
    outcome.exitCode = try stay(with: record, connection, sendsInput: request.isInteractive, options)
    return outcome
  }

  /// Starts a container that exists; with `attaches`, stays with it and gives its code.
  public func start(
    _ text: String, attaches: Bool, sendsInput: Bool, _ options: ForegroundOptions,
    warn: (String) -> Void = { _ in }, onStarted: ([ExplanationStep]) -> Void = { _ in }
  ) throws(EngineError) -> Int32? {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    try take(directory)
    let record = try directory.record()
    var start = StartOptions()
    start.attaches = attaches
    start.leavesCleaningToMonitor = !attaches
    start.explains = options.explains
    let started = try self.start(
      directory, record, start, try WaitingMonitor(program: configuration.runtimeProgram, attaches: attaches))
    started.warnings.forEach(warn)
    onStarted(started.explanation)
    _ = consume directory
    guard let connection = started.takeConnection() else { return nil }
    return try stay(with: record, connection, sendsInput: sendsInput && record.request.isInteractive, options)
  }

  /// Joins the streams of a running container.
  public func attach(
    _ text: String, sendsInput: Bool, _ options: ForegroundOptions
  ) throws(EngineError) -> Int32? {
    let id = try containers.find(text)
    let record = try containers.open(id: id).record()
    guard try runningProcess(id) != nil else { throw .containerNotRunning(name: record.name, act: "attach to") }
    return try relay(
      record, try connect(id, name: record.name), sendsInput: sendsInput && record.request.isInteractive, options)
  }

  func connect(_ id: String, name: String) throws(EngineError) -> FileDescriptor {
    try naming("attach to", "container \(name)") { () throws(Errno) in
      // Through the open directory: a socket's path may be no longer than 107 bytes, wherever the run root is.
      let directory = try Descriptor.workingDirectory.open(
        try KernelPath(configuration.attachDirectory), [.pathOnly, .directory])
      return try UnixSocket.connect(to: "\(directory.descriptor.path)/\(id)", type: .packet)
    }
  }

  /// Carries the caller's streams until the end, and cleans up after it.
  private func stay(
    with record: ContainerRecord, _ connection: consuming FileDescriptor, sendsInput: Bool,
    _ options: ForegroundOptions
  ) throws(EngineError) -> Int32? {
    let code = try relay(record, connection, sendsInput: sendsInput, options)
    if code == nil {
      // Somebody must clean up once it ends; the caller will not be there.
      if record.request.removesItself || record.request.network == .bridge { try leaveCleaner(record.id) }
      return nil
    }
    let directory = try containers.open(id: record.id)
    try take(directory)
    if try runningProcess(record.id) == nil { try finish(directory, record) }
    return code
  }

  private func relay(
    _ record: ContainerRecord, _ connection: consuming FileDescriptor, sendsInput: Bool,
    _ options: ForegroundOptions
  ) throws(EngineError) -> Int32? {
    let id = record.id
    let runtime = runtime
    let pass: ((Int32) -> Void)? =
      options.passesSignals && !record.request.hasTerminal
      ? { signal in
        do throws(RuntimeError) {
          try runtime.kill(try Self.runtimeID(id), signal: signal, all: false)
        } catch {
          // It has ended in the same moment: the code comes.
        }
      } : nil
    let client = AttachClient(
      connection: connection, hasTerminal: record.request.hasTerminal, sendsInput: sendsInput,
      detachKeys: options.detachKeys ?? Self.standardDetachKeys, passSignal: pass)
    let outcome: AttachClient.Outcome
    do throws(Errno) {
      outcome = try client.run()
    } catch {
      throw .kernel(act: "carry the streams of", thing: "container \(record.name)", cause: error)
    }
    switch outcome {
    case .exited(let code): return code
    case .detached: return nil
    case .lost:
      // The monitor is gone; its record of the end may still be there.
      if let exit = try containers.open(id: id).exitRecord() { return exit.exitCode }
      throw .report("lost the monitor of container \(record.name): how it ended is not known")
    }
  }

  /// Leaves a process that cleans up when a container has ended.
  private func leaveCleaner(_ id: String) throws(EngineError) {
    try naming("leave a cleaner for", "container \(ContainerIdentity.short(id))") { () throws(Errno) in
      let program = try Descriptor.workingDirectory.open(try KernelPath(configuration.ownProgram), [.readOnly])
      let null = try Descriptor.workingDirectory.open("/dev/null", [.readWrite])
      var request = SpawnRequest(
        arguments: cleaningCommand(id) + ["--wait"], environment: [ContainerDefaults.path])
      request.files = [(null.descriptor, 0), (null.descriptor, 1), (null.descriptor, 2)]
      request.startsSession = true
      try spawn(program.descriptor, request).confirmStarted()
    }
  }
}
