import SkiffKernel

/// The devices of the host, by their paths.
enum HostDevices {
  /// Largest directory of devices that is looked through.
  private static let limit = 4096
  /// How deep directories below /dev are looked through.
  private static let depthLimit = 4

  /// The node that a path names; nil where it names something else.
  static func node(_ path: String) throws(Errno) -> DeviceNode? {
    let status = try Descriptor.workingDirectory.status(try KernelPath(path), follow: true)
    return node(status)
  }

  private static func node(_ status: FileStatus) -> DeviceNode? {
    switch status.type {
    case .characterDevice: make("c", status)
    case .blockDevice: make("b", status)
    default: nil
    }
  }

  private static func make(_ type: String, _ status: FileStatus) -> DeviceNode {
    DeviceNode(
      type: type, major: status.major, minor: status.minor, mode: status.permissions, userID: status.userID,
      groupID: status.groupID)
  }

  /// What a request names: a device stays as it is; a directory stands for the devices in it.
  static func expand(_ request: DeviceRequest) throws(EngineError) -> [(request: DeviceRequest, node: DeviceNode)] {
    do throws(Errno) {
      if let node = try node(request.hostPath) { return [(request, node)] }
      var found: [(path: String, node: DeviceNode)] = []
      try collect(request.hostPath, into: &found, depth: 0)
      guard !found.isEmpty else { throw .noSuchDevice }
      return found.map { device in
        let inside = request.containerPath + device.path.dropFirst(request.hostPath.count)
        return (
          DeviceRequest(hostPath: device.path, containerPath: inside, access: request.access), device.node
        )
      }
    } catch {
      throw .kernel(act: "find", thing: "the device \(request.hostPath)", cause: error)
    }
  }

  /// Everything below /dev but what each container has of its own: terminals, shared memory, queues, standard streams.
  static func all() throws(EngineError) -> [String: DeviceNode] {
    var found: [(path: String, node: DeviceNode)] = []
    try naming("list", "the host's devices") { () throws(Errno) in
      try collect("/dev", into: &found, depth: 0)
    }
    return Dictionary(found.map { ($0.path, $0.node) }) { first, _ in first }
  }

  private static let ownPaths: Set<String> = [
    "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd", "/dev/console", "/dev/ptmx", "/dev/null", "/dev/zero",
    "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/.lxc", "/dev/.udev", "/dev/stdin", "/dev/stdout",
    "/dev/stderr",
  ]

  private static func collect(
    _ path: String, into found: inout [(path: String, node: DeviceNode)], depth: Int
  ) throws(Errno) {
    guard depth < depthLimit else { return }
    let directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
    for entry in try directory.descriptor.sortedEntries(limit: limit) {
      let inside = "\(path)/\(entry.name)"
      if ownPaths.contains(inside) { continue }
      let status: FileStatus
      do throws(Errno) {
        status = try directory.descriptor.status(entry.name)
      } catch {
        // Devices come and go.
        if error == .notFound { continue }
        throw error
      }
      if let node = node(status) {
        found.append((inside, node))
      } else if status.type == .directory {
        try collect(inside, into: &found, depth: depth + 1)
      }
    }
  }
}
