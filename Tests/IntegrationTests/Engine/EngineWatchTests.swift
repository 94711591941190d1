import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Watching containers: stats and events.
  @Suite struct EngineWatch {
    @Test func `stats tells what a container uses`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "busy", "-m", "200m", "--cpus", "0.5"],
          "(while :; do :; done) & sleep 1000 & ping -c 2 127.0.0.1; wait")
        _ = try store.start(["--name", "idle", "--network", "none"])
        try store.skiff("create", "--name", "never", Store.image)
        try shell("sleep 0.3")

        let told = try store.skiff(
          "stats", "--no-stream", "--format",
          "{{.Name}} {{.CPUPerc}} {{.PIDs}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}}")
        let lines = Dictionary(
          uniqueKeysWithValues: told.lines.map { line in
            let words = line.split(separator: " ").map(String.init)
            return (words[0], words)
          })
        let busy = try #require(lines["busy"])
        let idle = try #require(lines["idle"])
        #expect(lines["never"] == nil, "one that does not run is not shown")
        let share = Double(busy[1].dropLast()) ?? 0
        #expect(share > 15 && share < 80, "half a CPU: \(busy)")
        #expect((Double(idle[1].dropLast()) ?? 100) < 5)
        #expect(Int(busy[2]) == 3 && Int(idle[2]) == 1)
        #expect(busy[5] == "200MiB", "its limit: \(busy)")
        #expect(idle[5].hasSuffix("GiB"), "the machine's memory: \(idle)")
        #expect(busy.count == 13)

        // The others, tables, JSON, a name.
        let all = try store.skiff("stats", "--no-stream", "--all")
        #expect(all.lines[0].hasPrefix("CONTAINER ID   NAME"))
        #expect(all.lines.contains { $0.contains("never") && $0.contains("0B / 0B") })
        let one = try JSON(text: try store.skiff("stats", "--no-stream", "--format", "json", "idle").output)
        #expect(one.Name.text == "idle" && one.ID.text.count == 12 && one.CPUPerc.text.hasSuffix("%"))
        #expect(try store.attempt("stats", "--no-stream", "nobody").errors.contains("no such container: nobody"))
        try store.skiff("rm", "--force", "busy", "idle", "never")
      }
    }

    @Test func `stats goes on, and takes new containers in`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session("stats", "--format", "{{.Name}}={{.PIDs}}")
        _ = try store.start(["--name", "later", "--network", "none"])

        try session.expect("later=1")
        try session.expect("later=1")

        try session.signal(2)
        #expect(try session.wait().code == 130)
        try store.skiff("rm", "--force", "later")
      }
    }

    @Test func `attach joins the streams, and leaves them by its keys`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff(
          "run", "-d", "-i", "--name", "one", "--network", "none", Store.image, "sh", "-c",
          "trap 'echo caught' USR1; trap 'exit 9' TERM; while read line; do echo got $line; done; while :; do sleep 0.05; done"
        )
        try shell("sleep 0.2")

        // Watching only: neither input nor signals reach it.
        let watcher = try store.session("attach", "--no-stdin", "--sig-proxy=false", "one")
        try shell("sleep 0.2")
        try watcher.send("unheard\n")
        let talker = try store.session("attach", "one")
        try shell("sleep 0.2")
        try talker.send("hello\n")
        try talker.expect("got hello\n")
        try watcher.expect("got hello\n")
        #expect(!watcher.text.contains("unheard"))
        try watcher.signal(10)
        _ = try watcher.wait()
        #expect(try store.inspect("one").State.Running.isTrue)
        try store.skiff("pause", "one")
        #expect(try store.attempt("attach", "one").errors.contains("it is paused"))
        try store.skiff("unpause", "one")
        // The end of the container is the end of who is attached, with its code.
        talker.closeInput()
        try shell("sleep 0.3")
        try talker.signal(15)
        #expect(try talker.wait().code == 9)
        #expect(try store.attempt("attach", "one").errors.contains("it is not running"))
        try store.skiff("rm", "one")

        try store.skiff("run", "-d", "-it", "--name", "two", "--network", "none", Store.image, "sh")
        let terminal = try store.session(
          "attach", "--detach-keys", "ctrl-x,q", "two", terminal: .init(rows: 24, columns: 80))
        try terminal.send("echo here $((20 + 3))\n")
        try terminal.expect("here 23")
        try terminal.send("\u{18}q")
        _ = try terminal.wait()
        #expect(try store.inspect("two").State.Running.isTrue)
        try store.skiff("rm", "--force", "two")
      }
    }

    @Test func `events tell the life of a container in its order`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let began = try shell("date +%s.%N").output.trimmingCharacters(in: .whitespacesAndNewlines)
        let listener = try store.session("events", "--filter", "container=one", "--format", "{{.Action}}")
        try shell("sleep 0.3")

        _ = try store.start(
          ["--name", "one", "--label", "sea=calm", "--network", "none"],
          "trap 'exit 4' TERM; while :; do sleep 0.05; done")
        try shell("sleep 0.2")
        try store.skiff("exec", "one", "true")
        try store.skiff("pause", "one")
        try store.skiff("unpause", "one")
        try store.skiff("update", "-m", "100m", "one")
        try store.skiff("stop", "one")
        try store.skiff("rename", "one", "two")
        try store.skiff("rm", "two")

        for action in [
          "create", "start", "exec_create: true", "exec_start: true", "pause", "unpause", "update", "kill", "die",
          "stop",
        ] {
          try listener.expect("\(action)\n", seconds: 5)
        }
        try listener.signal(15)
        _ = try listener.wait()
        // The past, up to now.
        let past = try store.skiff("events", "--since", began, "--until", "0s", "--filter", "type=container")
        let actions = past.lines.map { $0.split(separator: " ")[2] }
        #expect(actions.first == "create" && actions.last == "destroy" && actions.contains("rename"))
        #expect(past.lines[0].hasSuffix("(image=\(Store.image), name=one, sea=calm)"))
        let died = try JSON(
          text: try store.skiff(
            "events", "--since", began, "--until", "0s", "--filter", "event=die", "--filter", "label=sea=calm",
            "--format",
            "json"
          ).output)
        #expect(died.Type.text == "container" && died.Action.text == "die" && died.status.text == "die")
        #expect(died.Actor.Attributes.exitCode.text == "4" && died.scope.text == "local")
        #expect(died.id.text.count == 64 && died.from.text == Store.image)
        #expect(
          try store.skiff("events", "--since", began, "--until", "0s", "--filter", "container=nobody").output == "")
        #expect(try store.attempt("events", "--filter", "colour=red").errors.contains("colour=red"))
        #expect(try store.attempt("events", "--since", "yesterday").errors.contains("--since"))
      }
    }

    @Test func `the end of a container that nobody waits for is told, with volumes and images`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("volume", "create", "hold")
        try store.skiff(
          "run", "--detach", "--rm", "--name", "brief", "--network", "none", Store.image, "sh", "-c", "exit 7")
        let listener = try store.session("events", "--since", "1m", "--filter", "event=destroy")
        try listener.expect("container destroy")
        try listener.signal(15)
        try store.skiff("save", "-o", harbour.path("image.tar"), Store.image)
        try store.skiff("tag", Store.image, "other:1")
        try store.skiff("rmi", "other:1")
        try store.skiff("volume", "rm", "hold")

        let told = try store.skiff("events", "--since", "1m", "--until", "0s", "--format", "{{.Type}} {{.Action}}")
          .lines
        #expect(told.first == "image import")
        #expect(
          Array(told.dropFirst()) == [
            "volume create", "container create", "container start", "container die", "container destroy", "image tag",
            "image untag", "volume destroy",
          ])
      }
    }

    @Test func `what watches over a container that stays gives back what it does not need`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "long", "--network", "none"])
        let monitor = try #require(try monitors(harbour).first)

        try until("its memory is given back") {
          let lines = try shell("cat /proc/\(monitor)/status").lines
          func kilobytes(_ key: String) -> Int {
            lines.first { $0.hasPrefix(key) }?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap {
              Int($0)
            } ?? 0
          }
          return kilobytes("VmRSS:") > 0 && kilobytes("VmRSS:") * 2 < kilobytes("VmHWM:")
        }
        #expect(try store.exec("long", "echo here") == "here")
        try store.skiff("rm", "--force", "long")
      }
    }

    @Test func `the journal stays bounded, and readers follow from one file to the next`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("volume", "create", "first")
        let listener = try store.session("events", "--filter", "volume=last")
        try shell("sleep 0.3")
        // As if much had happened before.
        let filler = #"{"Type":"volume","Action":"create","Actor":{"ID":"filler","Attributes":{}},"timeNano":1}"#
        try shell("for i in $(seq 12000); do echo '\(filler)'; done >> \(harbour.path("run"))/events")

        try store.skiff("volume", "create", "middle")
        try store.skiff("volume", "create", "last")

        try listener.expect("volume create last")
        try listener.signal(15)
        #expect(harbour.exists("run/events.1"))
        let size = try shell("stat -c %s \(harbour.path("run"))/events").output
        #expect((Int(size.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .max) < 10_000)
        let told = try store.skiff(
          "events", "--since", "1m", "--until", "0s", "--filter", "type=volume", "--format", "{{.Actor.ID}}"
        ).lines
        #expect(told == ["first", "middle", "last"])
        // A line that a full disk cut short is passed over.
        try shell("printf '{\"Type\":\"vol\\n' >> \(harbour.path("run"))/events")
        try store.skiff("volume", "rm", "first")
        #expect(
          try store.skiff("events", "--since", "1m", "--until", "0s", "--filter", "event=destroy").lines.count == 1)
        try store.skiff("volume", "rm", "middle", "last")
      }
    }
  }
}
