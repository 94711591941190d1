import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What the container finds mounted, and what its mounts mean for the host.
  @Suite struct Mounts {
    @Test func `a tmpfs has the mode of the directory that it covers, and is everybody's where there was none`() throws
    {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("mkdir -m 0712 \(bundle.rootfs)/there")
        for place in ["/there", "/made/for/it"] {
          try bundle.configuration.append(
            #"{"destination":"\#(place)","type":"tmpfs","source":"tmpfs","options":["nosuid"]}"#, to: "mounts")
        }

        let told = try bundle.perform("stat /there", "stat /made/for/it", "stat /made/for")

        #expect(told.map(\.mode.number) == [0o712, 0o1777, 0o755])
      }
    }

    @Test func `a user namespace on the host's network sees the host's sysfs, and changes nothing in it`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.enterUserNamespace()
        let namespaces =
          (bundle.configuration.members["linux"] as? [String: Any])?["namespaces"] as? [[String: Any]] ?? []
        let list = try JSONSerialization.data(withJSONObject: namespaces.filter { $0["type"] as? String != "network" })
        try bundle.configuration.merge(#"{"linux":{"namespaces":\#(String(decoding: list, as: UTF8.self))}}"#)

        let seen = try bundle.see()

        #expect(seen.links.texts.count > 0)
        let mounts = seen.mounts.list.filter { ($0.target.text + "/").hasPrefix("/sys/") }
        #expect(mounts.first?.type.text == "sysfs")
        for mount in mounts {
          #expect(Set(["ro", "nosuid", "nodev", "noexec"]).isSubset(of: mount.options.texts), "\(mount)")
          #expect(!mount.propagation.texts.contains { $0.hasPrefix("shared") }, "\(mount)")
        }
      }
    }

    @Test func `nothing is mounted but what was asked for`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see()

        #expect(
          Set(seen.mounts.list.map(\.target.text))
            == ["/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"])
      }
    }

    @Test func `a mount on the top of the root takes its place`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("cp -a \(bundle.rootfs) \(harbour.path("other")) && echo other > \(harbour.path("other"))/which")
        try shell("mkdir \(harbour.path("part")) && echo part > \(harbour.path("part"))/which")
        try bundle.configuration.append(
          #"{"destination":"/part","type":"bind","source":"\#(harbour.path("part"))","options":["bind","ro"]}"#,
          to: "mounts")
        let list = try #require(bundle.configuration.members["mounts"] as? [[String: Any]])
        let cover: [String: Any] = [
          "destination": "//.", "type": "bind", "source": harbour.path("other"), "options": ["rbind", "nosuid"],
        ]
        let data = try JSONSerialization.data(withJSONObject: ["mounts": [cover] + list])
        try bundle.configuration.merge(String(decoding: data, as: UTF8.self))
        try bundle.configuration.merge(#"{"root":{"readonly":true}}"#)

        let told = try bundle.perform("read /which", "read /part/which", "write /which")
        let seen = try bundle.see()

        #expect(told[0].text.contains("other") && told[1].text.contains("part"), "\(told)")
        #expect(told[2].errno.number == 30, "\(told)")
        let root = try #require(seen.mounts.list.first { $0.target.text == "/" })
        #expect(Set(["ro", "nosuid"]).isSubset(of: root.options.texts), "\(root)")
        #expect(seen.mounts.list.filter { $0.target.text == "/" }.count == 1)
        #expect(!FileManager.default.fileExists(atPath: bundle.rootfs + "/part"))
      }
    }

    @Test(arguments: [
      #"{"destination":"/","type":"tmpfs","source":"tmpfs","options":["tmpcopyup"]}"#,
      #"{"destination":"/.","type":"proc","source":"proc"}"#, #"{"destination":"/..","type":"sysfs","source":"sysfs"}"#,
    ])
    func `only a bind or an empty tmpfs comes on the top of the root`(mount: String) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(mount, to: "mounts")

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("on the top of the root file system"), "\(outcome)")
      }
    }

    @Test func `mounts have the type and options that were asked for`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(
          mount: "/tmp", type: "tmpfs", options: ["nosuid", "noexec", "nodev", "noatime", "size=1m", "mode=1770"])
        try bundle.add(mount: "/mnt", type: "tmpfs", options: ["ro", "nodiratime"])

        let seen = try bundle.see()

        #expect(seen.mount("/tmp").type.text == "tmpfs")
        #expect(Set(seen.mount("/tmp").options.texts) == ["rw", "nosuid", "nodev", "noexec", "noatime"])
        #expect(seen.mount("/tmp").superOptions.texts.contains("size=1024k"))
        #expect(seen.mount("/tmp").superOptions.texts.contains("mode=1770"))
        #expect(seen.mount("/mnt").options.texts.contains("ro"))
        #expect(seen.mount("/mnt").options.texts.contains("nodiratime"))
        #expect(Set(seen.mount("/dev/shm").options.texts).isSuperset(of: ["nosuid", "nodev", "noexec"]))
        #expect(seen.mount("/sys").options.texts.contains("ro"))
        #expect(seen.mount("/dev/mqueue").type.text == "mqueue")
        #expect(seen.mount("/dev/pts").superOptions.texts.contains("ptmxmode=666"))
        #expect(seen.mount("/dev/pts").superOptions.texts.contains("gid=5"))
      }
    }

    @Test func `a directory of the host is bound, writable or read-only`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("from the host", to: "shared/note")
        try bundle.add(mount: "/data", source: harbour.path("shared"), options: ["bind"])
        try bundle.add(mount: "/fixed", source: harbour.path("shared"), options: ["rbind", "ro"])

        let told = try bundle.perform("read /data/note", "create /data/answer aye", "create /fixed/answer no")

        #expect(told[0].text == "from the host")
        #expect(try harbour.read("shared/answer") == "aye")
        #expect(told[2].errno.number == 30)
      }
    }

    @Test func `a single file is bound over one that is missing`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let file = try harbour.write("127.0.0.1 deck", to: "hosts")
        try bundle.add(mount: "/etc/deep/hosts", source: file, options: ["bind", "ro"])

        let told = try bundle.perform("read /etc/deep/hosts", "write /etc/deep/hosts x")

        #expect(told[0].text == "127.0.0.1 deck")
        #expect(told[1].errno.number == 30)
      }
    }

    @Test func `recursive read-only reaches mounts beneath`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let inner = try harbour.makeDirectory("outer/inner")
        try shell("mount -t tmpfs inner \(inner)")
        harbour.atEnd { _ = try? shell("umount -l \(inner)") }
        try bundle.add(mount: "/plain", source: harbour.path("outer"), options: ["rbind", "ro"])
        try bundle.add(mount: "/frozen", source: harbour.path("outer"), options: ["rbind", "rro"])

        let told = try bundle.perform("create /plain/inner/a x", "create /frozen/inner/b x")

        #expect(told[0].number == 1)
        #expect(told[1].errno.number == 30)
      }
    }

    @Test func `unmounting inside never unmounts outside`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let source = try harbour.makeDirectory("source")
        try shell(
          "mount -t tmpfs -o mode=755 outside \(source); mount --make-shared \(source); echo kept > \(source)/file")
        harbour.atEnd { _ = try? shell("umount -l \(source)") }
        try bundle.grant("CAP_SYS_ADMIN")
        try bundle.add(mount: "/data", source: harbour.path("source"), options: ["rbind", "rprivate"])

        let told = try bundle.perform("read /data/file", "umount /data", "umount /sys", "umount /proc")

        #expect(told.map(\.isTrue) == [false, true, true, true])
        #expect(
          try shell("cat \(source)/file; test -e /sys/class && test -e /proc/self && echo both").lines == [
            "kept", "both",
          ])
      }
    }

    @Test func `a shared bind passes mounts on to the host, a private one does not`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let source = try harbour.makeDirectory("source")
        try shell("mount -t tmpfs t \(source); mount --make-shared \(source); mkdir \(source)/a \(source)/b")
        harbour.atEnd { _ = try? shell("umount -R -l \(source)") }
        try bundle.grant("CAP_SYS_ADMIN")
        try bundle.configuration.merge(#"{"linux":{"rootfsPropagation":"shared"}}"#)
        try bundle.add(mount: "/shared", source: source, options: ["rbind", "rshared"])
        try bundle.add(mount: "/private", source: source, options: ["rbind", "rprivate"])
        try bundle.add(mount: "/slave", source: source, options: ["rbind", "rslave"])

        let told = try bundle.perform("mount tmpfs /shared/a", "mount tmpfs /private/b", "see")

        #expect(try shell("cat /proc/self/mountinfo | grep -c '\(source)/a '").lines == ["1"])
        #expect(try run(["grep", "-c", "\(source)/b ", "/proc/self/mountinfo"]).lines == ["0"])
        #expect(told[2].mount("/shared").propagation.texts.contains { $0.hasPrefix("shared:") })
        #expect(told[2].mount("/slave").propagation.texts.contains { $0.hasPrefix("master:") })
        #expect(told[2].mount("/private").propagation.texts == [])
      }
    }

    @Test func `new file systems take a word on propagation`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/alone", type: "tmpfs", options: ["private", "nosuid"])
        try bundle.add(mount: "/peer", type: "tmpfs", options: ["rshared"])

        let seen = try bundle.see()

        #expect(seen.mount("/alone").propagation.texts == [])
        #expect(seen.mount("/peer").propagation.texts.contains { $0.hasPrefix("shared:") })
      }
    }

    @Test func `by default the host's own mounts are out of reach`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"linux":{"rootfsPropagation":"rprivate"}}"#)

        for mount in seen.mounts.list {
          #expect(mount.propagation.texts.allSatisfy { !$0.hasPrefix("shared:") }, "\(mount)")
        }
      }
    }

    @Test func `a read-only root refuses writes everywhere but on other mounts`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"root":{"readonly":true}}"#)

        let told = try bundle.perform("create /x hello", "create /dev/shm/x hello", "see")

        #expect(told[0].errno.number == 30)
        #expect(told[1].number == 5)
        #expect(told[2].mount("/").options.texts.contains("ro"))
      }
    }

    @Test func `masked paths are empty, read-only paths cannot be written`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"maskedPaths":["/proc/kcore","/proc/timer_list","/sys/firmware","/proc/scsi","/absent"],
                    "readonlyPaths":["/proc/sys","/proc/irq","/absent"]}}
          """)
        try bundle.grant("CAP_SYS_ADMIN")

        let told = try bundle.perform(
          "read /proc/timer_list", "list /sys/firmware", "create /sys/firmware/x x",
          "write /proc/sys/kernel/hostname x",
          "write /proc/irq/default_smp_affinity 3", "stat /proc/timer_list", "read /proc/sys/kernel/hostname")

        #expect(told[0].text == "")
        #expect(told[1].texts == [] && told[1].errno.isMissing)
        #expect(told[2].errno.number == 30)
        #expect(told[3].errno.number == 30)
        #expect(told[4].errno.number == 30)
        #expect((told[5].type.text, told[5].major.number, told[5].minor.number) == ("characterDevice", 1, 3))
        #expect(told[6].text == "voyage\\n" || told[6].text == "voyage\n")
      }
    }

    @Test func `cgroups are shown read-only when asked for`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(#"{"type":"cgroup"}"#, to: "linux", "namespaces")
        try bundle.add(
          mount: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
          options: ["nosuid", "noexec", "nodev", "relatime", "ro"])

        let told = try bundle.perform(
          "see", "list /sys/fs/cgroup", "make-directory /sys/fs/cgroup/x",
          "make-directory /sys/fs/cgroup/memory/x")

        #expect(told[0].namespaces.cgroup.text != hostNamespace("cgroup"))
        for line in told[0].cgroups.texts { #expect(line.hasSuffix(":/"), "\(line)") }
        #expect(told[1].texts.contains("memory") || told[1].texts.contains("cgroup.procs"))
        #expect([13, 30].contains(told[2].errno.number))
        // The other runtimes leave the hierarchies of version 1 writable beneath a read-only directory.
        guard Programs.isOurRuntime else { return }
        #expect([30, 2].contains(told[3].errno.number))
        for mount in told[0].mounts.list where mount.target.text.hasPrefix("/sys/fs/cgroup") {
          #expect(mount.options.texts.contains("ro"), "\(mount)")
        }
      }
    }

    @Test func `without a namespace the container's own groups are shown, and no others`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(
          mount: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"])

        let told = try bundle.perform("see", "list /sys/fs/cgroup", "read /sys/fs/cgroup/pids/cgroup.procs")

        #expect(told[0].namespaces.cgroup.text == hostNamespace("cgroup"))
        guard isVersion1 else { return }
        #expect(told[1].texts.contains("memory") && told[1].texts.contains("pids"))
        // Its own process alone, by the number that it has inside.
        #expect(told[2].text == "1\n")
      }
    }

    @Test func `links in the root file system lead nowhere but inside it`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let outside = try harbour.makeDirectory("outside")
        try harbour.write("host", to: "outside/file")
        try shell("ln -s \(outside) \(bundle.rootfs)/way; ln -s ../../../../../..\(outside) \(bundle.rootfs)/climb")
        try bundle.add(mount: "/way/data", type: "tmpfs", options: [])
        try bundle.add(mount: "/climb/more", type: "tmpfs", options: [])

        let told = try bundle.perform("see", "list \(outside)")

        #expect(told[1].texts.sorted() == ["data", "more"])
        #expect(try shell("ls \(outside)").lines == ["file"])
      }
    }

    @Test func `a proc that is a link in the image is refused`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("rmdir \(bundle.rootfs)/proc; ln -s /tmp \(bundle.rootfs)/proc")

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code != 0)
        #expect(outcome.errors.contains("proc"))
      }
    }

    @Test func `a source that is missing is named`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/data", source: harbour.path("absent"), options: ["bind"])

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains(harbour.path("absent")))
        #expect(outcome.errors.lowercased().contains("no such file or directory"))
      }
    }
  }
}

extension JSON {
  /// The topmost mount at a path, of what the probe saw.
  func mount(_ target: String) -> JSON {
    self["mounts"].list.last { $0.target.text == target } ?? JSON(nil)
  }
}

extension Bundle {
  func add(mount destination: String, type: String = "bind", source: String? = nil, options: [String]) throws {
    let list = options.map { "\"\($0)\"" }.joined(separator: ",")
    try configuration.append(
      #"{"destination":"\#(destination)","type":"\#(type)","source":"\#(source ?? type)","options":[\#(list)]}"#,
      to: "mounts")
  }

  /// Gives the program a capability in the three sets that count, and lets it keep what setuid would give.
  func grant(_ capability: String) throws {
    for set in ["bounding", "effective", "permitted"] {
      try configuration.append("\"\(capability)\"", to: "process", "capabilities", set)
    }
  }
}
