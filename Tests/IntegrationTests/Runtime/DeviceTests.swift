import Foundation
import Testing

extension Integration {
  /// What lies in /dev, and which devices may be used.
  @Suite struct Devices {
    @Test func `the six standard devices and four links are there`() throws {
      try inHarbour { harbour in
        let devices = try Bundle(harbour).see().devices

        let standard = [
          "null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0),
        ]
        for (name, numbers) in standard {
          let device = devices[name]
          #expect((device.major.number, device.minor.number) == numbers, "\(name)")
          #expect(device.mode.number == 0o666, "\(name)")
          #expect((device.uid.number, device.gid.number) == (0, 0), "\(name)")
        }
        let links = [
          "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
        ]
        for (name, target) in links { #expect(devices[name].link.text == target, "\(name)") }
        #expect(devices.ptmx.link.text == "pts/ptmx")
      }
    }

    @Test func `devices of the configuration are made with their mode and owner`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          """
          {"linux":{"devices":[
            {"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":432,"uid":1000,"gid":1001},
            {"path":"/dev/ram","type":"b","major":1,"minor":0,"fileMode":384},
            {"path":"/dev/deep/pipe","type":"p","fileMode":420}
          ]}}
          """)

        let fuse = seen.devices.fuse
        #expect((fuse.type.text, fuse.major.number, fuse.minor.number) == ("characterDevice", 10, 229))
        #expect((fuse.mode.number, fuse.uid.number, fuse.gid.number) == (0o660, 1000, 1001))
        let ram = seen.devices.ram
        #expect((ram.type.text, ram.major.number, ram.minor.number, ram.mode.number) == ("blockDevice", 1, 0, 0o600))
        #expect(seen.devices.deep.type.text == "directory")
      }
    }

    @Test func `in a user namespace devices have the owner and mode asked for, and are not the host's own`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"devices":[
            {"path":"/dev/kmsg","type":"c","major":1,"minor":11,"fileMode":432,"uid":1000,"gid":1001},
            {"path":"/dev/deep/nothing","type":"c","major":1,"minor":3,"fileMode":384,"uid":70000,"gid":0},
            {"path":"/dev/pipe","type":"p","fileMode":420,"uid":7,"gid":8}
          ]}}
          """)
        try bundle.enterUserNamespace()

        let seen = try bundle.see()

        let kmsg = seen.devices.kmsg
        #expect((kmsg.type.text, kmsg.major.number, kmsg.minor.number) == ("characterDevice", 1, 11))
        #expect((kmsg.mode.number, kmsg.uid.number, kmsg.gid.number) == (0o660, 1000, 1001))
        let null = seen.devices["null"]
        #expect((null.mode.number, null.uid.number, null.gid.number) == (0o666, 0, 0))
        #expect(
          (seen.devices.pipe.type.text, seen.devices.pipe.uid.number, seen.devices.pipe.gid.number) == ("fifo", 7, 8))
        for name in ["/dev/null", "/dev/kmsg", "/dev/tty", "/dev/deep/nothing"] {
          let mount = try #require(seen.mounts.list.first { $0.target.text == name }, "\(name)")
          #expect(Set(["nosuid", "noexec"]).isSubset(of: mount.options.texts), "\(name)")
        }
        // Message queues belong to the container's root, too.
        #expect((seen.devices.mqueue.uid.number, seen.devices.mqueue.gid.number) == (0, 0))
        // What the nodes were taken from is gone.
        #expect(seen.mounts.list.filter { $0.target.text == "/dev" }.count == 1)

        let told = try bundle.perform("write /dev/null x", "stat /dev/deep/nothing")
        #expect(told[0].number == 1)
        // An id that the user namespace does not have.
        #expect((told[1].uid.number, told[1].mode.number) == (65534, 0o600))
      }
    }

    @Test func `only the allowed devices open`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{
            "devices":[{"path":"/dev/kmsg","type":"c","major":1,"minor":11,"fileMode":438},
                       {"path":"/dev/loop","type":"c","major":10,"minor":237,"fileMode":438}],
            "resources":{"devices":[{"allow":false,"access":"rwm"},
                                    {"allow":true,"type":"c","major":10,"minor":237,"access":"r"}]}}}
          """)

        let told = try bundle.perform(
          "read /dev/kmsg", "write /dev/loop x", "read /dev/loop", "write /dev/null x", "write /dev/full x",
          "create /dev/zero x")

        #expect(told[0].errno.number == 1)
        #expect(told[1].errno.number == 1)
        // Opens, and then says that it cannot be read.
        #expect(told[2].errno.number == 22)
        #expect(told[3].number == 1)
        #expect(told[4].errno.number == 28)
        #expect(told[5].number == 1)
      }
    }

    @Test func `a device node made inside is of no use`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.grant("CAP_MKNOD")

        let told = try bundle.perform("make-device /tmp/kmsg 1 11", "read /tmp/kmsg")

        #expect(told[1].errno.number == 1 || told[1].errno.number == 2)
      }
    }

    @Test func `the host's null node keeps its owner and mode, whoever holds it`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"maskedPaths":["/proc/timer_list"]}}"#)
        // A mode that the host's has anyway, should it get there.
        let acts = "/bin/probe change-mode /proc/timer_list 666 , follow /proc/self/fd/0 , stat /dev/null"
        try bundle.setArguments(acts.split(separator: " ").map(String.init))
        try bundle.writeConfiguration()

        let told = try shell("exec \(bundle.command("run")) < /dev/null").expecting(0).lines.map { try JSON(text: $0) }

        // Read-only; runc shows a node of the container's own there.
        if Programs.isOurRuntime { #expect(told[0].errno.number == 30) }
        func isTheContainers(_ stream: JSON) -> Bool {
          stream.inode.number == told[2].inode.number && stream.device.number == told[2].device.number
        }
        #expect(isTheContainers(told[1]))

        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let opened = try shell(
          "exec \(bundle.command("exec")) /bin/probe follow /proc/self/fd/0 , stat /dev/null < /dev/null"
        ).expecting(0).lines.map { try JSON(text: $0) }
        #expect(opened[0].inode.number == opened[1].inode.number)
        #expect(opened[0].device.number == opened[1].device.number)
        try bundle.delete(force: true)
      }
    }

    @Test func `the machine's console is not the container's to open`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.grant("CAP_MKNOD")

        let told = try bundle.perform("make-device /tmp/console 5 1", "read /tmp/console", "write /tmp/console x")

        #expect(told[0].isTrue)
        #expect(told[1].errno.number == 1)
        #expect(told[2].errno.number == 1)
      }
    }

    @Test func `a link in place of null does not misdirect masks`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"maskedPaths":["/proc/timer_list"]}}"#)
        // An image that brings its own /dev, on no mount, with a decoy in the place of the mask's source.
        try bundle.removeMount("/dev")
        try harbour.write("decoy", to: "\(bundle.name)/rootfs/etc/decoy")
        try shell("ln -s /etc/decoy \(bundle.rootfs)/dev/null")

        let outcome = try bundle.run(["/bin/probe", "read", "/proc/timer_list"])

        // Refused or masked, but never by the decoy, and nothing is written to it.
        #expect(!outcome.output.contains("decoy"))
        #expect(try shell("cat \(bundle.rootfs)/etc/decoy").output == "decoy")
      }
    }
  }
}

extension Bundle {
  /// The name of the bundle's directory in the harbour.
  var name: String { "bundle-\(id)" }

  func removeMount(_ destination: String) throws {
    let kept = (configuration.members["mounts"] as? [[String: Any]] ?? []).filter {
      !(($0["destination"] as? String) ?? "").hasPrefix(destination)
    }
    let list = try JSONSerialization.data(withJSONObject: kept)
    try configuration.merge(#"{"mounts":\#(String(decoding: list, as: UTF8.self))}"#)
  }
}
