import Foundation
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// A directory of files that stands for a machine; gone at the end.
private struct FakeMachine {
  let path: String

  static func use(_ files: [String: String], _ body: (FakeMachine) throws -> Void) throws {
    var template = Array("/tmp/skiff-cgroups-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let machine = FakeMachine(path: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    for (name, content) in files {
      let names = name.split(separator: "/")
      for count in 1..<max(names.count, 1) {
        mkdir(machine.path + "/" + names.prefix(count).joined(separator: "/"), 0o755)
      }
      let file = open(machine.path + "/" + name, O_CREAT | O_WRONLY, 0o644)
      try #require(file >= 0)
      write(file, content, content.utf8.count)
      close(file)
    }
    try body(machine)
    try FileManager.default.removeItem(atPath: machine.path)
  }

  func detect(_ mounts: [String: ControlGroupFileSystem]) throws -> CgroupHierarchy {
    try CgroupHierarchy.detect(root: path + "/cgroup", processDirectory: path + "/proc") { directory in
      mounts[directory.hasPrefix(path) ? String(directory.dropFirst(path.count)) : directory]
    }
  }
}

struct CgroupHierarchyTests {
  @Test func `one tree of v2`() throws {
    try FakeMachine.use(["proc/cgroup": "0::/user.slice\n", "cgroup/cgroup.controllers": "cpuset cpu io memory pids\n"])
    {
      let hierarchy = try $0.detect(["/cgroup": .unified])

      #expect(hierarchy.isUnified)
      #expect(hierarchy.version(of: "memory") == .v2)
      #expect(hierarchy.version(of: "devices") == nil)
      #expect(hierarchy.trees.map(\.mountPoint) == [$0.path + "/cgroup"])
    }
  }

  @Test func `trees of v1, some of several controllers`() throws {
    try FakeMachine.use([
      "proc/cgroup": "3:memory:/a\n2:cpu,cpuacct:/\n1:name=systemd:/x:y\n0::/\n", "proc/mountinfo": "",
    ]) {
      let hierarchy = try $0.detect([
        "/cgroup": .other, "/cgroup/memory": .legacy, "/cgroup/cpu,cpuacct": .legacy, "/cgroup/systemd": .legacy,
      ])

      #expect(hierarchy.layout == .legacy)
      #expect(hierarchy.trees.map(\.name) == ["memory", "cpu,cpuacct", "systemd"])
      #expect(hierarchy.trees.map(\.ownPath) == ["/a", "/", "/x:y"])
      #expect(hierarchy.version(of: "cpuacct") == .v1)
      #expect(hierarchy.version(of: "pids") == nil)
    }
  }

  @Test func `v1 and v2 side by side`() throws {
    try FakeMachine.use([
      "proc/cgroup": "1:memory:/\n0::/\n", "cgroup/unified/cgroup.controllers": "hugetlb\n",
    ]) {
      let hierarchy = try $0.detect(["/cgroup/memory": .legacy, "/cgroup/unified": .unified])

      #expect(hierarchy.layout == .hybrid)
      #expect(hierarchy.version(of: "memory") == .v1)
      #expect(hierarchy.version(of: "hugetlb") == .v2)
    }
  }

  @Test func `a tree in an unusual place is found in the mount table`() throws {
    try FakeMachine.use([
      "proc/cgroup": "1:memory:/\n",
      "proc/mountinfo": "5 1 0:9 / /elsewhere/a\\040b rw shared:1 - cgroup cgroup rw,memory\n",
    ]) {
      let hierarchy = try $0.detect([:])

      #expect(hierarchy.trees.map(\.mountPoint) == ["/elsewhere/a b"])
      #expect(hierarchy.layout == .legacy)
    }
  }

  @Test func `a machine without control groups says so`() throws {
    try FakeMachine.use(["proc/cgroup": "", "proc/mountinfo": ""]) { machine in
      #expect(throws: CgroupError.noHierarchy(root: machine.path + "/cgroup")) { _ = try machine.detect([:]) }
    }
  }

  @Test(arguments: ["nonsense\n", "1:memory\n", "1:memory:relative\n", "1:../x:/\n", "1:name=../../x:/\n"])
  func `a list that the kernel would not write is refused`(text: String) {
    #expect(throws: CgroupError.malformed(file: "f")) { _ = try CgroupMembership.parse(text, file: "f") }
  }

  @Test func `absolute paths start at the root, relative ones at the caller's group`() throws {
    try FakeMachine.use([
      "proc/cgroup": "1:memory:/own\n0::/\n", "cgroup/unified/cgroup.controllers": "\n", "cgroup/memory/own/tasks": "",
    ]) {
      let hierarchy = try $0.detect(["/cgroup/memory": .legacy, "/cgroup/unified": .unified])

      #expect(try hierarchy.record(for: CgroupPath("/a/b")).entries.map(\.path) == ["/a/b", "/a/b"])
      #expect(try hierarchy.record(for: CgroupPath("a//./b/")).entries.map(\.path) == ["/own/a/b", "/a/b"])
    }
  }

  @Test func `on v2 a relative path lies beside the caller, whose own group can limit nothing`() throws {
    try FakeMachine.use([
      "proc/cgroup": "0::/user/session\n", "cgroup/cgroup.controllers": "\n", "cgroup/user/session/x": "",
    ]) {
      let hierarchy = try $0.detect(["/cgroup": .unified])

      #expect(try hierarchy.record(for: CgroupPath("a")).entries.map(\.path) == ["/user/a"])
    }
  }

  @Test func `a caller that sees only its own part of the tree still finds itself`() throws {
    try FakeMachine.use([
      "proc/cgroup": "1:memory:/docker/x/inner\n", "cgroup/memory/inner/tasks": "", "proc/mountinfo": "",
    ]) { machine in
      let table = "5 1 0:9 /docker/x \(machine.path)/cgroup/memory rw - cgroup cgroup rw,memory\n"
      let file = open(machine.path + "/proc/mountinfo", O_WRONLY)
      write(file, table, table.utf8.count)
      close(file)
      let hierarchy = try machine.detect(["/cgroup/memory": .legacy])

      #expect(try hierarchy.record(for: CgroupPath("a")).entries.map(\.path) == ["/inner/a"])
    }
  }

  @Test func `a caller outside its own namespace cannot start from itself`() throws {
    try FakeMachine.use(["proc/cgroup": "0::/../other\n", "cgroup/cgroup.controllers": "\n"]) {
      let hierarchy = try $0.detect(["/cgroup": .unified])

      #expect(throws: CgroupError.self) { _ = try hierarchy.record(for: CgroupPath("a")) }
    }
  }
}

struct CgroupPathTests {
  @Test(arguments: ["/a/../b", "..", "../../x", "/", "", "/.", "/a\nb", "/a\u{7F}"])
  func `a path that leaves its place or names none is refused`(text: String) {
    #expect(throws: CgroupError.self) { _ = try CgroupPath(text) }
  }

  @Test func `a path has limits`() throws {
    #expect(throws: CgroupError.self) { _ = try CgroupPath("/" + String(repeating: "a", count: 256)) }
    #expect(throws: CgroupError.self) { _ = try CgroupPath(String(repeating: "/a", count: 65)) }
    _ = try CgroupPath(String(repeating: "/a", count: 64))
    _ = try CgroupPath("/..a/b..")
  }

  @Test func `without systemd's driver a path of three parts is a name like any other`() throws {
    #expect(try CgroupPath("machine.slice:libpod:x").components == ["machine.slice:libpod:x"])
  }
}

struct CgroupMountPlanTests {
  private func entry(
    _ name: String, _ controllers: [String], label: String? = nil, isUnified: Bool = false, mountPoint: String = "/m"
  ) -> CgroupRecord.Entry {
    CgroupRecord.Entry(
      name: name, controllers: controllers, label: label, isUnified: isUnified, mountPoint: mountPoint, path: "/c/1")
  }

  @Test func `v2 is one mount`() {
    let record = CgroupRecord(entries: [entry("unified", ["memory"], isUnified: true)])
    let plan = CgroupMountPlan.make(record, cgroupNamespace: true)

    #expect(!plan.needsDirectory && !plan.bindsHostPath)
    #expect(plan.mounts.map(\.fileSystemType) == ["cgroup2"])
    #expect(plan.mounts.map(\.name) == [nil])
    #expect(plan.mounts.map(\.data) == [""])
  }

  @Test func `v1 is a directory of mounts, with links where controllers share one`() {
    let record = CgroupRecord(entries: [
      entry("memory", ["memory"]), entry("cpu,cpuacct", ["cpu", "cpuacct"]), entry("systemd", [], label: "systemd"),
      entry("unified", ["hugetlb"], isUnified: true),
    ])
    let plan = CgroupMountPlan.make(record, cgroupNamespace: false)

    #expect(plan.needsDirectory && plan.bindsHostPath)
    #expect(plan.mounts.map(\.data) == ["memory", "cpu,cpuacct", "name=systemd", ""])
    #expect(plan.mounts.map(\.fileSystemType) == ["cgroup", "cgroup", "cgroup", "cgroup2"])
    #expect(plan.mounts.map(\.hostPath) == Array(repeating: "/m/c/1", count: 4))
    #expect(plan.links.map { "\($0.name) → \($0.target)" } == ["cpu → cpu,cpuacct", "cpuacct → cpu,cpuacct"])
  }
}
