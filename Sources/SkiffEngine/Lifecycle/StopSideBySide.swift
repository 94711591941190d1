import SkiffKernel
import SkiffRuntime

// Several containers end in the time of the slowest.
extension Engine {
  /// How many are stopped at once: each keeps two files open.
  private static let stopsAtOnce = 50

  /// Asks containers to end, all at the same time, and kills those that do not in time.
  ///
  /// - Parameters:
  ///   - signal: by name or number; nil takes each container's own.
  ///   - timeoutSeconds: nil takes each container's own, or 10; below 0 waits for ever.
  ///   - tell: what became of each, by its place in `names`, as soon as it is known.
  public func stop(
    _ names: [String], signal: String? = nil, timeoutSeconds: Int64? = nil,
    tell: (Int, Result<StopOutcome, EngineError>) -> Void
  ) {
    let order = StopOrder(signal: signal, timeoutSeconds: timeoutSeconds, takesContainer: false)
    end(
      names, order,
      then: { stopped throws(EngineError) in
        if stopped.outcome != .wasNotRunning { announce("stop", stopped.record) }
      }, tell: tell)
  }

  /// Stops containers, all at the same time, and starts each again as soon as it has ended.
  ///
  /// Each stays taken from before its end to after its start, so that one with `--rm` is not removed in between.
  public func restart(
    _ names: [String], signal: String? = nil, timeoutSeconds: Int64? = nil, warn: (String) -> Void = { _ in },
    tell: (Int, Result<StopOutcome, EngineError>) -> Void
  ) throws(EngineError) {
    try salvage(warn: warn)
    let order = StopOrder(signal: signal, timeoutSeconds: timeoutSeconds, takesContainer: true)
    end(
      names, order,
      then: { stopping throws(EngineError) in
        let id = stopping.directory.id
        try stopping.directory.forgetRestarts()
        try forgetRun(id)
        if stopping.record.request.network == .bridge { try unplug(id) }
        let lifeline = try lifelines.hold(id)
        let monitor = try WaitingMonitor(
          program: configuration.runtimeProgram, lifeline: lifeline, attaches: false,
          for: stopping.record.request)
        let started = try start(stopping.directory, stopping.record, StartOptions(), monitor)
        started.warnings.forEach(warn)
        _ = consume lifeline
        announce("restart", stopping.record)
      }, tell: tell)
  }

  func end(
    _ names: [String], _ order: StopOrder, then: (StoppingContainer) throws(EngineError) -> Void,
    tell: (Int, Result<StopOutcome, EngineError>) -> Void
  ) {
    var waiting = Array(names.enumerated())
    while !waiting.isEmpty {
      var next: [(place: Int, id: String)] = []
      var later: [(offset: Int, element: String)] = []
      for (place, name) in waiting {
        do throws(EngineError) {
          let id = try containers.find(name)
          // The same container by another of its names has to wait until this one is let go.
          if next.count == Self.stopsAtOnce || next.contains(where: { $0.id == id }) {
            later.append((place, name))
          } else {
            next.append((place, id))
          }
        } catch {
          tell(place, .failure(error))
        }
      }
      waiting = later
      var round: [StoppingContainer] = []
      // In one order for everybody: two commands that take the same containers never wait for each other.
      for (place, id) in next.sorted(by: { $0.id < $1.id }) {
        do throws(EngineError) {
          round.append(try StoppingContainer(engine: self, id: id, place: place, order))
        } catch {
          tell(place, .failure(error))
        }
      }
      waitForAll(&round, then: then, tell: tell)
    }
  }

  private func waitForAll(
    _ round: inout [StoppingContainer], then: (StoppingContainer) throws(EngineError) -> Void,
    tell: (Int, Result<StopOutcome, EngineError>) -> Void
  ) {
    while !round.isEmpty {
      var left: [StoppingContainer] = []
      for stopping in round {
        do throws(EngineError) {
          guard try stopping.hasEnded(self) else {
            left.append(stopping)
            continue
          }
          try then(stopping)
          tell(stopping.place, .success(stopping.outcome))
        } catch {
          tell(stopping.place, .failure(error))
        }
      }
      round = left
      if !round.isEmpty { StoppingContainer.waitForNews(round) }
    }
  }
}

/// How containers are to be stopped.
struct StopOrder {
  var signal: String?
  var timeoutSeconds: Int64?
  /// Whether the container stays taken, to be started again.
  var takesContainer: Bool
  /// A person wants it, not the end of the machine's run.
  var isByHand = true
}

/// A container that was asked to end.
final class StoppingContainer {
  /// Its place among those that were named.
  let place: Int
  let directory: ContainerDirectory
  let record: ContainerRecord
  private(set) var outcome = StopOutcome.wasNotRunning
  private var process: FileDescriptor?
  /// Whether it was about to be started again.
  private var wasRestarting = false
  /// By the monotonic clock, in milliseconds; nil waits for ever.
  private var deadline: Int64?

  init(engine: Engine, id: String, place: Int, _ order: StopOrder) throws(EngineError) {
    let directory = try engine.containers.open(id: id)
    if order.takesContainer { try engine.take(directory) }
    self.place = place
    let record = try directory.record()
    self.record = record
    if order.takesContainer {
      try directory.noteStop(record)
    } else {
      wasRestarting = try engine.callOffRestart(directory, record, byHand: order.isByHand)
    }
    self.directory = directory
    self.process = try engine.openProcess(id)
    if process == nil, wasRestarting { outcome = .ended }
    if let descriptor { try ask(descriptor, engine, order) }
  }

  private var descriptor: Descriptor? {
    switch process {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }

  private func ask(_ process: Descriptor, _ engine: Engine, _ order: StopOrder) throws(EngineError) {
    let id = directory.id
    let number = try Engine.signalNumber(order.signal ?? record.stopSignal, option: "--signal")
    outcome = .ended
    engine.announce("kill", record, ["signal": "\(number)"])
    if number == Signal.kill {
      try engine.signalAll(id, Signal.kill)
    } else if try engine.isDeaf(id, to: number) {
      outcome = .killedAtOnce(signal: Engine.signalName(number))
      try engine.signalAll(id, Signal.kill)
    } else {
      try engine.send(number, to: process, record)
      // What stands still does not hear.
      if try engine.livingProcess(id)?.isPaused == true { try engine.unpause(id) }
      let timeout =
        order.timeoutSeconds ?? record.request.stopTimeoutSeconds ?? ContainerDefaults.stopTimeoutSeconds
      if timeout >= 0 {
        let (moment, overflowed) = Self.now().addingReportingOverflow(Engine.milliseconds(timeout))
        deadline = overflowed ? nil : moment
      }
    }
  }

  /// Whether it has ended and its end is written down; kills it when its time is up.
  func hasEnded(_ engine: Engine) throws(EngineError) -> Bool {
    guard let descriptor else { return true }
    if try Engine.wait(for: descriptor, milliseconds: 0) {
      try engine.waitForRecord(directory)
      return true
    }
    if let deadline, Self.now() >= deadline {
      outcome = .killedAfterTimeout
      self.deadline = nil
      try engine.signalAll(directory.id, Signal.kill)
    }
    return false
  }

  /// Waits until one of them has ended or has no more time.
  static func waitForNews(_ all: [StoppingContainer]) {
    var entries = all.map { PollEntry($0.descriptor, .readable) }
    let next = all.compactMap(\.deadline).min()
    do throws(Errno) {
      try poll(&entries, timeoutMilliseconds: next.map { max(0, $0 - now()) })
    } catch {
      // Each is asked again anyway; without this there would be no pause between.
      ClockTime.sleep(milliseconds: 50)
    }
  }

  private static func now() -> Int64 { ClockTime.monotonic().totalNanoseconds / 1_000_000 }
}
