import Foundation
import Testing

extension Integration.Specification {
  /// runtime.md.
  @Suite struct RuntimeClauses {
    @Test func `runtime.md State: version, id, status, absolute bundle, and the process while there is one`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"annotations":{"org.example.sea":"calm"}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        for status in ["created", "running", "stopped"] {
          if status == "running" { try bundle.start() }
          if status == "stopped" {
            try bundle.kill()
            try bundle.await("stopped")
          }
          let state = try bundle.state()
          #expect(state.ociVersion.text.wholeMatch(of: /1\.\d+\.\d+(-.*)?/) != nil, "\(state)")
          #expect(state.id.text == bundle.id)
          #expect(state.status.text == status)
          #expect(state.bundle.text == bundle.path)
          #expect(state.annotations["org.example.sea"].text == "calm")
          if status != "stopped" { #expect(FileManager.default.fileExists(atPath: "/proc/\(state.pid.number)")) }
        }
        try bundle.delete()
      }
    }

    @Test func `runtime.md Create: an id that is taken is refused, its container lives on, and is free after delete`()
      throws
    {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.startWaiting()

        let second = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])

        #expect(second.code != 0 && !second.errors.isEmpty)
        #expect(try bundle.state().status.text == "running")
        try bundle.kill()
        try bundle.await("stopped")
        try bundle.delete()
        try bundle.create()
        #expect(try bundle.state().status.text == "created")
        try bundle.delete(force: true)
      }
    }

    @Test func `runtime.md Create: namespaces and mounts are there and the program has not run`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "create", "/tmp/ran", "x"])
        try bundle.create()

        let process = try bundle.state().pid.number
        #expect(
          try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/mnt") != hostNamespace("mnt"))
        #expect(try shell("cat /proc/\(process)/mountinfo").output.contains("/dev/mqueue"))
        #expect(!FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/ran"))

        try bundle.start()
        try bundle.await("stopped")
        #expect(FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/ran"))
        try bundle.delete()
      }
    }

    @Test func `runtime.md Lifecycle: a configuration that changes after create changes nothing`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "create", "/tmp/first", "x"])
        try bundle.create()
        try bundle.setArguments(["/bin/probe", "create", "/tmp/second", "x"])
        try bundle.configuration.merge(#"{"hostname":"other"}"#)
        try bundle.writeConfiguration()

        try bundle.start()
        try bundle.await("stopped")

        #expect(FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/first"))
        #expect(!FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/second"))
        try bundle.delete()
      }
    }

    @Test func `runtime.md Create: a property that cannot be applied is an error, and there is no container`() throws {
      try inHarbour { harbour in
        for patch in [
          #"{"mounts":[{"destination":"/data","type":"bind","source":"/there/is/no/such","options":["bind"]}]}"#,
          #"{"linux":{"sysctl":{"kernel.there.is.none":"1"}}}"#,
          #"{"mounts":[{"destination":"/data","type":"no-such-file-system","source":"none"}]}"#,
          #"{"root":{"path":"no-such-root"}}"#,
        ] { try expectRefusal(harbour, patch, "\(patch)") }
      }
    }

    @Test(arguments: ["state", "create", "start", "kill", "delete"])
    func `runtime.md Operations: without an id nothing is done and there is an error`(verb: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.writeConfiguration()

        let outcome = try bundle.runtime(verb == "create" ? ["create", "--bundle", bundle.path] : [verb])

        #expect(outcome.code != 0)
        #expect(try bundle.runtime(["list", "-q"]).output == "")
      }
    }

    @Test(arguments: ["state", "start", "kill", "delete"])
    func `runtime.md Operations: a container that is not there is an error`(verb: String) throws {
      try inHarbour { harbour in
        let outcome = try Bundle(harbour).runtime([verb, "nobody"] + (verb == "kill" ? ["KILL"] : []))

        #expect(outcome.code != 0 && !outcome.errors.isEmpty)
      }
    }

    @Test func `runtime.md Create: a bundle without a configuration is an error`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        #expect(try bundle.runtime(["create", "--bundle", bundle.path, bundle.id]).code != 0)
        #expect(try bundle.runtime(["state", bundle.id]).code != 0)
      }
    }

    @Test func `runtime.md Start: what is not created is not started, and stays as it is`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.startWaiting()
        let process = try bundle.state().pid.number

        #expect(try bundle.runtime(["start", bundle.id]).code != 0)
        #expect(try bundle.state().status.text == "running")
        #expect(try bundle.state().pid.number == process)
        try bundle.kill()
        try bundle.await("stopped")
        #expect(try bundle.runtime(["start", bundle.id]).code != 0)
        #expect(try bundle.state().status.text == "stopped")
        try bundle.delete()
      }
    }

    @Test func `runtime.md Start: without a process there is an error`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.merge(#"{"process":null}"#)
        try bundle.writeConfiguration()

        // Whether create or start says so is left to the runtime.
        let created = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])
        if created.code == 0 {
          #expect(try bundle.runtime(["start", bundle.id]).code != 0)
          try bundle.delete(force: true)
        }
        #expect(created.code == 0 || !created.errors.isEmpty)
      }
    }

    @Test func `runtime.md Kill: the signal that is named reaches the process`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "trap", "USR1", "HUP", "TERM"])
        try bundle.writeConfiguration()
        let session = try bundle.session(["run", "--bundle", bundle.path, bundle.id])
        try session.expect("ready")

        for (name, number) in [("USR1", 10), ("HUP", 1), ("TERM", 15)] {
          try bundle.kill(name)
          try session.expect(#"{"signal":\#(number)}"#)
        }
        #expect(try session.wait().code == 0)
      }
    }

    @Test func `runtime.md Kill: a created process can be ended, a stopped one is an error`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()

        try bundle.kill("KILL")
        try bundle.await("stopped")
        let again = try bundle.runtime(["kill", bundle.id, "KILL"])

        #expect(again.code != 0 && !again.errors.isEmpty)
        #expect(try bundle.state().status.text == "stopped")
        try bundle.delete()
      }
    }

    @Test func `runtime.md Delete: what runs is not deleted and runs on`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.startWaiting()

        let refused = try bundle.runtime(["delete", bundle.id])

        #expect(refused.code != 0 && !refused.errors.isEmpty)
        #expect(try bundle.state().status.text == "running")
        try bundle.delete(force: true)
      }
    }

    @Test func `runtime.md Delete: what create made goes, what others made stays`() throws {
      try inHarbour { harbour in
        let keeper = try Session(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 60"])
        try keeper.expect("ready")
        let theirs = "/proc/\(keeper.processID)/ns/net"
        try harbour.write("kept", to: "source/file")
        let bundle = try Bundle(harbour)
        try bundle.join("network", at: theirs)
        try bundle.add(mount: "/data", source: harbour.path("source"), options: ["bind"])
        try bundle.startWaiting()
        #expect(try !shell("find /sys/fs/cgroup -type d -name \(bundle.id)").lines.isEmpty)

        try bundle.kill()
        try bundle.await("stopped")
        try bundle.delete()

        #expect(try shell("find /sys/fs/cgroup -type d -name \(bundle.id)").lines.isEmpty)
        #expect(try bundle.runtime(["state", bundle.id]).code != 0)
        #expect(try harbour.read("source/file") == "kept")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: theirs).hasPrefix("net:"))
        try keeper.signal(9)
        _ = try keeper.wait()
      }
    }

    @Test func `runtime-linux.md Dev symbolic links: they lead to the process's own files`() throws {
      try inHarbour { harbour in
        let devices = try Bundle(harbour).see().devices

        for (name, target) in [
          ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
          ("stderr", "/proc/self/fd/2"),
        ] { #expect(devices[name].link.text == target, "\(name)") }
      }
    }
  }
}
