import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// The runtime killed on its way, at many moments: `delete --force` must find and remove whatever is there, and nothing may run
  /// that is less isolated than was asked.
  @Suite struct Interruptions {
    /// Of each verb in the ordinary run.
    private static let sample = 20

    /// Gives a verb and kills it, or with `.all` every process that it has made as well, at one of its calls; 0 lets it be.
    @discardableResult
    private func interrupt(
      _ bundle: Bundle, _ words: [String], at call: Int, _ victim: KilledProgram.Victim = .caller
    ) throws -> KilledProgram {
      let report = bundle.harbour.path("report")
      // What it leaves running must not hold our pipes.
      let outcome = try run(
        ["sh", "-c", #"exec "$@" >/dev/null 2>&1"#, "-"] + KilledProgram.injector(at: call, victim, report: report)
          + [Programs.runtime, "--root", bundle.harbour.path("state")] + words, seconds: 60)
      let program = try KilledProgram(outcome, report: report)
      #expect(!program.report.contains("hung"), "\(words): \(program.report)")
      #expect(!program.report.contains("crashed"), "\(words): \(program.report)")
      return program
    }

    /// Gives the verb at each of the chosen moments, with all that comes before it and after it, half of the times with all of its
    /// processes killed.
    private func sweep(
      _ bundle: Bundle, _ words: [String], before: () throws -> Void = {},
      after: (_ moment: String) throws -> Void
    ) throws {
      try before()
      let calls = try interrupt(bundle, words, at: 0).calls
      try after("undisturbed")
      #expect(calls > 10)
      var killed = 0
      let moments = Moments.choose(of: calls, usually: Self.sample)
      for (place, call) in moments.enumerated() {
        try before()
        let program = try interrupt(bundle, words, at: call, place % 2 == 0 ? .caller : .all)
        if program.wasKilled { killed += 1 }
        try after("\(program.report) (SKIFF_TEST_SEED=\(Moments.seed))")
      }
      // Not every run makes as many calls.
      #expect(killed * 10 >= moments.count * 6, "\(killed) of \(moments.count)")
      if Moments.asked != nil { print("\(words[0]): killed \(killed) times in \(calls) calls") }
    }

    /// Whatever still runs of the container lives in its own namespaces and its own group, without capabilities.
    private func expectIsolation(_ bundle: Bundle) throws {
      let mark = bundle.path
      for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
        guard let id = Int32(name), id != getpid(),
          let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline"),
          // The program itself, not a runtime on its way to it.
          String(decoding: line, as: UTF8.self).hasPrefix("/bin/probe\0")
        else { continue }
        let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ") ?? Data()
        guard String(decoding: environment, as: UTF8.self).contains("MARK=\(mark)") else { continue }
        for kind in ["pid", "mnt", "net", "ipc", "uts"] {
          let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)")
          let its = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/ns/\(kind)")
          guard let its else { continue }
          #expect(its != own, "process \(name) shares its \(kind) namespace")
        }
        let status = String(
          decoding: FileManager.default.contents(atPath: "/proc/\(name)/status") ?? Data(), as: UTF8.self)
        if !status.isEmpty {
          #expect(status.contains("CapEff:\t0000000000000000"))
          #expect(status.contains("NoNewPrivs:\t1"))
        }
        // A process on its way out is in the root's group for a moment.
        var isInGroup = false
        for _ in 0..<50 where !isInGroup {
          let place = try? group("memory", of: Int(id))
          isInGroup = try place == nil || place?.hasPrefix("/skiff-test/\(bundle.id)") == true || hasEnded(Int(id))
          if !isInGroup { ClockTime.sleep(milliseconds: 20) }
        }
        #expect(isInGroup, "process \(name) is not in the container's control group")
      }
    }

    private func marked(_ harbour: Harbour) throws -> Bundle {
      let bundle = try Bundle(
        harbour, #"{"linux":{"resources":{"memory":{"limit":67108864},"pids":{"limit":20}}}}"#)
      try bundle.configuration.merge(#"{"process":{"env":["PATH=/bin","MARK=\#(bundle.path)"]}}"#)
      try bundle.setArguments(["/bin/probe", "wait"])
      try bundle.writeConfiguration()
      return bundle
    }

    /// Nothing is left: no state, no group, and the id can be used again.
    private func expectNothing(_ bundle: Bundle, _ moment: String) throws {
      try bundle.delete(force: true)
      #expect(!bundle.harbour.exists("state/\(bundle.id)"), "\(moment)")
      let groups = try shell("find /sys/fs/cgroup -type d -name '\(bundle.id)'").output
      #expect(groups == "", "\(moment)")
    }

    /// A verb that is killed before or after the container is there, and may leave it in one of these states.
    private func expectStatus(_ bundle: Bundle, in possible: [String], _ moment: String) throws {
      let status = try bundle.state().status.text
      #expect(possible.contains(status), "\(status): \(moment)")
    }

    @Test(arguments: ["create", "run"]) func `making a container, killed at any call`(verb: String) throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        let options = verb == "run" ? ["--detach"] : []
        try sweep(bundle, [verb] + options + ["--bundle", bundle.path, bundle.id]) { moment in
          try expectIsolation(bundle)
          try expectNothing(bundle, moment)
        }
      }
    }

    @Test func `start, killed at any call`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        try sweep(bundle, ["start", bundle.id], before: { try bundle.create() }) { moment in
          try expectStatus(bundle, in: ["created", "running", "stopped"], moment)
          try expectIsolation(bundle)
          try expectNothing(bundle, moment)
        }
      }
    }

    @Test(arguments: ["true", "detached"]) func `exec, killed at any call`(way: String) throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        try bundle.create()
        try bundle.start()
        let words =
          way == "detached"
          ? ["exec", "--detach", bundle.id, "/bin/probe", "sleep", "300"]
          : ["exec", bundle.id, "/bin/probe", "exit", "0"]
        try sweep(bundle, words) { moment in
          try expectIsolation(bundle)
          #expect(try bundle.state().status.text == "running", "\(moment)")
          // So that the limit on processes is not met.
          try bundle.runtime(["exec", bundle.id, "/bin/probe", "exit", "0"]).expecting(0)
          let ids = try JSON(text: bundle.runtime(["ps", "-f", "json", bundle.id]).expecting(0).output).numbers
          let first = try bundle.state().pid.number
          for id in ids where id != first { kill(Int32(id), SIGKILL) }
        }
        try expectNothing(bundle, "exec")
      }
    }

    @Test(arguments: ["kill", "kill --all", "delete --force"])
    func `the end of a container, killed at any call`(verb: String) throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        let words = verb.split(separator: " ").map(String.init) + [bundle.id] + (verb.hasPrefix("kill") ? ["KILL"] : [])
        try sweep(
          bundle, words,
          before: {
            try bundle.create()
            try bundle.start()
          },
          after: { moment in
            try expectIsolation(bundle)
            if verb.hasPrefix("kill") { try expectStatus(bundle, in: ["running", "stopped"], moment) }
            try expectNothing(bundle, moment)
          })
      }
    }

    @Test func `delete of a stopped container, killed at any call`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        try sweep(
          bundle, ["delete", bundle.id],
          before: {
            try bundle.create()
            try bundle.start()
            try bundle.kill()
            try bundle.await("stopped")
          }, after: { try expectNothing(bundle, $0) })
      }
    }
  }
}
