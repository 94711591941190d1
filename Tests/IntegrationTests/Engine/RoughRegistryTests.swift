import Foundation
import Testing

extension Integration {
  /// Registries that are right and not easy, and that break in the middle: the image comes whole all the same.
  @Suite struct RoughRegistries {
    private struct Pulled {
      let store: Store
      let outcome: Outcome
      let facts: JSON
      let requests: [JSON]
      /// What was asked of the uppermost layer.
      var top: [JSON] { requests.filter { $0.path.text.hasSuffix("/" + (facts.layers.texts.last ?? "?")) } }
      var topSizeBytes: Int { facts.sizes.numbers.last ?? -1 }
      var sentOfTop: Int { top.reduce(0) { $0 + $1.sent.number } }
    }

    private func pull(_ behaviour: String, _ harbour: Harbour, _ options: [String] = []) throws -> Pulled {
      let store = try Store(harbour, hasImage: false)
      let registry = try RogueRegistry.shared()
      let repository = registry.repository(behaviour)
      let outcome = try store.attempt(
        ["pull", "--quiet", "--retry-delay", "0.01"] + options + ["\(registry.address)/\(repository):1"])
      return Pulled(
        store: store, outcome: outcome, facts: try registry.facts(repository),
        requests: try registry.requests(repository))
    }

    /// The image has its name, and its layers hold what they should.
    private func expectWhole(_ pulled: Pulled) throws {
      try pulled.outcome.expecting(0)
      #expect(try pulled.store.skiff("images", "--quiet").lines.count == 1)
      let content = try pulled.store.content()
      #expect(content.filter { $0.hasSuffix("/fs/data/noise") }.count == 1)
      #expect(content.filter { $0.hasSuffix("/fs/etc/base") }.count == 1)
      #expect(content.filter { $0.hasPrefix("images/partial/") || $0.contains("/.") } == [])
    }

    @Test(arguments: [
      "honest", "plain", "zstd", "several-frames", "lying-types", "lying-plain", "trailing-zeros", "nested", "no-type",
      "large",
    ])
    func `what is out of the ordinary and right is taken`(behaviour: String) throws {
      try inHarbour { harbour in
        let pulled = try pull(behaviour, harbour)

        try expectWhole(pulled)
        #expect(pulled.sentOfTop == pulled.topSizeBytes)
      }
    }

    @Test func `a layer that an image has twice comes once`() throws {
      try inHarbour { harbour in
        let pulled = try pull("repeating", harbour)

        try pulled.outcome.expecting(0)
        #expect(pulled.facts.layers.texts.count == 4)
        #expect(pulled.top.count == 1)
        #expect(pulled.sentOfTop == pulled.topSizeBytes)
        #expect(try pulled.store.content().filter { $0.hasSuffix("/fs/etc/base") }.count == 2)
        #expect(try pulled.store.content().filter { $0.hasSuffix("/fs/data/noise") }.count == 2)
      }
    }

    @Test func `a broken connection is taken up where it broke`() throws {
      try inHarbour { harbour in
        let pulled = try pull("dropping", harbour)

        try expectWhole(pulled)
        #expect(pulled.top.map(\.status.number) == [200, 206])
        #expect(pulled.top.map(\.range.text) == ["", "bytes=1500000-"])
        #expect(pulled.sentOfTop == pulled.topSizeBytes)
      }
    }

    @Test func `what goes forward is not given up`() throws {
      try inHarbour { harbour in
        let pulled = try pull("dropping-always", harbour, ["--retry", "1"])

        try expectWhole(pulled)
        #expect(pulled.top.map(\.range.text) == ["", "bytes=1100000-", "bytes=2200000-"])
        #expect(pulled.sentOfTop == pulled.topSizeBytes)
      }
    }

    @Test func `a pull that broke off is continued by the next one`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let registry = try RogueRegistry.shared()
        let repository = registry.repository("dropping")
        let name = "\(registry.address)/\(repository):1"

        let first = try store.attempt("pull", "--quiet", "--retry", "0", name)
        #expect(first.code == 1)
        #expect(try store.skiff("images", "--quiet").lines == [])
        try store.skiff("pull", "--quiet", name)

        let blob = try registry.facts(repository).layers.texts.last ?? "?"
        let top = try registry.requests(repository).filter { $0.path.text.hasSuffix(blob) }
        #expect(top.map(\.range.text) == ["", "bytes=1500000-"])
        #expect(try store.content().filter { $0.hasPrefix("images/partial/") } == [])
      }
    }

    @Test func `a server that knows no ranges begins anew`() throws {
      try inHarbour { harbour in
        let pulled = try pull("range-ignored", harbour)

        try expectWhole(pulled)
        #expect(pulled.top.map(\.status.number) == [200, 200])
        #expect(pulled.sentOfTop == 1_500_000 + pulled.topSizeBytes)
      }
    }

    @Test func `a server that has nothing from there on is asked for all of it`() throws {
      try inHarbour { harbour in
        let pulled = try pull("range-refused", harbour)

        try expectWhole(pulled)
        #expect(pulled.top.map(\.status.number) == [200, 416, 200])
      }
    }

    @Test(arguments: ["range-wrong", "range-unasked"])
    func `another part than was asked for is refused, and nothing of it kept`(behaviour: String) throws {
      try inHarbour { harbour in
        let pulled = try pull(behaviour, harbour)

        #expect(pulled.outcome.code == 1)
        #expect(pulled.outcome.errors.contains("the registry sent another part than was asked for"))
        #expect(try pulled.store.content() == [])
      }
    }

    @Test(arguments: ["busy", "away"])
    func `a registry that wants a moment gets it`(behaviour: String) throws {
      try inHarbour { harbour in
        let pulled = try pull(behaviour, harbour)

        try expectWhole(pulled)
        #expect((1000..<4000).contains(pulled.outcome.milliseconds))
      }
    }

    @Test(arguments: ["stalling", "silent"])
    func `silence ends after the time given`(behaviour: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let registry = try RogueRegistry.shared()

        let outcome = try store.transfer(
          "pull", "--quiet", "--retry", "0", "--stall-timeout", "1",
          "\(registry.address)/\(registry.repository(behaviour)):1")

        #expect(outcome.code == 1)
        #expect(outcome.errors.hasSuffix(": no data for 1 seconds\n"), "\(outcome.errors)")
        #expect((1000..<3000).contains(outcome.milliseconds))
        #expect(try store.skiff("images", "--quiet").lines == [])
      }
    }

    @Test func `a redirect to another server is followed without the token`() throws {
      try inHarbour { harbour in
        let pulled = try pull("redirecting", harbour)

        try expectWhole(pulled)
        let elsewhere = pulled.requests.filter { $0.path.text.hasPrefix("/elsewhere/") }
        #expect(elsewhere.count == 3)
        for request in elsewhere {
          #expect(request.host.text.hasPrefix("localhost:"))
          #expect(request.authorization.isMissing)
          #expect(request.status.number == 200)
        }
        let blobs = pulled.requests.filter { $0.path.text.hasPrefix("/v2/") && $0.status.number == 307 }
        #expect(blobs.count == 3)
        for request in blobs { #expect(request.authorization.text.hasPrefix("Bearer token-of-this-registry")) }
      }
    }

    @Test func `a token that is used up is asked for anew`() throws {
      try inHarbour { harbour in
        let pulled = try pull("guarded", harbour)

        try expectWhole(pulled)
        #expect(pulled.requests.contains { $0.status.number == 401 && !$0.authorization.isMissing })
      }
    }

    @Test func `the addresses that a manifest names for a layer are never asked`() throws {
      try inHarbour { harbour in
        let pulled = try pull("foreign", harbour)

        #expect(pulled.outcome.code == 1)
        #expect(try RogueRegistry.shared().requests("").allSatisfy { !$0.path.text.contains("foreign-layer") })
      }
    }

    @Test func `a document that is not what its digest says is refused`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let registry = try RogueRegistry.shared()
        let digest = "sha256:" + String(repeating: "5a", count: 32)
        let name = "\(registry.address)/\(registry.repository("wrong-manifest"))@\(digest)"

        let outcome = try store.attempt("pull", "--quiet", name)

        #expect(outcome.code == 1)
        #expect(
          outcome.errors.hasPrefix(
            "skiff: cannot pull \(name): manifest of \(name) has the wrong digest: expected \(digest), got sha256:"))
        #expect(try store.content() == [])
      }
    }

    @Test func `run says the same and ends with 125`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let registry = try RogueRegistry.shared()
        let name = "\(registry.address)/\(registry.repository("wrong-blob")):1"

        let outcome = try store.attempt("run", "--rm", name, "true")

        #expect(outcome.code == 125)
        #expect(outcome.errors.split(separator: "\n").filter { $0.contains("cannot") }.count == 1)
        #expect(outcome.errors.contains("skiff: cannot pull \(name): layer sha256:"))
        #expect(try store.content() == [])
      }
    }
  }
}
