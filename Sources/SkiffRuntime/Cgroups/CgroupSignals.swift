internal import SkiffKernel

extension CgroupRecord {
  private static let killSignal: Int32 = 9
  /// How often the list is read again for processes that were born meanwhile, before they are stopped first.
  private static let freeRounds = 4
  private static let roundLimit = 64

  /// Sends a signal to every process of the container and gives how many were found.
  ///
  /// SIGKILL reaches also those that are born while it is sent: on v2 the kernel does it in one stroke (`cgroup.kill`), on v1 the
  /// group is frozen when it grows faster than it can be read.
  @discardableResult
  package func kill(signal: Int32) throws(CgroupError) -> Int {
    let isKill = signal == Self.killSignal
    var count = 0
    if isKill, let unified, try killAtOnce(unified), isUnified { return 1 }
    var signalled: Set<Int32> = []
    var froze = false
    for round in 0..<Self.roundLimit {
      let new = try processIDs().filter { !signalled.contains($0) }
      if new.isEmpty { break }
      for id in new {
        signalled.insert(id)
        if try send(signal, to: id) { count += 1 }
      }
      if isKill, round == Self.freeRounds, !froze {
        froze = true
        // Whether all came to rest or not, the next rounds see fewer new ones.
        do throws(CgroupError) { try freeze(limitMilliseconds: 100) } catch { continue }
      }
    }
    // A frozen process of v1 does not even die.
    if isKill, let freezer = legacyFreezer {
      let state = try CgroupFiles.readIfPresent(freezer.directory + "/freezer.state")
      if let state, state != "THAWED" { try thaw() }
    }
    return count
  }

  /// False where the kernel is older than this file (5.14) or the group does not exist.
  private func killAtOnce(_ entry: Entry) throws(CgroupError) -> Bool {
    do throws(Errno) {
      try CgroupFiles.write("1", to: entry.directory + "/cgroup.kill")
      return true
    } catch {
      // EOPNOTSUPP: a group of threads, whose processes are found by their ids.
      if error == .notFound || error == .noSuchDevice || error == .notSupported { return false }
      throw .failed(act: "kill", path: entry.directory, cause: error)
    }
  }

  private func send(_ signal: Int32, to processID: Int32) throws(CgroupError) -> Bool {
    do throws(Errno) {
      try sendSignal(signal, toProcess: processID)
      return true
    } catch {
      // It ended by itself.
      if error == .noSuchProcess { return false }
      throw .failed(
        act: "send signal \(signal) to process \(processID) of", path: entries.first?.directory ?? "", cause: error)
    }
  }
}
