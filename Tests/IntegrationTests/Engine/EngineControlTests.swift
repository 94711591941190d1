import Foundation
import Testing

extension Integration {
  /// What is done to containers that live: pause, restart, rename, update, top, port.
  @Suite struct EngineControl {
    @Test func `a paused container stands still, is shown so, and goes on`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "one", "--network", "none"], "while :; do echo x >> /count; sleep 0.02; done")
        let count = { try store.skiff("exec", "one", "wc", "-l", "/count").output }
        try shell("sleep 0.2")

        #expect(try store.skiff("pause", "one").output == "one\n")
        let state = try store.inspect("one").State
        #expect(state.Paused.isTrue && state.Running.isTrue && state.Status.text == "paused")
        #expect(try store.skiff("ps").output.contains("(Paused)"))
        #expect(try store.skiff("ps", "-q", "--filter", "status=paused").lines.count == 1)
        #expect(try store.skiff("ps", "-q", "--filter", "status=running").lines == [])
        let stat = try shell("cat /proc/\(state.Pid.number)/stat").output
        try shell("sleep 0.2")
        #expect(try shell("cat /proc/\(state.Pid.number)/stat").output == stat, "no time is spent")
        let again = try store.attempt("pause", "one")
        #expect(again.code == 1 && again.errors.contains("it is paused already"))

        #expect(try store.skiff("unpause", "one").output == "one\n")
        let before = try count()
        try shell("sleep 0.2")
        #expect(try count() != before)
        #expect(try store.attempt("unpause", "one").errors.contains("it is not paused"))
        // A paused one is stopped in time: its signal is heard.
        try store.skiff("pause", "one")
        let stopped = try store.skiff("stop", "-t", "20", "one")
        #expect(stopped.milliseconds < 10_000)
        #expect(try store.attempt("pause", "one").errors.contains("it is not running"))
        try store.skiff("rm", "one")
      }
    }

    @Test func `several are stopped, and restarted, in the time of the slowest`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let names = ["one", "two", "three", "four"]
        for name in names {
          _ = try store.start(
            ["--name", name, "--rm"], "echo run >> /count; trap 'sleep 1; exit 3' TERM; while :; do sleep 0.05; done")
        }
        try shell("sleep 0.2")
        let processes = try names.map { try store.inspect($0).State.Pid.number }
        let address = try store.inspect("one").NetworkSettings.IPAddress.text

        let restarted = try store.attempt(["restart"] + names + ["nobody", "one"])

        #expect(restarted.code == 1)
        #expect(restarted.lines == names + ["one"], "in the order in which they were named")
        #expect(restarted.errors.contains("no such container: nobody"))
        // Once for all of them, and once more for the one that was named twice.
        #expect(restarted.milliseconds < 3900)
        // Their programs have begun, not more.
        try shell("sleep 0.5")
        for (name, process) in zip(names, processes) {
          #expect(try store.inspect(name).State.Pid.number != process)
          #expect(try store.exec(name, "wc -l < /count") == (name == "one" ? "3" : "2"), "it was not made anew")
        }
        #expect(!address.isEmpty)
        #expect(try store.inspect("one").NetworkSettings.IPAddress.text.hasPrefix("1"))
        let stopped = try store.attempt(["stop", "-t", "10"] + names)
        #expect(stopped.code == 0 && stopped.lines == names)
        #expect(stopped.milliseconds < 3500)
        // They asked to be removed at their end, and this was the end.
        let deadline = ContinuousClock.now + .seconds(10)
        while try !store.skiff("ps", "-aq").lines.isEmpty, ContinuousClock.now < deadline { try shell("sleep 0.05") }
        #expect(try store.skiff("ps", "-aq").lines == [])
      }
    }

    @Test func `restart sends the signal that is named, and starts what was not running`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "one", "--network", "none"],
          "trap 'echo usr; exit 4' USR1; trap '' TERM; echo ready; while :; do sleep 0.05; done")
        try shell("sleep 0.2")

        try store.skiff("restart", "--signal", "USR1", "one")
        #expect(try store.skiff("logs", "one").lines.prefix(2) == ["ready", "usr"])
        try store.skiff("kill", "one")
        try store.skiff("restart", "one")
        #expect(try store.inspect("one").State.Running.isTrue)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `a renamed container goes by its new name only`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--name", "old", "--network", "none"])
        _ = try store.start(["--name", "other", "--network", "none"])

        #expect(try store.skiff("rename", "old", "new").output == "")
        #expect(try store.inspect("new").Id.text == id)
        #expect(try store.inspect("new").Name.text == "/new")
        #expect(try store.attempt("inspect", "old").code == 1)
        #expect(try store.attempt("rename", "new", "other").errors.contains("cannot use the name other"))
        #expect(try store.attempt("rename", "new", "new").errors.contains("its name already"))
        #expect(try store.attempt("rename", "new", "../x").code == 125)
        #expect(try store.attempt("rename", "new").code == 125)
        // Who shares its network finds it by its new name, too.
        try store.skiff("create", "--name", "guest", "--network", "container:new", Store.image, "true")
        try store.skiff("rename", "new", "newer")
        try store.skiff("start", "--attach", "guest")
        #expect(try store.inspect("guest").HostConfig.NetworkMode.text == "container:\(id)")
        try store.skiff("rm", "guest")
        try store.skiff("rename", "newer", "new")
        // The name is free again.
        try store.skiff("run", "--rm", "--name", "old", "--network", "none", Store.image, "true")
        try store.skiff("rm", "--force", "new", "other")
        #expect(try FileManager.default.contentsOfDirectory(atPath: harbour.path("store/names")) == [])
      }
    }

    @Test func `limits change at once, and stay for the next start`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--name", "one", "--network", "none", "-m", "64m", "--pids-limit", "50"])
        func limits() throws -> [String] {
          let process = try store.inspect(id).State.Pid.number
          return [
            try value("memory", "memory.limit_in_bytes", "memory.max", of: process),
            try value("pids", "pids.max", "pids.max", of: process),
            isVersion1
              ? try value("cpu", "cpu.cfs_quota_us", "", of: process) : try value("cpu", "", "cpu.max", of: process),
            try value("cpuset", "cpuset.cpus", "cpuset.cpus", of: process),
          ]
        }

        #expect(
          try store.skiff(
            "update", "-m", "128m", "--pids-limit", "20", "--cpus", "0.5", "--cpuset-cpus", "0", "one"
          ).output == "one\n")

        let changed = ["134217728", "20", isVersion1 ? "50000" : "50000 100000", "0"]
        #expect(try limits() == changed)
        let asked = try store.inspect(id).HostConfig
        #expect(asked.Memory.number == 134_217_728 && asked.NanoCpus.number == 500_000_000)
        #expect(asked.PidsLimit.number == 20 && asked.CpusetCpus.text == "0")
        try store.skiff("restart", "-t", "0", "one")
        #expect(try limits() == changed)
        // The other way to say it takes the place of the first; -1 takes a limit away.
        try store.skiff("update", "--cpu-quota", "20000", "--pids-limit", "-1", "-m", "-1", "one")
        let lifted = try limits()
        #expect(lifted[1] == "max" && lifted[2].hasPrefix("20000"))
        #expect(lifted[0] == "max" || (Int(lifted[0]) ?? 0) > 1 << 60)
        try store.skiff("kill", "one")
        // One that does not run is changed for its next start.
        try store.skiff("update", "-m", "100m", "one")
        try store.skiff("start", "one")
        #expect(try limits()[0] == "104857600")
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `what cannot be changed is refused, and changes nothing`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--name", "one", "--network", "none", "-m", "64m", "--memory-swap", "64m"])
        let before = try store.inspect(id).HostConfig.description
        func refused(_ words: String...) throws -> String {
          let outcome = try store.attempt(["update"] + words + ["one"])
          #expect(outcome.code != 0)
          return outcome.errors
        }

        #expect(try refused().contains("say which limit"))
        #expect(try refused("--restart", "sometimes").contains("--restart"))
        #expect(try refused("--cpus", "1", "--cpu-quota", "1000").contains("choose one way"))
        #expect(try refused("-m", "lots").contains("\"lots\""))
        #expect(try refused("-m", "0").contains("-1 for no limit"))
        #expect(try refused("-m", "128m").contains("--memory-swap"))
        #expect(try refused("--cpuset-cpus", "one").contains("--cpuset-cpus"))
        #expect(try refused("--cpuset-cpus", "4000").contains("cpuset"))
        #expect(try refused("--no-such-limit", "1").contains("--no-such-limit"))
        #expect(try store.inspect(id).HostConfig.description == before)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `top shows the container's processes by the host's numbers`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "--network", "none"], "sleep 1000 & wait")
        try shell("sleep 0.2")
        let process = try store.inspect("one").State.Pid.number

        let plain = try store.skiff("top", "one").lines
        #expect(
          plain[0].split(separator: " ").map(String.init) == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
        #expect(plain.count == 3)
        #expect(plain[1].contains("\(process)") && plain[1].hasSuffix("sh -c sleep 1000 & wait"))
        let chosen = try store.skiff("top", "one", "-o", "pid,args").lines
        #expect(chosen[0] == "PID                 COMMAND")
        #expect(chosen.last?.hasSuffix(" sleep 1000") == true)
        #expect(try store.attempt("top", "one", "-o", "args").errors.contains("PID"))
        #expect(try store.attempt("top").code == 125)
        try store.skiff("kill", "one")
        #expect(try store.attempt("top", "one").errors.contains("it is not running"))
        try store.skiff("rm", "one")
      }
    }

    @Test func `options of docker's that are not built are refused by name`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        for words in [
          ["start", "--checkpoint", "x", "one"], ["start", "--checkpoint-dir", "x", "one"], ["rm", "--link", "one"],
          ["update", "--cpu-rt-runtime", "1", "one"],
        ] {
          let outcome = try store.attempt(words)
          #expect(outcome.code == 125 && outcome.errors.contains("not built"), "\(outcome)")
        }
      }
    }

    @Test func `port tells of published ports, and that there is none`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "--network", "none"])

        #expect(try store.skiff("port", "one").output == "")
        let none = try store.attempt("port", "one", "80")
        #expect(none.code == 1 && none.errors.contains("no public port '80/tcp' published for one"))
        #expect(try store.attempt("port", "one", "70000").code == 125)
        try store.skiff("rm", "--force", "one")
      }
    }
  }
}
