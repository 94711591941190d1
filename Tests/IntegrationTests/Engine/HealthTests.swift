import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Health checks, made by a container's monitor.
  @Suite struct Health {
    private static let quick = ["--health-interval", "50ms", "--health-retries", "2", "--health-timeout", "5s"]

    @Test func `a container is starting, then healthy, then unhealthy, as its check finds`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          ["--name", "one", "--network", "none", "-e", "MARK=buoy", "-w", "/tmp", "--health-cmd"]
            + [#"test -e /well && echo "$MARK in $PWD" && echo bad >&2 && exit 0; echo none; exit 7"#]
            + ["--health-start-period", "30s", "--health-start-interval", "50ms"] + Self.quick)

        #expect(try store.skiff("ps", "--format", "{{.Status}}").output.contains("(health: starting)"))
        try until("failures that do not count") { try store.inspect("one").State.Health.Log.list.count >= 3 }
        let starting = try store.inspect("one").State.Health
        #expect(starting.Status.text == "starting" && starting.FailingStreak.number == 0)
        #expect(starting.Log[0].ExitCode.number == 7 && starting.Log[0].Output.text == "none\n")
        #expect(try store.attempt("healthcheck", "run", "one").lines == ["starting"])

        try store.skiff("exec", "one", "touch", "/well")
        #expect(try store.skiff("wait", "--condition", "healthy", "one").lines == ["-1"])
        let healthy = try store.inspect("one").State.Health
        #expect(healthy.Status.text == "healthy")
        let last = try #require(healthy.Log.list.last)
        #expect(last.ExitCode.number == 0 && last.Output.text == "buoy in /tmp\nbad\n")
        #expect(last.Start.text < last.End.text && last.Start.text.hasSuffix("Z"))
        #expect(try store.skiff("ps", "--format", "{{.Status}}").output.contains("(healthy)"))
        #expect(try store.skiff("healthcheck", "run", "one").output == "")

        try store.skiff("exec", "one", "rm", "/well")
        #expect(try store.skiff("wait", "--condition", "unhealthy", "one").lines == ["-1"])
        try until("a full log") { try store.inspect("one").State.Health.Log.list.count == 5 }
        #expect(try store.inspect("one").State.Health.FailingStreak.number >= 2)
        #expect(try store.skiff("ps", "--format", "{{.Status}}").output.contains("(unhealthy)"))
        let asked = try store.attempt("healthcheck", "run", "one")
        #expect(asked.code == 1 && asked.lines == ["unhealthy"])
        for (word, count) in [("unhealthy", 1), ("healthy", 0), ("starting", 0), ("none", 0)] {
          #expect(try store.skiff("ps", "-q", "--filter", "health=\(word)").lines.count == count, "\(word)")
        }
        let actions = try store.skiff(
          "events", "--since", "1h", "--until", "0s", "--filter", "event=health_status", "--filter", "container=\(id)",
          "--format", "{{.Action}}"
        ).lines
        #expect(actions == ["health_status: healthy", "health_status: unhealthy"])
        let check = try store.inspect("one").Config.Healthcheck
        #expect(check.Test[0].text == "CMD-SHELL" && check.Interval.number == 50_000_000 && check.Retries.number == 2)
        // What it was is told of one that has ended, but it is starting again with its next start.
        try store.skiff("kill", "one")
        #expect(try store.inspect("one").State.Health.Status.text == "unhealthy")
        try store.skiff("start", "one")
        #expect(try store.inspect("one").State.Health.Status.text == "starting")
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `the image says how, options say otherwise`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let place = try harbour.makeDirectory("image")
        try shell(
          """
          cd \(place); cp \(Store.archive()) layer.tar; digest=$(sha256sum layer.tar | cut -d' ' -f1)
          echo '{"os":"linux","architecture":"amd64","config":{"Cmd":["sleep","1000"],"Healthcheck":{"Test":["CMD","test","-e",
            "/well"],"Interval":60000000,"Retries":1}},"rootfs":{"type":"layers","diff_ids":["sha256:'$digest'"]}}' > config.json
          echo '[{"Config":"config.json","RepoTags":["\(Store.image)"],"Layers":["layer.tar"]}]' > manifest.json
          tar -cf ../image.tar *
          """)
        try store.skiff("load", "--input", harbour.path("image.tar"))
        let line = ["run", "-d", "--network", "none"]
        _ = try store.attempt(line + ["--name", "plain", Store.image]).expecting(0)
        _ = try store.attempt(line + ["--name", "none", "--no-healthcheck", Store.image]).expecting(0)
        _ = try store.attempt(line + ["--name", "other", "--health-cmd", #"["test","-e","/proc"]"#, Store.image])
          .expecting(0)

        #expect(try store.skiff("wait", "--condition", "unhealthy", "plain").lines == ["-1"])
        #expect(try store.skiff("wait", "--condition", "healthy", "other").lines == ["-1"])
        #expect(try store.inspect("other").Config.Healthcheck.Test.texts == ["CMD", "test", "-e", "/proc"])
        #expect(try store.inspect("none").State.Health.isMissing)
        #expect(try store.inspect("none").Config.Healthcheck.isMissing)
        #expect(try store.skiff("ps", "--filter", "health=none", "--format", "{{.Names}}").lines == ["none"])
        let refused = try store.attempt("healthcheck", "run", "none")
        #expect(refused.code == 125 && refused.errors.contains("has no defined healthcheck"))
        try store.skiff("rm", "--force", "plain", "none", "other")
      }
    }

    @Test func `a check that takes too long is ended with all that it has started, and its words are bounded`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          [
            "--name", "slow", "--network", "none", "--health-interval", "50ms", "--health-timeout", "300ms",
            "--health-retries", "1", "--health-cmd",
            "echo before; (setsid sh -c 'sleep 777; true' &); sleep 778",
          ])
        _ = try store.start(
          ["--name", "loud", "--network", "none", "--health-cmd", "yes | head -c 1000000; sleep 779 & true"]
            + Self.quick)

        #expect(try store.skiff("wait", "--condition", "unhealthy", "slow").lines == ["-1"])
        let result = try #require(try store.inspect("slow").State.Health.Log.list.last)
        #expect(result.ExitCode.number == -1)
        #expect(result.Output.text == "Health check exceeded timeout (300ms): before\n")
        #expect(try store.skiff("wait", "--condition", "healthy", "loud").lines == ["-1"])
        let loud = try #require(try store.inspect("loud").State.Health.Log.list.last).Output.text
        #expect(loud.count == 4099 && loud.hasSuffix("y\n..."))
        // Many checks later there is at most the one that runs.
        ClockTime.sleep(milliseconds: 600)
        #expect(Int(try store.exec("slow", "ps -o args | grep -c '[s]leep 77' || true")) ?? 9 <= 4)
        #expect(Int(try store.exec("loud", "ps -o args | grep -c '^sleep 779' || true")) ?? 9 <= 2)
        try store.skiff("stop", "slow", "loud")
        try store.skiff("rm", "slow", "loud")
      }
    }

    @Test func `while a check runs the monitor does its other work`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          [
            "--name", "one", "--network", "none", "--health-interval", "20ms", "--health-cmd", "touch /begun; sleep 30",
          ],
          "while :; do cat /said 2>/dev/null && rm /said; sleep 0.02; done")
        try until("the check") { try store.attempt("exec", "one", "test", "-e", "/begun").code == 0 }

        try store.skiff("exec", "one", "sh", "-c", "echo heard > /said")
        try until("the word") { try store.skiff("logs", "one").lines == ["heard"] }
        #expect(try store.skiff("stop", "one").milliseconds < 3000)
        #expect(try shell("ps -eo args | grep '[s]kiff-runtime.*exec.*\(id)' || true").output == "")
        try store.skiff("rm", "one")
      }
    }

    @Test func `checks stand still with a container that is paused`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "one", "--network", "none", "--health-cmd", "echo >> /checks; sleep 0.05"] + Self.quick)
        try store.skiff("wait", "--condition", "healthy", "one")

        try store.skiff("pause", "one")
        let before = try store.inspect("one").State.Health.Log.list.last?.Start.text
        ClockTime.sleep(milliseconds: 500)
        let health = try store.inspect("one").State.Health
        #expect(health.Log.list.last?.Start.text == before && health.Status.text == "healthy")
        #expect(try store.attempt("healthcheck", "run", "one").errors.contains("it is paused"))
        try store.skiff("unpause", "one")
        try until("a new check") { try store.inspect("one").State.Health.Log.list.last?.Start.text != before }
        #expect(try store.inspect("one").State.Health.FailingStreak.number == 0)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `what is unhealthy is killed, stopped or started again, as was asked`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let sick = ["--network", "none", "--health-cmd", "test -e /well"] + Self.quick
        let line = "trap 'echo term; exit 0' TERM; echo run; while :; do sleep 0.02; done"
        func start(_ name: String, _ more: String...) throws {
          _ = try store.start(["--name", name] + sick + more, line)
        }
        try start("killed", "--health-on-failure", "kill")
        try start("stopped", "--health-on-failure", "stop", "--restart", "always")
        try start("again", "--health-on-failure", "restart")
        try start("policy", "--restart", "unhealthy")
        try start("revived", "--health-on-failure", "kill", "--restart", "on-failure")

        #expect(try store.skiff("wait", "killed").lines == ["137"])
        #expect(try store.skiff("wait", "stopped").lines == ["0"])
        #expect(try store.skiff("logs", "stopped").lines == ["run", "term"])
        for (name, lines) in [
          ("again", ["run", "term", "run"]), ("policy", ["run", "term", "run"]), ("revived", ["run", "run"]),
        ] {
          try until("\(name)'s second run") { try store.skiff("logs", name).lines.starts(with: lines) }
          #expect(try store.inspect(name).RestartCount.number >= 1)
        }
        #expect(try store.skiff("logs", "killed").lines == ["run"])
        #expect(try store.inspect("again").Config.HealthcheckOnFailureAction.text == "restart")
        try store.skiff("stop", "-t", "5", "again", "policy", "revived")
        try store.skiff("rm", "killed", "stopped", "again", "policy", "revived")
      }
    }

    @Test func `a check of the start holds the other back until it has succeeded`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          [
            "--name", "one", "--network", "none", "--health-cmd", "touch /checked", "--health-startup-cmd",
            "echo look; test -e /up", "--health-startup-interval", "50ms", "--health-startup-success", "2",
          ] + Self.quick)

        try until("checks of the start") { try store.inspect("one").State.Health.Log.list.count >= 3 }
        let starting = try store.inspect("one").State.Health
        #expect(starting.Status.text == "starting" && starting.FailingStreak.number == 0)
        #expect(starting.Log[0].Output.text == "look\n" && starting.Log[0].ExitCode.number == 1)
        #expect(try store.exec("one", "ls /checked 2>/dev/null; touch /up") == "")
        #expect(try store.skiff("wait", "--condition", "healthy", "one").lines == ["-1"])
        #expect(try store.exec("one", "ls /checked") == "/checked")
        let check = try store.inspect("one").Config.StartupHealthCheck
        #expect(check.Test.texts == ["CMD-SHELL", "echo look; test -e /up"] && check.Successes.number == 2)
        // It has done its part: only the other one is made from here on.
        try store.skiff("exec", "one", "rm", "/up")
        try until("the other check alone") {
          try store.inspect("one").State.Health.Log.list.allSatisfy { $0.Output.text == "" }
        }
        #expect(try store.inspect("one").State.Health.Status.text == "healthy")
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `a start that fails too often is made anew, and a check of it has its own time`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          [
            "--name", "one", "--network", "none", "--health-startup-cmd", "sleep 60", "--health-startup-timeout",
            "100ms", "--health-startup-interval", "50ms", "--health-startup-retries", "2", "--health-cmd", "true",
          ], "trap 'echo term; exit 0' TERM; echo run; while :; do sleep 0.02; done")

        try until("a second run") { try store.skiff("logs", "one").lines.starts(with: ["run", "term", "run"]) }
        #expect(try store.inspect("one").RestartCount.number >= 1)
        try store.skiff("stop", "-t", "5", "one")
        try store.skiff("rm", "one")
      }
    }

    @Test func `results are kept where and as far as was asked`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let place = try harbour.makeDirectory("health")
        let id = try store.start(
          [
            "--name", "one", "--network", "none", "--health-cmd", "yes | head -c 5000", "--health-max-log-count", "7",
            "--health-max-log-size", "10", "--health-log-destination", place,
          ] + Self.quick)

        try until("a full log") { try store.inspect("one").State.Health.Log.list.count == 7 }
        ClockTime.sleep(milliseconds: 200)
        let log = try store.inspect("one").State.Health.Log.list
        #expect(log.count == 7 && log.allSatisfy { $0.Output.text == "y\ny\ny\ny\ny\n..." })
        let written = try JSON(text: harbour.read("health/\(id)-healthcheck.log"))
        #expect(written.Status.text == "healthy" && written.Log.list.count == 7)
        #expect(try store.inspect("one").Config.HealthLogDestination.text == place)
        let line = try store.skiff("generate", "run", "one").output
        #expect(line.contains("--health-log-destination \(place) --health-max-log-count 7 --health-max-log-size 10"))
        // A directory that has gone is no reason to end anything.
        try shell("rm -r \(place)")
        let before = try store.inspect("one").State.Health.Log.list.last?.Start.text
        try until("another check") { try store.inspect("one").State.Health.Log.list.last?.Start.text != before }
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `what cannot be meant is refused`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        for (words, answer) in [
          (["--no-healthcheck", "--health-cmd", "true"], "--no-healthcheck conflicts with --health-* options"),
          (["--health-interval", "1s"], "there is no health check that the options could be for"),
          (["--health-cmd", "true", "--health-interval", "-1s"], "cannot be negative"),
          (["--health-cmd", "true", "--health-timeout", "1"], "expected a span"),
          (["--health-cmd", "true", "--health-timeout", "1us"], "cannot be less than 1ms"),
          (["--health-cmd", "true", "--health-retries", "-1"], "cannot be negative"),
          (["--health-cmd", " "], "it says nothing to run"),
          (["--health-cmd", "true", "--health-on-failure", "pray"], "it is none, kill, restart or stop"),
          (["--health-cmd", "true", "--health-on-failure", "restart", "--rm"], "conflicting options"),
          (["--restart", "unhealthy"], "needs a health check"),
          (["--health-startup-cmd", "true"], "there is no health check that the options could be for"),
          (["--health-cmd", "true", "--health-startup-retries", "2"], "needs --health-startup-cmd"),
          (["--health-cmd", "true", "--health-startup-cmd", ""], "it says nothing to run"),
          (["--health-cmd", "true", "--health-startup-cmd", "a", "--health-startup-timeout", "1"], "expected a span"),
          (["--health-cmd", "a", "--health-startup-cmd", "a", "--health-startup-retries", "1", "--rm"], "conflicting"),
          (["--health-cmd", "true", "--health-log-destination", "/etc/passwd"], "it is local, or a directory"),
          (["--health-cmd", "true", "--health-log-destination", "/no/where"], "it is local, or a directory"),
          (["--health-cmd", "true", "--health-log-destination", "events_logger"], "not built"),
          (["--health-cmd", "true", "--health-max-log-count", "1001"], "no more than 1000 are kept"),
          (["--health-cmd", "true", "--health-max-log-size", "-1"], "is no good"),
        ] {
          let outcome = try store.attempt(["create"] + words + [Store.image, "true"])
          #expect(outcome.code == 125 && outcome.errors.contains(answer), "\(words): \(outcome.errors)")
        }
        #expect(try store.skiff("ps", "-aq").lines == [])
        try store.skiff("create", "--name", "one", "--health-cmd", "true", Store.image)
        #expect(try store.attempt("healthcheck", "run", "one").errors.contains("it is not running"))
        #expect(try store.attempt("wait", "--condition", "happy", "one").code == 125)
        try store.skiff("rm", "one")
      }
    }

    @Test func `wait knows docker's and podman's conditions`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "one", "--network", "none", Store.image, "sh", "-c", "sleep 0.2; exit 6")
        #expect(try store.skiff("wait", "--condition", "created", "one").lines == ["-1"])
        #expect(try store.skiff("wait", "one").lines == ["0"])
        let next = try store.session("wait", "--condition", "next-exit", "one")
        let gone = try store.session("wait", "--condition", "removed", "one")
        ClockTime.sleep(milliseconds: 100)
        try store.skiff("start", "one")
        #expect(try next.wait().output == "6\n")
        try store.skiff("rm", "one")
        #expect(try gone.wait().output == "6\n")
        _ = try store.start(["--name", "two", "--network", "none"])
        #expect(try store.skiff("wait", "--condition", "running,paused", "two").lines == ["-1"])
        #expect(try store.attempt("wait", "--condition", "healthy", "two").errors.contains("no defined healthcheck"))
        try store.skiff("rm", "--force", "two")
      }
    }
  }
}
