internal import SkiffKernel
internal import SkiffSpec

/// Writes what a container says to its log: cuts it into lines, gives each its form, and passes them on, all that was read at once by
/// one write.
///
/// ```
/// pipe ─ read ─▶ lines ─▶ LogEntryForm ─▶ RotatingLog ─▶ container.log, container.log.N, …
///                                       └▶ LogRelay ─▶ (mode=non-blocking: a process that may wait for the disk) ─▶ RotatingLog
///                      └▶ JournalLog ─▶ journald
/// ```
struct LogWriter: ~Copyable {
  /// A line longer than this is cut into several entries.
  static let lineLimitBytes = 16384
  /// So many bytes are written at once, if the lines that were read make so many.
  private static let batchBytes = 256 << 10

  private var form: LogEntryForm
  private let isJSON: Bool
  private let packsAtEnd: Bool
  private var output = ByteBuffer()
  private var batchLimit = batchBytes
  // One of these is where it goes.
  private var file: RotatingLog?
  private var relay: LogRelay?
  private var journal: JournalLog?
  /// Lines that have begun: of standard output, and of standard error.
  private var begunOutput = BegunLine()
  private var begunError = BegunLine()

  /// A line that waits for its end.
  private struct BegunLine {
    var bytes: [UInt8] = []
    /// A part of it is in the log already.
    var wasCut = false
  }

  /// - Parameters:
  ///   - packsAtEnd: whether the log outlives the container's end, so that packing what was put aside is worth while.
  ///   - tellFailure: called once, when nobody writes the log for a while.
  init(_ settings: LogSettings, packsAtEnd: Bool, tellFailure: @escaping () -> Void) throws(Errno) {
    self.packsAtEnd = packsAtEnd
    form = LogEntryForm(settings)
    isJSON = settings.driver == .jsonFile
    if settings.driver == .journald {
      journal = JournalLog(settings)
      return
    }
    var limit = Self.batchBytes
    // A file is put aside before it grows beyond its size: what is written at once must not be larger.
    if settings.maxSizeBytes > 0, settings.maxSizeBytes < limit { limit = Int(settings.maxSizeBytes) }
    if let waiting = settings.bufferBytes {
      limit = min(limit, LogRelay.packetBytes)
      relay = try LogRelay(
        settings, limitBytes: waiting, packsAtEnd: packsAtEnd, tellFailure: tellFailure)
    } else {
      file = try RotatingLog(settings)
    }
    batchLimit = limit
  }

  /// Takes a piece of one stream; whole lines go to the log at once, the rest waits for its end.
  mutating func write(_ bytes: Span<UInt8>, isError: Bool) {
    form.set(ClockTime.now())
    var start = 0
    if !(isError ? begunError : begunOutput).bytes.isEmpty {
      start = bytes.firstLineFeed(from: 0)
      var begun = BegunLine()
      swap(&begun, isError: isError)
      begun.bytes.append(contentsOf: bytes.extracting(0..<start).copied)
      if start == bytes.count {
        keep(begun, isError)
        flush()
        return
      }
      append(begun.bytes.span, isError, wasCut: begun.wasCut)
      start += 1
    }
    while start < bytes.count {
      if isJSON {
        let mark = bytes.firstEscaped(from: start)
        if mark < bytes.count, bytes[mark] == 0x0A, mark - start <= Self.lineLimitBytes {
          let place = output.count
          form.appendPlainJSON(bytes.extracting(start..<mark), isError: isError, to: &output)
          entryAppended(from: place)
          start = mark + 1
          continue
        }
      }
      let end = bytes.firstLineFeed(from: start)
      let line = bytes.extracting(start..<end)
      if end == bytes.count {
        keep(BegunLine(bytes: line.copied), isError)
      } else {
        append(line, isError, wasCut: false)
      }
      start = end + 1
    }
    flush()
  }

  private mutating func swap(_ line: inout BegunLine, isError: Bool) {
    if isError { Swift.swap(&line, &begunError) } else { Swift.swap(&line, &begunOutput) }
  }

  /// Keeps a line for its end; what is long enough goes before it has one.
  private mutating func keep(_ line: BegunLine, _ isError: Bool) {
    var line = line
    var start = 0
    while line.bytes.count - start >= Self.lineLimitBytes {
      let end = Self.cut(line.bytes.span, from: start)
      entry(line.bytes.span.extracting(start..<end), isError, isPart: true, isLast: false)
      line.wasCut = true
      start = end
    }
    line.bytes.removeFirst(start)
    if isError { begunError = line } else { begunOutput = line }
  }

  /// Appends a whole line, in several entries if it is long.
  private mutating func append(_ line: Span<UInt8>, _ isError: Bool, wasCut: Bool) {
    var start = 0
    while line.count - start > Self.lineLimitBytes {
      let end = Self.cut(line, from: start)
      entry(line.extracting(start..<end), isError, isPart: true, isLast: false)
      start = end
    }
    entry(line.extracting(start..<line.count), isError, isPart: false, isLast: wasCut || start > 0)
  }

  /// Where a long line is cut: not inside a character.
  private static func cut(_ line: Span<UInt8>, from start: Int) -> Int {
    let end = min(start + lineLimitBytes, line.count)
    var place = end
    while place > start, end - place < 3 {
      place -= 1
      if line[place] & 0xC0 != 0x80 {
        let length = JSONText.lengthOfCharacter(line, at: place)
        return line[place] < 0x80 || place + length == end ? end : place
      }
    }
    return end
  }

  private mutating func entry(_ line: Span<UInt8>, _ isError: Bool, isPart: Bool, isLast: Bool) {
    if let journal {
      journal.send(line, isError: isError, isPart: isPart, isLast: isLast)
      return
    }
    let start = output.count
    form.append(line, isError: isError, isPart: isPart, to: &output)
    entryAppended(from: start)
  }

  /// Writes what is put together once it is enough; an entry that would make it too much waits for the next time.
  @inline(__always)
  private mutating func entryAppended(from start: Int) {
    if output.count >= batchLimit { writeBatch(upTo: output.count > batchLimit && start > 0 ? start : output.count) }
  }

  private mutating func writeBatch(upTo end: Int) {
    file?.write(output, limit: end)
    relay?.send(output, limit: end)
    output.removeFirst(end)
  }

  private mutating func flush() {
    if output.count > 0 { writeBatch(upTo: output.count) }
  }

  /// Writes lines that never got their end. What was put aside is packed now, if it was not yet and is worth it.
  mutating func finish() {
    form.set(ClockTime.now())
    for isError in [false, true] {
      let begun = isError ? begunError : begunOutput
      // Its end is missing in the log as well.
      if !begun.bytes.isEmpty { entry(begun.bytes.span, isError, isPart: true, isLast: begun.wasCut) }
    }
    begunOutput = BegunLine()
    begunError = BegunLine()
    flush()
    file?.finish(packs: packsAtEnd)
    relay?.finish()
    journal?.finish()
  }

  // MARK: Waiting

  /// What is waited for beside the container, and for what.
  var waitsFor: PollEntry {
    if let relay { return relay.waitsFor }
    if let journal { return journal.waitsFor }
    return PollEntry(nil, [])
  }

  /// Whether the container's output must wait: the journal is behind, and so much of it waits here already.
  var holdsBack: Bool { journal?.isFull ?? false }

  /// Whether much may be read at once. For the journal each line becomes a message of its own, with all that it says beside it: what is
  /// read at once is kept small, for all of it may have to wait here.
  var takesLargePieces: Bool { journal == nil }

  /// At the end, before more is written: false where nothing more is taken.
  func makeRoom() -> Bool { journal?.makeRoom() ?? true }

  /// Goes on with what waited.
  mutating func goOn() {
    relay?.flush()
    journal?.flush()
  }

  /// How long until something is to be done in any case; nil for never.
  var timeoutMilliseconds: Int64? { file?.timeoutMilliseconds ?? relay?.timeoutMilliseconds }

  /// Does what the time has come for.
  mutating func tick() {
    file?.tick()
    relay?.tick()
  }
}

extension Span where Element == UInt8 {
  /// The same bytes as an array.
  var copied: [UInt8] {
    var buffer = ByteBuffer(capacity: count)
    buffer.append(self)
    return buffer.bytes
  }
}
