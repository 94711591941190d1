extension Descriptor {
  /// The bytes on the disk that `name` beneath this directory takes with all that is in it; a file with several names counts once.
  /// No link is followed, no mount point crossed; nothing there is 0. What disappears meanwhile is left out.
  package func diskUsage(_ name: KernelPath) throws(Errno) -> Int64 {
    var total: Int64 = 0
    var counted: Set<UInt64> = []
    var pending: [[UInt8]] = [Array(name.bytes)]
    while let path = pending.popLast() {
      do throws(Errno) {
        let handle = try open(
          try KernelPath(bytes: path), [.pathOnly, .noFollow],
          resolve: [.beneath, .noSymbolicLinks, .noMagicLinks, .noCrossing])
        let status = try handle.descriptor.status()
        if status.type == .directory || status.linkCount == 1 || counted.insert(status.inode).inserted {
          total &+= status.blocks &* 512
        }
        guard status.type == .directory else { continue }
        let directory = try handle.descriptor.open(".", [.readOnly, .directory])
        var listing = DirectoryListing(directory.descriptor)
        while let entry = try listing.next() {
          pending.append(path + [UInt8(ascii: "/")] + entry.name.bytes)
        }
      } catch {
        // A path that is too long for the kernel is a tree made to be so; what lies deeper is not counted.
        guard error == .notFound || error == .crossDevice || error == .nameTooLong else { throw error }
      }
    }
    return total
  }
}
