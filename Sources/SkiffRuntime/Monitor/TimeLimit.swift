internal import SkiffKernel
internal import SkiffSpec

/// Ends a container that has run for as long as it may (podman's `--timeout`): says when it wants to be called, and never waits itself.
final class TimeLimit {
  private let end: () -> Void
  /// By the monotonic clock; nil when it is over.
  private var deadlineMilliseconds: Int64?

  /// - Parameter end: ends the container.
  init(seconds: UInt32, end: @escaping () -> Void) {
    self.end = end
    deadlineMilliseconds = Self.now() &+ Int64(seconds) * 1000
  }

  /// How long the monitor may wait; nil for ever.
  var millisecondsLeft: Int64? { deadlineMilliseconds.map { max(0, $0 &- Self.now()) } }

  /// Does what is due.
  func proceed() {
    guard let deadlineMilliseconds, Self.now() >= deadlineMilliseconds else { return }
    self.deadlineMilliseconds = nil
    end()
  }

  private static func now() -> Int64 { ClockTime.monotonic().totalNanoseconds / 1_000_000 }
}
