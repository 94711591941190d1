internal import SkiffKernel

extension CgroupRecord {
  private static let killSignal: Int32 = 9
  /// How often the list is read again for processes that were born meanwhile, before they are stopped first.
  private static let freeRounds = 4
  private static let roundLimit = 64
  /// How many handles on processes are open at the same time.
  private static let handleLimit = 64

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
    for round in 0..<Self.roundLimit {
      let new = try processIDs().filter { !signalled.contains($0) }
      if new.isEmpty { break }
      for start in stride(from: 0, to: new.count, by: Self.handleLimit) {
        count += try send(signal, to: new[start..<min(start + Self.handleLimit, new.count)])
      }
      signalled.formUnion(new)
      if isKill, round == Self.freeRounds { try hold() }
    }
    // A frozen process of v1 does not even die.
    if isKill, try isFrozen() { try thaw() }
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

  /// Stops the group for a moment, so that the next rounds find fewer new processes; that not all come to rest does not matter.
  private func hold() throws(CgroupError) {
    do throws(CgroupError) {
      try freeze(limitMilliseconds: 100)
    } catch {
      switch error {
      case .notFrozen, .missingController: return
      default: throw error
      }
    }
  }

  /// Signals those of `processIDs` that still live in the group.
  ///
  /// An id that was read can have passed to a stranger. A handle cannot: whoever has the id after the handle was taken and is in the
  /// group is the one that the handle holds, or the handle's process is gone and the signal goes nowhere.
  private func send(_ signal: Int32, to processIDs: ArraySlice<Int32>) throws(CgroupError) -> Int {
    var handles: [(id: Int32, handle: Int32)] = []
    defer { for (_, handle) in handles { _ = FileDescriptor(adopting: handle) } }
    for id in processIDs {
      do throws(Errno) {
        handles.append((id, try openProcess(id).release()))
      } catch {
        // EINVAL: the id is that of a thread whose process has ended, say old kernels.
        if error != .invalidArgument { try ignoreAbsence(error, signal, id) }
      }
    }
    let living = Set(try self.processIDs())
    var count = 0
    for (id, handle) in handles where living.contains(id) {
      do throws(Errno) {
        try Descriptor(handle).sendSignal(signal)
        count += 1
      } catch {
        try ignoreAbsence(error, signal, id)
      }
    }
    return count
  }

  /// A process that has ended by itself needs no signal.
  private func ignoreAbsence(_ error: Errno, _ signal: Int32, _ processID: Int32) throws(CgroupError) {
    if error == .noSuchProcess { return }
    throw .failed(
      act: "send signal \(signal) to process \(processID) of", path: entries.first?.directory ?? "", cause: error)
  }
}
