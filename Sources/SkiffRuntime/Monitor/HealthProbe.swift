internal import SkiffKernel

extension CgroupRecord.Entry {
  fileprivate func beneath(_ name: String) -> CgroupRecord.Entry {
    CgroupRecord.Entry(
      name: self.name, controllers: controllers, label: label, isUnified: isUnified, mountPoint: mountPoint,
      path: path + "/" + name)
  }
}

/// One check of a container's health while it runs: `skiff-runtime exec` in a control group of its own beneath the container's, so that
/// the check and all that it has started end together.
struct HealthProbe: ~Copyable {
  private let process: SpawnedProcess
  private var output: FileDescriptor?
  private let group: CgroupRecord
  private let outputLimitBytes: Int
  private var said: [UInt8] = []
  private var isCut = false
  let started: ClockTime
  let startedMilliseconds: Int64

  static let groupName = "skiff-health"

  /// Starts a check.
  ///
  /// - Parameter program: of the runtime.
  static func start(
    _ command: [String], outputLimitBytes: Int, _ record: ContainerRecord, runtimeRoot: String, program: Descriptor
  ) throws(RuntimeError) -> HealthProbe {
    guard let cgroup = record.cgroup, let entry = cgroup.unified ?? Self.plainEntry(cgroup) else {
      throw .failed("cannot check the health of container \(record.id): it has no control group")
    }
    let controller = entry.isUnified && cgroup.isUnified ? "" : (entry.controllers.first ?? entry.name) + ":"
    let place = entry.beneath(Self.groupName)
    let group = CgroupRecord(entries: [place])
    do throws(Errno) {
      try makeGroup(try KernelPath(place.directory))
    } catch {
      throw .failed("cannot make a control group for the check: \(error)")
    }
    let arguments =
      [
        "skiff-runtime", "--root", runtimeRoot, "exec", "--shell-exit-codes", "--cgroup", controller + Self.groupName,
        record.id,
      ] + command
    do throws(Errno) {
      return try begin(program, arguments, in: group, outputLimitBytes: outputLimitBytes)
    } catch {
      throw .failed("cannot start the check: \(error)")
    }
  }

  /// Makes the group; one of an earlier check is made anew where nobody is left in it: Linux 6.18 ends whatever is born in a group
  /// that was ever killed (cgroup.kill), for it compares how often the group was with how often the parent's own was.
  private static func makeGroup(_ path: KernelPath) throws(Errno) {
    do throws(Errno) {
      return try Descriptor.workingDirectory.makeDirectory(path, mode: 0o755)
    } catch {
      guard error == .exists else { throw error }
    }
    do throws(Errno) {
      try Descriptor.workingDirectory.removeDirectory(path)
      try Descriptor.workingDirectory.makeDirectory(path, mode: 0o755)
    } catch {
      guard error == .busy || error == .exists else { throw error }
    }
  }

  private static func begin(
    _ program: Descriptor, _ arguments: [String], in group: CgroupRecord, outputLimitBytes: Int
  ) throws(Errno) -> HealthProbe {
    let pipe = try Pipe.make()
    let null = try Descriptor.workingDirectory.open("/dev/null", [.readOnly])
    var request = SpawnRequest(arguments: arguments, environment: [])
    request.files = [(null.descriptor, 0), (pipe.writing.descriptor, 1), (pipe.writing.descriptor, 2)]
    request.startsSession = true
    let output = try pipe.reading.descriptor.duplicate()
    try output.descriptor.setNonBlocking(true)
    return HealthProbe(group, try spawn(program, request), output, outputLimitBytes: outputLimitBytes)
  }

  private init(
    _ group: CgroupRecord, _ process: consuming SpawnedProcess, _ output: consuming FileDescriptor,
    outputLimitBytes: Int
  ) {
    self.group = group
    self.outputLimitBytes = outputLimitBytes
    self.process = process
    self.output = consume output
    started = ClockTime.now()
    startedMilliseconds = Self.now()
  }

  /// A tree of version 1 in which an empty group needs no settings before somebody can enter it.
  private static func plainEntry(_ cgroup: CgroupRecord) -> CgroupRecord.Entry? {
    cgroup.entries.first { $0.controllers.contains("pids") }
      ?? cgroup.entries.first { !$0.controllers.contains("cpuset") }
  }

  var processDescriptor: Descriptor { process.handle.descriptor }

  var outputDescriptor: Descriptor? {
    switch output {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }

  /// Takes what the check has written; what is too much is read and forgotten, so that it never waits.
  mutating func read() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let roundLimit = 64
    for _ in 0..<roundLimit {
      guard let file = outputDescriptor else { return }
      do throws(Errno) {
        let count = try file.read(into: &buffer)
        guard count > 0 else {
          output = nil
          return
        }
        let room = outputLimitBytes - said.count
        said.append(contentsOf: buffer[..<min(count, room)])
        if count > room { isCut = true }
      } catch {
        if error != .wouldBlock { output = nil }
        return
      }
    }
  }

  /// The code of a check that has ended, as a shell tells it; nil while it runs.
  func ended() -> Int32? {
    do throws(Errno) {
      return try process.handle.descriptor.waitForExit(block: false)?.shellCode
    } catch {
      return -1
    }
  }

  /// Ends the check with all that it has started.
  func kill() {
    killGroup()
    // Not in the group while it is on its way there.
    try? process.handle.descriptor.sendSignal(Signal.kill)
  }

  private func killGroup() {
    // Gone with the container, or refused to root: then the process itself is all that can be ended.
    _ = try? group.kill(signal: Signal.kill)
  }

  /// What the check found.
  consuming func finish(code: Int32, timeoutMilliseconds: Int64?) -> HealthResult {
    read()
    // What a check leaves behind would be there for every check more.
    killGroup()
    var text = String(decoding: said, as: UTF8.self)
    if isCut { text += "..." }
    var code = code
    if let timeoutMilliseconds {
      let words = "Health check exceeded timeout (\(GoDuration.text(milliseconds: timeoutMilliseconds)))"
      text = text.isEmpty ? words : "\(words): \(text)"
      code = -1
    }
    return HealthResult(
      start: WallClock.text(started), end: WallClock.text(ClockTime.now()), exitCode: code, output: text)
  }

  static func now() -> Int64 { ClockTime.monotonic().totalNanoseconds / 1_000_000 }
}
