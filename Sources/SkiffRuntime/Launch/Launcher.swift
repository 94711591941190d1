package import SkiffKernel
package import SkiffSpec

/// The parent's side of a launch: a process of the container that is on its way through the plan's steps.
package struct Launcher: ~Copyable {
  /// How far the container's process has come.
  package enum Progress: Equatable, Sendable {
    /// It is ready and waits to be started.
    case created
    /// It has become its program.
    case running
  }

  private let plan: LaunchPlan
  private let channel: FileDescriptor
  private let board: LaunchBoard
  private let explains: Bool
  private let began: UInt64
  /// What the child said of a failed hook.
  private var hookFailure: String?
  /// The container's process, by its number as seen here.
  package let processID: Int32
  package let process: FileDescriptor

  private init(
    _ plan: LaunchPlan, channel: consuming FileDescriptor, board: consuming LaunchBoard, explains: Bool, began: UInt64,
    processID: Int32, process: consuming FileDescriptor
  ) {
    self.plan = plan
    self.channel = channel
    self.board = board
    self.explains = explains
    self.began = began
    self.processID = processID
    self.process = process
  }

  /// Clones the container's process, which begins at once with the plan's steps.
  package static func launch(
    _ plan: LaunchPlan, _ resources: LaunchResources, explains: Bool = false
  ) throws(LaunchError) -> Launcher {
    do throws(Errno) {
      if let cpus = plan.initialAffinity { try ProcessControl.setAffinity(cpus) }
      let board = try LaunchBoard(steps: explains ? plan.steps.count : 0)
      let began = UInt64(truncatingIfNeeded: ClockTime.monotonic().totalNanoseconds)
      let pair = try UnixSocket.pair(.packet)
      let processID = try clone(plan, resources, pair, board)
      // Our own child: its number is not given to another before it is waited for.
      let process = try openProcess(processID)
      return Launcher(
        plan, channel: pair.takeFirst(), board: board, explains: explains, began: began, processID: processID,
        process: process)
    } catch {
      throw LaunchError("cannot make the container's process: \(error)")
    }
  }

  private static func clone(
    _ plan: LaunchPlan, _ resources: LaunchResources, _ channel: borrowing SocketPair,
    _ board: borrowing LaunchBoard
  ) throws(Errno) -> Int32 {
    if resources.userNamespace != nil || (plan.goesBetween && !plan.namespacesForChildren.isEmpty) {
      return try cloneBeyond(plan, resources, channel, board)
    }
    let journey = try NamespaceJourney(into: plan.namespacesForChildren, offsets: plan.timeOffsets)
    let side: CloneSide
    do throws(Errno) {
      side = try cloneProcess(namespaces: plan.newNamespaces, into: resources.cgroupDirectory)
    } catch {
      try journey.comeBack()
      throw error
    }
    switch consume side {
    case .child:
      perform(plan, resources, channel, board)
    case .parent(let processID, _):
      try journey.comeBack()
      return processID
    }
  }

  /// The child's side; only leaves through execve(2) or the process's end.
  private static func perform(
    _ plan: LaunchPlan, _ resources: LaunchResources, _ channel: borrowing SocketPair,
    _ board: borrowing LaunchBoard
  ) -> Never {
    // The parent's end is the parent's alone: only so the channel ends when the parent is killed.
    _ = FileDescriptor(adopting: channel.first.number)
    var performer = LaunchPerformer(plan, resources, channel: channel.second.descriptor)
    performer.perform(plan.steps, board: board)
  }

  /// Clones in two steps where the container joins a user namespace: the namespaces made after it must belong to it. And where
  /// this process could not come back from what it enters for its child, because its own namespaces belong to somebody else.
  /// The go-between enters them and clones the container's process as its own sibling, so that it is our child.
  private static func cloneBeyond(
    _ plan: LaunchPlan, _ resources: LaunchResources, _ channel: borrowing SocketPair,
    _ board: borrowing LaunchBoard
  ) throws(Errno) -> Int32 {
    switch try cloneProcess(into: resources.cgroupDirectory) {
    case .child:
      do throws(Errno) {
        try NamespaceJourney.emigrate(
          into: resources.userNamespace, plan.namespacesForChildren, offsets: plan.timeOffsets)
        switch try cloneProcess(namespaces: plan.newNamespaces, sibling: true) {
        case .child: perform(plan, resources, channel, board)
        case .parent(let processID, _): board.processID = processID
        }
      } catch {
        board.fail(error)
      }
      ProcessControl.exit(0)
    case .parent(_, let handle):
      _ = try handle.descriptor.waitForExit()
      if board.processID == 0 { throw board.failure ?? .noChild }
      return board.processID
    }
  }

  /// Serves what the child asks until it is created, or has become its program.
  ///
  /// - Parameter state: the container's state as hooks read it (runtime.md "State").
  /// - Parameter resources: what was opened for the launch; nil once the container is created.
  package mutating func advance(
    with resources: LaunchResources? = nil, state: () -> [UInt8]
  ) throws(LaunchError) -> Progress {
    do throws(Errno) {
      while let (message, payload, file) = try channel.descriptor.receiveMessageAndFile() {
        let file = FileOrNothing(file)
        switch message {
        case .mapsWanted:
          try writeMaps()
          try channel.descriptor.send(.goOn)
        case .sourceFound:
          try prepareSource(payload, file, resources)
          try channel.descriptor.send(.goOn)
        case .networkDevicesWanted:
          try moveNetworkDevices()
          try channel.descriptor.send(.goOn)
        case .oomScoreWanted:
          try writeOOMScore()
          try channel.descriptor.send(.goOn)
        case .hooksWanted:
          try runHooksOutside(state())
          try channel.descriptor.send(.goOn)
        case .stateWanted:
          try channel.descriptor.send(.goOn, state())
        case .listener:
          try deliverListener(file, state())
          try channel.descriptor.send(.goOn)
        case .failed:
          hookFailure = String(decoding: payload.dropFirst(), as: UTF8.self)
        case .created:
          return .created
        case .goOn, .start:
          throw .badMessage
        }
      }
    } catch {
      if let failure = outsideFailure { throw abort(failure) }
      throw abort(LaunchError("lost touch with the container's process: \(error)"))
    }
    return try conclude()
  }

  /// Lets a created process go on to its program.
  package mutating func start(state: () -> [UInt8]) throws(LaunchError) {
    do throws(Errno) {
      try channel.descriptor.send(.start)
    } catch {
      _ = try conclude()
      throw LaunchError("cannot start the container: \(error)")
    }
    _ = try advance(state: state)
  }

  /// Ends the process; for a launch that is given up.
  package func abort() {
    do throws(Errno) {
      try process.descriptor.sendSignal(Signal.kill)
      _ = try process.descriptor.waitForExit()
    } catch {
      // It has ended already and was waited for.
    }
  }

  private func abort(_ failure: LaunchError) -> LaunchError {
    abort()
    return failure
  }

  // MARK: What the child asks for

  private var outsideFailure: LaunchError?

  private func writeMaps() throws(Errno) {
    let files = try ProcessFiles.open(processID)
    try IDMaps.write(uids: plan.uidMappings, gids: plan.gidMappings, processFiles: files.descriptor)
  }

  private mutating func prepareSource(
    _ payload: [UInt8], _ tree: borrowing FileOrNothing, _ resources: LaunchResources?
  ) throws(Errno) {
    let place = payload.reduce(0) { $0 << 8 | Int($1) }
    guard let resources, let tree = tree.descriptor, plan.sources.indices.contains(place), payload.count == 2 else {
      throw .badMessage
    }
    do throws(LaunchError) {
      try resources.prepare(tree, as: plan.sources[place])
    } catch {
      outsideFailure = error
      throw .brokenPipe
    }
  }

  private mutating func moveNetworkDevices() throws(Errno) {
    do throws(LaunchError) {
      try NetworkDevices.move(plan.networkDevices, to: plan.networkNamespacePath ?? "/proc/\(processID)/ns/net")
    } catch {
      outsideFailure = error
      throw .brokenPipe
    }
  }

  private mutating func deliverListener(_ file: borrowing FileOrNothing, _ state: [UInt8]) throws(Errno) {
    guard let agent = SeccompAgent(plan.filter), let listener = file.descriptor else { throw .badMessage }
    do throws(LaunchError) {
      try agent.deliver(listener, processID: processID, state: state)
    } catch {
      outsideFailure = error
      throw .brokenPipe
    }
  }

  private mutating func writeOOMScore() throws(Errno) {
    for step in plan.steps {
      guard case .setOOMScore(let score) = step else { continue }
      do throws(Errno) {
        let files = try ProcessFiles.open(processID)
        let file = try ProcessFiles.openFile("oom_score_adj", beneath: files.descriptor, .writeOnly)
        try file.descriptor.writeAll(Array("\(score)".utf8))
      } catch {
        outsideFailure = step.failure(error)
        throw .brokenPipe
      }
    }
  }

  private mutating func runHooksOutside(_ state: [UInt8]) throws(Errno) {
    do throws(LaunchError) {
      let hooks = plan.hooks
      try HookRunner.outside(bundlePath: plan.bundlePath) { surroundings throws(LaunchError) in
        try HookRunner.run(hooks.prestart, moment: "prestart", state: state, surroundings)
        try HookRunner.run(hooks.createRuntime, moment: "createRuntime", state: state, surroundings)
      }
    } catch {
      outsideFailure = error
      throw .brokenPipe
    }
  }

  // MARK: The end of the channel

  /// The channel has ended: the board says how.
  private func conclude() throws(LaunchError) -> Progress {
    if let error = board.failure {
      _ = waitForEnd()
      if let hookFailure { throw LaunchError(hookFailure) }
      let step = board.step
      guard plan.steps.indices.contains(step) else { throw LaunchError("the launch failed: \(error)") }
      throw plan.steps[step].failure(error)
    }
    if board.isExecuting { return .running }
    let end = waitForEnd()
    let step = plan.steps.indices.contains(board.step) ? plan.steps[board.step].explanation.what : "begin"
    switch end {
    case .killed(let signal):
      throw LaunchError("the container's process was killed by signal \(signal) when it was about to \(step)")
    case .exited, nil:
      throw LaunchError("the container's process went away when it was about to \(step)")
    }
  }

  private func waitForEnd() -> ExitStatus? {
    do throws(Errno) {
      return try process.descriptor.waitForExit()
    } catch {
      // Not our child any more: there is nothing to tell about its end.
      return nil
    }
  }

  // MARK: Explanation

  /// The plan as it was performed, each step with its time.
  package var explanation: [ExplanationStep] {
    var lines = plan.explanation
    guard explains else { return lines }
    var before = began
    // The first line is the clone: its time is part of the first step's.
    for index in plan.steps.indices {
      let after = board.time(step: index)
      guard after >= before, after != 0 else { continue }
      lines[plan.preparation.count + index + 1].nanoseconds = after - before
      before = after
    }
    return lines
  }
}

/// Namespaces that a process can only be born into: the calling process enters them for its children, clones, and comes back.
private struct NamespaceJourney: ~Copyable {
  private var home = DescriptorTable()
  private var flags: [NamespaceFlags] = []

  init(into namespaces: [RuntimeSpec.Namespace], offsets: [String: RuntimeSpec.TimeOffset]) throws(Errno) {
    do throws(Errno) {
      for namespace in namespaces {
        // What new children get is what must be put back: pid and time have handles of their own for that.
        let handleName = namespace.type.handleName
        let handles: KernelPath = "/proc/self/ns"
        home.add(
          try Descriptor.workingDirectory.open(handles.appending(try KernelPath(handleName)), .readOnly))
        flags.append(namespace.type.flag)
        if let path = namespace.path, !path.isEmpty {
          let handle = try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly)
          try handle.descriptor.enterNamespaces(namespace.type.flag)
        } else {
          try unshare(namespace.type.flag)
          if namespace.type == .time { try Self.write(offsets) }
        }
      }
    } catch {
      try comeBack()
      throw error
    }
  }

  /// Enters namespaces for good, together with a user namespace. What belongs to the host can only be entered while the
  /// process still has its rights there, what belongs to the user namespace perhaps only with the rights that it gives: what is
  /// refused before is tried again after. New ones are made last, so that they belong to the user namespace.
  static func emigrate(
    into userNamespace: Descriptor?, _ namespaces: [RuntimeSpec.Namespace],
    offsets: [String: RuntimeSpec.TimeOffset]
  ) throws(Errno) {
    // All are opened first: with another mount namespace their paths would mean something else.
    var handles = DescriptorTable()
    var flags: [NamespaceFlags] = []
    var missing: [RuntimeSpec.NamespaceType] = []
    for namespace in namespaces {
      guard let path = namespace.path, !path.isEmpty else {
        missing.append(namespace.type)
        continue
      }
      handles.add(try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly))
      flags.append(namespace.type.flag)
    }
    var refused: [Int] = []
    for index in flags.indices {
      do throws(Errno) {
        try handles[index]?.enterNamespaces(flags[index])
      } catch {
        guard error == .notPermitted, userNamespace != nil else { throw error }
        refused.append(index)
      }
    }
    if let userNamespace { try userNamespace.enterNamespaces(.user) }
    for index in refused { try handles[index]?.enterNamespaces(flags[index]) }
    for type in missing {
      try unshare(type.flag)
      if type == .time { try write(offsets) }
    }
  }

  /// Enters the namespaces that the process came from.
  func comeBack() throws(Errno) {
    for index in flags.indices {
      try home[index]?.enterNamespaces(flags[index])
    }
  }

  /// Offsets of a new time namespace, before its first process (time_namespaces(7)).
  private static func write(_ offsets: [String: RuntimeSpec.TimeOffset]) throws(Errno) {
    if offsets.isEmpty { return }
    let own = try ProcessFiles.open(ProcessControl.processID)
    let file = try ProcessFiles.openFile("timens_offsets", beneath: own.descriptor, .writeOnly)
    let lines = offsets.map { "\($0.key) \($0.value.seconds) \($0.value.nanoseconds)\n" }.joined()
    try file.descriptor.writeAll(Array(lines.utf8))
  }
}
