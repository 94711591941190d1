import Foundation
import Testing

// Places that a container shares: with its own earlier mounts, with other containers, with what the host has prepared.

extension Integration {
  /// What mounts find where they are made.
  @Suite struct MountPlaces {
    @Test func `a bind shows what earlier mounts of the same container put at its source`() throws {
      try inHarbour { harbour in
        for isInUserNamespace in [false, true] {
          let bundle = try Bundle(harbour)
          if isInUserNamespace { try bundle.enterUserNamespace() }
          try harbour.write("first", to: "one/inner/word")
          try harbour.write("second", to: "two/word")
          for (source, place) in [
            (harbour.path("one"), "/first"), (harbour.path("two"), "/first/inner"),
            ("\(bundle.rootfs)/first", "\(bundle.rootfs)/all"), ("\(bundle.rootfs)/first/inner", "/part"),
          ] {
            try bundle.configuration.append(
              #"{"destination":"\#(place)","source":"\#(source)","type":"bind","options":["rbind","rprivate"]}"#,
              to: "mounts")
          }

          let told = try bundle.perform("read /all/inner/word", "read /part/word")

          #expect(told.map(\.text) == ["second", "second"], "\(isInUserNamespace)")
        }
      }
    }

    @Test func `such a bind takes ids of its own, also in a user namespace`() throws {
      try inHarbour { harbour in
        for isInUserNamespace in [false, true] {
          let bundle = try Bundle(harbour)
          if isInUserNamespace { try bundle.enterUserNamespace() }
          try harbour.write("word", to: "one/word")
          try shell("chown 5:6 \(harbour.path("one/word"))")
          try bundle.configuration.append(
            #"{"destination":"/plain","source":"\#(harbour.path("one"))","type":"bind","options":["bind"]}"#,
            to: "mounts")
          try bundle.configuration.append(
            """
            {"destination":"/mapped","source":"\(bundle.rootfs)/plain","type":"bind","options":["bind"],
             "uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
             "gidMappings":[{"containerID":0,"hostID":100000,"size":65536}]}
            """, to: "mounts")

          let told = try bundle.perform("stat /mapped/word")[0]

          #expect(told.uid.number == (isInUserNamespace ? 5 : 100_005), "\(told)")
          #expect(told.gid.number == (isInUserNamespace ? 6 : 100_006), "\(told)")
        }
      }
    }

    @Test func `a tmpfs on a directory that is not there has the mode of a tmpfs`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("mkdir \(bundle.rootfs)/kept; chmod 710 \(bundle.rootfs)/kept")
        for place in ["/kept", "/new/deep"] {
          try bundle.configuration.append(
            #"{"destination":"\#(place)","source":"tmpfs","type":"tmpfs","options":["nosuid"]}"#, to: "mounts")
        }

        let told = try bundle.perform("stat /kept", "stat /new/deep")

        #expect(told.map(\.mode.number) == [0o710, 0o1777], "\(told)")
        let made = try FileManager.default.attributesOfItem(atPath: "\(bundle.rootfs)/new/deep")
        #expect(made[.posixPermissions] as? Int == 0o755)
      }
    }

    @Test func `a link in the place of procfs is refused in words`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try shell("cd \(bundle.rootfs); rmdir proc; mkdir decoy; ln -s /decoy proc")

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code == 1 && outcome.errors.contains("must be mounted on ordinary directory"), "\(outcome)")
      }
    }

    @Test func `a path that is to be masked twice is masked once`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"linux":{"maskedPaths":["/proc/keys","/tmp","/proc/keys","/tmp"]}}"#)

        let places = seen.mounts.list.map(\.target.text)
        #expect(places.filter { $0 == "/proc/keys" }.count == 1, "\(places)")
        #expect(places.filter { $0 == "/tmp" }.count == 1, "\(places)")
      }
    }

    @Test(arguments: ["--no-pivot", ""])
    func `what is masked in procfs cannot be seen by mounting another`(option: String) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        for directory in ["/usr", "/lib", "/lib64"] where FileManager.default.fileExists(atPath: directory) {
          try bundle.configuration.append(
            #"{"destination":"\#(directory)","source":"\#(directory)","type":"bind","options":["rbind","ro"]}"#,
            to: "mounts")
        }
        try bundle.configuration.merge(
          """
          {"linux":{"maskedPaths":["/proc/keys"]},
           "process":{"capabilities":{"bounding":["CAP_SETFCAP"],"permitted":["CAP_SETFCAP"],
            "effective":["CAP_SETFCAP"]}}}
          """)

        // Root of a user namespace within: what the container has mounted is locked for it.
        let outcome = try bundle.run(
          [
            "/usr/bin/unshare", "--mount", "--map-root-user", "--pid", "--fork", "/usr/bin/mount", "-t", "proc", "none",
            "/tmp",
          ],
          options: option.isEmpty ? [] : [option])

        #expect(outcome.code == 32 && outcome.errors.contains("permission denied"), "\(outcome)")
      }
    }
  }

  /// Namespaces of another container.
  @Suite struct OthersNamespaces {
    @Test func `all of another's can be joined, those of users and clocks too, and entered by exec`() throws {
      try inHarbour { harbour in
        let target = try Bundle(harbour)
        try target.enterUserNamespace()
        try target.configuration.append(#"{"type":"time"}"#, to: "linux", "namespaces")
        try target.configuration.merge(#"{"linux":{"timeOffsets":{"boottime":{"secs":1337,"nanosecs":5}}}}"#)
        try target.setArguments(["/bin/probe", "wait"])
        try target.create()
        try target.start()
        let id = try target.state().pid.number

        let guest = try Bundle(harbour)
        try shell("chown -R 100000:100000 \(guest.rootfs)")
        let joined = [
          ("pid", "pid"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("user", "user"), ("time", "time"),
        ]
        let list = joined.map { #"{"type":"\#($0)","path":"/proc/\#(id)/ns/\#($1)"}"# } + [#"{"type":"mount"}"#]
        try guest.configuration.merge(#"{"linux":{"namespaces":[\#(list.joined(separator: ","))]}}"#)
        try guest.setArguments(["/bin/probe", "wait"])
        try guest.create()
        try guest.start()
        let own = try guest.state().pid.number

        for (_, handle) in joined {
          let places = try [id, own].map {
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/ns/\(handle)")
          }
          #expect(places[0] == places[1], "\(handle)")
        }
        let outcome = try guest.runtime(["exec", guest.id, "/bin/probe", "read", "/proc/self/timens_offsets"])
        #expect(try JSON(text: outcome.expecting(0).output).text.contains("1337"))
        try guest.delete(force: true)
        try target.delete(force: true)
      }
    }

    @Test func `a network that belongs to the host is joined together with another's user namespace`() throws {
      try inHarbour { harbour in
        let target = try Bundle(harbour)
        try target.enterUserNamespace()
        try target.setArguments(["/bin/probe", "wait"])
        try target.create()
        let id = try target.state().pid.number

        let guest = try Bundle(harbour)
        try shell("chown -R 100000:100000 \(guest.rootfs)")
        let own = "/proc/self/ns/net"
        try guest.configuration.merge(
          """
          {"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"network","path":"\(own)"},
            {"type":"user","path":"/proc/\(id)/ns/user"}]},
           "mounts":[{"destination":"/proc","type":"proc","source":"proc"}],"hostname":null}
          """)

        let network = try FileManager.default.destinationOfSymbolicLink(atPath: own)
        let seen = try guest.see()

        #expect(seen.namespaces.net.text == network, "\(seen.namespaces)")
        try target.delete(force: true)
      }
    }
  }

  /// Control groups that are there before the container is.
  @Suite struct OthersGroups {
    @Test func `a container whose group is another's is refused, and the other lives`() throws {
      try inHarbour { harbour in
        let first = try Bundle(harbour)
        try first.setArguments(["/bin/probe", "wait"])
        try first.create()
        try first.start()
        let second = try Bundle(harbour)
        try second.configuration.merge(#"{"linux":{"cgroupsPath":"/skiff-test/\#(first.id)"}}"#)
        try second.setArguments(["/bin/probe", "wait"])
        try second.writeConfiguration()

        let refused = try second.runtime(["create", "--bundle", second.path, second.id])

        #expect(refused.code == 1 && refused.errors.contains("container's cgroup is not empty"), "\(refused)")
        #expect(try first.state().status.text == "running")
        #expect(try second.runtime(["state", second.id]).code == 1)

        // One that fails before it looks at the group does no harm either.
        try second.configuration.merge(#"{"process":{"apparmorProfile":"harbour-without-such"}}"#)
        try second.writeConfiguration()
        #expect(try second.runtime(["create", "--bundle", second.path, second.id]).code == 1)
        #expect(try first.state().status.text == "running")
        try first.delete(force: true)
      }
    }

    @Test func `a group that stands still is refused and stays as it is`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let group = "skiff-test/\(bundle.id)"
        let (directory, file, word) =
          isVersion1
          ? ("/sys/fs/cgroup/freezer/\(group)", "freezer.state", "FROZEN")
          : ("/sys/fs/cgroup/\(group)", "cgroup.freeze", "1")
        try shell("mkdir -p \(directory); echo \(word) > \(directory)/\(file)")
        harbour.atEnd { _ = rmdir(directory) }

        for _ in 0..<2 {
          let refused = try bundle.run(["/bin/probe", "see"])
          #expect(refused.code == 1 && refused.errors.contains("container's cgroup unexpectedly frozen"), "\(refused)")
          #expect(try shell("cat \(directory)/\(file)").lines == [word])
        }
      }
    }

    @Test func `a group beneath the container's is refused in words when it cannot be entered`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        for (group, words) in [
          ("..", "bad sub cgroup path"), ("absent", "no such file or directory"),
          ("whaat:/", "unknown controller whaat"),
        ] {
          guard isVersion1 || !group.contains(":") else { continue }
          let refused = try bundle.runtime(["exec", "--cgroup", group, bundle.id, "/bin/probe", "see"])
          #expect(refused.code != 0 && refused.errors.contains(words), "\(refused)")
        }
        try bundle.delete(force: true)
      }
    }

    @Test func `a limit of no processes leaves the first alone`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"pids":{"limit":0}}}}"#)
        #expect(try bundle.perform("fork-bomb 3")[0].started.number == 0)

        try bundle.configuration.merge(#"{"linux":{"resources":{"pids":{"limit":20}}}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        let id = try bundle.state().pid.number
        try bundle.runtime(["update", "--pids-limit", "0", bundle.id]).expecting(0)
        #expect(try value("pids", "pids.max", "pids.max", of: id) == "1")
        try bundle.runtime(["update", "--pids-limit", "-1", bundle.id]).expecting(0)
        #expect(try value("pids", "pids.max", "pids.max", of: id) == "max")
        try bundle.delete(force: true)
      }
    }

    @Test func `a denial of all access by one letter is a denial of all`() throws {
      try inHarbour { harbour in
        let control = #""type":"c","major":10,"minor":237"#
        let allowed = #"{"allow":false,"access":"rwm"},{"allow":true,\#(control),"access":"rw"}"#
        let bundle = try Bundle(
          harbour,
          #"{"linux":{"resources":{"devices":[\#(allowed)]},"devices":[{"path":"/dev/loop-control",\#(control)}]}}"#)

        #expect(try bundle.perform("read /dev/loop-control")[0].errno.number != 1)
        try bundle.configuration.append(
          #"{"allow":false,\#(control),"access":"a"}"#, to: "linux", "resources", "devices")
        #expect(try bundle.perform("read /dev/loop-control")[0].errno.number == 1)

        try bundle.configuration.merge(#"{"linux":{"resources":{"devices":[{"allow":true,"access":"a"}]}}}"#)
        if Programs.isOurRuntime { #expect(try bundle.run(["/bin/probe", "see"]).errors.contains("invalid access")) }
      }
    }

    @Test func `a configuration to begin with has a group namespace where there is one tree`() throws {
      try inHarbour { harbour in
        let directory = try harbour.makeDirectory("bundle")
        try run([Programs.runtime, "spec", "--bundle", directory]).expecting(0)

        let types = try JSON(text: try harbour.read("bundle/config.json")).linux.namespaces.list.map(\.type.text)
        let isOneTree = FileManager.default.fileExists(atPath: "/sys/fs/cgroup/cgroup.controllers")
        #expect(types.contains("cgroup") == isOneTree)
        #expect(Set(types).subtracting(["cgroup"]) == ["pid", "network", "ipc", "uts", "mount"])
      }
    }
  }
}
