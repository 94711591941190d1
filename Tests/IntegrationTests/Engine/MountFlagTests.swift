import Foundation
import Testing

extension Integration {
  /// Options of volumes and mounts, each by what is seen of it inside and on the host.
  @Suite struct EngineMountFlags {
    @Test func `another container's volumes and directories`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.makeDirectory("shared")
        try store.skiff(
          "create", "--name", "owner", "-v", "named:/named", "-v", "/anonymous", "-v",
          "\(harbour.path("shared")):/host",
          "--tmpfs", "/memory", Store.image)

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "--volumes-from", "owner", Store.image, "sh", "-c",
          "echo a > /named/file; echo b > /anonymous/file; echo c > /host/file; grep -c ' /memory ' /proc/mounts; true")
        let reading = try store.perform(
          ["--network", "none", "--volumes-from", "owner:ro"], "read /named/file", "read /anonymous/file",
          "create /named/other x", "create /host/other x")

        #expect(told.lines == ["0"])
        #expect(reading[0].text == "a\n")
        #expect(reading[1].text == "b\n")
        #expect(reading[2].errno.number == 30)
        #expect(reading[3].errno.number == 30)
        #expect(try harbour.read("shared/file") == "c\n")
        // A mount of one's own stands in place of the other's.
        let own = try store.skiff(
          "run", "--rm", "--network", "none", "--volumes-from", "owner", "-v", "mine:/named", Store.image, "ls",
          "/named")
        #expect(own.output == "")
        let wrong = try store.attempt("run", "--rm", "--volumes-from", "nobody", Store.image, "true")
        #expect(wrong.errors.contains("no such container: nobody"))
        try store.skiff("rm", "--volumes", "owner")
        try store.skiff("volume", "rm", "named", "mine")
        #expect(try store.skiff("volume", "ls", "--quiet").output == "")
      }
    }

    @Test func `a volume that another container has taken over outlives the one that it was made for`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff(
          "run", "--name", "first", "--network", "none", "-v", "/data", Store.image, "sh", "-c", "echo a > /data/file")
        try store.skiff("create", "--name", "second", "--volumes-from", "first", Store.image, "cat", "/data/file")

        try store.skiff("rm", "--volumes", "first")

        #expect(try store.skiff("start", "--attach", "second").output == "a\n")
        try store.skiff("rm", "--volumes", "second")
        #expect(try store.skiff("volume", "prune", "--force", "--all").code == 0)
        #expect(try store.skiff("volume", "ls", "--quiet").output == "")
      }
    }

    @Test func `an overlay leaves its source as it is`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("as it was\n", to: "source/file")
        _ = try store.start(["--name", "one", "--network", "none", "-v", "\(harbour.path("source")):/over:O"])

        #expect(try store.exec("one", "echo changed > /over/file; echo new > /over/new; cat /over/file") == "changed")

        #expect(try harbour.read("source/file") == "as it was\n")
        #expect(!harbour.exists("source/new"))
        // What was written stays with the container.
        try store.skiff("restart", "--time", "0", "one")
        #expect(try store.exec("one", "cat /over/new") == "new")
        try store.skiff("rm", "--force", "one")
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
        let missing = try store.attempt("run", "--rm", "-v", "\(harbour.path("none")):/over:O", Store.image, "true")
        #expect(missing.code == 125)
        #expect(!harbour.exists("none"))
      }
    }

    @Test func `a source is given to the user of the container`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("x", to: "given/inner/file")
        try shell("ln -s /etc/hostname \(harbour.path("given/link"))")
        let before = try shell("stat -c %u:%g /etc/hostname").output

        let told = try store.perform(
          ["--network", "none", "--user", "1234:2345", "-v", "\(harbour.path("given")):/given:U"],
          "create /given/inner/new x", "stat /given/inner/file", "stat /given/link")
        let refused = try store.attempt("run", "--rm", "-v", "/usr:/given:U", Store.image, "true")

        #expect(told[0].errno.isMissing)
        #expect(told[1].uid.number == 1234)
        #expect(told[1].gid.number == 2345)
        #expect(told[2].uid.number == 1234)
        #expect(try shell("stat -c %u:%g /etc/hostname").output == before)
        #expect(try shell("stat -c %u:%g \(harbour.path("given"))").output == "1234:2345\n")
        #expect(refused.errors.contains("cannot give /usr to the container's user"))
      }
    }

    @Test func `a place that the host depends on is not given away under another name`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.makeDirectory("bound")
        try shell("ln -s /srv \(harbour.path("link")); mount --bind /srv \(harbour.path("bound"))")
        harbour.atEnd { _ = try? shell("umount \(harbour.path("bound"))") }

        // Owned by root as it is: nothing would change if it were given.
        for place in ["/bin", harbour.path("link"), harbour.path("bound")] {
          let refused = try store.attempt("run", "--rm", "-v", "\(place):/given:U", Store.image, "true")
          #expect(refused.code == 125)
          #expect(refused.errors.contains("cannot give \(place) to the container's user"), "\(refused)")
        }
      }
    }

    @Test func `of an overlay the top is given, and a volume that is a file system is refused`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("x", to: "given/file")
        try store.skiff("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "memory")

        let told = try store.perform(
          ["--network", "none", "--user", "1234:2345", "-v", "\(harbour.path("given")):/given:O,U"],
          "create /given/new x", "stat /given", "stat /given/file")
        let refused = try store.attempt("run", "--rm", "-v", "memory:/memory:U", Store.image, "true")
        let new = try store.attempt(
          "run", "--rm", "--mount",
          "type=volume,source=new,target=/m,U=true,volume-opt=type=tmpfs,volume-opt=device=tmpfs", Store.image, "true")

        #expect(told[0].errno.isMissing)
        #expect(told[1].uid.number == 1234 && told[1].gid.number == 2345)
        #expect(told[2].uid.number == 0)
        #expect(try shell("stat -c %u \(harbour.path("given"))").output == "0\n")
        #expect(refused.code == 125 && refused.errors.contains("the option U for the volume memory"), "\(refused)")
        #expect(new.code == 125 && new.errors.contains("the option U for the volume new"), "\(new)")
        #expect(try store.skiff("volume", "ls", "-q").lines == ["memory"])
        try store.skiff("volume", "rm", "memory")
      }
    }

    @Test func `a volume with a name outlives a container that does not come to be, one without does not`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let failed = try store.attempt(
          "create", "-v", "named:/named", "-v", "/own", "--user", "nobody-there", Store.image, "true")

        #expect(failed.code == 125)
        #expect(try store.skiff("volume", "ls", "-q").lines == ["named"])
        try store.skiff("volume", "rm", "named")
      }
    }

    @Test func `a volume that a container is being made with is in use`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("volume", "create", "held")
        // As a command holds it from finding the volume until its container's record stands.
        let holding = ["flock", "--shared", "\(store.root)/volumes/held"]

        let refused = try store.attempt("volume", "rm", "held", before: holding)
        let pruned = try store.attempt("volume", "prune", "--force", "--all", before: holding)

        #expect(refused.code == 1)
        #expect(refused.errors.contains("cannot remove volume held: a container is being made with it"), "\(refused)")
        #expect(pruned.code == 0 && !pruned.output.contains("held"), "\(pruned)")
        #expect(try store.skiff("volume", "ls", "-q").lines == ["held"])
        try store.skiff("volume", "rm", "held")
      }
    }

    @Test func `files are shown by the ids of the container`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("x", to: "mapped/file")
        let volume = "\(harbour.path("mapped")):/mapped"
        let map = ["--network", "none", "--userns", "map:0:700000:65536"]

        let plain = try store.perform(map + ["-v", volume], "stat /mapped/file", "create /mapped/other x")
        let mapped = try store.perform(
          map + ["-v", volume + ":idmap"], "stat /mapped/file", "create /mapped/new x", "stat /mapped/new")
        let without = try store.attempt("run", "--rm", "-v", volume + ":idmap", Store.image, "true")

        #expect(plain[0].uid.number == 65534)
        #expect(plain[1].errno.number == 13)
        #expect(mapped[0].uid.number == 0)
        #expect(mapped[2].uid.number == 0)
        #expect(try shell("stat -c %u \(harbour.path("mapped/new"))").output == "0\n")
        #expect(without.errors.contains("--userns"))
      }
    }

    @Test func `the files of an image`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("FROM nothing", to: "other/only-there")
        try shell("tar -C \(harbour.path("other")) -cf \(harbour.path("other.tar")) .")
        try store.skiff("import", harbour.path("other.tar"), "localhost/other:latest")

        let reading = try store.perform(
          ["--network", "none", "--mount", "type=image,source=localhost/other,target=/image"],
          "read /image/only-there", "create /image/new x")
        let writing = try store.perform(
          ["--network", "none", "--mount", "type=image,source=localhost/other,target=/image,rw=true"],
          "create /image/only-there changed", "read /image/only-there")
        let again = try store.perform(
          ["--network", "none", "--mount", "type=image,src=localhost/other,dst=/image"], "read /image/only-there")

        #expect(reading[0].text == "FROM nothing")
        #expect(reading[1].errno.number == 30)
        #expect(writing[1].text == "changed")
        #expect(again[0].text == "FROM nothing")
        // As long as a container has it mounted its layers stay, whatever becomes of the name.
        _ = try store.start([
          "--name", "one", "--network", "none", "--mount", "type=image,source=localhost/other,target=/image",
        ])
        try store.skiff("rmi", "--force", "localhost/other")
        #expect(try store.exec("one", "cat /image/only-there") == "FROM nothing")
        try store.skiff("restart", "--time", "0", "one")
        #expect(try store.exec("one", "cat /image/only-there") == "FROM nothing")
        try store.skiff("rm", "--force", "one")
        let missing = try store.attempt(
          "run", "--rm", "--pull", "never", "--mount", "type=image,source=localhost/none,target=/image", Store.image,
          "true")
        #expect(missing.code == 125)
      }
    }

    @Test func `what is mounted beneath a read-only source`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.makeDirectory("outer/inner")
        try shell("mount -t tmpfs tmpfs \(harbour.path("outer/inner"))")
        harbour.atEnd { _ = try? shell("umount \(harbour.path("outer/inner"))") }
        let mount = "type=bind,source=\(harbour.path("outer")),target=/outer"
        func write(_ options: String) throws -> [JSON] {
          try store.perform(
            ["--network", "none", "--mount", mount + options], "create /outer/file x", "create /outer/inner/file x")
        }

        let closed = try write(",readonly")
        let open = try write(",readonly,bind-recursive=writable")
        let without = try store.perform(
          ["--network", "none", "--mount", mount + ",bind-recursive=disabled"], "create /outer/inner/file x")

        #expect(closed[0].errno.number == 30)
        #expect(closed[1].errno.number == 30)
        #expect(open[0].errno.number == 30)
        #expect(open[1].errno.isMissing)
        #expect(without[0].errno.isMissing)
        // Not in the inner file system, which was not taken along.
        #expect(
          try shell("umount \(harbour.path("outer/inner")); ls \(harbour.path("outer/inner"))").output == "file\n")
        try shell("mount -t tmpfs tmpfs \(harbour.path("outer/inner"))")
        let wrong = try store.attempt("run", "--rm", "--mount", mount + ",bind-recursive=writable", Store.image, "true")
        #expect(wrong.errors.contains("bind-recursive=writable needs readonly"))
        let mixed = try store.attempt("run", "--rm", "--mount", mount + ",tmpfs-size=1m", Store.image, "true")
        #expect(mixed.errors.contains("tmpfs-size is for mounts of type tmpfs"))
      }
    }

    @Test func `a read-only root with memory where programs write`() throws {
      try inHarbour { harbour in
        let told = try Store(harbour).perform(
          ["--network", "none", "--read-only", "--read-only-tmpfs"], "create /tmp/file x", "create /run/file x",
          "create /var/tmp/file x", "create /etc/file x", "stat /tmp")

        #expect(told[0].errno.isMissing)
        #expect(told[1].errno.isMissing)
        #expect(told[2].errno.isMissing)
        #expect(told[3].errno.number == 30)
        #expect(told[4].mode.number == 0o1777)
      }
    }

    @Test func `volumes that are a directory of the host, or a file system`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("on the host\n", to: "place/file")
        try store.skiff(
          "volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=\(harbour.path("place"))",
          "there")
        try store.skiff(
          "volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m,mode=700", "memory")

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "-v", "there:/there", "-v", "memory:/memory", Store.image, "sh", "-c",
          "cat /there/file; echo new > /there/new; grep ' /memory ' /proc/mounts")
        let long = try store.skiff(
          "run", "--rm", "--network", "none", "--mount",
          "type=volume,source=made,target=/made,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=2m,volume-label=a=b",
          Store.image, "sh", "-c", "grep ' /made ' /proc/mounts")

        #expect(told.lines[0] == "on the host")
        #expect(told.lines[1].contains("size=1024k") && told.lines[1].contains("mode=700"))
        #expect(try harbour.read("place/new") == "new\n")
        #expect(long.output.contains("size=2048k"))
        #expect(try store.skiff("volume", "ls", "-q", "--filter", "label=a=b").output == "made\n")
        let lacking = try store.attempt("volume", "create", "--opt", "type=tmpfs", "bad")
        #expect(lacking.errors.contains("device"))
        let unknown = try store.attempt("volume", "create", "--opt", "colour=blue", "bad")
        #expect(unknown.errors.contains("colour=blue"))
        try store.skiff("volume", "create", "--opt", "o=bind", "--opt", "device=\(harbour.path("none"))", "lost")
        let lost = try store.attempt("run", "--rm", "-v", "lost:/lost", Store.image, "true")
        #expect(lost.code == 125)
        #expect(lost.errors.contains(harbour.path("none")))
        try store.skiff("volume", "rm", "there", "memory", "made", "lost")
      }
    }
  }
}
