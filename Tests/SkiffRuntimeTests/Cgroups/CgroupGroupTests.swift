import Glibc
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// Resources that a closure fills in.
func resources(_ fill: (inout RuntimeSpec.Resources) -> Void) -> RuntimeSpec.Resources {
  var resources = RuntimeSpec.Resources()
  resources.memory = RuntimeSpec.Memory()
  resources.cpu = RuntimeSpec.CPU()
  resources.pids = RuntimeSpec.Pids()
  fill(&resources)
  return resources
}

@Suite(.enabled(if: geteuid() == 0, "control groups need root"))
struct CgroupGroupTests {
  @Test func `a group has its limits from the start`() throws {
    let limits = resources {
      $0.memory?.limit = 64 << 20
      $0.memory?.swap = 128 << 20
      $0.pids?.limit = 20
      $0.cpu?.shares = 512
      $0.cpu?.quota = 50000
      $0.cpu?.period = 100000
      $0.cpu?.cpus = "0"
    }

    try ScratchCgroup.use(limits) { group, scratch in
      try scratch.expect("pids", "pids.max", "20")
      try scratch.expect("cpuset", "cpuset.cpus", "0")
      if scratch.hierarchy.isUnified {
        try scratch.expect("memory", "memory.max", "67108864")
        try scratch.expect("memory", "memory.swap.max", "67108864")
        try scratch.expect("cpu", "cpu.max", "50000 100000")
        try scratch.expect("cpu", "cpu.weight", "59")
      } else {
        try scratch.expect("memory", "memory.limit_in_bytes", "67108864")
        try scratch.expect("memory", "memory.memsw.limit_in_bytes", "134217728")
        try scratch.expect("cpu", "cpu.cfs_quota_us", "50000")
        try scratch.expect("cpu", "cpu.shares", "512")
        let nodes = try scratch.read("cpuset", "cpuset.mems")
        #expect(nodes != "")
      }
    }
  }

  @Test func `a process enters every tree by itself, and is in the group before it does anything else`() throws {
    try ScratchCgroup.use { group, scratch in
      let taskFiles = group.taskFiles
      switch try cloneProcess(into: group.unifiedDirectory) {
      case .child:
        // Nothing here takes memory: other threads of the tests may have held the allocator's lock.
        do throws(Errno) {
          try CgroupGroup.enter(taskFiles)
        } catch {
          ProcessControl.exit(1)
        }
        while true { ClockTime.sleep(milliseconds: 1000) }
      case .parent(let processID, let handle):
        defer {
          try? handle.descriptor.sendSignal(SIGKILL)
          _ = try? handle.descriptor.waitForExit()
        }
        for entry in scratch.record.entries {
          var members = ""
          for _ in 0..<500 where members.isEmpty {
            members = try readFile(entry.directory + "/cgroup.procs")
            if members.isEmpty { ClockTime.sleep(milliseconds: 10) }
          }
          #expect(members == "\(processID)", "in \(entry.directory)")
        }
        let processIDs = try scratch.record.processIDs()
        #expect(processIDs == [processID])
      }
    }
  }

  @Test func `a limit that the kernel refuses is named, and leaves nothing`() throws {
    let hierarchy = try CgroupHierarchy.detect()
    let record = try hierarchy.record(for: CgroupPath("/skiff-test-\(getpid())-refused"))

    let error = #expect(throws: CgroupError.self) {
      _ = try CgroupGroup.create(
        record, in: hierarchy, resources: resources { $0.cpu?.cpus = "9999" })
    }

    #expect(error?.description.contains("linux.resources.cpu.cpus") == true)
    #expect(!record.exists())
  }

  @Test func `a group in use is refused and not touched`() throws {
    try ScratchCgroup.use(resources { $0.pids?.limit = 20 }) { _, scratch in
      let shell = try scratch.spawn("exec sleep 100")
      defer { _ = reap(shell) }

      let error = #expect(throws: CgroupError.self) {
        _ = try CgroupGroup.create(
          scratch.record, in: scratch.hierarchy, resources: resources { $0.pids?.limit = 10 })
      }

      guard case .occupied(_, let processID) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(processID == shell)
      try scratch.expect("pids", "pids.max", "20")
      kill(shell, SIGKILL)
    }
  }

  @Test func `an empty group that was left over is taken, but not a frozen one`() throws {
    try ScratchCgroup.use { _, scratch in
      _ = try CgroupGroup.create(scratch.record, in: scratch.hierarchy, resources: nil)
      try scratch.record.freeze()

      #expect {
        _ = try CgroupGroup.create(scratch.record, in: scratch.hierarchy, resources: nil)
      } throws: { error in
        if case .alreadyFrozen? = error as? CgroupError { true } else { false }
      }
      let isFrozen = try scratch.record.isFrozen()
      #expect(isFrozen)
    }
  }

  @Test func `limits change while the container lives, up and down`() throws {
    try ScratchCgroup.use(
      resources {
        $0.memory?.limit = 64 << 20
        $0.memory?.swap = 64 << 20
      }
    ) { _, scratch in
      let change = { (fill: (inout RuntimeSpec.Resources) -> Void) in
        try CgroupGroup.apply(
          resources(fill), to: scratch.record, in: scratch.hierarchy)
      }
      let memory = scratch.hierarchy.isUnified ? "memory.max" : "memory.limit_in_bytes"

      // Each needs another order of the two files on v1.
      try change {
        $0.memory?.limit = 128 << 20
        $0.memory?.swap = 256 << 20
      }
      try scratch.expect("memory", memory, "\(128 << 20)")
      try change {
        $0.memory?.limit = 32 << 20
        $0.memory?.swap = 32 << 20
      }
      try scratch.expect("memory", memory, "\(32 << 20)")
      try change { $0.memory?.limit = -1 }
      let unlimited = try scratch.record.statistics().memoryLimitBytes
      #expect(unlimited == nil)

      try change {
        $0.cpu?.quota = 50000
        $0.cpu?.period = 100000
      }
      try change {
        $0.cpu?.quota = 2000
        $0.cpu?.period = 1000
      }
      try change { $0.cpu?.period = 2000 }
      if scratch.hierarchy.isUnified {
        try scratch.expect("cpu", "cpu.max", "2000 2000")
      } else {
        try scratch.expect("cpu", "cpu.cfs_quota_us", "2000")
        try scratch.expect("cpu", "cpu.cfs_period_us", "2000")
      }
      try change { $0.cpu?.quota = -1 }
      try change { $0.pids?.limit = 7 }
      try scratch.expect("pids", "pids.max", "7")
    }
  }

  @Test func `a limit below what is in use is refused where the document asks to check`() throws {
    try ScratchCgroup.use { _, scratch in
      let shell = try scratch.spawn("x=$(head -c 1000000 /dev/zero | tr '\\0' x); sleep 100")
      let isUsed = try eventually { try scratch.record.statistics().memoryUsageBytes ?? 0 > 65536 }
      #expect(isUsed)
      let error = #expect(throws: CgroupError.self) {
        try CgroupGroup.apply(
          resources {
            $0.memory?.limit = 65536
            $0.memory?.checkBeforeUpdate = true
          }, to: scratch.record,
          in: scratch.hierarchy)
      }
      #expect(error?.description.contains("bytes are in use") == true)
      try scratch.record.kill(signal: SIGKILL)
      _ = reap(shell)
    }
  }

  @Test func `a device that is not allowed cannot be opened`() throws {
    try ScratchCgroup.use { _, scratch in
      let script = "head -c1 /dev/zero >/dev/null || exit 3; : </dev/loop-control && exit 4; exit 0"
      let outcome = reap(try scratch.spawn("(\(script))"))
      #expect(outcome == 0 || outcome == 2)

      var rule = RuntimeSpec.DeviceRule()
      (rule.allow, rule.type, rule.major, rule.minor) = (true, "c", 10, 237)
      try CgroupGroup.apply(
        resources { $0.devices = [rule] }, to: scratch.record, in: scratch.hierarchy)
      let allowed = reap(try scratch.spawn(": </dev/loop-control"))
      #expect(allowed == 0)

      try CgroupGroup.apply(
        resources { $0.devices = [RuntimeSpec.DeviceRule()] }, to: scratch.record, in: scratch.hierarchy)
      let denied = reap(try scratch.spawn(": </dev/loop-control"))
      #expect(denied != 0)
    }
  }
}
