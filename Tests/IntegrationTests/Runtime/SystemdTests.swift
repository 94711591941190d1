import Foundation
import Testing

/// Whether systemd runs this machine; where it does not (a container, a small VM), `make test-vm` brings one that it does.
private let hasSystemd = FileManager.default.fileExists(atPath: "/run/systemd/private")

extension Integration {
  /// Control groups that systemd makes.
  @Suite(.enabled(if: hasSystemd, "systemd does not run here: make test-vm")) struct Systemd {
    private func systemdBundle(_ harbour: Harbour, _ patch: String = "{}") throws -> Bundle {
      let bundle = try Bundle(harbour, patch)
      bundle.globals = ["--systemd-cgroup"]
      try bundle.configuration.merge(#"{"linux":{"cgroupsPath":"skifftest.slice:skiff:\#(bundle.id)"}}"#)
      try bundle.setArguments(["/bin/probe", "wait"])
      harbour.atEnd { _ = try? shell("systemctl stop skifftest.slice") }
      return bundle
    }

    private func property(_ name: String, of bundle: Bundle) throws -> String {
      try shell("systemctl show --value -p \(name) skiff-\(bundle.id).scope").output
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func `a container is a scope of its slice, with its limits known to systemd`() throws {
      try inHarbour { harbour in
        let bundle = try systemdBundle(
          harbour,
          """
          {"linux":{"resources":{"memory":{"limit":67108864},"pids":{"limit":33},
             "cpu":{"quota":20000,"period":100000,"cpus":"0"}}},
           "annotations":{"org.systemd.property.TimeoutStopUSec":"uint64 5000000"}}
          """)
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number

        #expect(try group("memory", of: process) == "/skifftest.slice/skiff-\(bundle.id).scope")
        #expect(try property("ActiveState", of: bundle) == "active")
        #expect(try property("Delegate", of: bundle) == "yes")
        #expect(try property("MemoryMax", of: bundle) == "67108864")
        #expect(try property("TasksMax", of: bundle) == "33")
        #expect(try property("CPUQuotaPerSecUSec", of: bundle) == "200ms")
        #expect(try property("AllowedCPUs", of: bundle) == "0")
        #expect(try property("DevicePolicy", of: bundle) == "strict")
        #expect(try property("TimeoutStopUSec", of: bundle) == "5s")
        // The container's process alone lives there.
        #expect(try value("memory", "cgroup.procs", "cgroup.procs", of: process) == "\(process)")

        // systemd writes what it knows again: it must be what was asked for.
        try shell("systemctl daemon-reload")
        #expect(try value("memory", "memory.limit_in_bytes", "memory.max", of: process) == "67108864")
        #expect(try value("pids", "pids.max", "pids.max", of: process) == "33")
        try bundle.delete(force: true)
        #expect(try property("LoadState", of: bundle) == "not-found")
      }
    }

    @Test func `update reaches systemd and the group`() throws {
      try inHarbour { harbour in
        let bundle = try systemdBundle(harbour)
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number

        try bundle.runtime(["update", "--memory", "128m", "--pids-limit", "44", bundle.id]).expecting(0)

        #expect(try property("MemoryMax", of: bundle) == "134217728")
        #expect(try property("TasksMax", of: bundle) == "44")
        #expect(try value("memory", "memory.limit_in_bytes", "memory.max", of: process) == "134217728")
        try bundle.delete(force: true)
      }
    }

    @Test func `a scope can be paused, joined, and ends with its container`() throws {
      try inHarbour { harbour in
        let bundle = try systemdBundle(harbour)
        try bundle.create()
        try bundle.start()
        try bundle.runtime(["pause", bundle.id]).expecting(0)
        #expect(try bundle.state().status.text == "paused")
        try bundle.runtime(["resume", bundle.id]).expecting(0)
        #expect(try bundle.runtime(["exec", bundle.id, "/bin/probe", "exit", "3"]).code == 3)

        try bundle.kill("KILL")
        try bundle.await("stopped")
        try bundle.delete()
        #expect(try property("LoadState", of: bundle) == "not-found")
        #expect(try bundle.run(["/bin/probe", "exit", "6"]).code == 6)
      }
    }

    @Test func `what cannot be given to systemd is refused, and no unit is left`() throws {
      try inHarbour { harbour in
        let annotated = try systemdBundle(harbour, #"{"annotations":{"org.systemd.property.Delegate":"perhaps"}}"#)
        try annotated.writeConfiguration()
        let text = try annotated.runtime(["create", "--bundle", annotated.path, annotated.id])
        #expect(text.code == 1)
        #expect(text.message.contains("org.systemd.property.Delegate"))

        let unknown = try systemdBundle(harbour, #"{"annotations":{"org.systemd.property.Sails":"uint64 3"}}"#)
        try unknown.writeConfiguration()
        let name = try unknown.runtime(["create", "--bundle", unknown.path, unknown.id])
        #expect(name.code == 1)
        #expect(name.message.contains("Sails"))
        #expect(try property("LoadState", of: unknown) == "not-found")

        let path = try systemdBundle(harbour, #"{"linux":{"cgroupsPath":"/plain/path"}}"#)
        try path.configuration.merge(#"{"linux":{"cgroupsPath":"/plain/path"}}"#)
        try path.writeConfiguration()
        #expect(
          try path.runtime(["create", "--bundle", path.path, path.id]).message.contains(#"format "slice:prefix:name""#))
      }
    }

    @Test func `a limit is felt and devices are kept away as without systemd`() throws {
      try inHarbour { harbour in
        let bundle = try systemdBundle(harbour, #"{"linux":{"resources":{"pids":{"limit":20}}}}"#)

        #expect(try bundle.perform("fork-bomb 100")[0].started.number == 19)
        try shell("mknod \(bundle.rootfs)/tmp/kmsg c 1 11")
        #expect(try bundle.perform("read /tmp/kmsg")[0].errno.number == 1)
      }
    }

    @Test func `a container whose state is lost is ended with its scope`() throws {
      try inHarbour { harbour in
        let bundle = try systemdBundle(harbour)
        try bundle.configuration.merge(#"{"linux":{"cgroupsPath":null}}"#)
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number
        #expect(try property("ControlGroup", of: bundle) == "/system.slice/skiff-\(bundle.id).scope")

        try FileManager.default.removeItem(atPath: harbour.path("state/\(bundle.id)"))
        try bundle.delete(force: true)

        #expect(try hasEnded(process))
        #expect(try property("LoadState", of: bundle) == "not-found")
      }
    }
  }
}
