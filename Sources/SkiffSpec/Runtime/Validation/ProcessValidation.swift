extension SpecValidator {
  /// Supplementary groups that a process may have (NGROUPS_MAX).
  private static let groupLimit = 65536

  mutating func check(_ process: RuntimeSpec.Process, at keyPath: @autoclosure () -> String) {
    func path(_ member: String) -> String { keyPath().isEmpty ? member : "\(keyPath()).\(member)" }

    require(!process.arguments.isEmpty, path("args"), "args must not be empty")
    if let first = process.arguments.first {
      require(!first.isEmpty, path("args[0]"), "the name of the program must not be empty")
    }
    if process.workingDirectory.isEmpty {
      refuse(path("cwd"), "Cwd property must not be empty")
    } else if process.workingDirectory.utf8.first != UInt8(ascii: "/") {
      refuse(path("cwd"), "Cwd must be an absolute path")
    }
    checkEnvironment(process.environment, at: path("env"))
    checkUser(process.user, at: path("user"))
    if let capabilities = process.capabilities { check(capabilities, at: path("capabilities")) }
    check(process.rlimits, at: path("rlimits"))
    if let adjustment = process.oomScoreAdjustment {
      require((-1000...1000).contains(adjustment), path("oomScoreAdj"), "must be between -1000 and 1000")
    }
    if let scheduler = process.scheduler { check(scheduler, at: path("scheduler")) }
    if let priority = process.ioPriority { check(priority, at: path("ioPriority")) }
    requireCPUList(process.execCPUAffinity?.initial, path("execCPUAffinity.initial"))
    requireCPUList(process.execCPUAffinity?.final, path("execCPUAffinity.final"))
  }

  private mutating func checkUser(_ user: RuntimeSpec.User, at keyPath: @autoclosure () -> String) {
    // The kernel takes the highest number, -1, for "leave it as it is".
    let reserved = "4294967295 is not an id"
    require(user.userID != .max, "\(keyPath()).uid", reserved)
    require(user.groupID != .max, "\(keyPath()).gid", reserved)
    for (index, group) in user.additionalGroupIDs.enumerated() {
      require(group != .max, "\(keyPath()).additionalGids[\(index)]", reserved)
    }
    require(
      user.additionalGroupIDs.count <= Self.groupLimit, "\(keyPath()).additionalGids",
      "more than \(Self.groupLimit) groups")
    if let umask = user.umask {
      require(umask <= 0o777, "\(keyPath()).umask", "must be between 0 and 511 (0777)")
    }
  }

  private mutating func check(_ capabilities: RuntimeSpec.Capabilities, at keyPath: @autoclosure () -> String) {
    for (set, name) in [
      (capabilities.bounding, "bounding"), (capabilities.effective, "effective"),
      (capabilities.inheritable, "inheritable"), (capabilities.permitted, "permitted"),
      (capabilities.ambient, "ambient"),
    ] {
      requireKnown(set, among: RuntimeSpec.Capabilities.knownNames, "\(keyPath()).\(name)") {
        "unknown capability \($0)"
      }
    }
  }

  private mutating func check(_ limits: [RuntimeSpec.ResourceLimit], at keyPath: @autoclosure () -> String) {
    var seen: Set<String> = []
    for (index, limit) in limits.enumerated() {
      func here() -> String { "\(keyPath())[\(index)]" }
      if !RuntimeSpec.ResourceLimit.knownTypes.contains(limit.type) {
        refuse("\(here()).type", "invalid rlimit type: \(SpecKeyPath.quoted(limit.type))")
      } else if !seen.insert(limit.type).inserted {
        refuse("\(here()).type", "duplicated rlimit: \(limit.type)")
      }
      require(limit.soft <= limit.hard, "\(here()).soft", "the soft limit is above the hard limit")
    }
  }

  private mutating func check(_ scheduler: RuntimeSpec.Scheduler, at keyPath: @autoclosure () -> String) {
    let policy = scheduler.policy
    require(
      RuntimeSpec.Scheduler.knownPolicies.contains(policy), "\(keyPath()).policy",
      "invalid scheduler policy: \(SpecKeyPath.quoted(policy))")
    requireKnown(scheduler.flags, among: RuntimeSpec.Scheduler.knownFlags, "\(keyPath()).flags") {
      "invalid scheduler flag: \($0)"
    }
    // The kernel takes it with every policy, and heeds it with some (sched(7)).
    if let nice = scheduler.nice {
      require((-20...19).contains(nice), "\(keyPath()).nice", "invalid scheduler.nice: \(nice)")
    }
    if let priority = scheduler.priority, priority != 0 {
      require((1...99).contains(priority), "\(keyPath()).priority", "must be between 1 and 99")
      require(
        policy == "SCHED_FIFO" || policy == "SCHED_RR", "\(keyPath()).priority",
        "scheduler.priority can only be specified for SCHED_FIFO or SCHED_RR policy")
    }
    if policy == "SCHED_DEADLINE" {
      checkDeadline(scheduler, keyPath())
    } else {
      require(
        [scheduler.runtime, scheduler.deadline, scheduler.period].allSatisfy { $0 ?? 0 == 0 }, keyPath(),
        "scheduler runtime/deadline/period can only be specified for SCHED_DEADLINE policy")
    }
  }

  /// sched_setattr(2) says no more than "invalid argument"; the first rule that is broken is told, in crun's words.
  private mutating func checkDeadline(_ scheduler: RuntimeSpec.Scheduler, _ keyPath: String) {
    func tell(_ words: String) -> String { "sched_setattr: `SCHED_DEADLINE` \(words)" }
    for (name, time) in [("runtime", scheduler.runtime), ("deadline", scheduler.deadline)] {
      guard let time else { return refuse("\(keyPath).\(name)", tell("requires `\(name)`")) }
      if time == 0 { return refuse("\(keyPath).\(name)", tell("\(name) must be greater than 0")) }
    }
    let (runtime, deadline) = (scheduler.runtime ?? 0, scheduler.deadline ?? 0)
    // No period means the deadline.
    let period = scheduler.period.flatMap { $0 == 0 ? nil : $0 } ?? deadline
    if runtime > deadline {
      return refuse("\(keyPath).runtime", tell("runtime (\(runtime)) must be <= deadline (\(deadline))"))
    }
    if deadline > period {
      return refuse("\(keyPath).deadline", tell("deadline (\(deadline)) must be <= period (\(period))"))
    }
    // sched(7): "all of the parameter values must be at least 1024 … and less than 2^63".
    let (lowest, highest): (UInt64, UInt64) = (1024, 1 << 63)
    for (name, time) in [("runtime", runtime), ("deadline", deadline), ("period", period)]
    where time < lowest || time >= highest {
      return refuse("\(keyPath).\(name)", tell("\(name) (\(time)) must be between \(lowest) and \(highest)"))
    }
  }

  private mutating func check(_ priority: RuntimeSpec.IOPriority, at keyPath: @autoclosure () -> String) {
    require(
      RuntimeSpec.IOPriority.knownClasses.contains(priority.class), "\(keyPath()).class",
      "invalid ioPriority.Class: \(SpecKeyPath.quoted(priority.class))")
    require(
      (0...7).contains(priority.priority), "\(keyPath()).priority",
      "invalid ioPriority.Priority: \(priority.priority)")
  }
}
