import Foundation
import Testing

extension Integration {
  /// Options of the process, each by what is seen of it inside.
  @Suite struct EngineProcessFlags {
    @Test func `all variables of the caller, beneath the rest`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let told = try store.attempt(
          "run", "--rm", "--network", "none", "--env-host", "--env", "BOTH=asked", Store.image, "env",
          before: ["env"], environment: ["ONLY_HERE": "aye", "BOTH": "caller"]
        ).expecting(0)

        #expect(told.lines.contains("ONLY_HERE=aye"))
        #expect(told.lines.contains("BOTH=asked"))
      }
    }

    @Test func `a file of labels may have the line ends of another system`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let file = try harbour.write("# labels\r\nsea=calm\r\n\r\nsky=clear\r\n", to: "labels")

        try store.skiff("create", "--name", "one", "--network", "none", "--label-file", file, Store.image)

        let labels = try store.inspect("one").Config.Labels
        #expect(labels.sea.text == "calm" && labels.sky.text == "clear")
        try store.skiff("rm", "one")
      }
    }

    @Test func `the groups of the caller are kept when asked for, and only then`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let groups = ["setpriv", "--groups", "4242,4243"]

        let kept = try store.attempt(
          "run", "--rm", "--network", "none", "--group-add", "keep-groups", Store.image, "id", "-G", before: groups)
        let usual = try store.attempt("run", "--rm", "--network", "none", Store.image, "id", "-G", before: groups)
        let both = try store.attempt(
          "run", "--rm", "--group-add", "keep-groups", "--group-add", "1", Store.image, "true", before: groups)

        #expect(try kept.expecting(0).output.contains("4242 4243"))
        #expect(try !usual.expecting(0).output.contains("4242"))
        #expect(both.code == 125)
        #expect(both.errors.contains("not allowed with any other --group-add options"))
      }
    }

    @Test func `the time zone`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "--tz", "Asia/Tokyo", Store.image, "sh", "-c",
          "tail -n 1 /etc/localtime; mkdir -p /x; cp /etc/localtime /x/y")
        let wrong = try store.attempt("run", "--rm", "--tz", "Sea/Harbour", Store.image, "true")
        let climbing = try store.attempt("run", "--rm", "--tz", "../../../etc/passwd", Store.image, "true")

        #expect(told.lines.contains("JST-9"))
        #expect(wrong.code == 125)
        #expect(wrong.errors.contains("Sea/Harbour"))
        #expect(climbing.code == 125)
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
      }
    }

    @Test func `a container is killed when its time is over`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let begin = ContinuousClock.now

        let outcome = try store.attempt(
          "run", "--name", "one", "--network", "none", "--timeout", "1", Store.image, "sh", "-c",
          "trap '' TERM; sleep 500 & sleep 600")

        #expect(outcome.code == 137)
        #expect((.seconds(1)...(.seconds(20))).contains(ContinuousClock.now - begin))
        #expect(try store.inspect("one").Config.Timeout.number == 1)
        #expect(try store.inspect("one").State.ExitCode.number == 137)
        #expect(try store.skiff("generate", "run", "one").output.contains("--timeout 1 "))
        // Each start has all of it.
        #expect(try store.attempt("start", "--attach", "one").code == 137)
        try store.skiff("rm", "one")
        // Who ends earlier is let alone.
        let early = try store.skiff("run", "--rm", "--network", "none", "--timeout", "30", Store.image, "echo", "aye")
        #expect(early.output == "aye\n")
        for bad in ["-1", "x", "4294967296", "1.5"] {
          #expect(try store.attempt("run", "--rm", "--timeout", bad, Store.image, "true").code == 125, "\(bad)")
        }
      }
    }

    @Test func `the caller's limits`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let told = try store.attempt(
          "run", "--rm", "--network", "none", "--ulimit", "host", Store.image, "sh", "-c", "ulimit -n; ulimit -Hn",
          before: ["prlimit", "--nofile=700:800", "--"])

        #expect(try told.expecting(0).lines == ["700", "800"])
      }
    }

    @Test func `open files of the caller`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("from file three\n", to: "three")
        let line = "exec 3<\(harbour.path("three")) 4>\(harbour.path("four")); exec \"$@\""
        let shell = ["sh", "-c", line, "sh"]

        let told = try store.attempt(
          "run", "--rm", "--network", "none", "--preserve-fds", "2", Store.image, "sh", "-c",
          "cat <&3; echo to file four >&4; ls /proc/self/fd", before: shell)
        let written = try harbour.read("four")
        let missing = try store.attempt(
          "run", "--rm", "--preserve-fds", "3", Store.image, "true", before: shell)

        #expect(try told.expecting(0).lines.first == "from file three")
        // Those three, the two, and that of ls itself: nothing of the engine's.
        #expect(told.lines.dropFirst().count == 6)
        #expect(written == "to file four\n")
        #expect(missing.code == 125)
        #expect(missing.errors.contains("file descriptor 5 is not available"))
      }
    }

    @Test func `a preserved pipe ends with the container's own end of it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        // The reader hears of the end only when nobody holds the pipe any more, the monitor included.
        let line = "\"$@\" 3>&1 >/dev/null | cat; echo closed"

        let told = try store.attempt(
          "run", "--detach", "--network", "none", "--name", "one", "--preserve-fds", "1", Store.image, "sh", "-c",
          "echo first >&3; exec 3>&-; exec sleep 1000", before: ["sh", "-c", line, "sh"])

        #expect(try told.expecting(0).lines == ["first", "closed"])
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `single streams`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let both = "echo out; echo err >&2; cat"

        let output = try store.attempt(
          "run", "--rm", "--network", "none", "-a", "stdout", Store.image, "sh", "-c", both, input: "in\n")
        let errors = try store.attempt(
          "run", "--rm", "--network", "none", "--attach", "STDERR", "-a", "stdin", "-i", Store.image, "sh", "-c",
          "echo out; cat >&2", input: "in\n")
        let wrong = try store.attempt("run", "--rm", "-a", "stdsomething", Store.image, "true")
        let detached = try store.attempt("run", "-d", "-a", "stdout", Store.image, "true")

        #expect(try output.expecting(0).output == "out\n")
        #expect(output.errors == "")
        #expect(try errors.expecting(0).output == "")
        #expect(errors.errors == "in\n")
        #expect(wrong.errors.contains("valid streams are STDIN, STDOUT and STDERR"))
        #expect(detached.errors.contains("cannot specify both --attach and --detach"))
      }
    }

    @Test func `the number of the first process in a file`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "--network", "none", "--pidfile", harbour.path("pid")])

        let first = try harbour.read("pid")
        #expect(try first == "\(store.inspect("one").State.Pid.number)")
        try store.skiff("restart", "--time", "0", "one")
        #expect(try harbour.read("pid") == "\(store.inspect("one").State.Pid.number)")
        #expect(try harbour.read("pid") != first)
        try store.skiff("rm", "--force", "one")

        let nowhere = try store.attempt(
          "run", "--rm", "--network", "none", "--pidfile", harbour.path("no/such/pid"), Store.image, "true")
        #expect(nowhere.code == 125)
        #expect(nowhere.errors.contains("no/such/pid"))
      }
    }

    @Test func `a name is taken over from a container that has it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let first = try store.start(["--name", "one", "--network", "none"])

        let second = try store.start(["--name", "one", "--network", "none", "--replace"])
        let created = try store.skiff("create", "--name", "one", "--replace", Store.image).lines[0]

        #expect(first != second)
        #expect(try store.inspect("one").Id.text == created)
        #expect(try store.skiff("ps", "--all", "--quiet", "--no-trunc").lines == [created])
        let nameless = try store.attempt("run", "--rm", "--replace", Store.image, "true")
        #expect(nameless.errors.contains("cannot replace container without --name being set"))
        try store.skiff("rm", "one")
      }
    }

    @Test func `the image's own hosts file`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let own = try store.skiff("run", "--rm", "--no-hosts", Store.image, "sh", "-c", "cat /proc/mounts")
        let usual = try store.skiff("run", "--rm", Store.image, "sh", "-c", "cat /proc/mounts")

        #expect(!own.output.contains(" /etc/hosts "))
        #expect(usual.output.contains(" /etc/hosts "))
      }
    }

    @Test func `an image is looked for anew, and the one at hand is used where that fails`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let told = try store.skiff("run", "--rm", "--network", "none", "--pull", "newer", Store.image, "echo", "aye")
        let missing = try store.attempt("run", "--rm", "--pull", "newer", "localhost/none:at-all", "true")

        #expect(told.output == "aye\n")
        #expect(missing.code == 125)
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
      }
    }

    @Test func `real-time limits, where the kernel has them`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let file = "/sys/fs/cgroup/cpu/cpu.rt_runtime_us"

        let told = try store.attempt(
          "run", "--rm", "--network", "none", "--cpu-rt-period", "500000", "--cpu-rt-runtime", "1000", Store.image,
          "cat", file)
        let wrong = try store.attempt(
          "run", "--rm", "--cpu-rt-period", "1000", "--cpu-rt-runtime", "2000", Store.image, "true")

        if FileManager.default.fileExists(atPath: file) {
          // A parent without time of its own has none to give.
          if told.code == 0 { #expect(told.lines == ["1000"]) } else { #expect(told.errors.contains("rt_runtime")) }
        } else {
          #expect(told.code == 125)
          #expect(told.errors.contains("cpu.rt_"))
        }
        #expect(wrong.errors.contains("--cpu-rt-runtime cannot be above --cpu-rt-period"))
      }
    }
  }
}
