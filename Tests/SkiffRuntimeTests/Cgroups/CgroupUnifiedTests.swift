import Glibc
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// Whether this machine has cgroup v2 alone.
private let isUnified = (try? CgroupHierarchy.detect().isUnified) == true

@Suite(.enabled(if: geteuid() == 0 && isUnified, "needs root and cgroup v2 alone"))
struct CgroupUnifiedTests {
  private func write(_ text: String, to path: String) throws {
    let file = try Descriptor.workingDirectory.open(try KernelPath(path), .writeOnly)
    try file.descriptor.writeAll(Array(text.utf8))
  }

  @Test func `a new process goes where the first one moved to`() throws {
    try ScratchCgroup.use { _, scratch in
      let directory = try #require(scratch.record.unified?.directory)
      let shell = try scratch.spawn("exec sleep 100")
      // As systemd does in a container: itself into a group beneath, then limits for its services.
      #expect(mkdir(directory + "/init.scope", 0o755) == 0)
      try write("\(shell)", to: directory + "/init.scope/cgroup.procs")
      try write("+pids", to: directory + "/cgroup.subtree_control")

      let group = try CgroupGroup.open(scratch.record, initProcess: shell)
      switch try cloneProcess(into: group.unifiedDirectory) {
      case .child:
        while true { ClockTime.sleep(milliseconds: 1000) }
      case .parent(let processID, let handle):
        let members = try readFile(directory + "/init.scope/cgroup.procs").split(separator: "\n").map(String.init)
        #expect(members.sorted() == ["\(shell)", "\(processID)"].sorted())
        try handle.descriptor.sendSignal(SIGKILL)
        _ = try handle.descriptor.waitForExit()
      }
      try scratch.record.kill(signal: SIGKILL)
      _ = reap(shell)
    }
  }

  @Test func `a limit beneath a group with processes of its own is refused with the reason`() throws {
    try ScratchCgroup.use { _, scratch in
      let directory = try #require(scratch.record.unified?.directory)
      let path = try #require(scratch.record.unified?.path)
      let shell = try scratch.spawn("exec sleep 100")
      let record = try scratch.hierarchy.record(for: CgroupPath(path + "/inner"))

      let error = #expect(throws: CgroupError.self) {
        _ = try CgroupGroup.create(record, in: scratch.hierarchy, resources: resources { $0.pids?.limit = 5 })
      }

      #expect(error == .internalProcesses(path: directory, controllers: ["pids"]))
      #expect(!record.exists())
      try scratch.record.kill(signal: SIGKILL)
      _ = reap(shell)
    }
  }

  @Test func `files of v2 by their own names hold what the document says`() throws {
    let limits = resources { $0.unified = ["memory.high": "67108864", "pids.max": "9", "cgroup.max.depth": "3"] }
    try ScratchCgroup.use(limits) { _, scratch in
      try scratch.expect("memory", "memory.high", "67108864")
      try scratch.expect("pids", "pids.max", "9")
      try scratch.expect("pids", "cgroup.max.depth", "3")
    }
  }
}
