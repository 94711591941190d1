internal import SkiffKernel

/// Makes a group's directories, one in each tree, with the missing ones above them.
struct CgroupDirectories {
  let record: CgroupRecord
  /// The settings that will follow: what they fill need not be filled before.
  let settings: [CgroupSetting]
  /// A process of the caller's own that may live there already.
  var occupant: Int32?

  /// - Parameter made: gets every directory that did not exist before, in the order of making, also when this fails.
  func make(made: inout [String]) throws(CgroupError) {
    // Whoever lives in the group may look into it: without that the kernel refuses its file system to a user namespace, and programs of
    // ordinary users cannot read their limits.
    let umask = ProcessControl.setUmask(0o022)
    defer { ProcessControl.setUmask(umask) }
    for entry in record.entries {
      let madeBefore = made.count
      try make(entry, made: &made)
      if made.count == madeBefore || made.last != entry.directory { try takeOver(entry) }
      if entry.controllers.contains("cpuset"), !entry.isUnified {
        try fillProcessorSets(of: entry, made: made[madeBefore...])
      }
    }
  }

  /// Tries the last directory first: those above it exist in all starts but the first.
  private func make(_ entry: CgroupRecord.Entry, made: inout [String]) throws(CgroupError) {
    // Someone who removes an empty group above, while this makes one in it, can win a few times, not for ever.
    var triesLeft = 16
    while true {
      do throws(Errno) {
        try Descriptor.workingDirectory.makeDirectory(try KernelPath(entry.directory), mode: 0o755)
        made.append(entry.directory)
        return
      } catch {
        if error == .exists { return }
        guard error == .notFound, triesLeft > 0 else {
          throw .failed(act: "make", path: entry.directory, cause: error)
        }
        triesLeft -= 1
      }
      for path in Self.directoriesAbove(entry) {
        do throws(Errno) {
          try Descriptor.workingDirectory.makeDirectory(try KernelPath(path), mode: 0o755)
          made.append(path)
        } catch {
          guard error == .exists || error == .notFound else {
            throw .failed(act: "make", path: path, cause: error)
          }
        }
      }
    }
  }

  /// The directories between a tree's mount point and the group, from above.
  static func directoriesAbove(_ entry: CgroupRecord.Entry) -> [String] {
    var paths: [String] = []
    var path = entry.mountPoint
    for component in entry.path.split(separator: "/").dropLast() {
      path += "/" + component
      paths.append(path)
    }
    return paths
  }

  /// A group that was there before: somebody's, or left over from a crash.
  private func takeOver(_ entry: CgroupRecord.Entry) throws(CgroupError) {
    // Two containers in one group would be killed, frozen and limited together.
    let present = try CgroupMembers.processIDs(beneath: entry.directory, limit: 2)
    if let processID = present.first(where: { $0 != occupant }) {
      throw .occupied(path: entry.directory, processID: processID)
    }
    // A process that enters a frozen group stops before its first step.
    guard entry.isUnified || entry.controllers.contains("freezer") else { return }
    let state = try CgroupFiles.readIfPresent(entry.directory + (entry.isUnified ? "/cgroup.freeze" : "/freezer.state"))
    if let state, state != "0", state != "THAWED" { throw .alreadyFrozen(path: entry.directory) }
  }

  /// On v1 a new group has neither processors nor memory nodes, and takes no process before it has both: it gets those of the group
  /// above.
  private func fillProcessorSets(of entry: CgroupRecord.Entry, made: ArraySlice<String>) throws(CgroupError) {
    for file in ["/cpuset.cpus", "/cpuset.mems"] {
      if made.count == 1, settings.contains(where: { "/" + $0.file == file }) { continue }
      // Upwards to the first that has some, then down again.
      var empty: [String] = made.contains(entry.directory) ? [entry.directory] : []
      var above = Self.directoriesAbove(entry)
      if empty.isEmpty { above.append(entry.directory) }
      var list = ""
      while list.isEmpty {
        let path = above.popLast() ?? entry.mountPoint
        list = try CgroupFiles.readIfPresent(path + file) ?? ""
        if list.isEmpty {
          if path == entry.mountPoint { throw .failed(act: "read", path: path + file, cause: .noData) }
          empty.append(path)
        }
      }
      for path in empty.reversed() {
        do throws(Errno) {
          try CgroupFiles.write(list, to: path + file)
        } catch {
          throw .failed(act: "give processors to", path: path, cause: error)
        }
      }
    }
  }
}

/// Switches controllers on for what lies beneath a v2 group (cgroups(7), "Cgroups v2 subtree control").
enum UnifiedControllers {
  /// Makes every controller that is to be had work in the group; fails only for those that are `needed`.
  static func enable(
    for entry: CgroupRecord.Entry, in hierarchy: CgroupHierarchy, needed: [String]
  ) throws(CgroupError) {
    // Beside v1, the v2 tree is for tracking: it gets only what is asked for.
    let wanted = hierarchy.isUnified ? entry.controllers : entry.controllers.filter(needed.contains)
    if wanted.isEmpty { return }
    if try missing(wanted, in: entry.directory).isEmpty { return }
    var above = [entry.mountPoint] + CgroupDirectories.directoriesAbove(entry)
    var blocked: (path: String, controllers: [String])?
    while !above.isEmpty {
      let path = above.removeFirst()
      let refused = try enable(wanted, beneath: path)
      if blocked == nil, !refused.isEmpty { blocked = (path, refused) }
    }
    let lacking = try missing(wanted, in: entry.directory).filter(needed.contains)
    guard let first = lacking.first else { return }
    if let blocked { throw .internalProcesses(path: blocked.path, controllers: lacking) }
    throw .missingController(first, setting: "linux.resources")
  }

  private static func missing(_ wanted: [String], in directory: String) throws(CgroupError) -> [String] {
    let present = try CgroupFiles.readIfPresent(directory + "/cgroup.controllers")?.split(separator: " ") ?? []
    return wanted.filter { controller in !present.contains { $0 == controller } }
  }

  /// Gives the controllers that could not be switched on because processes live in the group.
  private static func enable(_ controllers: [String], beneath path: String) throws(CgroupError) -> [String] {
    let file = path + "/cgroup.subtree_control"
    let present = try CgroupFiles.readIfPresent(file)?.split(separator: " ") ?? []
    let wanted = controllers.filter { controller in !present.contains { $0 == controller } }
    if wanted.isEmpty { return [] }
    // The kernel would refuse the controllers of memory and devices here, but switch on those that can do with threads (cpu, pids),
    // and so turn what lies beneath into groups that no process can enter. The true root, which has no type, may do both.
    if try CgroupFiles.readIfPresent(path + "/cgroup.type") != nil,
      let members = try CgroupFiles.readIfPresent(path + "/cgroup.procs", limitBytes: CgroupFiles.largestLimitBytes),
      !members.isEmpty
    {
      return wanted
    }
    do throws(Errno) {
      try CgroupFiles.write(wanted.map { "+" + $0 }.joined(separator: " "), to: file)
      return []
    } catch {
      // All or nothing, says the kernel: so one by one.
      return try enableOneByOne(wanted, file: file)
    }
  }

  private static func enableOneByOne(_ controllers: [String], file: String) throws(CgroupError) -> [String] {
    var refused: [String] = []
    for controller in controllers {
      do throws(Errno) {
        try CgroupFiles.write("+" + controller, to: file)
      } catch {
        // EBUSY: processes live here. ENOENT: not given from above. EOPNOTSUPP: a group of threads. Those who need it are told.
        switch error {
        case .busy: refused.append(controller)
        case .notFound, .notSupported, .invalidArgument: break
        default: throw .failed(act: "switch on \(controller) beneath", path: file, cause: error)
        }
      }
    }
    return refused
  }
}
