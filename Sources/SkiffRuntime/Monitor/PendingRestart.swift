package import SkiffKernel
internal import SkiffSpec

/// A restart that is due: `restart.json` in the container's directory, and the lock on it that says that somebody will see to it.
///
/// ```
/// monitor   writes restart.json, locked ─▶ exit.json ─▶ waits … becomes `skiff container cleanup --restart-lock N ID`
/// engine                                                      (the lock comes along) takes the container, starts it, ends
/// ```
///
/// The container is restarting exactly while the file is locked: a monitor that is killed takes the lock with it. A file named `stopped`
/// beside it calls the restart off. Who starts the container by hand removes both.
package struct PendingRestart: ~Copyable {
  package static let fileName: KernelPath = "restart.json"
  /// A person has stopped the container.
  package static let stopMark: KernelPath = "stopped"
  package static let limitBytes = 4096
  private static let newName: KernelPath = "restart.json.new"

  package enum Outcome: Equatable, Sendable {
    case due
    /// The container was stopped by hand meanwhile.
    case calledOff
    /// Somebody has started or removed the container meanwhile.
    case overtaken
  }

  private let directory: FileDescriptor
  private let file: FileDescriptor
  private let delayMilliseconds: Int64

  /// How often the container was started again; nothing where it never was, or where the file cannot be read.
  static func progress(in directory: Descriptor) -> RestartProgress {
    guard let bytes = try? directory.readFile(fileName, limitBytes: limitBytes), let json = try? JSONValue.parse(bytes)
    else { return RestartProgress() }
    return RestartProgress(
      count: max(0, json["count"]?.integer ?? 0), delayMilliseconds: max(0, json["delayMilliseconds"]?.integer ?? 0))
  }

  static func isCalledOff(in directory: Descriptor) -> Bool {
    (try? directory.status(stopMark)) != nil
  }

  /// Says that the container will be started again.
  init(_ progress: RestartProgress, code: Int32, finishedAt: String, in directory: Descriptor) throws(Errno) {
    let document: JSONValue = [
      "count": .integer(progress.count), "delayMilliseconds": .integer(progress.delayMilliseconds),
      "exitCode": .integer(Int64(code)), "finishedAt": .string(finishedAt),
    ]
    // Locked before it has its name: nobody ever sees it loose.
    let file = try directory.open(Self.newName, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600)
    try file.descriptor.lock(exclusive: true, wait: false)
    try file.descriptor.writeAll(document.serialized())
    try directory.rename(Self.newName, to: Self.fileName, in: directory)
    self.directory = try directory.duplicate()
    self.file = file
    delayMilliseconds = progress.delayMilliseconds
  }

  /// Waits until it is time, or until somebody has it otherwise.
  func wait() -> Outcome {
    let deadline = Self.now() &+ delayMilliseconds
    let watch = Self.watch(directory.descriptor)
    while true {
      if Self.isCalledOff(in: directory.descriptor) { return .calledOff }
      guard Self.isCurrent(file.descriptor, in: directory.descriptor) else { return .overtaken }
      let left = deadline &- Self.now()
      if left <= 0 { return .due }
      switch watch {
      case .some(let watch):
        var entries = [PollEntry(watch.descriptor, .readable)]
        if (try? poll(&entries, timeoutMilliseconds: left)) == nil { ClockTime.sleep(milliseconds: min(left, 50)) }
        try? watch.drain()
      // The machine has no more watches to give.
      case .none: ClockTime.sleep(milliseconds: min(left, 50))
      }
    }
  }

  private static func watch(_ directory: Descriptor) -> FileWatch? {
    guard let watch = try? FileWatch() else { return nil }
    guard (try? watch.add(directory, [.created, .movedIn, .deleted, .selfMoved, .selfDeleted])) != nil else {
      return nil
    }
    return watch
  }

  /// Whether an open file is the one that says so now.
  package static func isCurrent(_ file: Descriptor, in directory: Descriptor) -> Bool {
    guard let named = try? directory.status(fileName), let own = try? file.status() else { return false }
    return named.inode == own.inode && named.device == own.device
  }

  /// Has the lock go over to the program that this process becomes; gives the file's number there.
  func handOver() throws(Errno) -> Int32 {
    try file.descriptor.setCloseOnExec(false)
    return file.descriptor.number
  }

  /// Takes that back.
  func keep() {
    // An open file that is there can be marked.
    try? file.descriptor.setCloseOnExec(true)
  }

  private static func now() -> Int64 { ClockTime.monotonic().totalNanoseconds / 1_000_000 }
}
