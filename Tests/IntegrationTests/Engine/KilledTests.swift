import Foundation
import Testing

extension Integration {
  /// Commands and monitors that are killed leave nothing that the next command does not clear: no directory, name, volume, lease, cable,
  /// control group, mount or process.
  @Suite struct Killed {
    /// System calls at which a command is killed, with the last of each: together they fall on every stage of a run.
    static let moments = [
      ("openat", 110), ("unlinkat", 30), ("symlinkat", 4), ("mkdirat", 26), ("renameat2", 4), ("write", 8),
      ("flock", 10), ("sendto", 9), ("sendmsg", 2), ("recvmsg", 4), ("ioctl", 6), ("setns", 3), ("unshare", 1),
      ("clone3", 1), ("ppoll", 2),
    ]

    @Test func `a run that is killed at any moment`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        // From here on it is known what a store holds that no container was made in.
        try store.skiff("run", "--rm", Store.image, "true")
        let before = try contents(store)
        var killed = 0

        for (call, last) in Self.moments {
          for count in stride(from: 1, through: last, by: call == "openat" ? 3 : 1) {
            let outcome = try store.attempt(
              under: ["strace", "-qq", "-o", "/dev/null", "-e", "inject=\(call):signal=SIGKILL:when=\(count)"],
              ["run", "--rm", "-v", "/kept", "--userns", "auto", "--name", "same", Store.image, "true"])
            if outcome.code == 137 { killed += 1 }

            try expectNothingMore(store, than: before, "killed at \(call) \(count)")
          }
        }
        #expect(killed > 80, "\(killed)")
      }
    }

    @Test(arguments: [false, true])
    func `a monitor that is killed at any moment, alone or with its command`(killsBoth: Bool) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("run", "--rm", Store.image, "true")
        let before = try contents(store)

        for step in 0..<40 {
          let session = try store.session("run", "--rm", "-v", "/kept", "--name", "same", Store.image, "true")
          guard let monitor = try child(of: session.processID) else { throw Trouble("no monitor was started") }
          usleep(UInt32(step) * 500)
          if killsBoth { try session.signal(9) }
          kill(monitor, SIGKILL)
          let outcome = try session.wait()

          if !killsBoth { #expect(outcome.code == 0 || outcome.code == 125, "\(outcome)") }
          try expectNothingMore(store, than: before, "killed after \(step * 500) µs")
        }
      }
    }

    @Test func `a container whose command is killed ends as if it had been left to itself`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        for options in [["--rm"], []] {
          let session = try store.session(
            ["run", "--name", "one"] + options + [Store.image, "sh", "-c", "echo on; sleep 1"])
          try session.expect("on")
          try session.signal(9)
          _ = try session.wait()
          #expect(try store.inspect("one").State.Running.isTrue)

          try awaiting("the end") { try files(harbour.path("run/lifelines")).isEmpty }

          // Not by another command's doing: by what stayed with it.
          #expect(try files(harbour.path("run/networks")).filter { !$0.hasSuffix("/skiff") } == [])
          #expect(try files(harbour.path("store/containers")).isEmpty == (options == ["--rm"]))
          if options.isEmpty {
            #expect(try store.inspect("one").State.ExitCode.number == 0)
            #expect(try store.skiff("logs", "one").output == "on\n")
            try store.skiff("rm", "one")
          }
        }
      }
    }

    @Test func `a container outlives its monitor, and is listed, stopped, started and removed`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session("run", "--name", "one", Store.image, "sh", "-c", "echo aboard; sleep 1000")
        guard let monitor = try child(of: session.processID) else { throw Trouble("no monitor was started") }
        // Its program must run: until then a monitor takes the container with it.
        try awaiting("the start") { try store.attempt("logs", "one").output.contains("aboard") }
        kill(monitor, SIGKILL)

        let lost = try session.wait()
        #expect(lost.code == 125)
        #expect(lost.errors.contains("lost the monitor of container one"))
        #expect(try store.skiff("ps").output.contains("Up "))
        let stopped = try store.attempt("stop", "one")
        #expect(stopped.code == 0)
        // Nobody is waited for who will not come.
        #expect(stopped.milliseconds < 5000)
        #expect(try store.inspect("one").State.Dead.isTrue)
        try store.skiff("start", "one")
        #expect(try store.inspect("one").State.Running.isTrue)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `a container that is being made, or removed, when its command is killed`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("run", "--rm", Store.image, "true")
        let before = try contents(store)
        for count in stride(from: 1, through: 80, by: 2) {
          try store.attempt(
            under: ["strace", "-qq", "-o", "/dev/null", "-e", "inject=openat:signal=SIGKILL:when=\(count)"],
            ["create", "-v", "/kept", "--name", "same", Store.image, "true"])
          // Either it was never made, or it is a container like any other.
          let made = try store.skiff("ps", "--all", "--quiet").lines
          if !made.isEmpty { try store.skiff("rm", "--volumes", "same") }
          try expectNothingMore(store, than: before, "create, killed at openat \(count)")
        }
        for count in 1...40 {
          try store.skiff("create", "-v", "/kept", "--name", "same", Store.image, "true")
          try store.attempt(
            under: ["strace", "-qq", "-o", "/dev/null", "-e", "inject=unlinkat:signal=SIGKILL:when=\(count)"],
            ["rm", "--volumes", "same"])
          let left = try store.skiff("ps", "--all", "--quiet").lines
          if !left.isEmpty { try store.skiff("rm", "--volumes", "same") }
          try expectNothingMore(store, than: before, "rm, killed at unlinkat \(count)")
        }
      }
    }

    @Test func `looking for what others left costs a run three system calls for each container that runs`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        func count() throws -> Int {
          let trace = harbour.path("trace")
          // Without a network: how often a link must be asked until it carries packets is the kernel's affair.
          try store.attempt(
            under: ["strace", "-qq", "-o", trace], ["run", "--rm", "--network", "none", Store.image, "true"]
          ).expecting(0)
          return try harbour.read("trace").split(separator: "\n").count { $0.contains("(") && !$0.hasPrefix("---") }
        }
        try store.skiff("run", "--rm", Store.image, "true")

        let alone = try count()
        for _ in 0..<4 { _ = try store.start(["--rm", "--network", "none"]) }
        let among = try count()

        // 434 where nine hierarchies of control groups are; what the loader, the standard library and the parser of commands do is
        // part of it.
        #expect(alone < 500, "\(alone)")
        #expect(among - alone <= 4 * 3 + 4, "\(alone), then \(among)")
      }
    }

    @Test func `a machine that went down takes containers that remove themselves with it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--rm", "--name", "one", "-v", "/kept"])
        _ = try store.start(["--name", "two"])
        // All that a reboot takes: processes, control groups, and what lies on a file system in memory.
        for name in ["one", "two"] {
          let container = try store.inspect(name)
          let process = Int32(container.State.Pid.number)
          let monitor = try parent(of: process)
          kill(monitor, SIGKILL)
          kill(process, SIGKILL)
          try awaiting("the end of the processes") { kill(process, 0) != 0 && kill(monitor, 0) != 0 }
          let group = "skiff/\(container.Id.text)"
          try shell("rmdir /sys/fs/cgroup/\(group) /sys/fs/cgroup/*/\(group) 2>&1 || true")
        }
        try shell("rm -rf \(harbour.path("run"))")

        #expect(try store.skiff("ps", "--all", "--format", "{{.Names}} {{.State}}").output == "two dead\n")
        #expect(try files(harbour.path("store/volumes")) == [])
        try store.skiff("rm", "two")
      }
    }
  }
}

// What a store holds.
extension Integration.Killed {
  /// The paths beneath the store's directories of containers, and beneath the run root.
  private func contents(_ store: Store) throws -> Set<String> {
    let places = ["containers", "names", "volumes", "userns"].map { "store/" + $0 } + ["run"]
    return Set(try places.flatMap { try files(store.harbour.path($0)) })
  }

  private func files(_ path: String) throws -> [String] {
    // Things may go while we look.
    try Remains.files(beneath: path)
  }

  /// Lists containers, as the next command that somebody gives; after it nothing may be left. What runs on by itself may take a moment to end.
  private func expectNothingMore(_ store: Store, than before: Set<String>, _ moment: String) throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      let listed = try store.attempt("ps", "--all", "--quiet")
      let more = try contents(store).subtracting(before)
      if listed.output.isEmpty, listed.errors.isEmpty, more.isEmpty { return }
      guard ContinuousClock.now < deadline else {
        throw Trouble("\(moment): left \(more.sorted().prefix(5)), listed \(listed.output)\(listed.errors)")
      }
      usleep(20_000)
    }
  }

  private func awaiting(_ what: String, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while try !condition() {
      guard ContinuousClock.now < deadline else { throw Trouble("waited in vain for \(what)") }
      usleep(20_000)
    }
  }

  /// The first child that a process has, once it has one; nil if it ends without.
  private func child(of process: Int32) throws -> Int32? {
    let path = "/proc/\(process)/task/\(process)/children"
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline, let data = FileManager.default.contents(atPath: path) {
      if let first = String(decoding: data, as: UTF8.self).split(separator: " ").first { return Int32(first) }
    }
    return nil
  }

  private func parent(of process: Int32) throws -> Int32 {
    let data = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
    let status = String(decoding: data, as: UTF8.self)
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("PPid:") }),
      let number = Int32(line.dropFirst(5).trimmingCharacters(in: .whitespaces)), number > 1
    else { throw Trouble("process \(process) has no parent") }
    return number
  }
}
