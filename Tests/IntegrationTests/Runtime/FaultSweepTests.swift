import Foundation
import Testing

extension Integration {
  /// Every system call of a verb made to fail once, with each of six errors: the runtime neither hangs nor crashes, no container has
  /// less isolation than was asked, and nothing is left that `delete --force` does not remove.
  ///
  /// The ordinary run takes a sample. The whole is asked for by hand, a verb and an error at a time:
  /// `SKIFF_TEST_FAULTS=run:EIO`, or `run` for all its errors.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct FaultSweep {
    enum Verb: String, CaseIterable {
      case run, create, start, exec, kill, delete
      case deleteRunning = "delete-running"
    }

    static let errors = ["EPERM": 1, "EINTR": 4, "EIO": 5, "ENOMEM": 12, "EMFILE": 24, "ENOSPC": 28]

    /// Faults of each verb in the ordinary run.
    private static let sample = 16

    /// What is to fail: the number of the call, and the error.
    private struct Fault: CustomStringConvertible {
      let call: Int
      let error: String

      var description: String { "\(error) at call \(call)" }
    }

    /// Everything that a runtime keeps a container by, in one configuration.
    private static let strict = """
      {"process":{"args":["/bin/probe","see",",","read","/dev/forbidden",",","read","/proc/timer_list",
          ",","read","/sys/fs/cgroup/\(isVersion1 ? "memory/memory.limit_in_bytes" : "memory.max")",
          ",","make-directory","/tmp/x"],
        "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]},
        "rlimits":[{"type":"RLIMIT_NOFILE","soft":100,"hard":200}],"oomScoreAdj":100},
       "root":{"readonly":true},
       "linux":{"devices":[{"path":"/dev/forbidden","type":"c","major":10,"minor":237}],
        "maskedPaths":["/proc/timer_list","/proc/acpi"],"readonlyPaths":["/proc/sys","/proc/irq"],
        "sysctl":{"net.ipv4.ip_unprivileged_port_start":"81"},
        "resources":{"memory":{"limit":67108864},"pids":{"limit":20}},
        "seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}}}
      """

    private func strictBundle(_ harbour: Harbour) throws -> Bundle {
      let bundle = try Bundle(harbour, Self.strict)
      try bundle.configuration.append(#"{"type":"cgroup"}"#, to: "linux", "namespaces")
      try bundle.configuration.append(
        #"{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["ro","nosuid","noexec","nodev"]}"#,
        to: "mounts")
      try bundle.writeConfiguration()
      return bundle
    }

    /// What a container must show whatever failed on the way to it, without what differs each time.
    private func isolation(_ text: String, of id: String) throws -> String {
      let lines = text.split(separator: "\n").map(String.init)
      guard let first = lines.first else { return "" }
      let seen = try JSON(text: first)
      var facts: [String] = []
      for name in [
        "hostname", "umask", "cwd", "processes", "rlimits", "oomScoreAdjustment", "mounts", "cgroups", "sessionID",
        "devices", "uidMap", "links", "environment", "pid", "ppid",
      ] {
        // Numbers of devices and nodes are new each time.
        let plain = seen[name].description.replacing(/"(device|inode)":[0-9]+,?/, with: "")
        facts.append("\(name) \(plain)")
      }
      for name in [
        "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Uid", "Gid",
        "Groups", "SigBlk", "SigIgn",
      ] { facts.append("\(name) \(seen.status[name])") }
      for name in seen.namespaces.keys {
        facts.append("\(name) \(seen.namespaces[name].text == hostNamespace(name) ? "of the host" : "own")")
      }
      facts.append("descriptors \(seen.descriptors.keys)")
      // A session keyring is named after its container; that of an earlier one may still be on its way out.
      facts.append("keyring \(seen["keys"].texts.contains { $0.contains(id) })")
      return (facts + lines.dropFirst()).joined(separator: "\n")
    }

    /// The verb's own words, and where the output of the container goes.
    private func words(_ verb: Verb, _ bundle: Bundle) -> [String] {
      switch verb {
      case .run: ["run", "--bundle", bundle.path, bundle.id]
      case .create: ["create", "--bundle", bundle.path, bundle.id]
      case .start: ["start", bundle.id]
      case .exec:
        [
          "exec", bundle.id, "/bin/probe", "see", ",", "read", "/dev/forbidden", ",", "read", "/proc/timer_list", ",",
          "make-directory", "/tmp/x",
        ]
      case .kill: ["kill", bundle.id, "KILL"]
      case .delete: ["delete", bundle.id]
      case .deleteRunning: ["delete", "--force", bundle.id]
      }
    }

    /// Runs one verb with one fault and looks at what became of it; gives how many calls were made, and what the container showed.
    private func perform(_ verb: Verb, _ fault: Fault?, _ bundle: Bundle) throws -> (calls: Int, isolation: String) {
      let harbour = bundle.harbour
      let (report, shown) = (harbour.path("report"), harbour.path("shown"))
      try Data().write(to: URL(filePath: shown))
      func bring(_ words: [String]) throws {
        // The container's output goes to a file that outlives the command.
        try run(
          ["sh", "-c", #"exec "$@" >"$0""#, shown, Programs.runtime, "--root", harbour.path("state")] + words
        ).expecting(0)
      }
      switch verb {
      case .run, .create: break
      case .start: try bring(words(.create, bundle))
      case .exec, .kill, .deleteRunning, .delete:
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.writeConfiguration()
        try bring(words(.create, bundle))
        try bundle.start()
        if verb == .delete {
          try bundle.kill()
          try bundle.await("stopped")
        }
      }

      let outcome = try run(
        [
          "sh", "-c", #"exec "$@" >>"$0""#, shown, Programs.faultInjector, report, "10", "\(fault?.call ?? 0)",
          "\(fault.flatMap { Self.errors[$0.error] } ?? 0)", Programs.runtime, "--root", harbour.path("state"),
        ] + words(verb, bundle), seconds: 30)
      let told = try harbour.read("report")
      let what = "\(verb.rawValue), \(fault.map(\.description) ?? "undisturbed"): \(told)\(outcome)"

      #expect(!told.contains("hung"), "\(what)")
      #expect(!told.contains("crashed"), "\(what)")
      // The words for a program that cannot be executed are runc's.
      #expect(
        ["skiff-runtime: ", "exec /bin/probe: "].contains { outcome.errors.contains($0) } || outcome.code == 0,
        "\(what)")
      // 255 is what callers know of exec.
      #expect([0, 1, 255].contains(outcome.code), "\(what)")
      #expect(outcome.errors.split(separator: "\n").count <= 3, "\(what)")
      try look(verb, outcome, bundle, what)
      let isolation = try isolation(harbour.read("shown"), of: bundle.id)

      try bundle.delete(force: true)
      #expect(places(of: bundle) == [], "\(what)")
      let line = told.split(separator: "\n").first { $0.hasPrefix("calls ") }
      return (line.flatMap { Int($0.dropFirst(6)) } ?? 0, isolation)
    }

    /// What must be true of the container right after the verb.
    private func look(_ verb: Verb, _ outcome: Outcome, _ bundle: Bundle, _ what: String) throws {
      switch (verb, outcome.code) {
      case (.create, 0):
        // The fault may have met the process that waits, once create had done its part.
        if try bundle.state().status.text == "created" { try bundle.start() }
        try bundle.await("stopped")
      case (.start, 0): try bundle.await("stopped")
      case (.create, _): #expect(places(of: bundle) == [], "\(what)")
      case (.start, _):
        let status = try bundle.state().status.text
        #expect(["created", "running", "stopped"].contains(status), "\(status): \(what)")
        if status == "running" { try bundle.await("stopped") }
      case (.exec, _): #expect(try bundle.state().status.text == "running", "\(what)")
      case (.kill, 0): try bundle.await("stopped")
      case (.kill, _):
        #expect(["running", "stopped"].contains(try bundle.state().status.text), "\(what)")
      case (.run, 0), (.delete, 0), (.deleteRunning, 0): #expect(places(of: bundle) == [], "\(what)")
      case (.run, _), (.delete, _), (.deleteRunning, _): break
      }
    }

    /// What there is of a container on the host.
    private func places(of bundle: Bundle) -> [String] {
      let root = "/sys/fs/cgroup"
      let groups = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).map { "\(root)/\($0)" } + [root]
      return (groups.map { "\($0)/skiff-test/\(bundle.id)" } + [bundle.harbour.path("state/\(bundle.id)")])
        .filter { FileManager.default.fileExists(atPath: $0) }
    }

    /// The faults that are tried: all that the environment asks for, else a sample, the same each time.
    private func faults(_ verb: Verb, calls: Int) -> [Fault] {
      if let asked = ProcessInfo.processInfo.environment["SKIFF_TEST_FAULTS"] {
        let parts = asked.split(separator: ":").map(String.init)
        guard parts.first == verb.rawValue else { return [] }
        let errors = Self.errors.keys.sorted().filter { parts.count < 2 || parts[1] == $0 }
        let range = parts.count > 2 ? Int(parts[2]).map { $0...$0 } : nil
        return errors.flatMap { error in
          // Some calls more: not every run makes the same number.
          (range ?? 1...(calls + 5)).map { Fault(call: $0, error: error) }
        }
      }
      var state = UInt64(calls)
      let errors = Self.errors.keys.sorted()
      return (0..<Self.sample).map { place in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Fault(call: 1 + Int(state >> 33) % calls, error: errors[place % errors.count])
      }
    }

    @Test(arguments: Verb.allCases) func `a call that fails once costs no isolation and leaves nothing`(verb: Verb)
      throws
    {
      if let asked = ProcessInfo.processInfo.environment["SKIFF_TEST_FAULTS"],
        asked.split(separator: ":").first != verb.rawValue[...]
      {
        return
      }
      try inHarbour { harbour in
        let bundle = try strictBundle(harbour)
        let usual = try perform(verb, nil, bundle)
        #expect(usual.calls > 20)
        if [.run, .create, .start, .exec].contains(verb) { try #require(usual.isolation.contains("Seccomp 2")) }

        for fault in faults(verb, calls: usual.calls) {
          let (_, isolation) = try perform(verb, fault, bundle)
          // A container that was ended on its way has shown a part.
          let pairs = zip(isolation.split(separator: "\n"), usual.isolation.split(separator: "\n"))
          for (was, wanted) in pairs where was != wanted {
            Issue.record("\(verb.rawValue), \(fault): \(was)\ninstead of \(wanted)")
          }
        }
      }
    }
  }
}
