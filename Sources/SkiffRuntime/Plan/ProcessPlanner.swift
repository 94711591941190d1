internal import SkiffKernel
internal import SkiffSpec

/// Plans what a process takes on just before it becomes its program; the same for a container's first process and for exec.
struct ProcessPlanner {
  let process: RuntimeSpec.Process
  /// Capabilities that the caller can give away.
  let grantable: CapabilitySet
  let isInsideUserNamespace: Bool
  /// Without it the process keeps the groups that it came with; asking for any other was refused before.
  var mayChangeGroups = true
  /// Whether the process is killed when the runtime that waits for it is.
  var endsWithCaller = false
  /// Whether hooks run in the container just before the program.
  var hasStartHooks = false
  /// What the process may reach, beside all other limits.
  var landlock: LandlockRules?
  private(set) var warnings: [String] = []

  init(process: RuntimeSpec.Process, grantable: CapabilitySet, isInsideUserNamespace: Bool) {
    self.process = process
    self.grantable = grantable
    self.isInsideUserNamespace = isInsideUserNamespace
  }

  /// Resource limits by the kernel's numbers (getrlimit(2)).
  static let limitNumbers: [String: Int32] = [
    "RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
  ]

  /// Labels and profiles that the program starts under. One that this machine cannot give ends the launch.
  func securityAttributes(_ modules: SecurityModules) throws(LaunchError) -> [LaunchStep] {
    var steps: [LaunchStep] = []
    if let profile = process.apparmorProfile, !profile.isEmpty {
      guard modules.hasAppArmor else {
        throw LaunchError("process.apparmorProfile (\(profile)): this machine has no AppArmor")
      }
      steps.append(.setSecurityAttribute(.appArmorProfile(profile)))
    }
    if let label = process.selinuxLabel, !label.isEmpty {
      guard modules.hasSELinux else {
        throw LaunchError("process.selinuxLabel (\(label)): this machine has no SELinux")
      }
      steps.append(.setSecurityAttribute(.selinuxLabel(label)))
    }
    return steps
  }

  /// Resource limits; names were checked with the spec.
  func limits() -> [LaunchStep] {
    process.rlimits.compactMap { limit in
      Self.limitNumbers[limit.type].map { .setResourceLimit(limit, number: $0) }
    }
  }

  /// The program, its arguments and environment.
  func fillProgram(_ plan: inout LaunchPlan) {
    plan.arguments = process.arguments
    plan.environment = Self.lastOfEach(process.environment)
    plan.environment.removeAll { $0 == "HOME=" }
    if !plan.environment.contains(where: { $0.hasPrefix("HOME=") }) { plan.homeOfUserID = process.user.userID }
  }

  /// One entry a name, the last that was given: of two, C programs find the first and shells the last.
  private static func lastOfEach(_ entries: [String]) -> [String] {
    var names: Set<Substring> = []
    names.reserveCapacity(entries.count)
    let kept = entries.reversed().filter { entry in
      names.insert(entry[..<(entry.utf8.firstIndex(of: UInt8(ascii: "=")) ?? entry.endIndex)]).inserted
    }
    return kept.reversed()
  }

  /// How the program is looked for: PATH is the process's own, the last one given.
  func search() -> ExecutableSearch {
    let path = process.environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? ""
    return ExecutableSearch(
      name: process.arguments.first ?? "", searchPath: path.split(separator: ":").map(String.init))
  }

  /// From a process that may do everything to one that may do what was asked, and then the program.
  mutating func finalSteps(
    linux: RuntimeSpec.Linux, resetsAffinity: Bool, hasFilter: Bool, preservedDescriptors: UInt32
  ) -> [LaunchStep] {
    let capabilities = plannedCapabilities()
    var steps: [LaunchStep] = [.resetSignals]
    if resetsAffinity { steps.append(.resetAffinity) }
    // While the capabilities for it are there; after the affinity, which a thread with deadlines may not change any more.
    steps.append(contentsOf: schedulingSteps(linux))
    // The launch itself ran without a mask; a program expects the usual one.
    steps.append(.setUmask(process.user.umask ?? 0o022))
    // While CAP_CHOWN is there, and before a filter that may not know the call.
    if process.user.userID != 0 {
      steps.append(.giveStandardStreams(userID: process.user.userID, groupID: process.user.groupID))
    }
    // With root's rights, as docker and runc do; the step tries again as the user where root is refused.
    steps.append(.enterWorkingDirectory(process.workingDirectory))
    // With root's rights, and from what the paths lead to now: what comes later cannot widen it.
    if let landlock {
      steps.append(.makeLandlockRuleset(landlock))
      steps.append(contentsOf: landlock.places.map { .allowByLandlock($0) })
    }
    // After the last step that opens anything: the program inherits the standard streams and what was asked for
    // (CVE-2024-21626). Before the filter, which may not know close_range(2): profiles older than the call refuse it.
    steps.append(.closeDescriptors(preserve: preservedDescriptors))
    // Without no_new_privs only CAP_SYS_ADMIN may load a filter, so it must come before the capabilities go. The filter
    // then has to allow the calls below, as under runc.
    if landlock != nil, !process.noNewPrivileges { steps.append(.restrictByLandlock) }
    if hasFilter, !process.noNewPrivileges { steps.append(.installFilter) }
    // While CAP_SETPCAP is still there.
    if let capabilities { steps.append(.dropBoundingSet(capabilities.droppedFromBounding)) }
    steps.append(
      .setUser(
        UserPlan(
          userID: process.user.userID, groupID: process.user.groupID,
          groups: mayChangeGroups ? process.user.additionalGroupIDs : nil,
          keepsCapabilities: capabilities != nil)))
    if let capabilities { steps.append(.setCapabilities(capabilities.plan)) }
    // Every change of user forgets it.
    if endsWithCaller { steps.append(.endWithCaller) }
    if process.noNewPrivileges {
      steps.append(.setNoNewPrivileges)
      if landlock != nil { steps.append(.restrictByLandlock) }
      // As late as can be: nothing below but what every filter must allow, execve(2) itself.
      if hasFilter { steps.append(.installFilter) }
    }
    // What such a hook runs is the container's: it may do no more than the program.
    if hasStartHooks { steps.append(.runHooksInside(.startContainer)) }
    steps.append(.execute(process.arguments.first ?? ""))
    return steps
  }

  private mutating func plannedCapabilities() -> (plan: CapabilityPlan, droppedFromBounding: [Int])? {
    guard let wanted = process.capabilities else { return nil }
    let bounding = set(wanted.bounding, "bounding")
    let permitted = set(wanted.permitted, "permitted")
    let inheritable = set(wanted.inheritable, "inheritable")
    let effective = set(wanted.effective, "effective").intersection(permitted)
    let raisable = permitted.intersection(inheritable)
    let wantedAmbient = set(wanted.ambient, "ambient")
    let ambient = wantedAmbient.intersection(raisable)
    for name in CapabilityNames.names(wantedAmbient.subtracting(raisable)) {
      warnings.append("can't raise ambient capability \(name): it is not both permitted and inheritable")
    }
    return (
      CapabilityPlan(
        sets: ThreadCapabilities(effective: effective, permitted: permitted, inheritable: inheritable),
        ambient: CapabilityNames.all.indices.filter { ambient.contains(number: $0) }),
      CapabilityNames.all.indices.filter { !bounding.contains(number: $0) }
    )
  }

  /// A set by name. What the caller does not hold is left out with a warning: it could not be given by anyone here.
  private mutating func set(_ names: [String], _ setName: String) -> CapabilitySet {
    var result: CapabilitySet = []
    var missing: [String] = []
    for name in names {
      guard let number = CapabilityNames.number(name) else { continue }
      if isInsideUserNamespace || grantable.contains(number: number) {
        result.formUnion(CapabilitySet(number: number))
      } else {
        missing.append(name)
      }
    }
    // Said once: the sets mostly name the same ones.
    if !missing.isEmpty, setName == "bounding" || warnings.isEmpty {
      warnings.append(
        "left out of the container's capabilities, because the caller does not hold them: \(missing.joined(separator: ", "))"
      )
    }
    return result
  }
}
