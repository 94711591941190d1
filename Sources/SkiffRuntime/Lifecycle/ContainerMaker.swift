internal import SkiffKernel
internal import SkiffSpec

/// A container that has been made and not handed over yet.
struct MadeContainer: ~Copyable {
  var launcher: Launcher
  var record: ContainerRecord
  let directory: FileDescriptor
  let spec: RuntimeSpec
  let warnings: [String]
  /// Where its program says that it is ready.
  var notify: NotifySocket?
}

/// Makes a container: claims the id, makes the control group, plans, opens, launches. Whatever fails, nothing is left.
struct ContainerMaker {
  let store: ContainerStateStore
  let request: CreateRequest
  private let callerPlace = CallerPlace()
  private let made = MadeSoFar()

  init(store: ContainerStateStore, request: CreateRequest) {
    self.store = store
    self.request = request
  }

  /// What the container's process does when it is ready, and with which streams.
  struct Handover {
    /// It waits for `start` at a socket in the state directory.
    var waitsAtSocket = false
    /// This process stays and waits for its end.
    var endsWithCaller = false
    /// It waits for this process's word.
    var waitsForWord = false
    /// This process hears its program say that it is ready.
    var hearsReadiness = false
    var streams: [Descriptor] = []
    var console: Descriptor?
    /// What is written on the console goes to no terminal.
    var terminalHasPlainLineFeeds = false
  }

  /// The configuration of a bundle, as bytes and checked.
  func readConfiguration() throws(RuntimeError) -> (bytes: [UInt8], spec: RuntimeSpec) {
    let bytes: [UInt8]
    do throws(Errno) {
      let bundle = try Descriptor.workingDirectory.open(try KernelPath(request.bundlePath), [.directory])
      let file = try bundle.descriptor.open(
        try KernelPath(request.configurationPath ?? "config.json"), [.readOnly, .nonBlocking])
      guard try file.descriptor.status().type == .regular else { throw .invalidArgument }
      bytes = try file.descriptor.readToEnd(limitBytes: ContainerStateStore.configurationLimitBytes)
    } catch {
      let name = request.configurationPath ?? "config.json"
      throw .failed("cannot read \(name.hasPrefix("/") ? name : "\(request.bundlePath)/\(name)"): \(error)")
    }
    do throws(SpecProblems) {
      var spec = try RuntimeSpec.parseAndValidate(bytes)
      // Whoever went into the namespace has its ids already.
      if callerPlace.userOutside == nil {
        DefaultIDMappings.fill(&spec.linux, onlyOwn: callerPlace.isInUserNamespace)
      }
      return (bytes, spec)
    } catch {
      throw .invalid(error)
    }
  }

  func make(_ handover: Handover) throws(RuntimeError) -> MadeContainer {
    let (bytes, spec) = try readConfiguration()
    let directory = try store.claim(request.id)
    var record = newRecord(spec)
    do throws(RuntimeError) {
      return try make(handover, spec, bytes, directory, &record)
    } catch {
      undo(record, spec)
      throw error
    }
  }

  func newRecord(_ spec: RuntimeSpec) -> ContainerRecord {
    let path = spec.root?.path ?? "rootfs"
    var record = ContainerRecord(
      id: request.id.text, bundlePath: request.bundlePath,
      rootPath: path.hasPrefix("/") ? path : "\(request.bundlePath)/\(path)", created: WallClock.now())
    record.annotations = spec.annotations
    record.hasPoststopHooks = !spec.hooks.poststop.isEmpty
    record.ownerID = callerPlace.userOutside ?? Credentials.effectiveUserID
    record.hasKeyring = request.joinsNewKeyring
    for namespace in spec.linux.namespaces { record.namespaces.formUnion(namespace.type.flag) }
    return record
  }

  private func make(
    _ handover: Handover, _ spec: RuntimeSpec, _ bytes: [UInt8], _ directory: consuming FileDescriptor,
    _ record: inout ContainerRecord
  ) throws(RuntimeError) -> MadeContainer {
    let placement = try place(spec, bytes, &record, directory.descriptor)
    var spec = spec
    let notify = try prepareNotification(&spec, record, directory.descriptor, handover)
    // A rootless container may have to do without its group, and the plan must know.
    if request.isRootless { try makeGroup(placement, spec, &record) }
    var plan = try makePlan(spec, record, handover)
    plan.add(request.secrets)
    if !request.isRootless { try makeGroup(placement, spec, &record) }
    defer { placement?.keeper?.end() }
    try prepareResourceControl(spec, &record, directory.descriptor)
    // After the group was made: without a cgroup namespace its directories are among the trees that are opened.
    let resources = try open(plan, spec, record)
    if let group = placement?.takeGroup() { resources.setGroup(group) }
    if let place = record.resourceControl {
      do throws(LaunchError) {
        try resources.addTaskFiles(of: place)
      } catch {
        throw .launch(error)
      }
    }
    resources.streams = handover.streams
    resources.consoleSocket = handover.console
    if handover.console == nil { resources.consoleSocket = try connectConsole(spec, resources) }
    if handover.waitsAtSocket { try listen(resources, directory.descriptor) }
    var launcher: Launcher
    do throws(LaunchError) {
      launcher = try Launcher.launch(plan, resources, explains: request.explains)
    } catch {
      throw .launch(error)
    }
    do throws(RuntimeError) {
      try note(launcher.processID, in: &record, directory.descriptor)
      let known = record
      do throws(LaunchError) {
        _ = try launcher.advance(with: resources) { known.stateJSON(.creating, version: spec.version) }
      } catch {
        throw .launch(error)
      }
      try writePidFile(record.processID)
      if let path = request.pidfdSocketPath {
        try PidfdSocket.send(launcher.process.descriptor, as: "standard", to: path)
      }
    } catch {
      launcher.abort()
      throw error
    }
    return MadeContainer(
      launcher: launcher, record: record, directory: directory, spec: spec, warnings: plan.warnings, notify: notify)
  }

  /// Shows the program where to say that it is ready, where somebody wants to hear it; gives the socket where that is this process.
  private func prepareNotification(
    _ spec: inout RuntimeSpec, _ record: ContainerRecord, _ directory: Descriptor, _ handover: Handover
  ) throws(RuntimeError) -> NotifySocket? {
    guard let target = request.notifySocketPath else { return nil }
    do throws(Errno) {
      spec = try NotifySocket.prepare(in: directory, path: "\(store.root)/\(record.id)", spec)
      return handover.hearsReadiness ? try NotifySocket(in: directory, target: target) : nil
    } catch {
      throw .failed("cannot make the notify socket of container \(record.id): \(error)")
    }
  }

  /// Finds where the group will lie, and notes it with the configuration before anything is made.
  func place(
    _ spec: RuntimeSpec, _ bytes: [UInt8], _ record: inout ContainerRecord, _ directory: Descriptor
  ) throws(RuntimeError) -> ContainerPlacement? {
    let placement: ContainerPlacement?
    do throws(CgroupError) {
      placement = try place(spec)
      record.cgroup = placement?.record
      record.unit = placement?.unit
    } catch {
      throw .failed("cannot place the container's control group: \(error)")
    }
    // Intent first: from here on any later command can clean up, wherever this one is cut short.
    try ContainerStateStore.write(record, in: directory)
    do throws(Errno) {
      try directory.replaceFile("config.json", with: bytes, mode: 0o600, isDurable: false)
    } catch {
      throw .failed("cannot keep the configuration of container \(record.id): \(error)")
    }
    return placement
  }

  /// Nil where containers get no group.
  private func place(_ spec: RuntimeSpec) throws(CgroupError) -> ContainerPlacement? {
    if request.cgroupManager == .disabled {
      if ContainerPlacement.needsNoGroup(spec) { return nil }
      throw .unsupported(setting: "linux.resources", reason: "control groups are disabled (--cgroup-manager)")
    }
    return try ContainerPlacement(
      request.cgroupManager, path: spec.linux.cgroupsPath, id: request.id, isUser: SystemdUnit.callerIsUser)
  }

  func makeGroup(
    _ placement: ContainerPlacement?, _ spec: RuntimeSpec, _ record: inout ContainerRecord
  ) throws(RuntimeError) {
    do throws(CgroupError) {
      try placement?.make(spec, id: record.id, enforcesDevices: !SystemdUnit.callerIsUser)
      (made.group, made.unit) = (true, true)
    } catch {
      made.unit = placement?.keeper != nil
      let named = !(spec.linux.cgroupsPath ?? "").isEmpty
      guard request.isRootless, !named, error.isRefusal else {
        throw .failed("unable to apply cgroup configuration: \(error)")
      }
      if let limit = ContainerPlacement.firstLimit(spec) {
        let words = limit.split(separator: ".").dropFirst(2).joined(separator: " ")
        throw .failed("cannot set \(words): container could not join or create cgroup (\(limit)): \(error)")
      }
      // Nothing is limited and no place was named: a user to whom no groups were given runs without one.
      record.cgroup = nil
    }
  }

  private func makePlan(
    _ spec: RuntimeSpec, _ record: ContainerRecord, _ handover: Handover
  ) throws(RuntimeError) -> LaunchPlan {
    var circumstances = LaunchCircumstances(
      id: record.id, rootPath: record.rootPath, bundlePath: record.bundlePath)
    circumstances.start = handover.waitsAtSocket || handover.waitsForWord ? .whenTold : .atOnce
    circumstances.usesPivot = request.usesPivot
    circumstances.joinsNewKeyring = request.joinsNewKeyring
    circumstances.preservedDescriptors = request.inheritedDescriptors
    if spec.namesSecurityLabel { circumstances.securityModules = SecurityModules.detect() }
    circumstances.replacesStandardStreams = !handover.streams.isEmpty
    circumstances.grantable = try CallerPrivileges.grantable()
    circumstances.hasCgroup =
      spec.linux.intelRdt != nil || record.cgroup.map { $0.entries.contains { !$0.isUnified } } ?? false
    circumstances.endsWithCaller = handover.endsWithCaller
    circumstances.terminalHasPlainLineFeeds = handover.terminalHasPlainLineFeeds
    circumstances.isCallerInUserNamespace = callerPlace.isInUserNamespace
    circumstances.mayChangeGroups = callerPlace.mayChangeGroups && !record.keepsCallersGroups
    if !callerPlace.mayChangeGroups, !record.keepsCallersGroups, spec.process?.user.additionalGroupIDs.isEmpty == false
    {
      throw .failed("process.user.additionalGids: the user namespace does not let supplementary groups be set")
    }
    // A container without a group of its own lives in its caller's, and sees that.
    circumstances.cgroupMounts = (record.cgroup ?? (try? CgroupHierarchy.detect())?.callersRecord).map {
      CgroupMountPlan.make(
        $0, cgroupNamespace: spec.linux.namespaces.contains { $0.type == .cgroup && ($0.path ?? "").isEmpty })
    }
    var spec = spec
    if spec.process?.terminal == true, spec.process?.consoleSize == nil {
      spec.process?.consoleSize = CallerTerminal.size()
    }
    if callerPlace.userOutside != nil {
      // This process lives in it: it was made for the container.
      spec.linux.namespaces.removeAll { $0.type == .user }
    }
    if let path = request.networkNamespacePath {
      spec.linux.namespaces.removeAll { $0.type == .network }
      spec.linux.namespaces.append(RuntimeSpec.Namespace(type: .network, path: path))
    }
    do throws(LaunchError) {
      var plan = try LaunchPlanner.plan(spec, circumstances)
      request.activation?.announce(in: &plan)
      if record.cgroup == nil, !spec.linux.namespaces.contains(where: { $0.type == .pid && ($0.path ?? "").isEmpty }) {
        plan.warnings.append(
          "the container has neither a control group nor process numbers of its own, so its processes cannot be found to end "
            + "them all. Such configuration is strongly discouraged")
      }
      if request.explains, let cgroup = record.cgroup {
        plan.preparation = CgroupExplanation.steps(cgroup, spec.linux.resources)
      }
      return plan
    } catch {
      throw .launch(error)
    }
  }

  private func open(
    _ plan: LaunchPlan, _ spec: RuntimeSpec, _ record: ContainerRecord
  ) throws(RuntimeError) -> LaunchResources {
    do throws(LaunchError) {
      let resources = try LaunchResources(plan)
      if let tell = request.tell { plan.details(resources).forEach(tell) }
      if let rootfs = request.rootfs {
        // Layers that the engine owns are shown under the ids of the container's user namespace.
        resources.setRoot(try rootfs.makeTree(uids: spec.linux.uidMappings, gids: spec.linux.gidMappings))
      } else {
        resources.setRoot(try RootfsSource.directory(path: record.rootPath).makeTree())
      }
      return resources
    } catch {
      throw .launch(error)
    }
  }

  private func connectConsole(_ spec: RuntimeSpec, _ resources: LaunchResources) throws(RuntimeError) -> Descriptor? {
    let wantsTerminal = spec.process?.terminal == true
    guard let path = request.consoleSocketPath else {
      if wantsTerminal {
        throw .failed("cannot allocate tty if skiff-runtime will detach without setting console socket")
      }
      return nil
    }
    if !wantsTerminal { throw .failed("cannot use console socket if skiff-runtime will not detach or allocate tty") }
    do throws(Errno) {
      return resources.own(try UnixSocket.connect(to: path, type: .stream))
    } catch {
      throw .failed("cannot connect to the console socket \(path): \(error)")
    }
  }

  private func listen(_ resources: LaunchResources, _ directory: Descriptor) throws(RuntimeError) {
    do throws(Errno) {
      resources.startListener = resources.own(
        try UnixSocket.listen(at: "start.sock", in: directory, type: .packet))
    } catch {
      throw .failed("cannot make the start socket of container \(request.id.text): \(error)")
    }
  }

  /// Records the process, so that it can be found and told from any later one.
  func note(
    _ processID: Int32, in record: inout ContainerRecord, _ directory: Descriptor
  ) throws(RuntimeError) {
    // Without these a later command would take the container for another's, or for one that was started.
    guard let facts = ProcessFacts(processID) else {
      throw .failed("cannot look at the process of container \(record.id)")
    }
    record.processID = processID
    record.startTicks = facts.startTicks
    do throws(Errno) {
      let own = try Descriptor.workingDirectory.status("/proc/self/exe", follow: true)
      record.launcherDevice = own.device
      record.launcherInode = own.inode
    } catch {
      throw .failed("cannot look at the program of the runtime: \(error)")
    }
    try ContainerStateStore.write(record, in: directory)
  }

  private func writePidFile(_ processID: Int32) throws(RuntimeError) {
    guard let path = request.pidFilePath else { return }
    try PidFile.write(processID, to: path)
  }

  /// Makes the container's place among those that share the processor's caches, and records it.
  private func prepareResourceControl(
    _ spec: RuntimeSpec, _ record: inout ContainerRecord, _ directory: Descriptor
  ) throws(RuntimeError) {
    guard let rdt = spec.linux.intelRdt else { return }
    do throws(LaunchError) {
      let control = try ResourceControl.find()
      record.resourceControl = try control.prepare(control.wish(rdt, containerID: record.id))
    } catch {
      throw .launch(error)
    }
    try ContainerStateStore.write(record, in: directory)
  }

  /// Takes back what was made for a container that did not come to be.
  func undo(_ record: ContainerRecord, _ spec: RuntimeSpec) {
    // The first failure is the one that is reported; what cannot be removed now is found by `delete --force`.
    if made.group { _ = try? record.cgroup?.kill(signal: Signal.kill) }
    if made.unit { try? record.unit?.stop() }
    if made.group { try? record.cgroup?.remove() }
    try? ContainerRuntime.leaveResourceControl(record)
    // There was a process, so hooks may have run that others answer (runtime.md "Lifecycle", 3 to 5 and 13).
    if record.processID != 0 { _ = ContainerRuntime.runPoststop(record, spec) }
    try? store.remove(request.id)
  }
}

/// What this attempt has made. A name in the record may be that of another container's group or unit, which was why it failed.
private final class MadeSoFar {
  var group = false
  var unit = false
}
