import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Options that runc and crun have and engines use.
  @Suite struct Options {
    @Test func `a container without a cgroup path is found by its id alone, from anywhere`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"cgroupsPath":null}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number
        #expect(try group("memory", of: process) == "/skiff/\(bundle.id)")

        // Its state is lost; whoever asks lives in another group.
        try FileManager.default.removeItem(atPath: harbour.path("state/\(bundle.id)"))
        try bundle.delete(force: true)

        #expect(try hasEnded(process))
      }
    }

    @Test func `a configuration of another name is taken from the bundle or by its whole path`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "exit", "5"])
        try bundle.writeConfiguration()
        try shell("mv \(bundle.path)/config.json \(bundle.path)/other.json")

        for name in ["other.json", "\(bundle.path)/other.json"] {
          #expect(try bundle.runtime(["run", "--config", name, "--bundle", bundle.path, bundle.id]).code == 5)
        }
        let absent = try bundle.runtime(["run", "-b", bundle.path, bundle.id])
        #expect(absent.errors.contains("config.json"))
      }
    }

    @Test func `kill and delete take an expression for many containers`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundles = try ["one", "two", "tre"].map { name in
          let bundle = try Bundle(harbour, id: "\(harbour.mark)-\(name)")
          try bundle.setArguments(["/bin/probe", "wait"])
          try bundle.create()
          try bundle.start()
          return bundle
        }
        try bundles[0].runtime(["kill", "--regex", ".(one|two)$", "KILL"]).expecting(0)
        try bundles[0].await("stopped")
        try bundles[1].await("stopped")
        #expect(try bundles[2].state().status.text == "running")

        try bundles[0].runtime(["delete", "--force", "--regex", "^\(harbour.mark)-t"]).expecting(0)
        #expect(try bundles[0].runtime(["list", "-q"]).expecting(0).lines == [bundles[0].id])
        #expect(try bundles[0].runtime(["delete", "--regex", "("]).code == 1)
        try bundles[0].delete()
      }
    }

    @Test func `options of one dash are understood as engines send them`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()

        #expect(try bundle.runtime(["run", "-no-new-keyring", "-bundle=\(bundle.path)", bundle.id]).code == 0)
        #expect(try bundle.runtime(["run", bundle.id, "-b", bundle.path]).code == 0)
      }
    }

    @Test func `a caller's socket gets a handle on the process`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        let place = try Descriptor.workingDirectory.open(try KernelPath(harbour.directory), [.directory])
        let listener = try UnixSocket.listen(at: "pidfd", in: place.descriptor, type: .stream)

        try bundle.create(["--pidfd-socket", harbour.path("pidfd")])
        try expectHandle(listener.descriptor, payload: "standard", isOf: try bundle.state().pid.number)
        try bundle.start()

        let exec = try bundle.session([
          "exec", "--pidfd-socket", harbour.path("pidfd"), "--pid-file", harbour.path("pid"), bundle.id, "/bin/probe",
          "trap", "TERM",
        ])
        try exec.expect("ready")
        let process = try awaitedProcess(harbour)
        try expectHandle(listener.descriptor, payload: "setns", isOf: process)
        try bundle.delete(force: true)
        _ = try exec.wait()
      }
    }

    /// From the pid file, which can come after the program's first words.
    private func awaitedProcess(_ harbour: Harbour) throws -> Int {
      for _ in 0..<500 where !harbour.exists("pid") { ClockTime.sleep(milliseconds: 20) }
      return try #require(Int(try harbour.read("pid")))
    }

    private func expectHandle(_ listener: Descriptor, payload: String, isOf process: Int) throws {
      let connection = try listener.accept()
      var buffer = [UInt8](repeating: 0, count: 64)
      let (count, file) = try connection.descriptor.receive(into: &buffer)
      #expect(String(decoding: buffer[..<count], as: UTF8.self) == payload)
      let handle = FileDescriptor(adopting: try #require(file))
      let facts = try shell("cat /proc/\(getpid())/fdinfo/\(handle.number)")
      #expect(facts.lines.contains("Pid:\t\(process)"))
    }

    @Test func `exec enters a group beneath the container's`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        let own = try group("memory", of: try bundle.state().pid.number)
        let root = isVersion1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup"
        try shell("mkdir \(root)\(own)/below")

        let option = isVersion1 ? "memory:below" : "below"
        let exec = try bundle.session([
          "exec", "--pid-file", harbour.path("pid"), "--cgroup", option, bundle.id, "/bin/probe", "trap", "TERM",
        ])
        try exec.expect("ready")
        let process = try awaitedProcess(harbour)
        #expect(try group("memory", of: process) == own + "/below")

        for bad in ["../..", "absent", "nothing:below"] {
          let refused = try bundle.runtime(["exec", "--cgroup", bad, bundle.id, "/bin/probe", "exit", "0"])
          #expect(refused.code != 0, "\(bad)")
        }
        try bundle.delete(force: true)
        _ = try exec.wait()
      }
    }

    @Test func `without control groups a container stays in the caller's, and limits are refused`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.writeConfiguration()
        let root = harbour.path("state")
        let disabled = [Programs.runtime, "--root", root, "--cgroup-manager", "disabled"]

        try run(disabled + ["create", "--bundle", bundle.path, bundle.id]).expecting(0)
        try bundle.start()
        let process = try bundle.state().pid.number
        #expect(try group("memory", of: process) == group("memory", of: Int(getpid())))
        #expect(try bundle.runtime(["pause", bundle.id]).errors.contains("no control group"))
        try bundle.delete(force: true)

        try bundle.configuration.merge(#"{"linux":{"resources":{"memory":{"limit":67108864}}}}"#)
        try bundle.writeConfiguration()
        let refused = try run(disabled + ["create", "--bundle", bundle.path, bundle.id])
        #expect(refused.code == 1)
        #expect(refused.errors.contains("linux.resources"))
      }
    }

    @Test func `global options that cannot be kept are refused`() throws {
      guard Programs.isOurRuntime else { return }
      #expect(try run([Programs.runtime, "--cgroup-manager", "mine", "list"]).code == 1)
      #expect(try run([Programs.runtime, "--rootless", "perhaps", "list"]).code == 1)
      #expect(try run([Programs.runtime, "--rootless=true", "--root", "/var", "list", "-q"]).code == 0)
    }
  }
}
