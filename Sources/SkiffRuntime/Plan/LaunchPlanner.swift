package import SkiffKernel
package import SkiffSpec

/// What the planner must know besides the spec: facts that the caller has gathered, so that planning itself touches nothing.
package struct LaunchCircumstances: Sendable {
  /// How the container's process comes to run its program.
  package enum Start: Equatable, Sendable {
    /// As soon as everything is ready.
    case atOnce
    /// When the parent says so.
    case whenTold
  }

  package var id: String
  /// Where the root file system is attached, on the host.
  package var rootPath: String
  package var bundlePath: String
  package var start: Start = .atOnce
  package var usesPivot = true
  package var joinsNewKeyring = true
  package var preservedDescriptors: UInt32 = 0
  /// The standard streams are handed over by the parent.
  package var replacesStandardStreams = false
  /// Capabilities that the caller can give away.
  package var grantable = CapabilitySet(rawValue: .max)
  package var hasCgroup = false
  package var securityModules = SecurityModules()
  /// The caller lives in a user namespace that somebody made: devices and other people's namespaces are out of its reach.
  package var isCallerInUserNamespace = false
  /// Whether the process may change its supplementary groups, and is not to keep its caller's.
  package var mayChangeGroups = true
  /// The runtime stays and waits for the process: whoever kills the one means the other.
  package var endsWithCaller = false
  /// The process's terminal is read by this runtime, which passes it on to a file or a pipe.
  package var terminalHasPlainLineFeeds = false
  /// What a mount of type `cgroup` consists of; nil where the container has no cgroup to show.
  package var cgroupMounts: CgroupMountPlan?

  package init(id: String, rootPath: String, bundlePath: String) {
    self.id = id
    self.rootPath = rootPath
    self.bundlePath = bundlePath
  }
}

/// Makes the plan of a launch out of a spec: pure, top to bottom, the reason beside each step that may not move.
package struct LaunchPlanner {
  let spec: RuntimeSpec
  let process: RuntimeSpec.Process
  let circumstances: LaunchCircumstances
  var plan = LaunchPlan()

  private init(spec: RuntimeSpec, process: RuntimeSpec.Process, circumstances: LaunchCircumstances) {
    self.spec = spec
    self.process = process
    self.circumstances = circumstances
  }

  /// The plan of a new container.
  package static func plan(_ spec: RuntimeSpec, _ circumstances: LaunchCircumstances) throws(LaunchError) -> LaunchPlan
  {
    guard let process = spec.process else { throw LaunchError("the configuration has no process to run") }
    var planner = LaunchPlanner(spec: spec, process: process, circumstances: circumstances)
    try planner.refuseWhatCannotBe()
    planner.planPlace()
    try planner.planFileSystems()
    planner.planIdentity()
    try planner.planProcess()
    return planner.plan
  }

  var makesUserNamespace: Bool { plan.newNamespaces.contains(.user) }
  var isInsideUserNamespace: Bool { makesUserNamespace || plan.userNamespacePath != nil }

  /// A protection that was asked for and cannot be given ends the launch (fail closed).
  private func refuseWhatCannotBe() throws(LaunchError) {
    let linux = spec.linux
    if !(linux.mountLabel ?? "").isEmpty, !circumstances.securityModules.hasSELinux {
      throw LaunchError("linux.mountLabel: this machine has no SELinux")
    }
    if !linux.namespaces.contains(where: { $0.type == .mount }) {
      throw LaunchError("linux.namespaces: a container needs a mount namespace")
    }
  }

  // MARK: Where the process belongs

  private mutating func planPlace() {
    for namespace in spec.linux.namespaces where (namespace.path ?? "").isEmpty {
      // The cgroup namespace is made by the child once it is in its cgroup, which becomes the root it sees.
      if namespace.type == .cgroup { continue }
      // A time namespace takes its offsets before its first process.
      if namespace.type == .time { continue }
      plan.newNamespaces.formUnion(namespace.type.flag)
    }
    plan.userNamespacePath = spec.linux.namespaces.first { $0.type == .user && !($0.path ?? "").isEmpty }?.path
    plan.uidMappings = spec.linux.uidMappings
    plan.gidMappings = spec.linux.gidMappings
    plan.timeOffsets = spec.linux.timeOffsets
    plan.hooks = spec.hooks
    plan.bundlePath = circumstances.bundlePath
    plan.goesBetween = circumstances.isCallerInUserNamespace

    if circumstances.replacesStandardStreams { plan.steps.append(.takeStandardStreams) }
    // First of all: what the launch itself uses is counted in the container's cgroup, and its limits hold for every later step.
    if circumstances.hasCgroup { plan.steps.append(.enterCgroup) }
    // A session of its own, so that no terminal of the caller can be reached (CVE-2017-5226).
    plan.steps.append(.startSession)
    planJoins()
    if makesUserNamespace { plan.steps.append(.awaitIDMaps) }
    if plan.newNamespaces.contains(.network) { plan.steps.append(.switchOnLoopback) }
    if !spec.linux.netDevices.isEmpty {
      plan.networkDevices = spec.linux.netDevices
      plan.networkNamespacePath = spec.linux.namespaces.first { $0.type == .network }?.path
      plan.steps.append(.receiveNetworkDevices(spec.linux.netDevices.keys.sorted()))
    }
    // Only as user 0 of the namespace are the files made below owned by the container's root.
    if isInsideUserNamespace { plan.steps.append(.becomeNamespaceRoot) }
    // Not by the clone: its message queues belong to whoever makes it, who must be a user of the namespace by now.
    if isInsideUserNamespace, plan.newNamespaces.contains(.ipc) {
      plan.newNamespaces.subtract(.ipc)
      plan.steps.append(.makeIPCNamespace)
    }
    // After the cgroup was entered: what the process is in when it makes the namespace becomes its root.
    if spec.linux.namespaces.contains(where: { $0.type == .cgroup && ($0.path ?? "").isEmpty }) {
      plan.steps.append(.makeCgroupNamespace)
    }
  }

  private mutating func planJoins() {
    for namespace in spec.linux.namespaces {
      if namespace.type == .time {
        plan.namespacesForChildren.append(namespace)
        continue
      }
      guard let path = namespace.path, !path.isEmpty, namespace.type != .user else { continue }
      // A process is born into its PID namespace. And once it is in a user namespace it has no right to enter what the
      // host owns: then all of them are entered before it is cloned.
      if namespace.type == .pid || isInsideUserNamespace {
        plan.namespacesForChildren.append(namespace)
      } else {
        plan.namespaceFiles.append(path)
        plan.steps.append(.enterNamespace(namespace.type, path: path))
      }
    }
  }

  // MARK: What it is called and may use

  private mutating func planIdentity() {
    if let hostname = spec.hostname, !hostname.isEmpty { plan.steps.append(.setHostname(hostname)) }
    if let domainname = spec.domainname, !domainname.isEmpty { plan.steps.append(.setDomainname(domainname)) }
    for (name, value) in spec.linux.sysctl.sorted(by: { $0.key < $1.key }) {
      plan.steps.append(.setSystemParameter(name: name, value: value))
    }
    if let score = process.oomScoreAdjustment { plan.steps.append(.setOOMScore(score)) }
    // The last look at the host: hooks of the runtime's side may still change the tree from outside.
    if !spec.hooks.prestart.isEmpty || !spec.hooks.createRuntime.isEmpty { plan.steps.append(.runHooksOutside) }
    if !spec.hooks.createContainer.isEmpty { plan.steps.append(.runHooksInside(.createContainer)) }
    // Masks come after the hooks and mounts so that nothing lies over them, and before the pivot so that their sources are the host's.
    var masked: Set<String> = []
    for path in spec.linux.maskedPaths where masked.insert(Self.cleaned(path)).inserted {
      plan.steps.append(.mask(path))
    }
    for path in spec.linux.readonlyPaths { plan.steps.append(.makeReadOnly(path)) }
    for mount in spec.mounts where !MountOptions(mount.options).isBind {
      // A read-only /dev is written to until its nodes are made.
      if Self.cleaned(mount.destination) == "/dev", MountOptions(mount.options).set.contains(.readOnly) {
        plan.steps.append(.sealMount("/dev"))
      }
    }
    plan.steps.append(circumstances.usesPivot ? .pivotRoot : .moveRoot)
    if let (propagation, recursive) = Self.rootPropagation(spec.linux.rootfsPropagation) {
      plan.steps.append(.setRootPropagation(propagation, recursive: recursive))
    }
    if spec.root?.isReadOnly == true { plan.steps.append(.makeRootReadOnly) }
    if circumstances.joinsNewKeyring {
      if let label = process.selinuxLabel, !label.isEmpty {
        plan.steps.append(.setSecurityAttribute(.selinuxKeyLabel(label)))
      }
      plan.steps.append(.joinSessionKeyring(.new(of: circumstances.id, inUserNamespace: isInsideUserNamespace)))
    }
  }

  static func rootPropagation(_ word: String?) -> (MountPropagation, Bool)? {
    guard let word, !word.isEmpty else { return nil }
    let options = MountOptions([word])
    return options.propagation.map { ($0, options.propagatesRecursively) }
  }

  // MARK: The process

  private mutating func planProcess() throws(LaunchError) {
    var builder = ProcessPlanner(
      process: process, grantable: circumstances.grantable, isInsideUserNamespace: isInsideUserNamespace)
    builder.mayChangeGroups = circumstances.mayChangeGroups
    builder.endsWithCaller = circumstances.endsWithCaller
    builder.landlock = try LandlockRules(annotations: spec.annotations)
    builder.hasStartHooks = !spec.hooks.startContainer.isEmpty
    plan.steps.append(contentsOf: builder.limits())
    builder.fillProgram(&plan)
    plan.steps.append(.findExecutable(builder.search()))
    if circumstances.start == .whenTold {
      // It may wait for days: nothing of the host's may stay open in it meanwhile.
      plan.steps.append(.closeUnneeded(preserve: circumstances.preservedDescriptors))
      plan.steps.append(.reportCreated)
      plan.steps.append(.awaitStart)
    }
    plan.steps.append(contentsOf: try builder.securityAttributes(circumstances.securityModules))
    plan.filter = spec.linux.seccomp.flatMap { $0.isEmpty ? nil : $0 }
    // By the name and the meaning that crun gave it.
    plan.refusesUnknownCalls = spec.annotations["run.oci.seccomp_fail_unknown_syscall"].map { $0 != "0" } ?? false
    plan.steps.append(
      contentsOf: builder.finalSteps(
        linux: spec.linux, resetsAffinity: true, hasFilter: plan.filter != nil,
        preservedDescriptors: circumstances.preservedDescriptors))
    plan.warnings.append(contentsOf: builder.warnings)
  }
}

extension RuntimeSpec.NamespaceType {
  /// The kernel's flag.
  package var flag: NamespaceFlags {
    switch self {
    case .pid: .pid
    case .network: .network
    case .ipc: .ipc
    case .uts: .uts
    case .mount: .mount
    case .user: .user
    case .cgroup: .cgroup
    case .time: .time
    }
  }

  /// The name of the handle beneath /proc/PID/ns.
  package var handleName: String {
    switch self {
    case .network: "net"
    case .mount: "mnt"
    default: rawValue
    }
  }
}
