import SkiffEngine
import SkiffSpec
import Testing

/// What the kernel and ps(1) print, read.
@Suite struct ReadingTests {
  @Test func `the counters of all interfaces but the loopback are added`() {
    let text = """
      Inter-|   Receive                                                |  Transmit
       face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
          lo:  999    9    0    0    0     0          0         0  999   9    0    0    0     0       0          0
        eth0: 1000   10    0    0    0     0          0         0   50   5    0    0    0     0       0          0
       eth1:  1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0
      """

    let sum = NetworkCounters.sum(text)

    #expect(sum.received == 1001 && sum.sent == 52)
    #expect(NetworkCounters.sum("") == (0, 0))
    #expect(NetworkCounters.sum("eth0: 1 2") == (0, 0))
  }

  @Test func `pressure is read in hundredths of a percent`() {
    let text = "some avg10=12.34 avg60=0.00 avg300=0.00 total=99\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=1\n"

    #expect(PressureText.hundredths(text) == 1234)
    #expect(PressureText.hundredths("") == nil)
    #expect(PressureText.hundredths("some avg10=x") == nil)
  }

  @Test func `the last column of ps takes the rest of the line`() {
    let rows = ProcessTable.rows("  PID COMMAND\n   12 sh -c a  b\n   13 x\n")

    #expect(rows == [["PID", "COMMAND"], ["12", "sh -c a  b"], ["13", "x"]])
    #expect(ProcessTable.rows("") == [])
  }

  @Test func `shares are parts of the time and of the limit`() {
    var before = ContainerStatistics()
    before.nanoseconds = 1_000_000_000
    before.cpuNanoseconds = 5_000_000_000
    var now = before
    now.nanoseconds = 3_000_000_000
    now.cpuNanoseconds = 6_000_000_000
    now.memoryBytes = 50
    now.memoryLimitBytes = 200

    #expect(now.cpuHundredths(since: before) == 5000)
    #expect(now.memoryHundredths == 2500)
    #expect(before.cpuHundredths(since: now) == 0 && before.memoryHundredths == 0)
  }
}

/// How limits change.
@Suite struct LimitChangeTests {
  @Test func `one way to say how much CPU takes the place of the other`() {
    var request = ResourceRequest()
    request.cpuQuota = 5000
    request.cpuPeriod = 10_000
    var change = LimitChange()
    change.nanoCPUs = .limit(500_000_000)

    let changed = change.applied(to: request)

    #expect(changed.nanoCPUs == 500_000_000 && changed.cpuQuota == nil && changed.cpuPeriod == nil)
    var back = LimitChange()
    back.cpuQuota = .limit(7000)
    #expect(back.applied(to: changed).nanoCPUs == nil)
  }

  @Test func `without a limit on memory there is none on memory and swap`() {
    var request = ResourceRequest()
    request.memoryBytes = 100
    request.memorySwapBytes = 200
    var change = LimitChange()
    change.memoryBytes = .lifted

    #expect(change.applied(to: request).memoryBytes == nil)
    #expect(change.applied(to: request).memorySwapBytes == nil)
    #expect(LimitChange().applied(to: request) == request)
  }

  @Test func `the runtime is told what is lifted, and nothing of what stays`() {
    var old = RuntimeSpec.Resources()
    var memory = RuntimeSpec.Memory()
    memory.limit = 100
    memory.swap = 200
    old.memory = memory
    var pids = RuntimeSpec.Pids()
    pids.limit = 10
    old.pids = pids
    var new = old
    new.memory = nil

    let difference = LimitDifference.between(old, new)

    #expect(difference.memory?.limit == -1 && difference.memory?.swap == -1)
    #expect(difference.pids == nil && difference.cpu == nil && difference.blockIO == nil)
  }
}

/// Which events are wanted.
@Suite struct EventFilterTests {
  private let event: JSONValue = [
    "Type": "container", "Action": "exec_start: ls /", "scope": "local", "timeNano": 5_000_000_000,
    "Actor": ["ID": "abcdef", "Attributes": ["name": "web", "image": "nginx:1", "sea": "calm"]],
  ]

  private func wants(_ filters: String...) throws -> Bool {
    var options = EventOptions()
    for filter in filters { try options.add(filter) }
    return options.wants(event)
  }

  @Test func `one of a key's values has to fit, and every key`() throws {
    #expect(try wants())
    #expect(try wants("container=web", "container=other"))
    #expect(try wants("container=abc", "event=exec_start", "image=nginx", "label=sea=calm", "type=container"))
    #expect(try !wants("container=web", "event=die"))
    #expect(try !wants("volume=web"))
    #expect(try !wants("container="))
    #expect(try !wants("label=sea=rough"))
    #expect(try wants("label=sea", "scope=local"))
  }

  @Test func `a moment bounds them`() throws {
    var options = EventOptions()
    options.since = Timestamp(seconds: 6)
    #expect(!options.wants(event))
    options.since = Timestamp(seconds: 5)
    #expect(options.wants(event))
    options.until = Timestamp(seconds: 4)
    #expect(!options.wants(event))
  }

  @Test(arguments: ["colour=red", "container", ""])
  func `a key that does not exist is refused`(_ text: String) {
    var options = EventOptions()
    #expect(throws: EngineError.self) { try options.add(text) }
  }
}
