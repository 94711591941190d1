package import SkiffKernel

/// Makes overlays, whatever words the kernel has for their layers.
package enum OverlayMount {
  /// An overlay that is attached nowhere.
  ///
  /// - Parameters:
  ///   - layers: paths of directories, the topmost first.
  ///   - configure: sets what else there is to set; called anew for the second way.
  package static func make(
    layers: [String], _ attributes: MountAttributes = [],
    configure: (borrowing FileSystemContext) throws(Errno) -> Void
  ) throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      let context = try FileSystemContext(type: "overlay")
      try context.distrustLayers()
      // One word a layer: no limit on the length of them together, no colon to escape (Linux 6.7).
      for path in layers { try context.set(Self.word, to: try KernelPath(path)) }
      try configure(context)
      return try context.mount(attributes)
    } catch {
      guard error == .invalidArgument else { throw error }
    }
    return try numbered(layers) { (names) throws(Errno) in
      let context = try FileSystemContext(type: "overlay")
      try context.distrustLayers()
      try context.set("lowerdir", to: names)
      try configure(context)
      return try context.mount(attributes)
    }
  }

  /// By which a layer is named alone. An older kernel says "invalid argument", some of them only when the file system is to be made.
  package static let word: KernelPath = "lowerdir+"

  /// Calls `make` with the names of all layers in one text, for kernels before 6.7.
  ///
  /// fsconfig(2) takes no more than 255 bytes, less than four paths of ours, and a colon would part a name. So the layers are named by the
  /// numbers of open files, and the kernel finds them from the working directory, which is `/proc/self/fd` meanwhile: some eighty fit in.
  package static func numbered(
    _ paths: [String], _ make: (KernelPath) throws(Errno) -> FileDescriptor
  ) throws(Errno) -> FileDescriptor {
    let former = try Descriptor.workingDirectory.open(".", [.directory, .pathOnly])
    var layers = DescriptorTable()
    var names: [String] = []
    for path in paths {
      let layer = try Descriptor.workingDirectory.open(try KernelPath(path), [.directory, .pathOnly])
      names.append(String(layer.descriptor.number))
      layers.add(layer)
    }
    let text = try KernelPath(names.joined(separator: ":"))
    let limitBytes = 255
    guard text.bytes.count <= limitBytes else { throw .argumentListTooLong }
    try changeWorkingDirectory("/proc/self/fd")
    let made: FileDescriptor
    do throws(Errno) {
      made = try make(text)
    } catch {
      try former.descriptor.makeWorkingDirectory()
      throw error
    }
    try former.descriptor.makeWorkingDirectory()
    return made
  }

  /// Calls `make` while the trees are attached, in a mount namespace that is there for nothing else: before Linux 6.15 the kernel takes no
  /// layer from a mount that is attached nowhere. Only a process of one thread can go there and come back.
  package static func whileAttached(
    _ trees: borrowing DescriptorTable, _ make: () throws(Errno) -> FileDescriptor
  ) throws(Errno) -> FileDescriptor {
    let former = try Descriptor.workingDirectory.open("/proc/self/ns/mnt", [.readOnly])
    let root = try Descriptor.workingDirectory.open("/", [.directory, .pathOnly])
    let place = try Descriptor.workingDirectory.open(".", [.directory, .pathOnly])
    // setns(2) takes both with it.
    func comeBack() throws(Errno) {
      try former.descriptor.enterNamespaces(.mount)
      try root.descriptor.makeWorkingDirectory()
      try changeRootToWorkingDirectory()
      try place.descriptor.makeWorkingDirectory()
    }
    try unshare(.mount)
    let made: FileDescriptor
    do throws(Errno) {
      try Descriptor.workingDirectory.changeMount("/", propagation: .private, recursive: true)
      // One over the other: each is found by its handle, and paths begin at the root beneath them all.
      let top = try Descriptor.workingDirectory.open("/", [.directory, .pathOnly])
      for index in 0..<trees.count { try trees[index]?.attach(onto: top.descriptor) }
      made = try make()
    } catch {
      try comeBack()
      throw error
    }
    try comeBack()
    return made
  }
}
