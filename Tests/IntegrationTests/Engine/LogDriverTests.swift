import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Where a container's output is kept, how it is bounded, and how it is read again.
  @Suite struct LogDrivers {
    private static let fileDrivers = ["json-file", "local", "k8s-file"]

    /// The files of a container's log, by name.
    private func files(_ store: Store, _ id: String) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: "\(store.root)/containers/\(id)")
        .filter { $0.hasPrefix("container.log") }.sorted()
    }

    /// Whether there are files that were put aside, and all of them are packed.
    private func isPacked(_ store: Store, _ id: String) throws -> Bool {
      let aside = try files(store, id).dropFirst()
      return aside.count >= 2 && aside.allSatisfy { $0.hasSuffix(".gz") }
    }

    private func bytes(_ store: Store, _ id: String, _ name: String) throws -> Int {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(store.root)/containers/\(id)/\(name)")
      return (attributes[.size] as? Int) ?? -1
    }

    @Test(arguments: fileDrivers) func `a log is kept, and read again as it was said`(driver: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let long = String(repeating: "x", count: 40_000)
        let id = try store.start(
          ["--name", "one", "--network", "none", "--log-driver", driver],
          #"printf 'a "quoted" \\ line\n\ttab\n\nschön 🚢\nbroken \303\050 end\n'; echo wrong >&2; printf '\#(long)\n'; printf 'no end'"#
        )
        try store.awaitEnd(id)

        let told = try store.skiff("logs", "one")
        #expect(
          told.output == "a \"quoted\" \\ line\n\ttab\n\nschön 🚢\nbroken \u{FFFD}( end\n\(long)\nno end",
          "\(told.output.prefix(200))")
        #expect(told.errors == "wrong\n")
        #expect(try store.skiff("logs", "--tail", "1", "one").output == "no end")
        let timed = try store.skiff("logs", "-t", "--tail", "1", "one").output
        #expect(timed.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z no end/) != nil, "\(timed)")
        #expect(try store.skiff("logs", "--since", "1h", "one").output == told.output)
        #expect(try store.skiff("logs", "--until", "1h", "one").output == "")
        let inspected = try store.inspect("one")
        #expect(inspected.HostConfig.LogConfig.Type.text == driver)
        #expect(inspected.LogPath.text.hasSuffix("/container.log") == (driver != "local"))
        try store.skiff("rm", "one")
      }
    }

    @Test(arguments: fileDrivers) func `a log is bounded, and read across its files`(driver: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          [
            "--name", "one", "--network", "none", "--log-driver", driver, "--log-opt", "max-size=10k", "--log-opt",
            "max-file=3", "--log-opt", "compress=false",
          ],
          "i=0; while [ $i -lt 2000 ]; do echo line $i of a log that is bounded; i=$((i+1)); done")
        try store.awaitEnd(id)

        let names = try files(store, id)
        #expect(names.count == 3 && names[0] == "container.log")
        for name in names {
          let size = try bytes(store, id, name)
          #expect(size > 0 && size <= 10_000, "\(name) has \(size)")
        }
        let lines = try store.skiff("logs", "one").lines
        #expect(lines.last == "line 1999 of a log that is bounded")
        let first = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        #expect(lines == (first..<2000).map { "line \($0) of a log that is bounded" }, "nothing is missing in between")
        // The last lines of several files together.
        let tail = lines.count - 3
        #expect(try store.skiff("logs", "--tail", "\(tail)", "one").lines == Array(lines.suffix(tail)))
        #expect(try store.skiff("logs", "--tail", "2", "one").lines == Array(lines.suffix(2)))
        try store.skiff("rm", "one")
      }
    }

    @Test func `what is put aside is packed, and read again`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          ["--name", "one", "--network", "none", "--log-opt", "max-size=20k", "--log-opt", "max-file=9"],
          "i=0; while [ $i -lt 450 ]; do echo line $i of a log that is packed; i=$((i+1)); done; sleep 1000")
        try eventually("packed") { try isPacked(store, id) }

        #expect(try bytes(store, id, "container.log.1.gz") < 5000)
        let wanted = (0..<450).map { "line \($0) of a log that is packed" }
        #expect(try store.skiff("logs", "one").lines == wanted)
        #expect(try store.skiff("logs", "--tail", "440", "one").lines == wanted.suffix(440))
        #expect(try store.skiff("logs", "--since", "1h", "one").lines == wanted)
        // gzip(1) reads them, too.
        let packed = try shell("gzip -dc \(store.root)/containers/\(id)/container.log.1.gz").output
        #expect(packed.hasPrefix(#"{"log":"line 0 of a log that is packed\n","stream":"stdout","time":""#))
        // Where a bound was not asked for there is one, too.
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `what was packed is on the disk before what it was packed from goes`() throws {
      try inHarbour { harbour in
        let place = try harbour.makeDirectory("logs")
        let trace = harbour.path("trace")

        try shell(
          "seq 1000 > \(place)/log.1; strace -qq -o \(trace) -e trace=fsync,renameat2,unlinkat \(Programs.transfer) "
            + "pack-log log.1 3<\(place)")

        let calls = try harbour.read("trace").split(separator: "\n").map { line in line.prefix { $0 != "(" } }
        #expect(calls == ["fsync", "renameat2", "fsync", "unlinkat"])
        #expect(try shell("ls \(place); gzip -dc \(place)/log.1.gz | tail -1").lines == ["log.1.gz", "1000"])
      }
    }

    @Test func `what was put aside last is packed at the end`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          ["--name", "one", "--network", "none", "--log-opt", "max-size=20k", "--log-opt", "max-file=9"],
          "i=0; while [ $i -lt 450 ]; do echo line $i of a log that is packed; i=$((i+1)); done")
        try store.awaitEnd(id)

        try eventually("packed") { try isPacked(store, id) }

        #expect(try store.skiff("logs", "one").lines.count == 450)
        try store.skiff("rm", "one")
      }
    }

    @Test(arguments: fileDrivers) func `a log is followed while it is put aside`(driver: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          [
            "--name", "one", "--network", "none", "--log-driver", driver, "--log-opt", "max-size=4k", "--log-opt",
            "max-file=20",
          ],
          "i=0; while [ $i -lt 600 ]; do echo line $i; i=$((i+1)); [ $((i % 20)) = 0 ] && sleep 0.05; done")

        let followed = try store.attempt("logs", "-f", id)

        #expect(followed.lines == (0..<600).map { "line \($0)" }, "\(followed.lines.count) lines")
        #expect(try files(store, id).count > 3)
        try store.skiff("rm", "one")
      }
    }

    @Test func `a file alone is begun anew, and followed on`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          ["--network", "none", "--log-opt", "max-size=2k", "--log-opt", "max-file=1"],
          "i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); sleep 0.03; done")

        let followed = try store.attempt("logs", "-f", id)

        #expect(followed.lines == (0..<60).map { "line \($0)" })
        #expect(try files(store, id) == ["container.log"])
        #expect(try bytes(store, id, "container.log") <= 2000)
        try store.skiff("rm", id)
      }
    }

    @Test(arguments: ["json-file", "local"]) func `entries say what the options name`(driver: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          [
            "--name", "one", "--network", "none", "--log-driver", driver, "--label", "sea=calm & wide", "--label",
            "port=none", "-e", "RIG=sloop", "--log-opt", "labels=sea,absent", "--log-opt", "env-regex=^RI", "--log-opt",
            "tag={{.Name}}/{{.ID}}",
          ], "echo hello")
        try store.awaitEnd(id)

        let short = id.prefix(12)
        #expect(
          try store.skiff("logs", "--details", "one").output == "RIG=sloop,sea=calm+%26+wide,tag=one%2F\(short) hello\n"
        )
        #expect(try store.skiff("logs", "one").output == "hello\n")
        let options = try store.inspect("one").HostConfig.LogConfig.Config
        #expect(options.labels.text == "sea,absent" && options.tag.text == "{{.Name}}/{{.ID}}")
        if driver == "json-file" {
          let line = try JSON(text: shell("cat \(store.root)/containers/\(id)/container.log").output)
          #expect(line.attrs.sea.text == "calm & wide" && line.log.text == "hello\n")
        }
        try store.skiff("rm", "one")
      }
    }

    @Test func `drivers that keep nothing say so`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--network", "none", "--log-driver", "none"], "echo unheard")
        try store.awaitEnd(id)
        let told = try store.attempt("logs", id)
        #expect(told.code == 1 && told.errors.contains("configured logging driver does not support reading"))
        #expect(try files(store, id) == [])

        // The caller's own streams, through no other process.
        let through = try store.attempt(
          [
            "run", "--network", "none", "--name", "two", "--log-driver", "passthrough", Store.image, "sh", "-c",
            "cat; echo said; echo wrong >&2; exit 3",
          ], input: "given\n")
        #expect(through.code == 3 && through.output == "given\nsaid\n" && through.errors == "wrong\n", "\(through)")
        #expect(!through.outputStayedOpen)
        #expect(try store.attempt("logs", "two").errors.contains("configured logging driver does not support reading"))
        let terminal = try store.session(
          ["run", "--network", "none", "--log-driver", "passthrough", Store.image, "true"],
          terminal: .init(rows: 24, columns: 80))
        try terminal.expect("cannot be used on a TTY")
        _ = try terminal.wait()
        try store.skiff("rm", id, "two")
      }
    }

    @Test func `a container need not wait for its log`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          [
            "--network", "none", "--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=8m", "--log-opt",
            "max-size=50k", "--log-opt", "max-file=3",
          ], "i=0; while [ $i -lt 3000 ]; do echo line $i of many; i=$((i+1)); done")
        try store.awaitEnd(id)

        let lines = try store.skiff("logs", id).lines
        #expect(lines.last == "line 2999 of many")
        #expect(lines.count > 100 && lines.count < 3000)
        try store.skiff("rm", id)
      }
    }

    /// The process that writes the log of a container which need not wait for it.
    private func writers(_ harbour: Harbour) throws -> [String] {
      try monitors(harbour).flatMap { monitor in
        try shell(
          """
          for c in $(cat /proc/\(monitor)/task/\(monitor)/children); do
            tr '\\0' ' ' < /proc/$c/cmdline 2>/dev/null | grep -q '^skiff-runtime monitor' && echo $c
          done; true
          """
        ).lines
      }
    }

    @Test func `the log goes on after the death of the process that writes it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "one", "--network", "none", "--log-opt", "mode=non-blocking"], "echo first; exec sleep 1000")
        var wanted = "first\n"
        try eventually("the first line") { try store.skiff("logs", "one").output == wanted }

        // The second death comes so soon that the line has to wait for a writer.
        for word in ["second", "third"] {
          let running = try writers(harbour)
          #expect(running.count == 1)
          try shell("kill -9 \(running.joined(separator: " "))")
          try eventually("it is dead") { try writers(harbour).isEmpty }
          _ = try store.exec("one", "echo \(word) > /proc/1/fd/1")
          wanted += "\(word)\n"
          try eventually("the \(word) line") { try store.skiff("logs", "one").output == wanted }
        }

        #expect(try writers(harbour).count == 1)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test(arguments: ["json-file", "local"]) func `an entry is kept that no packet holds`(driver: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          [
            "--name", "one", "--network", "none", "--log-driver", driver, "--log-opt", "mode=non-blocking",
            "--log-opt", "labels-regex=.", "--label", "large=\(String(repeating: "\"", count: 60_000))", "--label",
            "larger=\(String(repeating: "x", count: 70_000))", "--label", "small=sloop",
          ], "head -c 16000 /dev/zero | tr '\\000' '\\001'; echo; echo end")
        try store.awaitEnd(id)

        #expect(try store.skiff("logs", "one").output == String(repeating: "\u{1}", count: 16_000) + "\nend\n")
        let details = try store.skiff("logs", "--details", "--tail", "1", "one").output
        #expect(details.contains("large=%22") && details.hasSuffix("small=sloop end\n"), "\(details.suffix(100))")
        #expect(!details.contains("larger="))
        try store.skiff("rm", "one")
      }
    }

    @Test func `options are refused in docker's words`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let refusals: [([String], String)] = [
          (["--log-driver", "sextant"], "logger: no log driver named 'sextant' is registered"),
          (["--log-driver", "syslog"], "the log driver syslog is not built yet"),
          (["--log-opt", "depth=3"], "unknown log opt 'depth' for json-file log driver"),
          (["--log-driver", "local", "--log-opt", "depth=3"], "unknown log opt 'depth' for log driver local"),
          (
            ["--log-driver", "journald", "--log-opt", "max-size=3"],
            "unknown log opt 'max-size' for journald log driver"
          ),
          (["--log-driver", "none", "--log-opt", "max-size=3"], "invalid logging opts for driver none"),
          (["--log-opt", "max-size=deep"], "invalid size: 'deep'"),
          (["--log-opt", "max-file=0"], "max-file cannot be less than 1"),
          (
            ["--log-opt", "max-file=1", "--log-opt", "compress=true"],
            "compress cannot be true when max-file is less than 2"
          ),
          (["--log-opt", "mode=slow"], "logger: logging mode not supported: slow"),
          (
            ["--log-opt", "max-buffer-size=1m"],
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
          ),
          (["--log-opt", "tag={{.Name"], "error parsing log tag"), (["--log-opt", "max-size"], "expected NAME=VALUE"),
        ]
        for (options, words) in refusals {
          let outcome = try store.attempt(["create"] + options + [Store.image])
          #expect(outcome.code == 125 && outcome.errors.contains(words), "\(outcome)")
        }
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }

    @Test func `the journal gets docker's fields, and is read again`() throws {
      try inHarbour { harbour in
        let island = try Island(
          harbour, "mkdir -p /run/systemd/journal /run/log/journal; systemd-machine-id-setup >/dev/null 2>&1 || true")
        try island.daemon("journald", ["/usr/lib/systemd/systemd-journald"]) {
          try island.attempt(["test", "-S", "/run/systemd/journal/socket"]).code == 0
        }
        let store = try Store(harbour)
        func skiff(_ words: String...) throws -> Outcome {
          try island.attempt(
            [Programs.skiff, "--root", store.root, "--run-root", harbour.path("run")] + words
          ).expecting(0)
        }
        let id = try skiff(
          "run", "-d", "--name", "one", "--network", "none", "--log-driver", "journald", "--label", "sea=calm",
          "--log-opt",
          "labels=sea", "--log-opt", "tag={{.Name}}-tag", Store.image, "sh", "-c",
          "echo first; echo wrong >&2; head -c 20000 /dev/zero | tr '\\0' x; echo; sleep 0.5; echo last"
        ).output.trimmingCharacters(in: .whitespacesAndNewlines)
        try eventually("the end") { try skiff("inspect", "-f", "{{.State.Status}}", "one").output == "exited\n" }

        let long = String(repeating: "x", count: 20_000)
        try eventually("in the journal") { try skiff("logs", "one").output == "first\n\(long)\nlast\n" }
        #expect(try skiff("logs", "one").errors == "wrong\n")
        #expect(try skiff("logs", "--details", "--tail", "1", "one").output == "SEA=calm last\n")
        #expect(try skiff("logs", "-f", "one").output == "first\n\(long)\nlast\n")
        let entry = try JSON(
          text: island.run("journalctl", "-o", "json", "-n", "1", "CONTAINER_ID_FULL=\(id)").output)
        #expect(entry.CONTAINER_NAME.text == "one" && entry.CONTAINER_TAG.text == "one-tag")
        #expect(entry.CONTAINER_ID.text == String(id.prefix(12)) && entry.IMAGE_NAME.text == Store.image)
        #expect(entry.SYSLOG_IDENTIFIER.text == "one-tag" && entry.PRIORITY.text == "6")
        _ = try skiff("rm", "one")
      }
    }
  }
}
