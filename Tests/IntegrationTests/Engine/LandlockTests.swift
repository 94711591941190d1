import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What a container's processes may reach by `--landlock`, beside all else that they may do.
  @Suite(.enabled(if: Landlock.version >= 4, "this kernel has no Landlock for ports")) struct EngineLandlock {
    @Test func `files that no rule names are out of reach`() throws {
      try inHarbour { harbour in
        let told = try Store(harbour).perform(
          ["--network", "none", "--tmpfs", "/data", "--landlock", "ro=/bin,ro=/etc", "--landlock", "rw=/data"],
          "read /etc/passwd", "create /etc/new x", "create /data/new x", "read /data/new", "read /proc/self/status",
          "write /dev/null x", "list /")

        #expect(told[0].text.contains("root:"))
        #expect(told[1].errno.number == 13)
        #expect(told[2].errno.isMissing)
        #expect(told[3].text == "x")
        #expect(told[4].errno.number == 13)
        #expect(told[5].errno.isMissing)
        #expect(!told[6].errno.isMissing)
      }
    }

    @Test func `the program itself has to be within reach, and what exec brings is held, too`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let blind = try store.attempt("run", "--rm", "--network", "none", "--landlock", "ro=/etc", Store.image, "sh")
        _ = try store.start(["--name", "one", "--network", "none", "--landlock", "ro=/bin"])

        let inside = try store.attempt("exec", "one", "cat", "/etc/passwd")
        let privileged = try store.attempt("exec", "--privileged", "one", "cat", "/etc/passwd")

        #expect(blind.code == 126)
        #expect(inside.code == 1)
        #expect(inside.errors.contains("Permission denied"))
        #expect(privileged.code == 1)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test(arguments: [["--security-opt", "no-new-privileges=false"], ["--privileged"], ["--user", "1000"]])
    func `whatever the process is`(_ options: [String]) throws {
      try inHarbour { harbour in
        let told = try Store(harbour).perform(
          options + ["--network", "none", "--landlock", "ro=/bin"], "read /etc/passwd", "list /bin")

        #expect(told[0].errno.number == 13)
        #expect(told[1].errno.isMissing)
      }
    }

    @Test func `ports that may be bound and connected to`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        func listen(_ port: Int, _ rules: String) throws -> String {
          try store.skiff(
            "run", "--rm", "--network", "none", "--landlock", rules, Store.image, "sh", "-c",
            "nc -l -p \(port) </dev/null & sleep 0.3; netstat -lnt | grep -c :\(port); nc -w 1 127.0.0.1 \(port) </dev/null && echo met; true"
          ).lines.joined(separator: " ")
        }

        #expect(try listen(80, "bind=80,connect=80") == "1 met")
        #expect(try listen(80, "bind=81") == "0")
        #expect(try listen(80, "bind=none") == "0")
        #expect(try listen(80, "connect=81-90") == "1")
        #expect(try listen(80, "connect=none") == "1")
      }
    }

    @Test(arguments: [
      ("rx=/etc", "there is no rule rx"), ("ro=etc", "etc is no absolute path"), ("connect=70000", "70000"),
      ("ro", "a rule is"),
      ("bind=9-3", "9-3"),
    ])
    func `what is no rule is refused`(_ rule: String, _ words: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let outcome = try store.attempt("run", "--rm", "--network", "none", "--landlock", rule, Store.image, "true")

        #expect(outcome.code == 125)
        #expect(outcome.message.contains(words))
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
      }
    }

    @Test func `a place that is not there ends the launch by its name`() throws {
      try inHarbour { harbour in
        let outcome = try Store(harbour).attempt(
          "run", "--rm", "--network", "none", "--landlock", "ro=/bin,rw=/no/such/place", Store.image, "true")

        #expect(outcome.code == 125)
        #expect(outcome.message.contains("/no/such/place"))
      }
    }
  }
}
