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
  /// With the time before each line.
  public var showsTimestamps = false

  public init() {}
}

/// One piece of output: a line, or a part of a long one.
public struct LogEntry: Equatable, Sendable {
  public var text: String
  public var isError: Bool
  public var time: String

  /// Reads a line of the log; nil where it is none, as the last one of a machine that went down may be.
  package init?(line: some Collection<UInt8>) {
    do throws(JSONError) {
      let value = try JSONValue.parse(Array(line))
      guard let text = value["log"]?.string else { return nil }
      self.text = text
      self.isError = value["stream"]?.string == "stderr"
      self.time = value["time"]?.string ?? ""
    } catch {
      return nil
    }
  }

  /// Whether the options want it, by its time.
  package func isWanted(_ options: LogOptions) -> Bool {
    guard options.since != nil || options.until != nil, let moment = Timestamp(recordedAs: time) else { return true }
    if let since = options.since, moment < since { return false }
    if let until = options.until, moment > until { return false }
    return true
  }
}

extension Engine {
  /// Gives a container's output to `take`, oldest first.
  public func logs(
    _ text: String, _ options: LogOptions, take: (LogEntry) throws(EngineError) -> Void
  ) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    guard record.request.logDriver == .jsonFile else {
      throw .refused("container \(record.name) keeps no log: it was made with --log-driver none")
    }
    var reader: LogReader
    do throws(Errno) {
      reader = LogReader(try directory.descriptor.open("container.log", [.readOnly, .noFollow, .nonBlocking]))
    } catch {
      // Nothing was ever written, for it was never started.
      guard error == .notFound else {
        throw .kernel(act: "read the log of", thing: "container \(record.name)", cause: error)
      }
      return
    }
    if let tail = options.tail { try Self.reading(record) { () throws(Errno) in try reader.skipToLast(tail) } }
    try drain(&reader, record, options, take)
    guard options.follows else { return }
    try follow(directory, record, &reader, options, take)
  }

  private func drain(
    _ reader: inout LogReader, _ record: ContainerRecord, _ options: LogOptions,
    _ take: (LogEntry) throws(EngineError) -> Void
  ) throws(EngineError) {
    while true {
      let line: ArraySlice<UInt8>?
      do throws(Errno) {
        line = try reader.nextLine()
      } catch {
        throw .kernel(act: "read the log of", thing: "container \(record.name)", cause: error)
      }
      guard let line else { return }
      guard let entry = LogEntry(line: line), entry.isWanted(options) else { continue }
      try take(entry)
    }
  }

  private func follow(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, _ reader: inout LogReader,
    _ options: LogOptions, _ take: (LogEntry) throws(EngineError) -> Void
  ) throws(EngineError) {
    let log = reader.descriptor
    let place = directory.descriptor
    let watch = try Self.reading(record) { () throws(Errno) in
      let watch = try FileWatch()
      try watch.add(log, .modified)
      // The record of the end is the last thing that comes, and a removed container says nothing more.
      try watch.add(place, [.movedIn, .selfMoved, .deleted])
      return watch
    }
    while true {
      // Asked before the last look: what was written before the end is read after it.
      let isUp = try isUp(directory)
      let exit = isUp ? nil : try directory.exitRecord()
      let hasEnded = !isUp && (exit != nil || !containers.has(directory.id))
      try drain(&reader, record, options, take)
      if hasEnded { return }
      if let until = options.until, Timestamp.now() > until { return }
      try Self.reading(record) { () throws(Errno) in
        var entries = [PollEntry(watch.descriptor, .readable)]
        try poll(&entries, timeoutMilliseconds: 1000)
        try watch.drain()
      }
    }
  }

  private static func reading<Result: ~Copyable>(
    _ record: ContainerRecord, _ body: () throws(Errno) -> Result
  ) throws(EngineError) -> Result {
    try naming("read the log of", "container \(record.name)", body)
  }
}

/// Reads a log line by line, and goes on where it stopped when the log has grown.
struct LogReader: ~Copyable {
  private let file: FileDescriptor
  private var position: Int64 = 0
  private var pending: [UInt8] = []
  private var start = 0

  private static let pieceBytes = 65_536
  /// No line that the monitor writes is longer: its pieces of output are, escapes and all, far below.
  private static let lineLimitBytes = 1 << 20

  init(_ file: consuming FileDescriptor) {
    self.file = file
  }

  var descriptor: Descriptor { file.descriptor }

  /// The next whole line without its end; nil while there is none.
  mutating func nextLine() throws(Errno) -> ArraySlice<UInt8>? {
    while true {
      if let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = end + 1 }
        return pending[start..<end]
      }
      pending.removeSubrange(..<start)
      start = 0
      // What is longer is no line of a log: it is passed over in pieces that cannot be read.
      if pending.count > Self.lineLimitBytes { pending.removeAll() }
      var buffer = [UInt8](repeating: 0, count: Self.pieceBytes)
      let count = try file.descriptor.read(into: &buffer, at: position)
      if count == 0 { return nil }
      position += Int64(count)
      pending.append(contentsOf: buffer.prefix(count))
    }
  }

  /// Stands before the last `count` lines.
  mutating func skipToLast(_ count: Int) throws(Errno) {
    let size = try file.descriptor.status().sizeBytes
    guard count > 0 else {
      position = size
      return
    }
    var found = 0
    var end = size
    while end > 0 {
      let begin = max(0, end - Int64(Self.pieceBytes))
      var buffer = [UInt8](repeating: 0, count: Int(end - begin))
      let read = try file.descriptor.read(into: &buffer, at: begin)
      for index in (0..<read).reversed() where buffer[index] == UInt8(ascii: "\n") {
        // The end of the last line does not begin another.
        if begin + Int64(index) == size - 1 { continue }
        found += 1
        if found == count {
          position = begin + Int64(index) + 1
          return
        }
      }
      end = begin
    }
    position = 0
  }
}
