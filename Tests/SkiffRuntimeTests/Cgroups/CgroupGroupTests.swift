import Glibc
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

@Suite(.enabled(if: geteuid() == 0, "control groups need root"))
struct CgroupGroupTests {
  @Test func `a group has its limits from the start`() throws {
    var resources = RuntimeSpec.Resources()
    resources.memory = RuntimeSpec.Memory()
    resources.memory?.limit = 64 << 20
    resources.memory?.swap = 128 << 20
    resources.pids = RuntimeSpec.Pids()
    resources.pids?.limit = 20
    resources.cpu = RuntimeSpec.CPU()
    resources.cpu?.shares = 512
    resources.cpu?.quota = 50000
    resources.cpu?.period = 100000
    resources.cpu?.cpus = "0"

    try ScratchCgroup.use(resources) { group, scratch in
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
}
