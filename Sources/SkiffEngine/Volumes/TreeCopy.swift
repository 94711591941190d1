import SkiffKernel

/// Copies a tree by descriptors: no link is followed on either side. Hard links within the tree stay hard links.
struct TreeCopy: ~Copyable {
  private let source: Descriptor
  private let target: Descriptor
  /// The first copy of each file that has several names.
  private var firstNames: [Identity: KernelPath] = [:]

  /// Levels of directories; each costs two open files.
  private static let depthLimit = 200
  private static let directoryLimit = 1 << 20

  private struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  init(source: Descriptor, target: Descriptor) {
    self.source = source
    self.target = target
  }

  /// Copies everything in the source directory into the target, and the directory's own owner, mode and attributes.
  consuming func run() throws(Errno) {
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
    try copyFacts(from, to)
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
      let made = try to.open(name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
      try made.descriptor.copyContent(of: inner.descriptor)
      try copyFacts(inner.descriptor, made.descriptor)
    case .symbolicLink:
      try to.makeSymbolicLink(name, target: try from.readLink(name))
      let made = try to.open(name, [.pathOnly, .noFollow])
      try made.descriptor.changeOwner(userID: status.userID, groupID: status.groupID)
    // What overlayfs takes for "gone": in the lowest layer it hides nothing, and is nothing.
    case .characterDevice where status.specialDevice == 0: break
    case .fifo, .socket, .characterDevice, .blockDevice:
      guard let type = status.type else { return }
      try to.makeNode(name, type: type, mode: 0, major: status.major, minor: status.minor)
      let made = try to.open(name, [.pathOnly, .noFollow])
      try made.descriptor.changeOwner(userID: status.userID, groupID: status.groupID)
      try made.descriptor.changeModeOfHandle(status.permissions)
    // A type that Linux does not have.
    case nil: throw .invalidArgument
    }
  }

  /// Owner first: changing it takes setuid bits and capabilities away.
  private func copyFacts(_ from: Descriptor, _ to: Descriptor) throws(Errno) {
    let status = try from.status()
    try to.changeOwner(userID: status.userID, groupID: status.groupID)
    for name in try from.extendedAttributeNames() {
      // What overlayfs keeps for itself is no part of the content.
      if name.bytes.starts(with: Array("trusted.overlay.".utf8)) { continue }
      if let value = try from.extendedAttribute(name) { try to.setExtendedAttribute(name, value) }
    }
    try to.changeMode(status.permissions)
    let modified = FileTime(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
    try to.setTimes(accessed: modified, modified: modified)
  }
}
