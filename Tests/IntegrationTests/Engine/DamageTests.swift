import Foundation
import Testing

extension Integration {
  /// Files of the store and of the run root that were cut short: every command says so in a sentence or does without, none traps, and
  /// what belongs to a damaged container can always be removed by force.
  @Suite struct Damage {
    /// Lengths of each file in the ordinary run, beside none at all and all but the last byte.
    private static let sample = 1

    private func lengths(_ path: String) throws -> [Int] {
      let size = try Data(contentsOf: URL(filePath: path)).count
      guard size > 1 else { return [0] }
      let chosen = Moments.choose(of: size - 1, usually: Self.sample)
      return Set([0, size - 1] + chosen).sorted()
    }

    private func cut(_ path: String, to length: Int) throws {
      let content = try Data(contentsOf: URL(filePath: path))
      // In place, as a disk does it.
      let file = try FileHandle(forWritingTo: URL(filePath: path))
      try file.truncate(atOffset: UInt64(min(length, max(0, content.count - 1))))
      try file.close()
    }

    /// Gives a command and looks at how it speaks.
    @discardableResult
    private func attempt(_ store: Store, _ what: String, _ words: [String]) throws -> Outcome {
      let outcome = try store.attempt(words, seconds: 30)
      let told = "\(what): \(outcome)"
      #expect((0..<128).contains(outcome.code), "\(told)")
      let lines = outcome.errors.split(separator: "\n")
      for line in lines {
        #expect(
          line.hasPrefix("skiff: ") || line.hasPrefix("skiff-runtime: ") || line.hasPrefix("skiff-transfer: "),
          "\(told)")
      }
      #expect(lines.count <= 3, "\(told)")
      if outcome.code != 0, words[0] != "wait", words != ["system", "check"] { #expect(!lines.isEmpty, "\(told)") }
      return outcome
    }

    /// The files of a container, beneath the harbour.
    private static let ofRunning = [
      "store/containers/ID/container.json", "store/containers/ID/config.json", "store/containers/ID/monitor.json",
      "store/containers/ID/network.json", "store/containers/ID/started", "store/containers/ID/health.json",
      "run/containers/ID/state.json", "run/containers/ID/config.json",
    ]
    private static let ofEnded = [
      "store/containers/ID/container.json", "store/containers/ID/config.json", "store/containers/ID/monitor.json",
      "store/containers/ID/exit.json", "store/containers/ID/restart.json", "store/containers/ID/network.json",
    ]

    @Test(arguments: ofRunning) func `of a container that runs`(name: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "other"])
        let remains = try Remains(of: store)
        var lengths: [Int]?
        while lengths?.isEmpty != true {
          let id = try store.start(
            ["--name", "one", "-v", "/kept", "--health-cmd", "true", "--health-interval", "100ms", "--userns", "auto"])
          let path = harbour.path(name.replacingOccurrences(of: "ID", with: id))
          if name.hasSuffix("health.json") {
            try until("the first check") { FileManager.default.fileExists(atPath: path) }
          }
          if lengths == nil { lengths = try self.lengths(path) }
          let length = lengths?.popLast() ?? 0
          try cut(path, to: length)
          let what = "\(name) of \(length) bytes"

          for words in [
            ["ps", "--all"], ["inspect", "one"], ["logs", "one"], ["exec", "one", "true"], ["top", "one"],
            ["port", "one"],
            ["update", "--memory", "100m", "one"], ["pause", "one"], ["unpause", "one"], ["diff", "one"],
            ["volume", "prune", "--force"], ["system", "check"], ["stop", "--time", "0", "one"],
          ] { try attempt(store, what, words) }
          let others = try store.attempt("exec", "other", "true")
          #expect(others.code == 0 && others.errors == "", "\(what): \(others)")
          try expectRemoval(store, id, remains, what)
        }
      }
    }

    @Test(arguments: ofEnded) func `of a container that has ended`(name: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "other"])
        let remains = try Remains(of: store)
        var lengths: [Int]?
        while lengths?.isEmpty != true {
          let id = try store.start(["--name", "one", "--restart", "on-failure:1", "-v", "/kept"], "exit 3")
          try until("the last end") {
            let state = try store.inspect("one")
            return state.State.Status.text == "exited" && state.RestartCount.number == 1
          }
          let path = harbour.path(name.replacingOccurrences(of: "ID", with: id))
          if lengths == nil { lengths = try self.lengths(path) }
          let length = lengths?.popLast() ?? 0
          try cut(path, to: length)
          let what = "\(name) of \(length) bytes"

          for words in [
            ["ps", "--all"], ["inspect", "one"], ["logs", "one"], ["wait", "one"], ["exec", "one", "true"],
            ["diff", "one"], ["commit", "one", "localhost/made"], ["rename", "one", "two"], ["rename", "two", "one"],
            ["system", "check"], ["volume", "ls", "--filter", "dangling=true"], ["start", "one"],
            ["stop", "--time", "0", "one"],
          ] { try attempt(store, what, words) }
          _ = try store.attempt("rmi", "--force", "localhost/made")
          try expectRemoval(store, id, remains, what)
        }
      }
    }

    /// `rm --force` by the id, and nothing is left.
    private func expectRemoval(_ store: Store, _ id: String, _ remains: Remains, _ what: String) throws {
      let removed = try store.attempt("rm", "--force", "--volumes", id)
      #expect(removed.code == 0, "\(what): \(removed)")
      #expect(try store.skiff("ps", "--all", "--format", "{{.Names}}").lines == ["other"], "\(what)")
      let deadline = ContinuousClock.now + .seconds(10)
      var left = try remains.newcomers()
      while !left.isEmpty, ContinuousClock.now < deadline {
        usleep(20_000)
        left = try remains.newcomers()
      }
      #expect(left == [], "\(what)")
    }

    @Test func `of volumes and secrets`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        for (kind, name) in [("volume", "volumes/one/volume.json"), ("secret", "secrets/one/secret.json")] {
          func make(_ name: String) throws {
            if kind == "volume" {
              try store.skiff("volume", "create", "--label", "sea=calm", name)
            } else {
              try store.skiff("secret", "create", "--label", "sea=calm", name, "-", input: "kept")
            }
          }
          try make("other")
          try make("one")
          let path = store.root + "/" + name
          for length in try lengths(path) {
            let what = "\(name) of \(length) bytes"
            try cut(path, to: length)

            let listed = try attempt(store, what, [kind, "ls", "--format", "{{.Name}}"])
            #expect(listed.code == 0 && listed.lines == ["other"], "\(what): \(listed)")
            #expect(listed.errors.contains("skiff: warning: cannot read \(path): "), "\(what): \(listed)")
            #expect(try attempt(store, what, [kind, "inspect", "one"]).code != 0)
            let option = kind == "volume" ? ["-v", "one:/kept"] : ["--secret", "one"]
            let refused = try attempt(store, what, ["create"] + option + [Store.image])
            #expect(refused.code == 125 && refused.errors.contains("cannot read \(path): "), "\(what): \(refused)")
            #expect(try store.skiff("ps", "--all", "--quiet").lines == [], "\(what)")
            if kind == "volume" {
              #expect(try attempt(store, what, ["volume", "prune", "--all", "--force"]).code == 0)
            }
            if kind == "volume" { try make("other") }
            #expect(try attempt(store, what, [kind, "rm", "one"]).code == 0, "\(what)")
            try make("one")
          }
          try store.skiff(kind, "rm", "one", "other")
        }
        #expect(try Remains.files(beneath: store.root + "/secrets") == [])
        #expect(try Remains.files(beneath: store.root + "/volumes") == [])
      }
    }

    @Test(arguments: [
      "networks/skiff/network.json", "images/index.json", "images/oci-layout", "storage.json", "MANIFEST", "CONFIG",
      "LAYER",
    ])
    func `of the store itself`(name: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "-v", "/kept"])
        let remains = try Remains(of: store)
        let path = try self.path(name, store)
        let whole = try Data(contentsOf: URL(filePath: path))
        for length in try lengths(path) {
          let what = "\(name) of \(length) bytes"
          try cut(path, to: length)

          for words in [
            ["images"], ["run", "--rm", Store.image, "true"], ["create", "--name", "two", Store.image],
            ["image", "inspect", Store.image], ["history", Store.image],
            ["save", "--output", "/dev/null", Store.image],
            ["tag", Store.image, "localhost/other"], ["network", "ls"], ["system", "df"], ["system", "check"],
            ["image", "prune", "--force"],
          ] { try attempt(store, what, words) }
          // What runs is not touched by any of it.
          #expect(try attempt(store, what, ["exec", "one", "true"]).code == 0, "\(what)")
          let listed = try attempt(store, what, ["ps", "--format", "{{.Names}}"])
          #expect(listed.lines == ["one"], "\(what): \(listed)")
          _ = try attempt(store, what, ["rm", "--force", "two"])
          try whole.write(to: URL(filePath: path))
          _ = try store.attempt("rmi", "localhost/other")
          #expect(try store.attempt("run", "--rm", Store.image, "true").code == 0, "\(what)")
        }
        try cut(path, to: 1)
        let removed = try store.attempt("rm", "--force", "--volumes", "one")
        #expect(removed.code == 0, "\(name): \(removed)")
        try whole.write(to: URL(filePath: path))
        // What was found damaged was moved aside.
        func left() throws -> [String] { try remains.newcomers().filter { !$0.contains("/images/quarantine") } }
        let deadline = ContinuousClock.now + .seconds(10)
        while try !left().isEmpty, ContinuousClock.now < deadline { usleep(20_000) }
        #expect(try left() == [], "\(name)")
      }
    }

    private func path(_ name: String, _ store: Store) throws -> String {
      func blob(_ digest: String) -> String { "\(store.root)/images/blobs/sha256/\(digest.dropFirst(7))" }
      let index = try JSON(text: String(contentsOfFile: store.root + "/images/index.json", encoding: .utf8))
      let manifest = blob(index.manifests[0].digest.text)
      switch name {
      case "MANIFEST": return manifest
      case "CONFIG": return blob(try JSON(text: String(contentsOfFile: manifest, encoding: .utf8)).config.digest.text)
      case "LAYER": return try shell("echo \(store.root)/layers/*/layer.json").lines[0]
      default: return store.root + "/" + name
      }
    }
  }
}
