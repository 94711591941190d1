/// What a container is doing. Computed from what is, whenever it is asked; stored nowhere.
public enum ContainerStatus: Equatable, Sendable {
  /// Made, and never started.
  case created
  /// Its first process lives.
  case running
  /// Its processes stand still, and can go on.
  case paused
  case exited(code: Int32)
  /// It was started, and neither it nor a record of its end is there: the machine went down under it.
  case dead

  /// Docker's word.
  public var word: String {
    switch self {
    case .created: "created"
    case .running: "running"
    case .paused: "paused"
    case .exited: "exited"
    case .dead: "dead"
    }
  }

  /// Whether its first process lives.
  public var isAlive: Bool { self == .running || self == .paused }

  /// - Parameters:
  ///   - isAlive: whether the runtime knows a living first process.
  ///   - isPaused: whether the processes of a living one are frozen.
  ///   - exitCode: from the record of the end, where there is one.
  ///   - wasStarted: whether a start was intended.
  package static func compute(
    isAlive: Bool, isPaused: Bool = false, exitCode: Int32?, wasStarted: Bool
  ) -> ContainerStatus {
    if isAlive { return isPaused ? .paused : .running }
    if let exitCode { return .exited(code: exitCode) }
    return wasStarted ? .dead : .created
  }
}
