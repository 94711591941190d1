import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What `wait` waits for, in the words of docker's API and of podman.
public enum WaitCondition: String, Equatable, Sendable, CaseIterable {
  /// It has ended for good, or never ran.
  case notRunning = "not-running"
  case exited
  case stopped
  /// Its next end, though it may be started again after it.
  case nextExit = "next-exit"
  case removed
  case created
  case running
  case paused
  case healthy
  case unhealthy

  /// Whether it comes with the end of a run.
  fileprivate var isEnd: Bool {
    switch self {
    case .notRunning, .exited, .stopped, .nextExit, .removed: true
    case .created, .running, .paused, .healthy, .unhealthy: false
    }
  }
}

extension Engine {
  /// Waits until one of the conditions holds for a container.
  ///
  /// - Returns: the container's exit code where the condition is an end, -1 where it is not (podman's wait).
  public func wait(for text: String, until conditions: [WaitCondition]) throws(EngineError) -> Int32 {
    let isPlain = conditions.allSatisfy { $0 == .notRunning || $0 == .exited || $0 == .stopped }
    if isPlain { return try wait(for: text) }
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let awaitsHealth = conditions.contains(.healthy) || conditions.contains(.unhealthy)
    if awaitsHealth, record.health == nil { throw .refused("container \(record.name) has no defined healthcheck") }
    let awaitsEnds = conditions.allSatisfy(\.isEnd)
    var code: Int32 = -1
    var wasUp = false
    // The end that was there before.
    let formerEnd = try Self.end(of: state(of: directory))
    while containers.has(id) {
      let state: ContainerState
      do throws(EngineError) {
        state = try self.state(of: directory)
      } catch {
        // Taken away between the two looks.
        if containers.has(id) { throw error }
        break
      }
      let isUp = state.status.isAlive
      let end = Self.end(of: state)
      let hasEnded = state.processID == nil && end != nil && end != formerEnd
      if let last = state.exit?.exitCode ?? state.restart?.exitCode { code = last }
      for condition in conditions {
        switch condition {
        case .notRunning, .exited, .stopped:
          if !isUp { return code }
        case .nextExit:
          if hasEnded { return code }
        case .created:
          if state.status == .created { return -1 }
        case .running:
          if state.status == .running { return -1 }
        case .paused:
          if state.status == .paused { return -1 }
        case .healthy, .unhealthy:
          if state.processID != nil, try directory.healthState()?.status.rawValue == condition.rawValue { return -1 }
        case .removed: break
        }
      }
      if awaitsHealth, wasUp, !isUp, conditions.allSatisfy({ $0 == .healthy || $0 == .unhealthy }) {
        throw .report(
          "container \(record.name) has ended before it was \(conditions.map(\.rawValue).joined(separator: " or "))")
      }
      wasUp = wasUp || isUp
      if awaitsEnds, state.processID != nil, let word = try lastWord(id, record) {
        // From the monitor itself: the record of the end may be gone with the container before it is read here.
        code = word.code
        if conditions.contains(.nextExit) { return code }
      } else {
        try waitForNews(directory)
      }
    }
    if conditions.contains(.removed) { return code }
    throw .noSuchContainer(text)
  }

  /// When the last run ended.
  private static func end(of state: ContainerState) -> String? {
    state.restart?.finishedAt ?? state.exit?.finishedAt
  }
}
