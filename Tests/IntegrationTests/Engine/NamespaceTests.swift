import Foundation
import Testing

extension Integration {
  /// Tutorial step: unshare and clone with namespaces, a host name of one's own, joining an existing namespace.
  @Suite struct OwnNamespaces {
    static let kinds = ["uts", "pid", "mnt", "ipc", "net", "cgroup"]

    @Test func `a container has namespaces of its own`() throws {
      try inHarbour { harbour in
        let seen = try Store(harbour).see()

        for kind in Self.kinds { #expect(seen.namespaces[kind].text != hostNamespace(kind), "\(kind)") }
        #expect(seen.pid.number == 1)
        #expect(seen.processes.numbers == [1])
        // Its id is its name, where it was given none.
        #expect(seen.hostname.text.count == 12)
      }
    }

    @Test func `a host name is seen inside and not outside`() throws {
      try inHarbour { harbour in
        let before = ProcessInfo.processInfo.hostName
        let seen = try Store(harbour).see("--hostname", "voyage")

        #expect(seen.hostname.text == "voyage")
        #expect(seen.environment.texts.contains("HOSTNAME=voyage"))
        #expect(ProcessInfo.processInfo.hostName == before)
      }
    }

    @Test(arguments: [
      ("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--network", "net"), ("--cgroupns", "cgroup"),
    ])
    func `the host's namespace is used when asked for`(option: String, kind: String) throws {
      try inHarbour { harbour in
        let seen = try Store(harbour).see(option, "host")

        #expect(seen.namespaces[kind].text == hostNamespace(kind))
        for other in Self.kinds where other != kind {
          #expect(seen.namespaces[other].text != hostNamespace(other), "\(other)")
        }
      }
    }

    @Test(arguments: [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--network", "net")])
    func `another container's namespace is joined by its name`(option: String, kind: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let first = try store.start(["--name", "first"])
        let theirs = try store.exec(first, "readlink /proc/self/ns/\(kind)")

        let seen = try store.see(option, "container:first")

        #expect(seen.namespaces[kind].text == theirs)
        for other in Self.kinds where other != kind {
          #expect(seen.namespaces[other].text != hostNamespace(other), "\(other)")
        }
        try store.skiff("rm", "--force", "first")
      }
    }

    @Test func `processes of a joined PID namespace see each other`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "first"], "exec sleep 1234")

        let outcome = try store.skiff("run", "--rm", "--pid", "container:first", Store.image, "ps", "-o", "args")

        #expect(outcome.output.contains("sleep 1234"))
        try store.skiff("rm", "--force", "first")
      }
    }

    @Test func `root in a user namespace is somebody else outside`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let data = try harbour.makeDirectory("data")
        try shell("chmod 777 \(data)")

        let told = try store.perform(
          ["--userns", "map:0:100000:65536", "--volume", "\(data):/data"], "see", "create /data/file x",
          "stat /bin/probe")

        #expect(told[0].status.Uid.numbers == [0, 0, 0, 0])
        #expect(told[0].uidMap.texts == ["0 100000 65536"])
        #expect(told[0].gidMap.texts == ["0 100000 65536"])
        #expect(told[0].namespaces.user.text != hostNamespace("user"))
        #expect(try shell("stat -c %u:%g \(data)/file").lines == ["100000:100000"])
        // The image's files belong to root inside.
        #expect(told[2].uid.number == 0)
      }
    }

    @Test func `user namespaces chosen by the engine do not overlap`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let first = try store.start(["--userns", "auto"])
        let second = try store.start(["--userns", "auto"])

        let maps = try [first, second].map {
          try store.exec($0, "cat /proc/self/uid_map").split(separator: " ").map(String.init)
        }

        #expect(maps[0][0] == "0" && maps[1][0] == "0")
        #expect(maps[0][1] != "0" && maps[0][1] != maps[1][1])
        try store.skiff("rm", "--force", first, second)
      }
    }

    @Test func `an ordinary user is told what is missing`() throws {
      try inHarbour { harbour in
        let outcome = try run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", Programs.skiff, "ps"])

        #expect(outcome.code == 125 || outcome.code == 1)
        #expect(outcome.errors.contains("root"))
        #expect(!outcome.errors.lowercased().contains("operation not permitted"))
        _ = harbour
      }
    }
  }
}
