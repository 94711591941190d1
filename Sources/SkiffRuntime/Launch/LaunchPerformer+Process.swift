internal import SkiffKernel
internal import SkiffSpec

// Steps about the process itself: where it belongs, what it is, what it may do.
extension LaunchPerformer {
  func takeStandardStreams() throws(Errno) {
    for (index, stream) in resources.streams.enumerated() {
      try stream.duplicate(onto: Int32(truncatingIfNeeded: index), closeOnExec: false)
    }
  }

  /// Moves the process by its own hand: the kernel skips the wait that a move by others costs.
  func enterCgroup() throws(Errno) {
    let self0: [UInt8] = [UInt8(ascii: "0")]
    for file in resources.taskFiles { try file.writeAll(self0) }
  }

  func startSession() throws(Errno) {
    // Until the program runs nothing in the container may look into this copy of the runtime (CVE-2016-9962).
    try ProcessControl.setDumpable(false)
    // Modes of what is made below are exactly those that were asked for.
    ProcessControl.setUmask(0)
    try ProcessControl.startSession()
  }

  func enterNamespace(_ type: RuntimeSpec.NamespaceType, _ path: String) throws(Errno) {
    guard let place = namespaceFiles.firstIndex(of: path) else { throw .badDescriptor }
    try resources.namespaces[place].enterNamespaces(type.flag)
  }

  mutating func enterNamespacesOfInit(_ flags: NamespaceFlags) throws(Errno) {
    guard let initProcess = resources.initProcess else { throw .badDescriptor }
    try initProcess.enterNamespaces(flags)
    // With the mount namespace the root has changed.
    root = keep(try Descriptor.workingDirectory.open("/", [.directory, .pathOnly]))
  }

  func becomeNamespaceRoot() throws(Errno) {
    try Credentials.setGroupID(0)
    try Credentials.setUserID(0)
    // The change of user made the process dumpable again.
    try ProcessControl.setDumpable(false)
  }

  func joinSessionKeyring(_ keyring: KeyringPlan) throws(Errno) {
    do throws(Errno) {
      let serial = try ProcessControl.joinSessionKeyring(try KernelPath(keyring.name))
      if let permissions = keyring.permissions { try ProcessControl.setPermissions(permissions, ofKey: serial) }
    } catch {
      // A kernel without keyrings has none that could be shared.
      guard error == .noSystemCall else { throw error }
    }
  }

  /// As runc and crun do in a network that they make: programs expect to reach themselves.
  func switchOnLoopback() throws(Errno) {
    try InterfaceSocket().switchOn("lo")
  }

  mutating func setOOMScore(_ score: Int32) throws(Errno) {
    do throws(Errno) {
      try writeOOMScore(score)
    } catch {
      // Inside a user namespace the files of a process that hides, as this one does, are root's outside: the parent writes then.
      guard error == .accessDenied else { throw error }
      _ = try askForPayload(.oomScoreWanted)
    }
  }

  private mutating func writeOOMScore(_ score: Int32) throws(Errno) {
    let processes = try procfs()
    let path = try KernelPath(String(ProcessControl.processID)).appending("oom_score_adj")
    let file = try ProcessFiles.openFile(path, beneath: processes, .writeOnly)
    try file.descriptor.writeAll(Array("\(score)".utf8))
  }

  mutating func setSystemParameter(_ name: String, _ value: String) throws(Errno) {
    let processes = try procfs()
    // As sysctl(8): with a slash in the name a dot is part of a component.
    let path = name.contains("/") ? name : String(name.map { $0 == "." ? "/" : $0 })
    let file = try ProcessFiles.openFile(
      KernelPath("sys").appending(try KernelPath(path)), beneath: processes, .writeOnly)
    try file.descriptor.writeAll(Array(value.utf8))
  }

  /// The container's procfs as we made it, or one of our own where the container has none.
  mutating func procfs() throws(Errno) -> Descriptor {
    if let processes { return processes }
    let handle = keep(try ProcessFiles.privateHandle())
    processes = handle
    return handle
  }

  func runHooks(_ moment: HookMoment) throws(Errno) {
    let hooks = moment == .createContainer ? hooks.createContainer : hooks.startContainer
    let state = try askForPayload(.stateWanted)
    // Before the pivot in the container's tree as the host has it, after it wherever the process stands.
    let surroundings =
      moment == .createContainer
      ? HookRunner.Surroundings(directory: root, environment: ProcessEnvironment.all())
      : HookRunner.Surroundings(environment: environment)
    do throws(LaunchError) {
      try HookRunner.run(hooks, moment: moment.rawValue, state: state, surroundings)
    } catch {
      let line = starter ?? channel
      try line.send(.failed, [LaunchMessage.failedHook] + Array(error.description.utf8))
      throw .brokenPipe
    }
  }

  /// Closes what was open for the steps so far: all but the standard streams, what is preserved for the program, and what the
  /// steps from here on use.
  mutating func closeUnneeded(_ preserve: UInt32) throws(Errno) {
    (root, devices, emptyDirectory, nullMask) = (nil, nil, nil, nil)
    let needed = [channel, resources.startListener, processes].compactMap { $0?.number }
    var (first, overflow) = preserve.addingReportingOverflow(3)
    if overflow { return }
    for number in needed.compactMap({ UInt32(exactly: $0) }).sorted() where number >= first {
      if number > first { try ProcessControl.closeDescriptors(from: first, through: number - 1, onExec: false) }
      first = number + 1
    }
    try ProcessControl.closeDescriptors(from: first, onExec: false)
  }

  /// The first process of a PID namespace gets only signals that it asks for: whoever wants to end a created container politely
  /// must be heard.
  mutating func reportCreated() throws(Errno) {
    if resources.startListener != nil {
      let signals: SignalSet = [
        SignalSet(signal: Signal.hangup), SignalSet(signal: Signal.interrupt), SignalSet(signal: Signal.quit),
        SignalSet(signal: Signal.terminate),
      ]
      try Signal.setMask(signals)
      enders = keep(try Signal.openReader(signals))
    }
    try channel.send(.created)
  }

  mutating func awaitStart() throws(Errno) {
    guard let listener = resources.startListener else {
      guard let (message, _) = try channel.receiveMessage(), message == .start else { throw .brokenPipe }
      return
    }
    while true {
      var entries = [PollEntry(listener, .readable), PollEntry(enders, .readable)]
      try poll(&entries)
      if let signal = try enders?.readSignal() { ProcessControl.exit(128 + signal) }
      if entries[0].events.isEmpty { continue }
      let connection = keep(try listener.accept())
      // The directory is its owner's alone; who got here all the same must be root or whoever made the socket, both as they are
      // numbered in here.
      let (peer, owner) = (try connection.peerUserID(), try listener.peerUserID())
      guard peer == 0 || peer == owner else {
        // It may have gone already.
        try? connection.send(.failed, [125] + Array("the container belongs to another user".utf8))
        continue
      }
      do throws(Errno) {
        guard let (message, _) = try connection.receiveMessage(), message == .start else { continue }
      } catch {
        // What is no message starts nothing, and ends nothing.
        continue
      }
      starter = connection
      return
    }
  }

  func resetSignals() throws(Errno) {
    Signal.resetActions()
    try Signal.setMask([])
  }

  func resetAffinity() {
    do throws(Errno) {
      try ProcessControl.resetAffinity()
    } catch {
      // A cpuset that holds none of the machine's CPUs, or a seccomp of the caller: the affinity stays as it came.
    }
  }

  func dropBoundingSet(_ numbers: [Int]) throws(Errno) {
    for number in numbers {
      do throws(Errno) {
        try CapabilityBounds.drop(number)
      } catch {
        // A capability that this kernel does not have is in no set.
        guard error == .invalidArgument else { throw error }
      }
    }
  }

  /// Streams that are the host's /dev/null become the container's: its root may change the owner and mode of what it has open,
  /// and all the machine's programs share that node.
  func replaceNullStreams() throws(Errno) {
    guard let root else { return }
    for number: Int32 in 0..<3 {
      // A stream that is closed stays closed.
      guard let status = try? Descriptor(number).status(), Self.isNull(status) else { continue }
      do throws(Errno) {
        let own = try root.open(
          "/dev/null", [.readWrite, .noControllingTerminal],
          resolve: [.inRoot, .noMagicLinks, .noSymbolicLinks])
        guard try Self.isNull(own.descriptor.status()) else { return }
        try own.descriptor.duplicate(onto: number, closeOnExec: false)
      } catch {
        // A container without one, or with something else in its place, keeps what it was given.
        return
      }
    }
  }

  private static func isNull(_ status: FileStatus) -> Bool {
    status.type == .characterDevice && status.major == 1 && status.minor == 3
  }

  /// So that the user can open /dev/stdout and its kin, which are links to these files.
  ///
  /// A file that can only be read stays whose it is: the caller's own, perhaps a secret. Devices do too: /dev/null is everybody's,
  /// and a terminal was given when it was made.
  func giveStandardStreams(_ userID: UInt32, _ groupID: UInt32) {
    for stream in [Descriptor.standardInput, .standardOutput, .standardError] {
      do throws(Errno) {
        let status = try stream.status()
        guard status.userID != userID else { continue }
        switch status.type {
        case .fifo: break
        case .regular: guard try stream.isWritable else { continue }
        default: continue
        }
        try stream.changeOwner(userID: userID, groupID: groupID)
      } catch {
        // A stream that is closed, an owner that the user namespace does not know, a file system that keeps its owners: the
        // program can still use what it inherits.
      }
    }
  }

  mutating func setUser(_ user: UserPlan) throws(Errno) {
    if user.keepsCapabilities { try Credentials.keepCapabilities(true) }
    if let groups = user.groups { try Credentials.setGroups(groups) }
    try Credentials.setGroupID(user.groupID)
    try Credentials.setUserID(user.userID)
    try ProcessControl.setDumpable(false)
    if user.keepsCapabilities { try Credentials.keepCapabilities(false) }
    if let path = pendingWorkingDirectory { try changeInto(path) }
  }

  func setCapabilities(_ plan: CapabilityPlan) throws(Errno) {
    try plan.sets.apply()
    try CapabilityBounds.clearAmbient()
    for number in plan.ambient { try CapabilityBounds.raiseAmbient(number) }
  }

  func wantedRuleset() throws(Errno) -> Descriptor {
    guard let landlockRuleset else { throw .noData }
    return landlockRuleset
  }

  func installFilter() throws(Errno) {
    guard let filter = resources.filter else { throw .noData }
    try SeccompFilter.install(filter.instructions, flags: filter.flags)
  }

  mutating func enterWorkingDirectory(_ path: String) throws(Errno) {
    let path = try KernelPath(path)
    do throws(Errno) {
      try changeInto(path)
    } catch {
      // Root may be refused where the user is not (a network file system): the user tries once it is one.
      guard error == .accessDenied || error == .notPermitted else { throw error }
      pendingWorkingDirectory = path
    }
  }

  private func changeInto(_ path: KernelPath) throws(Errno) {
    try changeWorkingDirectory(path)
    // A working directory outside the root would be a door out of the container (CVE-2024-21626).
    guard try workingDirectory().bytes.first == UInt8(ascii: "/") else { throw .accessDenied }
  }

  func closeDescriptors(_ preserve: UInt32) throws(Errno) {
    let (first, overflow) = preserve.addingReportingOverflow(3)
    if !overflow { try ProcessControl.closeDescriptors(from: first, onExec: true) }
  }

  // MARK: The program

  mutating func findExecutable(_ search: ExecutableSearch) throws(Errno) {
    if let userID = homeOfUserID {
      let home = PasswdFile.home(of: userID) ?? "/"
      try image.addEnvironment("HOME=\(home)")
      environment.append("HOME=\(home)")
    }
    if tellsOwnNumber { try image.addEnvironment("LISTEN_PID=\(ProcessControl.processID)") }
    if search.name.contains("/") {
      let path = try KernelPath(search.name)
      try checkExecutable(path)
      executable = path
      return
    }
    var refusal: Errno = .notFound
    for directory in search.searchPath {
      let path = try KernelPath(directory).appending(try KernelPath(search.name))
      do throws(Errno) {
        try checkExecutable(path)
        executable = path
        return
      } catch {
        if error == .accessDenied { refusal = error }
      }
    }
    throw refusal
  }

  private func checkExecutable(_ path: KernelPath) throws(Errno) {
    let status = try Descriptor.workingDirectory.status(path, follow: true)
    if status.type == .directory || status.permissions & 0o111 == 0 { throw .accessDenied }
  }
}

/// The container's /etc/passwd, read with a limit: it is the image's, so it may be anything.
enum PasswdFile {
  private static let limitBytes = 1 << 20

  /// The home directory of a user; nil where the file is missing, odd, or does not name the user.
  static func home(of userID: UInt32) -> String? {
    let content: [UInt8]
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(
        "/etc/passwd", [.readOnly, .nonBlocking], resolve: [.inRoot, .noMagicLinks])
      guard try file.descriptor.status().type == .regular else { return nil }
      content = try file.descriptor.readToEnd(limitBytes: limitBytes)
    } catch {
      // Only a convenience of the environment hangs on it.
      return nil
    }
    for line in content.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count >= 6, UInt32(String(decoding: fields[2], as: UTF8.self)) == userID else { continue }
      let home = String(decoding: fields[5], as: UTF8.self)
      return home.isEmpty || home.utf8.contains(0) ? nil : home
    }
    return nil
  }
}
