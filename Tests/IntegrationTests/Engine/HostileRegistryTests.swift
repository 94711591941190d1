import Foundation
import Testing

extension Integration {
  /// Registries that break, lie or mean harm: one clear sentence each that names the thing, the right exit code, nothing in the store.
  @Suite struct HostileRegistries {
    /// How a registry misbehaves, and what is said of it.
    struct Case: CustomTestStringConvertible {
      let behaviour: String
      /// `NAME`, `REGISTRY`, `LAYER`, `CONFIG` and `MANIFEST` stand for what is pulled; `*` for anything.
      let words: String
      var testDescription: String { behaviour }

      init(_ behaviour: String, _ words: String) {
        self.behaviour = behaviour
        self.words = words
      }
    }

    /// Pulls an image that cannot be had: what was said, with names in place of what is different each time.
    private func pull(_ behaviour: String, in store: Store, _ verb: [String] = ["pull", "--quiet", "--retry", "0"])
      throws
      -> (code: Int32, said: String)
    {
      let registry = try RogueRegistry.shared()
      let repository = registry.repository(behaviour)
      let name = "\(registry.address)/\(repository):1"
      let outcome = try store.attempt(verb + [name])
      var said = outcome.errors.replacingOccurrences(of: name, with: "NAME")
      if let facts = try? registry.facts(repository) {
        said = said.replacingOccurrences(of: facts.layers.texts.last ?? "", with: "LAYER")
          .replacingOccurrences(of: facts.config.text, with: "CONFIG")
          .replacingOccurrences(of: facts.manifest.text, with: "MANIFEST")
      }
      said = said.replacingOccurrences(of: registry.address, with: "REGISTRY")
      return (outcome.code, said)
    }

    private func matches(_ said: String, _ words: String) -> Bool {
      let parts = words.components(separatedBy: "*")
      var rest = said[...]
      for (index, part) in parts.enumerated() {
        guard let range = part.isEmpty ? rest.startIndex..<rest.startIndex : rest.range(of: part),
          index > 0 || range.lowerBound == rest.startIndex
        else { return false }
        rest = rest[range.upperBound...]
      }
      return rest.isEmpty || parts.last == ""
    }

    @Test(arguments: [
      // Not what the digest says.
      Case("wrong-blob", "layer LAYER has the wrong digest: expected LAYER, got sha256:*"),
      Case("wrong-config", "configuration CONFIG has the wrong digest: expected CONFIG, got sha256:*"),
      Case("wrong-diff", "unpacked layer LAYER has the wrong digest: expected sha256:*, got sha256:*"),
      Case("moved-tag", "manifest of NAME has the wrong digest: expected sha256:*, got MANIFEST"),
      // Not as long as it should be.
      Case("short-blob", "layer LAYER ended after * of * bytes"),
      Case("long-blob", "layer LAYER is longer than the * bytes allowed"),
      Case("endless-blob", "layer LAYER is longer than the * bytes allowed"),
      Case("endless-manifest", "NAME is longer than the 4194304 bytes allowed"),
      Case("long-manifest", "NAME is longer than the 4194304 bytes allowed"),
      Case("huge-child", "manifest of NAME is longer than the 4194304 bytes allowed"),
      Case("index-size", "manifest of NAME ended after * of * bytes"),
      // Not there.
      Case("missing-blob", "not found: layer LAYER (blob unknown to registry)"),
      Case("foreign", "not found: layer LAYER (blob unknown to registry)"),
      Case(
        "denied", "access to NAME is denied (not for  [31mthe likes of you); does it exist, or does it need a login?"),
      Case(
        "password",
        "access to registry REGISTRY is denied (it wants a user name and a password); does it exist, or does it need a login?"
      ),
      Case(
        "foreign-realm",
        "registry REGISTRY asks for a token of https://tokens.example.net:443, which is not its own: refused"),
      Case("busy-for-long", "registry REGISTRY wants fewer requests (come back tomorrow)"),
      Case("busy-backwards", "registry REGISTRY wants fewer requests (come back yesterday)"),
      // Redirects.
      Case("redirecting-in-circles", "the registry's redirect for configuration CONFIG is refused: there are too many"),
      Case(
        "redirecting-away",
        "the registry's redirect for configuration CONFIG is refused: it leads to 192.0.2.1 without TLS"),
      Case(
        "redirecting-to-file",
        "the registry's redirect for configuration CONFIG is refused: it leads to no http or https address"),
      // Documents.
      Case("ambiguous", "manifest of NAME is not valid: it could be read as an index and as a manifest"),
      Case("ambiguous-index", "manifest of NAME is not valid: it could be read as an index and as a manifest"),
      Case(
        "contradicting",
        "manifest of NAME is not valid: it calls itself application/vnd.docker.distribution.manifest.v2+json and came as application/vnd.oci.image.manifest.v1+json"
      ),
      Case("schema-one", "manifest of NAME is not valid: it is of schema 1, which is no longer supported"),
      Case("schema-one-untold", "manifest of NAME is not valid: it is of schema 1, which is no longer supported"),
      Case("unknown-type", "manifest of NAME is not valid: its type application/vnd.example.cargo is not known"),
      Case("web-page", "manifest of NAME is not valid: it came as text/html"),
      Case("negative", "manifest of NAME is not valid: layers[1].size: must not be negative"),
      Case(
        "strange-digest", "manifest of NAME is not valid: layers[1].digest: invalid digest length: sha256 has 64 digits"
      ),
      Case("sha512", "layer sha512:* is not valid: blobs are known by SHA-256 digests and sizes only"),
      Case("many-layers", "manifest of NAME is not valid: layers: more than 1024"),
      Case("few-diffs", "NAME is not valid: its manifest has 2 layers, its configuration 1"),
      Case("config-words", "configuration of NAME is not valid: invalid JSON at byte 0: expected a value"),
      Case("config-list", "configuration of NAME is not valid: expected an object, found a list"),
      Case(
        "artifact",
        "NAME is not valid: it is no container image: its configuration is of type application/vnd.example.chart.config.v1+json"
      ),
      Case("other-platform", "no image for platform linux/* (there is linux/ppc64le, linux/s390x)"),
      Case("empty-index", "no image for platform linux/*"),
      Case("too-nested", "NAME is not valid: its indexes lead to more indexes"),
      // Layers.
      Case("encrypted", "layer LAYER is not valid: it is encrypted, which is not supported"),
      Case(
        "strange-layer",
        "layer LAYER is not valid: its type application/vnd.oci.image.layer.v1.tar+lzip is none of a layer"),
      Case("no-tar", "layer LAYER is not valid: not a tar archive: a header's checksum is wrong"),
      Case("xz", "layer LAYER is not valid: it is packed with xz, which is not supported: gzip and zstd are"),
      Case("cut-gzip", "layer LAYER is not valid: the gzip data ends too early"),
      Case("cut-zstd", "layer LAYER is not valid: the zstd data ends too early"),
      Case("cut-tar", "layer LAYER is not valid: it ends in the middle of data/noise"),
      Case(
        "trailing-words",
        "layer LAYER is not valid: the gzip data is corrupt: something other than gzip follows its end"),
      Case(
        "climbing", "layer LAYER is not valid: layer entry ../../../../climbed refused: its name leads out of the layer"
      ),
      Case("huge-file", "layer LAYER is not valid: layer refused at huge: too large when unpacked"),
    ])
    func `is refused in one sentence and leaves nothing`(_ wrong: Case) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)

        let (code, said) = try pull(wrong.behaviour, in: store)

        #expect(code == 1)
        #expect(matches(said, "skiff: cannot pull NAME: \(wrong.words)\n"), "\(said)")
        let left = try store.content()
        #expect(left == [], "\(left)")
      }
    }

    // What may pass keeps what came, so that the next pull goes on with it; it has no name, and is gone with the next sweep.
    @Test(arguments: [
      Case("closing-early", "cannot fetch layer LAYER: the answer ended early"),
      Case("failing", "the registry answers 500 for configuration CONFIG (the disk is on fire)"),
      Case("away-for-long", "the registry answers 503 for configuration CONFIG (closed for the season)"),
      Case("complaining", "the registry answers 500 for NAME"),
    ])
    func `that may pass is told the same way, and no image has a name`(_ wrong: Case) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)

        let (code, said) = try pull(wrong.behaviour, in: store)

        #expect(code == 1)
        #expect(matches(said, "skiff: cannot pull NAME: \(wrong.words)\n"), "\(said)")
        #expect(try store.skiff("images", "--quiet").lines == [])
        try store.skiff("import", try Store.archive(), Store.image)
        try store.skiff("rmi", Store.image)
        #expect(try store.content().filter { !$0.hasPrefix("images/partial/") } == [])
      }
    }
  }
}
