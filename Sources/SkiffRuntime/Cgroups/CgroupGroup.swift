package import SkiffKernel
package import SkiffSpec

// A container's control group, from the document to its end:
//
//     linux.cgroupsPath          /proc/self/cgroup, statfs          linux.resources
//            │                              │                              │
//        CgroupPath               CgroupHierarchy.detect        CgroupSettings.make     DeviceDefaults.complete
//     (harmless words)         (trees, who controls what)     (files and contents: pure)    (rules, in order)
//            └──────────────┬───────────────┘                              │                  │
//                    CgroupRecord                                          │          v1: DevicePolicy
//         (one directory in each tree; stored before                       │          v2: DeviceProgram
//          anything is made, and all that clean-up needs)                  │                  │
//                           └──────────────────────────┬───────────────────┴──────────────────┘
//                                              CgroupGroup.create
//                    directories → controllers of v2 → settings → entry files opened → devices
//                                                      │
//                       the child enters, then starts the container; the files are closed
//                                                      │
//          CgroupRecord: processIDs, freeze, thaw, kill, statistics, oomKillCount, isPopulated, remove
//
// What may not be reordered: everything pure before the first directory (a refusal leaves nothing); devices before the child
// enters (no moment of full access); entry before the child does anything else (no moment without limits).

/// One container's control group: a directory in every tree, and the open files by which a new process enters it.
///
/// How a process enters, and why so:
///
///     v1 (every tree)   the parent opens `tasks`; the child, which has one thread, writes "0" to each, first thing.
///                       The kernel moves a thread that moves itself without waiting. A process id in `cgroup.procs`
///                       waits for every processor to pass a quiet point: 10 ms.
///     v2                the child is born in the group: clone3(2) with CLONE_INTO_CGROUP and `unifiedDirectory`.
///     hybrid            both.
package struct CgroupGroup: ~Copyable {
  package let record: CgroupRecord
  /// The open `tasks` files of v1, none on v2: valid while this lives.
  package let taskFiles: [Descriptor]
  /// The group in the v2 tree, to be born in; nil where only v1 is mounted. Valid while this lives.
  package let unifiedDirectory: Descriptor?

  /// Takes responsibility for closing the files.
  private init(record: CgroupRecord, adopting taskFiles: [Int32], unifiedDirectory: Int32?) {
    self.record = record
    self.taskFiles = taskFiles.map { Descriptor($0) }
    self.unifiedDirectory = unifiedDirectory.map { Descriptor($0) }
  }

  deinit {
    Self.close(taskFiles)
    if let unifiedDirectory { Self.close([unifiedDirectory]) }
  }

  private static func close(_ descriptors: [Descriptor]) {
    for descriptor in descriptors { _ = FileDescriptor(adopting: descriptor.number) }
  }

  /// Moves the calling thread into the group of each `tasks` file; for a process of one thread, that is the process.
  ///
  /// Takes no memory: it is called between clone3(2) and execve(2).
  package static func enter(_ taskFiles: [Descriptor]) throws(Errno) {
    let caller: InlineArray<1, UInt8> = [UInt8(ascii: "0")]
    for file in taskFiles { _ = try file.write(caller.span) }
  }
}

extension CgroupGroup {
  /// Lets a v2 group use these devices only; the rules are in order, the last that matches decides.
  package typealias DeviceAttachment = (Descriptor, [RuntimeSpec.DeviceRule]) throws(Errno) -> Void

  /// Makes the group that `record` names, with its limits, and opens it for entry.
  ///
  /// What was made is removed again when a later act fails. A group that exists already is taken when nobody lives in it.
  /// - Parameters:
  ///   - record: from `CgroupHierarchy.record(for:)`, best stored before this is called.
  ///   - resources: nil and empty still mean the default device rules.
  ///   - occupant: a process of the caller's own that may live there already.
  ///   - enforcesDevices: false only for a caller in a user namespace, who has no right to devices that could be taken away.
  package static func create(
    _ record: CgroupRecord, in hierarchy: CgroupHierarchy, resources: RuntimeSpec.Resources?,
    enforcesDevices: Bool = true, occupant: Int32? = nil, attachDevices: DeviceAttachment = DevicePrograms.attach
  ) throws(CgroupError) -> CgroupGroup {
    let resources = resources ?? RuntimeSpec.Resources()
    // Everything that can be found wrong by thinking is found before the first directory is made.
    let settings = try CgroupSettings.make(resources, version: hierarchy.version(of:))
    let rules = DeviceDefaults.complete(resources.devices)
    let devices = try DeviceLimit.choose(for: record, rules: rules, isEnforced: enforcesDevices)
    let directories = CgroupDirectories(record: record, settings: settings, occupant: occupant)
    var made: [String] = []
    do throws(CgroupError) {
      try directories.make(made: &made)
      if let unified = record.unified {
        try UnifiedControllers.enable(for: unified, in: hierarchy, needed: settings.map(\.controller))
      }
      try CgroupWriter.apply(settings, to: record)
      let group = try open(record)
      try devices.apply(to: record, unified: group.unifiedDirectory, attach: attachDevices)
      return group
    } catch {
      // The first failure is the one to report; a directory that cannot be removed now is found by its record later.
      for path in made.reversed() { CgroupRemoval.removeAtOnce(path) }
      throw error
    }
  }

  /// Opens an existing group for entry, as `exec` does.
  ///
  /// - Parameter initProcess: the container's first process. On v2 a container may have moved it into a group beneath its own, and
  ///   limits those; its own group then takes no process, and the new one goes where the first is.
  package static func open(_ record: CgroupRecord, initProcess: Int32? = nil) throws(CgroupError) -> CgroupGroup {
    var taskFiles: [Int32] = []
    var unifiedDirectory: Int32?
    do throws(CgroupError) {
      for entry in record.entries {
        if entry.isUnified {
          let path = try entryDirectory(of: entry, initProcess: initProcess)
          unifiedDirectory = try CgroupFiles.open(path, [.readOnly, .directory]).release()
        } else {
          taskFiles.append(try CgroupFiles.open(entry.directory + "/tasks", .writeOnly).release())
        }
      }
    } catch {
      close((taskFiles + (unifiedDirectory.map { [$0] } ?? [])).map { Descriptor($0) })
      throw error
    }
    return CgroupGroup(record: record, adopting: taskFiles, unifiedDirectory: unifiedDirectory)
  }

  private static func entryDirectory(
    of entry: CgroupRecord.Entry, initProcess: Int32?
  ) throws(CgroupError) -> String {
    guard let initProcess,
      let enabled = try CgroupFiles.readIfPresent(entry.directory + "/cgroup.subtree_control"), !enabled.isEmpty
    else { return entry.directory }
    let file = "/proc/\(initProcess)/cgroup"
    guard let text = try CgroupFiles.readIfPresent(file),
      let own = try CgroupMembership.parse(text, file: file).first(where: \.isUnified),
      own.path.hasPrefix(entry.path + "/"), !own.path.split(separator: "/").contains("..")
    else { return entry.directory }
    return entry.mountPoint + own.path
  }

  /// Changes the limits of the living group; what is not named stays.
  package static func apply(
    _ resources: RuntimeSpec.Resources, to record: CgroupRecord, in hierarchy: CgroupHierarchy,
    attachDevices: DeviceAttachment = DevicePrograms.attach
  ) throws(CgroupError) {
    let settings = try CgroupSettings.make(resources, isUpdate: true, version: hierarchy.version(of:))
    if let limit = resources.memory?.limit, limit > 0, resources.memory?.checkBeforeUpdate == true {
      try CgroupWriter.checkUsage(of: record, limit: limit)
    }
    try CgroupWriter.apply(settings, to: record)
    if resources.devices.isEmpty { return }
    let devices = try DeviceLimit.choose(
      for: record, rules: DeviceDefaults.complete(resources.devices), isEnforced: true)
    let group = try open(record)
    try devices.apply(to: record, unified: group.unifiedDirectory, attach: attachDevices, isUpdate: true)
  }

  /// Moves a process with all its threads into the group, from outside: slow (see above), and not for the start of a container.
  package static func move(_ processID: Int32, into record: CgroupRecord) throws(CgroupError) {
    for entry in record.entries {
      do throws(Errno) {
        try CgroupFiles.write("\(processID)", to: entry.directory + "/cgroup.procs")
      } catch {
        throw .failed(act: "move process \(processID) into", path: entry.directory, cause: error)
      }
    }
  }
}
