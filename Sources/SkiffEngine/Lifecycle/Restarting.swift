import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What restart.json says of the last time that a container was started again by its policy, or will be.
struct RestartRecord: Equatable, Sendable {
  /// How often, since a person started it.
  var count: Int64 = 0
  /// Of the run before.
  var exitCode: Int32 = 0
  var finishedAt = ""
  /// Whether somebody is about to start it.
  var isDue = false
}

extension ContainerDirectory {
  /// Nil for a container that was never started by its policy since a person started it.
  func restartRecord() throws(EngineError) -> RestartRecord? {
    var record = RestartRecord()
    let bytes: [UInt8]
    do throws(Errno) {
      var file = try descriptor.open(PendingRestart.fileName, [.readOnly, .noFollow, .nonBlocking])
      var isLocked = try Self.isLocked(file.descriptor)
      // A short run may have been and gone since the file was opened: then there is another, with a lock of its own.
      while !isLocked, !PendingRestart.isCurrent(file.descriptor, in: descriptor) {
        file = try descriptor.open(PendingRestart.fileName, [.readOnly, .noFollow, .nonBlocking])
        isLocked = try Self.isLocked(file.descriptor)
      }
      bytes = try file.descriptor.readToEnd(limitBytes: PendingRestart.limitBytes)
      let isCalledOff = try has(PendingRestart.stopMark)
      record.isDue = isLocked && !isCalledOff
    } catch {
      guard error == .notFound else { throw .kernel(act: "read", thing: "\(path)/restart.json", cause: error) }
      return nil
    }
    // What a power cut has emptied says as much as none.
    guard let document = try? JSONValue.parse(bytes) else { return nil }
    record.count = document["count"]?.integer ?? 0
    record.exitCode = document["exitCode"]?.integer.flatMap { Int32(exactly: $0) } ?? 0
    record.finishedAt = document["finishedAt"]?.string ?? ""
    return record
  }

  private static func isLocked(_ file: Descriptor) throws(Errno) -> Bool {
    do throws(Errno) {
      // Shared, so that two who ask do not take each other for the monitor.
      try file.lock(exclusive: false, wait: false)
      return false
    } catch {
      guard error == .wouldBlock else { throw error }
      return true
    }
  }

  private func has(_ name: KernelPath) throws(Errno) -> Bool {
    do throws(Errno) {
      _ = try descriptor.status(name)
      return true
    } catch {
      guard error == .notFound else { throw error }
      return false
    }
  }

  /// Whether a person has stopped the container, and nobody has started it since.
  func wasStoppedByHand() throws(EngineError) -> Bool {
    try content(PendingRestart.stopMark)?.isEmpty == true
  }

  /// Remembers that the container is to end: its policy does not start it again.
  ///
  /// - Parameter byHand: a person wants it; otherwise the machine goes down, and what was stopped before that stays so.
  func noteStop(_ record: ContainerRecord, byHand: Bool = true) throws(EngineError) {
    // It will not be there to be started.
    if record.request.removesItself { return }
    if !byHand, try wasStoppedByHand() { return }
    do throws(EngineError) {
      // A reboot asks for it where there is a policy, and must not take one word for the other.
      try replace(
        PendingRestart.stopMark, byHand ? [] : Array("shutdown\n".utf8), isDurable: record.request.restart.name != .no)
    } catch {
      // A full disk keeps nothing running: it keeps the monitor from noting a restart, too.
      guard case .kernel(_, _, .noSpace) = error else { throw error }
    }
  }

  /// Begins anew: a person starts the container.
  func forgetRestarts() throws(EngineError) {
    for name in [PendingRestart.fileName, PendingRestart.stopMark] {
      do throws(Errno) {
        try descriptor.unlink(name)
      } catch {
        guard error == .notFound else { throw .kernel(act: "remove", thing: "\(path)/\(name)", cause: error) }
      }
    }
  }
}

extension Engine {
  /// What a monitor becomes to have its container started again; it adds the number of the restart's lock, and the id.
  var restartCommand: [String] { command(["container", "cleanup"]) }

  /// Whether a container runs, or is about to be started again.
  func isUp(_ directory: borrowing ContainerDirectory) throws(EngineError) -> Bool {
    if try runningProcess(directory.id) != nil { return true }
    if try directory.restartRecord()?.isDue == true { return true }
    // It may have been started between the two looks, and may have ended since.
    if try runningProcess(directory.id) != nil { return true }
    return try directory.restartRecord()?.isDue == true
  }

  /// Remembers that a person wants a container to end, and sees to it that nobody is about to start it. Whoever was at it already has
  /// done it when this comes back: then it runs.
  ///
  /// - Returns: whether it was about to be started again.
  func callOffRestart(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, byHand: Bool = true
  ) throws(EngineError) -> Bool {
    let wasDue = try directory.restartRecord()?.isDue == true
    try directory.noteStop(record, byHand: byHand)
    guard wasDue else { return false }
    // Who starts it has taken it before looking for the mark, and lets go when it runs.
    try take(try containers.open(id: directory.id))
    return true
  }

  /// Starts a container again after its policy, in place of the monitor that has waited for it. Whatever comes between, the lock's end
  /// is the end of the restart.
  ///
  /// - Parameter lock: the number of the open file whose lock says that the restart is due.
  public func startAgain(_ text: String, lock: Int32) throws(EngineError) {
    guard lock > 2, Descriptor(lock).isInherited else {
      throw .refused("--restart-lock is the number of an open file (not \(lock))")
    }
    let lock = FileDescriptor(adopting: lock)
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    try take(directory)
    guard PendingRestart.isCurrent(lock.descriptor, in: directory.descriptor), try runningProcess(id) == nil else {
      // Somebody else has started it meanwhile.
      return
    }
    let record = try directory.record()
    // By a person, or because the machine goes down.
    guard try directory.content(PendingRestart.stopMark) == nil else { return try finish(directory, record) }
    try forgetRun(id)
    if record.request.network == .bridge { try unplug(id) }
    let lifeline = try lifelines.hold(id)
    do throws(EngineError) {
      let monitor = try WaitingMonitor(
        program: configuration.runtimeProgram, lifeline: lifeline, attaches: false, for: record.request)
      _ = try start(directory, record, StartOptions(), monitor)
    } catch {
      // There is nobody to tell: it stands in the record of the end.
      try noteFailedStart(error, directory)
      try finish(directory, record)
      throw error
    }
    _ = consume lifeline
    _ = consume lock
  }

  private func noteFailedStart(
    _ error: EngineError, _ directory: borrowing ContainerDirectory
  ) throws(EngineError) {
    var record = ExitRecord()
    if case .runtime(_, let code) = error { record.exitCode = code } else { record.exitCode = 125 }
    record.error = "\(error)"
    record.finishedAt = "\(Timestamp.now())"
    try directory.replace(ContainerDirectory.File.exit, record.document().serialized(), isDurable: false)
  }
}
