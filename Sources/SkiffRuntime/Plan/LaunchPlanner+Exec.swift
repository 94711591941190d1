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
  package var preservedDescriptors: UInt32 = 0
  package var replacesStandardStreams = false
  /// The container's filter; it holds for every process in it.
  package var filter: RuntimeSpec.Seccomp?

  package init(namespaces: NamespaceFlags, initProcessID: Int32) {
    self.namespaces = namespaces
    self.initProcessID = initProcessID
  }
}

extension LaunchPlanner {
  /// The plan of a further process in a running container.
  package static func planExec(_ process: RuntimeSpec.Process, _ circumstances: ExecCircumstances) -> LaunchPlan {
    var plan = LaunchPlan()
    let isInsideUserNamespace = circumstances.namespaces.contains(.user)
    if circumstances.replacesStandardStreams { plan.steps.append(.takeStandardStreams) }
    if circumstances.hasCgroup { plan.steps.append(.enterCgroup) }
    plan.steps.append(.startSession)
    // A process is born into its PID namespace; the others are entered together, by the handle on the container's first process.
    if circumstances.namespaces.contains(.pid) {
      plan.namespacesForChildren.append(
        RuntimeSpec.Namespace(type: .pid, path: "/proc/\(circumstances.initProcessID)/ns/pid"))
    }
    let joined = circumstances.namespaces.subtracting(.pid)
    if !joined.isEmpty { plan.steps.append(.enterNamespacesOfInit(joined)) }
    if isInsideUserNamespace { plan.steps.append(.becomeNamespaceRoot) }
    if process.terminal {
      plan.steps.append(
        .openConsole(
          ConsolePlan(size: process.consoleSize, userID: process.user.userID, isMountedOnConsole: false)))
    }
    if let score = process.oomScoreAdjustment { plan.steps.append(.setOOMScore(score)) }
    var builder = ProcessPlanner(
      process: process, grantable: circumstances.grantable, isInsideUserNamespace: isInsideUserNamespace)
    plan.steps.append(contentsOf: builder.limits())
    builder.fillProgram(&plan)
    plan.filter = circumstances.filter.flatMap { $0.isEmpty ? nil : $0 }
    plan.steps.append(.findExecutable(builder.search()))
    plan.steps.append(
      contentsOf: builder.finalSteps(
        hasFilter: plan.filter != nil, preservedDescriptors: circumstances.preservedDescriptors))
    plan.warnings = builder.warnings
    return plan
  }
}
