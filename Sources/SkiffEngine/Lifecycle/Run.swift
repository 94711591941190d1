import SkiffImages
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
  /// Open files of the caller that the container's process gets, from number 3 on; they are given once, to the first start.
  public var preservedDescriptors: UInt32 = 0
  /// Which streams the caller stays with.
  public var sendsInput = true
  public var showsOutput = true
  public var showsErrors = true
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
    let lifeline = try lifelines.hold(try ContainerIdentity.makeID())
    let id = lifeline.id
    do throws(EngineError) {
      return try run(request, pull, options, lifeline, warn, onCreated, onStarted)
    } catch {
      letGo(id)
      throw error
    }
  }

  private func run(
    _ request: RunRequest, _ pull: PullPolicy, _ options: ForegroundOptions, _ lifeline: consuming Lifeline,
    _ warn: (String) -> Void, _ onCreated: (CreatedContainer) throws(EngineError) -> Void,
    _ onStarted: ([ExplanationStep]) -> Void
  ) throws(EngineError) -> RunOutcome {
    // Loaded while the container's files are made.
    let monitor = try WaitingMonitor(
      program: configuration.runtimeProgram, lifeline: lifeline, attaches: !options.detaches, for: request,
      preserved: options.preservedDescriptors)
    try salvage(warn: warn)
    var creation = try ContainerCreation(
      engine: self, request: request, pull: pull, lifeline: lifeline, explains: options.explains)
    creation.consoleSize = options.consoleSize
    creation.startsAtOnce = true
    let created = try creation.perform()
    created.warnings.forEach(warn)
    var explanation = creation.log.steps
    let record = creation.finished
    let started: StartedContainer
    do throws(EngineError) {
      try onCreated(created)
      var start = StartOptions()
      start.attaches = !options.detaches
      start.explains = options.explains
      start.isIntended = creation.intendsStart
      started = try self.start(creation.directory, record, start, monitor)
    } catch {
      if request.removesItself { creation.discard() }
      throw error
    }
    started.warnings.forEach(warn)
    explanation += started.explanation
    onStarted(explanation)
    var outcome = RunOutcome(id: created.id, name: created.name, explanation: explanation)
    let held = creation.release()
    guard let connection = started.takeConnection() else { return outcome }
    outcome.exitCode = try stay(
      with: record, connection, sendsInput: request.takesInput, options)
    _ = consume held
    return outcome
  }

  /// Starts a container that exists; with `attaches`, stays with it and gives its code.
  public func start(
    _ text: String, attaches: Bool, sendsInput: Bool, _ options: ForegroundOptions,
    warn: (String) -> Void = { _ in }, onStarted: ([ExplanationStep]) -> Void = { _ in }
  ) throws(EngineError) -> Int32? {
    try salvage(warn: warn)
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    try take(directory)
    let record = try directory.record()
    let lifeline = try lifelines.hold(id)
    if try runningProcess(id) == nil { try directory.forgetRestarts() }
    var start = StartOptions()
    start.attaches = attaches
    start.explains = options.explains
    let monitor = try WaitingMonitor(
      program: configuration.runtimeProgram, lifeline: lifeline, attaches: attaches, for: record.request)
    let started = try self.start(directory, record, start, monitor)
    started.warnings.forEach(warn)
    onStarted(started.explanation)
    _ = consume directory
    guard let connection = started.takeConnection() else { return nil }
    let code = try stay(with: record, connection, sendsInput: sendsInput && record.request.takesInput, options)
    _ = consume lifeline
    return code
  }

  /// Joins the streams of a running container.
  public func attach(
    _ text: String, sendsInput: Bool, _ options: ForegroundOptions
  ) throws(EngineError) -> Int32? {
    let id = try containers.find(text)
    let record = try containers.open(id: id).record()
    guard try runningProcess(id) != nil else { throw .containerNotRunning(name: record.name, act: "attach to") }
    if try livingProcess(id)?.isPaused == true {
      throw .refused("cannot attach to container \(record.name): it is paused (see skiff unpause)")
    }
    guard record.request.logDriver != .passthrough else {
      throw .refused("cannot attach to container \(record.name): its streams are those of the command that started it")
    }
    announce("attach", record)
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

  /// Carries the caller's streams until the end, and cleans up after it. Who has let go before the end is told nothing: the monitor
  /// cleans up in his place.
  private func stay(
    with record: ContainerRecord, _ connection: consuming FileDescriptor, sendsInput: Bool,
    _ options: ForegroundOptions
  ) throws(EngineError) -> Int32? {
    let outcome = try carry(record, connection, sendsInput: sendsInput, options)
    if outcome == .detached { return nil }
    do throws(EngineError) {
      let directory = try containers.open(id: record.id)
      try take(directory)
      let code = try code(outcome, directory, record)
      // One that is started again by its policy is in its monitor's hands.
      if case .exited(_, isRestarting: true) = outcome { return code }
      if try runningProcess(record.id) == nil { try finish(directory, record) }
      return code
    } catch {
      // Somebody else has removed it since.
      guard case .noSuchContainer = error, case .exited(let code, _) = outcome else { throw error }
      return code
    }
  }

  private func relay(
    _ record: ContainerRecord, _ connection: consuming FileDescriptor, sendsInput: Bool,
    _ options: ForegroundOptions
  ) throws(EngineError) -> Int32? {
    switch try carry(record, connection, sendsInput: sendsInput, options) {
    case .exited(let code, _): return code
    case .detached: return nil
    case .lost: return try code(.lost, try containers.open(id: record.id), record)
    }
  }

  private func carry(
    _ record: ContainerRecord, _ connection: consuming FileDescriptor, sendsInput: Bool,
    _ options: ForegroundOptions
  ) throws(EngineError) -> AttachClient.Outcome {
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
      connection: connection, hasTerminal: record.request.hasTerminal, sendsInput: sendsInput && options.sendsInput,
      showsOutput: options.showsOutput, showsErrors: options.showsErrors,
      detachKeys: options.detachKeys ?? Self.standardDetachKeys, passSignal: pass,
      onFilesLeft: { self.removeFilesEarly(id) })
    do throws(Errno) {
      return try client.run()
    } catch {
      throw .kernel(act: "carry the streams of", thing: "container \(record.name)", cause: error)
    }
  }

  /// Removes the tree of a container that has ended and removes itself, while its monitor does the rest of the cleaning. What does not
  /// work here is done, or told of, when the container is removed; so it is where somebody else is removing it already.
  private func removeFilesEarly(_ id: String) {
    guard let directory = try? containers.open(id: id), (try? directory.lock(wait: false)) != nil else { return }
    try? ContainerTree.remove(in: directory.path)
  }

  /// The container's code; where its monitor was lost, from the record of its end, if that was still written.
  private func code(
    _ outcome: AttachClient.Outcome, _ directory: borrowing ContainerDirectory, _ record: ContainerRecord
  ) throws(EngineError) -> Int32 {
    if case .exited(let code, _) = outcome { return code }
    if let exit = try directory.exitRecord() { return exit.exitCode }
    let lost = "lost the monitor of container \(record.name)"
    guard try runningProcess(record.id) == nil else {
      throw .report("\(lost): it runs on, and what it says is lost (end it with skiff rm --force \(record.name))")
    }
    try finish(directory, record)
    throw .report("\(lost): how it ended is not known")
  }
}
