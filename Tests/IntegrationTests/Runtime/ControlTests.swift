import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// The verbs that hold a living container, look at it and change its limits.
  @Suite struct Control {
    @Test func `a paused container stands still until it is resumed`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "burn", "60000"])
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number

        try bundle.runtime(["pause", bundle.id]).expecting(0)
        #expect(try bundle.state().status.text == "paused")
        let atFirst = try processorTicks(process)
        ClockTime.sleep(milliseconds: 300)
        #expect(try processorTicks(process) == atFirst)

        try bundle.runtime(["resume", bundle.id]).expecting(0)
        #expect(try bundle.state().status.text == "running")
        ClockTime.sleep(milliseconds: 500)
        #expect(try processorTicks(process) > atFirst)
        try bundle.delete(force: true)
      }
    }

    @Test func `what a paused container does not allow is refused in the words that callers know`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        try bundle.runtime(["pause", bundle.id]).expecting(0)

        let exec = try bundle.runtime(["exec", bundle.id, "/bin/probe", "exit", "0"])
        #expect(exec.code == 255)
        #expect(exec.errors.contains("cannot exec in a paused container"))
        let delete = try bundle.runtime(["delete", bundle.id])
        #expect(delete.code == 1)
        #expect(delete.errors.contains("is not stopped: paused"))

        try bundle.runtime(["resume", bundle.id]).expecting(0)
        let again = try bundle.runtime(["resume", bundle.id])
        #expect(again.code == 1)
        #expect(again.errors.contains("not paused"))
        try bundle.delete(force: true)
        #expect(try bundle.runtime(["pause", bundle.id]).code == 1)
      }
    }

    @Test func `exec with ignore-paused waits and runs when the container goes on`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        try bundle.runtime(["pause", bundle.id]).expecting(0)

        let exec = try bundle.session(["exec", "--ignore-paused", bundle.id, "/bin/probe", "exit", "9"])
        ClockTime.sleep(milliseconds: 200)
        try bundle.runtime(["resume", bundle.id]).expecting(0)

        #expect(try exec.wait().code == 9)
        try bundle.delete(force: true)
      }
    }

    @Test func `a created container can be paused, and starts when it goes on`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.runtime(["pause", bundle.id]).expecting(0)

        #expect(try bundle.state().status.text == "paused")
        let exec = try bundle.runtime(["exec", bundle.id, "/bin/probe", "exit", "0"])
        #expect(exec.code == 255 && exec.errors.contains("cannot exec in a paused container"), "\(exec)")
        let start = try bundle.runtime(["start", bundle.id])
        #expect(start.code == 1 && start.errors.contains("cannot start a container in the paused state"), "\(start)")
        try bundle.runtime(["resume", bundle.id]).expecting(0)
        #expect(try bundle.state().status.text == "created")
        try bundle.start()
        #expect(try bundle.state().status.text == "running")
        try bundle.delete(force: true)
      }
    }

    @Test(arguments: [["state"], ["start"], ["delete"], ["pause"], ["run"], ["update", "--pids-limit", "9"]])
    func `a word too many is refused, and nothing is done`(verb: [String]) throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour)

        let outcome = try bundle.runtime(verb + [bundle.id, "other"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("\"\(verb[0])\" requires exactly 1 argument(s)"), "\(outcome)")
        #expect(try bundle.state().status.text == "running")
        try bundle.delete(force: true)
      }
    }

    @Test func `a paused container can be killed and deleted`() throws {
      try inHarbour { harbour in
        let killed = try waiting(harbour)
        try killed.runtime(["pause", killed.id]).expecting(0)
        try killed.kill("KILL")
        try killed.await("stopped")
        try killed.delete()

        let deleted = try waiting(harbour)
        try deleted.runtime(["pause", deleted.id]).expecting(0)
        try deleted.delete(force: true)
      }
    }

    @Test func `ps tells the processes of the container and no others`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        let first = try bundle.state().pid.number
        let exec = try bundle.session(["exec", bundle.id, "/bin/probe", "trap", "TERM"])
        try exec.expect("ready")

        let ids = try JSON(text: bundle.runtime(["ps", "--format", "json", bundle.id]).expecting(0).output).numbers
        #expect(ids.count == 2)
        #expect(ids.contains(first))

        let table = try bundle.runtime(["ps", bundle.id]).expecting(0).lines
        #expect(table.count == 3)
        #expect(table[0].contains("PID"))
        let chosen = try bundle.runtime(["ps", bundle.id, "-o", "pid,comm"]).expecting(0).lines
        #expect(chosen.count == 3)
        #expect(chosen.dropFirst().allSatisfy { $0.contains("probe") })

        #expect(try bundle.runtime(["ps", "--format", "poem", bundle.id]).code == 1)
        #expect(try bundle.runtime(["ps", bundle.id, "-o", "comm"]).errors.contains("PID field"))
        try bundle.delete(force: true)
        _ = try exec.wait()
      }
    }

    @Test func `update changes the limits of a living container`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour, #"{"linux":{"resources":{"memory":{"limit":67108864,"swap":67108864}}}}"#)
        let process = try bundle.state().pid.number

        // Up and down again: memory must never exceed memory and swap together, at no step.
        for mebibytes in [256, 32] {
          try bundle.runtime(["update", "--memory", "\(mebibytes)m", "--memory-swap", "\(mebibytes)m", bundle.id])
            .expecting(0)
          let limit = try value("memory", "memory.limit_in_bytes", "memory.max", of: process)
          #expect(limit == "\(mebibytes << 20)")
        }
        try bundle.runtime(["update", "--pids-limit", "12", "--cpu-share", "512", bundle.id]).expecting(0)
        #expect(try value("pids", "pids.max", "pids.max", of: process) == "12")
        #expect(try value("cpu", "cpu.shares", "cpu.weight", of: process) == (isVersion1 ? "512" : "59"))
        try bundle.runtime(["update", "--cpu-quota", "40000", "--cpu-period", "80000", bundle.id]).expecting(0)
        #expect(
          try value("cpu", "cpu.cfs_quota_us", "cpu.max", of: process) == (isVersion1 ? "40000" : "40000 80000"))
        try bundle.runtime(["update", "--cpuset-cpus", "0", bundle.id]).expecting(0)
        #expect(try value("cpuset", "cpuset.cpus", "cpuset.cpus", of: process) == "0")
        try bundle.delete(force: true)
      }
    }

    @Test func `update reads resources from a file and from its input`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        let process = try bundle.state().pid.number
        let file = try harbour.write(#"{"pids":{"limit":33}}"#, to: "resources.json")

        try bundle.runtime(["update", "--resources=\(file)", bundle.id]).expecting(0)
        #expect(try value("pids", "pids.max", "pids.max", of: process) == "33")
        try bundle.runtime(["update", "--resources", "-", bundle.id], input: #"{"pids":{"limit":44}}"#).expecting(0)
        #expect(try value("pids", "pids.max", "pids.max", of: process) == "44")
        // Zero is "unset".
        try bundle.runtime(["update", "-r", "-", bundle.id], input: #"{"pids":{},"cpu":{"shares":0}}"#).expecting(0)
        #expect(try value("pids", "pids.max", "pids.max", of: process) == "44")
        try bundle.delete(force: true)
      }
    }

    @Test func `an update that would kill is refused when it was asked to look first`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour, #"{"linux":{"resources":{"memory":{"limit":67108864}}}}"#)
        let process = try bundle.state().pid.number

        let outcome = try bundle.runtime(
          ["update", "-r", "-", bundle.id], input: #"{"memory":{"limit":4096,"checkBeforeUpdate":true}}"#)

        #expect(outcome.code == 1)
        #expect(try value("memory", "memory.limit_in_bytes", "memory.max", of: process) == "67108864")
        #expect(try bundle.state().status.text == "running")
        try bundle.delete(force: true)
      }
    }

    @Test func `updated device rules hold for the running program`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try waiting(
          harbour,
          #"{"process":{"capabilities":{"bounding":["CAP_MKNOD"],"effective":["CAP_MKNOD"],"permitted":["CAP_MKNOD"]}}}"#
        )
        // /dev/kmsg, made in the root file system, is no device of the defaults.
        try shell("mknod \(bundle.rootfs)/tmp/kmsg c 1 11")
        let open = ["exec", bundle.id, "/bin/probe", "read", "/tmp/kmsg"]
        #expect(try JSON(text: bundle.runtime(open).expecting(0).output).errno.number == 1)

        let rule = #"{"devices":[{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}]}"#
        try bundle.runtime(["update", "-r", "-", bundle.id], input: rule).expecting(0)
        let allowed = try bundle.session(open)
        ClockTime.sleep(milliseconds: 300)
        // Refused no more: the log is read, or waits for its next line.
        #expect(!String(decoding: allowed.output, as: UTF8.self).contains(#""errno":1,"#))
        try bundle.delete(force: true)
        _ = try allowed.wait()
      }
    }

    @Test func `update names what this machine cannot do`() throws {
      guard !FileManager.default.fileExists(atPath: "/sys/fs/resctrl/schemata"), Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        for option in ["--l3-cache-schema", "--mem-bw-schema"] {
          let outcome = try bundle.runtime(["update", option, "L3:0=f", bundle.id])
          #expect(outcome.code == 1)
          #expect(outcome.errors.contains(option))
          #expect(outcome.errors.contains("resctrl"))
        }
        #expect(try bundle.runtime(["update", "--memory", "lots", bundle.id]).errors.contains("memory"))
        try bundle.delete(force: true)
        #expect(try bundle.runtime(["update", "--memory", "1g", bundle.id]).code == 1)
      }
    }

    @Test func `statistics are told in the field's shape`() throws {
      try inHarbour { harbour in
        let bundle = try waiting(harbour, #"{"linux":{"resources":{"pids":{"limit":17},"cpu":{"cpus":"0"}}}}"#)

        let event = try JSON(text: bundle.runtime(["events", "--stats", bundle.id]).expecting(0).output)

        #expect(event.type.text == "stats")
        #expect(event.id.text == bundle.id)
        let data = event.data
        #expect(data.keys.contains("network_interfaces") || data["network_interfaces"].isMissing)
        #expect(data.pids.current.number == 1)
        #expect(data.pids.limit.number == 17)
        #expect(data.cpu.usage.total.number > 0)
        #expect(data.memory.usage.usage.number > 4096)
        #expect(!data.memory.raw.keys.isEmpty)
        #expect(data.hugetlb.keys.allSatisfy { $0.hasSuffix("B") })
        if Programs.isOurRuntime || isVersion1 { #expect(data.cpuset.cpus.numbers == [0]) }
        try bundle.delete(force: true)
        #expect(try bundle.runtime(["events", "--stats", bundle.id]).code == 1)
      }
    }

    @Test func `events tells statistics at every interval, kills for lack of memory, and ends with the container`()
      throws
    {
      try inHarbour { harbour in
        let bundle = try waiting(harbour, #"{"linux":{"resources":{"memory":{"limit":33554432,"swap":33554432}}}}"#)
        let events = try bundle.session(["events", "--interval", "100ms", bundle.id])
        try events.expect(#""type":"stats""#)
        try events.expect(#""type":"stats""#)

        let eater = try bundle.runtime(["exec", bundle.id, "/bin/probe", "eat-memory", "104857600"])
        #expect(eater.code == 137)
        try events.expect(#"{"type":"oom","id":"\#(bundle.id)"}"#)

        try bundle.kill("KILL")
        #expect(try events.wait(seconds: 10).code == 0)
        try bundle.delete(force: true)
        #expect(try bundle.runtime(["events", "--interval", "0s", bundle.id]).code == 1)
      }
    }
  }
}

/// A running container that does nothing.
func waiting(_ harbour: Harbour, _ patch: String = "{}") throws -> Bundle {
  let bundle = try Bundle(harbour, patch)
  try bundle.setArguments(["/bin/probe", "wait"])
  try bundle.create()
  try bundle.start()
  return bundle
}

/// Whether a process is gone, or has ended and only waits for whoever reaps orphans.
func hasEnded(_ process: Int) throws -> Bool {
  let path = "/proc/\(process)/stat"
  guard FileManager.default.fileExists(atPath: path) else { return true }
  return try shell("cat \(path) 2>/dev/null || echo ') Z'").output.contains(") Z")
}

/// The processor time that a process has used, in clock ticks.
private func processorTicks(_ process: Int) throws -> Int {
  let fields = try shell("cat /proc/\(process)/stat").output.split(separator: ")").last?.split(separator: " ") ?? []
  guard fields.count > 13, let user = Int(fields[11]), let system = Int(fields[12]) else { throw Trouble("no stat") }
  return user + system
}
