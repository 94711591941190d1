import Glibc
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// Waits, in steps and not for ever, until something holds.
func eventually(_ holds: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<1000 {
    if try holds() { return true }
    ClockTime.sleep(milliseconds: 10)
  }
  return false
}

@Suite(.enabled(if: geteuid() == 0, "control groups need root"))
struct CgroupLifeTests {
  @Test func `a fork bomb stops at the limit and dies at once`() throws {
    try ScratchCgroup.use(resources { $0.pids?.limit = 50 }) { _, scratch in
      let shell = try scratch.spawn("f() { f | f & f; }; f")
      let isFull = try eventually { try scratch.record.statistics().processCount ?? 0 >= 49 }
      #expect(isFull)
      let statistics = try scratch.record.statistics()
      #expect(statistics.processLimit == 50)
      #expect(statistics.processCount ?? 99 <= 50)

      try scratch.record.kill(signal: SIGKILL)

      // The shell gives up or is killed, whichever comes first.
      _ = reap(shell)
      let isEmpty = try eventually { try !scratch.record.isPopulated() }
      #expect(isEmpty)
    }
  }

  @Test func `a group of v1 alone is killed as well, frozen or not`() throws {
    try ScratchCgroup.use(resources { $0.pids?.limit = 50 }) { _, scratch in
      let record = CgroupRecord(entries: scratch.record.entries.filter { !$0.isUnified })
      guard !record.entries.isEmpty else { return }
      let bomb = try scratch.spawn("f() { f | f & f; }; f")
      let isFull = try eventually { try scratch.record.statistics().processCount ?? 0 >= 49 }
      #expect(isFull)

      try record.kill(signal: SIGKILL)

      _ = reap(bomb)
      let isEmpty = try eventually { try !record.isPopulated() }
      #expect(isEmpty)

      let sleeper = try scratch.spawn("exec sleep 100")
      try record.freeze()
      try record.kill(signal: SIGKILL)
      #expect(reap(sleeper) == 128 + SIGKILL)
      let isFrozen = try record.isFrozen()
      #expect(!isFrozen)
    }
  }

  @Test func `a signal reaches every process once`() throws {
    try ScratchCgroup.use { _, scratch in
      let shell = try scratch.spawn("sleep 100 & sleep 100 & exec sleep 100")
      let isReady = try eventually {
        try scratch.record.processIDs().filter { try readFile("/proc/\($0)/comm") == "sleep" }.count == 3
      }
      #expect(isReady)

      let count = try scratch.record.kill(signal: SIGTERM)

      #expect(count == 3)
      #expect(reap(shell) == 128 + SIGTERM)
    }
  }

  @Test func `too much memory is reported as such`() throws {
    let limit = resources {
      $0.memory?.limit = 24 << 20
      $0.memory?.swap = 24 << 20
    }
    try ScratchCgroup.use(limit) { _, scratch in
      let before = try scratch.record.oomKillCount()
      #expect(before == 0)

      let shell = try scratch.spawn("head -c 200M /dev/zero | tail")

      #expect(reap(shell) != 0)
      let kills = try scratch.record.oomKillCount() ?? 0
      #expect(kills >= 1)
      let statistics = try scratch.record.statistics()
      #expect(statistics.memoryLimitBytes == 24 << 20)
      #expect(statistics.memoryPeakBytes ?? 0 > 10 << 20)
    }
  }

  @Test func `a busy process is held to its quota`() throws {
    let limit = resources {
      $0.cpu?.quota = 5000
      $0.cpu?.period = 100000
    }
    try ScratchCgroup.use(limit) { _, scratch in
      let shell = try scratch.spawn("while :; do :; done")
      let isThrottled = try eventually { try scratch.record.statistics().cpuThrottledPeriods ?? 0 >= 2 }
      #expect(isThrottled)
      let statistics = try scratch.record.statistics()
      #expect(statistics.cpuNanoseconds ?? 0 > 0)
      #expect(statistics.cpuThrottledNanoseconds ?? 0 > 0)
      #expect(statistics.cpuPeriods ?? 0 >= 2)
      try scratch.record.kill(signal: SIGKILL)
      _ = reap(shell)
    }
  }

  @Test func `a frozen container stands still and goes on afterwards`() throws {
    try ScratchCgroup.use { _, scratch in
      let shell = try scratch.spawn("while :; do :; done")
      let runs = try eventually { try scratch.record.statistics().cpuNanoseconds ?? 0 > 0 }
      #expect(runs)

      try scratch.record.freeze()

      let isFrozen = try scratch.record.isFrozen()
      #expect(isFrozen)
      let first = try scratch.record.statistics().cpuNanoseconds
      ClockTime.sleep(milliseconds: 100)
      let second = try scratch.record.statistics().cpuNanoseconds
      #expect(first == second)

      try scratch.record.thaw()

      let isThawed = try !scratch.record.isFrozen()
      #expect(isThawed)
      let goesOn = try eventually { try scratch.record.statistics().cpuNanoseconds != second }
      #expect(goesOn)
      try scratch.record.kill(signal: SIGKILL)
      _ = reap(shell)
    }
  }

  @Test func `the tree of v2 freezes and tells so`() throws {
    try ScratchCgroup.use { _, scratch in
      let record = CgroupRecord(entries: scratch.record.entries.filter(\.isUnified))
      guard !record.entries.isEmpty else { return }
      let shell = try scratch.spawn("exec sleep 100")

      try record.freeze()
      let frozen = try record.isFrozen()
      #expect(frozen)
      // cgroup.kill reaches what is frozen.
      try record.kill(signal: SIGKILL)

      #expect(reap(shell) == 128 + SIGKILL)
      let isEmpty = try eventually { try !record.isPopulated() }
      #expect(isEmpty)
    }
  }

  @Test func `groups that the container made are removed with its own`() throws {
    try ScratchCgroup.use { _, scratch in
      for entry in scratch.record.entries {
        for name in ["/a", "/a/b", "/a/b/c", "/d"] { #expect(mkdir(entry.directory + name, 0o755) == 0) }
      }

      try scratch.record.remove()

      #expect(!scratch.record.exists())
      // Again, and with nothing there: no error.
      try scratch.record.remove()
    }
  }

  @Test func `removal waits for a process that is ending, and gives up on one that is not`() throws {
    try ScratchCgroup.use { _, scratch in
      let stubborn = try scratch.spawn("exec sleep 100")
      let error = #expect(throws: CgroupError.self) { try scratch.record.remove(limitMilliseconds: 30) }
      guard case .stillPopulated = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      try scratch.record.kill(signal: SIGKILL)
      _ = reap(stubborn)
    }
    try ScratchCgroup.use { _, scratch in
      let ending = try scratch.spawn("exec sleep 0.3")
      try scratch.record.remove()
      #expect(!scratch.record.exists())
      #expect(reap(ending) == 0)
    }
  }

  @Test func `a group that is not there has no members and no statistics`() throws {
    let hierarchy = try CgroupHierarchy.detect()
    let record = try hierarchy.record(for: CgroupPath("/skiff-test-\(getpid())-absent"))

    #expect(try record.processIDs() == [])
    #expect(try !record.isPopulated())
    #expect(try !record.isFrozen())
    #expect(try record.statistics() == CgroupStatistics())
    #expect(try record.kill(signal: SIGKILL) == 0)
  }
}
