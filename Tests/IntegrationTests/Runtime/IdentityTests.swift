import Foundation
import Testing

extension Integration {
  /// Who the process is: what `process` of config.json says, seen from inside.
  @Suite struct Identity {
    @Test func `a container sees itself alone, by its own name`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see()

        #expect(seen.hostname.text == "voyage")
        #expect(seen.pid.number == 1)
        #expect(seen.processes.numbers == [1])
        #expect(seen.links.texts == ["lo"])
        #expect(seen.cwd.text == "/")
        #expect(seen.root.texts == ["bin", "dev", "etc", "proc", "sys", "tmp"])
      }
    }

    @Test func `namespaces are its own, those not listed the host's`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see()

        for name in ["pid", "net", "ipc", "uts", "mnt"] {
          #expect(seen.namespaces[name].text != hostNamespace(name), "\(name)")
          #expect(!seen.namespaces[name].isMissing, "\(name)")
        }
        for name in ["user", "cgroup", "time"] {
          #expect(seen.namespaces[name].text == hostNamespace(name), "\(name)")
        }
      }
    }

    @Test func `user, groups and umask are as asked`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          #"{"process":{"user":{"uid":1000,"gid":2000,"umask":63,"additionalGids":[5,3000]}}}"#)

        #expect(seen.status.Uid.numbers == [1000, 1000, 1000, 1000])
        #expect(seen.status.Gid.numbers == [2000, 2000, 2000, 2000])
        #expect(seen.status.Groups.numbers == [5, 3000])
        #expect(seen.umask.number == 63)
      }
    }

    @Test func `root keeps no groups of the caller`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see()

        #expect(seen.status.Groups.numbers == [])
        #expect(seen.umask.number == 0o22)
      }
    }

    @Test func `arguments, environment and working directory arrive as written`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.merge(#"{"process":{"env":["A=1","B=two words","PATH=/bin"],"cwd":"/tmp"}}"#)

        let seen = try JSON(text: try bundle.run(["probe", "see"]).expecting(0).output)

        #expect(seen.arguments.texts == ["probe", "see"])
        #expect(seen.environment.texts.filter { !$0.hasPrefix("HOME=") } == ["A=1", "B=two words", "PATH=/bin"])
        #expect(seen.cwd.text == "/tmp")
      }
    }

    @Test func `a working directory that is missing is made`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"process":{"cwd":"/srv/new"}}"#)

        #expect(seen.cwd.text == "/srv/new")
      }
    }

    @Test func `only the standard three files are open, whatever the caller had`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.writeConfiguration()

        let leaky = try shell(
          "exec 7</etc/passwd 8</; \(Programs.runtime) --root \(harbour.path("state")) run --bundle \(bundle.path) \(bundle.id)"
        )

        let seen = try JSON(text: leaky.output)
        #expect(seen.descriptors.keys == ["0", "1", "2"])
      }
    }

    @Test func `files above the standard three are kept when asked for`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.writeConfiguration()

        let seen = try JSON(
          text: try shell(
            """
            exec 3</etc/passwd 4</etc/group 5</etc/hosts
            exec \(Programs.runtime) --root \(harbour.path("state")) run --preserve-fds 2 --bundle \(bundle.path) \(bundle.id)
            """
          ).output)

        #expect(seen.descriptors.keys == ["0", "1", "2", "3", "4"])
        #expect(seen.descriptors["3"].text == "/etc/passwd")
      }
    }

    @Test func `hostname and domain name`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          #"{"hostname":"deck","domainname":"sea.example"}"#)

        #expect(seen.hostname.text == "deck")
        if Programs.isOurRuntime { #expect(seen.domainname.text == "sea.example") }
        #expect(ProcessInfo.processInfo.hostName != "deck")
      }
    }

    @Test func `a signal mask of the caller does not reach the container`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see()

        #expect(seen.status.SigBlk.text == "0000000000000000")
        #expect(seen.status.SigIgn.text == "0000000000000000")
      }
    }
  }
}

/// The host's namespace of a kind, as its link reads.
func hostNamespace(_ name: String) -> String {
  (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)")) ?? ""
}
