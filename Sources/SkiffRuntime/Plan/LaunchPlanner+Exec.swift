package import SkiffKernel
package import SkiffSpec

/// What is known of a running container when another process joins it.
package struct ExecCircumstances: Sendable {
  /// The namespaces that the container does not share with the host.
  package var namespaces: NamespaceFlags
  /// The container's first process, by its number here.
  package var initProcessID: Int32
  package var grantable = CapabilitySet(rawValue: .max)
  package var hasCgroup = false
  /// As in `LaunchCircumstances`.
  package var isCallerInUserNamespace = false
  package var mayChangeGroups = true
  package var preservedDescriptors: UInt32 = 0
  package var replacesStandardStreams = false
  /// What holds for every process of the container: filter, execution domain, memory policy.
  package var linux = RuntimeSpec.Linux()
  /// The container's session keyring; nil where it has the caller's.
  package var keyringName: String?
  package var securityModules = SecurityModules()
  /// As in `LaunchCircumstances`.
  package var terminalHasPlainLineFeeds = false
  /// What the container's processes may reach.
  package var landlock: LandlockRules?

  package init(namespaces: NamespaceFlags, initProcessID: Int32) {
    self.namespaces = namespaces
    self.initProcessID = initProcessID
  }
}

extension LaunchPlanner {
  /// The plan of a further process in a running container.
  package static func planExec(
    _ process: RuntimeSpec.Process, _ circumstances: ExecCircumstances
  ) throws(LaunchError) -> LaunchPlan {
    var plan = LaunchPlan()
    // Before the move into the group, on the parent: on cgroup v2 the process is born in the group.
    if let cpus = process.execCPUAffinity?.initial, !cpus.isEmpty { plan.initialAffinity = NumberList.words(cpus) }
    plan.goesBetween = circumstances.isCallerInUserNamespace
    let isInsideUserNamespace = circumstances.namespaces.contains(.user)
    if circumstances.replacesStandardStreams { plan.steps.append(.takeStandardStreams) }
    if circumstances.hasCgroup { plan.steps.append(.enterCgroup) }
    if let cpus = process.execCPUAffinity?.final, !cpus.isEmpty, let words = NumberList.words(cpus) {
      plan.steps.append(.setAffinity(words, text: cpus))
    }
    plan.steps.append(.startSession)
    // A process is born into its PID namespace; the others are entered together, by the handle on the container's first process.
    if circumstances.namespaces.contains(.pid) {
      plan.namespacesForChildren.append(
        RuntimeSpec.Namespace(type: .pid, path: "/proc/\(circumstances.initProcessID)/ns/pid"))
    }
    let joined = circumstances.namespaces.subtracting(.pid)
    if !joined.isEmpty { plan.steps.append(.enterNamespacesOfInit(joined)) }
    if isInsideUserNamespace { plan.steps.append(.becomeNamespaceRoot) }
    plan.steps.append(.replaceNullStreams)
    if process.terminal {
      plan.steps.append(
        .openConsole(
          ConsolePlan(
            size: process.consoleSize, userID: process.user.userID, isMountedOnConsole: false,
            hasPlainLineFeeds: circumstances.terminalHasPlainLineFeeds)))
    }
    if let score = process.oomScoreAdjustment { plan.steps.append(.setOOMScore(score)) }
    var builder = ProcessPlanner(
      process: process, grantable: circumstances.grantable, isInsideUserNamespace: isInsideUserNamespace)
    builder.mayChangeGroups = circumstances.mayChangeGroups
    builder.landlock = circumstances.landlock
    plan.steps.append(contentsOf: builder.limits())
    builder.fillProgram(&plan)
    if let name = circumstances.keyringName { plan.steps.append(.joinSessionKeyring(KeyringPlan(name: name))) }
    plan.steps.append(contentsOf: try builder.securityAttributes(circumstances.securityModules))
    plan.filter = circumstances.linux.seccomp.flatMap { $0.isEmpty ? nil : $0 }
    plan.steps.append(.findExecutable(builder.search()))
    plan.steps.append(
      contentsOf: builder.finalSteps(
        linux: circumstances.linux, resetsAffinity: !process.choosesAffinity, hasFilter: plan.filter != nil,
        preservedDescriptors: circumstances.preservedDescriptors))
    plan.warnings = builder.warnings
    return plan
  }
}

extension RuntimeSpec.Process {
  /// Whether a word on CPUs was given, which is then not undone.
  fileprivate var choosesAffinity: Bool {
    !(execCPUAffinity?.initial ?? "").isEmpty || !(execCPUAffinity?.final ?? "").isEmpty
  }
}

extension KeyringPlan {
  /// The keyring of a new container, which its later processes can find (keyrings(7)): whoever holds it may do everything,
  /// its owner sees, reads, links and searches it; in a user namespace the searching ids can be others.
  static func new(of container: String, inUserNamespace: Bool) -> KeyringPlan {
    let holder: UInt32 = 0x3F00_0000
    let owner: UInt32 = 0x0013_0000
    let ownerSearches: UInt32 = 0x0008_0000
    let othersSearch: UInt32 = 0x0000_0008
    return KeyringPlan(
      name: name(of: container), permissions: holder | owner | (inUserNamespace ? othersSearch : ownerSearches))
  }

  static func name(of container: String) -> String { "_ses.\(container)" }
}
