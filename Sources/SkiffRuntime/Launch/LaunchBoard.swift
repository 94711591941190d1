internal import SkiffKernel

/// Where the child notes how far it is: memory shared with the parent, so that noting costs no system call and works even when
/// a filter forbids every one.
///
/// ```
/// word 0  the step being performed
///      1  the error number of the step that failed, 0 while none has
///      2  1 once the program is about to be executed
///      3  the child's process id, where a go-between made it
///      4  the number of the file on which a supervisor listens, once there is one
///      5  1 once the supervisor has that file, else the error number (from 2) that kept it from it
///      6… the clock after each step, when the launch is explained
/// ```
struct LaunchBoard: ~Copyable {
  private let words: SharedWords
  private static let firstTime = 6

  /// `steps` clocks are kept; 0 keeps none.
  init(steps: Int) throws(Errno) {
    words = try SharedWords(count: Self.firstTime + steps)
  }

  func begin(step: Int) { words[0] = UInt64(truncatingIfNeeded: step) }

  func fail(_ error: Errno) { words[1] = UInt64(truncatingIfNeeded: max(error.code, 1)) }

  func noteExecuting() { words[2] = 1 }

  func noteTime(step: Int) {
    let place = Self.firstTime + step
    if place < words.count { words[place] = UInt64(truncatingIfNeeded: ClockTime.monotonic().totalNanoseconds) }
  }

  /// The clock after a step in nanoseconds; 0 where it was not performed.
  func time(step: Int) -> UInt64 {
    let place = Self.firstTime + step
    return step >= 0 && place < words.count ? words[place] : 0
  }

  var step: Int { Int(truncatingIfNeeded: words[0]) }
  var isExecuting: Bool { words[2] == 1 }

  /// The refusal that ended the launch, if one did.
  var failure: Errno? { words[1] == 0 ? nil : Errno(Int32(truncatingIfNeeded: words[1])) }

  /// The file on which a supervisor listens; 0 before there is one.
  var listener: Int32 {
    get { Int32(truncatingIfNeeded: words[4]) }
    nonmutating set { words[4] = UInt64(truncatingIfNeeded: newValue) }
  }

  /// What became of the listener: 0 nothing yet, 1 delivered, else an error number and one.
  var delivery: UInt64 {
    get { words[5] }
    nonmutating set { words[5] = newValue }
  }

  var processID: Int32 {
    get { Int32(truncatingIfNeeded: words[3]) }
    nonmutating set { words[3] = UInt64(truncatingIfNeeded: newValue) }
  }
}
