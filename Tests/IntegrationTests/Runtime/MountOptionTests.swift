import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What the words of a mount's options do, seen from inside.
  @Suite struct MountOptionWords {
    // MARK: tmpcopyup

    @Test func `tmpcopyup shows what the directory held, in a file system of its own`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let data = bundle.rootfs + "/data"
        try shell(
          """
          mkdir -p \(data)/deep/er; cd \(data); chmod 2750 deep; chown 7:8 . deep; chmod 0711 .
          echo one > file; chmod 4755 file; ln file deep/again; ln -s ../file deep/link; touch -d @1000000000 file
          mkfifo pipe; chown 3:4 pipe; mknod null c 1 3; chmod 0666 null
          truncate -s 64M hollow; printf end | dd of=hollow bs=1 seek=1048576 conv=notrunc 2>/dev/null
          setfattr -n user.note -v hi file; setcap cap_net_raw+ep deep/er/../../hollow
          """)
        try bundle.add(mount: "/data", type: "tmpfs", options: ["tmpcopyup", "size=8m"])
        try bundle.grant("CAP_DAC_OVERRIDE")
        let before = try run([Programs.probe, "tree", data]).expecting(0).lines

        let told = try bundle.run(["/bin/probe", "tree", "/data", ",", "create", "/data/new", "x", ",", "see"])
          .expecting(0).lines.map { try JSON(text: $0) }

        // The count, then `create` and `see`.
        let inside = told.dropLast(3).map { "\($0)" }
        let outside = try before.dropLast().map { try JSON(text: $0.replacingOccurrences(of: data, with: "/data")) }
        #expect(inside == outside.map { "\($0)" })
        #expect(told[told.count - 2].number == 1)
        #expect(told[told.count - 1].mount("/data").type.text == "tmpfs")
        #expect(!harbour.exists("\(bundle.name)/rootfs/data/new"))
        // A hole that was written out would not fit.
        #expect(inside.contains { $0.contains("hollow") && $0.contains("67108864") })
        #expect(inside.contains { $0.contains("security.capability") })
      }
    }

    @Test func `a tmpfs has the mode and, with tmpcopyup, the owner of the directory that it covers`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("cd \(bundle.rootfs); mkdir plain kept asked; chmod 0710 *a*; chmod 1733 kept; chown 5:6 kept asked")
        try bundle.grant("CAP_DAC_OVERRIDE")
        try bundle.add(mount: "/plain", type: "tmpfs", options: ["nosuid"])
        try bundle.add(mount: "/kept", type: "tmpfs", options: ["tmpcopyup"])
        try bundle.add(mount: "/asked", type: "tmpfs", options: ["tmpcopyup", "mode=0700", "ro"])

        let told = try bundle.perform("stat /plain", "stat /kept", "stat /asked", "create /asked/x y")

        #expect(told[0].mode.number == 0o710)
        #expect(told[1].mode.number == 0o1733)
        #expect(told[2].mode.number == 0o700)
        #expect(told[3].errno.number == 30)
        guard Programs.isOurRuntime else { return }
        #expect(told[1].uid.number == 5 && told[1].gid.number == 6)
      }
    }

    @Test func `tmpcopyup works in a user namespace`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.enterUserNamespace()
        try shell("cd \(bundle.rootfs); mkdir data; echo hi > data/a; mknod data/null c 1 3; chown -R 100000:100000 .")
        try bundle.add(mount: "/data", type: "tmpfs", options: ["tmpcopyup"])

        let told = try bundle.perform("read /data/a", "stat /data/a", "stat /data/null")

        #expect(told[0].text == "hi\n")
        #expect(told[1].uid.number == 0)
        // Nobody can make a device node here, and none could be opened.
        #expect(told[2].errno.number == 2)
      }
    }

    @Test func `tmpcopyup is only for tmpfs`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        for (type, options) in [("bind", ["bind", "tmpcopyup"]), ("mqueue", ["tmpcopyup"])] {
          let bundle = try Bundle(harbour)
          try bundle.add(mount: "/tmp", type: type, source: "/tmp", options: options)

          let outcome = try bundle.run(["/bin/probe", "see"])

          #expect(outcome.code == 1)
          #expect(outcome.errors.contains("tmpcopyup"))
        }
      }
    }

    // MARK: Properties

    @Test(arguments: [
      ("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnodiratime", "nodiratime"),
      ("rnoatime", "noatime"), ("rnosymfollow", "nosymfollow"),
    ])
    func `a recursive word reaches every mount beneath, and its opposite takes it back`(word: String, seen: String)
      throws
    {
      try inHarbour { harbour in
        let inner = try harbour.makeDirectory("outer/inner")
        try shell("mount -t tmpfs inner \(inner)")
        harbour.atEnd { _ = try? shell("umount -l \(inner)") }
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/on", source: harbour.path("outer"), options: ["rbind", word])
        try shell("mount -o remount,bind,\(seen) \(inner)")
        let opposite = word == "rro" ? "rrw" : "r" + word.dropFirst(3)
        try bundle.add(mount: "/off", source: harbour.path("outer"), options: ["rbind", word, opposite])

        let view = try bundle.see()

        #expect(view.mount("/on").options.texts.contains(seen), "\(view.mount("/on"))")
        #expect(view.mount("/on/inner").options.texts.contains(seen), "\(view.mount("/on/inner"))")
        #expect(!view.mount("/off/inner").options.texts.contains(seen), "\(view.mount("/off/inner"))")
      }
    }

    @Test func `access times are one choice, the last word's, here and beneath`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/a", source: harbour.directory, options: ["rbind", "rnoatime", "rstrictatime"])
        try bundle.add(mount: "/b", type: "tmpfs", options: ["strictatime", "noatime"])
        try bundle.add(mount: "/c", type: "tmpfs", options: ["noatime", "atime"])

        let view = try bundle.see()

        #expect(!view.mount("/a").options.texts.contains { $0.hasSuffix("atime") }, "\(view.mount("/a"))")
        #expect(view.mount("/b").options.texts.contains("noatime"))
        #expect(view.mount("/c").options.texts.contains("relatime"))
      }
    }

    @Test func `a bind with any property has only those that were named`() throws {
      try inHarbour { harbour in
        let source = try harbour.makeDirectory("source")
        try shell("mount -t tmpfs -o nosuid,nodev,noexec,noatime source \(source)")
        harbour.atEnd { _ = try? shell("umount -l \(source)") }
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/as-it-was", source: source, options: ["bind"])
        try bundle.add(mount: "/named", source: source, options: ["bind", "nosuid"])
        try bundle.add(mount: "/cleared", source: source, options: ["bind", "exec"])

        let view = try bundle.see()

        #expect(Set(view.mount("/as-it-was").options.texts) == ["rw", "nosuid", "nodev", "noexec", "noatime"])
        #expect(Set(view.mount("/named").options.texts) == ["rw", "nosuid", "noatime"])
        #expect(!view.mount("/cleared").options.texts.contains("noexec"))
      }
    }

    @Test func `recursive words hold for new file systems too`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/mnt", type: "tmpfs", options: ["rro", "rnosuid", "rnodev"])

        let view = try bundle.see()

        #expect(Set(view.mount("/mnt").options.texts).isSuperset(of: ["ro", "nosuid", "nodev"]))
      }
    }

    @Test func `words of a whole file system reach it`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(
          mount: "/mnt", type: "tmpfs",
          options: ["sync", "dirsync", "lazytime", "silent", "loud", "iversion", "noiversion", "nomand", "defaults"])
        try bundle.add(mount: "/off", type: "tmpfs", options: ["sync", "async", "lazytime", "nolazytime"])

        let view = try bundle.see()

        #expect(Set(view.mount("/mnt").superOptions.texts).isSuperset(of: ["sync", "dirsync", "lazytime"]))
        #expect(Set(view.mount("/off").superOptions.texts).isDisjoint(with: ["sync", "lazytime"]))
      }
    }

    @Test func `a link is not followed where nosymfollow says so`() throws {
      try inHarbour { harbour in
        try harbour.write("text", to: "source/file")
        try shell("ln -s file \(harbour.path("source"))/link")
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/mnt", source: harbour.path("source"), options: ["bind", "nosymfollow"])

        let told = try bundle.perform("read /mnt/file", "read /mnt/link")

        #expect(told[0].text == "text")
        #expect(told[1].errno.number == 40)
      }
    }

    @Test func `remount changes what is mounted already`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/mnt", type: "tmpfs", options: ["size=1m"])
        try bundle.add(mount: "/mnt", type: "tmpfs", options: ["remount", "ro", "size=2m"])
        try bundle.add(mount: "/tmp", source: harbour.directory, options: ["bind"])
        try bundle.add(mount: "/tmp", source: harbour.directory, options: ["bind", "remount", "ro"])

        let view = try bundle.see()

        #expect(view.mounts.list.filter { $0.target.text == "/mnt" }.count == 1)
        #expect(view.mount("/mnt").options.texts.contains("ro"))
        #expect(view.mounts.list.filter { $0.target.text == "/tmp" }.count == 1)
        #expect(view.mount("/tmp").options.texts.contains("ro"))
        guard Programs.isOurRuntime else { return }
        #expect(view.mount("/mnt").superOptions.texts.contains("size=2048k"))
      }
    }

    // MARK: Ids

    @Test func `idmap shows files under the mount's own ids, ridmap those beneath too`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let inner = try harbour.makeDirectory("outer/inner")
        try shell(
          "mount -t tmpfs inner \(inner); echo a > \(inner)/f; echo b > \(inner)/../f; chown 1000:2000 \(inner)/f")
        harbour.atEnd { _ = try? shell("umount -l \(inner)") }
        try shell("chown 1000:2000 \(harbour.path("outer"))/f")
        let bundle = try Bundle(harbour)
        for (place, option) in [("/one", "idmap"), ("/all", "ridmap"), ("/plain", "nosuid")] {
          try bundle.configuration.append(
            """
            {"destination":"\(place)","type":"bind","source":"\(harbour.path("outer"))","options":["rbind","\(option)"]
             \(option == "nosuid" ? "" : #", "uidMappings":[{"containerID":1000,"hostID":3,"size":10}], "gidMappings":[{"containerID":2000,"hostID":4,"size":10}]"#)}
            """, to: "mounts")
        }

        let told = try bundle.perform(
          "stat /one/f", "stat /one/inner/f", "stat /all/f", "stat /all/inner/f", "stat /plain/f")

        #expect(told.map(\.uid.number) == [3, 1000, 3, 3, 1000])
        #expect(told.map(\.gid.number) == [4, 2000, 4, 4, 2000])
      }
    }

    @Test func `idmap without mappings takes those of the container's user namespace`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.enterUserNamespace()
        try harbour.write("text", to: "source/file")
        try bundle.add(mount: "/mapped", source: harbour.path("source"), options: ["bind", "idmap"])
        try bundle.add(mount: "/plain", source: harbour.path("source"), options: ["bind"])

        let told = try bundle.perform("stat /mapped/file", "stat /plain/file", "create /mapped/new x")

        #expect(told[0].uid.number == 0)
        #expect(told[1].uid.number == 65534)
        #expect(told[2].number == 1)
        #expect(try shell("stat -c %u:%g \(harbour.path("source"))/new").lines == ["0:0"])
      }
    }

    @Test func `idmap takes mappings in the word itself, relative ones too`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.enterUserNamespace()
        try harbour.write("text", to: "source/file")
        try bundle.add(
          mount: "/absolute", source: harbour.path("source"),
          options: ["bind", "idmap=uids=0-100007-1;gids=0-100008-1"])
        try bundle.add(
          mount: "/relative", source: harbour.path("source"), options: ["bind", "idmap=uids=0-@7-1;gids=0-1-1"])
        let odd = try bundle.run(["/bin/probe", "see"])
        #expect(odd.code == 1)
        #expect(odd.errors.contains("idmap"))
        bundle.configuration.removeLastMount()
        try bundle.add(
          mount: "/relative", source: harbour.path("source"), options: ["bind", "idmap=uids=@0-9-1;gids=@0-10-1"])

        let told = try bundle.perform("stat /absolute/file", "stat /relative/file")

        #expect(told.map(\.uid.number) == [7, 9])
        #expect(told.map(\.gid.number) == [8, 10])
      }
    }

    @Test func `idmap is only for binds`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(
          #"{"destination":"/mnt","type":"tmpfs","source":"tmpfs","options":["idmap"],"uidMappings":[{"containerID":0,"hostID":1,"size":1}],"gidMappings":[{"containerID":0,"hostID":1,"size":1}]}"#,
          to: "mounts")

        let outcome = try bundle.run(["/bin/probe", "see"])

        guard Programs.isOurRuntime else { return }
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("mounts[6]"))
      }
    }

    // MARK: Places

    @Test func `a destination without a slash is beneath the root`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "deep/place", type: "tmpfs", options: ["nosuid"])

        #expect(try bundle.see().mount("/deep/place").type.text == "tmpfs")
      }
    }

    @Test func `a source without a slash is in the bundle`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("text", to: "\(bundle.name)/with/file")
        try bundle.add(mount: "/mnt", source: "with", options: ["bind"])

        #expect(try bundle.perform("read /mnt/file")[0].text == "text")
      }
    }

    @Test func `a link in the place of a file is resolved inside the root, where it leads to nothing as well`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let file = try harbour.write("nameserver", to: "resolv")
        try shell(
          "ln -s ../run/deep/resolv.conf \(bundle.rootfs)/etc/resolv.conf; ln -s /absent/far \(bundle.rootfs)/far")
        try bundle.add(mount: "/etc/resolv.conf", source: file, options: ["bind", "ro"])
        try bundle.add(mount: "/far", source: file, options: ["bind", "ro"])

        let told = try bundle.perform("read /etc/resolv.conf", "stat /etc/resolv.conf", "read /absent/far", "see")

        #expect(told[0].text == "nameserver")
        #expect(told[1].type.text == "symbolicLink")
        #expect(told[2].text == "nameserver")
        #expect(!told[3].mount("/run/deep/resolv.conf").isMissing)
        #expect(!FileManager.default.fileExists(atPath: "/absent"))
      }
    }

    @Test func `links are taken for themselves where crun's words say so`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("text", to: "source/file")
        try shell("ln -s /source-target \(harbour.path("link")); ln -s /nowhere \(bundle.rootfs)/place")
        try bundle.add(mount: "/copy", source: harbour.path("link"), options: ["bind", "copy-symlink"])
        try bundle.add(
          mount: "/place", source: harbour.path("link"), options: ["bind", "src-nofollow", "dest-nofollow"])
        try bundle.add(mount: "/plain", source: harbour.path("source"), options: ["bind", "copy-symlink"])

        let told = try bundle.perform("stat /copy", "stat /place", "read /plain/file", "see")

        #expect(told[0].link.text == "/source-target")
        #expect(told[3].mount("/copy").isMissing)
        #expect(told[1].link.text == "/source-target")
        #expect(told[2].text == "text")
      }
    }

    @Test func `nothing is mounted over the root or inside procfs`() throws {
      try inHarbour { harbour in
        for place in ["/", "/sub/..", "/proc/self", "/proc/sys/../sys/kernel"] {
          let bundle = try Bundle(harbour)
          try bundle.add(mount: place, type: "tmpfs", options: [])

          let outcome = try bundle.run(["/bin/probe", "see"])

          #expect(outcome.code == 1, "\(place)")
          #expect(outcome.output == "", "\(place)")
        }
        let decoy = try Bundle(harbour)
        try decoy.add(mount: "/proc", source: harbour.directory, options: ["bind"])
        #expect(try decoy.run(["/bin/probe", "see"]).code == 1)

        // What lxcfs shows.
        let bundle = try Bundle(harbour)
        let file = try harbour.write("cpu of its own", to: "cpuinfo")
        try bundle.add(mount: "/proc/cpuinfo", source: file, options: ["bind", "ro"])
        #expect(try bundle.perform("read /proc/cpuinfo")[0].text == "cpu of its own")
      }
    }

    @Test func `a bind takes no words of a file system`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/mnt", source: harbour.directory, options: ["bind", "size=1m"])

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("size=1m"))
      }
    }
  }
}
