/// Removing what may be any tree: by descriptors, following no link and crossing no mount point.
extension Descriptor {
  /// Removes `name` beneath this directory with all that is in it; nothing there is success.
  ///
  /// A mount point inside is EXDEV and stays, as does what stands above it. The depth of the tree is not limited by the number of
  /// descriptors: what lies too deep is moved up first.
  package func removeTree(_ name: KernelPath) throws(Errno) {
    do throws(Errno) {
      try unlink(name)
      return
    } catch {
      if error == .notFound { return }
      // unlink(2) of a directory is EISDIR on Linux, EPERM by POSIX.
      guard error == .isDirectory || error == .notPermitted else { throw error }
    }
    try removeDirectoryWhenEmptied(name)
  }

  /// Removes all that is in this open directory and keeps the directory.
  package func removeContents() throws(Errno) {
    var walk = RemovalWalk(top: self)
    // A move to the top may come after the top was listed: list again until it is empty.
    while try walk.pass() {}
  }

  fileprivate func openDirectoryToRemove(_ name: KernelPath) throws(Errno) -> FileDescriptor {
    try open(
      name, [.directory, .noFollow], resolve: [.beneath, .noSymbolicLinks, .noMagicLinks, .noCrossing])
  }

  private func openTopToRemove(_ name: KernelPath) throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      return try openDirectoryToRemove(name)
    } catch {
      // Not a directory after all: unlink(2) was refused in earnest, an immutable file for one.
      throw error == .notDirectory || error == .tooManyLinks ? .notPermitted : error
    }
  }

  /// Some file systems skip names in a listing while others are removed: a directory that is not empty yet is emptied again.
  private func removeDirectoryWhenEmptied(_ name: KernelPath) throws(Errno) {
    var triesLeft = 16
    while true {
      let top = try openTopToRemove(name)
      try top.descriptor.removeContents()
      do throws(Errno) {
        try removeDirectory(name)
        return
      } catch {
        if error == .notFound { return }
        guard error == .notEmpty || error == .exists, triesLeft > 0 else { throw error }
        triesLeft -= 1
      }
    }
  }
}

/// One directory on the way down.
private struct RemovalLevel: ~Copyable {
  let directory: FileDescriptor
  /// Its name in the level above.
  let name: KernelPath
  var listing: DirectoryListing
}

/// A walk that removes, with an explicit stack of at most `depthLimit` open directories.
private struct RemovalWalk: ~Copyable {
  static var depthLimit: Int { 64 }

  let top: Descriptor
  var moved: UInt64 = 0

  init(top: Descriptor) {
    self.top = top
  }

  /// Empties `top` once; true when something was moved into it, so that another pass is needed.
  mutating func pass() throws(Errno) -> Bool {
    let movedBefore = moved
    try top.seek(to: 0)
    var topListing = DirectoryListing(top)
    while let entry = try topListing.next() {
      guard let directory = try removeUnlessDirectory(entry, in: top) else { continue }
      try removeDirectoryBelowTop(entry.name, directory)
    }
    return moved != movedBefore
  }

  /// Removes what is not a directory; gives the open directory otherwise.
  private func removeUnlessDirectory(_ entry: DirectoryEntry, in parent: Descriptor) throws(Errno) -> FileDescriptor? {
    if entry.type != .directory {
      do throws(Errno) {
        try parent.unlink(entry.name)
        return nil
      } catch {
        if error == .notFound { return nil }
        guard error == .isDirectory else { throw error }
      }
    }
    return try parent.openDirectoryToRemove(entry.name)
  }

  private mutating func removeDirectoryBelowTop(
    _ name: KernelPath, _ directory: consuming FileDescriptor
  ) throws(Errno) {
    var stack = LevelStack()
    stack.push(name, directory)
    var emptyTries = 0
    while stack.depth > 0 {
      if let entry = try stack.nextEntry() {
        let parent = stack.current(orElse: top)
        if stack.depth >= Self.depthLimit, entry.type == .directory || entry.type == nil {
          if try moveToTop(entry, from: parent) { continue }
        }
        guard let child = try removeUnlessDirectory(entry, in: parent) else { continue }
        stack.push(entry.name, child)
        continue
      }
      let finished = stack.currentName
      let parent = stack.parent(orElse: top)
      do throws(Errno) {
        try parent.removeDirectory(finished)
        emptyTries = 0
        stack.pop()
      } catch {
        guard error == .notEmpty || error == .exists, emptyTries < 16 else { throw error }
        emptyTries += 1
        try stack.restartListing()
      }
    }
  }

  /// Gives what lies too deep a place right beneath the top, where a later pass finds it.
  private mutating func moveToTop(_ entry: DirectoryEntry, from parent: Descriptor) throws(Errno) -> Bool {
    if entry.type == nil, try parent.status(entry.name).type != .directory { return false }
    while true {
      moved &+= 1
      do throws(Errno) {
        try parent.rename(entry.name, to: try KernelPath(".deep-\(moved)"), in: top, noReplace: true)
        return true
      } catch {
        guard error == .exists else { throw error }
      }
    }
  }
}

/// The open directories from the first below the top to the current one.
private struct LevelStack: ~Copyable {
  // An array cannot hold values that cannot be copied: the levels are a chain of boxes.
  private final class Box {
    var level: RemovalLevel
    let above: Box?

    init(_ level: consuming RemovalLevel, above: Box?) {
      self.level = level
      self.above = above
    }
  }

  private var last: Box?
  private(set) var depth = 0

  init() {}

  mutating func push(_ name: KernelPath, _ directory: consuming FileDescriptor) {
    let listing = DirectoryListing(directory.descriptor)
    last = Box(RemovalLevel(directory: directory, name: name, listing: listing), above: last)
    depth += 1
  }

  mutating func pop() {
    last = last?.above
    depth -= 1
  }

  func nextEntry() throws(Errno) -> DirectoryEntry? {
    guard let last else { return nil }
    return try last.level.listing.next()
  }

  func restartListing() throws(Errno) {
    guard let last else { return }
    try last.level.directory.descriptor.seek(to: 0)
    last.level.listing = DirectoryListing(last.level.directory.descriptor)
  }

  func current(orElse top: Descriptor) -> Descriptor { last?.level.directory.descriptor ?? top }
  func parent(orElse top: Descriptor) -> Descriptor { last?.above?.level.directory.descriptor ?? top }
  var currentName: KernelPath { last?.level.name ?? "." }
}
