import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Further processes in a running container.
  @Suite struct Exec {
    @Test func `of several entries of one name in the environment the last one counts`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"env":["SAIL=up","PATH=/bin","SAIL=down","EMPTY="]}}"#)
        #expect(try bundle.see().environment.texts == ["PATH=/bin", "SAIL=down", "EMPTY=", "HOME=/"])

        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let seen = try JSON(
          text: try bundle.runtime(["exec", "--env", "SAIL=half", bundle.id, "/bin/probe", "see"]).expecting(0).output)
        #expect(seen.environment.texts == ["PATH=/bin", "EMPTY=", "SAIL=half", "HOME=/"])
        try bundle.delete(force: true)
      }
    }

    @Test func `a second process shares the container's namespaces and limits`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"pids":{"limit":30}}}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let first = try bundle.state().pid.number

        let seen = try JSON(text: try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"]).expecting(0).output)

        #expect(seen.hostname.text == "voyage")
        #expect(seen.processes.numbers.count == 2)
        #expect(seen.pid.number != 1)
        for name in ["pid", "net", "ipc", "uts", "mnt"] {
          let theirs = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(first)/ns/\(name)")
          #expect(seen.namespaces[name].text == theirs, "\(name)")
        }
        #expect(seen.cgroups.texts.contains { $0.contains("pids") && $0.hasSuffix(bundle.id) } || !isVersion1)
        #expect(seen.status.CapEff.text == "0000000000000000")
        #expect(seen.status.NoNewPrivs.number == 1)
        #expect(seen.descriptors.keys == ["0", "1", "2"])
        try bundle.delete(force: true)
      }
    }

    @Test func `user, directory and environment of its own`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let seen = try JSON(
          text: try bundle.runtime([
            "exec", "--user", "1000:1001", "--cwd", "/tmp", "--env", "EXTRA=1", bundle.id, "probe", "see",
          ]).expecting(0).output)

        #expect(seen.status.Uid.numbers == [1000, 1000, 1000, 1000])
        #expect(seen.status.Gid.numbers == [1001, 1001, 1001, 1001])
        #expect(seen.cwd.text == "/tmp")
        #expect(seen.environment.texts.contains("EXTRA=1"))
        #expect(seen.environment.texts.contains("PATH=/bin"))
        try bundle.delete(force: true)
      }
    }

    @Test func `the process may come as a file`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let file = try harbour.write(
          """
          {"user":{"uid":5,"gid":6},"args":["/bin/probe","see"],"env":["ONLY=this"],"cwd":"/etc",
           "capabilities":{"bounding":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_NOFILE","soft":64,"hard":64}]}
          """, to: "process.json")

        let outcome = try bundle.runtime(["exec", "--process", file, "--pid-file", harbour.path("pid"), bundle.id])

        let seen = try JSON(text: try outcome.expecting(0).output)
        #expect(seen.status.Uid.numbers == [5, 5, 5, 5])
        #expect(seen.environment.texts.filter { !$0.hasPrefix("HOME=") } == ["ONLY=this"])
        #expect(seen.cwd.text == "/etc")
        #expect(seen.rlimits["Max open files"].texts == ["64", "64"])
        #expect(seen.status.CapBnd.text == "0000000000000020")
        #expect(Int(try harbour.read("pid")) != nil)
        try bundle.delete(force: true)
      }
    }

    @Test func `exit codes come back`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        #expect(try bundle.runtime(["exec", bundle.id, "/bin/probe", "exit", "7"]).code == 7)
        #expect(try bundle.runtime(["exec", bundle.id, "/bin/probe", "kill-self", "KILL"]).code == 137)
        let missing = try bundle.runtime(["exec", bundle.id, "/absent"])
        #expect(missing.code != 0)
        #expect(missing.message.contains(#"exec: "/absent": stat /absent: no such file or directory"#))
        try bundle.delete(force: true)
      }
    }

    @Test func `detached exec comes back at once`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        try shell(
          """
          \(Programs.runtime) --root \(harbour.path("state")) exec --detach --pid-file \(harbour.path("pid")) \
          \(bundle.id) /bin/probe wait </dev/null >/dev/null 2>&1
          """)

        let id = try #require(Int(try harbour.read("pid")))
        #expect(try shell("cat /proc/\(id)/cmdline").output.contains("probe"))
        try bundle.delete(force: true)
      }
    }

    @Test func `a terminal for exec`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let session = try bundle.session(
          ["exec", "--tty", bundle.id, "/bin/probe", "see"], terminal: WindowSize(rows: 33, columns: 99))
        let outcome = try session.wait().expecting(0)

        let seen = try JSON(text: outcome.output)
        #expect(seen.terminal.rows.number == 33)
        #expect(seen.terminal.columns.number == 99)
        #expect(seen.terminal.isControlling.isTrue)
        try bundle.delete(force: true)
      }
    }
  }
}
