package import SkiffKernel
package import SkiffSpec

/// What a container's root file system is made of.
package enum RootfsSource: Equatable, Sendable {
  /// A directory as it stands.
  case directory(path: String)
  /// Read-only layers, the topmost first, under one writable directory.
  ///
  /// What is volatile is not missed after a power cut: its end does not wait for the disk (overlayfs.rst, "Volatile mount").
  case overlay(lower: [String], upper: String, work: String, isVolatile: Bool = false)
  /// A file with a file system in it, mounted by a loop device.
  case image(file: String, type: String, isReadOnly: Bool)
}

extension RootfsSource {
  /// Makes the tree, attached nowhere: the container's process attaches it in its own mount namespace, and with the last
  /// process of the container it is gone.
  ///
  /// - Parameter mappings: ids under which the container's user namespace sees the files; empty shows them as they are.
  package func makeTree(
    uids: [RuntimeSpec.IDMapping] = [], gids: [RuntimeSpec.IDMapping] = []
  ) throws(LaunchError) -> FileDescriptor {
    switch self {
    case .directory(let path):
      do throws(Errno) {
        let tree = try Descriptor.workingDirectory.cloneTree(try KernelPath(path), recursive: true)
        guard try tree.descriptor.status().type == .directory else { throw .notDirectory }
        try tree.descriptor.changeMount(propagation: .private, recursive: true)
        if !uids.isEmpty {
          try IDMappedMounts.apply(uids: uids, gids: gids, to: tree.descriptor, recursive: false)
        }
        return tree
      } catch {
        throw LaunchError("cannot use \(path) as the root file system: \(error)")
      }
    case .overlay(let lower, let upper, let work, let isVolatile):
      return try Self.overlay(
        lower: lower, upper: upper, work: work, isVolatile: isVolatile, uids: uids, gids: gids)
    case .image(let file, let type, let isReadOnly):
      return try Self.image(file: file, type: type, isReadOnly: isReadOnly)
    }
  }

  private static func overlay(
    lower: [String], upper: String, work: String, isVolatile: Bool, uids: [RuntimeSpec.IDMapping],
    gids: [RuntimeSpec.IDMapping]
  ) throws(LaunchError) -> FileDescriptor {
    // Trees that stand for the layers while the file system is made; it holds them itself afterwards.
    var mapped = DescriptorTable()
    do throws(Errno) {
      let namespace =
        uids.isEmpty ? nil : DescriptorHolder(try IDMappedMounts.makeUserNamespace(uids: uids, gids: gids))
      var paths: [String] = []
      for path in lower { paths.append(try Self.show(path, in: namespace, keeping: &mapped)) }
      // The writable side is not mapped: the kernel makes files there with the ids of the container as the host knows them. So
      // its root must belong to the container's root.
      if let user = uids.first(where: { $0.containerID == 0 }), let group = gids.first(where: { $0.containerID == 0 }) {
        let top = try Descriptor.workingDirectory.open(try KernelPath(upper), [.directory, .noFollow])
        try top.descriptor.changeOwner(userID: user.hostID, groupID: group.hostID)
      }
      func make() throws(Errno) -> FileDescriptor {
        try OverlayMount.make(layers: paths) { (context) throws(Errno) in
          try context.set("upperdir", to: try KernelPath(upper))
          try context.set("workdir", to: try KernelPath(work))
          if isVolatile {
            try forgetVolatileMount(work)
            try context.set(flag: "volatile")
          }
        }
      }
      do throws(Errno) {
        return try make()
      } catch {
        guard error == .invalidArgument, mapped.count > 0 else { throw error }
      }
      return try OverlayMount.whileAttached(mapped, make)
    } catch {
      throw LaunchError("cannot make an overlay of \(lower.count) layers beneath \(upper): \(error)")
    }
  }

  /// An earlier volatile mount leaves a mark, by which the kernel refuses another one: it cannot know that there was no power cut since.
  private static func forgetVolatileMount(_ work: String) throws(Errno) {
    do throws(Errno) {
      let work = try Descriptor.workingDirectory.open(try KernelPath(work), [.readOnly, .directory, .noFollow])
      let inner = try work.descriptor.open("work", [.readOnly, .directory, .noFollow])
      try inner.descriptor.removeTree("incompat")
    } catch {
      guard error == .notFound else { throw error }
    }
  }

  /// The path of a layer, or of its mapped tree.
  private static func show(
    _ path: String, in namespace: DescriptorHolder?, keeping table: inout DescriptorTable
  ) throws(Errno) -> String {
    guard let namespace else { return path }
    let tree = try Descriptor.workingDirectory.cloneTree(try KernelPath(path), recursive: false)
    try tree.descriptor.changeMount(propagation: .private)
    try tree.descriptor.changeMount(set: .idMapped, userNamespace: namespace.descriptor)
    let shown = tree.descriptor.path
    table.add(tree)
    return shown
  }

  private static func image(file: String, type: String, isReadOnly: Bool) throws(LaunchError) -> FileDescriptor {
    do throws(Errno) {
      let flags: OpenFlags = isReadOnly ? .readOnly : .readWrite
      let image = try Descriptor.workingDirectory.open(try KernelPath(file), [flags, .nonBlocking])
      guard try image.descriptor.status().type == .regular else { throw .invalidArgument }
      try claim(image.descriptor, exclusive: !isReadOnly)
      // The loop device goes with the last mount of it.
      let loop = try LoopDevice.attach(file: image.descriptor, readOnly: isReadOnly)
      let context = try FileSystemContext(type: try KernelPath(type))
      try context.set("source", to: try KernelPath(loop.path))
      if isReadOnly { try context.set(flag: "ro") }
      return try context.mount(isReadOnly ? [.readOnly, .noDevices] : [.noDevices])
    } catch {
      let reason = error == .busy ? "another container uses it" : error.description
      throw LaunchError("cannot mount the \(type) file system in \(file): \(reason)")
    }
  }
}

extension RootfsSource {
  /// Takes the file for this mount alone, or for readers alone.
  ///
  /// The kernel does not know two loop devices of one file to be one disk: each mount would write over what the other did. The device
  /// holds the open file, and with it this lock, until it is gone; that is in the kernel's own time after the last mount of it.
  private static func claim(_ file: Descriptor, exclusive: Bool) throws(Errno) {
    for _ in 0..<claimTries {
      do throws(Errno) {
        return try file.lock(exclusive: exclusive, wait: false)
      } catch {
        guard error == .wouldBlock else { throw error }
      }
      ClockTime.sleep(milliseconds: 5)
    }
    throw .busy
  }

  /// Two seconds.
  private static var claimTries: Int { 400 }
}

/// One owner that can be optional and lent.
private final class DescriptorHolder {
  private let file: FileDescriptor

  init(_ file: consuming FileDescriptor) { self.file = file }

  var descriptor: Descriptor { file.descriptor }
}
