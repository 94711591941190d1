internal import SkiffKernel
internal import SkiffSpec

// Steps about /dev: nodes, links, and the terminal.
extension LaunchPerformer {
  /// The directory of a device path. Beneath /dev no link is followed: the image may have put one there.
  private mutating func deviceDirectory(_ path: String) throws(Errno) -> FileDescriptor {
    if path != "/dev", !path.hasPrefix("/dev/") { return try directory(path) }
    let devices = try devicesTop()
    var current = try devices.open(".", [.directory, .pathOnly])
    for component in path.split(separator: "/").dropFirst() {
      let name = try KernelPath(String(component))
      do throws(Errno) {
        try current.descriptor.makeDirectory(name, mode: 0o755)
      } catch {
        guard error == .exists else { throw error }
      }
      current = try current.descriptor.open(
        name, [.directory, .pathOnly, .noFollow], resolve: [.beneath, .noMagicLinks, .noSymbolicLinks])
    }
    return current
  }

  private mutating func devicesTop() throws(Errno) -> Descriptor {
    if let devices { return devices }
    let top = keep(try plainDirectory("/dev"))
    devices = top
    return top
  }

  /// Acts in the directory of a device path; most stand in /dev itself, which is open already.
  private mutating func inDeviceDirectory(
    _ path: String, _ act: (Descriptor) throws(Errno) -> Void
  ) throws(Errno) {
    if path == "/dev" { return try act(try devicesTop()) }
    let directory = try deviceDirectory(path)
    try act(directory.descriptor)
  }

  mutating func makeDevice(_ node: DeviceNode) throws(Errno) {
    let place = try Place(node.path)
    try inDeviceDirectory(place.parent) { parent throws(Errno) in try Self.make(node, place.name, in: parent) }
  }

  private static func make(_ node: DeviceNode, _ name: KernelPath, in parent: Descriptor) throws(Errno) {
    do throws(Errno) {
      try parent.makeNode(name, type: node.type, mode: node.mode, major: node.major, minor: node.minor)
    } catch {
      guard error == .exists else { throw error }
      let status = try parent.status(name)
      let isTheSame =
        status.type == node.type && (node.type == .fifo || (status.major == node.major && status.minor == node.minor))
      if isTheSame { return }
      if !node.replacesOthers { throw .exists }
      // Something of the image's in the node's place.
      try parent.unlink(name)
      try parent.makeNode(name, type: node.type, mode: node.mode, major: node.major, minor: node.minor)
    }
    if node.userID != 0 || node.groupID != 0 {
      let made = try parent.open(name, [.pathOnly, .noFollow])
      try made.descriptor.changeOwner(userID: node.userID, groupID: node.groupID)
    }
  }

  /// Opened already where the nodes are laid over it: what is beneath is reached by that handle.
  mutating func attachDevices() throws(Errno) {
    guard let tree = resources.deviceTree else { throw .badDescriptor }
    let place = try deviceDirectory("/dev")
    try tree.attach(onto: place.descriptor)
  }

  mutating func showDevice(_ node: DeviceNode, _ source: Int) throws(Errno) {
    let place = try Place(node.path)
    let parent = try deviceDirectory(place.parent)
    if let status = try? parent.descriptor.status(place.name), status.type != .regular {
      // Something of the image's in the node's place.
      try parent.descriptor.unlink(place.name)
    }
    do throws(Errno) {
      _ = try parent.descriptor.open(place.name, [.create, .exclusive, .noFollow], mode: 0o600)
    } catch {
      guard error == .exists else { throw error }
    }
    let target = try parent.descriptor.open(
      place.name, [.pathOnly, .noFollow], resolve: [.beneath, .noMagicLinks, .noSymbolicLinks])
    switch resources.devices[source] {
    case .made(let name):
      guard let tree = resources.deviceTree else { throw .badDescriptor }
      let device = try tree.cloneTree(name, recursive: false)
      try device.descriptor.attach(onto: target.descriptor)
    case .shown(let tree): try tree.attach(onto: target.descriptor)
    }
  }

  func detachDevices() throws(Errno) {
    guard let tree = resources.deviceTree else { throw .badDescriptor }
    // umount2(2) knows paths only; this one cannot lead elsewhere.
    try tree.makeWorkingDirectory()
    try detachMount(".")
    try changeWorkingDirectory("/")
  }

  mutating func makeLink(_ path: String, _ target: String) throws(Errno) {
    let place = try Place(path)
    let target = try KernelPath(target)
    try inDeviceDirectory(place.parent) { parent throws(Errno) in
      do throws(Errno) {
        try parent.makeSymbolicLink(place.name, target: target)
      } catch {
        guard error == .exists else { throw error }
        // The image's own stays, but ptmx must lead to the container's own terminals.
        guard path == "/dev/ptmx" else { return }
        try parent.unlink(place.name)
        try parent.makeSymbolicLink(place.name, target: target)
      }
    }
  }

  mutating func openConsole(_ console: ConsolePlan) throws(Errno) {
    guard let root, let sink = resources.consoleSocket else { throw .badDescriptor }
    let master = try root.open(
      "/dev/pts/ptmx", [.readWrite, .noControllingTerminal], resolve: [.inRoot, .noMagicLinks, .noSymbolicLinks])
    // Only a real devpts gives terminals; anything else in its place is the image's trick (CVE-2025-52565).
    guard try master.descriptor.fileSystemStatus().magic == FileSystemStatus.devpts else { throw .noSuchDevice }
    let terminal = try master.descriptor.openTerminalPeer()
    if let size = console.size {
      try master.descriptor.setWindowSize(WindowSize(rows: size.height, columns: size.width))
    }
    if console.hasPlainLineFeeds {
      try terminal.descriptor.setTerminalMode(try terminal.descriptor.terminalMode().withPlainLineFeeds)
    }
    try terminal.descriptor.changeOwner(userID: console.userID, groupID: .max)
    if console.isMountedOnConsole { try mountConsole(terminal.descriptor) }
    try sink.send(Array("/dev/ptmx".utf8), file: master.descriptor)
    try terminal.descriptor.makeControllingTerminal()
    for number: Int32 in 0..<3 { try terminal.descriptor.duplicate(onto: number, closeOnExec: false) }
  }

  private mutating func mountConsole(_ terminal: Descriptor) throws(Errno) {
    let parent = try deviceDirectory("/dev")
    do throws(Errno) {
      _ = try parent.descriptor.open("console", [.create, .exclusive, .noFollow], mode: 0o600)
    } catch {
      guard error == .exists else { throw error }
    }
    let place = try parent.descriptor.open(
      "console", [.pathOnly, .noFollow], resolve: [.beneath, .noMagicLinks, .noSymbolicLinks])
    let tree = try terminal.cloneTree(recursive: false)
    try tree.descriptor.attach(onto: place.descriptor)
  }
}
