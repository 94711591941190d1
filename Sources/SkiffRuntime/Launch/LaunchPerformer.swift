internal import SkiffKernel
internal import SkiffSpec

/// The child's side of a launch: walks the plan's steps, and never comes back.
///
/// Runs in a copy of the parent's memory, alone in its thread. What it does is written in the steps; what it uses was opened
/// before. It takes nothing from the container's files but what a step names.
struct LaunchPerformer {
  let resources: LaunchResources
  let channel: Descriptor
  let hooks: RuntimeSpec.Hooks
  let namespaceFiles: [String]
  let homeOfUserID: UInt32?
  let tellsOwnNumber: Bool
  /// Of the program, and of hooks in the container that bring none.
  var environment: [String]
  let isInsideUserNamespace: Bool
  // What is opened below stays open until execve(2) closes it: the process lives for nothing else.
  /// The container's tree, once it is attached.
  var root: Descriptor?
  /// The container's /dev, opened once and without following links (CVE-2026-41579).
  var devices: Descriptor?
  /// A procfs of the container's PID namespace, made by ourselves (CVE-2025-52881).
  var processes: Descriptor?
  /// A tmpfs without content, shared by all masked directories.
  var emptyDirectory: Descriptor?
  /// The host's /dev/null as it lies over masked files, shared by all of them.
  var nullMask: Descriptor?
  /// Signals that end a container that waits to be started.
  var enders: Descriptor?
  /// The connection of `start`, which takes the channel's place.
  var starter: Descriptor?
  var executable: KernelPath = ""
  var image: ExecImage
  /// What the process is to be restricted by; closed with the rest by execve(2).
  var landlockRuleset: Descriptor?
  /// The working directory that root may not enter, for the user to try.
  var pendingWorkingDirectory: KernelPath?

  init(_ plan: LaunchPlan, _ resources: LaunchResources, channel: Descriptor) {
    self.hooks = plan.hooks
    self.namespaceFiles = plan.namespaceFiles
    self.homeOfUserID = plan.homeOfUserID
    self.tellsOwnNumber = plan.tellsOwnNumber
    self.environment = plan.environment
    self.isInsideUserNamespace = plan.newNamespaces.contains(.user) || plan.userNamespacePath != nil
    self.image = resources.image
    self.resources = resources
    self.channel = channel
  }

  /// Performs the steps in order; the first that is refused ends the process.
  mutating func perform(_ steps: [LaunchStep], board: borrowing LaunchBoard) -> Never {
    for index in steps.indices {
      board.begin(step: index)
      do throws(Errno) {
        if case .execute = steps[index] {
          board.noteTime(step: index)
          board.noteExecuting()
        }
        if case .installFilter = steps[index], resources.filter?.notifies == true {
          try installNotifyingFilter(board)
        } else {
          try perform(steps[index])
        }
        board.noteTime(step: index)
      } catch {
        board.fail(error)
        tellStarter(steps[index], error)
        break
      }
    }
    ProcessControl.exit(1)
  }

  /// A `start` that waits at the other end has no board: it gets the words.
  private func tellStarter(_ step: LaunchStep, _ error: Errno) {
    guard let starter else { return }
    let failure = step.failure(error)
    let kind: UInt8 =
      switch failure.kind {
      case .failed: 125
      case .notExecutable: 126
      case .notFound: 127
      }
    // Nobody is left to be told if this fails: `start` sees the end of the connection and the process gone.
    try? starter.send(.failed, [kind] + Array(failure.description.utf8))
  }

  private mutating func perform(_ step: LaunchStep) throws(Errno) {
    switch step {
    case .takeStandardStreams: try takeStandardStreams()
    case .enterCgroup: try enterCgroup()
    case .startSession: try startSession()
    case .enterNamespace(let type, let path): try enterNamespace(type, path)
    case .enterNamespacesOfInit(let flags): try enterNamespacesOfInit(flags)
    case .awaitIDMaps: try ask(.mapsWanted)
    case .becomeNamespaceRoot: try becomeNamespaceRoot()
    case .makeCgroupNamespace: try unshare(.cgroup)
    case .makeIPCNamespace: try unshare(.ipc)
    case .isolateMounts:
      try Descriptor.workingDirectory.changeMount("/", propagation: .private, recursive: true)
    case .attachRoot(let path): try attachRoot(path)
    case .mount(let mount): try makeFileSystem(mount)
    case .bind(let mount): try bind(mount)
    case .changeMount(let path, let options): try changeMount(path, options)
    case .makeDirectory(let path): _ = try directory(path)
    case .link(let path, let target): try makeLink(path, target)
    case .makeDevice(let node): try makeDevice(node)
    case .attachDevices: try attachDevices()
    case .showDevice(let node, let source): try showDevice(node, source)
    case .detachDevices: try detachDevices()
    case .replaceNullStreams: try replaceNullStreams()
    case .openConsole(let console): try openConsole(console)
    case .makeWorkingDirectory(let path): _ = try directory(path)
    case .runHooksOutside: try ask(.hooksWanted)
    case .runHooksInside(let moment): try runHooks(moment)
    case .mask(let path): try mask(path)
    case .makeReadOnly(let path): try makeReadOnly(path)
    case .sealMount(let path): try sealMount(path)
    case .pivotRoot:
      try root?.makeWorkingDirectory()
      try pivotIntoWorkingDirectory()
    case .moveRoot:
      try hideHostTrees()
      try root?.makeWorkingDirectory()
      try changeRootToWorkingDirectory()
      try changeWorkingDirectory("/")
    case .makeRootReadOnly: try Descriptor.workingDirectory.changeMount("/", set: .readOnly)
    case .setRootPropagation(let propagation, let recursive):
      try Descriptor.workingDirectory.changeMount("/", propagation: propagation, recursive: recursive)
    case .setHostname(let name): try ProcessControl.setHostname(try KernelPath(name))
    case .setDomainname(let name): try ProcessControl.setDomainname(try KernelPath(name))
    case .setSystemParameter(let name, let value): try setSystemParameter(name, value)
    case .setOOMScore(let score): try setOOMScore(score)
    case .setResourceLimit(let limit, let number):
      try ProcessControl.setResourceLimit(number, soft: limit.soft, hard: limit.hard)
    case .setPersonality(let personality): try ProcessControl.setPersonality(personality)
    case .setScheduling(let attributes): try ProcessControl.setScheduling(attributes)
    case .setDiskPriority(let kind, let level): try ProcessControl.setDiskPriority(class: kind, level: level)
    case .setMemoryPolicy(let policy): try ProcessControl.setMemoryPolicy(mode: policy.mode, nodes: policy.nodes)
    case .setAffinity(let cpus, _): try ProcessControl.setAffinity(cpus)
    case .joinSessionKeyring(let keyring): try joinSessionKeyring(keyring)
    case .setSecurityAttribute(let attribute): try setSecurityAttribute(attribute)
    case .receiveNetworkDevices: try ask(.networkDevicesWanted)
    case .switchOnLoopback: try switchOnLoopback()
    case .findExecutable(let search): try findExecutable(search)
    case .closeUnneeded(let preserve): try closeUnneeded(preserve)
    case .reportCreated: try reportCreated()
    case .awaitStart: try awaitStart()
    case .setUmask(let mask): ProcessControl.setUmask(mask)
    case .giveStandardStreams(let userID, let groupID): giveStandardStreams(userID, groupID)
    case .resetSignals: try resetSignals()
    case .resetAffinity: resetAffinity()
    case .setUser(let user): try setUser(user)
    case .dropBoundingSet(let numbers): try dropBoundingSet(numbers)
    case .setCapabilities(let plan): try setCapabilities(plan)
    case .setNoNewPrivileges: try Credentials.setNoNewPrivileges()
    case .makeLandlockRuleset(let rules): landlockRuleset = Descriptor(try rules.makeRuleset().release())
    case .allowByLandlock(let place): try LandlockRules.allow(place, in: try wantedRuleset())
    case .restrictByLandlock: try wantedRuleset().restrictSelf()
    case .installFilter: try installFilter()
    case .enterWorkingDirectory(let path): try enterWorkingDirectory(path)
    case .endWithCaller: try ProcessControl.setParentDeathSignal(Signal.kill)
    case .closeDescriptors(let preserve): try closeDescriptors(preserve)
    case .execute: throw image.execute(executable)
    }
  }

  /// Asks the parent for something and waits until it is done.
  private func ask(_ message: LaunchMessage) throws(Errno) {
    _ = try askForPayload(message)
  }

  func askForPayload(_ message: LaunchMessage) throws(Errno) -> [UInt8] {
    let line = starter ?? channel
    try line.send(message)
    // The end means that the parent has given up, and has said why itself.
    guard let (answer, payload) = try line.receiveMessage() else { throw .brokenPipe }
    guard answer == .goOn else { throw .badMessage }
    return payload
  }
}
