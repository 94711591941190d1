import Foundation
import Testing

extension Integration {
  /// One clear error each, the right exit code, nothing left over.
  @Suite struct BadInput {
    @Test func `an image that nobody has`() throws {
      try inHarbour { harbour in
        let registry = try Registry(harbour)
        let store = try Store(harbour, hasImage: false)

        let missing = try store.attempt("run", "--rm", "\(registry.address)/nowhere:1", "true")
        #expect(missing.code == 125)
        #expect(missing.errors.contains("\(registry.address)/nowhere:1"))
        #expect(missing.errors.split(separator: "\n").count <= 2)

        let here = try store.attempt("run", "--rm", "--pull", "never", "localhost/nothing", "true")
        #expect(here.code == 125)
        #expect(try store.skiff("images", "--quiet").lines == [])
        try nothingIsHalfDone(store)
      }
    }

    @Test func `an unknown tag, and a name that is none`() throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let registry = try Registry(harbour)
        try registry.push("oci:\(layout):sea", as: "sea:1")
        let store = try Store(harbour, hasImage: false)

        let unknown = try store.attempt("pull", "\(registry.address)/sea:2")
        #expect(unknown.code == 1 || unknown.code == 125)
        #expect(unknown.errors.contains("sea:2"))
        for name in ["UPPER/case", "a//b", "name:", "name@sha256:short", "-rf", ""] {
          let outcome = try store.attempt("run", "--rm", "--", name, "true")
          #expect(outcome.code == 125, "\(name)")
          #expect(!outcome.errors.isEmpty)
        }
        try nothingIsHalfDone(store)
      }
    }

    @Test func `a registry that is down`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)

        let outcome = try store.attempt("pull", "127.0.0.1:1/sea:1")

        #expect(outcome.code == 1 || outcome.code == 125)
        #expect(outcome.errors.contains("127.0.0.1:1"))
        #expect(outcome.milliseconds < 20_000)
        try nothingIsHalfDone(store)
      }
    }

    @Test(arguments: ["flip", "truncate"])
    func `a layer that is not what its digest says`(damage: String) throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let registry = try Registry(harbour)
        try registry.push("oci:\(layout):sea", as: "sea:1", "--format oci")
        let manifest = try JSON(
          text: try shell("skopeo inspect --raw --tls-verify=false docker://\(registry.address)/sea:1").output)
        let blob = registry.blob(manifest.layers[1].digest.text)
        if damage == "flip" {
          try shell("printf X | dd of=\(blob) bs=1 seek=100 conv=notrunc status=none")
        } else {
          try shell("truncate -s -60 \(blob)")
        }
        let store = try Store(harbour, hasImage: false)

        let outcome = try store.attempt("pull", "\(registry.address)/sea:1")

        #expect(outcome.code == 1 || outcome.code == 125)
        #expect(outcome.errors.contains(manifest.layers[1].digest.text.prefix(19)))
        #expect(try store.skiff("images", "--quiet").lines == [])
        try nothingIsHalfDone(store)
      }
    }

    @Test func `a layer that climbs out stays inside or is refused`() throws {
      try inHarbour { harbour in
        let outside = try harbour.makeDirectory("outside")
        try harbour.write("untouched", to: "outside/file")
        let archive = harbour.path("evil.tar")
        try shell(
          """
          python3 - <<'CODE'
          import io, tarfile
          out = tarfile.open('\(archive)', 'w')
          def file(name, text='evil'):
              entry = tarfile.TarInfo(name); entry.size = len(text); out.addfile(entry, io.BytesIO(text.encode()))
          def link(name, target, kind=tarfile.SYMTYPE):
              entry = tarfile.TarInfo(name); entry.type = kind; entry.linkname = target; out.addfile(entry)
          file('fine', 'fine')
          file('../../../../../../..\(outside)/climbed')
          file('\(outside)/absolute')
          link('way', '\(outside)'); file('way/through')
          link('up', '../../../../../../../..\(outside)'); file('up/through')
          link('hard', '\(outside)/file', tarfile.LNKTYPE)
          link('hard2', '../../../../../../..\(outside)/file', tarfile.LNKTYPE)
          out.close()
          CODE
          """)
        let store = try Store(harbour, hasImage: false)

        let outcome = try store.attempt("import", archive, "localhost/evil")

        #expect(try shell("ls \(outside)").lines == ["file"])
        #expect(try harbour.read("outside/file") == "untouched")
        #expect(try shell("stat -c %h \(outside)/file").lines == ["1"])
        if outcome.code != 0 {
          #expect(!outcome.errors.isEmpty)
          try nothingIsHalfDone(store)
        }
      }
    }

    @Test(arguments: ["not an archive at all, only words", ""])
    func `what is no archive is not imported`(content: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let file = try harbour.write(content, to: "file")

        for verb in [
          ["import", file, "localhost/x"], ["load", "--input", file], ["load", "--input", harbour.path("absent")],
        ] {
          let outcome = try store.attempt(verb)
          #expect(outcome.code != 0, "\(verb)")
          #expect(!outcome.errors.isEmpty)
        }
        #expect(try store.skiff("images", "--quiet").lines == [])
        try nothingIsHalfDone(store)
      }
    }

    @Test func `a disk that is full`() throws {
      try inHarbour { harbour in
        let disk = try harbour.makeDirectory("disk")
        try shell("mount -t tmpfs -o size=1m small \(disk)")
        harbour.atEnd { _ = try? shell("umount -l \(disk)") }
        let store = try Store(harbour, root: disk + "/store", hasImage: false)

        let outcome = try store.attempt("import", try Store.archive(), Store.image)

        #expect(outcome.code == 1 || outcome.code == 125)
        #expect(outcome.errors.lowercased().contains("no space left"))
        #expect(try store.skiff("images", "--quiet").lines == [])
        // What was begun is gone: the disk is as free as it was.
        #expect(
          try shell("df --output=used -k \(disk) | tail -n 1").lines.first.flatMap {
            Int($0.trimmingCharacters(in: .whitespaces))
          } ?? 999 < 200)
      }
    }

    @Test func `a volume or working directory that cannot be`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        for options in [
          ["-v", "relative/path:/data"], ["-v", "\(harbour.path("x")):relative"], ["-m", "lots"], ["--cpus", "many"],
          ["--device", "/dev/absent"], ["--ulimit", "waves=1"], ["--cap-add", "SAILOR"], ["--user", "nobody-there"],
          ["--network", "elsewhere"], ["--env-file", "/absent"], ["--hostname", String(repeating: "a", count: 70)],
        ] {
          let outcome = try store.attempt(["run", "--rm"] + options + [Store.image, "true"])
          #expect(outcome.code == 125, "\(options): \(outcome)")
          #expect(!outcome.errors.isEmpty, "\(options)")
        }
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }

    @Test func `containers and images that are not there`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)

        for verb in ["logs", "stop", "kill", "rm", "inspect", "start", "wait", "exec"] {
          let outcome = try store.attempt(verb == "exec" ? ["exec", "nobody", "true"] : [verb, "nobody"])
          #expect(outcome.code != 0, "\(verb)")
          #expect(outcome.errors.contains("nobody"), "\(verb): \(outcome.errors)")
        }
        #expect(try store.attempt("rmi", "nothing").code == 1)
        #expect(try store.attempt("tag", "nothing", "else").code == 1)
        #expect(try store.attempt("sail").code != 0)
      }
    }

    /// Nothing is left in the store: no name, container, layer or blob, whole or not.
    private func nothingIsHalfDone(_ store: Store) throws {
      guard FileManager.default.fileExists(atPath: store.root) else { return }
      #expect(try store.content() == [], "left in the store")
    }
  }
}
