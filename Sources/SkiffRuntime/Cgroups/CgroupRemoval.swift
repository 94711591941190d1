internal import SkiffKernel

extension CgroupRecord {
  /// How long processes that were killed may take to be gone.
  package static let removalLimitMilliseconds: Int64 = 5000

  /// Removes the group and those that the container made beneath it, waiting for processes that are just ending.
  ///
  /// What is not there any more is no error, so this can be repeated, and works after a crash at any point.
  /// - Parameter pruningParents: how many directories above may go too when they are empty.
  package func remove(
    limitMilliseconds: Int64 = removalLimitMilliseconds, pruningParents: Int = 0
  ) throws(CgroupError) {
    var removal = CgroupRemoval(limitMilliseconds: limitMilliseconds)
    var failure: CgroupError?
    for entry in entries {
      do throws(CgroupError) {
        try removal.remove(entry)
        for path in CgroupDirectories.directoriesAbove(entry).reversed().prefix(pruningParents) {
          CgroupRemoval.removeAtOnce(path)
        }
      } catch {
        // The other trees are still cleaned; the first failure is reported.
        if failure == nil { failure = error }
      }
    }
    if let failure { throw failure }
  }
}

extension CgroupRecord {
  /// Removes the group in every tree in which nothing is left of it: one call each. False where something is.
  func removeAtOnce() throws(CgroupError) -> Bool {
    var isGone = true
    for entry in entries where try !CgroupRemoval.removed(entry.directory) { isGone = false }
    return isGone
  }
}

/// Removes groups. The time that all of them together may take is one.
struct CgroupRemoval {
  private var millisecondsLeft: Int64

  init(limitMilliseconds: Int64) {
    millisecondsLeft = limitMilliseconds
  }

  /// One attempt, for clean-up that must not fail: what is in use or gone stays as it is.
  static func removeAtOnce(_ path: String) {
    do throws(Errno) {
      try Descriptor.workingDirectory.removeDirectory(try KernelPath(path))
    } catch {
      // Somebody else's group lives in it, or somebody else removed it: both are as they should be.
    }
  }

  mutating func remove(_ entry: CgroupRecord.Entry) throws(CgroupError) {
    var pause: Int64 = 1
    while true {
      if try Self.removed(entry.directory) { return }
      try removeBeneath(entry.directory)
      if try Self.removed(entry.directory) { return }
      // Still busy: a process lives there, or has ended and is not reaped yet.
      if millisecondsLeft <= 0 { throw .stillPopulated(path: entry.directory) }
      if entry.isUnified {
        try waitUntilEmpty(entry)
        pause = 1
      }
      ClockTime.sleep(milliseconds: pause)
      millisecondsLeft -= pause
      pause = min(pause * 2, 50)
    }
  }

  /// The groups beneath, the deepest first; what is still busy stays for the next attempt.
  private func removeBeneath(_ directory: String) throws(CgroupError) {
    var beneath: [String] = []
    try CgroupMembers.walk(directory) { (path) throws(CgroupError) in
      if path != directory { beneath.append(path) }
      return true
    }
    for path in beneath.reversed() { _ = try Self.removed(path) }
  }

  private mutating func waitUntilEmpty(_ entry: CgroupRecord.Entry) throws(CgroupError) {
    do throws(CgroupError) {
      let events = try CgroupFiles.open(entry.directory + "/cgroup.events", .readOnly)
      let isEmpty = try CgroupEvents.wait(
        in: events.descriptor, path: entry.directory, for: "populated", toBe: 0,
        limitMilliseconds: millisecondsLeft)
      if !isEmpty { millisecondsLeft = 0 }
    } catch {
      guard error.isAbsence else { throw error }
    }
  }

  /// False while it is busy.
  static func removed(_ path: String) throws(CgroupError) -> Bool {
    let kernelPath = try CgroupFiles.kernelPath(path)
    do throws(Errno) {
      try Descriptor.workingDirectory.removeDirectory(kernelPath)
      return true
    } catch {
      switch error {
      case .notFound, .noSuchDevice: return true
      case .busy, .notEmpty: return false
      default: throw .failed(act: "remove", path: path, cause: error)
      }
    }
  }
}
