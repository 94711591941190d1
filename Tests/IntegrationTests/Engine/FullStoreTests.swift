import Foundation
import Testing

extension Integration {
  /// What containers, volumes and secrets do on a disk that is full, or becomes so in the middle: one sentence, nothing in part, and
  /// what runs runs on.
  @Suite struct FullStores {
    /// A store on a small disk, and the run root on another.
    private func start(_ harbour: Harbour) throws -> Store {
      for name in ["disk", "run"] {
        let disk = try harbour.makeDirectory(name)
        try shell("mount -t tmpfs -o size=64m,nr_inodes=20000 small \(disk)")
        harbour.atEnd { _ = try? shell("umount -l \(disk)") }
      }
      return try Store(harbour, storageDriver: "copy", root: harbour.path("disk/store"))
    }

    /// Leaves a disk with this many KiB or inodes free; nil for plenty of both.
    private func leave(_ harbour: Harbour, _ disk: String, _ what: String, _ free: Int?) throws {
      let path = harbour.path(disk)
      guard let free else {
        try shell("mount -o remount,size=64m,nr_inodes=20000 \(path)")
        return
      }
      let column = what == "size" ? "used" : "iused"
      let told = try shell("df -k --output=\(column) \(path) | tail -n 1").output
      guard let used = Int(told.trimmingCharacters(in: .whitespacesAndNewlines)) else { throw Trouble(told) }
      try shell("mount -o remount,\(what == "size" ? "size=\(used + free)k" : "nr_inodes=\(used + free)") \(path)")
    }

    /// Gives a command with ever more room left on a disk, until it succeeds with each amount from there on.
    ///
    /// - Parameter undo: takes back a success.
    private func squeeze(
      _ harbour: Harbour, _ store: Store, _ disk: String, _ words: [String], input: String = "",
      code: Int32 = 125, undo: [[String]] = []
    ) throws {
      let remains = try Remains(of: store)
      for what in ["size", "nr_inodes"] {
        var refusals = 0
        for free in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096]
        {
          // A page is the least of a disk in memory.
          if what == "size", free % 4 != 0 { continue }
          try leave(harbour, disk, what, free)
          let outcome = try store.attempt(words, input: input, seconds: 60)
          let told = "\(disk), \(what) + \(free): \(outcome)"
          if outcome.code == 0 {
            try leave(harbour, disk, what, nil)
            for words in undo { try store.attempt(words).expecting(0) }
          } else {
            refusals += 1
            #expect(outcome.code == code, "\(told)")
            #expect(outcome.errors.hasPrefix("skiff: "), "\(told)")
            #expect(outcome.errors.contains("no space left on device"), "\(told)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(told)")
          }
          // Before there is room again. A container that was made and could not be started is there, as docker has it.
          let listed = try store.attempt("ps", "--all", "--format", "{{.Names}}")
          #expect(listed.code == 0 && (!listed.lines.contains("new") || words.contains("--detach")), "\(told)\(listed)")
          if listed.lines.contains("new") {
            let removed = try store.attempt("rm", "--force", "--volumes", "new")
            #expect(removed.code == 0, "\(told)\(removed)")
          }
          // What a container that stays has in its own directory goes with it.
          func newcomers() throws -> [String] {
            try remains.newcomers().filter { words[0] != "start" || !$0.contains("/store/containers/") }
          }
          var left = try newcomers()
          for _ in 0..<100 where !left.isEmpty {
            usleep(20_000)
            left = try newcomers()
          }
          #expect(left == [], "\(told)")
          if outcome.code == 0, what == "size" || free > 16 { break }
        }
        try leave(harbour, disk, what, nil)
        if disk == "disk" { #expect(refusals > 0, "\(words) needs no room: \(what)") }
      }
      try store.attempt(words, input: input).expecting(0)
      for words in undo { try store.attempt(words).expecting(0) }
    }

    @Test(arguments: ["disk", "run"]) func `run and create`(disk: String) throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        try store.skiff("run", "--rm", Store.image, "true")
        try squeeze(
          harbour, store, disk,
          ["run", "--rm", "--name", "new", "-v", "/kept", "--userns", "auto", Store.image, "true"])
        try squeeze(
          harbour, store, disk, ["run", "--detach", "--name", "new", "-v", "/kept", Store.image, "sleep", "1000"],
          undo: [["rm", "--force", "--volumes", "new"]])
        try squeeze(
          harbour, store, disk, ["create", "--name", "new", "-v", "/kept", Store.image],
          undo: [["rm", "--volumes", "new"]])
      }
    }

    @Test func `volumes, secrets and commits`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let id = try store.start(["--name", "one"], "head -c 300000 /dev/urandom > /noise; sleep 1000")
        try store.skiff("secret", "create", "old", "-", input: "kept")
        try squeeze(harbour, store, "disk", ["volume", "create", "new"], code: 1, undo: [["volume", "rm", "new"]])
        try squeeze(
          harbour, store, "disk", ["secret", "create", "new", "-"], input: "kept", code: 1,
          undo: [["secret", "rm", "new"]])
        try squeeze(harbour, store, "disk", ["secret", "create", "--replace", "old", "-"], input: "other", code: 1)
        try squeeze(
          harbour, store, "disk", ["tag", Store.image, "localhost/new"], code: 1, undo: [["rmi", "localhost/new"]])
        try squeeze(
          harbour, store, "disk", ["commit", "one", "localhost/new"], code: 1, undo: [["rmi", "localhost/new"]])
        #expect(try store.inspect("one").Id.text == id)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `what changes a container changes it or leaves it`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        _ = try store.start(["--name", "one", "--memory", "64m"])
        try store.skiff("create", "--name", "two", Store.image, "sleep", "1000")
        try squeeze(harbour, store, "disk", ["rename", "one", "three"], code: 1, undo: [["rename", "three", "one"]])
        try squeeze(
          harbour, store, "disk", ["update", "--memory", "80m", "one"], code: 1,
          undo: [["update", "--memory", "64m", "one"]])
        try store.skiff("create", "--name", "four", Store.image, "sleep", "1000")
        for what in ["size", "nr_inodes"] {
          try leave(harbour, "disk", what, 0)
          let outcome = try store.attempt("start", "four")
          #expect(outcome.code != 0 && outcome.errors.lowercased().contains("no space left on device"), "\(outcome)")
          try leave(harbour, "disk", what, nil)
        }
        // Nothing was started: it is not taken for one that died.
        #expect(try store.inspect("four").State.Status.text == "created")
        for disk in ["disk", "run"] {
          try leave(harbour, disk, "size", 0)
          try leave(harbour, disk, "nr_inodes", 0)
        }
        #expect(try store.attempt("exec", "one", "echo", "on").output == "on\n")
        for words in [["stop", "--time", "0", "one"], ["rm", "one", "two", "four"]] {
          let outcome = try store.attempt(words)
          #expect(outcome.code == 0, "\(outcome)")
        }
        for disk in ["disk", "run"] { try leave(harbour, disk, "size", nil) }
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }

    @Test func `a log that finds no room loses lines, and keeps nobody from working`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        try store.skiff("create", "--name", "one", Store.image, "sh", "-c", "seq 1 200000; echo end >&2; exit 4")
        try leave(harbour, "disk", "size", 100)

        let outcome = try store.attempt("start", "--attach", "one", seconds: 60)

        #expect(outcome.code == 4 && outcome.errors == "end\n", "\(outcome.code) \(outcome.errors)")
        #expect(outcome.lines.count == 200_000)
        let logged = try store.attempt("logs", "one")
        #expect(logged.code == 0)
        // Whole lines, from the first on.
        let lines = logged.lines
        #expect(lines.count > 100 && lines.count < 200_000)
        #expect(zip(lines, 1...).allSatisfy { $0 == "\($1)" } || lines.allSatisfy { Int($0) != nil })
        try store.skiff("rm", "one")
        try leave(harbour, "disk", "size", nil)
      }
    }
  }
}
