import Glibc
import SkiffRuntime
import SkiffSpec
import Testing

/// A setting as `controller/file=value`.
private func lines(
  _ version: CgroupVersion, isUpdate: Bool = false, _ fill: (inout RuntimeSpec.Resources) -> Void
) throws -> [String] {
  var resources = RuntimeSpec.Resources()
  fill(&resources)
  return try CgroupSettings.make(resources, isUpdate: isUpdate, version: version)
    .map { "\($0.controller)/\($0.file)=\($0.value)" }
}

private func memory(_ limit: Int64?, swap: Int64? = nil) -> RuntimeSpec.Memory {
  var memory = RuntimeSpec.Memory()
  memory.limit = limit
  memory.swap = swap
  return memory
}

private func refusal(
  _ version: @escaping (String) -> CgroupVersion?, _ fill: (inout RuntimeSpec.Resources) -> Void
) -> String? {
  var resources = RuntimeSpec.Resources()
  fill(&resources)
  do {
    _ = try CgroupSettings.make(resources, version: version)
    return nil
  } catch {
    return error.description
  }
}

struct CgroupMemorySettingsTests {
  @Test func `memory and swap are counted together on v1`() throws {
    let settings = try lines(.v1) {
      $0.memory = memory(64, swap: 128)
      $0.memory?.reservation = 32
      $0.memory?.swappiness = 10
      $0.memory?.disableOOMKiller = true
      $0.memory?.kernel = 16
      $0.memory?.kernelTCP = 16
    }

    #expect(
      settings == [
        "memory/memory.limit_in_bytes=64", "memory/memory.memsw.limit_in_bytes=128",
        "memory/memory.soft_limit_in_bytes=32", "memory/memory.swappiness=10", "memory/memory.oom_control=1",
      ])
  }

  @Test func `swap is counted alone on v2`() throws {
    let settings = try lines(.v2) {
      $0.memory = memory(64, swap: 128)
      $0.memory?.reservation = 32
    }

    #expect(settings == ["memory/memory.swap.max=64", "memory/memory.max=64", "memory/memory.low=32"])
    #expect(
      try lines(.v2) { $0.memory = memory(64, swap: 64) } == ["memory/memory.swap.max=0", "memory/memory.max=64"])
  }

  @Test func `minus one is unlimited`() throws {
    #expect(
      try lines(.v1) { $0.memory = memory(-1) }
        == ["memory/memory.limit_in_bytes=-1", "memory/memory.memsw.limit_in_bytes=-1"])
    #expect(try lines(.v2) { $0.memory = memory(-1) } == ["memory/memory.swap.max=max", "memory/memory.max=max"])
    #expect(
      try lines(.v2) { $0.memory = memory(64, swap: -1) } == ["memory/memory.swap.max=max", "memory/memory.max=64"])
  }

  @Test(arguments: [CgroupVersion.v1, .v2])
  func `zero is unset, as engines send it by default`(version: CgroupVersion) throws {
    let settings = try lines(version) {
      $0.memory = memory(0, swap: 0)
      $0.memory?.reservation = 0
      $0.memory?.kernel = 0
      $0.memory?.disableOOMKiller = false
      $0.cpu = RuntimeSpec.CPU()
      $0.cpu?.shares = 0
      $0.cpu?.quota = 0
      $0.cpu?.period = 0
      $0.cpu?.burst = 0
      $0.cpu?.idle = 0
      $0.cpu?.realtimePeriod = 0
      $0.cpu?.realtimeRuntime = 0
      $0.cpu?.cpus = ""
      $0.cpu?.mems = ""
      $0.blockIO = RuntimeSpec.BlockIO()
      $0.blockIO?.weight = 0
      $0.network = RuntimeSpec.NetworkClass()
      $0.network?.classID = 0
    }

    #expect(settings == [])
  }

  @Test func `an unset limit needs no controller`() {
    let refusal = refusal({ _ in nil }) {
      $0.memory = memory(0)
      $0.memory?.disableOOMKiller = false
      $0.cpu = RuntimeSpec.CPU()
      $0.cpu?.shares = 0
      $0.pids = RuntimeSpec.Pids()
      $0.pids?.limit = -1
      $0.blockIO = RuntimeSpec.BlockIO()
      $0.blockIO?.weight = 0
    }

    #expect(refusal == nil)
  }

  @Test func `what cannot be kept is refused by name`() {
    #expect(
      refusal({ _ in nil }) { $0.memory = memory(64) }
        == "cannot apply linux.resources.memory.limit: the cgroup controller memory is not available")
    #expect(
      refusal({ _ in .v2 }) {
        $0.memory = memory(64)
        $0.memory?.disableOOMKiller = true
      } == "cannot apply linux.resources.memory.disableOOMKiller: cgroup v2 cannot switch the killer off")
    #expect(refusal({ _ in .v2 }) { $0.memory = memory(nil, swap: 64) } != nil)
    #expect(refusal({ _ in .v1 }) { $0.memory = memory(64, swap: 32) } != nil)
    #expect(refusal({ _ in .v1 }) { $0.memory = memory(-2) } != nil)
    #expect(refusal({ _ in .v1 }) { $0.memory = memory(.min) } != nil)
  }
}

struct CgroupProcessorSettingsTests {
  private func cpu(_ fill: (inout RuntimeSpec.CPU) -> Void) -> (inout RuntimeSpec.Resources) -> Void {
    var cpu = RuntimeSpec.CPU()
    fill(&cpu)
    return { $0.cpu = cpu }
  }

  @Test func `every setting has its file on v1`() throws {
    let settings = try lines(
      .v1,
      cpu {
        $0.shares = 512
        $0.quota = 50000
        $0.period = 100000
        $0.burst = 1000
        $0.idle = 0
        $0.realtimePeriod = 1_000_000
        $0.realtimeRuntime = 950000
        $0.cpus = "0-1,3"
        $0.mems = "0"
      })

    #expect(
      settings == [
        "cpu/cpu.rt_period_us=1000000", "cpu/cpu.rt_runtime_us=950000", "cpu/cpu.shares=512",
        "cpu/cpu.cfs_period_us=100000", "cpu/cpu.cfs_quota_us=50000", "cpu/cpu.cfs_burst_us=1000",
        "cpuset/cpuset.cpus=0-1,3", "cpuset/cpuset.mems=0",
      ])
  }

  @Test func `quota and period share a file on v2`() throws {
    #expect(try lines(.v2, cpu { ($0.quota, $0.period) = (50000, 200000) }) == ["cpu/cpu.max=50000 200000"])
    #expect(try lines(.v2, cpu { $0.quota = 50000 }) == ["cpu/cpu.max=50000"])
    #expect(try lines(.v2, cpu { ($0.quota, $0.period) = (-1, 200000) }) == ["cpu/cpu.max=max 200000"])
    #expect(try lines(.v2, cpu { $0.period = 200000 }) == ["cpu/cpu.max== 200000"])
  }

  @Test func `an idle group gets no weight`() throws {
    #expect(try lines(.v2, cpu { ($0.idle, $0.shares) = (1, 1024) }) == ["cpu/cpu.idle=1"])
    #expect(
      try lines(.v2, isUpdate: true, cpu { ($0.idle, $0.shares) = (0, 1024) }) == [
        "cpu/cpu.idle=0", "cpu/cpu.weight=100",
      ])
  }

  @Test func `numbers out of range are refused`() {
    #expect(refusal({ _ in .v1 }, cpu { $0.shares = 1 }) != nil)
    #expect(refusal({ _ in .v1 }, cpu { $0.shares = 262145 }) != nil)
    #expect(refusal({ _ in .v1 }, cpu { $0.period = 999 }) != nil)
    #expect(refusal({ _ in .v1 }, cpu { $0.quota = 1 }) != nil)
    #expect(refusal({ _ in .v1 }, cpu { $0.idle = 2 }) != nil)
    #expect(refusal({ _ in .v1 }, cpu { $0.cpus = "0\n1" }) != nil)
    #expect(refusal({ _ in .v2 }, cpu { $0.realtimePeriod = 1 }) != nil)
  }

  @Test(arguments: [
    (UInt64(0), UInt64(1)), (1, 1), (2, 1), (3, 2), (4, 2), (10, 4), (100, 17), (256, 35), (512, 59), (1000, 99),
    (1024, 100),
    (2048, 174), (10240, 639), (102400, 4429), (262143, 10000), (262144, 10000), (.max, 10000),
  ])
  func `shares become a weight`(shares: UInt64, weight: UInt64) {
    #expect(CgroupWeight.cpuWeight(shares: shares) == weight)
  }

  @Test func `the weight is that of the C library for every number of shares`() {
    let wrong = (UInt64(3)..<262144).filter { shares in
      let l = log2(Double(shares))
      // 1024 shares are exactly 100, which the last bit must not make 101.
      let weight = (pow(10, (l * l + 125 * l) / 612 - 7.0 / 34) - 1e-7).rounded(.up)
      return CgroupWeight.cpuWeight(shares: shares) != UInt64(weight)
    }

    #expect(wrong == [])
  }

  @Test(arguments: [(UInt16(10), UInt64(1)), (100, 910), (500, 4950), (1000, 10000), (1, 1), (.max, 10000)])
  func `a block weight becomes an input and output weight`(block: UInt16, weight: UInt64) {
    #expect(CgroupWeight.ioWeight(blockWeight: block) == weight)
  }
}

struct CgroupOtherSettingsTests {
  @Test func `processes`() throws {
    let limited = { (limit: Int64) in
      { (resources: inout RuntimeSpec.Resources) in
        resources.pids = RuntimeSpec.Pids()
        resources.pids?.limit = limit
      }
    }

    #expect(try lines(.v1, limited(20)) == ["pids/pids.max=20"])
    #expect(try lines(.v2, limited(-1)) == ["pids/pids.max=max"])
    #expect(try lines(.v2, limited(0)) == ["pids/pids.max=1"])
    #expect(refusal({ _ in nil }, limited(20)) != nil)
  }

  private func blockIO(_ resources: inout RuntimeSpec.Resources) {
    var block = RuntimeSpec.BlockIO()
    block.weight = 100
    var weight = RuntimeSpec.WeightDevice()
    (weight.major, weight.minor, weight.weight) = (8, 0, 200)
    block.weightDevice = [weight]
    var throttle = RuntimeSpec.ThrottleDevice()
    (throttle.major, throttle.minor, throttle.rate) = (8, 0, 1_048_576)
    block.throttleReadBpsDevice = [throttle]
    throttle.rate = 0
    block.throttleWriteIOPSDevice = [throttle]
    resources.blockIO = block
  }

  @Test func `block devices`() throws {
    #expect(
      try lines(.v1, blockIO) == [
        "blkio/blkio.bfq.weight=100", "blkio/blkio.bfq.weight_device=8:0 200",
        "blkio/blkio.throttle.read_bps_device=8:0 1048576", "blkio/blkio.throttle.write_iops_device=8:0 0",
      ])
    #expect(
      try lines(.v2, blockIO) == [
        "io/io.bfq.weight=100", "io/io.bfq.weight=8:0 200", "io/io.max=8:0 rbps=1048576", "io/io.max=8:0 wiops=max",
      ])
  }

  @Test func `huge pages, with reservations where the kernel counts them`() throws {
    let limited = { (size: String) in
      { (resources: inout RuntimeSpec.Resources) in
        var limit = RuntimeSpec.HugepageLimit()
        (limit.pageSize, limit.limit) = (size, 4_194_304)
        resources.hugepageLimits = [limit]
      }
    }

    #expect(
      try lines(.v1, limited("2MB")) == [
        "hugetlb/hugetlb.2MB.limit_in_bytes=4194304", "hugetlb/hugetlb.2MB.rsvd.limit_in_bytes=4194304",
      ])
    #expect(
      try lines(.v2, limited("1GB")) == ["hugetlb/hugetlb.1GB.max=4194304", "hugetlb/hugetlb.1GB.rsvd.max=4194304"])
    for size in ["", "MB", "2mb", "2MB/../../x", "../2MB", "2", "2MBB"] {
      #expect(refusal({ _ in .v2 }, limited(size)) != nil)
    }
  }

  @Test func `network classes and RDMA`() throws {
    let fill = { (resources: inout RuntimeSpec.Resources) in
      resources.network = RuntimeSpec.NetworkClass()
      resources.network?.classID = 0x100001
      var priority = RuntimeSpec.InterfacePriority()
      (priority.name, priority.priority) = ("eth0", 5)
      resources.network?.priorities = [priority]
      var limit = RuntimeSpec.RdmaLimit()
      (limit.hcaHandles, limit.hcaObjects) = (2, 2000)
      resources.rdma = ["mlx5_1": limit, "empty": RuntimeSpec.RdmaLimit()]
    }

    #expect(
      try lines(.v1, fill) == [
        "net_cls/net_cls.classid=1048577", "net_prio/net_prio.ifpriomap=eth0 5",
        "rdma/rdma.max=mlx5_1 hca_handle=2 hca_object=2000",
      ])
    #expect(
      refusal({ _ in .v2 }, fill) == "cannot apply linux.resources.network.classID: cgroup v2 does not mark packets")
  }

  @Test func `files of v2 by their own names`() throws {
    let fill = { (key: String) in { (resources: inout RuntimeSpec.Resources) in resources.unified = [key: "1\n2\n"] } }

    #expect(try lines(.v2, fill("memory.high")) == ["memory/memory.high=1", "memory/memory.high=2"])
    #expect(
      refusal({ _ in .v1 }, fill("memory.high"))
        == "cannot apply linux.resources.unified[\"memory.high\"]: memory is controlled by cgroup v1 here, "
        + "which has no such settings (invalid configuration)")
    for key in ["", "memory", ".", "a/b.c", "../x.y", "cgroup.procs", "cgroup.kill", "a.\0b"] {
      #expect(refusal({ _ in .v2 }, fill(key)) != nil)
    }
  }
}
