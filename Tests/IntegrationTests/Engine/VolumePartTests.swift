import Foundation
import Testing

extension Integration {
  /// Parts of volumes, volumes beneath an overlay, and file systems that have no source.
  @Suite struct EngineVolumeParts {
    private func fill(_ store: Store, _ line: String) throws {
      try store.skiff("run", "--rm", "--network", "none", "-v", "chest:/chest", Store.image, "sh", "-c", line)
    }

    @Test func `a part of a volume is shown`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try fill(store, "mkdir -p /chest/a/b; echo deep > /chest/a/b/file; echo outer > /chest/file")
        let mount = "type=volume,source=chest,target=/part,volume-subpath=a/./b"

        _ = try store.start(["--name", "one", "--network", "none", "--mount", mount])
        #expect(
          try store.exec("one", "ls /part; cat /part/file; echo new > /part/new; ls /part/..").hasPrefix("file\ndeep\n")
        )
        try fill(store, "cat /chest/a/b/new")
        let mounts = try store.inspect("one").Mounts
        #expect(mounts[0].SubPath.text == "a/b" && mounts[0].Name.text == "chest")
        #expect(try store.skiff("generate", "run", "one").output.contains("volume-subpath=a/b"))
        // The volume is in use, and a file of the part is copied out of the container when it does not run.
        try store.skiff("stop", "--time", "0", "one")
        #expect(try store.attempt("volume", "rm", "chest").code != 0)
        try store.skiff("cp", "one:/part/file", harbour.path("copied"))
        #expect(try harbour.read("copied") == "deep\n")
        try store.skiff("rm", "one")
        // A file is a part, too; read-only is read-only.
        let file = try store.perform(
          ["--network", "none", "--mount", "type=volume,source=chest,target=/file,subpath=a/b/file,readonly"],
          "read /file", "create /file x")
        #expect(file[0].text == "deep\n" && file[1].errno.number == 30)
        try store.skiff("volume", "rm", "chest")
      }
    }

    @Test func `no link in a volume leads out of it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("secret\n", to: "outside/file")
        let outside = harbour.path("outside")
        try fill(
          store,
          "mkdir -p /chest/real /chest\(outside); echo inside > /chest\(outside)/file; ln -s \(outside) /chest/link; ln -s ../../../../../../../../\(outside) /chest/climb; ln -s /nowhere /chest/dead"
        )

        for name in ["link", "climb"] {
          let told = try store.skiff(
            "run", "--rm", "--network", "none", "--mount",
            "type=volume,source=chest,target=/part,volume-subpath=\(name)",
            Store.image, "cat", "/part/file")
          #expect(told.output == "inside\n", "\(name)")
        }
        // A part that has become a link by the next start.
        try store.skiff(
          "create", "--name", "one", "--network", "none", "--mount",
          "type=volume,source=chest,target=/part,volume-subpath=real", Store.image, "cat", "/part/file")
        try fill(store, "rmdir /chest/real; ln -s \(outside) /chest/real")
        #expect(try store.skiff("start", "--attach", "one").output == "inside\n")
        try fill(store, "rm /chest/real; ln -s /etc/shadow /chest/real")
        let gone = try store.attempt("start", "--attach", "one")
        #expect(
          gone.code == 125 && gone.errors.contains("/real") && gone.errors.contains("no such file"), "\(gone.errors)")
        try store.skiff("rm", "one")

        for (part, reason) in [
          ("missing", "no such file or directory"), ("dead", "no such file or directory"),
          ("/real", "relative path within the volume"), ("../x", "relative path within the volume"),
          ("a/../../x", "relative path within the volume"), (".", "relative path within the volume"),
        ] {
          let outcome = try store.attempt(
            "run", "--rm", "--mount", "type=volume,source=chest,target=/part,volume-subpath=\(part)", Store.image,
            "true")
          #expect(outcome.code == 125 && outcome.errors.lowercased().contains(reason), "\(part): \(outcome.errors)")
        }
        let bind = try store.attempt(
          "run", "--rm", "--mount", "type=bind,source=/tmp,target=/part,volume-subpath=a", Store.image, "true")
        #expect(bind.errors.contains("volume-subpath is for mounts of type volume"))
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
        try store.skiff("volume", "rm", "chest")
      }
    }

    @Test func `an overlay leaves a volume as it is`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try fill(store, "echo kept > /chest/file")

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "-v", "chest:/over:O", Store.image, "sh", "-c",
          "cat /over/file; echo changed > /over/file; echo new > /over/new; cat /over/file")

        #expect(told.lines == ["kept", "changed"])
        try fill(store, "test $(cat /chest/file) = kept && test ! -e /chest/new")
        // Its content stays with the container, and the volume is the container's.
        try store.skiff("create", "--name", "one", "-v", "chest:/over:O", Store.image)
        #expect(try store.attempt("volume", "rm", "chest").code != 0)
        #expect(try store.skiff("generate", "run", "one").output.contains("chest:/over:O"))
        try store.skiff("rm", "one")
        let owner = try store.skiff(
          "run", "--rm", "--network", "none", "--user", "1234", "-v", "chest:/over:O,U", Store.image, "stat", "-c",
          "%u",
          "/over")
        #expect(owner.lines == ["1234"])
        try fill(store, "test $(stat -c %u /chest) = 0")
        try store.skiff("volume", "rm", "chest")
      }
    }

    @Test func `paths that fit a pattern`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        for name in ["a1.conf", "a2.conf", "b1.conf", ".a3.conf", "a4.txt", "in,side.conf"] {
          try harbour.write(name, to: "files/\(name)")
        }
        let files = harbour.path("files")

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "--mount", "type=glob,source=\(files)/[ai]*.conf,target=/place/,ro",
          Store.image, "sh", "-c",
          "ls -A /place; cat /place/a1.conf; echo x 2>/dev/null > /place/a1.conf || echo ' kept'")
        #expect(told.lines == ["a1.conf", "a2.conf", "in,side.conf", "a1.conf kept"])
        let same = try store.skiff(
          "run", "--rm", "--network", "none", "--mount", "type=glob,src=\(files)/?1.conf", Store.image, "ls", files)
        #expect(same.lines == ["a1.conf", "b1.conf"])
      }
    }

    @Test func `terminals and memory at places of their own`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "--mount", "type=ramfs,target=/ram,mode=1750", "--mount",
          "type=devpts,target=/terminals,gid=6,mode=0600,max=9", Store.image, "sh", "-c",
          "grep -e ' /ram ' -e ' /terminals ' /proc/mounts; stat -c %a /ram; echo x > /ram/x && cat /ram/x; ls /terminals"
        )

        #expect(told.lines[0].hasPrefix("ramfs /ram ramfs rw,nosuid,nodev,noexec"))
        #expect(told.lines[1].hasPrefix("devpts /terminals devpts rw,nosuid,noexec"))
        #expect(told.lines[1].contains("gid=6,mode=600,ptmxmode=666,max=9"))
        #expect(told.lines.dropFirst(2) == ["1750", "x", "ptmx"])
        let long = try store.skiff(
          "run", "--rm", "--network", "none", "--mount", "type=tmpfs,target=/etc,tmpcopyup,tmpfs-size=1m", Store.image,
          "sh", "-c", "test -s /etc/passwd && grep ' /etc tmpfs' /proc/mounts")
        #expect(long.output.contains("size=1024k"))
        let copied = try store.skiff(
          "run", "--rm", "--network", "none", "--tmpfs", "/etc:tmpcopyup", Store.image, "sh", "-c",
          "test -s /etc/passwd && grep -c ' /etc tmpfs' /proc/mounts")
        #expect(copied.output == "1\n")
        for (mount, words) in [
          ("type=ramfs,target=/x,tmpfs-size=1m", "tmpfs-size is for mounts of type tmpfs"),
          ("type=ramfs,target=/x,gid=1", "gid is for mounts of type devpts"),
          ("type=devpts,target=/x,max=many", "max is a number"), ("type=devpts,source=/a,target=/x", "has no source"),
          ("type=glob,source=/nowhere*,target=/x", "no file paths matching glob"),
          ("type=glob,target=/x", "a glob mount needs a source"),
          ("type=glob,source=/et*,target=/x,tmpfs-size=1m", "tmpfs-size is for mounts of type tmpfs"),
        ] {
          let outcome = try store.attempt("run", "--rm", "--mount", mount, Store.image, "true")
          #expect(outcome.code == 125 && outcome.errors.contains(words), "\(mount): \(outcome.errors)")
        }
      }
    }
  }
}
