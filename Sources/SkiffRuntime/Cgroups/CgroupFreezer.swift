internal import SkiffKernel

extension CgroupRecord {
  /// How long processes may take to come to rest; one that waits for a dead disk never does.
  package static let freezeLimitMilliseconds: Int64 = 2000

  /// Stops every process of the container where it stands, and waits until all have stopped.
  ///
  /// When that takes too long all are let go again: a half frozen container would answer nothing and say nothing.
  package func freeze(limitMilliseconds: Int64 = freezeLimitMilliseconds) throws(CgroupError) {
    do throws(CgroupError) {
      if let entry = legacyFreezer {
        try freezeLegacy(entry, limitMilliseconds: limitMilliseconds)
      } else if let entry = unified {
        try freezeUnified(entry, limitMilliseconds: limitMilliseconds)
      } else {
        throw .missingController("freezer", setting: "pause")
      }
    } catch {
      guard case .notFrozen = error else { throw error }
      try thaw()
      throw error
    }
  }

  /// Lets every process of the container go on; nothing happens to one that is not frozen.
  package func thaw() throws(CgroupError) {
    if let entry = legacyFreezer {
      try write("THAWED", to: entry.directory + "/freezer.state", act: "thaw", entry)
    } else if let entry = unified {
      try write("0", to: entry.directory + "/cgroup.freeze", act: "thaw", entry)
    } else {
      throw .missingController("freezer", setting: "resume")
    }
  }

  /// Whether the container is frozen, or was told to freeze and has not come to rest yet; false where it does not exist.
  package func isFrozen() throws(CgroupError) -> Bool {
    if let entry = legacyFreezer {
      let state = try CgroupFiles.readIfPresent(entry.directory + "/freezer.state")
      return state == "FROZEN" || state == "FREEZING"
    }
    guard let entry = unified else { return false }
    return try CgroupFiles.readIfPresent(entry.directory + "/cgroup.freeze") == "1"
  }

  var legacyFreezer: Entry? { entries.first { !$0.isUnified && $0.controllers.contains("freezer") } }

  /// v1 has no sign to wait for, and a process that is born while its parent is being stopped is missed until the next write.
  private func freezeLegacy(_ entry: Entry, limitMilliseconds: Int64) throws(CgroupError) {
    let file = entry.directory + "/freezer.state"
    var waited: Int64 = 0
    while true {
      try write("FROZEN", to: file, act: "freeze", entry)
      if try CgroupFiles.readIfPresent(file) == "FROZEN" { return }
      if waited >= limitMilliseconds { throw .notFrozen(path: entry.directory) }
      let pause = min(1 + waited / 4, 50)
      ClockTime.sleep(milliseconds: pause)
      waited += pause
    }
  }

  /// v2 tells by `frozen 1` in `cgroup.events`, and poll(2) wakes when that file changes.
  private func freezeUnified(_ entry: Entry, limitMilliseconds: Int64) throws(CgroupError) {
    let events = try CgroupFiles.open(entry.directory + "/cgroup.events", .readOnly)
    try write("1", to: entry.directory + "/cgroup.freeze", act: "freeze", entry)
    let settled = try CgroupEvents.wait(
      in: events.descriptor, path: entry.directory, for: "frozen", toBe: 1, limitMilliseconds: limitMilliseconds)
    if !settled { throw .notFrozen(path: entry.directory) }
  }

  private func write(_ value: String, to file: String, act: String, _ entry: Entry) throws(CgroupError) {
    do throws(Errno) {
      try CgroupFiles.write(value, to: file)
    } catch {
      throw .failed(act: act, path: entry.directory, cause: error)
    }
  }
}

/// The file of a v2 group that says when something has changed (`cgroup.events`).
enum CgroupEvents {
  /// How long one poll(2) may wait: a wake-up that is missed costs no more than this.
  private static let stepMilliseconds: Int64 = 100

  /// Waits until `key` has `value`; false when the time is over. A group that is gone has no processes and is not frozen.
  static func wait(
    in events: Descriptor, path: String, for key: String, toBe value: UInt64, limitMilliseconds: Int64
  ) throws(CgroupError) -> Bool {
    var stepsLeft = (limitMilliseconds + stepMilliseconds - 1) / stepMilliseconds
    // A change wakes at once, and there can be more changes than steps: both are bounded.
    var wakesLeft = 1000
    while true {
      do throws(Errno) {
        // Read from the start each time: poll(2) speaks of what changed since.
        try events.seek(to: 0)
        let text = String(decoding: try events.readToEnd(limitBytes: 4096), as: UTF8.self)
        if CgroupFiles.value(of: key, in: text) == value { return true }
        if stepsLeft <= 0 || wakesLeft <= 0 { return false }
        if try events.waitForChange(milliseconds: stepMilliseconds) {
          wakesLeft -= 1
        } else {
          stepsLeft -= 1
        }
      } catch {
        if error == .noSuchDevice { return value == 0 }
        throw .failed(act: "watch", path: path, cause: error)
      }
    }
  }
}
