import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Transfers on a terminal and off it, stopped, killed, and side by side.
  @Suite struct TransferInterruptions {
    private func name(_ behaviour: String) throws -> String {
      let registry = try RogueRegistry.shared()
      return "\(registry.address)/\(registry.repository(behaviour)):1"
    }

    /// What is neither a whole blob or layer nor the part of a blob that is kept to go on with.
    private func halfDone(_ store: Store) throws -> [String] {
      let content = try store.content()
      let layers = Set(content.filter { $0.hasSuffix("/layer.json") }.map { $0.dropLast("/layer.json".count) })
      return content.filter { path in
        if path.contains("/.") || path.hasPrefix(".") { return !path.contains("/fs/") }
        return path.hasPrefix("layers/") && path.split(separator: "/").count == 2 && !layers.contains(Substring(path))
      }
    }

    @Test func `bars move on a terminal, and nothing has a colour`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let pull = try store.session("pull", try name("large"), terminal: WindowSize(rows: 24, columns: 100))

        let outcome = try pull.wait()

        try outcome.expecting(0)
        #expect(outcome.output.contains("\u{1B}[2A"))
        #expect(outcome.output.contains(": Pull complete"))
        #expect(outcome.output.contains("Status: Downloaded newer image for "))
        #expect(outcome.output.firstMatch(of: /\u{1B}\[[0-9;]*m/) == nil)
        let shown = outcome.output.replacingOccurrences(of: "\u{1B}[K", with: "").split(separator: "\r\n")
        #expect(shown.allSatisfy { $0.count <= 110 })
      }
    }

    @Test(arguments: [false, true])
    func `plain lines without a terminal, or on one that cannot move`(isTerminal: Bool) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let outcome: Outcome
        if isTerminal {
          outcome = try Session(
            [Programs.transfer, "pull", "--root", store.root, try name("honest")],
            terminal: WindowSize(rows: 24, columns: 80), environment: ["TERM": "dumb"]
          ).wait()
        } else {
          outcome = try store.attempt("pull", try name("honest"))
        }

        try outcome.expecting(0)
        #expect(!(outcome.output + outcome.errors).contains("\u{1B}"))
        let lines = (outcome.output + outcome.errors).split(whereSeparator: \.isNewline).map(String.init)
        #expect(lines.contains { $0.hasPrefix("1: Pulling from ") })
        #expect(lines.filter { $0.hasSuffix(": Pulling fs layer") }.count == 2)
        #expect(lines.filter { $0.hasSuffix(": Pull complete") }.count == 2)
        #expect(lines.contains { $0.hasPrefix("Digest: sha256:") })
      }
    }

    @Test func `Ctrl-C ends a pull at once, and the next one goes on`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let pull = try store.session("pull", try name("slow"), terminal: WindowSize(rows: 24, columns: 100))
        try pull.expect("Downloading")
        // Some of it is there.
        try pull.expect("kB / ")
        ClockTime.sleep(milliseconds: 300)

        let asked = ContinuousClock.now
        try pull.send("\u{3}")
        let outcome = try pull.wait()

        #expect(outcome.code == 130)
        #expect(ContinuousClock.now - asked < .seconds(2))
        #expect(outcome.output.contains(": interrupted\r\n"))
        #expect(try store.skiff("images", "--quiet").lines == [])
        #expect(try halfDone(store) == [])
        let registry = try RogueRegistry.shared()
        let repository = registry.repository("large")
        try store.skiff("pull", "--quiet", "\(registry.address)/\(repository):1")
        let large = try registry.facts(repository).layers.texts.last ?? "?"
        let asks = try registry.requests(repository).filter { $0.path.text.hasSuffix(large) }
        #expect(asks.map(\.status.number) == [206])
      }
    }

    @Test(arguments: [Signal.interrupt, Signal.terminate, Signal.hangup])
    func `a signal ends a pull with its own code`(signal: Int32) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let pull = try Session([Programs.transfer, "pull", "--root", store.root, try name("slow")])
        while !pull.errorText.contains("Pulling fs layer") { _ = try? pull.expect("never", seconds: 0.05) }

        try pull.signal(signal)
        let outcome = try pull.wait(seconds: 5)

        #expect(outcome.code == 128 + signal)
        #expect(outcome.errors.hasSuffix(": interrupted\n"))
        #expect(try halfDone(store) == [])
      }
    }

    @Test func `pulls of one image side by side all have it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let name = try name("large")

        let pulls = try (0..<4).map { _ in try store.session("pull", "--quiet", name) }
        for pull in pulls { try pull.wait().expecting(0) }

        let content = try store.content()
        #expect(content.filter { $0.hasSuffix("/layer.json") }.count == 2)
        #expect(content.filter { $0.hasPrefix("images/partial/") } == [])
        #expect(try halfDone(store) == [])
        #expect(try store.skiff("images", "--quiet").lines.count == 1)
        try store.skiff("rmi", name)
        #expect(try store.content() == [])
      }
    }

    @Test func `a pull that is killed at any moment leaves nothing that the next command does not mend`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let (large, small) = (try name("large"), try name("honest"))
        for delay in [5, 12, 20, 28, 36, 45, 60] {
          let pull = try Session([Programs.transfer, "pull", "--root", store.root, "--quiet", large])
          ClockTime.sleep(milliseconds: Int64(delay))
          try pull.signal(Signal.kill)
          _ = try pull.wait()

          try store.skiff("pull", "--quiet", small)

          #expect(try halfDone(store) == [], "\(delay)")
          try store.skiff("rmi", small)
        }
        try store.skiff("pull", "--quiet", large)
        let digests = try shell("cd \(store.root)/images/blobs/sha256; sha256sum * | awk '$1 != $2'").lines
        #expect(digests == [])
        #expect(try store.content().filter { $0.hasSuffix("/fs/data/noise") }.count == 1)
        try store.skiff("rmi", large)
        #expect(try store.content() == [])
      }
    }

    @Test func `an import that is killed in the middle is swept by the next command`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let importing = try Session([Programs.transfer, "import", "--root", store.root, "-", "localhost/half"])
        try importing.send(String(repeating: "x", count: 4096))
        let deadline = ContinuousClock.now + .seconds(10)
        while try store.content() == [] {
          guard ContinuousClock.now < deadline else { throw Trouble("nothing was begun") }
          ClockTime.sleep(milliseconds: 5)
        }
        try importing.signal(Signal.kill)
        _ = try importing.wait()
        #expect(try halfDone(store) != [])

        try store.skiff("pull", "--quiet", try name("honest"))

        #expect(try halfDone(store) == [])
      }
    }
  }
}
