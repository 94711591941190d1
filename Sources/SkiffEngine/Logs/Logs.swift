import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// Which lines of a container's output are wanted.
public struct LogOptions: Equatable, Sendable {
  /// Go on with what comes, until the container ends.
  public var follows = false
  /// Only the last so many; nil is all.
  public var tail: Int?
  public var since: Timestamp?
  public var until: Timestamp?

  public init() {}
}

extension Engine {
  /// Gives a container's output to `take`, oldest first; calls `rest` when there is nothing more for the moment.
  public func logs(
    _ text: String, _ options: LogOptions, take: (LogEntry) throws(EngineError) -> Void, rest: () -> Void = {}
  ) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let driver = record.request.logDriver
    switch driver {
    case .none, .passthrough: throw .refused("configured logging driver does not support reading")
    case .journald: try journal(directory, record, options, take, rest)
    case .jsonFile, .local, .k8sFile:
      let own = directory.descriptor
      let opened = try Self.reading(record) { () throws(Errno) in try own.open(".", [.readOnly, .directory]) }
      let files = LogFiles(directory: opened, driver: driver) { (packed, target) throws(EngineError) in
        try self.transfer("unpack-log", [], files: [(packed, 0), (target, 1)])
      }
      try files.begin(tail: options.tail, since: options.tail == nil ? options.since?.seconds : nil)
      try drain(files, options, take)
      rest()
      if options.follows { try follow(directory, record, files, options, take, rest) }
    }
  }

  private func drain(
    _ files: LogFiles, _ options: LogOptions, _ take: (LogEntry) throws(EngineError) -> Void
  ) throws(EngineError) {
    while let entry = try files.next() { if entry.isWanted(options) { try take(entry) } }
  }

  private func follow(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, _ files: LogFiles,
    _ options: LogOptions, _ take: (LogEntry) throws(EngineError) -> Void, _ rest: () -> Void
  ) throws(EngineError) {
    let place = directory.descriptor
    let watch = try Self.reading(record) { () throws(Errno) in
      let watch = try FileWatch()
      // The record of the end is the last thing that comes, and a removed container says nothing more. Files come and go, too.
      try watch.add(place, [.movedIn, .selfMoved, .deleted, .created])
      return watch
    }
    while true {
      // Asked before the last look: what was written before the end is read after it.
      let hasEnded = try hasEnded(directory)
      // The same file once more is no further watch.
      if let growing = files.growing {
        try Self.reading(record) { () throws(Errno) in try watch.add(growing, .modified) }
      }
      try drain(files, options, take)
      rest()
      if hasEnded { return }
      if let until = options.until, Timestamp.now() > until { return }
      try Self.reading(record) { () throws(Errno) in
        var entries = [PollEntry(watch.descriptor, .readable)]
        try poll(&entries, timeoutMilliseconds: 1000)
        try watch.drain()
      }
    }
  }

  private func hasEnded(_ directory: borrowing ContainerDirectory) throws(EngineError) -> Bool {
    if try isUp(directory) { return false }
    let exit = try directory.exitRecord()
    return exit != nil || !containers.has(directory.id)
  }

  private static func reading<Result: ~Copyable>(
    _ record: ContainerRecord, _ body: () throws(Errno) -> Result
  ) throws(EngineError) -> Result {
    try naming("read the log of", "container \(record.name)", body)
  }
}

// journald
extension Engine {
  /// Has systemd's own reader read the journal: its format is systemd's own business.
  private func journal(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, _ options: LogOptions,
    _ take: (LogEntry) throws(EngineError) -> Void, _ rest: () -> Void
  ) throws(EngineError) {
    var words = ["journalctl", "--quiet", "--no-pager", "--output=json", "--all"]
    words.append("--lines=" + (options.tail.map { String($0) } ?? "all"))
    // Whole seconds: each entry is looked at for the rest.
    if let since = options.since { words.append("--since=@\(since.seconds)") }
    if options.follows { words.append("--follow") }
    words.append("CONTAINER_ID_FULL=\(record.id)")
    let journal = try JournalReader(words)
    let lines = journal.lines.descriptor
    var pending: [UInt8] = []
    var hasEnded = false
    while true {
      if options.follows { hasEnded = try self.hasEnded(directory) }
      var entries = [PollEntry(lines, .readable)]
      let isReady = try Self.reading(record) { () throws(Errno) in
        // What the container said last is in the journal within moments.
        try poll(&entries, timeoutMilliseconds: options.follows ? 500 : nil)
      }
      if isReady == 0 {
        rest()
        if let until = options.until, Timestamp.now() > until { break }
        if hasEnded { break }
        continue
      }
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = try Self.reading(record) { () throws(Errno) in try lines.read(into: &buffer) }
      if count == 0 { break }
      pending.append(contentsOf: buffer.prefix(count))
      var start = 0
      while true {
        let end = pending.span.firstLineFeed(from: start)
        if end == pending.count { break }
        if let entry = LogEntry(journal: pending[start..<end]), entry.isWanted(options) { try take(entry) }
        start = end + 1
      }
      pending.removeFirst(start)
    }
    rest()
    let status = try Self.reading(record) { () throws(Errno) in
      if options.follows { try journal.process.handle.descriptor.sendSignal(Signal.terminate) }
      return try journal.process.wait()
    }
    if !options.follows, status.shellCode != 0 { throw .helperFailed(exitCode: 1) }
  }
}

/// journalctl, and what it says.
private struct JournalReader: ~Copyable {
  let process: SpawnedProcess
  let lines: FileDescriptor

  init(_ words: [String]) throws(EngineError) {
    let path = "/usr/bin/journalctl"
    let pipe = try naming("make", "a pipe") { () throws(Errno) in try Pipe.make() }
    let (writing, own) = (pipe.writing.descriptor, pipe.reading.descriptor)
    let reading = try naming("make", "a pipe") { () throws(Errno) in try own.duplicate() }
    process = try naming("read the journal with", path) { () throws(Errno) in
      let program = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      var request = SpawnRequest(arguments: words, environment: [ContainerDefaults.path, "LC_ALL=C.UTF-8"])
      request.files = [(writing, 1)]
      return try spawn(program.descriptor, request)
    }
    lines = reading
  }
}
