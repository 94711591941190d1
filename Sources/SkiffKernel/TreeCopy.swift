/// Copies a tree by descriptors: no link is followed on either side. Hard links within the tree stay hard links, holes stay holes;
/// owners, modes, times and extended attributes go with the files.
package struct TreeCopy: ~Copyable {
  private let source: Descriptor
  private let target: Descriptor
  /// The first copy of each file that has several names.
  private var firstNames: [Identity: KernelPath] = [:]
  /// Whether device nodes that may not be made are left out.
  private let skipsForbiddenDevices: Bool
  /// Whether the target directory itself becomes as the source is.
  private let changesTop: Bool

  /// Levels of directories; each costs two open files.
  private static let depthLimit = 200
  private static let directoryLimit = 1 << 20

  private struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  /// Both directories must be open for reading.
  ///
  /// - Parameter skipsForbiddenDevices: inside a user namespace nobody may make device nodes, and no mount of its own would
  ///   let them be opened: they are left out there.
  /// - Parameter changesTop: whether owner, mode and attributes of the source directory itself go with it.
  package init(
    source: Descriptor, target: Descriptor, skipsForbiddenDevices: Bool = false, changesTop: Bool = true
  ) {
    self.source = source
    self.target = target
    self.skipsForbiddenDevices = skipsForbiddenDevices
    self.changesTop = changesTop
  }

  /// Copies everything in the source directory into the target.
  package consuming func run() throws(Errno) {
    try copyDirectory(source, target, path: [], depth: 0)
  }

  private mutating func copyDirectory(
    _ from: Descriptor, _ to: Descriptor, path: [UInt8], depth: Int
  ) throws(Errno) {
    guard depth < Self.depthLimit else { throw .nameTooLong }
    for entry in try from.sortedEntries(limit: Self.directoryLimit) {
      let inside = path.isEmpty ? Array(entry.name.bytes) : path + [UInt8(ascii: "/")] + entry.name.bytes
      let status = try from.status(entry.name)
      if status.type != .directory, status.linkCount > 1 {
        let identity = Identity(device: status.device, inode: status.inode)
        if let first = firstNames[identity] {
          try target.link(first, to: entry.name, in: to)
          continue
        }
        firstNames[identity] = try KernelPath(bytes: inside)
      }
      try copy(entry.name, status, from, to, path: inside, depth: depth)
    }
    if depth > 0 || changesTop { try copyFacts(from, to) }
  }

  private mutating func copy(
    _ name: KernelPath, _ status: FileStatus, _ from: Descriptor, _ to: Descriptor, path: [UInt8], depth: Int
  ) throws(Errno) {
    switch status.type {
    case .directory:
      try to.makeDirectory(name, mode: 0o700)
      let inner = try from.open(name, [.readOnly, .directory, .noFollow])
      let made = try to.open(name, [.readOnly, .directory, .noFollow])
      try copyDirectory(inner.descriptor, made.descriptor, path: path, depth: depth + 1)
    case .regular:
      let inner = try from.open(name, [.readOnly, .noFollow, .nonBlocking])
      // What was a file a moment ago may be something else by now, in a tree that others can write.
      guard try inner.descriptor.status().type == .regular else { throw .invalidArgument }
      let made = try to.open(name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
      try made.descriptor.copyContent(of: inner.descriptor)
      try copyFacts(inner.descriptor, made.descriptor)
    case .symbolicLink:
      try to.makeSymbolicLink(name, target: try from.readLink(name))
      let made = try to.open(name, [.pathOnly, .noFollow])
      try made.descriptor.changeOwner(userID: status.userID, groupID: status.groupID)
      try copyTime(status, name, to)
    // What overlayfs takes for "gone": in the lowest layer it hides nothing, and is nothing.
    case .characterDevice where status.specialDevice == 0: break
    case .fifo, .socket, .characterDevice, .blockDevice:
      guard let type = status.type else { return }
      do throws(Errno) {
        try to.makeNode(name, type: type, mode: 0, major: status.major, minor: status.minor)
      } catch {
        let isDevice = type == .characterDevice || type == .blockDevice
        guard error == .notPermitted, isDevice, skipsForbiddenDevices else { throw error }
        return
      }
      let made = try to.open(name, [.pathOnly, .noFollow])
      try made.descriptor.changeOwner(userID: status.userID, groupID: status.groupID)
      try made.descriptor.changeModeOfHandle(status.permissions)
      try copyTime(status, name, to)
    // A type that Linux does not have.
    case nil: throw .invalidArgument
    }
  }

  /// Of what is not opened: links, devices, pipes.
  private func copyTime(_ status: FileStatus, _ name: KernelPath, _ to: Descriptor) throws(Errno) {
    let modified = FileTime(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
    try to.setTimes(name, accessed: modified, modified: modified)
  }

  /// Owner first: changing it takes setuid bits and capabilities away.
  private func copyFacts(_ from: Descriptor, _ to: Descriptor) throws(Errno) {
    let status = try from.status()
    try to.changeOwner(userID: status.userID, groupID: status.groupID)
    for name in try from.extendedAttributeNames() {
      // What overlayfs keeps for itself is no part of the content.
      if name.bytes.starts(with: Array("trusted.overlay.".utf8)) { continue }
      guard let value = try from.extendedAttribute(name) else { continue }
      do throws(Errno) {
        try to.setExtendedAttribute(name, value)
      } catch {
        // A user's notes do not fit on every file system; what decides about rights must not be lost.
        guard error == .notSupported, name.bytes.starts(with: Array("user.".utf8)) else { throw error }
      }
    }
    try to.changeMode(status.permissions)
    let modified = FileTime(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
    try to.setTimes(accessed: modified, modified: modified)
  }
}
