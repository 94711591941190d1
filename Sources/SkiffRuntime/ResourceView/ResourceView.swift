internal import SkiffKernel
package import SkiffSpec

// A container's own view of what it has: files of /proc and /sys that tell of its limits and its use instead of the machine's.
extension ContainerRuntime {
  /// Mounts the files over those of a container that is created and not started yet, and leaves a process behind that serves them.
  ///
  /// That process serves until the container's mounts are gone, which ends its line to the kernel; it holds nothing else. Should it be
  /// killed, the kernel refuses further reads at once (ENOTCONN): nobody waits for it.
  package func showResources(_ id: ContainerID) throws(RuntimeError) {
    let record = try store.load(id)
    let status = record.status()
    // A program that runs could have put anything in the way, and has the files open already.
    guard status == .created else {
      throw .wrongState(
        "cannot show container \(id.text) its own resources: it is \(status.rawValue), and must be created and not started yet"
      )
    }
    guard record.namespaces.contains(.mount) else {
      throw .failed(
        "cannot show container \(id.text) its own resources: it has no mount namespace of its own")
    }
    guard let cgroup = record.cgroup else {
      throw .failed("cannot show container \(id.text) its own resources: it has no control groups")
    }
    let view = try ServedView(
      ResourceMeter(cgroup: cgroup, ageMilliseconds: record.ageMilliseconds), for: id)
    do throws(RuntimeError) {
      try Self.inside(record) { (root) throws(Errno) in try view.cover(root) }
    } catch {
      view.end()
      throw error
    }
  }
}

extension ContainerRecord {
  /// How long ago the first process was made.
  fileprivate var ageMilliseconds: Int64 {
    let text: [UInt8]
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open("/proc/uptime", .readOnly)
      text = try file.descriptor.readToEnd(limitBytes: 256)
    } catch {
      // Without a procfs it is counted from now on.
      return 0
    }
    let seconds =
      Double(String(decoding: text.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)) ?? 0
    let ticksPerSecond = 100.0
    return Int64(max(0, (seconds - Double(startTicks) / ticksPerSecond) * 1000))
  }
}

/// A file system of the view, attached nowhere yet, and the process that serves it.
private struct ServedView: ~Copyable {
  private let mount: FileDescriptor
  private let server: FileDescriptor

  init(_ meter: ResourceMeter, for id: ContainerID) throws(RuntimeError) {
    do throws(Errno) {
      let device = try Descriptor.workingDirectory.open("/dev/fuse", .readWrite)
      let mount = try Self.mount(device.descriptor)
      switch try cloneProcess() {
      case .child: Self.serve(device.release(), mount.release(), meter)
      case .parent(_, let handle):
        self.mount = mount
        server = handle
        // The server alone holds the other end from here on: when it ends, the line ends.
        _ = consume device
      }
    } catch {
      throw .failed(
        "cannot show container \(id.text) its own resources: FUSE does not work here: \(error)")
    }
  }

  private static func mount(_ device: Descriptor) throws(Errno) -> FileDescriptor {
    let context = try FileSystemContext(type: "fuse")
    try context.set("source", to: "skiff")
    try context.set("fd", to: try KernelPath(String(device.number)))
    try context.set("rootmode", to: "40555")
    try context.set("user_id", to: "0")
    try context.set("group_id", to: "0")
    // The container's users are not the server's; who may read is then for the kernel to say, by the files' modes.
    try context.set(flag: "allow_other")
    try context.set(flag: "default_permissions")
    return try context.mount([.readOnly, .noSetUserID, .noDevices, .noExecute])
  }

  /// The server's side. It lets go of everything but the device, the mount above all: a server that held it would live for ever.
  private static func serve(_ device: Int32, _ mount: Int32, _ meter: ResourceMeter) -> Never {
    do throws(Errno) {
      _ = FileDescriptor(adopting: mount)
      let null = try Descriptor.workingDirectory.open("/dev/null", .readWrite)
      for stream: Int32 in 0...2 { try null.descriptor.duplicate(onto: stream, closeOnExec: true) }
      let kept: Int32 = 3
      if device != kept { try Descriptor(device).duplicate(onto: kept, closeOnExec: true) }
      try ProcessControl.closeDescriptors(from: 4, onExec: false)
      try ProcessControl.startSession()
      try ProcessControl.setName("skiff-view")
      try changeWorkingDirectory("/")
      ResourceViewServer(device: FileDescriptor(adopting: kept), meter: meter).run()
      ProcessControl.exit(0)
    } catch {
      ProcessControl.exit(1)
    }
  }

  /// Puts the files over a container's; the caller is in the container's mount namespace, where no program runs yet.
  func cover(_ root: Descriptor) throws(Errno) {
    let stage: KernelPath = "/dev"
    let place = try root.open(stage, [.pathOnly, .directory], resolve: [.inRoot, .noMagicLinks])
    // Older kernels copy only mounts that are attached somewhere (before 6.15): for a moment this one is.
    try mount.descriptor.attach(onto: place.descriptor)
    do throws(Errno) {
      try coverFiles(root)
    } catch {
      // The first failure is the one that is told.
      try? detachMount(stage)
      throw error
    }
    try detachMount(stage)
  }

  private func coverFiles(_ root: Descriptor) throws(Errno) {
    for file in ResourceFile.allCases {
      let target: FileDescriptor
      do throws(Errno) {
        target = try root.open(
          try KernelPath(file.path), .pathOnly, resolve: [.inRoot, .noMagicLinks])
      } catch {
        // Not every machine has every file.
        guard error == .notFound else { throw error }
        continue
      }
      let tree = try mount.descriptor.cloneTree(try KernelPath(file.name), recursive: false)
      try tree.descriptor.attach(onto: target.descriptor)
    }
  }

  /// Ends the server of a view that is not wanted after all.
  func end() {
    // It may have ended by itself.
    try? server.descriptor.sendSignal(Signal.kill)
    _ = try? server.descriptor.waitForExit()
  }
}
