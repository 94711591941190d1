import Foundation
import Testing

extension Integration.Specification {
  /// config-linux.md.
  @Suite struct LinuxClauses {
    /// The kinds of namespaces, by their names in a configuration and in procfs.
    static let kinds = [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("cgroup", "cgroup")]

    @Test func `config-linux.md Namespaces: those in the list are new, all others the runtime's`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.merge(
          #"{"hostname":null,"linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]},"mounts":[{"destination":"/proc","type":"proc","source":"proc"}]}"#
        )
        let seen = try bundle.see()

        for (name, isNew) in [
          ("mnt", true), ("pid", true), ("net", false), ("ipc", false), ("uts", false), ("user", false),
        ] {
          #expect((seen.namespaces[name].text != hostNamespace(name)) == isNew, "\(name)")
        }
      }
    }

    @Test(arguments: kinds)
    func `config-linux.md Namespaces: a path is joined`(type: String, name: String) throws {
      try inHarbour { harbour in
        let keeper = try Session([
          "unshare", "--net", "--ipc", "--uts", "--cgroup", "sh", "-c", "echo ready; exec sleep 60",
        ])
        try keeper.expect("ready")
        let path = "/proc/\(keeper.processID)/ns/\(name)"
        let theirs = try FileManager.default.destinationOfSymbolicLink(atPath: path)
        let bundle = try Bundle(harbour)
        try bundle.join(type, at: path)
        if type == "uts" { try bundle.configuration.merge(#"{"hostname":null}"#) }

        #expect(try bundle.see().namespaces[name].text == theirs)

        try keeper.signal(9)
        _ = try keeper.wait()
      }
    }

    @Test(arguments: ["network", "ipc", "uts", "pid", "mount"])
    func `config-linux.md Namespaces: a path of another kind, or of none, is an error`(type: String) throws {
      try inHarbour { harbour in
        for path in ["/proc/self/ns/user", try harbour.write("x", to: "file"), "/no/such/namespace", "relative/ns"] {
          let bundle = try Bundle(harbour)
          try bundle.join(type, at: path)
          let isRefused = try bundle.refusesToCreate()
          #expect(isRefused, "\(path)")
        }
      }
    }

    @Test func `config-linux.md Namespaces: one kind twice is an error`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(#"{"type":"network"}"#, to: "linux", "namespaces")

        let isRefused = try bundle.refusesToCreate()
        #expect(isRefused)
      }
    }

    @Test func `config-linux.md User namespace mappings: ids inside are those of the map`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.enterUserNamespace()
        let seen = try bundle.see()

        #expect(seen.uidMap.texts == ["0 100000 65536"])
        #expect(seen.gidMap.texts == ["0 100000 65536"])
      }
    }

    @Test func `config-linux.md Devices: they are there as asked for, outside of dev too`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"devices":[
            {"path":"/dev/one","type":"c","major":1,"minor":5,"fileMode":384,"uid":7,"gid":8},
            {"path":"/tmp/deep/two","type":"c","major":1,"minor":3},
            {"path":"/dev/pipe","type":"p","fileMode":438}]}}
          """)
        let told = try bundle.perform("stat /dev/one", "stat /tmp/deep/two", "stat /dev/pipe")

        #expect(told[0].type.text == "characterDevice" && told[0].major.number == 1 && told[0].minor.number == 5)
        #expect(told[0].mode.number == 384 && told[0].uid.number == 7 && told[0].gid.number == 8)
        #expect(told[1].type.text == "characterDevice" && told[1].minor.number == 3)
        #expect(told[2].isMissing == false && told[2].errno.isMissing)
      }
    }

    @Test func `config-linux.md Devices: another file in the place of a device is an error`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("echo x > \(bundle.rootfs)/tmp/file")

        let isRefused = try bundle.refusesToCreate(
          #"{"linux":{"devices":[{"path":"/tmp/file","type":"c","major":1,"minor":3}]}}"#)
        #expect(isRefused)
        #expect(try shell("cat \(bundle.rootfs)/tmp/file").output == "x\n")
      }
    }

    @Test func `config-linux.md Default devices: null, zero, full, random, urandom, tty and ptmx`() throws {
      try inHarbour { harbour in
        let devices = try Bundle(harbour).see().devices

        for (name, major, minor) in [
          ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ] {
          #expect(devices[name].type.text == "characterDevice", "\(name)")
          #expect(devices[name].major.number == major && devices[name].minor.number == minor, "\(name)")
        }
        #expect(devices.ptmx.link.text.hasSuffix("pts/ptmx") || devices.ptmx.type.text == "characterDevice")
      }
    }

    @Test func `config-linux.md Cgroups path: an absolute one is beneath the mount point, the same each time`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        for _ in 0..<2 {
          try bundle.startWaiting()
          #expect(try group("memory", of: bundle.state().pid.number) == "/skiff-test/\(bundle.id)")
          try bundle.delete(force: true)
        }
      }
    }

    @Test func `config-linux.md Cgroups path: a relative one leads to the same place each time`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        // One name alone: what lies between stays, and the caller's own group is no place for that.
        try bundle.configuration.merge(#"{"linux":{"cgroupsPath":"\#(bundle.id)"}}"#)
        var places: Set<String> = []
        for _ in 0..<2 {
          try bundle.startWaiting()
          places.insert(try group("memory", of: bundle.state().pid.number))
          try bundle.delete(force: true)
        }
        #expect(places.count == 1 && places.first?.hasSuffix("/\(bundle.id)") == true)
      }
    }

    @Test func `config-linux.md Control groups: a group that is in use or frozen is refused where the runtime looks`()
      throws
    {
      try inHarbour { harbour in
        let first = try Bundle(harbour)
        try first.startWaiting()
        let second = try Bundle(harbour)
        let isRefused = try second.refusesToCreate(#"{"linux":{"cgroupsPath":"/skiff-test/\#(first.id)"}}"#)
        #expect(isRefused)
        #expect(try first.state().status.text == "running")
        try first.delete(force: true)
      }
    }

    @Test func `config-linux.md Allowed device list: entries count in their order`() throws {
      try inHarbour { harbour in
        let control = #""type":"c","major":10,"minor":237"#
        let (deny, allow) = (#"{"allow":false,"access":"rwm"}"#, #"{"allow":true,\#(control),"access":"rwm"}"#)
        for (list, isAllowed) in [("\(deny),\(allow)", true), ("\(allow),\(deny)", false)] {
          let bundle = try Bundle(
            harbour,
            #"{"linux":{"resources":{"devices":[\#(list)]},"devices":[{"path":"/dev/loop-control",\#(control)}]}}"#)
          let errno = try bundle.perform("read /dev/loop-control")[0].errno.number
          #expect((errno != 1) == isAllowed, "\(list): \(errno)")
        }
      }
    }

    @Test func `config-linux.md Resources: limits are in the container's group before its program runs`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          #"{"linux":{"resources":{"memory":{"limit":33554432},"pids":{"limit":17},"cpu":{"shares":512,"cpus":"0"}}}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        let process = try bundle.state().pid.number

        #expect(try value("memory", "memory.limit_in_bytes", "memory.max", of: process) == "33554432")
        #expect(try value("pids", "pids.max", "pids.max", of: process) == "17")
        #expect(try value("cpuset", "cpuset.cpus", "cpuset.cpus", of: process) == "0")
        try bundle.delete(force: true)
      }
    }

    @Test func `config-linux.md Unified: what no controller offers is an error`() throws {
      try inHarbour { harbour in
        try expectRefusal(harbour, #"{"linux":{"resources":{"unified":{"sea.max":"1"}}}}"#)
      }
    }

    @Test(.enabled(if: !FileManager.default.fileExists(atPath: "/sys/fs/resctrl/schemata")))
    func `config-linux.md IntelRdt: without its file system it is an error`() throws {
      try inHarbour { harbour in
        try expectRefusal(harbour, #"{"linux":{"intelRdt":{"l3CacheSchema":"L3:0=f"}}}"#)
      }
    }

    @Test func `config-linux.md Sysctl: settings of the container's namespaces are made, the host's refused`() throws {
      try inHarbour { harbour in
        let told = try Bundle(harbour, #"{"linux":{"sysctl":{"net.ipv4.ip_forward":"1"}}}"#)
          .perform("read /proc/sys/net/ipv4/ip_forward")
        #expect(told[0].text == "1\n")

        try expectRefusal(harbour, #"{"linux":{"sysctl":{"kernel.pid_max":"4000"}}}"#)
      }
    }

    @Test func `config-linux.md Seccomp: an error number beside an action that has none is an error`() throws {
      try inHarbour { harbour in
        for patch in [
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":5,"syscalls":[]}}}"#,
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","errnoRet":5}]}}}"#,
        ] { try expectRefusal(harbour, patch, "\(patch)") }
      }
    }

    @Test func `config-linux.md Seccomp: the default action, its error, and rules with conditions`() throws {
      try inHarbour { harbour in
        let told = try Bundle(
          harbour,
          """
          {"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95},
            {"names":["unlinkat","rmdir","unlink"],"action":"SCMP_ACT_ERRNO"}]}}}
          """
        ).perform("make-directory /tmp/x", "remove /tmp/x")

        #expect(told[0].errno.number == 95)
        #expect(told[1].errno.number == 1)
      }
    }

    @Test
    func `config-linux.md Seccomp: metadata without a listener is an error, and so is a listener that does not answer`()
      throws
    {
      try inHarbour { harbour in
        let notify = #""syscalls":[{"names":["mkdirat"],"action":"SCMP_ACT_NOTIFY"}]"#
        try expectRefusal(
          harbour,
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"x","syscalls":[]}}}"#)
        let unheard = try Bundle(
          harbour,
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"\#(harbour.path("none"))",\#(notify)}}}"#
        ).run(["/bin/probe", "see"])
        #expect(unheard.code != 0 && unheard.output == "" && !unheard.errors.isEmpty, "\(unheard)")
      }
    }

    @Test func `config-linux.md Masked and read-only paths: they hide, and refuse writes`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"linux":{"maskedPaths":["/proc/timer_list","/tmp"],"readonlyPaths":["/proc/sys","/etc"]}}"#)
        try shell("echo secret > \(bundle.rootfs)/tmp/file")
        let told = try bundle.perform(
          "read /proc/timer_list", "list /tmp", "create /etc/file x", "write /proc/sys/net/ipv4/ip_forward 1")

        #expect(told[0].text == "" && told[1].list.isEmpty)
        #expect(told[2].errno.number == 30 && told[3].errno.number == 30)
      }
    }

    @Test(arguments: ["maskedPaths", "readonlyPaths"])
    func `config-linux.md Masked and read-only paths: a relative path is refused`(list: String) throws {
      try inHarbour { harbour in try expectRefusal(harbour, #"{"linux":{"\#(list)":["proc/kcore"]}}"#)
      }
    }

    @Test(arguments: [("rslave", "master"), ("rprivate", ""), ("runbindable", "unbindable")])
    func `config-linux.md Rootfs mount propagation: the root has what is asked for`(word: String, kind: String) throws {
      try inHarbour { harbour in
        let mounts = try Bundle(harbour).see(#"{"linux":{"rootfsPropagation":"\#(word)"}}"#).mounts.list
        let root = try #require(mounts.first { $0.target.text == "/" })
        let kinds = root.propagation.texts.map { String($0.split(separator: ":")[0]) }

        // A tree whose source is shared with nobody has no master.
        #expect(kinds.allSatisfy { $0 == kind }, "\(root)")
        if kind == "unbindable" { #expect(kinds == [kind]) }
      }
    }

    @Test func `config-linux.md Personality: the execution domain is set`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"linux":{"personality":{"domain":"LINUX32"}}}"#)

        #expect(seen.personality.text == "00000008")
      }
    }

    @Test func `config-linux.md Memory policy: it is the program's`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":"0"}}}"#)

        #expect(seen.memoryPolicy.mode.number == 2)
      }
    }

    @Test func `config-linux.md Time offsets: clocks of a time namespace are set`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"timeOffsets":{"boottime":{"secs":1000000,"nanosecs":5}}}}"#)
        try bundle.configuration.append(#"{"type":"time"}"#, to: "linux", "namespaces")
        let seen = try bundle.see()

        #expect(seen.timensOffsets.text.contains("1000000"), "\(seen.timensOffsets)")
      }
    }
  }
}
