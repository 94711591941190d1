import Foundation
import Testing

extension Integration {
  /// Images as files: ours are read by others, others' by us, and what goes out comes back the same.
  @Suite struct Archives {
    /// Two images with a layer in common, one of them with two names.
    private func start(_ harbour: Harbour) throws -> Store {
      let store = try Store(harbour)
      try store.skiff("tag", Store.image, "localhost/base:second")
      try shell("mkdir -p \(harbour.path("tree")); echo other > \(harbour.path("tree"))/other")
      try store.skiff("import", "--change", "ENV SEA=calm", harbour.path("tree"), "registry.example/team/other:3")
      return store
    }

    private static let names = ["localhost/base:latest", "localhost/base:second", "registry.example/team/other:3"]

    private func ids(_ store: Store) throws -> [String: String] {
      try Self.names.reduce(into: [:]) {
        $0[$1] = try JSON(text: try store.skiff("image", "inspect", $1).output)[0].Id.text
      }
    }

    @Test(arguments: ["docker-archive", "oci-archive"])
    func `several images with several names come back the same`(format: String) throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let (file, again) = (harbour.path("saved.tar"), harbour.path("again.tar"))

        try store.skiff("save", "--format", format, "--output", file, Self.names[0], Self.names[1], Self.names[2])
        try store.skiff("save", "--format", format, "--output", again, Self.names[0], Self.names[1], Self.names[2])
        let other = try Store(harbour, root: harbour.path("other"), hasImage: false)
        let loaded = try other.skiff("load", "--input", file)

        #expect(try shell("cmp \(file) \(again); echo $?").lines == ["0"])
        #expect(Set(loaded.lines) == Set(Self.names.map { "Loaded image: \($0)" }))
        #expect(try ids(other) == ids(store))
        #expect(try other.skiff("run", "--rm", "--network", "none", Self.names[1], "echo", "aye").output == "aye\n")
        // Once more, out of the second store: the same bytes.
        try other.skiff("save", "--format", format, "--output", again, Self.names[0], Self.names[1], Self.names[2])
        #expect(try shell("cmp \(file) \(again); echo $?").lines == ["0"])
      }
    }

    @Test func `skopeo and podman read what is saved`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let (docker, oci) = (harbour.path("docker.tar"), harbour.path("oci.tar"))
        try store.skiff("save", "--output", docker, Self.names[0], Self.names[1], Self.names[2])
        try store.skiff("save", "--format", "oci-archive", "--output", oci, Self.names[2])
        let id = try ids(store)[Self.names[2]] ?? "?"

        for name in Self.names {
          let seen = try JSON(text: try shell("skopeo inspect --config docker-archive:\(docker):\(name)").output)
          #expect(seen.rootfs.diff_ids.list.count == 1)
        }
        try shell("skopeo --insecure-policy copy -q oci-archive:\(oci) oci:\(harbour.path("layout")):other")
        let config = try shell("skopeo inspect --config --raw oci:\(harbour.path("layout")):other | sha256sum").output
        #expect("sha256:" + config.prefix(64) == id)

        let podman =
          "podman --root \(harbour.path("podman")) --runroot \(harbour.path("podman-run")) --storage-driver vfs"
        for (file, names) in [(docker, Self.names), (oci, [Self.names[2]])] {
          let loaded = try shell("\(podman) load -q -i \(file)").output
          for name in names { #expect(loaded.contains(name), "\(loaded)") }
          #expect(
            try shell("\(podman) image inspect --format '{{.Id}}' \(Self.names[2])").lines == [String(id.dropFirst(7))])
          #expect(
            try shell("\(podman) image inspect --format '{{.Config.Env}}' \(Self.names[2])").lines == ["[SEA=calm]"])
          try shell("\(podman) rmi --all --force")
        }
      }
    }

    @Test func `podman's own archives are loaded`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let (saved, file) = (harbour.path("saved.tar"), harbour.path("podman.tar"))
        try store.skiff("save", "--output", saved, Self.names[0], Self.names[2])
        let podman =
          "podman --root \(harbour.path("podman")) --runroot \(harbour.path("podman-run")) --storage-driver vfs"
        try shell("\(podman) load -q -i \(saved)")

        for (number, options) in [
          "--format docker-archive", "--format docker-archive --multi-image-archive", "--format oci-archive",
        ].enumerated() {
          try shell(
            "rm -f \(file); \(podman) save -q \(options) -o \(file) \(Self.names[2])\(number == 1 ? " " + Self.names[0] : "")"
          )
          let other = try Store(harbour, root: harbour.path("other-\(number)"), hasImage: false)

          let loaded = try other.skiff("load", "--input", file)

          #expect(loaded.output.contains("Loaded image: \(Self.names[2])"), "\(options): \(loaded)")
          let image = try JSON(text: try other.skiff("image", "inspect", Self.names[2]).output)[0]
          #expect(image.Config.Env.texts == ["SEA=calm"])
        }
      }
    }

    @Test(arguments: ["cat", "gzip", "zstd"])
    func `an archive comes through a pipe, packed or not`(command: String) throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let skiff = "\(Programs.skiff) --run-root \(harbour.path("run"))"

        let loaded = try shell(
          """
          \(skiff) --root \(store.root) save \(Self.names[2]) | \(command) | \(skiff) --root \(harbour.path("other")) load
          """)

        #expect(loaded.lines == ["Loaded image: \(Self.names[2])"])
      }
    }

    @Test func `an image without a name is known by its id`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let id = try ids(store)[Self.names[2]] ?? "?"
        let file = harbour.path("saved.tar")

        try store.skiff("save", "--output", file, String(id.dropFirst(7).prefix(12)))
        let other = try Store(harbour, root: harbour.path("other"), hasImage: false)

        #expect(try other.skiff("load", "--input", file).lines == ["Loaded image ID: \(id)"])
        #expect(try other.skiff("images", "--quiet", "--no-trunc").lines == [id])
      }
    }

    @Test func `a store is a layout that another store loads`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let other = try Store(harbour, root: harbour.path("other"), hasImage: false)

        let loaded = try other.skiff("load", "--input", store.root + "/images")

        #expect(Set(loaded.lines) == Set(Self.names.map { "Loaded image: \($0)" }))
        #expect(try ids(other) == ids(store))
      }
    }

    @Test func `an archive whose parts are not what they should be is refused`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let file = harbour.path("saved.tar")
        try store.skiff("save", "--output", file, Self.names[2])
        let work = try harbour.makeDirectory("work")
        try shell("tar -xf \(file) -C \(work)")
        let layer = try shell("cd \(work)/blobs/sha256; ls -S | head -n 1").lines[0]
        let other = try Store(harbour, root: harbour.path("other"), hasImage: false)

        for (damage, words) in [
          ("printf X | dd of=blobs/sha256/\(layer) bs=1 seek=3 conv=notrunc status=none", "has the wrong digest"),
          ("truncate -s -100 blobs/sha256/\(layer)", "has the wrong digest"),
          ("rm blobs/sha256/\(layer)", "not found: layer sha256:\(layer) in the archive"),
          ("echo '[]' > index.json", "index.json is not valid"),
          ("rm index.json; echo '{}' > manifest.json", "manifest.json is not valid: it is no list of images"),
          ("rm index.json manifest.json", "it holds no image"),
        ] {
          let outcome = try shell(
            """
            rm -rf \(work); mkdir \(work); cd \(work); tar -xf \(file); \(damage)
            tar -cf \(harbour.path("damaged.tar")) .; pwd
            """)
          for source in [harbour.path("damaged.tar"), outcome.lines[0]] {
            let refused = try other.attempt("load", "--input", source)
            #expect(refused.code == 1)
            #expect(refused.errors.contains(words), "\(damage): \(refused.errors)")
            #expect(refused.errors.split(separator: "\n").count == 1)
            #expect(try other.content() == [], "\(damage)")
          }
        }
        // A link could lead to anything that root may read.
        try shell("rm -f \(work)/*.json; ln -s /etc/passwd \(work)/index.json")
        let linked = try other.attempt("load", "--input", work)
        #expect(linked.code == 1)
        #expect(linked.errors.contains("cannot open index.json: it is a link"), "\(linked.errors)")
      }
    }
  }
}
