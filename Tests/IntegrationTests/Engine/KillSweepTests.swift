import Foundation
import Testing

extension Integration {
  /// Commands and monitors killed at each of many of their system calls: what the next command finds it mends, `rm --force` removes
  /// what is listed, nothing else is left, and commands on another container never wait.
  @Suite struct KillSweep {
    enum Verb: String, CaseIterable {
      case run, exec, stop, rm
    }

    enum Victim: String, CaseIterable {
      case command, monitor, both
    }

    /// Of each verb and victim in the ordinary run.
    private static let sample = 3

    /// A container that ends when it is told to.
    private static let obedient = #"trap "exit 3" TERM; sleep 1000 & wait"#

    /// How a container is made: each way has calls of its own.
    private struct Way {
      /// Somebody stays with it until its end.
      var isAttached = false
      var removesItself = false

      static let all = [
        Way(), Way(removesItself: true), Way(isAttached: true), Way(isAttached: true, removesItself: true),
      ]
    }

    private struct Surroundings {
      let store: Store
      let remains: Remains
      var report: String { store.harbour.path("report") }
    }

    /// The ways that are tried: one of them in the ordinary run, another one each time.
    private func ways(_ verb: Verb) -> [Way] {
      let possible = verb == .run ? Way.all : verb == .exec ? [Way()] : Array(Way.all.prefix(2))
      return Moments.asked == nil ? [possible[Int(Moments.seed % UInt64(possible.count))]] : possible
    }

    @Test(arguments: Verb.allCases, Victim.allCases)
    func `killed at any of its calls`(verb: Verb, victim: Victim) throws {
      // While a command runs in a container its monitor does nothing at which it could be killed.
      if verb == .exec, victim != .command { return }
      // One of them, where that is asked for: SKIFF_TEST_KILLED=run:monitor.
      if let asked = ProcessInfo.processInfo.environment["SKIFF_TEST_KILLED"],
        asked != "\(verb.rawValue):\(victim.rawValue)"
      {
        return
      }
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "other"])
        if verb == .exec { _ = try store.start(["--name", "one"]) }
        try store.skiff("exec", "other", "true")
        try store.skiff("ps", "--all")
        let surroundings = Surroundings(store: store, remains: try Remains(of: store))
        let ways = ways(verb)
        for way in ways {
          let calls = try kill(verb, victim, at: 0, way, surroundings).calls
          try mend(verb, way, surroundings, "undisturbed")
          #expect(calls > 20)
          var killed = 0
          let moments = Moments.choose(of: calls, usually: Self.sample, among: ways.count)
          for call in moments {
            let program = try kill(verb, victim, at: call, way, surroundings)
            let what =
              "\(verb.rawValue), \(victim.rawValue), \(way) (SKIFF_TEST_SEED=\(Moments.seed)): \(program.report)"
            #expect(!program.report.contains("hung"), "\(what)")
            #expect(!program.report.contains("crashed"), "\(what)")
            if program.wasKilled { killed += 1 }

            try otherGoesOn(store, what)
            try mend(verb, way, surroundings, what)
          }
          // Not every run makes as many calls.
          #expect(killed * 10 >= moments.count * 6, "\(killed) of \(moments.count)")
          if Moments.asked != nil {
            print("\(verb.rawValue), \(victim.rawValue), \(way): killed \(killed) times in \(calls) calls")
          }
        }
      }
    }

    private func options(_ way: Way) -> [String] {
      ["--name", "one", "-v", "/kept", "--userns", "auto"] + (way.removesItself ? ["--rm"] : [])
    }

    /// Does what comes before the verb, then the verb, and kills whom it is to hit at this call of his.
    private func kill(
      _ verb: Verb, _ victim: Victim, at call: Int, _ way: Way, _ surroundings: Surroundings
    ) throws -> KilledProgram {
      let store = surroundings.store
      let words: [String]
      switch verb {
      case .run:
        words =
          way.isAttached
          ? ["run"] + options(way) + [Store.image, "true"]
          : ["run", "--detach"] + options(way) + [Store.image, "sh", "-c", Self.obedient]
      case .exec: words = ["exec", "one", "true"]
      case .stop, .rm:
        _ = try store.start(options(way), Self.obedient)
        words = verb == .stop ? ["stop", "one"] : ["rm", "--force", "--volumes", "one"]
      }
      switch (verb, victim) {
      case (.run, _), (_, .command):
        return try start(verb, victim, words, at: call, surroundings)
      case (_, .monitor):
        return try attach(words, at: call, surroundings)
      case (_, .both):
        let monitor = try monitor(of: "one", store)
        let program = try start(verb, .command, words, at: call, surroundings)
        Foundation.kill(monitor, SIGKILL)
        return program
      }
    }

    private func start(
      _ verb: Verb, _ victim: Victim, _ words: [String], at call: Int, _ surroundings: Surroundings
    ) throws -> KilledProgram {
      let counted: [String]
      switch (verb, victim) {
      // The command becomes the runtime.
      case (.exec, _), (_, .both): counted = [Programs.skiff, Programs.runtime]
      case (_, .command): counted = [Programs.skiff]
      case (_, .monitor): counted = [Programs.runtime]
      }
      let outcome = try surroundings.store.attempt(
        under: KilledProgram.injector(
          at: call, victim == .both ? .all : .caller, of: counted, report: surroundings.report), words)
      return try KilledProgram(outcome, report: surroundings.report)
    }

    /// Gives the command while the monitor of its container is watched, to the monitor's end.
    private func attach(_ words: [String], at call: Int, _ surroundings: Surroundings) throws -> KilledProgram {
      let monitor = try monitor(of: "one", surroundings.store)
      let injector = try Session(
        KilledProgram.injector(
          at: call, .caller, of: [Programs.runtime, Programs.skiff], report: surroundings.report)
          + ["--attach", "\(monitor)"])
      try injector.expect("attached")
      let outcome = try surroundings.store.attempt(words, seconds: 30)
      #expect(outcome.code == 0, "\(outcome)")
      return try KilledProgram(try injector.wait(seconds: 40), report: surroundings.report)
    }

    private func monitor(of name: String, _ store: Store) throws -> Int32 {
      let process = try store.inspect(name).State.Pid.number
      let status = String(
        decoding: FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data(), as: UTF8.self)
      guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("PPid:") }),
        let number = Int32(line.dropFirst(5).trimmingCharacters(in: .whitespaces)), number > 1
      else { throw Trouble("process \(process) has no parent") }
      return number
    }

    /// Commands on a container that nothing was done to take no longer than ever.
    private func otherGoesOn(_ store: Store, _ what: String) throws {
      let outcome = try store.attempt("exec", "other", "true", seconds: 20)
      #expect(outcome.code == 0, "\(what): \(outcome)")
      // Much more than it takes, much less than anybody waits for another: those who wait give up after 10 s.
      #expect(outcome.milliseconds < 5000, "\(what)")
    }

    /// The next commands: what they list they can remove, and after that nothing is left.
    private func mend(_ verb: Verb, _ way: Way, _ surroundings: Surroundings, _ what: String) throws {
      let store = surroundings.store
      if verb == .exec {
        // It ended by itself, or never began.
        try store.skiff("exec", "one", "true")
        try settle("\(what): processes in the container") {
          try store.skiff("top", "one").lines.count == 2 ? nil : try store.skiff("top", "one").output
        }
      }
      if verb == .stop, try list(store).contains("one") {
        let outcome = try store.attempt("stop", "one")
        // One that removes itself may be gone by now.
        if outcome.code != 0, !way.removesItself || !outcome.errors.contains("no such container") {
          Issue.record("\(what): \(outcome)")
        }
      }
      try settle(what) {
        for name in try list(store) where name != "other" && (name != "one" || verb != .exec) {
          let outcome = try store.attempt("rm", "--force", "--volumes", name)
          if outcome.code != 0, !outcome.errors.contains("no such container") { return outcome.description }
        }
        let more = try surroundings.remains.newcomers()
        return more.isEmpty ? nil : more.joined(separator: "\n")
      }
    }

    private func list(_ store: Store) throws -> [String] {
      let listed = try store.skiff("ps", "--all", "--format", "{{.Names}}")
      #expect(listed.errors == "")
      return listed.lines
    }

    /// Waits until nothing is wrong any more.
    private func settle(_ what: String, _ problem: () throws -> String?) throws {
      let deadline = ContinuousClock.now + .seconds(15)
      while let wrong = try problem() {
        guard ContinuousClock.now < deadline else { throw Trouble("\(what):\n\(wrong)") }
        usleep(20_000)
      }
    }
  }
}
