import Foundation
import Testing

extension Integration {
  /// What the process may do: capabilities, no_new_privs, filters, limits, user namespaces.
  @Suite struct Privileges {
    @Test func `each capability set is exactly as asked`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          """
          {"process":{"capabilities":{
            "bounding":["CAP_CHOWN","CAP_KILL","CAP_NET_BIND_SERVICE"],
            "permitted":["CAP_CHOWN","CAP_KILL"],
            "effective":["CAP_CHOWN","CAP_KILL"]}}}
          """)

        #expect(seen.status.CapBnd.text == "0000000000000421")
        #expect(seen.status.CapInh.text == "0000000000000000")
        #expect(seen.status.CapAmb.text == "0000000000000000")
        // Root gains what is bounded when it runs a program, unless it may not.
        #expect(UInt64(seen.status.CapEff.text, radix: 16).map { $0 & ~0x421 } == 0)
        #expect(seen.status.NoNewPrivs.number == 1)
      }
    }

    @Test func `a user other than root holds only ambient capabilities`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          """
          {"process":{"user":{"uid":1000,"gid":1000},"capabilities":{
            "bounding":["CAP_NET_RAW","CAP_KILL"],"permitted":["CAP_NET_RAW"],"effective":["CAP_NET_RAW"],
            "inheritable":["CAP_NET_RAW"],"ambient":["CAP_NET_RAW"]}}}
          """)

        #expect(seen.status.CapAmb.text == "0000000000002000")
        #expect(seen.status.CapEff.text == "0000000000002000")
        #expect(seen.status.CapPrm.text == "0000000000002000")
        #expect(seen.status.CapBnd.text == "0000000000002020")
      }
    }

    @Test func `without ambient ones a user holds none`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          """
          {"process":{"user":{"uid":1000,"gid":1000},"capabilities":{
            "bounding":["CAP_NET_RAW"],"permitted":["CAP_NET_RAW"],"effective":["CAP_NET_RAW"]}}}
          """)

        #expect(seen.status.CapEff.text == "0000000000000000")
        #expect(seen.status.CapPrm.text == "0000000000000000")
      }
    }

    @Test func `no_new_privs is off when it is not asked for`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"process":{"noNewPrivileges":false}}"#)

        #expect(seen.status.NoNewPrivs.number == 0)
      }
    }

    @Test func `limits and the OOM score are as asked`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          """
          {"process":{"oomScoreAdj":321,"rlimits":[
            {"type":"RLIMIT_NOFILE","soft":100,"hard":200},{"type":"RLIMIT_CORE","soft":0,"hard":0},
            {"type":"RLIMIT_NPROC","soft":50,"hard":60},{"type":"RLIMIT_STACK","soft":1048576,"hard":2097152}]}}
          """)

        #expect(seen.rlimits["Max open files"].texts == ["100", "200"])
        #expect(seen.rlimits["Max core file size"].texts == ["0", "0"])
        #expect(seen.rlimits["Max processes"].texts == ["50", "60"])
        #expect(seen.rlimits["Max stack size"].texts == ["1048576", "2097152"])
        #expect(seen.oomScoreAdjustment.text == "321")
      }
    }

    @Test func `a filter answers with the error that it names`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
            {"names":["mkdirat","mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":95},
            {"names":["unlinkat"],"action":"SCMP_ACT_ERRNO"}]}}}
          """)

        let told = try bundle.perform("see", "make-directory /tmp/x", "remove /tmp/x")

        #expect(told[0].status.Seccomp.number == 2)
        #expect(told[1].errno.number == 95)
        #expect(told[2].errno.number == 1)
      }
    }

    @Test func `a filter kills when it says so`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["mkdirat"],"action":"SCMP_ACT_KILL_PROCESS"}]}}}
          """)

        let outcome = try bundle.run(["/bin/probe", "make-directory", "/tmp/x"])

        #expect(outcome.code == 128 + 31)
      }
    }

    @Test func `a filter compares arguments`() throws {
      try inHarbour { harbour in
        // umask(0) is refused, any other is not.
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["umask"],"action":"SCMP_ACT_ERRNO","errnoRet":11,
             "args":[{"index":0,"value":63,"op":"SCMP_CMP_EQ"}]}]}}}
          """)

        let seen = try bundle.see()

        // The probe asks with 63 and gets -11 in place of the old mask, which it then cannot put back.
        #expect(seen.umask.number == 4_294_967_285)
      }
    }

    @Test func `root inside a user namespace is somebody else outside`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
                    "gidMappings":[{"containerID":0,"hostID":200000,"size":65536}]}}
          """)
        try bundle.configuration.append(#"{"type":"user"}"#, to: "linux", "namespaces")
        try shell("chown -R 100000:200000 \(bundle.rootfs)")

        let told = try bundle.perform("see", "create /tmp/mine x")

        #expect(told[0].status.Uid.numbers == [0, 0, 0, 0])
        #expect(told[0].uidMap.texts == ["0 100000 65536"])
        #expect(told[0].gidMap.texts == ["0 200000 65536"])
        #expect(told[0].namespaces.user.text != hostNamespace("user"))
        #expect(try shell("stat -c %u:%g \(bundle.rootfs)/tmp/mine").lines == ["100000:200000"])
        #expect(told[0].devices.null.type.text == "characterDevice")
      }
    }

    @Test func `existing namespaces are joined by path`() throws {
      try inHarbour { harbour in
        let keeper = try Session([
          "unshare", "--net", "--ipc", "--uts", "sh", "-c", "hostname kept; echo ready; exec sleep 60",
        ])
        try keeper.expect("ready")
        let bundle = try Bundle(harbour)
        let own = "/proc/\(keeper.processID)/ns"
        try bundle.configuration.merge(
          """
          {"hostname":null,"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},
            {"type":"network","path":"\(own)/net"},{"type":"ipc","path":"\(own)/ipc"},{"type":"uts","path":"\(own)/uts"}]}}
          """)

        let seen = try bundle.see()

        for name in ["net", "ipc", "uts"] {
          let theirs = try FileManager.default.destinationOfSymbolicLink(atPath: own + "/" + name)
          #expect(seen.namespaces[name].text == theirs, "\(name)")
        }
        #expect(seen.hostname.text == "kept")
        try keeper.signal(9)
        _ = try keeper.wait()
      }
    }

    @Test func `kernel settings of the container's own namespaces are set`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          #"{"linux":{"sysctl":{"net.ipv4.ip_forward":"1","kernel.msgmax":"65536","net.ipv4.ip_unprivileged_port_start":"0"}}}"#
        )

        let told = try bundle.perform(
          "read /proc/sys/net/ipv4/ip_forward", "read /proc/sys/kernel/msgmax",
          "read /proc/sys/net/ipv4/ip_unprivileged_port_start")

        #expect(told.map { $0.text.trimmingCharacters(in: .whitespacesAndNewlines) } == ["1", "65536", "0"])
      }
    }

    @Test func `a kernel setting of the host is refused`() throws {
      try inHarbour { harbour in
        let before = try shell("cat /proc/sys/kernel/pid_max").output
        let outcome = try Bundle(harbour, #"{"linux":{"sysctl":{"kernel.pid_max":"4000"}}}"#).run(["/bin/probe", "see"])

        #expect(outcome.code != 0)
        #expect(outcome.errors.contains("kernel.pid_max"))
        #expect(try shell("cat /proc/sys/kernel/pid_max").output == before)
      }
    }
  }
}
