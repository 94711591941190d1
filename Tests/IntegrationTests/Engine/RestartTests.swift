import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What becomes of containers that end by themselves: restart policies.
  @Suite struct Restarts {
    @Test func `a container that fails is started again, as fresh as the first time, and its log goes on`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        // A volume counts the runs; what the run itself leaves must not be there in the next.
        let id = try store.start(
          ["--name", "one", "--restart", "on-failure", "-m", "64m", "-v", "count:/count", "--tmpfs", "/scratch"],
          """
          echo run >> /count/runs; n=$(wc -l < /count/runs); echo run $n
          test -e /scratch/left && echo stale; touch /scratch/left
          ip -o -4 addr show dev eth0 | grep -q inet && echo wired
          test $n -ge 3 || exit 7
          sleep 1000
          """)

        try until("the third run") { try store.skiff("logs", "one").lines.filter { $0.hasPrefix("run") }.count == 3 }
        let state = try store.inspect("one")
        #expect(state.RestartCount.number == 2)
        #expect(state.State.Status.text == "running" && !state.State.Restarting.isTrue)
        #expect(state.HostConfig.RestartPolicy.Name.text == "on-failure")
        #expect(state.HostConfig.RestartPolicy.MaximumRetryCount.number == 0)
        let lines = try store.skiff("logs", "one").lines
        #expect(lines == ["run 1", "wired", "run 2", "wired", "run 3", "wired"])
        #expect(try store.attempt("logs", "-f", "--until", "0s", "one").lines == lines)
        // One monitor, and a group with the limit of its own again.
        #expect(try monitors(harbour).count == 1)
        let process = state.State.Pid.number
        #expect(
          try shell("cat /proc/\(process)/cgroup | grep -E 'memory|^0::' | head -1").output.contains(id),
          "its group was made again")
        let actions = try store.skiff(
          "events", "--since", "1h", "--until", "0s", "--filter", "container=one", "--format", "{{.Action}}"
        ).lines
        #expect(actions == ["create", "start", "die", "start", "die", "start"])
        try store.skiff("rm", "--force", "one")
        try store.skiff("volume", "rm", "count")
      }
    }

    @Test func `on-failure gives up after its count, and leaves a success alone`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "fails", "--network", "none", "--restart", "on-failure:2"], "echo run; exit 3")
        _ = try store.start(["--name", "succeeds", "--network", "none", "--restart", "on-failure"], "echo run")

        // It waits through the restarts in between.
        #expect(try store.skiff("wait", "fails").lines == ["3"])
        #expect(try store.skiff("logs", "fails").lines == ["run", "run", "run"])
        let state = try store.inspect("fails")
        #expect(state.RestartCount.number == 2)
        #expect(state.State.Status.text == "exited" && state.State.ExitCode.number == 3)
        #expect(state.HostConfig.RestartPolicy.MaximumRetryCount.number == 2)
        #expect(try store.skiff("wait", "succeeds").lines == ["0"])
        #expect(try store.skiff("logs", "succeeds").lines == ["run"])
        // Started by hand it begins to count anew.
        try store.skiff("start", "fails")
        try store.skiff("wait", "fails")
        #expect(try store.skiff("logs", "fails").lines.count == 6)
        #expect(try store.inspect("fails").RestartCount.number == 2)
        try until("the monitors' end") { try monitors(harbour).isEmpty }
        try store.skiff("rm", "fails", "succeeds")
      }
    }

    @Test func `between two runs it is shown as restarting, waits longer each time, and is stopped for good`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "--network", "none", "--restart", "always"], "date +%s%N; exit 1")

        // The fifth pause takes 1.6 s: time enough to look.
        try until("five runs") { try store.skiff("logs", "one").lines.count == 5 }
        try until("its end") { try store.inspect("one").State.Restarting.isTrue }
        let state = try store.inspect("one")
        #expect(state.State.Status.text == "restarting" && state.State.Running.isTrue)
        #expect(state.State.ExitCode.number == 1 && state.State.Pid.number == 0)
        let shown = try store.skiff("ps", "--format", "{{.Status}}").lines
        #expect(shown.count == 1 && shown[0].hasPrefix("Restarting (1) ") && shown[0].hasSuffix(" ago"))
        #expect(try store.skiff("ps", "-q", "--filter", "status=restarting").lines.count == 1)
        let refused = try store.attempt("rm", "one")
        #expect(refused.code == 1 && refused.errors.contains("it is restarting"))
        #expect(try store.skiff("container", "prune", "--force").output.contains("reclaimed space: 0B"))
        let times = try store.skiff("logs", "one").lines.compactMap { Int64($0) }
        let pauses = zip(times.dropFirst(), times).map { ($0 - $1) / 1_000_000 }
        for (pause, least) in zip(pauses, [100, 200, 400, 800] as [Int64]) { #expect(pause >= least) }

        let stopped = try store.skiff("stop", "one")
        #expect(stopped.milliseconds < 1000)
        #expect(try store.inspect("one").State.Status.text == "exited")
        try until("the monitor's end") { try monitors(harbour).isEmpty }
        #expect(try store.skiff("logs", "one").lines.count == 5)
        try store.skiff("rm", "one")
      }
    }

    @Test func `stop, kill and rm end it for good, another signal does not`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let line = "trap 'exit 0' TERM; trap 'exit 5' HUP; echo run; while :; do sleep 0.02; done"
        for name in ["stopped", "killed", "told", "removed", "again"] {
          _ = try store.start(["--name", name, "--network", "none", "--restart", "unless-stopped"], line)
        }
        try until("all runs") {
          try ["stopped", "killed", "told", "removed", "again"].allSatisfy {
            try store.skiff("logs", $0).lines == ["run"]
          }
        }

        try store.skiff("stop", "stopped")
        try store.skiff("kill", "killed")
        try store.skiff("kill", "--signal", "HUP", "told")
        try store.skiff("rm", "--force", "removed")
        try store.skiff("restart", "again")
        try until("the second run") { try store.skiff("logs", "told").lines == ["run", "run"] }

        for name in ["stopped", "killed"] {
          #expect(try store.inspect(name).State.Status.text == "exited")
          #expect(try store.skiff("logs", name).lines == ["run"])
        }
        #expect(try store.inspect("told").RestartCount.number == 1)
        #expect(try store.inspect("again").RestartCount.number == 0)
        try until("monitors of what runs alone") { try monitors(harbour).count == 2 }
        // Restarted by hand its policy holds again.
        try until("the trap") { try store.skiff("logs", "again").lines.count == 2 }
        try store.skiff("kill", "--signal", "HUP", "again")
        try until("the third run") { try store.skiff("logs", "again").lines.count == 3 }
        try store.skiff("stop", "-t", "5", "told", "again")
        try until("the monitors' end") { try monitors(harbour).isEmpty }
        try store.skiff("rm", "stopped", "killed", "told", "again")
      }
    }

    @Test func `a stop in the middle of a restart wins, whenever it comes`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        for round in 0..<12 {
          _ = try store.start(
            ["--name", "one", "--network", "none", "--restart", "always", "-v", "count:/count"],
            "echo >> /count/runs; sleep 0.02; exit 1")
          // From before the first end to within the first restarts.
          ClockTime.sleep(milliseconds: Int64(round) * 25)
          try store.skiff("stop", "-t", "5", "one")

          #expect(try store.inspect("one").State.Status.text == "exited")
          let log = harbour.path("store/volumes/count")
          let runs = try shell("cat $(find \(log) -name runs) | wc -l").output
          try until("the monitor's end") { try monitors(harbour).isEmpty }
          ClockTime.sleep(milliseconds: 150)
          #expect(try store.inspect("one").State.Status.text == "exited")
          #expect(try shell("cat $(find \(log) -name runs) | wc -l").output == runs)
          try store.skiff("rm", "one")
        }
        try store.skiff("volume", "rm", "count")
      }
    }

    @Test func `a shutdown in the middle of a restart wins, too`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--name", "one", "--network", "none", "--restart", "always"], "echo run; exit 1")
        let place = "\(store.root)/containers/\(id)"
        let holder = try Bystander(["/usr/bin/flock", "--no-fork", place, "sleep", "1000"])
        var isHeld = true
        defer { if isHeld { holder.end() } }
        // Past its last look for the mark, and waiting for the container.
        try until("somebody about to start it") {
          let first = try restarting(id)
          ClockTime.sleep(milliseconds: 300)
          return try first.count == 1 && restarting(id) == first
        }
        let runs = try store.skiff("logs", "one").lines.count
        // What the shutdown leaves first.
        try "shutdown\n".write(toFile: place + "/stopped", atomically: true, encoding: .utf8)
        holder.end()
        isHeld = false

        try until("its end") { try restarting(id).isEmpty && monitors(harbour).isEmpty }
        #expect(try store.inspect("one").State.Status.text == "exited")
        #expect(try store.skiff("logs", "one").lines.count == runs)
        try store.skiff("rm", "one")
      }
    }

    @Test func `the number of a restart's lock is that of an open file`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "one", "--network", "none", "--restart", "always", Store.image)
        for number in ["-1", "0", "2", "77"] {
          let refused = try store.attempt("container", "cleanup", "--restart-lock=\(number)", "one")
          #expect(
            refused.code == 1 && refused.errors.contains("--restart-lock is the number of an open file"), "\(refused)")
        }
        try store.skiff("rm", "one")
      }
    }

    /// What has come to start a container again, by process id.
    private func restarting(_ id: String) throws -> [String] {
      // Brackets, so that the line does not find itself.
      try shell(
        """
        for p in /proc/[0-9]*; do
          tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q -- '--restart-loc[k] .* \(id)' && basename $p
        done; true
        """
      ).lines
    }

    @Test func `a policy can be changed while the container runs`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let line = "trap 'exit 5' HUP; echo run; while :; do sleep 0.02; done"
        _ = try store.start(["--name", "one", "--network", "none"], line)
        try until("the run") { try store.skiff("logs", "one").lines == ["run"] }

        #expect(try store.skiff("update", "--restart", "on-failure:3", "one").output == "one\n")
        try store.skiff("kill", "--signal", "HUP", "one")
        try until("the second run") { try store.skiff("logs", "one").lines.count == 2 }
        #expect(try store.inspect("one").HostConfig.RestartPolicy.MaximumRetryCount.number == 3)
        try store.skiff("update", "--restart", "no", "one")
        try store.skiff("kill", "--signal", "HUP", "one")
        #expect(try store.skiff("wait", "one").lines == ["5"])
        #expect(try store.skiff("logs", "one").lines.count == 2)
        try store.skiff("rm", "one")
      }
    }

    @Test func `a monitor that is killed in the pause restarts nothing, and the next command clears up`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "--restart", "always"], "exit 1")
        try until("a pause to aim at") { try store.inspect("one").RestartCount.number >= 4 }
        try until("the pause") { try store.inspect("one").State.Restarting.isTrue }

        for process in try monitors(harbour) { try shell("kill -9 \(process)") }

        try until("its end") { try store.inspect("one").State.Status.text == "exited" }
        #expect(try store.skiff("ps", "-a", "--format", "{{.Status}}").lines[0].hasPrefix("Exited (1)"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: harbour.path("run/lifelines")) == [])
        try store.skiff("start", "one")
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `who runs it in the foreground gets its first code, and it goes on behind`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let outcome = try store.attempt(
          "run", "--name", "one", "--restart", "on-failure:1", Store.image, "sh", "-c", "echo run; exit 4")

        #expect(outcome.code == 4 && outcome.lines == ["run"])
        #expect(try store.skiff("wait", "one").lines == ["4"])
        #expect(try store.skiff("logs", "one").lines == ["run", "run"])
        try until("the monitor's end") { try monitors(harbour).isEmpty }
        try store.skiff("rm", "one")
      }
    }

    @Test func `a start that fails ends the restarts, and is told`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        // It takes its own shell away.
        _ = try store.start(["--name", "one", "--restart", "always"], "rm /bin/sh; exit 1")

        try until("the failure") { try store.inspect("one").State.Status.text == "exited" }
        let state = try store.inspect("one").State
        #expect(state.ExitCode.number == 127)
        #expect(state.Error.text.contains("executable file not found in $PATH"))
        try until("the monitor's end") { try monitors(harbour).isEmpty }
        try until("the lifeline's end") {
          try FileManager.default.contentsOfDirectory(atPath: harbour.path("run/lifelines")).isEmpty
        }
        try store.skiff("rm", "one")
      }
    }

    @Test func `what contradicts itself is refused`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let both = try store.attempt("run", "--rm", "--restart", "always", Store.image, "true")
        #expect(both.code == 125)
        #expect(both.errors.contains("conflicting options: cannot specify both --restart and --rm"))
        for (policy, words) in [
          ("sometimes", "it is no, always, unless-stopped"),
          ("always:3", "cannot be used with restart policy 'always'"),
          ("on-failure:x", "must be an integer"), ("on-failure:-1", "cannot be negative"),
        ] {
          let refused = try store.attempt("create", "--restart", policy, Store.image, "true")
          #expect(refused.code == 125 && refused.errors.contains(words), "\(policy): \(refused.errors)")
        }
        #expect(try store.skiff("ps", "-aq").lines == [])
        _ = try store.start(["--rm", "--name", "one", "--network", "none"])
        #expect(try store.attempt("update", "--restart", "always", "one").errors.contains("AutoRemove is enabled"))
        try store.skiff("rm", "--force", "one")
      }
    }
  }
}

/// Waits until something is so.
func until(_ what: String, seconds: Double = 20, _ isSo: () throws -> Bool) throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try !isSo() {
    guard ContinuousClock.now < deadline else { throw Trouble("waited in vain for \(what)") }
    ClockTime.sleep(milliseconds: 20)
  }
}

/// The monitors of a harbour's containers, by process id, and what they have become.
func monitors(_ harbour: Harbour) throws -> [String] {
  try shell(
    """
    for p in /proc/[0-9]*; do
      tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -qE '^skiff-runtime monitor|container cleanup' || continue
      ls -l $p/fd 2>/dev/null | grep -q '\(harbour.path("run/lifelines"))' && basename $p
    done; true
    """
  ).lines
}
