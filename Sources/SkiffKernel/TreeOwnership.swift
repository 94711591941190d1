/// Gives a tree of files another owner, by descriptors: no link is followed, no other file system entered.
package struct TreeOwnership {
  private let userID: UInt32
  private let groupID: UInt32

  private static let depthLimit = 200
  private static let directoryLimit = 1 << 20

  package init(userID: UInt32, groupID: UInt32) {
    self.userID = userID
    self.groupID = groupID
  }

  /// Changes everything beneath an open directory, and the directory itself.
  package func give(_ directory: Descriptor) throws(Errno) {
    try give(directory, device: try directory.status().device, depth: 0)
  }

  private func give(_ directory: Descriptor, device: UInt64, depth: Int) throws(Errno) {
    guard depth < Self.depthLimit else { throw .nameTooLong }
    for entry in try directory.sortedEntries(limit: Self.directoryLimit) {
      let handle: FileDescriptor
      do throws(Errno) {
        handle = try directory.open(entry.name, [.pathOnly, .noFollow])
      } catch {
        // Gone meanwhile.
        if error == .notFound { continue }
        throw error
      }
      let status = try handle.descriptor.status()
      guard status.device == device else { continue }
      if status.type == .directory {
        let inner = try directory.open(entry.name, [.readOnly, .directory, .noFollow])
        try give(inner.descriptor, device: device, depth: depth + 1)
      } else {
        try change(handle.descriptor, status)
      }
    }
    try change(directory, try directory.status())
  }

  /// Changes one file or the handle of one.
  package func change(_ file: Descriptor, _ status: FileStatus) throws(Errno) {
    guard status.userID != userID || status.groupID != groupID else { return }
    try file.changeOwner(userID: userID, groupID: groupID)
  }
}
