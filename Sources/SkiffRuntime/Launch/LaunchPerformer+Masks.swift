internal import SkiffKernel

// Steps that keep what there is from being seen or written.
extension LaunchPerformer {
  func sealMount(_ path: String) throws(Errno) {
    let place = try open(path)
    try place.descriptor.changeMount(set: .readOnly)
  }

  func makeReadOnly(_ path: String) throws(Errno) {
    do throws(Errno) {
      let place = try open(path)
      let tree = try place.descriptor.cloneTree(recursive: true)
      try tree.descriptor.changeMount(set: .readOnly, recursive: true)
      try tree.descriptor.attach(onto: place.descriptor)
    } catch {
      // What is not there cannot be written.
      guard error == .notFound || error == .notDirectory else { throw error }
    }
  }

  mutating func mask(_ path: String) throws(Errno) {
    let place: FileDescriptor
    do throws(Errno) {
      place = try open(path)
    } catch {
      // What is not there needs no mask.
      guard error == .notFound || error == .notDirectory else { throw error }
      return
    }
    if try place.descriptor.status().type == .directory {
      try maskDirectory(place.descriptor)
    } else {
      try maskFile(place.descriptor)
    }
  }

  /// All masked directories show the same empty read-only tmpfs.
  private mutating func maskDirectory(_ place: Descriptor) throws(Errno) {
    if let emptyDirectory {
      let tree = try emptyDirectory.cloneTree(recursive: false)
      try tree.descriptor.attach(onto: place)
      return
    }
    let context = try FileSystemContext(type: "tmpfs")
    // The root alone.
    try context.set("nr_inodes", to: "2")
    try context.set("mode", to: "755")
    let tree = try context.mount([.readOnly, .noSetUserID, .noDevices, .noExecute])
    try tree.descriptor.attach(onto: place)
    // Attached now, so that it can be cloned on kernels that clone only what is attached.
    emptyDirectory = keep(tree)
  }

  /// The host's /dev/null lies over a masked file: opened here and known by its numbers, never the container's (CVE-2025-31133).
  private mutating func maskFile(_ place: Descriptor) throws(Errno) {
    if let nullMask {
      let tree = try nullMask.cloneTree(recursive: false)
      try tree.descriptor.attach(onto: place)
      return
    }
    let null = try Descriptor.workingDirectory.open(
      "/dev/null", [.pathOnly, .noFollow], resolve: [.noSymbolicLinks, .noMagicLinks])
    let status = try null.descriptor.status()
    guard status.type == .characterDevice, status.major == 1, status.minor == 3 else { throw .noSuchDevice }
    let tree = try null.descriptor.cloneTree(recursive: false)
    // A device is written through a mount that is read-only, too; its owner and mode, which all the machine's programs share,
    // are not changed.
    try tree.descriptor.changeMount(set: [.readOnly, .noSetUserID, .noExecute])
    try tree.descriptor.attach(onto: place)
    nullMask = keep(tree)
  }
}
