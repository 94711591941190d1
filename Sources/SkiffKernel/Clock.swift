internal import CLinux

/// A moment or a span (clock_gettime(2)).
package struct ClockTime: Equatable, Comparable, Sendable {
  package var seconds: Int64
  package var nanoseconds: Int64

  package init(seconds: Int64, nanoseconds: Int64) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// The time of day, since 1970 (CLOCK_REALTIME).
  package static func now() -> ClockTime { read(0) }

  /// Time that never jumps (CLOCK_MONOTONIC).
  package static func monotonic() -> ClockTime { read(1) }

  /// The whole span in nanoseconds; wraps after 292 years.
  package var totalNanoseconds: Int64 { seconds &* 1_000_000_000 &+ nanoseconds }

  package static func < (left: ClockTime, right: ClockTime) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }

  private static func read(_ clock: UInt) -> ClockTime {
    var time: (Int64, Int64) = (0, 0)
    // Cannot fail: the clocks exist and the memory is ours.
    _ = unsafe withUnsafeMutableBytes(of: &time) {
      rawSystemCall(__NR_clock_gettime, clock, UInt(bitPattern: $0.baseAddress))
    }
    return ClockTime(seconds: time.0, nanoseconds: time.1)
  }

  /// Rests the calling thread; a signal may cut it short (nanosleep(2)).
  package static func sleep(milliseconds: Int64) {
    var time: (Int64, Int64) = (milliseconds / 1000, milliseconds % 1000 * 1_000_000)
    _ = unsafe withUnsafeMutableBytes(of: &time) {
      rawSystemCall(__NR_nanosleep, UInt(bitPattern: $0.baseAddress), 0)
    }
  }
}
