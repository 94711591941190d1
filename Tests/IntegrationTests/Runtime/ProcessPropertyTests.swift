import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// How the kernel is asked to treat a container's processes: scheduler, priorities, memory, keys, labels.
  @Suite struct ProcessProperties {
    // MARK: Scheduling

    @Test(arguments: [
      (#"{"policy":"SCHED_BATCH","nice":7}"#, 3, 7, 0), (#"{"policy":"SCHED_IDLE"}"#, 5, 0, 0),
      (#"{"policy":"SCHED_OTHER","nice":-3,"flags":["SCHED_FLAG_RESET_ON_FORK"]}"#, 0, -3, 0),
    ])
    func `a scheduler is the kernel's for the program, and for exec`(
      scheduler: String, policy: Int, nice: Int, priority: Int
    ) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let plain = try bundle.see()
        #expect(plain.schedulingPolicy.number == 0)

        let seen = try Bundle(harbour).see(#"{"process":{"scheduler":\#(scheduler)}}"#)

        #expect(seen.schedulingPolicy.number == policy && seen.nice.number == nice)
        #expect(seen.realtimePriority.number == priority)

        let other = try Bundle(harbour)
        try other.setArguments(["/bin/probe", "wait"])
        try other.create()
        try other.start()
        let process = try harbour.write(
          #"{"user":{"uid":0,"gid":0},"cwd":"/","args":["/bin/probe","see"],"scheduler":\#(scheduler)}"#,
          to: "process.json")
        let inside = try JSON(text: try other.runtime(["exec", "--process", process, other.id]).expecting(0).output)
        #expect(inside.schedulingPolicy.number == policy && inside.nice.number == nice)
        try other.delete(force: true)
      }
    }

    @Test func `a scheduler that the kernel refuses is named`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        // A longer time than the kernel plans for (sched_deadline_period_max_us).
        let outcome = try Bundle(
          harbour,
          #"{"process":{"scheduler":{"policy":"SCHED_DEADLINE","runtime":9000000,"deadline":90000000000,"period":90000000000}}}"#
        ).run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("process.scheduler"), "\(outcome)")
      }
    }

    @Test(arguments: [("IOPRIO_CLASS_BE", 6, 2), ("IOPRIO_CLASS_IDLE", 0, 3), ("IOPRIO_CLASS_RT", 1, 1)])
    func `the priority of disk access`(name: String, level: Int, number: Int) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          #"{"process":{"ioPriority":{"class":"\#(name)","priority":\#(level)}}}"#)

        #expect(seen.ioPriority.number == number << 13 | level)
      }
    }

    @Test func `an exec runs on the CPUs that it names, others on all`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        func allowed(_ affinity: String) throws -> String {
          let process = try harbour.write(
            #"{"user":{"uid":0,"gid":0},"cwd":"/","args":["/bin/probe","see"]\#(affinity)}"#, to: "process.json")
          // The caller is confined, which must not be handed down by itself.
          let outcome = try run(
            [
              "taskset", "--cpu-list", "0", Programs.runtime, "--root", harbour.path("state"), "exec", "--process",
              process,
              bundle.id,
            ])
          return try JSON(text: outcome.expecting(0).output).status.Cpus_allowed_list.text
        }
        let all =
          try shell("nproc --all").lines[0] == "1" ? "0" : "0-\((Int(try shell("nproc --all").lines[0]) ?? 1) - 1)"

        #expect(try allowed("") == all)
        #expect(try allowed(#", "execCPUAffinity":{"final":"1"}"#) == "1")
        #expect(try allowed(#", "execCPUAffinity":{"initial":"1"}"#) == "1")
        #expect(try allowed(#", "execCPUAffinity":{"initial":"0","final":"0-1"}"#) == "0-1")
        try bundle.delete(force: true)
      }
    }

    @Test func `a container runs on every CPU, whatever its creator was confined to`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.writeConfiguration()

        let outcome = try run(
          [
            "taskset", "--cpu-list", "0", Programs.runtime, "--root", harbour.path("state"), "run", "--bundle",
            bundle.path, bundle.id,
          ])

        let seen = try JSON(text: outcome.expecting(0).output)
        let host = try shell("grep Cpus_allowed_list /proc/1/status").lines[0].split(separator: "\t").last
        #expect(seen.status.Cpus_allowed_list.text == host.map(String.init))
      }
    }

    @Test(arguments: [
      (#"{"mode":"MPOL_BIND","nodes":"0"}"#, 2, [1]), (#"{"mode":"MPOL_DEFAULT"}"#, 0, [0]),
      (#"{"mode":"MPOL_INTERLEAVE","nodes":"0","flags":["MPOL_F_STATIC_NODES"]}"#, 3 | 1 << 15, [1]),
      (#"{"mode":"MPOL_LOCAL"}"#, 4, [0]), (#"{"mode":"MPOL_PREFERRED","nodes":"0"}"#, 1, [1]),
    ])
    func `memory is taken by the policy, also by exec`(policy: String, mode: Int, nodes: [Int]) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"memoryPolicy":\#(policy)}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let seen = try JSON(text: try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"]).expecting(0).output)

        #expect(seen.memoryPolicy.mode.number == mode, "\(seen.memoryPolicy)")
        #expect(seen.memoryPolicy.nodes.numbers == nodes, "\(seen.memoryPolicy)")
        try bundle.delete(force: true)
        let first = try Bundle(harbour).see(#"{"linux":{"memoryPolicy":\#(policy)}}"#)
        #expect(first.memoryPolicy.mode.number == mode)
      }
    }

    @Test func `memory nodes that are not there are named`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let outcome = try Bundle(harbour, #"{"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":"63"}}}"#)
          .run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("linux.memoryPolicy"), "\(outcome)")
      }
    }

    @Test(arguments: [("LINUX32", "00000008"), ("LINUX", "00000000")])
    func `the execution domain, also of exec`(domain: String, seen: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"personality":{"domain":"\#(domain)"}}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let inside = try JSON(text: try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"]).expecting(0).output)

        #expect(inside.personality.text == seen)
        try bundle.delete(force: true)
        #expect(try Bundle(harbour).see(#"{"linux":{"personality":{"domain":"\#(domain)"}}}"#).personality.text == seen)
      }
    }

    // MARK: Names

    @Test func `a domain name beside the host's`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(#"{"domainname":"harbour.example"}"#)

        guard Programs.isOurRuntime else { return }
        #expect(seen.domainname.text == "harbour.example")
        #expect(try shell("cat /proc/sys/kernel/domainname").lines != ["harbour.example"])
      }
    }

    // MARK: Keys

    @Test func `a session keyring of the container's own, for exec as well`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        func sessions(_ seen: JSON) -> [String] {
          seen.keys_.texts.filter { $0.contains("_ses") }.compactMap {
            $0.split(separator: " ").first { $0.hasPrefix("_ses") }.map(String.init)
          }
        }
        func serials(_ seen: JSON) -> [Substring] {
          seen.keys_.texts.filter { $0.contains("_ses.\(bundle.id):") }.map { $0.prefix { $0 != " " } }
        }

        let first = try JSON(text: try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"]).expecting(0).output)
        let second = try JSON(text: try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"]).expecting(0).output)

        #expect(sessions(first).contains("_ses.\(bundle.id):"))
        // One keyring, not one a process.
        #expect(!serials(first).isEmpty && serials(first) == serials(second), "\(serials(first)) \(serials(second))")
        try bundle.delete(force: true)

        let shared = try Bundle(harbour)
        try shared.writeConfiguration()
        let outcome = try shared.runtime(["run", "--no-new-keyring", "--bundle", shared.path, shared.id]).expecting(0)
        #expect(try !sessions(JSON(text: outcome.output)).contains("_ses.\(shared.id):"))
      }
    }

    // MARK: Labels

    @Test(arguments: [
      ("process.apparmorProfile", #"{"process":{"apparmorProfile":"harbour"}}"#, "AppArmor"),
      ("process.selinuxLabel", #"{"process":{"selinuxLabel":"a:b:c:d"}}"#, "SELinux"),
      ("linux.mountLabel", #"{"linux":{"mountLabel":"a:b:c:d"}}"#, "SELinux"),
      ("linux.intelRdt", #"{"linux":{"intelRdt":{"closID":"x"}}}"#, "resctrl"),
    ])
    func `what this machine does not have is refused by its name`(path: String, patch: String, name: String) throws {
      guard Programs.isOurRuntime, !Self.machineHas(name) else { return }
      try inHarbour { harbour in
        let outcome = try Bundle(harbour, patch).run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.output == "")
        #expect(outcome.errors.contains(path) && outcome.errors.contains(name), "\(outcome.errors)")
      }
    }

    private static func machineHas(_ name: String) -> Bool {
      let places = [
        "AppArmor": "/sys/module/apparmor", "SELinux": "/sys/fs/selinux/enforce", "resctrl": "/sys/fs/resctrl/schemata",
      ]
      return places[name].map { FileManager.default.fileExists(atPath: $0) } ?? false
    }
  }
}

extension JSON {
  /// `keys` is the list of an object's own.
  fileprivate var keys_: JSON { self["keys"] }
}
