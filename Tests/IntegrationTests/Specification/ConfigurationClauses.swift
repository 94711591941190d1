import Foundation
import Testing

extension Integration.Specification {
  /// config.md, but for its hooks.
  @Suite struct ConfigurationClauses {
    @Test(arguments: ["", "1", "1.0", "v1.0.0", "one", "1.0.0.0"])
    func `config.md Specification version: what is no semantic version is refused`(version: String) throws {
      try inHarbour { harbour in
        try expectRefusal(harbour, #"{"ociVersion":"\#(version)"}"#)
      }
    }

    @Test(arguments: ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.0", "1.2.1", "1.3.0", "1.0.0+build.5"])
    func `config.md Specification version: every version of the first major is taken`(version: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"ociVersion":"\#(version)"}"#)
        #expect(try bundle.run(["/bin/probe", "exit", "7"]).code == 7)
      }
    }

    @Test func `config.md Root: the path must be a directory`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("x", to: "bundle-\(bundle.id)/file")

        let isFileRefused = try bundle.refusesToCreate(#"{"root":{"path":"file"}}"#)
        #expect(isFileRefused)
        let isAbsenceRefused = try bundle.refusesToCreate(#"{"root":{"path":"none"}}"#)
        #expect(isAbsenceRefused)
      }
    }

    @Test func `config.md Root: read-only refuses writes`() throws {
      try inHarbour { harbour in
        let told = try Bundle(harbour, #"{"root":{"readonly":true}}"#).perform("create /tmp/x y", "create /dev/shm/x y")

        #expect(told[0].errno.number == 30)
        #expect(told[1].errno.isMissing)
      }
    }

    @Test func `config.md Mounts: they are made in the order of the list`() throws {
      try inHarbour { harbour in
        try harbour.write("one", to: "one/word")
        try harbour.write("two", to: "two/word")
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/place", source: harbour.path("one"), options: ["bind"])
        try bundle.add(mount: "/place", source: harbour.path("two"), options: ["bind"])
        try bundle.add(mount: "/outer", type: "tmpfs", options: ["mode=755"])
        try bundle.add(mount: "/outer/inner", source: harbour.path("one"), options: ["bind"])

        let told = try bundle.perform("read /place/word", "read /outer/inner/word")

        #expect(told.map(\.text) == ["two", "one"])
      }
    }

    @Test func `config.md Mounts: a relative destination is beneath the root`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "data/inner", type: "tmpfs", options: ["mode=711"])

        #expect(try bundle.perform("stat /data/inner")[0].mode.number == 0o711)
      }
    }

    /// Every word that a runtime MUST know: what the mount table then shows, and what it must not.
    static let words: [(String, shown: String?, absent: String?)] = [
      ("async", nil, "sync"), ("atime", nil, "noatime"), ("defaults", "rw", nil), ("dev", nil, "nodev"),
      ("diratime", nil, "nodiratime"), ("dirsync", "dirsync", nil), ("exec", nil, "noexec"), ("iversion", nil, nil),
      ("lazytime", "lazytime", nil), ("loud", nil, nil), ("noatime", "noatime", nil), ("nodev", "nodev", nil),
      ("nodiratime", "nodiratime", nil), ("noexec", "noexec", nil), ("noiversion", nil, nil),
      ("nolazytime", nil, "lazytime"),
      ("norelatime", nil, nil), ("nostrictatime", nil, nil), ("nosuid", "nosuid", nil), ("relatime", "relatime", nil),
      ("ro", "ro", "rw"), ("rw", "rw", "ro"), ("silent", nil, nil), ("strictatime", nil, "relatime"),
      ("suid", nil, "nosuid"),
      ("sync", "sync", nil),
    ]

    @Test(arguments: words)
    func `config.md Mounts: a word of mount(8) is known and does what it says`(
      word: String, shown: String?, absent: String?
    ) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/place", type: "tmpfs", options: [word])

        let mount = try #require(try bundle.see().mounts.list.last { $0.target.text == "/place" })

        // What belongs to the mount, then what belongs to the file system; rw and ro are said of both.
        let told = mount.options.texts + mount.superOptions.texts.filter { $0 != "rw" && $0 != "ro" }
        if let shown { #expect(told.contains(shown), "\(mount)") }
        if let absent { #expect(!told.contains(absent), "\(mount)") }
      }
    }

    @Test(arguments: [
      ("private", []), ("rprivate", []), ("shared", ["shared"]), ("rshared", ["shared"]), ("slave", ["master"]),
      ("rslave", ["master"]), ("unbindable", ["unbindable"]), ("runbindable", ["unbindable"]),
    ])
    func `config.md Mounts: a word on propagation is known and does what it says`(word: String, shown: [String]) throws
    {
      try inHarbour { harbour in
        let source = try harbour.makeDirectory("source")
        try shell("mount -t tmpfs -o mode=755 source \(source); mount --make-shared \(source)")
        harbour.atEnd { _ = try? shell("umount -R \(source)") }
        let bundle = try Bundle(harbour)
        // A new file system has no master: a copy of a shared one has.
        try bundle.add(mount: "/place", source: source, options: ["rbind", word])

        let mount = try #require(try bundle.see().mounts.list.last { $0.target.text == "/place" })

        let kinds = mount.propagation.texts.map { String($0.split(separator: ":")[0]) }
        for kind in shown { #expect(kinds.contains(kind), "\(mount)") }
        if shown.isEmpty { #expect(kinds.isEmpty, "\(mount)") }
      }
    }

    @Test(arguments: ["bind", "rbind"])
    func `config.md Mounts: bind shows one mount, rbind those beneath as well`(word: String) throws {
      try inHarbour { harbour in
        let source = try harbour.makeDirectory("source")
        try harbour.makeDirectory("source/beneath")
        try shell("mount -t tmpfs -o mode=755 beneath \(source)/beneath; echo word > \(source)/beneath/file")
        harbour.atEnd { _ = try? shell("umount \(source)/beneath") }
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/place", type: "none", source: source, options: [word])

        let told = try bundle.perform("read /place/beneath/file")

        #expect(told[0].text == (word == "rbind" ? "word\n" : ""))
      }
    }

    @Test func `config.md Mounts: remount changes what is there`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.add(mount: "/place", type: "tmpfs", options: ["mode=755"])
        try bundle.add(mount: "/place", type: "tmpfs", options: ["remount", "ro"])

        #expect(try bundle.perform("create /place/x y")[0].errno.number == 30)
      }
    }

    @Test func `config.md Mounts: ids of a mount come in pairs, and idmap without any needs a user namespace`() throws {
      try inHarbour { harbour in
        let source = try harbour.makeDirectory("source")
        for members in [
          #""options":["bind","idmap"]"#, #""options":["rbind","ridmap"]"#,
          #""options":["bind"],"uidMappings":[{"containerID":0,"hostID":1000,"size":10}]"#,
          #""options":["bind"],"gidMappings":[{"containerID":0,"hostID":1000,"size":10}]"#,
        ] {
          let bundle = try Bundle(harbour)
          try bundle.configuration.append(
            #"{"destination":"/place","type":"bind","source":"\#(source)",\#(members)}"#, to: "mounts")
          let isRefused = try bundle.refusesToCreate()
          #expect(isRefused, "\(members)")
        }
      }
    }

    @Test func `config.md Process: the size of a terminal is passed over where there is none`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"terminal":false,"consoleSize":{"height":10,"width":20}}}"#)

        #expect(try bundle.see().terminal.isMissing)
      }
    }

    @Test func `config.md Process: a relative working directory is refused`() throws {
      try inHarbour { harbour in
        try expectRefusal(harbour, #"{"process":{"cwd":"tmp"}}"#)
      }
    }

    @Test func `config.md Process: the program is looked for as execvp(3) does, and there must be one`() throws {
      try inHarbour { harbour in
        #expect(try Bundle(harbour).run(["probe", "exit", "9"]).code == 9)
        try expectRefusal(harbour, #"{"process":{"args":[]}}"#)
      }
    }

    @Test func `config.md POSIX process: limits are those of the list, unknown and repeated ones errors`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          #"{"process":{"rlimits":[{"type":"RLIMIT_NOFILE","soft":77,"hard":99},{"type":"RLIMIT_FSIZE","soft":5000,"hard":6000}]}}"#
        )
        #expect(seen.rlimits["Max open files"].texts == ["77", "99"])
        #expect(seen.rlimits["Max file size"].texts == ["5000", "6000"])

        let one = #"{"type":"RLIMIT_NOFILE","soft":77,"hard":99}"#
        try expectRefusal(harbour, #"{"process":{"rlimits":[\#(one),\#(one)]}}"#)
        try expectRefusal(harbour, #"{"process":{"rlimits":[{"type":"RLIMIT_SEA","soft":1,"hard":1}]}}"#)
      }
    }

    @Test func `config.md Linux process: the score for lack of memory is what is asked for, else the caller's`() throws
    {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "see"])
        for (patch, expected) in [("{}", "77"), (#"{"process":{"oomScoreAdj":333}}"#, "333")] {
          try bundle.configuration.merge(patch)
          try bundle.writeConfiguration()
          let told = try shell(
            "echo 77 > /proc/self/oom_score_adj; \(Programs.runtime) --root \(harbour.path("state")) run --bundle \(bundle.path) \(bundle.id)"
          )
          #expect(try JSON(text: told.output).oomScoreAdjustment.text == expected)
        }
      }
    }

    @Test func `config.md Annotations: keys and values are texts, no key is empty, unknown ones are passed over`()
      throws
    {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"annotations":{"org.example.unheard-of":"yes","empty":""}}"#)
        #expect(try bundle.run(["/bin/probe", "exit", "7"]).code == 7)

        try expectRefusal(harbour, #"{"annotations":{"number":5}}"#)
        try expectRefusal(harbour, #"{"annotations":{"":"x"}}"#)
        try expectRefusal(harbour, #"{"annotations":["x"]}"#)
      }
    }

    @Test func `config.md Extensibility: properties that are not known are passed over, wherever they stand`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"sea":{"deep":[1,{"x":null}]},"process":{"sea":1},"linux":{"sea":[]},"root":{"sea":true}}"#)
        try bundle.configuration.append(
          #"{"destination":"/data","type":"tmpfs","source":"tmpfs","sea":5}"#, to: "mounts")

        #expect(try bundle.run(["/bin/probe", "exit", "7"]).code == 7)
      }
    }

    @Test(arguments: [
      #"{"root":{"readonly":"yes"}}"#, #"{"process":{"terminal":1}}"#, #"{"process":{"args":"ls"}}"#,
      #"{"process":{"user":{"uid":-1}}}"#, #"{"process":{"user":{"uid":4294967296}}}"#, #"{"process":{"env":[5]}}"#,
      #"{"mounts":{}}"#, #"{"linux":{"namespaces":[{"type":"sea"}]}}"#, #"{"linux":{"rootfsPropagation":"sea"}}"#,
      #"{"linux":{"resources":{"memory":{"limit":"much"}}}}"#,
      #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_SEA"}}}"#,
      #"{"process":{"scheduler":{"policy":"SCHED_SEA"}}}"#, #"{"process":{"ioPriority":{"class":"IOPRIO_CLASS_SEA"}}}"#,
      #"{"linux":{"personality":{"domain":"SEA"}}}"#, #"{"linux":{"memoryPolicy":{"mode":"MPOL_SEA"}}}"#,
    ])
    func `config.md Extensibility: a value that is not valid is an error`(patch: String) throws {
      try inHarbour { harbour in try expectRefusal(harbour, patch) }
    }

    /// A property that its object needs, left out.
    static let missing: [(String, String)] = [
      ("ociVersion", #"{"ociVersion":null}"#), ("root", #"{"root":null}"#), ("root.path", #"{"root":{"path":null}}"#),
      ("mounts destination", #"{"mounts":[{"type":"tmpfs","source":"tmpfs"}]}"#),
      ("process.cwd", #"{"process":{"cwd":null}}"#), ("process.args", #"{"process":{"args":null}}"#),
      ("consoleSize.height", #"{"process":{"terminal":true,"consoleSize":{"width":5}}}"#),
      ("rlimits type", #"{"process":{"rlimits":[{"soft":1,"hard":1}]}}"#),
      ("scheduler.policy", #"{"process":{"scheduler":{"nice":1}}}"#),
      ("ioPriority.class", #"{"process":{"ioPriority":{"priority":1}}}"#),
      ("hook path", #"{"hooks":{"prestart":[{"args":["x"]}]}}"#),
      ("namespace type", #"{"linux":{"namespaces":[{"path":"/proc/self/ns/net"}]}}"#),
      ("device type", #"{"linux":{"devices":[{"path":"/dev/x","major":1,"minor":3}]}}"#),
      ("device path", #"{"linux":{"devices":[{"type":"c","major":1,"minor":3}]}}"#),
      ("device major", #"{"linux":{"devices":[{"path":"/dev/x","type":"c","minor":3}]}}"#),
      ("hugepage pageSize", #"{"linux":{"resources":{"hugepageLimits":[{"limit":1}]}}}"#),
      ("network interface", #"{"linux":{"resources":{"network":{"priorities":[{"priority":1}]}}}}"#),
      ("seccomp.defaultAction", #"{"linux":{"seccomp":{"syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO"}]}}}"#),
      (
        "seccomp names",
        #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_ERRNO"}]}}}"#
      ),
      ("seccomp action", #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"]}]}}}"#),
      (
        "seccomp op",
        #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1}]}]}}}"#
      ),
      ("personality.domain", #"{"linux":{"personality":{}}}"#),
      ("memoryPolicy.mode", #"{"linux":{"memoryPolicy":{"nodes":"0"}}}"#),
    ]

    @Test(arguments: missing)
    func `config.md, config-linux.md: a property that is REQUIRED and missing is an error`(name: String, patch: String)
      throws
    {
      try inHarbour { harbour in try expectRefusal(harbour, patch) }
    }
  }
}
