import Foundation
import Testing

extension Integration {
  /// Properties that Debian's other runtimes are too old for, and those that this version refuses by name.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct NewerProperties {
    @Test func `a time namespace has clocks of its own`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"linux":{"timeOffsets":{"monotonic":{"secs":100000,"nanosecs":7},"boottime":{"secs":200000}}}}"#)
        try bundle.configuration.append(#"{"type":"time"}"#, to: "linux", "namespaces")

        let seen = try bundle.see()

        #expect(seen.namespaces.time.text != hostNamespace("time"))
        let offsets = seen.timensOffsets.text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(offsets == [["monotonic", "100000", "7"], ["boottime", "200000", "0"]])
      }
    }

    @Test func `an execution domain`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"linux":{"personality":{"domain":"LINUX32"}}}"#)

        #expect(seen.personality.text == "00000008")
      }
    }

    @Test func `a bind mount shows other owners`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("x", to: "shared/file")
        try shell("chown 1000:1000 \(harbour.path("shared/file"))")
        try bundle.configuration.append(
          """
          {"destination":"/data","type":"bind","source":"\(harbour.path("shared"))","options":["rbind","idmap"],
           "uidMappings":[{"containerID":1000,"hostID":5000,"size":1}],
           "gidMappings":[{"containerID":1000,"hostID":6000,"size":1}]}
          """, to: "mounts")

        let outcome = try bundle.run(["/bin/probe", "stat", "/data/file"])

        // Not every file system of a host can be shown with other owners: then it is refused, and says so.
        if outcome.code == 0 {
          let told = try JSON(text: outcome.output)
          #expect((told.uid.number, told.gid.number) == (5000, 6000))
        } else {
          #expect(outcome.errors.contains("/data"))
        }
      }
    }

    @Test func `a limit without its controller is refused by its name`() throws {
      guard !FileManager.default.fileExists(atPath: "/sys/fs/cgroup/net_cls") else { return }
      try inHarbour { harbour in
        let outcome = try Bundle(harbour, #"{"linux":{"resources":{"network":{"classID":1048577}}}}"#).run([
          "/bin/probe", "see",
        ])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("net_cls"))
      }
    }

    @Test func `many containers start side by side and leave nothing`() throws {
      try inHarbour { harbour in
        let bundles = try (0..<16).map { _ in try Bundle(harbour) }
        for bundle in bundles {
          try bundle.setArguments(["/bin/probe", "exit", "5"])
          try bundle.writeConfiguration()
        }

        let sessions = try bundles.map { try $0.session(["run", "--bundle", $0.path, $0.id]) }

        for session in sessions { #expect(try session.wait().code == 5) }
        #expect(try bundles[0].runtime(["list", "-q"]).lines == [])
      }
    }

    @Test func `the runtime killed at any moment leaves a container that can be deleted`() throws {
      try inHarbour { harbour in
        for milliseconds in [1, 2, 3, 4, 5, 6, 8, 10, 15, 20] {
          let bundle = try Bundle(harbour)
          try bundle.setArguments(["/bin/probe", "wait"])
          try bundle.writeConfiguration()
          let session = try bundle.session(["create", "--bundle", bundle.path, bundle.id])
          usleep(UInt32(milliseconds * 1000))
          try session.signal(9)
          _ = try session.wait()

          try bundle.runtime(["delete", "--force", bundle.id]).expecting(0)

          #expect(try bundle.runtime(["list", "-q"]).lines == [], "after \(milliseconds) ms")
        }
      }
    }
  }
}
