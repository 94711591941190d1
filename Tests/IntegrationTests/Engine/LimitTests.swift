import Foundation
import Testing

extension Integration {
  /// Tutorial step: a control group with 500 MB of memory, at most 20 processes, a part of the CPU, chosen devices.
  @Suite struct EngineLimits {
    @Test func `limits stand in the group of the container`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start([
          "-m", "500m", "--pids-limit", "20", "--cpus", "0.5", "--cpuset-cpus", "0", "--network", "none",
        ])

        let process = try store.inspect(id).State.Pid.number

        #expect(try value("memory", "memory.limit_in_bytes", "memory.max", of: process) == "524288000")
        #expect(try value("pids", "pids.max", "pids.max", of: process) == "20")
        #expect(try value("cpuset", "cpuset.cpus", "cpuset.cpus", of: process) == "0")
        if isVersion1 { #expect(try value("cpu", "cpu.cfs_quota_us", "", of: process) == "50000") }
        #expect(try value("memory", "cgroup.procs", "cgroup.procs", of: process).contains("\(process)"))
        try store.skiff("rm", "--force", id)
      }
    }

    @Test(arguments: [[], ["--userns", "map:0:100000:65536"]])
    func `an ordinary user of a container reads its limits`(options: [String]) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let file = isVersion1 ? "pids/pids.max" : "pids.max"

        let seen = try store.attempt(
          ["run", "--rm", "--network", "none", "--pids-limit", "77", "--user", "1000"] + options
            + [Store.image, "sh", "-c", "cat /sys/fs/cgroup/\(file)"]
        ).expecting(0)

        #expect(seen.lines == ["77"])
      }
    }

    @Test func `an allocation above the limit is killed, and reported`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let outcome = try store.attempt(
          "run", "--name", "eater", "-m", "64m", "--memory-swap", "64m", Store.image, "probe", "eat-memory", "200000000"
        )

        #expect(outcome.code == 137)
        let state = try store.inspect("eater").State
        #expect(state.OOMKilled.isTrue)
        #expect(state.ExitCode.number == 137)
        try store.skiff("rm", "eater")
      }
    }

    @Test func `a fork bomb stops`() throws {
      try inHarbour { harbour in
        let told = try Store(harbour).perform(["--pids-limit", "20"], "fork-bomb 100")

        #expect(told[0].started.number == 19)
      }
    }

    @Test func `without a limit of its own a container has that of the house`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--network", "none"])

        let process = try store.inspect(id).State.Pid.number

        #expect(try value("pids", "pids.max", "pids.max", of: process) == "2048")
        try store.skiff("rm", "--force", id)
      }
    }

    @Test func `a busy program is throttled`() throws {
      try inHarbour { harbour in
        let told = try Store(harbour).perform(["--cpus", "0.2"], "burn 1500")

        #expect(told[0].cpuMilliseconds.number < 700)
      }
    }

    @Test func `a device is there when asked for, and only then`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let with = try store.perform(
          ["--device", "/dev/loop-control"], "stat /dev/loop-control", "read /dev/loop-control")
        let without = try store.perform([], "stat /dev/loop-control")

        #expect(with[0].type.text == "characterDevice")
        // Opened, and then told that it cannot be read.
        #expect(with[1].errno.number == 22)
        #expect(without[0].errno.number == 2)
      }
    }

    @Test func `resource limits of the process`() throws {
      try inHarbour { harbour in
        let seen = try Store(harbour).see("--ulimit", "nofile=100:200", "--ulimit", "core=0")

        #expect(seen.rlimits["Max open files"].texts == ["100", "200"])
        #expect(seen.rlimits["Max core file size"].texts == ["0", "0"])
      }
    }

    @Test func `a file of the control group, where groups are of version 2`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let line = ["run", "--rm", "--network", "none", "--cgroup-conf", "memory.high=104857600", Store.image]

        let outcome = try store.attempt(line + ["cat", "/sys/fs/cgroup/memory.high"])

        if FileManager.default.fileExists(atPath: "/sys/fs/cgroup/cgroup.controllers") {
          #expect(try outcome.expecting(0).output == "104857600\n")
        } else {
          #expect(outcome.code == 125 && outcome.errors.contains("memory is controlled by cgroup v1 here"))
        }
        for text in ["memory.high", "memory=1", "cgroup.procs=1", "../x.y=1"] {
          let wrong = try store.attempt("run", "--rm", "--cgroup-conf", text, Store.image, "true")
          #expect(wrong.code == 125 && wrong.errors.contains("invalid value \"\(text)\" for --cgroup-conf"))
        }
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
      }
    }
  }
}
