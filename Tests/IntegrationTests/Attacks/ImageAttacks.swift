import Foundation
import SkiffKernel
import Testing

extension Integration.Attacks {
  /// By an image whose links lead the runtime astray, and by whoever changes them while it works.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct ByLinks {
    /// A directory of the host that must stay as it is: one file in it.
    private func canary(_ harbour: Harbour) throws -> String {
      let directory = try harbour.makeDirectory("outside")
      try harbour.write("host", to: "outside/file")
      return directory
    }

    private func expectUnharmed(_ harbour: Harbour, sourceLocation: SourceLocation = #_sourceLocation) throws {
      let names = try FileManager.default.contentsOfDirectory(atPath: harbour.path("outside"))
      #expect(names == ["file"], sourceLocation: sourceLocation)
      #expect(try harbour.read("outside/file") == "host", sourceLocation: sourceLocation)
      let mounts = try shell("cat /proc/self/mountinfo").output
      #expect(!mounts.contains(harbour.path("outside")), sourceLocation: sourceLocation)
    }

    @Test func `attack: a destination that changes between directory and link while mounts are made`() throws {
      try inHarbour { harbour in
        // The host has directories of the same names, as it has an /etc: a mount that goes astray finds its place.
        let outside = try harbour.makeDirectory("outside")
        let places = (0..<12).map { "deep\($0)" }
        for place in places { try harbour.makeDirectory("outside/\(place)") }
        let bundle = try Bundle(harbour)
        try shell(
          "cd \(bundle.rootfs); mkdir race; ln -s \(outside) link; cd race; mkdir \(places.joined(separator: " "))")
        for place in places { try bundle.add(mount: "/race/\(place)", type: "tmpfs", options: ["mode=755"]) }
        try bundle.setArguments(["/bin/probe", "see"])
        try bundle.writeConfiguration()
        // Exchanges the two names as fast as it can (renameat2(2), RENAME_EXCHANGE).
        let swapper = try Session([
          "python3", "-c",
          """
          import ctypes, sys
          libc = ctypes.CDLL(None)
          a, b = (sys.argv[1] + name for name in ("/race", "/link"))
          print("ready", flush=True)
          while True: libc.renameat2(-100, a.encode(), -100, b.encode(), 2)
          """, bundle.rootfs,
        ])
        try swapper.expect("ready")
        for _ in 0..<60 {
          // Either made inside, all of them, or refused.
          let outcome = try bundle.runtime(["run", "--bundle", bundle.path, bundle.id])
          #expect([0, 1].contains(outcome.code), "\(outcome)")
          if outcome.code == 0 {
            let targets = try JSON(text: outcome.output).mounts.list.map(\.target.text)
            let made = targets.filter { $0.contains("/deep") }
            #expect(made.count == places.count, "only \(made) lie in the container")
          } else {
            _ = try bundle.runtime(["delete", "--force", bundle.id])
          }
        }
        try swapper.signal(9)
        _ = try swapper.wait()
        let left = try shell("cd \(outside); find . | sort").lines
        #expect(left == (["."] + places.map { "./\($0)" }).sorted(), "\(left)")
      }
    }

    @Test func `attack: a decoy in the place of procfs gets no setting and shows no label`() throws {
      try inHarbour { harbour in
        try shell("mkdir -p \(harbour.path("decoy"))/sys/net/ipv4 \(harbour.path("decoy"))/self/attr")
        try harbour.write("canary", to: "decoy/sys/net/ipv4/ip_forward")
        try harbour.write("canary", to: "decoy/self/attr/exec")
        try harbour.write("canary", to: "decoy/self/oom_score_adj")
        for type in ["bind", "tmpfs"] {
          let bundle = try Bundle(
            harbour, #"{"process":{"oomScoreAdj":55},"linux":{"sysctl":{"net.ipv4.ip_forward":"1"}}}"#)
          try bundle.removeMount("/proc")
          try bundle.add(
            mount: "/proc", type: type, source: harbour.path("decoy"), options: type == "bind" ? ["bind"] : [])

          let outcome = try bundle.run(["/bin/probe", "exit", "0"])

          #expect(outcome.code == 0 || !outcome.errors.isEmpty, "\(outcome)")
          for name in ["sys/net/ipv4/ip_forward", "self/attr/exec", "self/oom_score_adj"] {
            #expect(try harbour.read("decoy/\(name)") == "canary", "\(type): \(name)")
          }
        }
      }
    }

    @Test func `attack: a procfs of the image's own gets no setting`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"process":{"oomScoreAdj":55},"linux":{"sysctl":{"net.ipv4.ip_forward":"1"}}}"#)
        // Nothing is mounted over it: what a runtime writes by the path goes to the image.
        try bundle.removeMount("/proc")
        let files = ["sys/net/ipv4/ip_forward", "1/oom_score_adj", "self/oom_score_adj", "self/attr/exec"]
        for file in files { try harbour.write("canary", to: "\(bundle.name)/rootfs/proc/\(file)") }
        try shell("cp \(Programs.probe) \(bundle.rootfs)/bin/probe")

        let outcome = try bundle.run(["/bin/probe", "exit", "0"])

        #expect(outcome.code == 0, "\(outcome)")
        for file in files { #expect(try harbour.read("\(bundle.name)/rootfs/proc/\(file)") == "canary", "\(file)") }
      }
    }

    @Test func `attack: a null of the image's own is no mask`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"maskedPaths":["/proc/timer_list","/etc/hidden"]}}"#)
        // A /dev that the caller brings along is left as it is, with a link to what the attacker wants shown.
        try bundle.removeMount("/dev")
        let dev = try harbour.makeDirectory("dev")
        try shell("ln -s /etc/decoy \(dev)/null; mkdir \(dev)/pts \(dev)/shm \(dev)/mqueue")
        try bundle.removeMount("/dev/pts")
        try bundle.removeMount("/dev/shm")
        try bundle.removeMount("/dev/mqueue")
        try bundle.add(mount: "/dev", type: "bind", source: dev, options: ["rbind"])
        try harbour.write("decoy", to: "\(bundle.name)/rootfs/etc/decoy")
        try harbour.write("hidden", to: "\(bundle.name)/rootfs/etc/hidden")

        let told = try bundle.perform("read /proc/timer_list", "read /etc/hidden", "read /etc/decoy")

        #expect(told.map(\.text) == ["", "", "decoy"], "\(told)")
      }
    }

    @Test(arguments: ["proc", "sys"])
    func `attack: a link in the place of procfs or sysfs is refused`(name: String) throws {
      try inHarbour { harbour in
        _ = try canary(harbour)
        let bundle = try Bundle(harbour)
        try shell("rmdir \(bundle.rootfs)/\(name); mkdir \(bundle.rootfs)/decoy; ln -s /decoy \(bundle.rootfs)/\(name)")

        let outcome = try bundle.run(["/bin/probe", "exit", "0"])

        #expect(outcome.code == 1 && outcome.errors.contains("must be mounted on ordinary directory"), "\(outcome)")
        try expectUnharmed(harbour)
      }
    }

    @Test(arguments: ["up", "whole"])
    func `attack: a dev that is a link gets no device on the host`(kind: String) throws {
      try inHarbour { harbour in
        let outside = try canary(harbour)
        let bundle = try Bundle(
          harbour, #"{"linux":{"devices":[{"path":"/dev/mine","type":"c","major":1,"minor":3}]}}"#)
        try bundle.removeMount("/dev")
        let target = kind == "whole" ? outside : "../../../../../../../../../..\(outside)"
        try shell("rmdir \(bundle.rootfs)/dev; ln -s \(target) \(bundle.rootfs)/dev")

        _ = try bundle.run(["/bin/probe", "exit", "0"])

        try expectUnharmed(harbour)
      }
    }

    @Test(arguments: ["null", "zero", "ptmx", "stdin", "console", "mine"])
    func `attack: a link in the place of a device is not followed`(name: String) throws {
      try inHarbour { harbour in
        let outside = try canary(harbour)
        let bundle = try Bundle(
          harbour,
          #"{"process":{"terminal":true},"linux":{"maskedPaths":["/proc/timer_list"],"devices":[{"path":"/dev/mine","type":"c","major":1,"minor":5}]}}"#
        )
        try bundle.removeMount("/dev")
        // A terminal needs this much, on the image's own /dev.
        try bundle.add(mount: "/dev/pts", type: "devpts", options: ["newinstance", "ptmxmode=0666", "mode=0620"])
        try harbour.write("decoy", to: "\(bundle.name)/rootfs/etc/decoy")
        for target in [
          "\(outside)/file", "/etc/decoy", "../../../../../../../../../..\(outside)/new",
          "/proc/sys/kernel/core_pattern",
        ] {
          try shell("ln -sfn \(target) \(bundle.rootfs)/dev/\(name)")
          try bundle.setArguments(["/bin/probe", "read", "/proc/timer_list", ",", "read", "/etc/decoy", ",", "see"])
          try bundle.writeConfiguration()
          let session = try bundle.session(
            ["run", "--bundle", bundle.path, bundle.id], terminal: WindowSize(rows: 30, columns: 90))
          let outcome = try session.wait()
          _ = try bundle.runtime(["delete", "--force", bundle.id])

          // Refused, or everything is where it belongs: the mask is empty, the decoy what it was, no mount lies over a file of /proc/sys.
          let lines = outcome.output.split(whereSeparator: \.isNewline)
          #expect(outcome.code == 0 ? lines.count == 3 : outcome.output.contains("skiff-runtime: "), "\(outcome)")
          if outcome.code == 0, lines.count == 3 {
            #expect(lines[0] == "\"\"", "\(target): \(lines[0])")
            #expect(lines[1] == "\"decoy\"", "\(target): \(lines[1])")
            let places = try JSON(text: String(lines[2])).mounts.list.map(\.target.text)
            #expect(!places.contains { $0.hasPrefix("/proc/sys") || $0.hasPrefix("/etc") }, "\(target): \(places)")
          }
          #expect(try harbour.read("\(bundle.name)/rootfs/etc/decoy") == "decoy", "\(target)")
          try expectUnharmed(harbour)
        }
      }
    }

    @Test func `attack: a file that is made for a bind is not made through a link on the host`() throws {
      try inHarbour { harbour in
        let outside = try canary(harbour)
        let source = try harbour.write("source", to: "source")
        for target in ["\(outside)/new", "../../../../../../../../../..\(outside)/new", "\(outside)/file"] {
          let bundle = try Bundle(harbour)
          try shell("ln -s \(target) \(bundle.rootfs)/etc/place; ln -s \(outside) \(bundle.rootfs)/directory")
          try bundle.add(mount: "/etc/place", source: source, options: ["bind"])
          try bundle.add(mount: "/directory/made/deep", source: source, options: ["bind"])
          _ = try bundle.run(["/bin/probe", "exit", "0"])
          try expectUnharmed(harbour)
        }
      }
    }

    @Test
    func `attack: a masked path that is a link hides what it leads to in the container, and nothing of the host's`()
      throws
    {
      try inHarbour { harbour in
        let outside = try canary(harbour)
        let other = try harbour.makeDirectory("other")
        let bundle = try Bundle(harbour, #"{"linux":{"maskedPaths":["/way","/wayfile"],"readonlyPaths":["/way2"]}}"#)
        // The container has the same paths as the host: what the links lead to in there is what is to be hidden.
        try shell(
          """
          cd \(bundle.rootfs); ln -s \(outside) way; ln -s \(other)/file wayfile; ln -s \(other)/closed way2
          mkdir -p .\(outside) .\(other)/closed \(other)/closed; echo host > \(other)/file
          echo secret | tee .\(outside)/file > .\(other)/file
          """)
        try bundle.grant("CAP_DAC_OVERRIDE")

        let told = try bundle.perform(
          "read \(outside)/file", "read \(other)/file", "create \(other)/closed/made x", "create \(other)/open x")

        #expect(told[0].errno.number == 2 && told[1].text == "", "\(told)")
        #expect(told[2].errno.number == 30 && told[3].errno.isMissing, "\(told)")
        try shell("echo more > \(outside)/probe-file && rm \(outside)/probe-file")
        try expectUnharmed(harbour)
        #expect(try shell("cd \(other); find . | sort; cat file").lines == [".", "./closed", "./file", "host"])
      }
    }
  }
}
