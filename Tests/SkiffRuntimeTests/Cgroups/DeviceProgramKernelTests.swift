import Foundation
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// Device programs on a cgroup of their own.
@Suite(.serialized) struct `DeviceProgram in the kernel` {
  private static func rule(
    _ allow: Bool, _ type: String?, _ major: Int64?, _ minor: Int64?, _ access: String
  ) -> RuntimeSpec.DeviceRule {
    var rule = RuntimeSpec.DeviceRule()
    (rule.allow, rule.type, rule.major, rule.minor, rule.access) = (allow, type, major, minor, access)
    return rule
  }

  /// Makes a cgroup of version 2, and removes it at the end; nothing is asked of its controllers.
  private func withCgroup(_ body: (String, Descriptor) throws -> Void) throws {
    let tops = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
    let top = try #require(
      tops.first { FileManager.default.fileExists(atPath: $0 + "/cgroup.subtree_control") },
      "no cgroups of version 2 are mounted")
    let path = top + "/skiff-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { rmdir(path) }
    let cgroup = try Descriptor.workingDirectory.open(try KernelPath(path), [.directory, .readOnly])
    try body(path, cgroup.descriptor)
  }

  private func install(_ rules: [RuntimeSpec.DeviceRule], on cgroup: Descriptor) throws {
    let program = try BPFProgram(loadingDeviceFilter: DeviceProgram.compile(rules))
    try CgroupDeviceFilter.install(program, on: cgroup)
  }

  @Test func `a process in the group opens what is allowed and nothing else`() throws {
    try withCgroup { path, cgroup in
      let node = FileManager.default.temporaryDirectory.path + "/skiff-node-\(UUID().uuidString)"
      defer { unlink(node) }
      try install([Self.rule(false, "a", nil, nil, "rwm"), Self.rule(true, "c", 1, 3, "rwm")], on: cgroup)

      let lines = try probeLines([
        ["write", path + "/cgroup.procs", "0"], ["write", "/dev/null", "x"], ["read", "/dev/null"],
        ["write", "/dev/zero", "x"], ["read", "/dev/zero"], ["make-device", node, "1", "5"],
        ["make-device", node, "1", "3"],
      ])

      try #require(lines.count == 7)
      #expect(lines[0] == "1")
      #expect(lines[1] == "1")
      #expect(lines[2] == "\"\"")
      for line in lines[3...5] { #expect(line.hasPrefix("{\"errno\":1,"), "\(line)") }
      #expect(lines[6] == "true")
    }
  }

  @Test func `a later program takes the place of the one before`() throws {
    try withCgroup { path, cgroup in
      #expect(try CgroupDeviceFilter.identifiers(on: cgroup) == [])
      try install([Self.rule(false, "a", nil, nil, "rwm")], on: cgroup)
      let first = try CgroupDeviceFilter.identifiers(on: cgroup)
      try install([Self.rule(true, "c", 1, 5, "rw")], on: cgroup)
      let second = try CgroupDeviceFilter.identifiers(on: cgroup)

      let lines = try probeLines([
        ["write", path + "/cgroup.procs", "0"], ["write", "/dev/zero", "x"], ["write", "/dev/null", "x"],
      ])

      #expect(first.count == 1)
      #expect(second.count == 1)
      #expect(first != second)
      #expect(lines[1] == "1")
      #expect(lines[2].hasPrefix("{\"errno\":1,"))
      try CgroupDeviceFilter.remove(from: cgroup)
      #expect(try CgroupDeviceFilter.identifiers(on: cgroup) == [])
    }
  }

  @Test func `the verifier takes the programs of random lists`() throws {
    var generator = SeededGenerator(state: 11)
    for _ in 0..<100 {
      let rules = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        Self.rule(
          Bool.random(using: &generator), ["a", "b", "c", nil].randomElement(using: &generator) ?? nil,
          [nil, -1, 0, 1, 0xFFFF_FFFF].randomElement(using: &generator) ?? nil,
          [nil, -1, 0, 3].randomElement(using: &generator) ?? nil,
          ["r", "w", "m", "rw", "rwm", ""].randomElement(using: &generator) ?? "r")
      }
      #expect(throws: Never.self) { _ = try BPFProgram(loadingDeviceFilter: DeviceProgram.compile(rules)) }
    }
  }

  @Test func `what is no program is refused by the kernel's word`() {
    #expect(throws: Errno.invalidArgument) { _ = try BPFProgram(loadingDeviceFilter: []) }
    #expect(throws: Errno.self) { _ = try BPFProgram(loadingDeviceFilter: [0xFF]) }
  }
}
