internal import SkiffKernel
internal import SkiffSpec

/// Looks after a container's health beside the monitor's other work: says when it wants to be called, and never waits itself.
///
/// ```
/// idle ──(interval)──▶ probing ──(ends, or is ended at its timeout)──▶ a result: health.json, an event, an action
///   ▲                                                                        │
///   └────────────────────────────────────────────────────────────────────────┘
/// a check of the start, where there is one, is made in place of the other until it succeeds; its failures end in a new start
/// unhealthy, with an action ──▶ stop signal ──(stop timeout)──▶ SIGKILL
/// ```
final class HealthWatch {
  /// How the container's end came about, where a check was the reason.
  enum Sentence: Equatable, Sendable {
    /// It is to be started again.
    case restart
    /// It was killed for it: its policy decides, as after any failure.
    case failure
    /// It stays stopped.
    case stop
  }

  private let check: HealthCheck
  private let record: ContainerRecord
  private let runtime: ContainerRuntime
  private let startedMilliseconds: Int64
  private let save: (HealthState) -> Void
  private let tell: (HealthState.Status) -> Void
  private let restartsUnhealthy: () -> Bool
  private var program: FileDescriptor?
  private var state = HealthState()
  private var probe: HealthProbe?
  private var hasTimedOut = false
  /// When something is to be done next, by the monotonic clock.
  private var deadline: Int64
  /// When a container that was told to end is killed; nil for never.
  private var killDeadline: Int64?
  private(set) var sentence: Sentence?
  /// The check of the start, until it has succeeded.
  private var startup: StartupCheck?
  /// How often it did in a row, and how often it did not.
  private var startupSuccesses: Int64 = 0
  private var startupFailures: Int64 = 0
  private var hasToldRefusal = false
  private var waiting: [AttachedClient] = []

  /// How often a paused container is looked at.
  private static let pausedMilliseconds: Int64 = 250
  /// When it is tried again to end a container that could not be ended.
  private static let retryMilliseconds: Int64 = 1000

  /// - Parameters:
  ///   - save: keeps the state for others to see.
  ///   - tell: told of every change.
  ///   - restartsUnhealthy: whether the restart policy, as it is then, asks for a new start.
  init(
    _ check: HealthCheck, _ record: ContainerRecord, _ runtime: ContainerRuntime,
    save: @escaping (HealthState) -> Void, tell: @escaping (HealthState.Status) -> Void,
    restartsUnhealthy: @escaping () -> Bool
  ) {
    self.check = check
    startup = check.startup
    self.record = record
    self.runtime = runtime
    self.save = save
    self.tell = tell
    self.restartsUnhealthy = restartsUnhealthy
    startedMilliseconds = HealthProbe.now()
    deadline = startedMilliseconds
    deadline = nextDeadline()
    save(state)
  }

  private func nextDeadline() -> Int64 {
    let now = HealthProbe.now()
    if let startup { return now &+ startup.intervalMilliseconds }
    let isStarting = state.status == .starting && now &- startedMilliseconds < check.startPeriodMilliseconds
    return now &+ (isStarting ? check.startIntervalMilliseconds : check.intervalMilliseconds)
  }

  private var timeoutMilliseconds: Int64 { startup?.timeoutMilliseconds ?? check.timeoutMilliseconds }

  // MARK: The monitor's loop

  /// What is waited for: the check's process, and what it says.
  var entries: [PollEntry] {
    switch probe {
    case .some(let probe):
      [PollEntry(probe.processDescriptor, .readable), PollEntry(probe.outputDescriptor, .readable)]
    case .none: [PollEntry(nil, .readable), PollEntry(nil, .readable)]
    }
  }

  /// How long the monitor may wait; nil for ever.
  var millisecondsLeft: Int64? {
    let next = sentence == nil ? min(deadline, killDeadline ?? .max) : killDeadline
    return next.map { max(0, $0 &- HealthProbe.now()) }
  }

  /// Does what is due.
  func proceed(_ entries: ArraySlice<PollEntry>) {
    let events = entries.map(\.events)
    if events.count == 2, !events[1].isEmpty { probe?.read() }
    if events.count == 2, !events[0].isEmpty, let code = probe?.ended() { conclude(code) }
    let now = HealthProbe.now()
    if let killDeadline, now >= killDeadline {
      self.killDeadline = nil
      end(with: Signal.kill)
    }
    if sentence == nil, now >= deadline { takeTurn(now) }
  }

  /// A client wants to know at once.
  func askNow(for client: AttachedClient) {
    waiting.append(client)
    if probe == nil, sentence == nil { deadline = HealthProbe.now() }
  }

  /// The container has ended: no check outlives it.
  func finish() {
    guard probe != nil else { return }
    probe?.kill()
    if let probe = probe.take() { _ = try? probe.processDescriptor.waitForExit() }
  }

  private func takeTurn(_ now: Int64) {
    // Time stands still for what is paused.
    if isPaused() {
      deadline = now &+ (probe == nil ? Self.pausedMilliseconds : timeoutMilliseconds)
      return
    }
    if probe != nil {
      hasTimedOut = true
      probe?.kill()
      // Its end is told by its process.
      deadline = .max
      return
    }
    hasTimedOut = false
    do throws(RuntimeError) {
      if program == nil {
        do throws(Errno) {
          program = try Descriptor.workingDirectory.open("/proc/self/exe", [.readOnly])
        } catch {
          throw RuntimeError.failed("cannot open the runtime: \(error)")
        }
      }
      guard let program = programDescriptor else { return }
      probe = try HealthProbe.start(
        startup?.command ?? check.command, outputLimitBytes: check.log.outputLimitBytes, record,
        runtimeRoot: runtime.store.root, program: program)
      deadline = now &+ timeoutMilliseconds
    } catch {
      let time = WallClock.now()
      take(HealthResult(start: time, end: time, exitCode: -1, output: error.description), startedAt: now)
    }
  }

  private var programDescriptor: Descriptor? {
    switch program {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }

  private func isPaused() -> Bool {
    record.status() == .paused
  }

  private func conclude(_ code: Int32) {
    guard let probe = probe.take() else { return }
    let startedAt = probe.startedMilliseconds
    if code != 0, !hasTimedOut, isPaused() {
      // The pause came between the look and the check, which was refused.
      _ = probe.finish(code: code, timeoutMilliseconds: nil)
      deadline = HealthProbe.now() &+ Self.pausedMilliseconds
      return
    }
    take(
      probe.finish(code: code, timeoutMilliseconds: hasTimedOut ? timeoutMilliseconds : nil), startedAt: startedAt
    )
  }

  private func take(_ result: HealthResult, startedAt: Int64) {
    if let startup { return take(result, startup) }
    let hasChanged = state.take(result, check, sinceStart: startedAt &- startedMilliseconds)
    // Before anybody hears of it, so that who looks then sees it.
    save(state)
    if hasChanged { tell(state.status) }
    answer(result)
    deadline = nextDeadline()
    if hasChanged, state.status == .unhealthy { act() }
  }

  /// What a check of the start has found is in the log; the container goes on starting.
  private func take(_ result: HealthResult, _ startup: StartupCheck) {
    state.note(result, check.log)
    save(state)
    answer(result)
    if result.exitCode == 0 {
      startupFailures = 0
      startupSuccesses += 1
      if startupSuccesses >= startup.successes {
        self.startup = nil
        // The other check was held back long enough.
        deadline = HealthProbe.now()
        return
      }
    } else {
      startupSuccesses = 0
      startupFailures += 1
      if startup.retries > 0, startupFailures >= startup.retries { return ask(.restart) }
    }
    deadline = nextDeadline()
  }

  private func answer(_ result: HealthResult) {
    for client in waiting { client.send(.healthResult, [result.exitCode == 0 ? 0 : 1]) }
    waiting = []
  }

  // MARK: What is done about it

  private func act() {
    switch check.action {
    case .kill:
      sentence = .failure
      end(with: Signal.kill)
    case .restart: ask(.restart)
    case .stop: ask(.stop)
    case .none:
      if restartsUnhealthy() { ask(.restart) }
    }
  }

  private func ask(_ sentence: Sentence) {
    self.sentence = sentence
    guard end(with: check.stopSignal) else { return }
    if check.stopSignal != Signal.kill, check.stopTimeoutMilliseconds >= 0 {
      killDeadline = HealthProbe.now() &+ check.stopTimeoutMilliseconds
    }
  }

  /// False where the signal could not be sent: then the container is killed a moment later, which is tried until it has ended.
  @discardableResult
  private func end(with signal: Int32) -> Bool {
    do throws(RuntimeError) {
      guard let id = try? ContainerID(record.id) else { return true }
      try runtime.kill(id, signal: signal, all: signal == Signal.kill)
      return true
    } catch {
      // It has ended by itself in the same moment.
      if case .notRunning = error { return true }
      if !hasToldRefusal { note(error) }
      killDeadline = HealthProbe.now() &+ Self.retryMilliseconds
      return false
    }
  }

  /// Keeps for others to see why an unhealthy container was not ended.
  private func note(_ error: RuntimeError) {
    hasToldRefusal = true
    let time = WallClock.now()
    state.note(
      HealthResult(start: time, end: time, exitCode: -1, output: "cannot end the container: \(error)"), check.log)
    save(state)
  }
}
