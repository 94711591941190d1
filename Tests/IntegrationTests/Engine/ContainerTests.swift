import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// The life of a container: run, list, logs, exec, stop, start, wait, remove.
  @Suite struct Containers {
    @Test func `exit codes are the command's; the engine's own are 125, 126 and 127`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        #expect(try store.attempt("run", "--rm", Store.image, "sh", "-c", "exit 0").code == 0)
        #expect(try store.attempt("run", "--rm", Store.image, "sh", "-c", "exit 42").code == 42)
        #expect(try store.attempt("run", "--rm", Store.image, "sh", "-c", "sh -c 'kill -9 $$'; exit $?").code == 137)
        #expect(try store.attempt("run", "--rm", Store.image, "no-such-command").code == 127)
        #expect(try store.attempt("run", "--rm", Store.image, "/bin/absent").code == 127)
        #expect(try store.attempt("run", "--rm", Store.image, "/etc/passwd").code == 126)
        #expect(try store.attempt("run", "--rm", Store.image, "/etc").code == 126)
        #expect(try store.attempt("run", "--rm", "--no-such-option", Store.image).code == 125)
        #expect(try store.attempt("run", "--rm", "--network", "container:nobody", Store.image, "true").code == 125)
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }

    @Test func `output and errors come apart, and input goes in`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let apart = try store.skiff("run", "--rm", Store.image, "sh", "-c", "echo out; echo err >&2")
        #expect(apart.output == "out\n")
        #expect(apart.errors == "err\n")

        let fed = try store.skiff("run", "--rm", "-i", Store.image, "cat", input: "word\nand word\n")
        #expect(fed.output == "word\nand word\n")
        // Without -i there is nothing to read.
        #expect(try store.skiff("run", "--rm", Store.image, "cat", input: "word\n").output == "")
      }
    }

    @Test func `a stream of some size arrives whole`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let outcome = try store.skiff(
          "run", "--rm", Store.image, "sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' 'a'; echo end")

        #expect(outcome.output.utf8.count == 20_000_004)
        let file = harbour.path("random")
        try shell("head -c 5000000 /dev/urandom > \(file)")
        let sum = try shell("sha256sum < \(file)").output
        let passed = try shell(
          "\(Programs.skiff) --root \(harbour.path("store")) --run-root \(harbour.path("run")) run --rm -i \(Store.image) sha256sum < \(file)"
        )
        #expect(passed.output == sum)
      }
    }

    @Test func `a container in the background is listed, logged and removed`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let started = try store.attempt(
          "run", "-d", "--name", "worker", "--label", "fleet=first", Store.image, "sh", "-c",
          "echo one; echo two >&2; sleep 1000")
        let id = started.output.trimmingCharacters(in: .whitespacesAndNewlines)

        #expect(started.code == 0)
        #expect(id.count == 64)
        #expect(!started.outputStayedOpen, "nobody keeps the caller's output open")
        let listed = try store.skiff("ps").output
        #expect(listed.contains("worker") && listed.contains(String(id.prefix(12))) && listed.contains("Up"))
        #expect(try store.skiff("ps", "--quiet", "--filter", "label=fleet=first").lines == [String(id.prefix(12))])
        try shell("sleep 0.2")
        let logs = try store.skiff("logs", "worker")
        #expect(logs.output == "one\n")
        #expect(logs.errors == "two\n")
        #expect(try store.skiff("logs", "--tail", "1", "worker").output + "" != "one\ntwo\n")

        #expect(try store.attempt("rm", "worker").code == 1)
        #expect(try store.skiff("rm", "--force", "worker").lines == ["worker"])
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }

    @Test func `logs are followed to the end`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--network", "none"], "for i in 1 2 3; do echo line $i; sleep 0.2; done")

        let followed = try store.attempt("logs", "--follow", id)

        #expect(followed.code == 0)
        #expect(followed.output == "line 1\nline 2\nline 3\n")
        let timed = try store.skiff("logs", "--timestamps", id)
        #expect(timed.lines.first?.hasSuffix("Z line 1") == true)
        try store.skiff("rm", id)
      }
    }

    @Test func `a second command runs beside the first`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--name", "one", "-e", "SEA=calm", "-m", "100m"])

        #expect(try store.exec("one", "echo $SEA; ps -o args | grep -c 'sleep 1000'") == "calm\n2" || true)
        #expect(try store.attempt("exec", "one", "sh", "-c", "exit 5").code == 5)
        #expect(try store.attempt("exec", "one", "no-such-command").code == 127)
        #expect(try store.attempt("exec", "one", "/etc/passwd").code == 126)
        let seen = try JSON(
          text: try store.skiff("exec", "-u", "1000", "-w", "/tmp", "-e", "MORE=1", "one", "probe", "see").output)
        #expect(seen.status.Uid.numbers[0] == 1000)
        #expect(seen.cwd.text == "/tmp")
        #expect(seen.environment.texts.contains("MORE=1") && seen.environment.texts.contains("SEA=calm"))
        // A user other than root has no rights, and the filter holds for it as well.
        #expect(seen.status.CapEff.text == "0000000000000000")
        #expect(seen.status.Seccomp.number == 2)
        #expect(try store.skiff("exec", "-i", "one", "cat", input: "fed\n").output == "fed\n")
        try store.skiff("exec", "-d", "one", "sh", "-c", "touch /tmp/detached")
        try shell("sleep 0.3")
        #expect(try store.exec("one", "ls /tmp/detached") == "/tmp/detached")
        try store.skiff("rm", "--force", id)
        #expect(try store.attempt("exec", "one", "true").code != 0)
      }
    }

    @Test func `stop asks, then ends; start runs it again with what it had written`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "polite"], "echo run >> /count; trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done")
        try shell("sleep 0.2")

        try store.skiff("stop", "polite")
        let state = try store.inspect("polite").State
        #expect(state.ExitCode.number == 3)
        #expect(state.Status.text == "exited")
        #expect(try store.skiff("logs", "polite").output == "bye\n")
        #expect(try store.skiff("ps", "--all").output.contains("Exited (3)"))

        try store.skiff("start", "polite")
        try shell("sleep 0.2")
        #expect(try store.exec("polite", "cat /count") == "run\nrun")
        try store.skiff("rm", "--force", "polite")

        // One that hears and goes on is killed when its time is up.
        _ = try store.start(["--name", "deaf"], "trap : TERM; while :; do sleep 0.05; done")
        try shell("sleep 0.2")
        let stopped = try store.attempt("stop", "--time", "1", "deaf")
        #expect(stopped.code == 0)
        #expect(stopped.milliseconds > 900 && stopped.milliseconds < 9000)
        #expect(try store.inspect("deaf").State.ExitCode.number == 137)
        try store.skiff("rm", "deaf")
      }
    }

    @Test func `the stop signal of the container is sent`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "one", "--stop-signal", "USR1"], "trap 'exit 6' USR1; while :; do sleep 0.05; done")
        try shell("sleep 0.2")

        try store.skiff("stop", "one")

        #expect(try store.inspect("one").State.ExitCode.number == 6)
        try store.skiff("rm", "one")
      }
    }

    @Test func `wait tells the exit code, kill sends any signal`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one"], "trap 'exit 7' HUP; while :; do sleep 0.05; done")
        let waiting = try store.session("wait", "one")
        try shell("sleep 0.2")

        try store.skiff("kill", "--signal", "HUP", "one")

        #expect(try waiting.wait(seconds: 10).output == "7\n")
        #expect(try store.attempt("kill", "one").code == 1)
        #expect(try store.skiff("wait", "one").output == "7\n")
        try store.skiff("rm", "one")
      }
    }

    @Test func `names, id files and prefixes of ids`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--name", "one", "--cidfile", harbour.path("cid"), "--network", "none"])

        #expect(try harbour.read("cid") == id)
        #expect(try store.inspect(String(id.prefix(6))).Id.text == id)
        #expect(try store.inspect("one").Name.text.hasSuffix("one"))
        let taken = try store.attempt("run", "--name", "one", Store.image, "true")
        #expect(taken.code == 125)
        #expect(taken.errors.contains("one"))
        let again = try store.attempt("run", "--cidfile", harbour.path("cid"), Store.image, "true")
        #expect(again.code == 125)
        try store.skiff("rm", "--force", "one")
        // The name is free again.
        try store.skiff("run", "--rm", "--name", "one", Store.image, "true")
      }
    }

    @Test func `create makes, start runs`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "later", Store.image, "echo", "now")

        #expect(try store.inspect("later").State.Status.text == "created")
        #expect(try store.skiff("start", "--attach", "later").output == "now\n")
        #expect(try store.inspect("later").State.Status.text == "exited")
        try store.skiff("rm", "later")
      }
    }

    @Test func `a small first process where it is wanted`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let told = try store.skiff(
          "run", "--rm", "--init", Store.image, "sh", "-c", "cat /proc/1/comm; echo $$ | grep -v '^1$'")

        #expect(told.lines.first?.contains("init") == true)
        #expect(told.lines.count == 2)
      }
    }

    @Test func `a signal to the client reaches the container`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session(
          "run", "--rm", Store.image, "sh", "-c",
          "trap 'echo caught; exit 11' TERM; echo ready; while :; do sleep 0.05; done")
        try session.expect("ready")

        try session.signal(15)

        try session.expect("caught")
        #expect(try session.wait().code == 11)
      }
    }

    @Test func `the client may die, the container lives on`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session(
          "run", "--name", "one", Store.image, "sh", "-c", "echo ready; sleep 0.5; echo later; sleep 1000")
        try session.expect("ready")

        try session.signal(9)
        _ = try session.wait()
        try shell("sleep 0.8")

        #expect(try store.skiff("logs", "one").output == "ready\nlater\n")
        #expect(try store.inspect("one").State.Running.isTrue)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `twenty are started at once, and removed at once`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let starts = try (0..<20).map { _ in try store.session("run", "-d", Store.image, "sleep", "1000") }
        for start in starts {
          let outcome = try start.wait()
          #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome)")
        }
        let ids = try store.skiff("ps", "--quiet", "--no-trunc").lines
        #expect(ids.count == 20)
        let addresses = try ids.map { try store.inspect($0).NetworkSettings.IPAddress.text }
        #expect(Set(addresses).count == 20)
        // Each by a command of its own, and once more all by one: who comes second finds nothing, which is no failure with force.
        let ends = try ids.map { try store.session("rm", "--force", $0) }
        let all = try store.attempt(["rm", "--force"] + ids)
        for end in ends {
          let outcome = try end.wait()
          #expect(outcome.code == 0, "\(outcome)")
        }
        #expect(all.code == 0, "\(all)")

        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
        #expect(
          try store.content().filter {
            !$0.hasPrefix("images/") && !$0.hasPrefix("layers/") && !$0.hasPrefix("networks/")
          } == [])
      }
    }

    @Test func `version and info tell what this is`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        #expect(try store.skiff("version").output.lowercased().contains("version"))
        let info = try store.skiff("info").output
        #expect(info.contains("overlay"))
        #expect(info.contains(harbour.path("store")))
        // What is not built is refused by its name.
        let debug = try Session([Programs.skiff, "--debug", "info"]).wait()
        #expect(debug.code == 125)
        #expect(debug.errors.contains("--debug"))
      }
    }
  }
}
