package import SkiffKernel
internal import SkiffSpec

/// Something of the host's that a step shows in the container.
enum PreparedSource {
  case tree(Descriptor, isDirectory: Bool)
  /// What the container itself shows at a path by then, for the child to open.
  case inContainer(KernelPath)
  /// A link that is made anew: what it holds.
  case link(KernelPath)
}

/// A device node for a container that may not make its own.
enum PreparedDevice {
  /// Made in the tree of devices, under this name.
  case made(KernelPath)
  /// The host's own, where this process may not make nodes either.
  case shown(Descriptor)
}

/// What the parent opens for a launch before it clones: the child only uses it.
package final class LaunchResources {
  /// Owns every file below that is known by a lent descriptor.
  private var files = DescriptorTable()
  /// The container's root file system, attached nowhere yet.
  private(set) var rootTree: Descriptor?
  /// Trees of the host in the order of the plan's sources, attached nowhere yet, with their options applied.
  private(set) var sources: [PreparedSource] = []
  /// In the order of the plan's devices, and the tree that holds those that were made; attached nowhere yet.
  private(set) var devices: [PreparedDevice] = []
  private(set) var deviceTree: Descriptor?
  /// Handles in the order of the plan's namespace files.
  private(set) var namespaces: [Descriptor] = []
  private(set) var userNamespace: Descriptor?
  /// `tasks` files of v1 hierarchies: a single-threaded process that writes 0 moves itself without waiting for the kernel's
  /// grace period.
  private(set) var taskFiles: [Descriptor] = []
  /// A directory of the v2 tree that the child is born in.
  private(set) var cgroupDirectory: Descriptor?
  private var group: CgroupGroup?
  /// The container's standard streams; none where the caller's are kept.
  package var streams: [Descriptor] = []
  /// Where the master of the console goes.
  package var consoleSocket: Descriptor?
  /// Where `start` will connect.
  package var startListener: Descriptor?
  /// The container's init, for exec.
  package var initProcess: Descriptor?
  private(set) var filter: SeccompProgram?
  let image: ExecImage

  /// Keeps a file open as long as these resources, and lends it.
  package func own(_ file: consuming FileDescriptor) -> Descriptor {
    let descriptor = file.descriptor
    files.add(file)
    return descriptor
  }

  /// Takes the control group that the child enters.
  package func setGroup(_ group: consuming CgroupGroup) {
    taskFiles = group.taskFiles
    cgroupDirectory = group.unifiedDirectory
    self.group = consume group
  }

  /// Has the child move itself in resctrl too. After the control group, whose files these join.
  package func addTaskFiles(of place: ResourceControlRecord) throws(LaunchError) {
    for path in place.taskFiles {
      do throws(Errno) {
        taskFiles.append(own(try Descriptor.workingDirectory.open(try KernelPath(path), .writeOnly)))
      } catch {
        throw LaunchError("linux.intelRdt: cannot open \(path): \(error)")
      }
    }
  }

  /// Takes the root file system, attached nowhere yet.
  package func setRoot(_ tree: consuming FileDescriptor) {
    rootTree = own(tree)
  }

  /// Opens everything that the plan names.
  package init(_ plan: LaunchPlan) throws(LaunchError) {
    do throws(Errno) {
      image = try ExecImage(arguments: plan.arguments, environment: plan.environment)
    } catch {
      throw LaunchError("process.args and process.env must not hold a zero byte")
    }
    for path in plan.namespaceFiles {
      namespaces.append(own(try Self.openNamespace(path)))
    }
    if let path = plan.userNamespacePath { userNamespace = own(try Self.openNamespace(path)) }
    for source in plan.sources { try open(source) }
    if !plan.devices.isEmpty { try prepare(plan.devices) }
    if let filter = plan.filter {
      do throws(SeccompError) {
        let program = try SeccompProgram.compile(filter)
        if plan.refusesUnknownCalls, let name = program.unknownNames.first { throw .unknownCall(name) }
        self.filter = program
      } catch {
        throw LaunchError("linux.seccomp: \(error)")
      }
    }
  }

  /// A copy of the source's tree. One of another container (`/proc/PID/root/…`) lies in another mount namespace, whose trees can
  /// only be copied from within: a child goes there and sends the copy.
  private static func cloneTree(_ source: BindSource) throws(Errno) -> FileDescriptor {
    let path = try KernelPath(source.path)
    if let inner = source.options.sourceBeneath {
      // Found once, to a handle: whoever can write in there may move links meanwhile (CVE-2017-1002101 and CVE-2021-25741 of Kubernetes's subpaths).
      let place = try Root(opening: path).open(try KernelPath(inner), [.pathOnly])
      return try place.descriptor.cloneTree(recursive: source.isRecursive)
    }
    do throws(Errno) {
      return try Descriptor.workingDirectory.cloneTree(
        path, recursive: source.isRecursive, follow: !source.options.keepsSourceLink)
    } catch {
      let parts = source.path.split(separator: "/", maxSplits: 3)
      guard error == .invalidArgument, parts.count == 4, parts[0] == "proc", parts[2] == "root",
        let processID = Int32(parts[1])
      else { throw error }
      return try cloneForeignTree(processID, try KernelPath("/" + parts[3]), recursive: source.isRecursive)
    }
  }

  private static func cloneForeignTree(
    _ processID: Int32, _ path: KernelPath, recursive: Bool
  ) throws(Errno) -> FileDescriptor {
    let process = try openProcess(processID)
    let pair = try UnixSocket.pair(.packet)
    switch try cloneProcess() {
    case .child:
      do throws(Errno) {
        try process.descriptor.enterNamespaces(.mount)
        let tree = try Descriptor.workingDirectory.cloneTree(path, recursive: recursive)
        try pair.second.descriptor.send([0], file: tree.descriptor)
      } catch {
        // The parent reads the reason.
        _ = try? pair.second.descriptor.send([UInt8(truncatingIfNeeded: error.code)])
      }
      ProcessControl.exit(0)
    case .parent(_, let handle):
      _ = try handle.descriptor.waitForExit()
      var answer: [UInt8] = [0]
      let (count, file) = try pair.first.descriptor.receive(into: &answer, wait: false)
      if let file { return FileDescriptor(adopting: file) }
      throw count == 1 ? Errno(Int32(answer[0])) : .noChild
    }
  }

  static func openNamespace(_ path: String) throws(LaunchError) -> FileDescriptor {
    do throws(Errno) {
      return try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly)
    } catch {
      throw LaunchError("cannot open the namespace \(path): \(error)")
    }
  }

  private func open(_ source: BindSource) throws(LaunchError) {
    do throws(Errno) {
      if let path = source.pathInContainer {
        sources.append(.inContainer(try KernelPath(path)))
        return
      }
      if source.options.copiesLink, let link = try Self.link(source.path) {
        sources.append(.link(link))
        return
      }
      let tree = try Self.cloneTree(source)
      try applyOptions(of: source, to: tree.descriptor)
      // Anything else on /proc would be a decoy for what decides about security (CVE-2019-19921).
      if source.mustBeProcfs, try tree.descriptor.fileSystemStatus().magic != FileSystemStatus.proc {
        throw .noSuchDevice
      }
      let isDirectory = try tree.descriptor.status().type == .directory
      sources.append(.tree(own(tree), isDirectory: isDirectory))
    } catch {
      let hint =
        switch error {
        case .notFound: " (the source of a bind must exist)"
        case .noSuchDevice where source.mustBeProcfs: " (only procfs can be mounted on /proc)"
        default: ""
        }
      throw LaunchError(
        "\(source.keyPath): cannot bind \(source.path)\(source.options.sourceBeneath.map { "/" + $0 } ?? ""): \(error)\(hint)"
      )
    }
  }

  private static func link(_ path: String) throws(Errno) -> KernelPath? {
    do throws(Errno) {
      return try Descriptor.workingDirectory.readLink(try KernelPath(path))
    } catch {
      // Not a link.
      guard error == .invalidArgument else { throw error }
      return nil
    }
  }

  private func prepare(_ nodes: [DeviceNode]) throws(LaunchError) {
    let umask = ProcessControl.setUmask(0)
    defer { ProcessControl.setUmask(umask) }
    let tree: Descriptor
    do throws(Errno) {
      let context = try FileSystemContext(type: "tmpfs")
      // The ids of the container pass through it.
      try context.set("mode", to: "711")
      tree = own(try context.mount([.noSetUserID, .noExecute]))
    } catch {
      throw LaunchError("linux.devices: cannot make a place for the device nodes: \(error)")
    }
    deviceTree = tree
    for (index, node) in nodes.enumerated() {
      do throws(Errno) {
        devices.append(try prepare(node, in: tree, as: try KernelPath(String(index))))
      } catch {
        throw LaunchError("linux.devices (\(node.path)): cannot make the device: \(error)")
      }
    }
  }

  private func prepare(_ node: DeviceNode, in tree: Descriptor, as name: KernelPath) throws(Errno) -> PreparedDevice {
    do throws(Errno) {
      try tree.makeNode(name, type: node.type, mode: node.mode, major: node.major, minor: node.minor)
      try tree.changeOwner(name, userID: node.userID, groupID: node.groupID)
      return .made(name)
    } catch {
      // A control group of the caller's that lets nobody make nodes, or a caller without CAP_MKNOD.
      guard error == .notPermitted else { throw error }
    }
    let host = try Descriptor.workingDirectory.open(try KernelPath(node.path), [.pathOnly, .noFollow])
    let status = try host.descriptor.status()
    guard status.type == node.type, status.major == node.major, status.minor == node.minor else {
      throw .notPermitted
    }
    let shown = try host.descriptor.cloneTree(recursive: false)
    try shown.descriptor.changeMount(set: [.noSetUserID, .noExecute], propagation: .private)
    return .shown(own(shown))
  }

  /// Makes a tree ready that the child has opened in the container, with the rights of the host.
  func prepare(_ tree: Descriptor, as source: BindSource) throws(LaunchError) {
    do throws(Errno) {
      try applyOptions(of: source, to: tree)
      if source.mustBeProcfs, try tree.fileSystemStatus().magic != FileSystemStatus.proc { throw .noSuchDevice }
    } catch {
      throw LaunchError("\(source.keyPath): cannot bind \(source.path): \(error)")
    }
  }

  private func applyOptions(of source: BindSource, to tree: Descriptor) throws(Errno) {
    let options = source.options
    // The clone is a peer of the host's mount until told otherwise.
    if let propagation = options.propagation {
      try tree.changeMount(propagation: propagation, recursive: options.propagatesRecursively)
    }
    if !options.set.isEmpty || !options.clear.isEmpty {
      do throws(Errno) {
        try tree.changeMount(set: options.set, clear: options.clearedByBind)
      } catch {
        // In a user namespace properties that came with the mount are locked: they stay, unless they were to go by name.
        guard error == .notPermitted else { throw error }
        try tree.changeMount(set: options.set, clear: options.clear)
      }
    }
    if !options.setRecursively.isEmpty || !options.clearRecursively.isEmpty {
      try tree.changeMount(set: options.setRecursively, clear: options.clearRecursively, recursive: true)
    }
    if source.takesUserNamespace {
      try tree.changeMount(
        set: .idMapped, userNamespace: userNamespace, recursive: options.isIDMappedRecursively)
    } else if !source.uidMappings.isEmpty {
      try IDMappedMounts.apply(
        uids: source.uidMappings, gids: source.gidMappings, to: tree, recursive: options.isIDMappedRecursively)
    }
  }
}
