internal import SkiffKernel

/// Keeps a slow disk from holding up the container (`mode=non-blocking`): a process of its own writes the log, and may wait for the disk
/// as long as it must. What it has not taken yet waits here, up to a limit; what is beyond is lost, as with docker. A writer that has
/// died is replaced; what it had taken and not written is lost.
///
/// ```
/// monitor ─ packets of whole entries ─▶ writer ─▶ RotatingLog
/// ```
final class LogRelay {
  /// So many bytes of entries go in one packet. An entry that is longer, of a line that is all escapes or has long attributes, goes in
  /// several.
  static let packetBytes = 32 << 10
  /// A socket that does not take even so much takes nothing.
  private static let leastPacketBytes = 512
  /// The first writer that dies is replaced at once; those behind it no more often than this.
  private static let pauseNanoseconds: Int64 = 1_000_000_000

  /// What the last byte of a packet says.
  private struct Mark: OptionSet {
    let rawValue: UInt8

    /// Entries begin with it; what came before and has no end gets none.
    static let begins = Mark(rawValue: 1)
    /// Entries end with it.
    static let ends = Mark(rawValue: 2)
  }

  /// The process that writes, and the line to it.
  private final class Writer {
    private let lineFile: FileDescriptor
    private let processFile: FileDescriptor

    init(line: consuming FileDescriptor, process: consuming FileDescriptor) {
      lineFile = line
      processFile = process
    }

    var line: Descriptor { lineFile.descriptor }
    /// A handle on it.
    var process: Descriptor { processFile.descriptor }

    /// Takes its exit status, after a moment if need be.
    func awaitEnd(milliseconds: Int64) {
      var entries = [PollEntry(process, .readable)]
      _ = try? poll(&entries, timeoutMilliseconds: milliseconds)
      _ = try? process.waitForExit(block: false)
    }
  }

  private let settings: LogSettings
  private let limitBytes: Int
  private let packsAtEnd: Bool
  /// Called once, when nobody writes the log for a while.
  private let tellFailure: () -> Void
  private var hasTold = false
  /// Nil after the death of one, until the next may be started.
  private var writer: Writer?
  /// When the next writer may be started, by the monotonic clock.
  private var pauseEnd: Int64 = 0
  private var waiting: [[UInt8]] = []
  private var waitingBytes = 0
  /// How much of what is sent next this writer has already.
  private var sentBytes = 0
  private var pieceBytes = packetBytes

  /// - Parameter packsAtEnd: whether the log outlives the container's end, so that packing what was put aside is worth while.
  init(
    _ settings: LogSettings, limitBytes: Int, packsAtEnd: Bool, tellFailure: @escaping () -> Void
  ) throws(Errno) {
    // A log that cannot be opened is told of here.
    _ = try RotatingLog(settings)
    self.settings = settings
    self.limitBytes = limitBytes
    self.packsAtEnd = packsAtEnd
    self.tellFailure = tellFailure
    writer = try Self.startWriter(settings, packsAtEnd: packsAtEnd)
  }

  /// In the process that writes it does not come back.
  private static func startWriter(_ settings: LogSettings, packsAtEnd: Bool) throws(Errno) -> Writer {
    let pair = try UnixSocket.pair(.packet)
    switch try cloneProcess() {
    case .child: write(settings, pair.takeSecond(), packsAtEnd: packsAtEnd)
    case .parent(_, let handle): return Writer(line: pair.takeFirst(), process: handle)
    }
  }

  /// The writer's life, and its end.
  private static func write(_ settings: LogSettings, _ line: consuming FileDescriptor, packsAtEnd: Bool) -> Never {
    do throws(Errno) {
      // What the monitor has open must not live on here.
      let own = UInt32(bitPattern: line.descriptor.number)
      try ProcessControl.closeDescriptors(from: own + 1, onExec: false)
      if own > 0 { try ProcessControl.closeDescriptors(from: 0, through: own - 1, onExec: false) }
      let log = try RotatingLog(settings)
      var packet = [UInt8](repeating: 0, count: packetBytes + 1)
      var entries = ByteBuffer()
      while true {
        var wait = [PollEntry(line.descriptor, .readable)]
        try poll(&wait, timeoutMilliseconds: log.timeoutMilliseconds)
        log.tick()
        if wait[0].events.isEmpty { continue }
        let count = try line.descriptor.receive(into: &packet).count
        if count == 0 { break }
        let mark = Mark(rawValue: packet[count - 1])
        if mark.contains(.begins) { entries.removeAll() }
        entries.append(packet.span.extracting(0..<(count - 1)))
        if mark.contains(.ends) { log.write(entries, limit: entries.count) }
      }
      log.finish(packs: packsAtEnd)
    } catch {
      // The monitor notices that nobody listens.
    }
    ProcessControl.exit(0)
  }

  /// Hands whole entries over, or lets them wait, or lets them go.
  func send(_ entries: borrowing ByteBuffer, limit: Int) {
    let packet = Array(entries.bytes.prefix(limit))
    if waiting.isEmpty, deliver(packet) { return }
    // What the writer has a part of waits in any case: the rest belongs to it.
    if waitingBytes + packet.count > limitBytes, !waiting.isEmpty || sentBytes == 0 { return }
    waiting.append(packet)
    waitingBytes += packet.count
  }

  /// False while the writer takes no more, or there is none.
  private func deliver(_ packet: [UInt8]) -> Bool {
    if writer == nil { startAnew() }
    while let writer {
      do throws(Errno) {
        try sendRest(of: packet, on: writer.line)
        sentBytes = 0
        return true
      } catch {
        switch error {
        case .wouldBlock: return false
        case .brokenPipe, .connectionReset, .connectionRefused:
          writer.awaitEnd(milliseconds: 100)
          self.writer = nil
          // The next one gets it from its beginning.
          sentBytes = 0
          startAnew()
        case .messageTooLong where pieceBytes > Self.leastPacketBytes: pieceBytes /= 2
        default:
          // No memory for it: these are lost.
          sentBytes = 0
          return true
        }
      }
    }
    return false
  }

  private func sendRest(of packet: [UInt8], on line: Descriptor) throws(Errno) {
    while sentBytes < packet.count {
      let end = min(sentBytes + pieceBytes, packet.count)
      var mark: Mark = []
      if sentBytes == 0 { mark.insert(.begins) }
      if end == packet.count { mark.insert(.ends) }
      var piece: [UInt8] = []
      piece.reserveCapacity(end - sentBytes + 1)
      piece += packet[sentBytes..<end]
      piece.append(mark.rawValue)
      try line.send(piece, wait: false)
      sentBytes = end
    }
  }

  /// Starts a writer in the place of one that has died, if it is time.
  private func startAnew() {
    let now = ClockTime.monotonic().totalNanoseconds
    if now >= pauseEnd {
      pauseEnd = now &+ Self.pauseNanoseconds
      do throws(Errno) {
        writer = try Self.startWriter(settings, packsAtEnd: packsAtEnd)
        return
      } catch {
        // No memory, or no process: the next try may find some.
      }
    }
    if hasTold { return }
    hasTold = true
    tellFailure()
  }

  var waitsFor: PollEntry { PollEntry(waiting.isEmpty ? nil : writer?.line, .writable) }

  /// How long until a writer may be started for what waits; nil where there is one, or nothing waits.
  var timeoutMilliseconds: Int64? {
    guard writer == nil, !waiting.isEmpty else { return nil }
    return max(0, (pauseEnd - ClockTime.monotonic().totalNanoseconds) / 1_000_000 + 1)
  }

  /// Does what the time has come for.
  func tick() {
    if writer == nil { flush() }
  }

  func flush() {
    var sent = 0
    while sent < waiting.count, deliver(waiting[sent]) {
      waitingBytes -= waiting[sent].count
      sent += 1
    }
    waiting.removeFirst(sent)
  }

  /// The writer gets a moment to take what waits; one that still waits for its disk goes on alone.
  func finish() {
    let deadline = ClockTime.monotonic().totalNanoseconds &+ 2_000_000_000
    while !waiting.isEmpty, ClockTime.monotonic().totalNanoseconds < deadline {
      var entries = [waitsFor]
      guard (try? poll(&entries, timeoutMilliseconds: 100)) != nil else { break }
      flush()
    }
    guard let writer else { return }
    try? writer.line.shutdownSending()
    writer.awaitEnd(milliseconds: 2000)
  }
}
