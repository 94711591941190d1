package import SkiffKernel

/// Copies a layer in its `portable` form over a tree: what the layer removes goes, what it holds comes.
///
/// No link is followed in either tree; both are the store's own. Hard links within the layer stay hard links.
struct TreeMerge: ~Copyable {
  private let source: Descriptor
  private let target: Descriptor
  /// What is being copied, for a report.
  private(set) var currentPath = "."
  /// Where a file with several names was copied to first.
  private var firstNames: [FileIdentity: [UInt8]] = [:]
  /// Directories that were entered, for their times at the end.
  private var entered: [[UInt8]] = []

  private struct FileIdentity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  private static let resolution: ResolveFlags = [.beneath, .noSymbolicLinks, .noMagicLinks, .noCrossing]

  init(source: Descriptor, target: Descriptor) {
    self.source = source
    self.target = target
  }

  /// Walks with a list of directories still to do instead of recursion.
  mutating func run() throws(Errno) {
    var pending: [[UInt8]] = [[]]
    while let path = pending.popLast() {
      pending.append(contentsOf: try mergeDirectory(path))
    }
    // Making a directory's content changed its times: the last first, so that a directory comes after all beneath it.
    for path in entered.reversed() where !path.isEmpty {
      let from = try Self.open(path, beneath: source)
      let to = try Self.open(path, beneath: target)
      try to.descriptor.copyFacts(of: from.descriptor)
    }
  }

  private static func open(_ path: [UInt8], beneath root: Descriptor) throws(Errno) -> FileDescriptor {
    try root.open(
      try KernelPath(bytes: path.isEmpty ? [UInt8(ascii: ".")] : path), [.readOnly, .directory, .noFollow],
      resolve: resolution)
  }

  /// Does one directory; gives the directories in it.
  private mutating func mergeDirectory(_ path: [UInt8]) throws(Errno) -> [[UInt8]] {
    currentPath = path.isEmpty ? "." : String(decoding: path, as: UTF8.self)
    entered.append(path)
    let from = try Self.open(path, beneath: source)
    let to = try Self.open(path, beneath: target)
    var listing = DirectoryListing(from.descriptor)
    var names: [KernelPath] = []
    while let entry = try listing.next() { names.append(entry.name) }

    // What the layer removes goes before anything of its own comes.
    if names.contains(where: { $0.bytes.elementsEqual(Whiteout.opaqueName) }) { try to.descriptor.removeContents() }
    for name in names where name.bytes.starts(with: Whiteout.prefix) {
      let gone = name.bytes.dropFirst(Whiteout.prefix.count)
      if gone.isEmpty || name.bytes.elementsEqual(Whiteout.opaqueName) { continue }
      try to.descriptor.removeTree(try KernelPath(bytes: gone))
    }

    var directories: [[UInt8]] = []
    for name in names where !name.bytes.starts(with: Whiteout.prefix) {
      let child = path.isEmpty ? Array(name.bytes) : path + [UInt8(ascii: "/")] + name.bytes
      currentPath = String(decoding: child, as: UTF8.self)
      if try mergeEntry(name, from.descriptor, to.descriptor, child) { directories.append(child) }
    }
    return directories
  }

  /// Copies one name; true for a directory, whose content is still to do.
  private mutating func mergeEntry(
    _ name: KernelPath, _ from: Descriptor, _ to: Descriptor, _ path: [UInt8]
  ) throws(Errno) -> Bool {
    let status = try from.status(name)
    if status.type == .directory {
      do throws(Errno) {
        try to.makeDirectory(name, mode: 0o700)
      } catch {
        guard error == .exists else { throw error }
        if try to.status(name).type != .directory {
          try to.unlink(name)
          try to.makeDirectory(name, mode: 0o700)
        }
      }
      return true
    }
    try to.removeTree(name)
    if status.linkCount > 1 {
      let identity = FileIdentity(device: status.device, inode: status.inode)
      if let first = firstNames[identity] {
        let existing = try target.open(
          try KernelPath(bytes: first), [.pathOnly, .noFollow], resolve: Self.resolution)
        try existing.descriptor.link(to: name, in: to)
        return false
      }
      firstNames[identity] = path
    }
    try copyNode(name, status, from, to)
    return false
  }

  private func copyNode(
    _ name: KernelPath, _ status: FileStatus, _ from: Descriptor, _ to: Descriptor
  ) throws(Errno) {
    switch status.type {
    case .regular:
      let source = try from.open(name, [.readOnly, .noFollow, .nonBlocking])
      let copy = try to.open(name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
      try copy.descriptor.copyContent(of: source.descriptor)
      try copy.descriptor.copyFacts(of: source.descriptor)
      return
    case .symbolicLink:
      try to.makeSymbolicLink(name, target: try from.readLink(name))
    case .some(let type):
      try to.makeNode(name, type: type, mode: 0o600, major: status.major, minor: status.minor)
    case nil:
      throw .invalidArgument
    }
    let source = try from.open(name, [.pathOnly, .noFollow])
    let copy = try to.open(name, [.pathOnly, .noFollow])
    try copy.descriptor.changeOwner(userID: status.userID, groupID: status.groupID)
    if status.type != .symbolicLink { try copy.descriptor.changeModeOfHandle(status.permissions) }
    for attribute in try source.descriptor.extendedAttributeNamesOfHandle() {
      guard let value = try source.descriptor.extendedAttributeOfHandle(attribute) else { continue }
      try copy.descriptor.setExtendedAttributeOfHandle(attribute, value)
    }
    let time = FileTime(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
    try to.setTimes(name, accessed: time, modified: time)
  }
}

extension Descriptor {
  /// Gives this file or directory the owner, mode, attributes and times of another; overlayfs's own attributes aside.
  package func copyFacts(of source: Descriptor) throws(Errno) {
    let status = try source.status()
    try changeOwner(userID: status.userID, groupID: status.groupID)
    try changeMode(status.permissions)
    let names = try source.extendedAttributeNames().filter { !$0.bytes.starts(with: "trusted.overlay.".utf8) }
    // A directory that was there has what the layer below gave it: a later layer says all of what it is like.
    for old in try extendedAttributeNames() where !names.contains(old) { try removeExtendedAttribute(old) }
    for name in names {
      guard let value = try source.extendedAttribute(name) else { continue }
      try setExtendedAttribute(name, value)
    }
    let time = FileTime(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
    try setTimes(accessed: time, modified: time)
  }
}
