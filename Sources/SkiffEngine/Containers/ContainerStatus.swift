/// What a container is doing. Computed from what is, whenever it is asked; stored nowhere.
public enum ContainerStatus: Equatable, Sendable {
  /// Made, and never started.
  case created
  /// Its first process lives.
  case running
  /// Its processes stand still, and can go on.
  case paused
  case exited(code: Int32)
  /// It ended with this code, and its monitor will have it started again.
  case restarting(code: Int32)
  /// It was started, and neither it nor a record of its end is there: the machine went down under it.
  case dead

  /// Docker's word.
  public var word: String {
    switch self {
    case .created: "created"
    case .running: "running"
    case .paused: "paused"
    case .exited: "exited"
    case .restarting: "restarting"
    case .dead: "dead"
    }
  }

  /// Whether its first process lives, or the next one is about to: what has to be stopped before it can be removed.
  public var isAlive: Bool {
    switch self {
    case .running, .paused, .restarting: true
    case .created, .exited, .dead: false
    }
  }

  /// - Parameters:
  ///   - isAlive: whether the runtime knows a living first process.
  ///   - isPaused: whether the processes of a living one are frozen.
  ///   - restartCode: of one that is about to be started again, the code that it ended with.
  ///   - exitCode: from the record of the end, where there is one.
  ///   - wasStarted: whether a start was intended.
  package static func compute(
    isAlive: Bool, isPaused: Bool = false, restartCode: Int32? = nil, exitCode: Int32?, wasStarted: Bool
  ) -> ContainerStatus {
    if isAlive { return isPaused ? .paused : .running }
    if let restartCode { return .restarting(code: restartCode) }
    if let exitCode { return .exited(code: exitCode) }
    return wasStarted ? .dead : .created
  }
}
