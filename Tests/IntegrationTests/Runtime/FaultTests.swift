import Foundation
import Testing

extension Integration {
  /// The kernel refuses a call of the runtime's: whichever it is, there is one sentence, and nothing is left.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct Faults {
    /// Calls by name, and which of one process's fail: early, in the middle, late.
    static let calls: [(String, [Int])] = [
      ("openat", [3, 17, 33, 35]), ("openat2", [1, 30, 70, 90]), ("mkdirat", [1, 2, 8, 20]), ("write", [1, 3, 9]),
      ("read", [5, 11, 20, 21]), ("fsopen", [1, 5]), ("fsconfig", [1, 9]), ("fsmount", [1, 6]), ("move_mount", [1, 9]),
      ("mount_setattr", [1, 4]), ("mknodat", [1, 6]), ("symlinkat", [1]), ("open_tree", [1, 4]), ("clone3", [1]),
      ("clone", [1]), ("pidfd_open", [1]), ("socketpair", [1]), ("renameat2", [1, 2]), ("sethostname", [1]),
      ("setsid", [1]),
      ("setresuid", [1]), ("setresgid", [1]), ("setgroups", [1]), ("capset", [1]), ("seccomp", [1]),
      ("pivot_root", [1]),
      ("umount2", [1]), ("chdir", [1, 2]), ("unlinkat", [1, 5, 9]), ("waitid", [1]), ("keyctl", [1, 2]),
      ("close_range", [1, 2]),
    ]

    @Test(arguments: calls) func `a refused call is told in one sentence, and leaves nothing`(
      call: String, moments: [Int]
    ) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mount"],"action":"SCMP_ACT_ERRNO"}]}}}"#
        )
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()
        for moment in moments {
          let outcome = try run(
            [
              "strace", "-f", "-qq", "-o", harbour.path("trace"), "-e", "trace=\(call)", "-e",
              "inject=\(call):error=EIO:when=\(moment)", Programs.runtime, "--root", harbour.path("state"), "run",
              "--bundle",
              bundle.path, bundle.id,
            ], seconds: 30)

          // A call that may fail (a convenience, or one never made) ends well.
          #expect([0, 1].contains(outcome.code), "\(call) \(moment): \(outcome)")
          #expect(outcome.code == 0 || outcome.errors.contains("skiff-runtime: "), "\(call) \(moment): \(outcome)")
          #expect(outcome.errors.split(separator: "\n").count <= 2, "\(call) \(moment): \(outcome.errors)")
          try bundle.delete(force: true)
          #expect(!harbour.exists("state/\(bundle.id)"), "\(call) \(moment)")
          for hierarchy in try FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup") {
            let group = "/sys/fs/cgroup/\(hierarchy)/skiff-test/\(bundle.id)"
            #expect(!FileManager.default.fileExists(atPath: group), "\(call) \(moment): \(group)")
          }
        }
      }
    }

    @Test func `a state that cannot be read is not taken for one that is not there`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let state = harbour.path("state/\(bundle.id)/state.json")
        // Opens and does not read.
        try shell("mv \(state) \(state).kept; mkdir \(state)")

        for words in [["delete", "--force"], ["delete"], ["kill"], ["state"], ["exec"], ["start"]] {
          let outcome = try bundle.runtime(words + [bundle.id] + (words == ["exec"] ? ["/bin/probe", "see"] : []))
          #expect(outcome.code != 0, "\(words)")
          #expect(outcome.errors.contains("cannot read the state"), "\(words): \(outcome.errors)")
        }

        try shell("rmdir \(state); mv \(state).kept \(state)")
        #expect(try bundle.state().status.text == "running")
        try bundle.delete(force: true)
      }
    }

    @Test func `a damaged state is removed by force alone`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"cgroupsPath":null}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number
        try harbour.write("{", to: "state/\(bundle.id)/state.json")

        let refused = try bundle.runtime(["delete", bundle.id])
        #expect(refused.code == 1)
        #expect(refused.errors.contains("damaged"))

        // Its group is found by the id, and with it the process.
        try bundle.delete(force: true)
        #expect(!harbour.exists("state/\(bundle.id)"))
        #expect(try hasEnded(process))
      }
    }
  }
}
