import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// The small first process, on its own in a PID namespace.
  @Suite struct FirstProcess {
    @Test func `it ends with the program's code`() throws {
      #expect(try inNamespace(["sh", "-c", "exit 9"]).wait().code == 9)
      #expect(try inNamespace(["sh", "-c", "kill -KILL $$"]).wait().code == 137)
    }

    @Test func `it says why a program does not start`() throws {
      let missing = try inNamespace(["no-such-program"]).wait()
      #expect(missing.code == 127)
      #expect(missing.errors.contains("cannot run no-such-program: no such file or directory"))

      let refused = try inNamespace(["/etc/passwd"]).wait()
      #expect(refused.code == 126)
      #expect(refused.errors.contains("permission denied"))
      #expect(try run([Programs.initProgram]).code == 2)
    }

    @Test func `it passes signals on, those too that the kernel keeps from a first process`() throws {
      let session = try inNamespace([
        "sh", "-c", "trap 'echo term; exit 4' TERM; echo ready; while :; do sleep 0.05; done",
      ])
      try session.expect("ready")

      // To the namespace's first process, from outside.
      let first = try #require(try shell("pgrep -P \(session.processID)").lines.first.flatMap { Int32($0) })
      try Signal.send(15, to: first)

      try session.expect("term")
      #expect(try session.wait().code == 4)
    }

    @Test func `it needs nothing of the host, not even proc`() throws {
      try inHarbour { harbour in
        let root = try harbour.makeDirectory("root/bin")
        try shell("cp \(Programs.initProgram) \(root)/init; cp /bin/busybox \(root)/echo")

        let outcome = try run(["chroot", harbour.path("root"), "/bin/init", "/bin/echo", "aye"])

        #expect(outcome.code == 0)
        #expect(outcome.output == "aye\n")
      }
    }

    @Test func `orphans do not stay as zombies`() throws {
      let session = try inNamespace([
        "sh", "-c", "(sleep 0.1 &); (sleep 0.1 &); (sleep 0.1 &); sleep 0.5; ps -eo stat= | grep -c Z",
      ])

      #expect(try session.wait().lines == ["0"])
    }

    @Test func `the program holds the terminal`() throws {
      let session = try Session(
        [
          "unshare", "--pid", "--fork", "--mount-proc", Programs.initProgram, "sh", "-c",
          "ps -o pid=,tpgid= -p $$; read -r x; echo got $x",
        ],
        terminal: WindowSize(rows: 24, columns: 80))
      // Process 2 is in the foreground, so it may read.
      try session.expect("2")
      try session.send("word\r")
      try session.expect("got word")
      #expect(try session.wait().code == 0)
    }

    private func inNamespace(_ arguments: [String]) throws -> Session {
      try Session(["unshare", "--pid", "--fork", "--mount-proc", Programs.initProgram] + arguments)
    }
  }
}
