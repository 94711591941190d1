import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// The verbs of the runtime, and what each says of the container's state.
  @Suite struct Lifecycle {
    @Test func `a container is created, started, killed and deleted`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])

        try bundle.create(["--pid-file", harbour.path("pid")])
        let created = try bundle.state()
        #expect(created.status.text == "created")
        #expect(created.id.text == bundle.id)
        #expect(created.bundle.text == bundle.path)
        #expect(created.ociVersion.text.hasPrefix("1."))
        #expect(try harbour.read("pid") == "\(created.pid.number)")
        // The program is not running yet, but the namespaces are there.
        #expect(try shell("cat /proc/\(created.pid.number)/cmdline").output.contains("/bin/probe") == false)

        try bundle.start()
        #expect(try bundle.state().status.text == "running")

        try bundle.kill("KILL")
        try bundle.await("stopped")
        try bundle.delete()
        #expect(try bundle.runtime(["state", bundle.id]).code == 1)
      }
    }

    @Test func `the state tells annotations and time of creation`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"annotations":{"org.example.sea":"calm"}}"#)
        try bundle.create()

        let state = try bundle.state()

        #expect(state.annotations["org.example.sea"].text == "calm")
        #expect(state.rootfs.text.isEmpty || state.rootfs.text == bundle.rootfs)
        try bundle.delete(force: true)
      }
    }

    @Test func `exit codes are the program's own, or 128 and the signal`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        #expect(try bundle.run(["/bin/probe", "exit", "0"]).code == 0)
        #expect(try bundle.run(["/bin/probe", "exit", "37"]).code == 37)
        #expect(try bundle.run(["/bin/probe", "fork-bomb", "1", ",", "exit", "255"]).code == 255)
      }
    }

    @Test func `run passes signals on`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "trap", "USR1", "HUP", "TERM"])
        try bundle.writeConfiguration()
        let session = try bundle.session(["run", "--bundle", bundle.path, bundle.id])
        try session.expect("ready")

        try session.signal(10)
        try session.expect(#"{"signal":10}"#)
        try session.signal(1)
        try session.expect(#"{"signal":1}"#)
        try session.signal(15)
        try session.expect(#"{"signal":15}"#)

        #expect(try session.wait().code == 0)
      }
    }

    @Test func `standard input reaches the program, its output comes back apart`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        let outcome = try bundle.run(["/bin/probe", "read", "/proc/self/fd/0"], input: "words from outside")

        #expect(outcome.lines == [#""words from outside""#])
        #expect(outcome.errors == "")
      }
    }

    @Test func `run detached comes back at once and holds nothing open`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "sleep", "100", ",", "wait"])
        try bundle.writeConfiguration()

        let outcome = try shell(
          "\(Programs.runtime) --root \(harbour.path("state")) run -d -b \(bundle.path) \(bundle.id) </dev/null >/dev/null 2>&1"
        )

        #expect(outcome.code == 0)
        #expect(try bundle.state().status.text == "running")
        try bundle.delete(force: true)
      }
    }

    @Test func `what may not be done in a state is refused in words that callers know`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()

        let again = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])
        #expect(again.code == 1)
        #expect(again.errors.contains("container with given ID already exists"))

        try bundle.start()
        let twice = try bundle.runtime(["start", bundle.id])
        #expect(twice.code == 1)
        #expect(twice.errors.contains("cannot start"))

        let early = try bundle.runtime(["delete", bundle.id])
        #expect(early.code == 1)
        #expect(early.errors.contains("not stopped"))

        try bundle.kill("9")
        try bundle.await("stopped")
        let late = try bundle.runtime(["kill", bundle.id, "15"])
        #expect(late.code == 1)
        #expect(late.errors.contains("container not running"))

        let dead = try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"])
        #expect(dead.code != 0)
        #expect(dead.errors.contains("stopped"))
        try bundle.delete()
      }
    }

    @Test func `a container that is not there`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        for verb in [["state"], ["start"], ["kill"], ["delete"]] {
          let outcome = try bundle.runtime(verb + ["nobody"])
          #expect(outcome.code == 1, "\(verb)")
          #expect(outcome.errors.contains("container does not exist"), "\(outcome)")
        }
        #expect(try bundle.runtime(["delete", "--force", "nobody"]).code == 0)
      }
    }

    @Test func `kill takes numbers, names and names with SIG`() throws {
      try inHarbour { harbour in
        for signal in ["USR1", "SIGUSR1", "10"] {
          let bundle = try Bundle(harbour)
          try bundle.setArguments(["/bin/probe", "trap", "USR1"])
          try bundle.writeConfiguration()
          let session = try bundle.session(["run", "--bundle", bundle.path, bundle.id])
          try session.expect("ready")

          try bundle.kill(signal)

          try session.expect(#"{"signal":10}"#)
          #expect(try session.wait().code == 0)
        }
        #expect(try Bundle(harbour).runtime(["kill", "nobody", "SIGNONSENSE"]).code == 1)
      }
    }

    @Test func `options may follow the id and be joined by an equals sign`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "exit", "4"])
        try bundle.writeConfiguration()

        if Programs.isOurRuntime {
          #expect(try bundle.runtime(["run", bundle.id, "-b", bundle.path]).code == 4)
        }
        #expect(try bundle.runtime(["run", "--bundle=\(bundle.path)", bundle.id]).code == 4)
      }
    }

    @Test func `list tells every container, as a table, JSON or ids alone`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.makeDirectory("state")
        #expect(try bundle.runtime(["list", "-q"]).expecting(0).lines == [])
        try bundle.create()

        #expect(try bundle.runtime(["list", "-q"]).expecting(0).lines == [bundle.id])
        let table = try bundle.runtime(["list"]).expecting(0)
        #expect(table.lines.first?.hasPrefix("ID") == true)
        #expect(table.output.contains("created"))
        let list = try JSON(text: try bundle.runtime(["list", "--format=json"]).expecting(0).output)
        #expect(list.list.count == 1)
        #expect(list[0].id.text == bundle.id)
        #expect(list[0].status.text == "created")
        #expect(list[0].pid.number > 0)
        try bundle.delete(force: true)
      }
    }

    @Test func `a specification to start from runs`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.runtime(["spec", "--bundle", bundle.path]).expecting(0)

        let written = try Document(try harbour.read("\(bundle.name)/config.json"))

        #expect(written.members["ociVersion"] as? String != nil)
        bundle.configuration = written
        // The example asks for a terminal and a shell.
        try bundle.configuration.merge(#"{"process":{"terminal":false}}"#)
        let seen = try JSON(text: try bundle.run(["/bin/probe", "see"]).expecting(0).output)
        #expect(seen.pid.number == 1)
        #expect(try bundle.runtime(["spec", "--bundle", bundle.path]).code == 1, "it does not overwrite")
      }
    }

    @Test func `features and version tell what the runtime can do`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        let features = try JSON(text: try bundle.runtime(["features"]).expecting(0).output)
        #expect(features.ociVersionMin.text.hasPrefix("1.0"))
        #expect(features.hooks.texts.contains("createRuntime"))
        #expect(features.mountOptions.texts.contains("rro"))
        #expect(Set(features.linux.namespaces.texts).isSuperset(of: ["pid", "user", "cgroup"]))
        #expect(features.linux.seccomp.enabled.isTrue)
        #expect(features.linux.seccomp.actions.texts.contains("SCMP_ACT_NOTIFY"))
        #expect(features.linux.seccomp.operators.texts.count == 7)
        #expect(features.linux.seccomp.archs.texts.contains("SCMP_ARCH_RISCV64"))
        #expect(features.linux.seccomp.supportedFlags.texts.contains("SECCOMP_FILTER_FLAG_LOG"))

        if Programs.isOurRuntime {
          #expect(features.ociVersionMax.text == "1.3.0")
          #expect(
            features.linux.keys == [
              "apparmor", "capabilities", "cgroup", "intelRdt", "memoryPolicy", "mountExtensions", "namespaces",
              "netDevices", "seccomp", "selinux",
            ])
          #expect(features.linux.namespaces.texts.count == 8)
          #expect(features.linux.capabilities.texts.count == 41)
          #expect(features.linux.memoryPolicy.modes.texts.contains("MPOL_INTERLEAVE"))
          #expect(features.linux.intelRdt.monitoring.isTrue && features.linux.netDevices.enabled.isTrue)
          #expect(features.linux.mountExtensions.idmap.enabled.isTrue)
          #expect(!features.potentiallyUnsafeConfigAnnotations.isMissing)
          #expect(features.mountOptions.texts.contains("tmpcopyup"))
        }

        let version = try run([Programs.runtime, "--version"]).expecting(0)
        #expect(version.output.contains("spec:"))
      }
    }

    @Test func `messages go to the log as JSON when asked for`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let log = harbour.path("log.json")

        let outcome = try run(
          [
            Programs.runtime, "--root", harbour.path("state"), "--log", log, "--log-format", "json", "create",
            "--bundle", harbour.path("absent"), bundle.id,
          ])

        #expect(outcome.code == 1)
        let line = try JSON(text: try harbour.read("log.json").split(separator: "\n").last.map(String.init) ?? "")
        #expect(line.level.text == "error")
        #expect(line.msg.text.contains("no such file or directory"))
        #expect(line.time.text.contains("T"))
      }
    }

    @Test func `a container in a user namespace without the host's root is created and started`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.enterUserNamespace()
        try bundle.setArguments(["/bin/probe", "create", "/tmp/ran", "x"])
        try bundle.create()

        try bundle.runtime(["start", bundle.id], seconds: 20).expecting(0)

        try bundle.await("stopped")
        #expect(harbour.exists("\(bundle.name)/rootfs/tmp/ran"))
        try bundle.delete()
      }
    }

    @Test func `a create that fails leaves nothing`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/absent"])
        try bundle.writeConfiguration()

        let outcome = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])

        #expect(outcome.code == 1)
        #expect(try bundle.runtime(["list", "-q"]).lines == [])
        #expect(try bundle.runtime(["state", bundle.id]).code == 1)
      }
    }
  }
}
