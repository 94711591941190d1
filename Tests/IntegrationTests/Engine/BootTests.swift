import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What runs again after the machine has gone down, as if it had: its processes killed, its boot another one.
  @Suite struct Boot {
    @Test func `after a reboot runs what should run, and nothing else`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        #expect(try store.skiff("system", "boot").output == "")
        func start(_ name: String, _ options: String...) throws {
          _ = try store.start(["--name", name, "--network", "none"] + options)
        }
        try start("always", "--restart", "always")
        try start("unless", "--restart", "unless-stopped")
        try start("failed", "--restart", "on-failure")
        try start("no")
        try start("removed", "--rm")
        try start("stopped-always", "--restart", "always")
        try start("stopped-unless", "--restart", "unless-stopped")
        try start("stopped-failed", "--restart", "on-failure")
        _ = try store.start(["--name", "wired", "--restart", "always"])
        _ = try store.start(["--name", "guest", "--network", "container:wired", "--restart", "always"])
        try store.skiff("create", "--name", "never", "--network", "none", "--restart", "always", Store.image)
        try store.skiff("kill", "stopped-always", "stopped-unless", "stopped-failed")

        let bystander = try crash(harbour, store)
        defer { bystander.end() }
        let outcome = try store.attempt("system", "boot")

        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(Set(outcome.lines) == ["always", "unless", "failed", "stopped-always", "wired", "guest"])
        #expect(outcome.lines.count == 6)
        let running = try store.skiff("ps", "--format", "{{.Names}}").lines
        #expect(Set(running) == Set(outcome.lines))
        #expect(try store.skiff("ps", "-aq", "--filter", "name=removed").lines == [])
        #expect(
          try store.exec("guest", "ip -o -4 addr show dev eth0") == store.exec("wired", "ip -o -4 addr show dev eth0"))
        #expect(bystander.isAlive, "a process that has the number of one that went down is left alone")
        // Once is enough.
        #expect(try store.skiff("system", "boot").output == "")
        try store.attempt(["rm", "--force", "no", "never", "stopped-unless", "stopped-failed"] + running).expecting(0)
      }
    }

    @Test func `a shutdown ends all, and is no stop by hand`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let line = "trap 'echo term; exit 0' TERM; echo run; while :; do sleep 0.02; done"
        for (name, policy) in [("one", "unless-stopped"), ("two", "unless-stopped"), ("three", "no")] {
          _ = try store.start(["--name", name, "--network", "none", "--restart", policy], line)
        }
        try until("the traps") {
          try ["one", "two", "three"].allSatisfy { try store.skiff("logs", $0).lines == ["run"] }
        }
        try store.skiff("stop", "two")

        #expect(try Set(store.skiff("system", "shutdown", "-t", "5").lines) == ["one", "three"])
        #expect(try store.skiff("ps", "-q").lines == [])
        #expect(try store.skiff("logs", "one").lines == ["run", "term"])
        #expect(try store.skiff("system", "boot").lines == ["one"])
        #expect(try store.inspect("one").RestartCount.number == 0)
        try store.skiff("rm", "--force", "one", "two", "three")
      }
    }

    @Test func `what cannot be started is told, and keeps no other from it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "broken", "--network", "none", "--restart", "always"], "rm /bin/sh; sleep 1000")
        _ = try store.start(["--name", "whole", "--network", "none", "--restart", "always"])
        try until("the loss") { try store.attempt("exec", "broken", "ls", "/bin/sh").code != 0 }
        let bystander = try crash(harbour, store)
        defer { bystander.end() }

        let outcome = try store.attempt("system", "boot")

        #expect(outcome.code == 1 && outcome.lines == ["whole"])
        #expect(outcome.errors.contains("executable file not found in $PATH"))
        try store.skiff("rm", "--force", "broken", "whole")
      }
    }

    @Test func `what is left of one container and cannot be removed keeps no other from its start`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let stuck = try store.start(["--name", "stuck", "--network", "none", "--restart", "always"])
        _ = try store.start(["--name", "whole", "--network", "none", "--restart", "always"])
        let bystander = try crash(harbour, store)
        defer { bystander.end() }
        let place = harbour.path("run/containers/\(stuck)/mounted")
        try shell("mkdir \(place); mount -t tmpfs tmpfs \(place)")
        harbour.atEnd { _ = try? shell("umount \(place) 2>/dev/null") }

        let outcome = try store.attempt("system", "boot")

        #expect(outcome.lines.contains("whole"), "\(outcome)")
        #expect(outcome.errors.contains(String(stuck.prefix(12))), "\(outcome)")
        #expect(try store.inspect("whole").State.Running.isTrue)
        try shell("umount \(place)")
        try store.skiff("rm", "--force", "stuck", "whole")
      }
    }

    @Test func `the unit names the program where it is installed`() throws {
      let unit = try String(
        contentsOfFile: Programs.repository + "/Packaging/systemd/skiff-boot.service", encoding: .utf8)
      #expect(unit.contains("ExecStart=/usr/local/bin/skiff system boot\n"))
      let made = try shell(
        "make -n -C \(Programs.repository) install PREFIX=/opt/sea 2>/dev/null | grep -A1 systemd/skiff-boot")
      #expect(
        made.output.contains("s|/usr/local/bin|/opt/sea/bin|g") || made.output.contains("/opt/sea/lib/systemd/system"))
    }

    /// Ends every process of the harbour's containers at once, and has the run root be of another boot, with the numbers of dead
    /// processes now a stranger's.
    private func crash(_ harbour: Harbour, _ store: Store) throws -> Stranger {
      let stranger = try Stranger()
      let monitors = try shell(
        """
        for p in /proc/[0-9]*; do
          ls -l $p/fd 2>/dev/null | grep -q '\(harbour.path("run/lifelines"))' && basename $p
        done; true
        """
      ).lines
      let states = try shell("ls \(harbour.path("run/containers"))/*/state.json").lines
      let processes = try states.map { path in try JSON(text: String(contentsOfFile: path, encoding: .utf8)) }
      #expect(monitors.count == states.count)
      // The monitors first: a power cut leaves no record of an end.
      try shell("kill -9 \(monitors.joined(separator: " "))")
      for process in processes { try shell("kill -9 \(process.pid.number)") }
      try until("all ends") {
        try shell(
          "for p in \(processes.map { "\($0.pid.number)" }.joined(separator: " ")); do grep -qs 'State:.[^ZX]' /proc/$p/status && echo alive; done; true"
        )
        .output == ""
      }
      for path in states {
        var text = try String(contentsOfFile: path, encoding: .utf8)
        for (key, value) in [("pid", "\(stranger.number)"), ("startTicks", stranger.ticks)] {
          text = text.replacing(try Regex("\"\(key)\":[0-9]+"), with: "\"\(key)\":\(value)")
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
      }
      try "00000000-0000-0000-0000-000000000000\n".write(
        toFile: harbour.path("run/boot-id"), atomically: true, encoding: .utf8)
      return stranger
    }
  }
}

/// A process that has nothing to do with any of it.
private final class Stranger {
  private let process: Bystander
  var number: pid_t { process.number }
  var isAlive: Bool { process.isAlive }
  let ticks: String

  init() throws {
    process = try Bystander(["/bin/sleep", "1000"])
    let stat = try String(contentsOfFile: "/proc/\(process.number)/stat", encoding: .utf8)
    // Field 22, counted from behind the name in brackets (proc_pid_stat(5)).
    ticks = String((stat.split(separator: ")").last ?? "").split(separator: " ")[19])
  }

  func end() { process.end() }
}
