internal import SkiffKernel
internal import SkiffSpec

// Steps about what the container sees of file systems. Every path is resolved beneath the container's root, once, to a
// descriptor; mounts are made by descriptor (CVE-2021-30465).
extension LaunchPerformer {
  /// Leaves a file open until execve(2).
  func keep(_ file: consuming FileDescriptor) -> Descriptor { Descriptor(file.release()) }

  mutating func attachRoot(_ path: String) throws(Errno) {
    guard let tree = resources.rootTree else { throw .badDescriptor }
    do throws(Errno) {
      let place = try Descriptor.workingDirectory.open(try KernelPath(path), [.directory, .pathOnly])
      try tree.attach(onto: place.descriptor)
    } catch {
      // Inside a user namespace the way to the bundle may be closed to us; the tree then lies over `/` until the pivot.
      guard error == .accessDenied else { throw error }
      let place = try Descriptor.workingDirectory.open("/", [.directory, .pathOnly])
      try tree.attach(onto: place.descriptor)
    }
    root = tree
  }

  /// Opens a directory of the container, making what is missing.
  func directory(_ path: String) throws(Errno) -> FileDescriptor {
    guard let root else { throw .badDescriptor }
    return try root.openDirectoryInRoot(try KernelPath(path), creatingWithMode: 0o755)
  }

  func open(_ path: String, resolve: ResolveFlags = []) throws(Errno) -> FileDescriptor {
    guard let root else { throw .badDescriptor }
    return try root.open(try KernelPath(path), [.pathOnly], resolve: resolve.union([.inRoot, .noMagicLinks]))
  }

  // MARK: Mounts

  mutating func makeFileSystem(_ mount: FileSystemMount) throws(Errno) {
    // A directory that is made here to mount on has no mode that anybody chose.
    let takesMode = mount.takesModeOfPlace && mount.exists(in: root)
    let target: FileDescriptor
    if mount.refusesLinks {
      target = try plainDirectory(mount.target)
    } else if mount.keepsTargetLink {
      target = try unfollowed(mount.target)
    } else {
      target = try directory(mount.target)
    }
    let context: FileSystemContext
    do throws(Errno) {
      context = try FileSystemContext(type: try KernelPath(mount.type))
    } catch {
      guard error == .notPermitted, let source = mount.substitute, case .tree(let host, _) = resources.sources[source]
      else { throw error }
      return try host.attach(onto: target.descriptor)
    }
    if takesMode {
      let mode = try target.descriptor.status().permissions
      try context.set("mode", to: try KernelPath(String(mode, radix: 8)))
    }
    // What is copied in must be written first.
    let isClosedLater = (mount.copiesUp || !mount.files.isEmpty) && mount.attributes.contains(.readOnly)
    let attributes = isClosedLater ? mount.attributes.subtracting(.readOnly) : mount.attributes
    let tree: FileDescriptor
    do throws(Errno) {
      tree = try Self.make(mount, context, attributes)
    } catch {
      guard error == .invalidArgument, mount.parameters.contains(where: \.isLayer) else { throw error }
      tree = try Self.makeOfNumberedLayers(mount, attributes)
    }
    if mount.copiesUp { try copyUp(target.descriptor, into: tree.descriptor, mount) }
    if !mount.files.isEmpty { try place(mount.files, in: tree.descriptor) }
    if let label = mount.rootLabel {
      try tree.descriptor.setExtendedAttributeOfHandle("security.selinux", Array(label.utf8) + [0])
    }
    if isClosedLater { try tree.descriptor.changeMount(set: .readOnly) }
    try tree.descriptor.attach(onto: target.descriptor)
    if let propagation = mount.propagation { try tree.descriptor.changeMount(propagation: propagation) }
    if mount.target == "/" {
      root = keep(tree)
    } else if mount.type == "proc", processes == nil {
      processes = keep(tree)
    }
  }

  private static func make(
    _ mount: FileSystemMount, _ context: consuming FileSystemContext, _ attributes: MountAttributes
  ) throws(Errno) -> FileDescriptor {
    if let source = mount.source, !source.isEmpty { try context.set("source", to: try KernelPath(source)) }
    for parameter in mount.parameters {
      let key = try KernelPath(parameter.key)
      if let value = parameter.value {
        try context.set(key, to: try KernelPath(value))
      } else {
        try context.set(flag: key)
      }
    }
    return try context.mount(attributes)
  }

  /// As `make`, for a kernel that has no word for a single layer.
  private static func makeOfNumberedLayers(
    _ mount: FileSystemMount, _ attributes: MountAttributes
  ) throws(Errno) -> FileDescriptor {
    let layers = mount.parameters.filter(\.isLayer).compactMap(\.value)
    return try OverlayMount.numbered(layers) { (names) throws(Errno) in
      var named = mount
      named.parameters.removeAll(where: \.isLayer)
      named.parameters.append(MountParameter(key: "lowerdir", value: names.text))
      return try make(named, try FileSystemContext(type: try KernelPath(mount.type)), attributes)
    }
  }

  /// Writes files into a file system that is attached nowhere yet.
  private func place(_ files: [PlacedFile], in tree: Descriptor) throws(Errno) {
    let top = try tree.open(".", [.readOnly, .directory])
    for placed in files {
      let file = try top.descriptor.open(
        try KernelPath(placed.name), [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
      try file.descriptor.writeAll(placed.content)
      try file.descriptor.changeOwner(userID: placed.userID, groupID: placed.groupID)
      try file.descriptor.changeMode(placed.mode)
    }
  }

  /// Copies what a directory holds into a file system that is attached nowhere yet: nobody sees it half done.
  private func copyUp(_ place: Descriptor, into tree: Descriptor, _ mount: FileSystemMount) throws(Errno) {
    let from = try place.open(".", [.readOnly, .directory])
    let to = try tree.open(".", [.readOnly, .directory])
    try TreeCopy(
      source: from.descriptor, target: to.descriptor, skipsForbiddenDevices: isInsideUserNamespace,
      changesTop: false
    ).run()
    // The directory itself keeps its owner and mode, unless the options say otherwise.
    let status = try from.descriptor.status()
    let names = Set(mount.parameters.map(\.key))
    if names.isDisjoint(with: ["uid", "gid"]), status.userID != 0 || status.groupID != 0 {
      try to.descriptor.changeOwner(userID: status.userID, groupID: status.groupID)
    }
  }

  /// Changes a mount that is there already, and its file system where that was given words of its own.
  func changeMount(_ path: String, _ options: MountOptions) throws(Errno) {
    let place = options.keepsTargetLink ? try unfollowed(path) : try open(path)
    if let propagation = options.propagation {
      try place.descriptor.changeMount(propagation: propagation, recursive: options.propagatesRecursively)
    }
    if !options.set.isEmpty || !options.clear.isEmpty {
      try place.descriptor.changeMount(set: options.set, clear: options.clear)
    }
    if !options.setRecursively.isEmpty || !options.clearRecursively.isEmpty {
      try place.descriptor.changeMount(
        set: options.setRecursively, clear: options.clearRecursively, recursive: true)
    }
    if options.isBind || (options.parameters.isEmpty && options.fileSystemFlags.isEmpty) { return }
    let context = try FileSystemContext(of: place.descriptor)
    for flag in options.fileSystemFlags { try context.set(flag: try KernelPath(flag)) }
    for parameter in options.parameters {
      let key = try KernelPath(parameter.key)
      if let value = parameter.value {
        try context.set(key, to: try KernelPath(value))
      } else {
        try context.set(flag: key)
      }
    }
    try context.reconfigure()
  }

  /// A directory reached without any symbolic link, made if it is missing.
  func plainDirectory(_ path: String) throws(Errno) -> FileDescriptor {
    guard let root else { throw .badDescriptor }
    let kernelPath = try KernelPath(path)
    let rules: ResolveFlags = [.inRoot, .noMagicLinks, .noSymbolicLinks]
    do throws(Errno) {
      return try root.open(kernelPath, [.directory, .pathOnly], resolve: rules)
    } catch {
      guard error == .notFound else { throw error }
      _ = try directory(path)
      return try root.open(kernelPath, [.directory, .pathOnly], resolve: rules)
    }
  }

  mutating func bind(_ mount: BindMount) throws(Errno) {
    switch resources.sources[mount.source] {
    case .link(let held): try makeLink(holding: held, at: mount.target)
    case .tree(let tree, let isDirectory): try attach(tree, isDirectory: isDirectory, as: mount)
    case .inContainer(let path):
      guard let root else { throw .badDescriptor }
      let found = try root.open(path, [.pathOnly], resolve: [.inRoot, .noMagicLinks])
      let tree = try found.descriptor.cloneTree(recursive: mount.isRecursive)
      let place = UInt16(clamping: mount.source)
      try channel.send(
        .sourceFound, [UInt8(truncatingIfNeeded: place >> 8), UInt8(truncatingIfNeeded: place)], file: tree.descriptor)
      // The end means that the parent has given up, and has said why itself.
      guard let (answer, _) = try channel.receiveMessage() else { throw .brokenPipe }
      guard answer == .goOn else { throw .badMessage }
      try attach(tree.descriptor, isDirectory: try tree.descriptor.status().type == .directory, as: mount)
    }
  }

  private mutating func attach(_ tree: Descriptor, isDirectory: Bool, as mount: BindMount) throws(Errno) {
    let target: FileDescriptor
    if mount.options.keepsTargetLink {
      target = try unfollowed(mount.target)
    } else {
      target = isDirectory ? try directory(mount.target) : try file(mount.target)
    }
    try tree.attach(onto: target.descriptor)
    // It lies over the root, in whose place it is from here on.
    if mount.target == "/" { root = keep(try tree.open(".", [.directory, .pathOnly])) }
  }

  /// Makes a link as the source is one; the same one may be there already.
  private func makeLink(holding held: KernelPath, at path: String) throws(Errno) {
    let place = try Place(path)
    let parent = try directory(place.parent)
    do throws(Errno) {
      try parent.descriptor.makeSymbolicLink(place.name, target: held)
    } catch {
      guard error == .exists, try parent.descriptor.readLink(place.name) == held else { throw error }
    }
  }

  /// Opens what stands at a path, itself even where it is a link.
  private func unfollowed(_ path: String) throws(Errno) -> FileDescriptor {
    let place = try Place(path)
    let parent = try directory(place.parent)
    return try parent.descriptor.open(place.name, [.pathOnly, .noFollow])
  }

  /// Opens a file of the container as a place to mount on, making it empty where it is missing.
  private func file(_ path: String) throws(Errno) -> FileDescriptor {
    var path = path
    let linkLimit = 40
    for _ in 0..<linkLimit {
      do throws(Errno) {
        return try open(path)
      } catch {
        guard error == .notFound else { throw error }
      }
      let place = try Place(path)
      let parent = try directory(place.parent)
      do throws(Errno) {
        _ = try parent.descriptor.open(place.name, [.create, .exclusive, .noFollow], mode: 0o644)
      } catch {
        guard error == .exists else { throw error }
        // A link to what is not there yet: the file is made where it leads, inside the container's root.
        if try parent.descriptor.status(place.name).type == .symbolicLink {
          let held = try parent.descriptor.readLink(place.name)
          path = held.bytes.first == UInt8(ascii: "/") ? held.text : "\(place.parent)/\(held.text)"
          continue
        }
      }
      return try parent.descriptor.open(
        place.name, [.pathOnly, .noFollow], resolve: [.beneath, .noMagicLinks, .noSymbolicLinks])
    }
    throw .tooManyLinks
  }

  /// Takes the host's procfs and sysfs out of a mount namespace in which the host's tree stays behind the container's. While an
  /// unmasked one is there, unreachable or not, the kernel lets the container mount another, and that shows what is masked.
  mutating func hideHostTrees() throws(Errno) {
    // Steps to come may need one, and may not be allowed to make one then.
    if processes == nil { processes = try? keep(ProcessFiles.privateHandle()) }
    let path = try KernelPath(String(ProcessControl.processID)).appending("mountinfo")
    let file = try ProcessFiles.openFile(path, beneath: try procfs(), .readOnly)
    let mounts = MountedTree.parse(try file.descriptor.readToEnd(limitBytes: 64 << 20))
    for mount in MountedTree.behindRoot(mounts) where mount.showsKernel {
      let path = try KernelPath(mount.place)
      do throws(Errno) {
        try detachMount(path)
      } catch {
        // It went with another.
        if error == .notFound { continue }
        // One that was given to a user namespace cannot be taken away in it, only covered.
        guard error == .invalidArgument || error == .notPermitted else { throw error }
        let cover = try FileSystemContext(type: "tmpfs").mount(.readOnly)
        let place = try Descriptor.workingDirectory.open(path, [.pathOnly, .noFollow])
        try cover.descriptor.attach(onto: place.descriptor)
      }
    }
  }

  /// The directory and the last component of a path.
  struct Place {
    let parent: String
    let name: KernelPath

    init(_ path: String) throws(Errno) {
      var components = path.split(separator: "/").filter { $0 != "." }
      guard let last = components.popLast(), last != ".." else { throw .invalidArgument }
      parent = "/" + components.joined(separator: "/")
      name = try KernelPath(String(last))
    }
  }
}

extension FileSystemMount {
  /// Whether its place is there already.
  fileprivate func exists(in root: Descriptor?) -> Bool {
    guard let root, let path = try? KernelPath(target) else { return false }
    return (try? root.open(path, [.directory, .pathOnly], resolve: [.inRoot, .noMagicLinks])) != nil
  }
}

extension MountParameter {
  /// Names one layer of an overlay.
  fileprivate var isLayer: Bool { key == OverlayMount.word.text }
}
