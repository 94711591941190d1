import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// A person at a terminal.
  @Suite struct EngineTerminals {
    @Test func `a shell on a terminal of the caller's size`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session(
          "run", "--rm", "-it", Store.image, "sh", terminal: WindowSize(rows: 33, columns: 101))

        try session.send("stty size; tty; echo pid $$\r")
        try session.expect("33 101")
        try session.expect("/dev/")
        try session.expect("pid 1")
        try session.resize(WindowSize(rows: 44, columns: 122))
        try shell("sleep 0.2")
        try session.send("stty size\r")
        try session.expect("44 122")
        try session.send("exit 12\r")

        #expect(try session.wait().code == 12)
      }
    }

    @Test func `control C interrupts what runs inside, not the client`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session(
          "run", "--rm", "-it", Store.image, "sh", terminal: WindowSize(rows: 24, columns: 80))
        try session.send("sleep 1000; echo code $?\r")
        try session.expect("sleep 1000")
        try shell("sleep 0.3")

        try session.send("\u{3}")

        try session.send("echo still $((40 + 2))\r")
        try session.expect("still 42")
        try session.send("exit\r")
        _ = try session.wait()
      }
    }

    @Test func `control C ends a program that listens to it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session(
          "run", "--rm", "-it", "--init", Store.image, "sleep", "1000", terminal: WindowSize(rows: 24, columns: 80))
        try shell("sleep 0.5")

        try session.send("\u{3}")

        #expect(try session.wait(seconds: 10).code == 130)
      }
    }

    @Test func `the keys to detach leave it running, exec looks in`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session(
          "run", "-it", "--name", "one", Store.image, "sh", terminal: WindowSize(rows: 24, columns: 80))
        try session.send("echo $((6 * 7))\r")
        try session.expect("42")

        try session.send("\u{10}\u{11}")

        #expect(try session.wait(seconds: 10).code == 0)
        #expect(try store.inspect("one").State.Running.isTrue)
        let second = try store.session(
          "exec", "-it", "one", "sh", terminal: WindowSize(rows: 50, columns: 132))
        try second.send("stty size\r")
        try second.expect("50 132")
        try second.send("exit 4\r")
        #expect(try second.wait(seconds: 10).code == 4)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `keys of one's own`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let session = try store.session(
          "run", "-it", "--detach-keys", "ctrl-x,x", "--name", "one", Store.image, "sh",
          terminal: WindowSize(rows: 24, columns: 80))
        try session.send("echo $((6 * 7))\r")
        try session.expect("42")

        try session.send("\u{18}x")

        #expect(try session.wait(seconds: 10).code == 0)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `a terminal that is asked for and not there is an error`() throws {
      try inHarbour { harbour in
        let outcome = try Store(harbour).attempt("run", "--rm", "-it", Store.image, "true")

        #expect(outcome.code == 125 || outcome.code == 1)
        #expect(outcome.errors.lowercased().contains("terminal") || outcome.errors.contains("TTY"))
      }
    }

    @Test func `the caller's terminal is as it was afterwards`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let line =
          "\(Programs.skiff) --root \(harbour.path("store")) --run-root \(harbour.path("run")) run --rm -it \(Store.image) sh -c 'stty -a > /dev/null'"
        let session = try Session(
          ["sh", "-c", "stty -g; \(line); stty -g"], terminal: WindowSize(rows: 24, columns: 80))

        let outcome = try session.wait()

        let settings = outcome.output.split(whereSeparator: \.isNewline)
        #expect(settings.count == 2)
        #expect(settings.first == settings.last)
        _ = store
      }
    }
  }
}
