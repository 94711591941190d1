/// How often and how long is waited before the same question is asked again.
struct Patience: Sendable {
  private let tries: Int
  private let firstPauseMilliseconds: Int
  private var triesLeft: Int
  private var pauseMilliseconds: Int

  /// The first try counts.
  init(tries: Int, firstPauseMilliseconds: Int) {
    self.tries = tries
    self.firstPauseMilliseconds = firstPauseMilliseconds
    triesLeft = tries
    pauseMilliseconds = firstPauseMilliseconds
  }

  /// Begins anew: something was gained.
  mutating func renew() { self = Patience(tries: tries, firstPauseMilliseconds: firstPauseMilliseconds) }

  /// How long to wait before the next try; throws the failure when it will not pass or was met often enough.
  mutating func pause(after failure: TransferError) throws(TransferError) -> Int {
    triesLeft -= 1
    guard failure.isTransient, triesLeft > 0 else { throw failure }
    // As long as the registry wants, which is not transient when it is longer than the longest pause.
    let wanted = min(failure.pauseSeconds ?? 0, RegistryOptions.longestPauseSeconds)
    let pause = max(pauseMilliseconds, wanted * 1000)
    pauseMilliseconds = min(pauseMilliseconds * 2, RegistryOptions.longestPauseSeconds * 1000)
    return pause
  }

  /// Waits before the next try; ends at once when the task is cancelled.
  static func rest(milliseconds: Int) async throws(TransferError) {
    do {
      try await Task.sleep(for: .milliseconds(milliseconds))
    } catch {
      throw .interrupted
    }
  }
}
