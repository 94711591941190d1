import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// The runtime killed on its way, at many moments: `delete --force` must find and remove whatever is there, and nothing may run
  /// that is less isolated than was asked.
  @Suite struct Interruptions {
    /// Of each verb; a longer look is asked for by hand.
    private static let moments = Int(ProcessInfo.processInfo.environment["SKIFF_TEST_MOMENTS"] ?? "") ?? 40
    /// The same delays in every run; a seed of another run can be tried by hand.
    private static let seed = UInt64(ProcessInfo.processInfo.environment["SKIFF_TEST_SEED"] ?? "") ?? 1

    /// Random delays in microseconds, up to somewhat more than the verb takes undisturbed.
    private func delays(upTo longest: Int, _ salt: UInt64) -> [UInt32] {
      var state = Self.seed &+ salt
      return (0..<Self.moments).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt32(state >> 33) % UInt32(max(longest, 1))
      }
    }

    private func microseconds(_ act: () throws -> Void) rethrows -> Int {
      let began = ContinuousClock.now
      try act()
      let span = (ContinuousClock.now - began).components
      return Int(span.seconds) * 1_000_000 + Int(span.attoseconds / 1_000_000_000_000)
    }

    /// Starts a verb, waits, kills the runtime.
    private func interrupt(_ bundle: Bundle, _ words: [String], after delay: UInt32) throws {
      let session = try bundle.session(words)
      usleep(delay)
      // It may have ended by itself.
      _ = try? session.signal(9)
      _ = try session.wait(seconds: 30)
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
    private func expectNothing(_ bundle: Bundle, _ moment: UInt32) throws {
      try bundle.delete(force: true)
      #expect(!bundle.harbour.exists("state/\(bundle.id)"), "after \(moment) µs")
      let groups = try shell("find /sys/fs/cgroup -type d -name '\(bundle.id)'").output
      #expect(groups == "", "after \(moment) µs")
    }

    @Test func `create, killed at any moment`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        let words = ["create", "--bundle", bundle.path, bundle.id]
        let usual = try microseconds { try bundle.runtime(words).expecting(0) }
        try bundle.delete(force: true)

        for delay in delays(upTo: usual * 5 / 4, 1) {
          try interrupt(bundle, words, after: delay)
          try expectIsolation(bundle)
          try expectNothing(bundle, delay)
        }
      }
    }

    @Test func `start, killed at any moment`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        try bundle.create()
        let usual = try microseconds { try bundle.start() }
        try bundle.delete(force: true)

        for delay in delays(upTo: usual * 5 / 4, 2) {
          try bundle.create()
          try interrupt(bundle, ["start", bundle.id], after: delay)
          let status = try bundle.state().status.text
          #expect(["created", "running", "stopped"].contains(status), "\(status) after \(delay) µs")
          try expectIsolation(bundle)
          try expectNothing(bundle, delay)
        }
      }
    }

    @Test func `exec, killed at any moment`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        try bundle.create()
        try bundle.start()
        let words = ["exec", "--detach", bundle.id, "/bin/probe", "sleep", "300"]
        let usual = try microseconds { try bundle.runtime(words).expecting(0) }

        for delay in delays(upTo: usual * 5 / 4, 3) {
          try interrupt(bundle, words, after: delay)
          try expectIsolation(bundle)
          #expect(try bundle.state().status.text == "running")
          // So that the limit on processes is not met.
          try bundle.runtime(["exec", bundle.id, "/bin/probe", "exit", "0"]).expecting(0)
          let ids = try JSON(text: bundle.runtime(["ps", "-f", "json", bundle.id]).expecting(0).output).numbers
          let first = try bundle.state().pid.number
          for id in ids where id != first { kill(Int32(id), SIGKILL) }
        }
        try expectNothing(bundle, 0)
      }
    }

    @Test func `run, killed at any moment`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        let words = ["run", "--detach", "--bundle", bundle.path, bundle.id]
        let usual = try microseconds { try bundle.runtime(words).expecting(0) }
        try bundle.delete(force: true)

        for delay in delays(upTo: usual * 5 / 4, 5) {
          try interrupt(bundle, words, after: delay)
          try expectIsolation(bundle)
          try expectNothing(bundle, delay)
        }
      }
    }

    @Test func `kill, killed at any moment`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        try bundle.create()
        try bundle.start()
        let usual = try microseconds { try bundle.kill() }
        try bundle.delete(force: true)

        for delay in delays(upTo: usual * 5 / 4, 6) {
          try bundle.create()
          try bundle.start()
          try interrupt(bundle, ["kill", "--all", bundle.id, "KILL"], after: delay)
          try expectIsolation(bundle)
          let status = try bundle.state().status.text
          #expect(["running", "stopped"].contains(status), "\(status) after \(delay) µs")
          try expectNothing(bundle, delay)
        }
      }
    }

    @Test func `delete, killed at any moment`() throws {
      try inHarbour { harbour in
        let bundle = try marked(harbour)
        try bundle.create()
        try bundle.start()
        let usual = try microseconds { try bundle.delete(force: true) }

        for delay in delays(upTo: usual * 5 / 4, 4) {
          try bundle.create()
          try bundle.start()
          try interrupt(bundle, ["delete", "--force", bundle.id], after: delay)
          try expectIsolation(bundle)
          try expectNothing(bundle, delay)
        }
      }
    }
  }
}
