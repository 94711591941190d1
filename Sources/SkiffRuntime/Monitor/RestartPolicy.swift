public import SkiffSpec

/// Whether a container that has ended is started again (docker's `--restart`).
public struct RestartPolicy: Equatable, Sendable {
  public enum Name: String, Equatable, Sendable, CaseIterable {
    case no
    /// Whatever its code, until it is stopped by hand; after a reboot even then.
    case always
    case unlessStopped = "unless-stopped"
    /// After a code other than 0.
    case onFailure = "on-failure"
    /// After a code other than 0, and, ended for it, when its health check finds it unhealthy.
    case unhealthy
  }

  public var name = Name.no
  /// Of on-failure: how often at most; 0 has no limit.
  public var maximumRetryCount: Int64 = 0

  public init() {}

  /// Reads `NAME` or `on-failure:COUNT`; an empty text is `no`.
  public init(parsing text: String) throws(FormatError) {
    if text.isEmpty { return }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let name = Name(rawValue: parts[0]) else {
      throw FormatError("it is no, always, unless-stopped, on-failure[:COUNT] or unhealthy")
    }
    self.name = name
    guard parts.count == 2 else { return }
    guard let count = Int64(parts[1]) else { throw FormatError("maximum retry count must be an integer") }
    guard name == .onFailure else {
      throw FormatError("maximum retry count cannot be used with restart policy '\(name.rawValue)'")
    }
    guard count >= 0 else { throw FormatError("maximum retry count cannot be negative") }
    maximumRetryCount = count
  }

  /// As `init(parsing:)` reads it.
  public var text: String { maximumRetryCount > 0 ? "\(name.rawValue):\(maximumRetryCount)" : name.rawValue }

  /// Whether a container that nobody has stopped is started again.
  ///
  /// - Parameters:
  ///   - wasUnhealthy: it was ended because its health check failed.
  ///   - count: how often it was started again since a person started it.
  package func restarts(afterCode code: Int32, wasUnhealthy: Bool, count: Int64) -> Bool {
    switch name {
    case .no: false
    case .always, .unlessStopped: true
    case .onFailure: code != 0 && (maximumRetryCount == 0 || count < maximumRetryCount)
    case .unhealthy: code != 0 || wasUnhealthy
    }
  }
}

/// How often a container was started again since a person started it, and how long it waited for that the last time.
package struct RestartProgress: Equatable, Sendable {
  package var count: Int64 = 0
  package var delayMilliseconds: Int64 = 0

  private static let firstDelayMilliseconds: Int64 = 100
  private static let longestDelayMilliseconds: Int64 = 60_000
  /// Who has run so long starts with a clean slate.
  private static let steadyMilliseconds: Int64 = 10_000

  package init(count: Int64 = 0, delayMilliseconds: Int64 = 0) {
    self.count = count
    self.delayMilliseconds = delayMilliseconds
  }

  /// The next restart: each waits twice as long as the one before it, until one of them has lasted (docker's restart manager).
  package func next(afterRunOf milliseconds: Int64) -> RestartProgress {
    let former = milliseconds >= Self.steadyMilliseconds ? 0 : max(0, delayMilliseconds)
    let longest = Self.longestDelayMilliseconds
    let delay = former == 0 ? Self.firstDelayMilliseconds : former >= longest / 2 ? longest : former * 2
    return RestartProgress(count: count < .max ? count + 1 : count, delayMilliseconds: delay)
  }
}
