internal import SkiffKernel

/// Keeps a slow disk from holding up the container (`mode=non-blocking`): a process of its own writes the log, and may wait for the disk
/// as long as it must. What it has not taken yet waits here, up to a limit; what is beyond is lost, as with docker.
///
/// ```
/// monitor ─ packets of whole entries ─▶ writer ─▶ RotatingLog
/// ```
final class LogRelay {
  /// So many bytes of entries go in one packet: a socket takes less than 200 KiB at once.
  static let packetBytes = 32 << 10
  /// The longest entry, of a line that is all escapes and attributes without end.
  private static let receiveBytes = 256 << 10

  private let line: FileDescriptor
  private let writer: FileDescriptor
  private let limitBytes: Int
  private var waiting: [[UInt8]] = []
  private var waitingBytes = 0

  init(_ settings: LogSettings, limitBytes: Int) throws(Errno) {
    // A log that cannot be opened is told of here.
    _ = try RotatingLog(settings)
    let pair = try UnixSocket.pair(.packet)
    self.limitBytes = limitBytes
    guard let writer = try Self.startWriter(settings, pair.second.descriptor) else { throw .noSuchProcess }
    self.writer = writer
    line = pair.takeFirst()
  }

  /// The handle of the process that writes; in that process itself it does not come back.
  private static func startWriter(_ settings: LogSettings, _ line: Descriptor) throws(Errno) -> FileDescriptor? {
    switch try cloneProcess() {
    case .child:
      write(settings, line)
      return nil
    case .parent(_, let handle): return handle
    }
  }

  /// The writer's life, and its end.
  private static func write(_ settings: LogSettings, _ line: Descriptor) {
    do throws(Errno) {
      // What the monitor has open must not live on here.
      let own = UInt32(bitPattern: line.number)
      try ProcessControl.closeDescriptors(from: own + 1, onExec: false)
      if own > 0 { try ProcessControl.closeDescriptors(from: 0, through: own - 1, onExec: false) }
      let log = try RotatingLog(settings)
      var packet = [UInt8](repeating: 0, count: receiveBytes)
      var entries = ByteBuffer()
      while true {
        var wait = [PollEntry(line, .readable)]
        try poll(&wait, timeoutMilliseconds: log.timeoutMilliseconds)
        log.tick()
        if wait[0].events.isEmpty { continue }
        let count = try line.receive(into: &packet).count
        if count == 0 { break }
        entries.removeAll()
        entries.append(packet.span.extracting(0..<count))
        log.write(entries, limit: count)
      }
      log.finish(packs: true)
    } catch {
      // Nobody is left who could be told.
    }
    ProcessControl.exit(0)
  }

  /// Hands whole entries over, or lets them wait, or lets them go.
  func send(_ entries: borrowing ByteBuffer, limit: Int) {
    let packet = Array(entries.bytes.prefix(limit))
    if waiting.isEmpty, deliver(packet) { return }
    if waitingBytes + packet.count > limitBytes { return }
    waiting.append(packet)
    waitingBytes += packet.count
  }

  /// False while the writer takes no more; what a writer that has died would have got is lost.
  private func deliver(_ packet: [UInt8]) -> Bool {
    do throws(Errno) {
      try line.descriptor.send(packet, wait: false)
      return true
    } catch {
      return error != .wouldBlock
    }
  }

  var waitsFor: PollEntry { PollEntry(waiting.isEmpty ? nil : line.descriptor, .writable) }

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
      var entries = [PollEntry(line.descriptor, .writable)]
      guard (try? poll(&entries, timeoutMilliseconds: 100)) != nil else { break }
      flush()
    }
    try? line.descriptor.shutdownSending()
    var entries = [PollEntry(writer.descriptor, .readable)]
    _ = try? poll(&entries, timeoutMilliseconds: 2000)
    _ = try? writer.descriptor.waitForExit(block: false)
  }
}
