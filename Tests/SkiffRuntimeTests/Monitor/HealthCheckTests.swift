import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct HealthChecks {
  private static var check: HealthCheck {
    HealthCheck(
      command: ["true"], intervalMilliseconds: 1, timeoutMilliseconds: 2, startPeriodMilliseconds: 100,
      startIntervalMilliseconds: 3, retries: 2, stopSignal: 15, stopTimeoutMilliseconds: -1)
  }

  private static func result(_ code: Int32) -> HealthResult {
    HealthResult(start: "a", end: "b", exitCode: code, output: "o")
  }

  @Test func `failures count after the start period, or after the first success`() {
    var state = HealthState()
    let change1 = state.take(Self.result(1), Self.check, sinceStart: 99)
    #expect(!change1)
    #expect(state.failingStreak == 0 && state.status == .starting)
    let change2 = state.take(Self.result(1), Self.check, sinceStart: 100)
    #expect(!change2)
    #expect(state.failingStreak == 1 && state.status == .starting)
    let change3 = state.take(Self.result(0), Self.check, sinceStart: 101)
    #expect(change3)
    #expect(state.failingStreak == 0 && state.status == .healthy)

    var early = HealthState()
    let change4 = early.take(Self.result(0), Self.check, sinceStart: 1)
    #expect(change4)
    let change5 = early.take(Self.result(-1), Self.check, sinceStart: 2)
    #expect(!change5)
    let change6 = early.take(Self.result(126), Self.check, sinceStart: 3)
    #expect(change6)
    #expect(early.status == .unhealthy && early.failingStreak == 2)
    let change7 = early.take(Self.result(1), Self.check, sinceStart: 4)
    #expect(!change7)
    #expect(early.failingStreak == 3)
  }

  @Test func `the log keeps the last five, and all of it is read as it was written`() throws {
    var state = HealthState()
    for code: Int32 in 1...7 { _ = state.take(Self.result(code), Self.check, sinceStart: 1000) }

    #expect(state.log.map(\.exitCode) == [3, 4, 5, 6, 7])
    #expect(HealthState(try JSONValue.parse(state.document.serialized())) == state)
    #expect(HealthState(["Status": "well"]) == nil)
    var check = Self.check
    check.action = .restart
    check.startup = StartupCheck(
      command: ["look"], intervalMilliseconds: 4, timeoutMilliseconds: 5, retries: 6, successes: 7)
    check.log.count = 9
    check.log.outputLimitBytes = 10
    check.log.directory = "/somewhere"
    #expect(HealthCheck(try JSONValue.parse(check.document.serialized())) == check)
    #expect(HealthCheck(["command": []]) == nil)
    check.command = ["cat", "a\u{0}b"]
    #expect(HealthCheck(check.document) == nil, "no program can be given that")
  }

  @Test func `the log is as long as was asked, and never longer than can be read`() throws {
    var check = Self.check
    check.log.count = 1000
    check.log.outputLimitBytes = 65_536
    var state = HealthState()
    let words = String(repeating: "\u{1}", count: 65_536)
    for code: Int32 in 1...100 {
      _ = state.take(HealthResult(start: "", end: "", exitCode: code, output: words), check, sinceStart: 0)
    }

    #expect(state.log.count == 16 && state.log.last?.exitCode == 100)
    #expect(state.document.serialized().count < HealthState.fileLimitBytes)
    for code: Int32 in 1...1100 {
      _ = state.take(HealthResult(start: "", end: "", exitCode: code, output: ""), check, sinceStart: 0)
    }
    #expect(state.log.count == 1000 && state.log.first?.exitCode == 101)
    // What only checks the start says nothing of how the container is.
    var early = HealthState()
    early.note(Self.result(1), check.log)
    #expect(early.status == .starting && early.failingStreak == 0 && early.log.count == 1)
  }

  @Test func `spans are told as Go tells them`() {
    let told: [(Int64, String)] = [
      (0, "0s"), (250, "250ms"), (1000, "1s"), (1500, "1.5s"), (1050, "1.05s"), (1005, "1.005s"), (90_000, "1m30s"),
      (60_000, "1m0s"), (3_600_000, "1h0m0s"), (3_723_004, "1h2m3.004s"),
    ]
    for (milliseconds, text) in told { #expect(GoDuration.text(milliseconds: milliseconds) == text) }
  }
}
