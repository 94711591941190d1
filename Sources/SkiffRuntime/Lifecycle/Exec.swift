internal import SkiffKernel
package import SkiffSpec

/// A further process in a running container.
package struct ExecRequest {
  package var id: ContainerID
  /// Nil takes the container's own process with what is set below.
  package var process: RuntimeSpec.Process?
  package var arguments: [String] = []
  package var extraEnvironment: [String] = []
  package var workingDirectory: String?
  package var user: (userID: UInt32, groupID: UInt32?)?
  package var additionalGroupIDs: [UInt32] = []
  package var extraCapabilities: [String] = []
  package var wantsTerminal: Bool?
  package var noNewPrivileges: Bool?
  package var appArmorProfile: String?
  package var selinuxLabel: String?
  package var detaches = false
  /// Joins a paused container too; the process begins when the container goes on.
  package var ignoresPause = false
  package var preservedDescriptors: UInt32 = 0
  package var pidFilePath: String?
  /// Where a handle on the process is sent (SCM_RIGHTS).
  package var pidfdSocketPath: String?
  /// Groups beneath the container's that the process enters instead, by controller; the empty key is every tree.
  package var subgroups: [String: String] = [:]
  package var consoleSocketPath: String?
  /// Keys after which a terminal's caller is let go; nil for none.
  package var detachKeys: [UInt8]?
  /// Gets what a person who looks for a fault wants to know.
  package var tell: ((String) -> Void)?

  package init(id: ContainerID) {
    self.id = id
  }
}

extension ContainerRuntime {
  /// Runs the process; gives its exit code as a shell tells it, 0 when detached.
  package func exec(_ request: ExecRequest, warn: (String) -> Void) throws(RuntimeError) -> Int32 {
    guard let directory = try store.openDirectory(request.id),
      let record = try ContainerStateStore.read(directory.descriptor, request.id)
    else { throw .missing(request.id.text) }
    switch record.status() {
    case .created, .running: break
    case .paused:
      if !request.ignoresPause {
        throw .wrongState("cannot exec in a paused container (use --ignore-paused to override)")
      }
    case .creating, .stopped: throw .wrongState("cannot exec in a stopped container")
    }
    let spec = try ContainerStateStore.configuration(in: directory.descriptor, id: request.id.text)
    var process = try request.composedProcess(container: spec.process)
    if process.terminal, process.consoleSize == nil { process.consoleSize = CallerTerminal.size() }
    var circumstances = ExecCircumstances(namespaces: record.namespaces, initProcessID: record.processID)
    circumstances.mayChangeGroups = !record.keepsCallersGroups
    try note(CallerPlace(), process, &circumstances)
    circumstances.grantable = try CallerPrivileges.grantable()
    circumstances.preservedDescriptors = request.preservedDescriptors
    circumstances.linux = spec.linux
    do throws(LaunchError) {
      circumstances.landlock = try LandlockRules(annotations: spec.annotations)
    } catch {
      throw .launch(error)
    }
    circumstances.terminalHasPlainLineFeeds =
      request.consoleSocketPath == nil && !request.detaches && !Descriptor.standardOutput.isTerminal
    if record.hasKeyring { circumstances.keyringName = KeyringPlan.name(of: record.id) }
    if process.namesSecurityLabel { circumstances.securityModules = SecurityModules.detect() }
    circumstances.hasCgroup =
      record.resourceControl != nil || record.cgroup.map { $0.entries.contains { !$0.isUnified } } ?? false
    let plan: LaunchPlan
    do throws(LaunchError) {
      plan = try LaunchPlanner.planExec(process, circumstances)
    } catch {
      throw .launch(error)
    }
    plan.warnings.forEach(warn)
    return try launch(plan, process, request, record)
  }

  private func note(
    _ place: CallerPlace, _ process: RuntimeSpec.Process, _ circumstances: inout ExecCircumstances
  ) throws(RuntimeError) {
    circumstances.isCallerInUserNamespace = place.isInUserNamespace
    guard place.isInUserNamespace || circumstances.namespaces.contains(.user) else { return }
    let keepsGroups = !circumstances.mayChangeGroups
    do throws(Errno) {
      let initProcessID = circumstances.initProcessID
      // Nobody can enter a user namespace twice.
      if try UserNamespace.number() == UserNamespace.number(of: initProcessID) {
        circumstances.namespaces.remove(.user)
      }
      let deniesGroups = try UserNamespace.deniesGroups(to: initProcessID)
      circumstances.mayChangeGroups = !keepsGroups && !deniesGroups
    } catch {
      throw .failed("cannot look at the container's user namespace: \(error)")
    }
    if !circumstances.mayChangeGroups, !keepsGroups, !process.user.additionalGroupIDs.isEmpty {
      throw .failed("process.user.additionalGids: the user namespace does not let supplementary groups be set")
    }
  }

  /// An ordinary user goes into the user namespace of the container first: comes back where that is not needed or done already.
  package func enterUserNamespace(of id: ContainerID, arguments: [String]) throws(RuntimeError) {
    guard UserNamespaceEntry.isNeeded else { return }
    let record = try store.load(id)
    guard record.namespaces.contains(.user), record.status() != .stopped else { return }
    do throws(LaunchError) {
      try UserNamespaceEntry.enter(containerOf: record, arguments: arguments)
    } catch {
      throw .launch(error)
    }
  }

  private func launch(
    _ plan: LaunchPlan, _ process: RuntimeSpec.Process, _ request: ExecRequest, _ record: ContainerRecord
  ) throws(RuntimeError) -> Int32 {
    do throws(LaunchError) {
      let resources = try LaunchResources(plan)
      if let tell = request.tell { plan.details(resources).forEach(tell) }
      do throws(Errno) {
        resources.initProcess = resources.own(try record.openInit())
      } catch {
        throw LaunchError("the container's first process has gone: \(error)")
      }
      do throws(CgroupError) {
        if let cgroup = record.cgroup {
          let group = try cgroup.descending(into: request.subgroups)
          resources.setGroup(
            try CgroupGroup.open(group, initProcess: request.subgroups.isEmpty ? record.processID : nil))
        } else if !request.subgroups.isEmpty {
          throw .unsupported(setting: "--cgroup", reason: "the container has no control group")
        }
      } catch {
        // As engines know it from runc, though there is no process yet.
        throw LaunchError("error adding pid to the container's control group: \(error)")
      }
      if let place = record.resourceControl { try resources.addTaskFiles(of: place) }
      let console = try ConsoleLink(
        wanted: process.terminal, socketPath: request.consoleSocketPath, detaches: request.detaches)
      resources.consoleSocket = console.containerEnd
      let signals = request.detaches ? nil : try SignalRelay()
      var launcher = try Launcher.launch(plan, resources)
      _ = try launcher.advance { record.stateJSON(.running, version: "1.3.0") }
      do throws(RuntimeError) {
        if let path = request.pidFilePath { try PidFile.write(launcher.processID, to: path) }
        if let path = request.pidfdSocketPath {
          try PidfdSocket.send(launcher.process.descriptor, as: "setns", to: path)
        }
      } catch {
        launcher.abort()
        throw LaunchError(error.description)
      }
      guard let signals else { return 0 }
      return try ForegroundProcess(
        process: launcher.process.descriptor, signals: signals, console: console.takeMaster(),
        detachKeys: request.detachKeys
      ).wait()
    } catch {
      throw .launch(error)
    }
  }
}

extension ExecRequest {
  /// The process as asked for, what was left open taken from the container's own.
  func composedProcess(container: RuntimeSpec.Process?) throws(RuntimeError) -> RuntimeSpec.Process {
    var composed = process ?? container ?? RuntimeSpec.Process()
    if process == nil {
      if arguments.isEmpty { throw .failed("process args cannot be empty") }
      composed.arguments = arguments
      composed.terminal = false
      composed.consoleSize = nil
    }
    composed.environment.append(contentsOf: extraEnvironment)
    if let workingDirectory { composed.workingDirectory = workingDirectory }
    if let user {
      composed.user.userID = user.userID
      if let groupID = user.groupID { composed.user.groupID = groupID }
    }
    composed.user.additionalGroupIDs.append(contentsOf: additionalGroupIDs)
    if let wantsTerminal { composed.terminal = wantsTerminal }
    if let noNewPrivileges { composed.noNewPrivileges = noNewPrivileges }
    if let appArmorProfile { composed.apparmorProfile = appArmorProfile }
    if let selinuxLabel { composed.selinuxLabel = selinuxLabel }
    for name in extraCapabilities {
      guard CapabilityNames.number(name) != nil else { throw .failed("unknown capability \(name)") }
      var capabilities = composed.capabilities ?? RuntimeSpec.Capabilities()
      capabilities.bounding.append(name)
      capabilities.effective.append(name)
      capabilities.permitted.append(name)
      // So that a user other than root keeps it too, where it can be kept.
      if capabilities.inheritable.contains(name) { capabilities.ambient.append(name) }
      composed.capabilities = capabilities
    }
    if composed.arguments.isEmpty { throw .failed("process args cannot be empty") }
    return composed
  }
}

/// The caller's own terminal.
enum CallerTerminal {
  /// Its size, for a container's terminal to begin with; nil where standard input is none.
  static func size() -> RuntimeSpec.ConsoleSize? {
    guard let size = try? Descriptor.standardInput.windowSize(), size.rows > 0, size.columns > 0 else { return nil }
    return RuntimeSpec.ConsoleSize(height: size.rows, width: size.columns)
  }
}
