import Foundation
import Testing

extension Integration {
  /// Files go in and out of containers: cp, diff, export, commit.
  @Suite struct EngineFiles {
    /// A container that runs, and one that does not, with the same files.
    private func both(_ store: Store, _ line: String, _ options: [String] = []) throws -> [String] {
      for name in ["living", "ended"] {
        _ = try store.start(["--name", name, "--network", "none"] + options, line + "; touch /ready; sleep 1000")
        let deadline = ContinuousClock.now + .seconds(10)
        while try store.attempt("exec", name, "test", "-e", "/ready").code != 0, ContinuousClock.now < deadline {
          try shell("sleep 0.05")
        }
      }
      try store.skiff("kill", "ended")
      return ["living", "ended"]
    }

    @Test func `files and directories come out, by docker's rules for their names`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let names = try both(
          store,
          "mkdir -p /data/deep; echo one > /data/a; echo two > /data/deep/b; ln -s a /data/link; chown 5:6 /data/a")
        for name in names {
          let place = try harbour.makeDirectory("from-\(name)")

          // A file: under its own name into a directory that is there, under another where there is none, over one that is there.
          try store.skiff("cp", "\(name):/data/a", place)
          try store.skiff("cp", "\(name):data/a", "\(place)/other")
          try store.skiff("cp", "\(name):/data/deep/b", "\(place)/other")
          #expect(try harbour.read("from-\(name)/a") == "one\n")
          #expect(try harbour.read("from-\(name)/other") == "two\n")
          // A directory: into one that is there, as one that is not, or only what is in it.
          try store.skiff("cp", "\(name):/data", place)
          try store.skiff("cp", "\(name):/data", "\(place)/new")
          try store.skiff("cp", "\(name):/data/.", "\(place)/content")
          try harbour.makeDirectory("from-\(name)/into")
          try store.skiff("cp", "\(name):/data/.", "\(place)/into")
          for path in ["data/deep/b", "new/deep/b", "content/deep/b", "into/deep/b"] {
            #expect(try harbour.read("from-\(name)/\(path)") == "two\n")
          }
          // A link is a link, unless it is followed.
          try store.skiff("cp", "\(name):/data/link", "\(place)/link")
          try store.skiff("cp", "-L", "\(name):/data/link", "\(place)/followed")
          #expect(try shell("readlink \(place)/link").output == "a\n")
          #expect(try harbour.read("from-\(name)/followed") == "one\n")
          // Owners are the caller's, or stay.
          try store.skiff("cp", "-a", "\(name):/data/a", "\(place)/kept")
          #expect(try shell("stat -c %u:%g \(place)/a \(place)/kept").lines == ["0:0", "5:6"])
          // An archive.
          let archive = try shell(
            "\(Programs.skiff) --root \(store.root) --run-root \(harbour.path("run")) cp \(name):/data - | tar t | sort"
          )
          #expect(archive.lines == ["data/", "data/a", "data/deep/", "data/deep/b", "data/link"])
          // What is not there, or does not fit.
          let missing = try store.attempt("cp", "\(name):/data/none", place)
          #expect(
            missing.code == 1 && missing.errors.contains("could not find the file /data/none in container \(name)"))
          #expect(try store.attempt("cp", "\(name):/data", "\(place)/a").errors.contains("cannot copy a directory"))
          #expect(try store.attempt("cp", "\(name):/data/a", "\(place)/nowhere/").errors.contains("no such directory"))
          #expect(try store.attempt("cp", "\(name):/data/a", "\(place)/nowhere/x").code == 1)
        }
        #expect(try store.attempt("cp", "nobody:/x", ".").errors.contains("no such container"))
        #expect(try store.attempt("cp", "/etc/passwd", "/tmp/x").errors.contains("name a container"))
        #expect(try store.attempt("cp", "living:/data").code == 125)
        try store.skiff("rm", "--force", "living", "ended")
      }
    }

    @Test func `files and archives go in, as the container's root or as they are`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let names = try both(store, "mkdir /data; ln -s /data /short; ln -s nothing /dangling")
        try harbour.write("hello\n", to: "tree/file", mode: 0o640)
        try harbour.write("deep\n", to: "tree/sub/deep")
        try shell(
          """
          cd \(harbour.directory)/tree && chown 7:8 file && cp file raised && chmod 4755 raised && mkfifo pipe && ln -s /etc/passwd out
          tar -C \(harbour.directory)/tree -cf \(harbour.directory)/tree.tar file sub
          """)
        let program = "\(Programs.skiff) --root \(store.root) --run-root \(harbour.path("run"))"
        for name in names {
          try store.skiff("cp", harbour.path("tree"), "\(name):/data")
          try store.skiff("cp", harbour.path("tree/."), "\(name):/short/flat")
          try store.skiff("cp", "-a", harbour.path("tree/file"), "\(name):/data/kept")
          try shell("\(program) cp - \(name):/data < \(harbour.path("tree.tar"))")
          // What is there already and does not fit stays.
          #expect(try store.attempt("cp", harbour.path("tree"), "\(name):/data/kept").code == 1)
          // Refused before the archive is read: a pipe would have nobody at its other end.
          let stream = try run(["sh", "-c", "\(program) cp - \(name):/data/kept < /dev/null"])
          #expect(stream.code == 1 && stream.errors.contains("must be a directory"))
          #expect(try store.attempt("cp", harbour.path("tree/file"), "\(name):/no/such/place").code == 1)
          #expect(try store.attempt("cp", harbour.path("none"), "\(name):/data").errors.contains("no such file"))
        }
        try store.skiff("start", "ended")
        for name in names {
          let seen = try store.exec(
            name,
            """
            cat /data/tree/file /data/flat/sub/deep; \
            stat -c '%u:%g %a' /data/tree/file /data/tree/raised /data/kept /data/file; \
            readlink /data/tree/out; test -p /data/tree/pipe && echo pipe
            """)
          #expect(
            seen.split(separator: "\n").map(String.init) == [
              "hello", "deep", "0:0 640", "0:0 755", "7:8 640", "7:8 640", "/etc/passwd", "pipe",
            ], "\(name)")
        }
        try store.skiff("rm", "--force", "living", "ended")
      }
    }

    @Test func `links in the container lead nowhere but inside it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let outside = try harbour.makeDirectory("outside")
        try harbour.write("secret\n", to: "outside/secret")
        let up = String(repeating: "../", count: 30)
        let names = try both(
          store,
          """
          mkdir -p /trap; ln -s \(up)\(outside.dropFirst()) /trap/relative; ln -s \(outside) /trap/absolute; \
          ln -s /proc/1/root /trap/magic; ln -s loop /trap/loop; ln -s \(outside)/new /trap/dangling
          """)
        try harbour.write("x", to: "tree/relative/planted")
        try shell("cd \(harbour.directory)/tree && tar -cf ../planted.tar relative/planted")
        let program = "\(Programs.skiff) --root \(store.root) --run-root \(harbour.path("run"))"
        for name in names {
          for link in ["relative", "absolute"] {
            #expect(try store.attempt("cp", "\(name):/trap/\(link)/secret", harbour.path("stolen")).code == 1)
            #expect(try store.attempt("cp", "-L", "\(name):/trap/\(link)", harbour.path("stolen")).code == 1)
            #expect(try store.attempt("cp", harbour.path("planted.tar"), "\(name):/trap/\(link)/planted").code == 1)
          }
          #expect(try store.attempt("cp", harbour.path("planted.tar"), "\(name):/trap/magic/planted").code == 1)
          #expect(try store.attempt("cp", "-L", "\(name):/trap/loop", harbour.path("stolen")).code == 1)
          _ = try store.attempt("cp", harbour.path("planted.tar"), "\(name):/trap/dangling")
          // An archive whose entries go through a link.
          #expect(try run(["sh", "-c", "\(program) cp - \(name):/trap < \(harbour.path("planted.tar"))"]).code == 1)
        }
        #expect(!harbour.exists("stolen"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == ["secret"])
        try store.skiff("rm", "--force", "living", "ended")
      }
    }

    @Test func `what is mounted in the container is reached, living or not`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let bound = try harbour.makeDirectory("bound")
        let names = try both(
          store, "mkdir -p /a; echo v > /vol/here; ln -s /vol /a/vol",
          ["-v", "data:/vol", "-v", "\(bound):/bound", "-v", "\(bound):/fixed:ro"])
        try harbour.write("in\n", to: "file")
        for name in names {
          try store.skiff("cp", "\(name):/a/vol/here", harbour.path("out-\(name)"))
          #expect(try harbour.read("out-\(name)") == "v\n")
          try store.skiff("cp", harbour.path("file"), "\(name):/bound/\(name)")
          #expect(try harbour.read("bound/\(name)") == "in\n")
          let fixed = try store.attempt("cp", harbour.path("file"), "\(name):/fixed/x")
          #expect(fixed.code == 1 && fixed.errors.contains("read-only"))
        }
        try store.skiff("rm", "--force", "living", "ended")
        _ = try store.start(["--name", "still", "--read-only", "--network", "none"])
        #expect(try store.attempt("cp", harbour.path("file"), "still:/x").errors.contains("read-only"))
        try store.skiff("kill", "still")
        #expect(try store.attempt("cp", harbour.path("file"), "still:/x").errors.contains("read-only"))
        try store.skiff("rm", "still")
        try store.skiff("volume", "rm", "data")
      }
    }

    @Test func `ids of a user namespace are translated`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let names = try both(
          store, "echo x > /mine; echo x > /other; chown 3:4 /other", ["--userns", "map:0:100000:65536"])
        try harbour.write("in\n", to: "file")
        try shell("chown 9:9 \(harbour.path("file"))")
        for name in names {
          try store.skiff("cp", "-a", "\(name):/other", harbour.path("other-\(name)"))
          #expect(try shell("stat -c %u:%g \(harbour.path("other-\(name)"))").output == "3:4\n")
          try store.skiff("cp", harbour.path("file"), "\(name):/root-owned")
          try store.skiff("cp", "-a", harbour.path("file"), "\(name):/kept")
        }
        try store.skiff("start", "ended")
        for name in names {
          #expect(try store.exec(name, "stat -c %u:%g /root-owned /kept") == "0:0\n9:9")
        }
        let owners = try shell(
          "\(Programs.skiff) --root \(store.root) --run-root \(harbour.path("run")) export living | tar tvf - --numeric-owner ./other other 2>/dev/null || true"
        ).output
        #expect(owners.contains(" 3/4 "))
        try store.skiff("rm", "--force", "living", "ended")
      }
    }

    @Test(arguments: ["overlay", "copy"])
    func `diff tells what was added, changed and deleted, and nothing else`(_ driver: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, storageDriver: driver)
        try store.skiff("run", "--name", "still", "--network", "none", Store.image, "true")
        #expect(try store.skiff("diff", "still").output == "")
        let names = try both(
          store,
          "mkdir -p /new/deep; echo x > /new/deep/file; echo x >> /etc/passwd; rm /bin/vi; ln -s x /new/link; rm -rf /tmp; mkdir -m 1777 /tmp"
        )
        for name in names {
          let told = try store.skiff("diff", name).lines
          for line in [
            "A /new", "A /new/deep", "A /new/deep/file", "A /new/link", "C /etc", "C /etc/passwd", "C /bin",
            "D /bin/vi",
          ] {
            #expect(told.contains(line), "\(name): \(told)")
          }
          #expect(!told.contains { $0.hasSuffix("/etc/hosts") || $0.contains("/proc") || $0.contains("/dev") })
          #expect(told == told.sorted { $0.dropFirst(2) < $1.dropFirst(2) })
        }
        try store.skiff("rm", "--force", "living", "ended", "still")
        #expect(try store.attempt("diff", "nobody").code == 1)
      }
    }

    @Test func `export gives the whole root, and it comes back as an image`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let names = try both(store, "echo x > /made; rm /bin/vi; echo v > /vol/v", ["-v", "/vol"])
        for name in names {
          try store.skiff("export", "-o", harbour.path("\(name).tar"), name)
          let entries = try shell("tar tf \(harbour.path("\(name).tar"))").lines
          #expect(entries.contains { $0.hasSuffix("made") } && entries.contains { $0.hasSuffix("bin/busybox") })
          #expect(!entries.contains { $0.hasSuffix("bin/vi") || $0.hasSuffix("vol/v") || $0.contains("proc/self") })
          try store.skiff("import", harbour.path("\(name).tar"), "again:\(name)")
          #expect(try store.skiff("run", "--rm", "--network", "none", "again:\(name)", "cat", "/made").output == "x\n")
        }
        #expect(try store.attempt("export", "-o", harbour.path("none/x.tar"), "living").code == 1)
        #expect(try store.attempt("export", "nobody").code == 1)
        try store.skiff("rm", "--force", "--volumes", "living", "ended")
      }
    }

    @Test(arguments: ["overlay", "copy"])
    func `commit makes an image on top of the container's own`(_ driver: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour, storageDriver: driver)
        let names = try both(
          store, "echo x > /made; rm /bin/vi; chown 4:5 /made", ["-e", "SEA=calm", "--label", "a=b", "-w", "/tmp"])
        for name in names {
          let id = try store.skiff(
            "commit", "-a", "Me <me@example>", "-m", "a note", "-c", "CMD [\"cat\", \"/made\"]", "-c",
            "ENV MORE=1 TWO='b c'",
            name, "mine:\(name)")
          #expect(id.output.hasPrefix("sha256:"))
          let image = try JSON(text: try store.skiff("image", "inspect", "mine:\(name)").output)[0]
          #expect(image.Id.text + "\n" == id.output)
          #expect(image.Author.text == "Me <me@example>" && image.Comment.text == "a note")
          #expect(image.Config.Env.texts.contains("SEA=calm") && image.Config.Env.texts.contains("TWO=b c"))
          #expect(image.Config.Labels.a.text == "b" && image.Config.WorkingDir.text == "/tmp")
          #expect(image.Config.Cmd.texts == ["cat", "/made"])
          #expect(image.RootFS.Layers.list.count == 2)
          #expect(try store.skiff("run", "--rm", "--network", "none", "mine:\(name)").output == "x\n")
          #expect(
            try store.attempt("run", "--rm", "--network", "none", "mine:\(name)", "test", "-e", "/bin/vi").code == 1)
          #expect(
            try store.skiff("run", "--rm", "--network", "none", "mine:\(name)", "stat", "-c", "%u:%g", "/made").output
              == "4:5\n")
        }
        // It runs on afterwards, and a change that makes no sense leaves nothing.
        #expect(try store.inspect("living").State.Status.text == "running")
        #expect(try store.attempt("commit", "-c", "FROM x", "living", "bad:1").code != 0)
        #expect(try store.attempt("image", "inspect", "bad:1").code == 1)
        try store.skiff("commit", "--no-pause", "living")
        try store.skiff("rm", "--force", "living", "ended")
      }
    }
  }
}
