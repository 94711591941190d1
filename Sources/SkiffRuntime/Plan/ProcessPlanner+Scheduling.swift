internal import SkiffKernel
internal import SkiffSpec

// How the kernel is to treat the process: words of the spec become the kernel's numbers. They were checked with the spec.
extension ProcessPlanner {
  /// Scheduler and disk priority, and what holds for the whole container: execution domain and memory policy.
  func schedulingSteps(_ linux: RuntimeSpec.Linux) -> [LaunchStep] {
    var steps: [LaunchStep] = []
    if let scheduler = process.scheduler { steps.append(.setScheduling(SchedulingAttributes(scheduler))) }
    if let priority = process.ioPriority {
      let place = RuntimeSpec.IOPriority.knownClasses.firstIndex(of: priority.class) ?? 0
      steps.append(
        .setDiskPriority(class: UInt32(clamping: place + 1), level: UInt32(clamping: priority.priority)))
    }
    if let personality = linux.personality {
      let linux32: UInt32 = 8
      steps.append(.setPersonality(personality.domain == "LINUX32" ? linux32 : 0))
    }
    if let policy = linux.memoryPolicy { steps.append(.setMemoryPolicy(MemoryPolicyPlan(policy))) }
    return steps
  }
}

extension SchedulingAttributes {
  init(_ scheduler: RuntimeSpec.Scheduler) {
    // The place in the list is the kernel's number, 4 being one that no kernel has built.
    self.init(policy: UInt32(clamping: RuntimeSpec.Scheduler.knownPolicies.firstIndex(of: scheduler.policy) ?? 0))
    for (place, flag) in RuntimeSpec.Scheduler.knownFlags.enumerated() where scheduler.flags.contains(flag) {
      flags |= 1 << UInt64(place)
    }
    nice = scheduler.nice ?? 0
    priority = UInt32(clamping: scheduler.priority ?? 0)
    runtime = scheduler.runtime ?? 0
    deadline = scheduler.deadline ?? 0
    period = scheduler.period ?? 0
  }
}

/// From which memory nodes a container takes its memory (set_mempolicy(2)).
package struct MemoryPolicyPlan: Equatable, Sendable {
  /// MPOL_… with its MPOL_F_….
  package var mode: UInt32
  /// Bits in words, the lowest first.
  package var nodes: [UInt64]
  /// As the spec has it, for people.
  package var text: String

  init(_ policy: RuntimeSpec.MemoryPolicy) {
    // Numbers of linux/mempolicy.h.
    let modes: [String: UInt32] = [
      "MPOL_DEFAULT": 0, "MPOL_PREFERRED": 1, "MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_LOCAL": 4,
      "MPOL_PREFERRED_MANY": 5, "MPOL_WEIGHTED_INTERLEAVE": 6,
    ]
    let flags: [String: UInt32] = [
      "MPOL_F_STATIC_NODES": 1 << 15, "MPOL_F_RELATIVE_NODES": 1 << 14, "MPOL_F_NUMA_BALANCING": 1 << 13,
    ]
    mode = policy.flags.reduce(modes[policy.mode] ?? 0) { $0 | (flags[$1] ?? 0) }
    nodes = policy.nodes.isEmpty ? [] : NumberList.words(policy.nodes) ?? []
    text = policy.nodes.isEmpty ? policy.mode : "\(policy.mode) of nodes \(policy.nodes)"
  }
}
