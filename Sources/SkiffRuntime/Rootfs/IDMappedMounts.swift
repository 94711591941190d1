package import SkiffKernel
package import SkiffSpec

/// Shows a tree's files under other ids, without touching them (mount_setattr(2), MOUNT_ATTR_IDMAP).
package enum IDMappedMounts {
  /// Maps the mount: the files' ids are the mappings' container ids, and appear as their host ids.
  package static func apply(
    uids: [RuntimeSpec.IDMapping], gids: [RuntimeSpec.IDMapping], to tree: Descriptor, recursive: Bool
  ) throws(Errno) {
    let namespace = try makeUserNamespace(uids: uids, gids: gids)
    try tree.changeMount(set: .idMapped, userNamespace: namespace.descriptor, recursive: recursive)
  }

  /// A user namespace that nobody lives in: it only carries the mappings.
  static func makeUserNamespace(
    uids: [RuntimeSpec.IDMapping], gids: [RuntimeSpec.IDMapping]
  ) throws(Errno) -> FileDescriptor {
    let pair = try UnixSocket.pair(.packet)
    switch try cloneProcess(namespaces: .user) {
    case .child:
      // Lives until it is killed, or until the parent has gone.
      var buffer: [UInt8] = [0]
      let parentEnd = pair.takeSecond()
      _ = try? parentEnd.descriptor.receive(into: &buffer)
      ProcessControl.exit(0)
    case .parent(let processID, let handle):
      let parentEnd = pair.takeFirst()
      defer {
        // The child waits for this end; both calls can only fail if it has gone already.
        try? handle.descriptor.sendSignal(Signal.kill)
        _ = try? handle.descriptor.waitForExit()
      }
      _ = parentEnd.number
      let files = try ProcessFiles.open(processID)
      try IDMaps.write(uids: uids, gids: gids, processFiles: files.descriptor)
      return try files.descriptor.open("ns/user", .readOnly)
    }
  }
}

/// The maps of a user namespace (user_namespaces(7)).
enum IDMaps {
  /// Writes both maps of the process whose /proc directory is given.
  static func write(
    uids: [RuntimeSpec.IDMapping], gids: [RuntimeSpec.IDMapping], processFiles: Descriptor
  ) throws(Errno) {
    try write(gids, "gid_map", processFiles)
    try write(uids, "uid_map", processFiles)
  }

  private static func write(
    _ mappings: [RuntimeSpec.IDMapping], _ name: KernelPath, _ processFiles: Descriptor
  ) throws(Errno) {
    let file = try ProcessFiles.openFile(name, beneath: processFiles, .writeOnly)
    try file.descriptor.writeAll(Array(text(mappings).utf8))
  }

  /// One line a mapping: id inside, id outside, how many.
  static func text(_ mappings: [RuntimeSpec.IDMapping]) -> String {
    mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
  }
}
