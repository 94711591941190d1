internal import SkiffKernel

/// Who lives in a group and in those beneath it.
enum CgroupMembers {
  /// What is refused as too much; a machine with so many groups in one container is under attack.
  static let groupLimit = 65536

  /// The ids of all processes of the group and those beneath it, at most `limit`; none where it does not exist.
  static func processIDs(beneath directory: String, limit: Int = .max) throws(CgroupError) -> [Int32] {
    var ids: [Int32] = []
    try walk(directory) { (path) throws(CgroupError) in
      guard let text = try processList(of: path) else { return true }
      for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
        if ids.count == limit { return false }
        // 0 is a process of another pid namespace, which cannot be named here.
        if let id = Int32(String(decoding: line, as: UTF8.self)), id > 0 { ids.append(id) }
      }
      return ids.count < limit
    }
    return ids
  }

  private static func processList(of path: String) throws(CgroupError) -> String? {
    do throws(CgroupError) {
      return try CgroupFiles.readIfPresent(path + "/cgroup.procs", limitBytes: CgroupFiles.largestLimitBytes)
    } catch {
      // A v2 group of threads: the processes stand in the group above it.
      if case .failed(_, _, .notSupported) = error { return nil }
      throw error
    }
  }

  /// Visits the group and those beneath it, each before those beneath it, until `visit` gives false.
  static func walk(_ directory: String, _ visit: (String) throws(CgroupError) -> Bool) throws(CgroupError) {
    var waiting = [directory]
    var count = 0
    while let path = waiting.popLast() {
      if try !visit(path) { return }
      for name in try subdirectories(of: path) {
        count += 1
        if count > groupLimit { throw .failed(act: "read", path: directory, cause: .overflow) }
        waiting.append(path + "/" + name)
      }
    }
  }

  /// The names of the groups directly beneath; none where the group does not exist.
  static func subdirectories(of path: String) throws(CgroupError) -> [String] {
    // The link count of a group's directory tells how many there are: mostly none, and nothing to read.
    let kernelPath = try CgroupFiles.kernelPath(path)
    do throws(Errno) {
      if try Descriptor.workingDirectory.status(kernelPath).linkCount == 2 { return [] }
      let file = try Descriptor.workingDirectory.open(kernelPath, [.readOnly, .directory])
      var listing = DirectoryListing(file.descriptor)
      var names: [String] = []
      while let entry = try listing.next() {
        guard entry.type == .directory else { continue }
        if names.count == groupLimit { throw .overflow }
        names.append(entry.name.text)
      }
      return names
    } catch {
      if error == .notFound || error == .noSuchDevice { return [] }
      throw .failed(act: "read", path: path, cause: error)
    }
  }
}

extension CgroupRecord {
  /// The ids of all processes of the container, in no particular order.
  package func processIDs() throws(CgroupError) -> [Int32] {
    // A process can have left one tree's group (a container that may write there can do so), hardly all of them.
    var ids: Set<Int32> = []
    for entry in entries { ids.formUnion(try CgroupMembers.processIDs(beneath: entry.directory)) }
    return ids.sorted()
  }

  /// Whether any process lives in the group or beneath it.
  package func isPopulated() throws(CgroupError) -> Bool {
    if let unified, let events = try CgroupFiles.readIfPresent(unified.directory + "/cgroup.events"),
      CgroupFiles.value(of: "populated", in: events) == 1
    {
      return true
    }
    for entry in entries where !entry.isUnified {
      if try !CgroupMembers.processIDs(beneath: entry.directory, limit: 1).isEmpty { return true }
    }
    return false
  }

  /// Whether the group exists in any tree.
  package func exists() -> Bool {
    entries.contains { entry in
      do throws(CgroupError) {
        return try CgroupHierarchy.kindOfMountedDirectory(entry.directory) != nil
      } catch {
        // Nothing says that it is gone.
        return true
      }
    }
  }
}
