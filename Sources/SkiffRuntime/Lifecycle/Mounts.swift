internal import SkiffKernel
package import SkiffSpec

// Mounts that come and go while a container runs (crun(1), "mounts add" and "mounts remove").
extension ContainerRuntime {
  /// Mounts what the document lists on top of the running container's file system.
  ///
  /// - Parameter document: the section `mounts` of a configuration: a list, or an object with that member.
  package func addMounts(_ id: ContainerID, document: [UInt8]) throws(RuntimeError) {
    let (record, mounts) = try livingMounts(id, document)
    var trees = DescriptorTable()
    for mount in mounts { trees.add(try Self.tree(of: mount)) }
    try Self.inside(record) { (root) throws(Errno) in
      for (index, mount) in mounts.enumerated() {
        guard let tree = trees[index] else { throw .badDescriptor }
        let place = try Self.place(for: mount, isDirectory: try tree.status().type == .directory, in: root)
        try tree.attach(onto: place.descriptor)
      }
    }
  }

  /// Takes away the topmost mount of each destination.
  package func removeMounts(_ id: ContainerID, document: [UInt8]) throws(RuntimeError) {
    let (record, mounts) = try livingMounts(id, document)
    try Self.inside(record) { (root) throws(Errno) in
      for mount in mounts.reversed() {
        let components = mount.destination.split(separator: "/").map(String.init)
        let parent = try root.open(
          try KernelPath("/" + components.dropLast().joined(separator: "/")), [.pathOnly, .directory],
          resolve: [.inRoot, .noMagicLinks])
        // By its name in its directory: the container's /proc, by which a descriptor has a path, is not to be trusted.
        try parent.descriptor.makeWorkingDirectory()
        try detachMount(try KernelPath(components.last ?? "."))
      }
    }
  }

  private func livingMounts(
    _ id: ContainerID, _ document: [UInt8]
  ) throws(RuntimeError) -> (ContainerRecord, [RuntimeSpec.Mount]) {
    let record = try store.load(id)
    switch record.status() {
    case .created, .running, .paused: break
    case .creating, .stopped: throw .notRunning(id.text)
    }
    guard record.namespaces.contains(.mount) else {
      throw .failed("cannot change the mounts of container \(id.text): it has no mount namespace of its own")
    }
    do throws(SpecProblems) {
      let mounts = try RuntimeSpec.Mount.parseList(document)
      for (index, mount) in mounts.enumerated() where mount.destination.split(separator: "/").isEmpty {
        throw SpecProblems([SpecProblem("mounts[\(index)].destination", "must be a place beneath the root")])
      }
      return (record, mounts)
    } catch {
      throw .invalid(error)
    }
  }

  /// The tree to mount, attached nowhere yet.
  private static func tree(of mount: RuntimeSpec.Mount) throws(RuntimeError) -> FileDescriptor {
    let options = MountOptions(mount.options)
    if options.isIDMapped || !mount.uidMappings.isEmpty || options.copiesUp || options.sourceBeneath != nil {
      throw .failed("\(mount.destination): idmap, tmpcopyup and src-beneath are not supported by mounts add")
    }
    do throws(Errno) {
      guard options.isBind || mount.type == "bind" else { return try newTree(mount, options) }
      guard let source = mount.source, source.hasPrefix("/") else { throw .invalidArgument }
      let tree = try Descriptor.workingDirectory.cloneTree(
        try KernelPath(source), recursive: options.isRecursiveBind)
      try tree.descriptor.changeMount(
        propagation: options.propagation ?? .private,
        recursive: options.propagation == nil || options.propagatesRecursively)
      if !options.set.isEmpty || !options.clear.isEmpty {
        try tree.descriptor.changeMount(set: options.set, clear: options.clear)
      }
      if !options.setRecursively.isEmpty || !options.clearRecursively.isEmpty {
        try tree.descriptor.changeMount(
          set: options.setRecursively, clear: options.clearRecursively, recursive: true)
      }
      return tree
    } catch {
      throw .failed("cannot prepare the mount of \(mount.source ?? mount.type ?? "") on \(mount.destination): \(error)")
    }
  }

  private static func newTree(
    _ mount: RuntimeSpec.Mount, _ options: MountOptions
  ) throws(Errno) -> FileDescriptor {
    // What shows the namespaces of whoever mounts it would show the host's.
    guard let type = mount.type, type == "tmpfs" || type == "ramfs" else { throw .notSupported }
    let context = try FileSystemContext(type: try KernelPath(type))
    if let source = mount.source, !source.isEmpty { try context.set("source", to: try KernelPath(source)) }
    for parameter in options.parameters {
      if let value = parameter.value {
        try context.set(try KernelPath(parameter.key), to: try KernelPath(value))
      } else {
        try context.set(flag: try KernelPath(parameter.key))
      }
    }
    return try context.mount(options.set)
  }

  /// Acts in a child inside the container's mount namespace, on its root.
  static func inside(
    _ record: ContainerRecord, _ act: (Descriptor) throws(Errno) -> Void
  ) throws(RuntimeError) {
    do throws(Errno) {
      let process = try record.openInit()
      let words = try SharedWords(count: 1)
      switch try cloneProcess() {
      case .child:
        do throws(Errno) {
          // The container must not find a handle on the host in this process.
          try ProcessControl.setDumpable(false)
          try process.descriptor.enterNamespaces(.mount)
          let root = try Descriptor.workingDirectory.open("/", [.pathOnly, .directory])
          try act(root.descriptor)
          ProcessControl.exit(0)
        } catch {
          words[0] = UInt64(truncatingIfNeeded: max(error.code, 1))
          ProcessControl.exit(1)
        }
      case .parent(_, let handle):
        let status = try handle.descriptor.waitForExit()
        if status == .exited(0) { return }
        throw words[0] == 0 ? .noChild : Errno(Int32(truncatingIfNeeded: words[0]))
      }
    } catch {
      throw .failed("cannot change the mounts of container \(record.id): \(error)")
    }
  }

  /// The place of a mount, made where it is missing.
  private static func place(
    for mount: RuntimeSpec.Mount, isDirectory: Bool, in root: Descriptor
  ) throws(Errno) -> FileDescriptor {
    let components = mount.destination.split(separator: "/").map(String.init)
    let path = try KernelPath("/" + components.joined(separator: "/"))
    if isDirectory { return try root.openDirectoryInRoot(path, creatingWithMode: 0o755) }
    do throws(Errno) {
      return try root.open(path, [.pathOnly], resolve: [.inRoot, .noMagicLinks])
    } catch {
      guard error == .notFound, let last = components.last else { throw error }
      let parent = try root.openDirectoryInRoot(
        try KernelPath("/" + components.dropLast().joined(separator: "/")), creatingWithMode: 0o755)
      let name = try KernelPath(last)
      _ = try parent.descriptor.open(name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o644)
      return try parent.descriptor.open(name, [.pathOnly, .noFollow])
    }
  }
}
