import Foundation
import Testing

extension Integration {
  /// Limits: seen in the host's cgroup files, felt inside.
  @Suite struct Limits {
    @Test func `the container's group holds its limits and its process`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"resources":{"memory":{"limit":67108864,"reservation":33554432},"pids":{"limit":20},
            "cpu":{"shares":512,"quota":50000,"period":100000,"cpus":"0"}}}}
          """)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()

        let id = try bundle.state().pid.number
        #expect(try group("memory", of: id).hasSuffix("/skiff-test/\(bundle.id)"))
        #expect(try value("memory", "memory.limit_in_bytes", "memory.max", of: id) == "67108864")
        #expect(try value("memory", "memory.soft_limit_in_bytes", "memory.low", of: id) == "33554432")
        #expect(try value("pids", "pids.max", "pids.max", of: id) == "20")
        #expect(try value("cpuset", "cpuset.cpus", "cpuset.cpus", of: id) == "0")
        if isVersion1 {
          #expect(try value("cpu", "cpu.shares", "", of: id) == "512")
          #expect(try value("cpu", "cpu.cfs_quota_us", "", of: id) == "50000")
        } else {
          #expect(try value("cpu", "", "cpu.max", of: id) == "50000 100000")
        }
        for controller in ["memory", "pids", "cpuset", "cpu"] {
          #expect(try value(controller, "cgroup.procs", "cgroup.procs", of: id) == "\(id)")
        }
        try bundle.delete(force: true)
      }
    }

    @Test func `an allocation above the limit is killed`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"memory":{"limit":52428800,"swap":52428800}}}}"#)

        let outcome = try bundle.run(["/bin/probe", "eat-memory", "104857600"])

        #expect(outcome.code == 137)
      }
    }

    @Test func `an allocation below the limit is let be`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"memory":{"limit":104857600,"swap":104857600}}}}"#)

        #expect(try bundle.perform("eat-memory 52428800")[0].number == 52_428_800)
      }
    }

    @Test func `a fork bomb stops at the limit`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"pids":{"limit":20}}}}"#)

        let told = try bundle.perform("fork-bomb 100")[0]

        #expect(told.started.number == 19)
        #expect(told.refusal.errno.number == 11)
      }
    }

    @Test func `a busy program is throttled`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"cpu":{"quota":20000,"period":100000}}}}"#)

        let told = try bundle.perform("burn 1500")[0]

        // A fifth of the time is 300 ms; a program without a limit gets nearly all.
        #expect(told.cpuMilliseconds.number < 700)
        #expect(told.wallMilliseconds.number >= 1500)
      }
    }

    @Test func `the program may run only on the CPUs of its set`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"linux":{"resources":{"cpu":{"cpus":"0"}}}}"#)

        #expect(seen.status.Cpus_allowed_list.text == "0")
      }
    }

    @Test func `a limit of zero means none`() throws {
      try inHarbour { harbour in
        let told = try Bundle(
          harbour,
          """
          {"linux":{"resources":{"memory":{"limit":0,"reservation":0,"swap":0},
            "cpu":{"shares":0,"quota":0,"period":0},"blockIO":{"weight":0}}}}
          """
        ).perform("fork-bomb 5")

        #expect(told[0].started.number == 5)
      }
    }
  }
}

/// Whether the controllers are on the first version's hierarchies.
let isVersion1 = FileManager.default.fileExists(atPath: "/sys/fs/cgroup/memory/memory.limit_in_bytes")

/// The group of a process under a controller, as /proc tells it.
func group(_ controller: String, of process: Int) throws -> String {
  for line in try shell("cat /proc/\(process)/cgroup").lines {
    let fields = line.split(separator: ":", omittingEmptySubsequences: false)
    guard fields.count == 3 else { continue }
    if isVersion1 ? fields[1].split(separator: ",").contains(Substring(controller)) : fields[1].isEmpty {
      return String(fields[2])
    }
  }
  throw Trouble("process \(process) is in no group of \(controller)")
}

/// The content of a file of the group that a process is in: by its name in either version.
func value(_ controller: String, _ version1: String, _ version2: String, of process: Int) throws -> String {
  let root = isVersion1 ? "/sys/fs/cgroup/\(controller)" : "/sys/fs/cgroup"
  let file = root + (try group(controller, of: process)) + "/" + (isVersion1 ? version1 : version2)
  return try shell("cat \(file)").output.trimmingCharacters(in: .whitespacesAndNewlines)
}
