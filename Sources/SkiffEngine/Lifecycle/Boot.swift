import SkiffKernel
import SkiffRuntime
import SkiffSpec

// What is to be done when the machine comes up, and when it goes down: nobody else is there to do it.
extension Engine {
  /// How many are started at once.
  private static let startsAtOnce = 8

  /// Starts the containers that should run after the machine has come up, side by side: those whose policy would have started them again
  /// after the end that the machine's was, and those of `always` that were stopped by hand before. What an earlier run of the machine has
  /// left is cleared first.
  ///
  /// - Parameter tell: the name of each, and whether it was started; why it was not, it has said on standard error.
  public func boot(
    warn: (String) -> Void = { _ in }, tell: (String, Bool) -> Void = { _, _ in }
  ) throws(EngineError) {
    try clearFormerRun(warn: warn)
    try salvage(warn: warn)
    try sweep(warn: warn)
    var waiting = try containersForBoot(warn: warn, tell: tell)
    var starting: [StartingContainer] = []
    while !waiting.isEmpty || !starting.isEmpty {
      let count = waiting.count
      let pending = Set(waiting.map(\.id) + starting.map(\.record.id))
      for (index, record) in waiting.enumerated().reversed() where starting.count < Self.startsAtOnce {
        // Who joins another's namespaces comes after it.
        guard JoinedNamespaces.wanted(record.request).allSatisfy({ !pending.contains($0.owner) }) else { continue }
        waiting.remove(at: index)
        do throws(EngineError) {
          starting.append(try StartingContainer(record, command(["start", record.id])))
        } catch {
          warn("\(error)")
          tell(record.name, false)
        }
      }
      guard !starting.isEmpty else {
        // One of those that could not be started may have been what the others wait for.
        guard waiting.count == count else { continue }
        for record in waiting {
          warn("cannot start container \(record.name): the containers whose namespaces it joins wait for it in turn")
          tell(record.name, false)
        }
        return
      }
      try StartingContainer.waitForNews(starting)
      var left: [StartingContainer] = []
      for container in starting {
        do throws(EngineError) {
          switch try container.hasEnded() {
          case .some(let status): tell(container.record.name, status == .exited(0))
          case .none: left.append(container)
          }
        } catch {
          warn("\(error)")
          tell(container.record.name, false)
        }
      }
      starting = left
    }
  }

  /// The newest first: the loop takes them from the end.
  private func containersForBoot(
    warn: (String) -> Void, tell: (String, Bool) -> Void
  ) throws(EngineError) -> [ContainerRecord] {
    var found: [ContainerRecord] = []
    for id in try containers.allIDs() {
      do throws(EngineError) {
        let directory = try containers.open(id: id)
        let record = try directory.record()
        if try shouldRun(directory, record) { found.append(record) }
      } catch {
        if case .noSuchContainer = error { continue }
        warn("\(error)")
        // Whether it should run cannot be known.
        tell(ContainerIdentity.short(id), false)
      }
    }
    return found.sorted { ($0.created, $0.id) > ($1.created, $1.id) }
  }

  private func shouldRun(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord
  ) throws(EngineError) -> Bool {
    let policy = record.request.restart
    guard policy.name != .no, try directory.wasStarted(), try !isUp(directory) else { return false }
    if policy.name != .always, try directory.wasStoppedByHand() { return false }
    // Without a record of its end it went down with the machine.
    let code = try directory.exitRecord()?.exitCode ?? 255
    let count = try directory.restartRecord()?.count ?? 0
    return policy.restarts(afterCode: code, wasUnhealthy: false, count: count)
  }

  // MARK: An earlier run of the machine

  /// Forgets what the runtime knows of containers that ran before the machine went down, where the run root has outlived that: the numbers
  /// of their processes are somebody else's by now.
  private func clearFormerRun(warn: (String) -> Void) throws(EngineError) {
    let root = try StateDirectory.open(configuration.runRoot)
    let current = try naming("read", "/proc/sys/kernel/random/boot_id") { () throws(Errno) in
      let file = try Descriptor.workingDirectory.open("/proc/sys/kernel/random/boot_id", [.readOnly])
      return try file.descriptor.readToEnd(limitBytes: 128)
    }
    let known = try formerBootID(root.descriptor)
    if known == current { return }
    if known != nil { try forgetUnmindedRuns(warn: warn) }
    try naming("write", "\(configuration.runRoot)/boot-id") { () throws(Errno) in
      try root.descriptor.replaceFile("boot-id", with: current)
    }
  }

  private func formerBootID(_ root: Descriptor) throws(EngineError) -> [UInt8]? {
    do throws(Errno) {
      return try root.readFile("boot-id", limitBytes: 128)
    } catch {
      guard error == .notFound else {
        throw .kernel(act: "read", thing: "\(configuration.runRoot)/boot-id", cause: error)
      }
      return nil
    }
  }

  private func forgetUnmindedRuns(warn: (String) -> Void) throws(EngineError) {
    guard let directory = try lifelines.openIfPresent() else { return }
    for id in try containers.allIDs() + lifelines.allIDs(in: directory.descriptor) {
      // A command may have started it since the machine came up: then somebody holds its lifeline.
      if try lifelines.isHeld(id) { continue }
      do throws(RuntimeError) {
        let id = try Self.runtimeID(id)
        try runtime.store.remove(id)
        // Without a record nobody is looked for, only a control group of its name.
        try runtime.delete(id, force: true)
      } catch {
        // One that cannot be forgotten keeps no other from it.
        warn("cannot clean up after container \(ContainerIdentity.short(id)): \(EngineError(error))")
      }
    }
  }

  // MARK: The machine's end

  /// Ends all containers that run, as their stop signals ask, and has none of them started again before the machine comes up: but then
  /// those that were not stopped by hand.
  public func shutDown(
    timeoutSeconds: Int64? = nil, warn: (String) -> Void = { _ in },
    tell: (String, Result<StopOutcome, EngineError>) -> Void
  ) throws(EngineError) {
    let running = try list(ContainerFilter(), warn: warn)
    var order = StopOrder(signal: nil, timeoutSeconds: timeoutSeconds, takesContainer: false)
    order.isByHand = false
    end(
      running.map(\.id), order,
      then: { stopped throws(EngineError) in
        if stopped.outcome != .wasNotRunning { announce("stop", stopped.record) }
      }, tell: { place, result in tell(running[place].name, result) })
  }
}

/// A container that another process of this program is starting.
private final class StartingContainer {
  let record: ContainerRecord
  private let process: SpawnedProcess

  init(_ record: ContainerRecord, _ command: [String]) throws(EngineError) {
    self.record = record
    process = try naming("start", "container \(record.name)") { () throws(Errno) in
      let program = try Descriptor.workingDirectory.open(try KernelPath(command[0]), [.pathOnly])
      let null = try Descriptor.workingDirectory.open("/dev/null", [.readWrite])
      var request = SpawnRequest(arguments: command, environment: ProcessEnvironment.all())
      request.files = [(null.descriptor, 0), (null.descriptor, 1)]
      return try spawn(program.descriptor, request)
    }
  }

  static func waitForNews(_ all: [StartingContainer]) throws(EngineError) {
    var entries = all.map { PollEntry($0.process.handle.descriptor, .readable) }
    do throws(Errno) {
      try poll(&entries)
    } catch {
      throw .kernel(act: "wait for", thing: "the containers", cause: error)
    }
  }

  func hasEnded() throws(EngineError) -> ExitStatus? {
    do throws(Errno) {
      return try process.handle.descriptor.waitForExit(block: false)
    } catch {
      throw .kernel(act: "wait for", thing: "container \(record.name)", cause: error)
    }
  }
}
