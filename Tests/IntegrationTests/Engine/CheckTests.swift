import Foundation
import Testing

extension Integration {
  /// `skiff system check`: what is damaged in the store is found, and mended where that can be.
  @Suite struct EngineCheck {
    private func check(_ store: Store, _ options: String...) throws -> (code: Int32, found: [JSON]) {
      let outcome = try store.attempt(["system", "check", "--format", "json"] + options)
      return (outcome.code, try outcome.lines.map { try JSON(text: $0) })
    }

    @Test func `a store that is sound is said to be, with containers in every state`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "--network", "none", "--userns", "auto", "-v", "data:/data"])
        try store.skiff("create", "--name", "two", "--network", "none", Store.image)
        let before = try store.content()

        let sound = try store.attempt("system", "check")

        #expect(sound.code == 0 && sound.output == "nothing is damaged\n", "\(sound)")
        #expect(try store.attempt("system", "check", "--repair").code == 0)
        #expect(try store.content() == before)
        #expect(try store.inspect("one").State.Running.isTrue)
        #expect(try store.attempt("system", "check", "--force").errors.contains("add --repair"))
        try store.skiff("rm", "--force", "one", "two")
        try store.skiff("volume", "rm", "data")
      }
    }

    @Test func `names and leases that lead nowhere go, and lost names come back`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.skiff("create", "--name", "one", "--network", "none", Store.image).lines[0]
        let gone = String(repeating: "ab", count: 32)
        try shell(
          """
          cd \(store.root); rm names/one; ln -s ../containers/\(gone) names/ghost; ln -s ../containers/\(id) names/alias
          mkdir -p userns; ln -s \(gone) userns/7
          """)

        let (code, found) = try check(store)
        #expect(code == 1)
        #expect(Set(found.map(\.Thing.text)) == ["one", "ghost", "alias", "range 7 of ids"], "\(found)")
        #expect(found.allSatisfy { $0.Outcome.text == "mendable" })
        #expect(try shell("ls \(store.root)/names").lines == ["alias", "ghost"], "nothing changes without --repair")

        let (mended, all) = try check(store, "--repair")
        #expect(mended == 0 && all.allSatisfy { $0.Outcome.text == "mended" }, "\(all)")
        #expect(try shell("ls \(store.root)/names \(store.root)/userns").output.contains("one"))
        #expect(try store.skiff("system", "check").output == "nothing is damaged\n")
        #expect(try store.inspect("one").Id.text == id)
        try store.skiff("rm", "one")
      }
    }

    @Test func `a container whose record is lost is given up only when told to`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.skiff("create", "--name", "one", "--network", "none", Store.image).lines[0]
        try store.skiff("create", "--name", "two", "--network", "none", Store.image)
        try shell("echo nonsense > \(store.root)/containers/\(id)/container.json")

        let (code, found) = try check(store, "--repair")
        #expect(code == 1)
        #expect(found.map(\.Kind.text) == ["container"] && found[0].Outcome.text == "needs force", "\(found)")
        #expect(FileManager.default.fileExists(atPath: "\(store.root)/containers/\(id)"))

        let (mended, _) = try check(store, "--repair", "--force")
        #expect(mended == 0)
        #expect(!FileManager.default.fileExists(atPath: "\(store.root)/containers/\(id)"))
        #expect(try store.skiff("ps", "-a", "--format", "{{.Names}}").lines == ["two"])
        try store.skiff("rm", "two")
      }
    }

    @Test func `damaged layers and images are found, and go, to be fetched again`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "one", "--network", "none", Store.image)
        try shell("echo '{}' > $(echo \(store.root)/layers/*/layer.json)")

        let (code, found) = try check(store, "--repair")
        #expect(code == 1)
        #expect(found.contains { $0.Kind.text == "container" && $0.Outcome.text == "needs force" }, "\(found)")
        #expect(found.contains { $0.Kind.text == "layer" && $0.Outcome.text == "mended" }, "\(found)")
        #expect(found.contains { $0.Remedy.text.contains("then pull localhost/base:latest again") }, "\(found)")
        try check(store, "--repair", "--force").found.forEach { _ in }

        let manifest = try JSON(text: shell("cat \(store.root)/images/index.json").output).manifests[0].digest.text
        try shell("echo x > \(store.root)/images/blobs/sha256/\(manifest.dropFirst(7))")
        let (_, images) = try check(store)
        #expect(images.contains { $0.Kind.text == "image" && $0.Outcome.text == "mendable" }, "\(images)")
        #expect(try check(store, "--repair").code == 0)
        #expect(try store.skiff("images", "-q").lines == [])
        #expect(try store.skiff("system", "check").output == "nothing is damaged\n")
      }
    }
  }
}
