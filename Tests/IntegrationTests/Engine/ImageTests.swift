import Foundation
import Testing

extension Integration {
  /// What an image says of how it is run, and the verbs on images.
  @Suite struct Images {
    @Test func `the image's settings are honoured`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        try store.skiff(
          "import", "--change", "ENV SEA=calm", "--change", "ENV PATH=/bin:/opt/bin", "--change",
          #"ENTRYPOINT ["probe"]"#, "--change", #"CMD ["see"]"#, "--change", "USER www-data", "--change",
          "WORKDIR /var/www", "--change", "VOLUME /var/data", "--change", "STOPSIGNAL SIGUSR1", "--change",
          "LABEL harbour=home", try Store.archive(), "localhost/settled")

        let seen = try JSON(text: try store.skiff("run", "--rm", "localhost/settled").output)

        #expect(seen.environment.texts.contains("SEA=calm"))
        #expect(seen.environment.texts.contains("PATH=/bin:/opt/bin"))
        #expect(seen.arguments.texts == ["probe", "see"])
        #expect(seen.status.Uid.numbers == [33, 33, 33, 33])
        #expect(seen.status.Gid.numbers == [33, 33, 33, 33])
        #expect(seen.cwd.text == "/var/www")
        #expect(!seen.mount("/var/data").isMissing)
        #expect(seen.environment.texts.contains("HOME=/var/www"))
      }
    }

    @Test func `what is said on the command line goes before the image`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        try store.skiff(
          "import", "--change", #"ENTRYPOINT ["probe"]"#, "--change", #"CMD ["exit","9"]"#, "--change", "ENV A=image",
          "--change", "ENV B=image", try Store.archive(), "localhost/settled")

        #expect(try store.attempt("run", "--rm", "localhost/settled").code == 9)
        #expect(try store.attempt("run", "--rm", "localhost/settled", "exit", "8").code == 8)
        #expect(
          try store.skiff("run", "--rm", "--entrypoint", "/bin/echo", "localhost/settled", "aye").output == "aye\n")
        let file = try harbour.write("# a comment\nC=file\nD=two words\n", to: "environment")
        let seen = try JSON(
          text: try store.skiff(
            "run", "--rm", "-e", "A=option", "--env-file", file, "-u", "1000:1001", "-w", "/tmp", "localhost/settled",
            "see"
          ).output)
        #expect(Set(seen.environment.texts).isSuperset(of: ["A=option", "B=image", "C=file", "D=two words"]))
        #expect(seen.status.Uid.numbers[0] == 1000)
        #expect(seen.status.Gid.numbers[0] == 1001)
        #expect(seen.cwd.text == "/tmp")
      }
    }

    @Test func `tag, list, inspect and remove`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        try store.skiff("tag", Store.image, "localhost/other:2")
        let id = try JSON(text: try store.skiff("image", "inspect", "localhost/other:2").output)[0].Id.text
        #expect(id == (try JSON(text: try store.skiff("image", "inspect", Store.image).output)[0].Id.text))
        let listed = try store.skiff("images", "--quiet").lines
        #expect(Set(listed).count == 1)

        try store.skiff("rmi", "localhost/other:2")
        #expect(try store.attempt("run", "--rm", Store.image, "true").code == 0)
        try store.skiff("rmi", Store.image)
        #expect(try store.skiff("images", "--quiet").lines == [])
        #expect(try store.attempt("image", "inspect", Store.image).code == 1)
      }
    }

    @Test func `an image in use is not removed`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--network", "none"])

        let refused = try store.attempt("rmi", Store.image)

        #expect(refused.code == 1)
        #expect(refused.errors.contains(String(id.prefix(12))))
        try store.skiff("rm", "--force", id)
        try store.skiff("rmi", Store.image)
      }
    }

    @Test func `the layers of a container whose record is damaged stay`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.skiff("create", "--network", "none", Store.image, "true").lines[0]
        let record = harbour.path("store") + "/containers/\(id)/container.json"
        try shell("cp \(record) \(harbour.path("kept")); printf '{' > \(record)")

        let removed = try store.attempt("rmi", "--force", Store.image).expecting(0)

        #expect(removed.errors.contains("container.json"))
        #expect(try shell("ls \(harbour.path("store"))/layers | wc -l").lines == ["1"])
        try shell("cp \(harbour.path("kept")) \(record)")
        try store.skiff("start", id)
        try store.awaitEnd(id)
        try store.skiff("rm", id)
      }
    }

    @Test func `removing the last image frees its layers`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        #expect(try shell("ls \(harbour.path("store"))/layers | wc -l").lines != ["0"])

        try store.skiff("rmi", Store.image)

        #expect(try shell("ls \(harbour.path("store"))/layers | wc -l").lines == ["0"])
        #expect(try shell("du -s \(harbour.path("store")) | cut -f1").lines.first.flatMap { Int($0) } ?? 9999 < 200)
      }
    }

    @Test(arguments: ["oci-archive", "docker-archive"])
    func `what is saved is loaded again`(format: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try JSON(text: try store.skiff("image", "inspect", Store.image).output)[0].Id.text
        let file = harbour.path("saved.tar")

        try store.skiff("save", "--format", format, "--output", file, Store.image)
        try store.skiff("rmi", Store.image)
        let loaded = try store.skiff("load", "--input", file)

        #expect(loaded.output.contains(Store.image) || loaded.output.contains("localhost/base"))
        #expect(try store.skiff("run", "--rm", Store.image, "echo", "aye").output == "aye\n")
        if format == "oci-archive" {
          #expect(try JSON(text: try store.skiff("image", "inspect", Store.image).output)[0].Id.text == id)
        }
        // Other programs read it as well.
        let seen = try JSON(text: try shell("skopeo inspect \(format):\(file)").output)
        #expect(seen.Layers.list.count == 1)
      }
    }

    @Test func `the store is an OCI layout that others read`() throws {
      try inHarbour { harbour in
        _ = try Store(harbour)

        let layout = harbour.path("store") + "/images"
        #expect(try JSON(text: try shell("cat \(layout)/oci-layout").output).imageLayoutVersion.text == "1.0.0")
        let index = try JSON(text: try shell("cat \(layout)/index.json").output)
        #expect(index.manifests.list.count == 1)
        let digest = index.manifests[0].digest.text.dropFirst("sha256:".count)
        #expect(try shell("sha256sum < \(layout)/blobs/sha256/\(digest)").output.hasPrefix(String(digest)))
      }
    }
  }
}
