import Foundation
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// Runs the probe with its acts, each a list of words, in a mount namespace of its own; gives its lines.
func probeLines(_ acts: [[String]]) throws -> [String] {
  let process = Process()
  let probe = URL(filePath: #filePath).appending(path: "../../../../.build/release/skiff-probe").standardizedFileURL
  process.executableURL = URL(filePath: "/usr/bin/unshare")
  process.arguments = ["--mount", "--propagation", "private", probe.path] + acts.joined(separator: [","])
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardInput = FileHandle.nullDevice
  try process.run()
  let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
}

@Suite struct `Seccomp filters in the kernel` {
  /// A directory of this test's own, removed at its end.
  private func withDirectory(_ body: (URL) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "skiff-seccomp-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    try body(directory)
    try FileManager.default.removeItem(at: directory)
  }

  private func write(_ program: SeccompProgram, to file: URL) throws {
    try Data(program.instructions.withUnsafeBytes(Array.init)).write(to: file)
  }

  @Test func `a refused call fails with the errno of its rule`() throws {
    try withDirectory { directory in
      let profile = SeccompFixtures.profile(
        "SCMP_ACT_ALLOW",
        [
          SeccompFixtures.rule(["mkdir", "mkdirat"], "SCMP_ACT_ERRNO"),
          SeccompFixtures.rule(["unlink", "unlinkat"], "SCMP_ACT_ERRNO", errno: 100),
        ])
      let filter = directory.appending(path: "filter")
      try write(try SeccompProgram.compile(profile), to: filter)

      let lines = try probeLines([
        ["make-directory", directory.path + "/before"], ["filter", filter.path],
        ["make-directory", directory.path + "/after"], ["remove", filter.path], ["read", directory.path + "/none"],
      ])

      try #require(lines.count == 5)
      #expect(lines[0] == "true")
      #expect(lines[1] == "true")
      #expect(lines[2].hasPrefix("{\"errno\":1,"))
      #expect(lines[3].hasPrefix("{\"errno\":100,"))
      #expect(lines[4].hasPrefix("{\"errno\":2,"))
    }
  }

  @Test func `an argument decides`() throws {
    try withDirectory { directory in
      // A directory made with the mode 0755 is refused, by the third argument of mkdirat.
      let profile = SeccompFixtures.profile(
        "SCMP_ACT_ALLOW",
        [
          SeccompFixtures.rule(
            ["mkdirat"], "SCMP_ACT_ERRNO", errno: 5, [SeccompFixtures.condition(2, "SCMP_CMP_EQ", 0o755)])
        ])
      let filter = directory.appending(path: "filter")
      try write(try SeccompProgram.compile(profile), to: filter)

      let lines = try probeLines([["filter", filter.path], ["make-directory", directory.path + "/x"]])

      #expect(lines.last?.hasPrefix("{\"errno\":5,") == true)
    }
  }

  @Test(arguments: SeccompFixtures.names)
  func `the kernel takes the filters of engines' profiles`(name: String) throws {
    try withDirectory { directory in
      let filter = directory.appending(path: "filter")
      try write(try SeccompProgram.compile(try SeccompFixtures.ofEngine(name)), to: filter)

      let lines = try probeLines([
        ["filter", filter.path], ["make-directory", directory.path + "/x"], ["read", "/etc/hostname"],
        ["mount", "tmpfs", directory.path + "/x"],
      ])

      try #require(lines.count == 4)
      #expect(lines[0] == "true")
      #expect(lines[1] == "true")
      #expect(lines[2].hasPrefix("\""))
      // podman's profile leaves mounting to capabilities, and this process has them all.
      if name != "podman" { #expect(lines[3].hasPrefix("{\"errno\":1,")) }
    }
  }

  @Test func `a filter that is no program is refused by the kernel's word`() {
    #expect(throws: Errno.invalidArgument) { try SeccompFilter.install([], flags: 0) }
    #expect(throws: Errno.invalidArgument) {
      try SeccompFilter.install([UInt64](repeating: 6, count: 70_000), flags: 0)
    }
    // A load, and no answer after it.
    #expect(throws: Errno.invalidArgument) { try SeccompFilter.install([0x20], flags: 0) }
  }

  @Test func `the kernel tells which actions and flags it knows`() {
    let known = ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_NOTIFY", "SCMP_ACT_LOG"]

    #expect(Set(known).isSubset(of: SeccompFilter.availableActions))
    #expect(SeccompFilter.availableFlags.contains("SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
    #expect(!SeccompFilter.isAvailable(action: 0x1234_0000))
    #expect(!SeccompFilter.isAvailable(flags: 1 << 30))
  }
}
