import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What went wrong in other runtimes, tried on this one with a harmless canary; docs/attacks.md has a row for each, and says which of
  /// them other suites hold.
  @Suite enum Attacks {}
}

extension Integration.Attacks {
  /// On the runtime's own program and processes, from inside a container.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct OnProcesses {
    @Test func `attack: a handle on the runtime's program cannot be written once the program has ended`() throws {
      try inHarbour { harbour in
        // The canary: a copy that may be harmed.
        let copy = harbour.path("skiff-runtime")
        try FileManager.default.copyItem(atPath: Programs.runtime, toPath: copy)
        let before = try shell("sha256sum < \(copy)").output
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.writeConfiguration()
        let words = "\(copy) --root \(harbour.path("state"))"
        try shell("\(words) create --bundle \(bundle.path) \(bundle.id) < /dev/null > /dev/null")
        let process = try bundle.state().pid.number

        // As root of the host, who may more than any container: a handle on what the container's first process runs now, kept
        // until nobody runs it any more.
        let told = try run([
          "sh", "-c",
          "exec 9< /proc/\(process)/exe; \(words) delete --force \(bundle.id); echo harm >> /proc/self/fd/9",
        ])

        #expect(told.code != 0)
        #expect(told.errors.contains("Read-only file system"), "\(told)")
        #expect(try shell("sha256sum < \(copy)").output == before)
      }
    }

    @Test func `attack: root of a container's user namespace cannot look into the runtime that waits in it`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.enterUserNamespace()
        for capability in ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"] {
          try bundle.grant(capability)
        }
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()

        // The first process is the runtime still.
        let told = try bundle.runtime([
          "exec", bundle.id, "/bin/probe", "list", "/proc/1/fd", ",", "read", "/proc/1/environ", ",", "read",
          "/proc/1/exe", ",", "list", "/proc/1/map_files", ",", "list", "/proc/1/root/",
        ]).expecting(0).lines.map { try JSON(text: $0) }

        for answer in told { #expect([1, 2, 13].contains(answer.errno.number), "\(answer)") }
        try bundle.delete(force: true)
      }
    }

    @Test func `attack: a working directory through the runtime's open files leads nowhere`() throws {
      try inHarbour { harbour in
        try harbour.write("host", to: "canary")
        let bundle = try Bundle(harbour)
        try shell("ln -s /proc/self/fd/7 \(bundle.rootfs)/way; ln -s /proc/self/fd \(bundle.rootfs)/all")
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let up = String(repeating: "../", count: 20)
        let places =
          (0...24).map { "/proc/self/fd/\($0)" } + (3...9).map { "/all/\($0)/../.." } + [
            "/way", "/proc/self/fd/8/\(up)",
          ]
        for place in places {
          let outcome = try bundle.runtime([
            "exec", "--cwd", place, bundle.id, "/bin/probe", "see", ",", "read", "\(up)\(harbour.path("canary"))",
          ])
          if outcome.code == 0 {
            let told = try outcome.lines.map { try JSON(text: $0) }
            #expect(told[0].cwd.text.hasPrefix("/"), "\(place): \(outcome)")
            #expect(told[1].text != "host", "\(place)")
          } else {
            #expect(!outcome.output.contains("host"), "\(place)")
          }
        }
        try bundle.delete(force: true)

        for place in places.prefix(15) + ["/way"] {
          let first = try Bundle(harbour)
          try shell("ln -s /proc/self/fd/7 \(first.rootfs)/way")
          let quoted = try JSONSerialization.data(withJSONObject: ["cwd": place])
          try first.configuration.merge(#"{"process":\#(String(decoding: quoted, as: UTF8.self))}"#)
          let outcome = try first.run(["/bin/probe", "read", "\(up)\(harbour.path("canary"))"])
          #expect(!outcome.output.contains("host"), "\(place): \(outcome)")
        }
      }
    }

    @Test func `attack: no file of the runtime's is open in a program, whatever its caller left open`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "see"])
        try bundle.writeConfiguration()
        // Opened without close-on-exec.
        let told = try shell(
          "exec 5< /etc 9< / 8< /proc; exec \(Programs.runtime) --root \(harbour.path("state")) run --bundle \(bundle.path) \(bundle.id)"
        )

        #expect(try JSON(text: told.output).descriptors.keys.sorted() == ["0", "1", "2"])
      }
    }

    @Test(arguments: [
      "\0", "x", "ssssssss", "k{}", "t\u{0}\u{7}", "c", "e\u{1}harm", "l", String(repeating: "\u{7F}", count: 60000),
    ])
    func `attack: frames that are none neither start nor end a created container`(frame: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "create", "/tmp/ran", "x"])
        try bundle.create()

        // After the word to start nobody listens any more.
        for _ in 0..<(frame.first == "s" ? 1 : 3) {
          let socket = try UnixSocket.connect(to: harbour.path("state/\(bundle.id)/start.sock"), type: .packet)
          try socket.descriptor.send(Array(frame.utf8))
        }
        ClockTime.sleep(milliseconds: 20)

        // One whole message is the word to start, and nothing else is.
        if frame.first != "s" {
          #expect(try bundle.state().status.text == "created")
          #expect(!FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/ran"))
          try bundle.start()
        }
        try bundle.await("stopped")
        #expect(FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/ran"))
        try bundle.delete()
      }
    }

    @Test func `attack: ps runs no program of the container's`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let canary = harbour.path("canary")
        try harbour.write("#!/bin/sh\ntouch \(canary)\n", to: "trap", mode: 0o755)
        try shell(
          "for d in bin usr/bin sbin usr/sbin; do mkdir -p \(bundle.rootfs)/$d; cp \(harbour.path("trap")) \(bundle.rootfs)/$d/ps; done"
        )
        try bundle.configuration.merge(#"{"process":{"cwd":"/bin"}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        // From within the container's own directory, which is on the caller's path.
        let told = try shell(
          "cd \(bundle.rootfs)/bin && PATH=.:$PATH \(Programs.runtime) --root \(harbour.path("state")) ps \(bundle.id)")

        #expect(told.output.contains("probe"))
        #expect(!harbour.exists("canary"))
        try bundle.delete(force: true)
      }
    }
  }

  /// On who a program runs as, and what it may.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct OnIdentity {
    @Test(arguments: [
      "-1", "4294967295", "4294967296", "18446744073709551616", "0x0", " 0", "1 0", "root", "00:", "1000:-1",
      "1000:4294967295", "",
    ])
    func `attack: a user who is no number, or too high a one, is nobody's way to root`(user: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("printf 'root:x:0:0::/:\\n1000:x:0:0::/:\\n-1:x:0:0::/:\\n' > \(bundle.rootfs)/etc/passwd")
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let refused = try bundle.runtime(["exec", "--user", user, bundle.id, "/bin/probe", "see"])
        #expect(refused.code != 0 && refused.output == "", "\(refused)")
        // A name made of digits is a number, whatever the image's passwd says.
        let told = try JSON(
          text: bundle.runtime(["exec", "--user", "1000", bundle.id, "/bin/probe", "see"]).expecting(0).output)
        #expect(told.effectiveUserID.number == 1000)
        try bundle.delete(force: true)
      }
    }

    @Test func `attack: the highest id, which the kernel takes for no change, is refused in a configuration`() throws {
      try inHarbour { harbour in
        for patch in [
          #"{"process":{"user":{"uid":4294967295}}}"#, #"{"process":{"user":{"gid":4294967295}}}"#,
          #"{"process":{"user":{"additionalGids":[4294967295]}}}"#, #"{"process":{"user":{"uid":-1}}}"#,
        ] {
          let outcome = try Bundle(harbour, patch).run(["/bin/probe", "see"])
          #expect(outcome.code == 1 && outcome.output == "", "\(outcome)")
        }
      }
    }

    @Test func `attack: capabilities that are added to a further process are not inheritable`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        for user in ["0", "1000"] {
          let seen = try JSON(
            text: bundle.runtime(["exec", "--user", user, "--cap", "CAP_KILL", bundle.id, "/bin/probe", "see"])
              .expecting(0).output)
          #expect(seen.status.CapInh.text == "0000000000000000", "\(user)")
        }
        try bundle.delete(force: true)
      }
    }

    @Test func `attack: a terminal of the caller's is not the container's to type on`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "see"])
        try bundle.writeConfiguration()

        let session = try bundle.session(
          ["run", "--bundle", bundle.path, bundle.id], terminal: WindowSize(rows: 30, columns: 90))
        let outcome = try session.wait()

        // Its streams are the caller's terminal, which is not its session's: TIOCSTI needs that.
        let seen = try JSON(text: outcome.output)
        #expect(seen.sessionID.number == 1)
        #expect(seen.terminal.isControlling.isTrue == false)
      }
    }

    @Test(arguments: [
      "kernel.core_pattern", "net.ipv4.ip_forward/../../../kernel/core_pattern", "net/../kernel/core_pattern",
      "net...kernel.core_pattern", "kernel.shm_rmid_forced=1+kernel.core_pattern", "kernel.domainname/../core_pattern",
      "fs.mqueue/../../kernel.core_pattern", "/proc/sys/kernel/core_pattern",
    ])
    func `attack: a setting whose name leads to the host's is refused`(name: String) throws {
      try inHarbour { harbour in
        let before = try shell("cat /proc/sys/kernel/core_pattern").output
        let settings = try JSONSerialization.data(withJSONObject: [name: "canary", "net.ipv4.ip_forward": "1"])
        let bundle = try Bundle(harbour, #"{"linux":{"sysctl":\#(String(decoding: settings, as: UTF8.self))}}"#)

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code != 0 && outcome.output == "", "\(outcome)")
        #expect(try shell("cat /proc/sys/kernel/core_pattern").output == before)
      }
    }

    @Test func `attack: a value of a setting with a second line is refused`() throws {
      try inHarbour { harbour in
        let outcome = try Bundle(harbour, #"{"linux":{"sysctl":{"net.ipv4.ip_forward":"1\nkernel.core_pattern=x"}}}"#)
          .run(["/bin/probe", "see"])

        #expect(outcome.code != 0 && outcome.output == "")
      }
    }

    @Test(arguments: ["null", "[]"])
    func `attack: a configuration that says nothing of devices allows none but the usual`(list: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.merge(#"{"linux":{"resources":{"devices":\#(list)}}}"#)
        try bundle.grant("CAP_MKNOD")

        let told = try bundle.perform(
          "make-device /tmp/control 10 237", "read /tmp/control", "make-device /tmp/kmsg 1 11", "read /tmp/kmsg",
          "write /dev/null x")

        #expect(told[1].errno.number == 1 && told[3].errno.number == 1, "\(told)")
        #expect(told[4].number == 1)
      }
    }

    @Test func `attack: release_agent and the groups of others cannot be written`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(#"{"type":"cgroup"}"#, to: "linux", "namespaces")
        try bundle.add(
          mount: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"])
        try bundle.grant("CAP_DAC_OVERRIDE")

        let told = try bundle.perform(
          "create /sys/fs/cgroup/memory/release_agent /canary", "write /sys/fs/cgroup/memory/release_agent /canary",
          "write /sys/fs/cgroup/memory/notify_on_release 1", "make-directory /sys/fs/cgroup/pids/mine",
          "write /sys/fs/cgroup/cgroup.procs 1")

        for answer in told { #expect([2, 13, 30].contains(answer.errno.number), "\(answer)") }
      }
    }
  }
}
