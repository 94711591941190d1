package import SkiffKernel
internal import SkiffSpec

/// Sends entries to journald by its own protocol (systemd's «Native Journal Protocol»), with docker's names of fields.
///
/// It never waits for a journal that is behind: what that does not take waits here. Without a limit the container's output is not read
/// while too much does (`isFull`), and nothing is lost; with one, what is beyond it is lost.
package final class JournalLog {
  private let socketPath: String
  private let fields: [UInt8]
  private let limitBytes: Int?
  private var socket: FileDescriptor?
  private var message = ByteBuffer()
  private var waiting: [ByteBufferBox] = []
  private var waitingBytes = 0
  private let epoch: String
  private var ordinal: UInt64 = 0
  /// Parts of one line share an id, by stream.
  private var parts: [Bool: (id: String, ordinal: Int)] = [:]

  /// So many bytes may wait before the container's output is held back.
  private static let fullBytes = 1 << 20
  /// A journal that takes nothing for so long is not waited for at the end.
  private static let patienceNanoseconds: Int64 = 2_000_000_000

  private final class ByteBufferBox {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
  }

  package init(_ settings: LogSettings) {
    socketPath = settings.journalSocket
    limitBytes = settings.bufferBytes
    var buffer = ByteBuffer()
    for (key, value) in settings.fields { Self.append(key, Array(value.utf8), to: &buffer) }
    fields = buffer.bytes
    epoch = Self.makeID()
  }

  private static func makeID() -> String {
    (try? TemporaryName.make(prefix: ""))?.text ?? ""
  }

  /// A field whose value may hold anything: its length stands before it, eight bytes, the lowest first.
  private static func append(_ key: String, _ value: [UInt8], to buffer: inout ByteBuffer) {
    buffer.append(Array(key.utf8))
    guard value.contains(0x0A) else {
      buffer.append(UInt8(ascii: "="))
      buffer.append(value)
      buffer.append(0x0A)
      return
    }
    buffer.append(0x0A)
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      buffer.append(UInt8(truncatingIfNeeded: UInt64(value.count) >> shift))
    }
    buffer.append(value)
    buffer.append(0x0A)
  }

  private func append(_ text: String) {
    message.append(Array(text.utf8))
  }

  /// Sends a line, without its line feed.
  package func send(_ line: Span<UInt8>, isError: Bool, isPart: Bool, isLast: Bool) {
    ordinal += 1
    message.removeAll()
    append("PRIORITY=\(isError ? 3 : 6)\nMESSAGE=")
    message.append(line)
    message.append(0x0A)
    message.append(fields)
    let now = ClockTime.now()
    append(
      "SYSLOG_TIMESTAMP=\(Timestamp(seconds: now.seconds, nanoseconds: now.nanoseconds).text)\nCONTAINER_LOG_EPOCH=\(epoch)\nCONTAINER_LOG_ORDINAL=\(ordinal)\n"
    )
    if isPart || isLast {
      let part = parts[isError] ?? (Self.makeID(), 0)
      append(
        "CONTAINER_PARTIAL_ID=\(part.id)\nCONTAINER_PARTIAL_ORDINAL=\(part.ordinal + 1)\nCONTAINER_PARTIAL_LAST=\(isPart ? "false" : "true")\n"
      )
      if isPart { append("CONTAINER_PARTIAL_MESSAGE=true\n") }
      parts[isError] = isPart ? (part.id, part.ordinal + 1) : nil
    }
    if waiting.isEmpty, deliver() { return }
    if let limitBytes, waitingBytes + message.count > limitBytes { return }
    waiting.append(ByteBufferBox(message.bytes))
    waitingBytes += message.count
  }

  /// False while the journal takes no more. A journal that is not there loses what is said to it, as docker's does.
  private func deliver() -> Bool {
    var triesLeft = 2
    while triesLeft > 0 {
      triesLeft -= 1
      do throws(Errno) {
        let socket = try connected()
        try socket.send(message, wait: false)
        return true
      } catch {
        if error == .wouldBlock { return false }
        // It was started anew meanwhile: a new socket is behind the name.
        self.socket = nil
      }
    }
    return true
  }

  private func connected() throws(Errno) -> Descriptor {
    if socket == nil { socket = try UnixSocket.connect(to: socketPath, type: .datagram) }
    switch socket {
    case .some(let socket): return socket.descriptor
    case .none: throw .notFound
    }
  }

  package var waitsFor: PollEntry {
    guard !waiting.isEmpty, let socket = try? connected() else { return PollEntry(nil, []) }
    return PollEntry(socket, .writable)
  }

  package func flush() {
    var sent = 0
    for box in waiting {
      message.removeAll()
      message.append(box.bytes)
      guard deliver() else { break }
      waitingBytes -= box.bytes.count
      sent += 1
    }
    waiting.removeFirst(sent)
  }

  /// Whether the container's output must wait.
  package var isFull: Bool { limitBytes == nil && waitingBytes >= Self.fullBytes }

  /// At the end of the container: waits until more may wait again. False where the journal takes nothing.
  package func makeRoom() -> Bool {
    if isFull { settle(to: Self.fullBytes / 2) }
    return !isFull
  }

  /// What waits gets a moment, and another as long as some of it is taken.
  package func finish() { settle(to: 0) }

  private func settle(to limit: Int) {
    var deadline = ClockTime.monotonic().totalNanoseconds &+ Self.patienceNanoseconds
    while waitingBytes > limit, ClockTime.monotonic().totalNanoseconds < deadline {
      let before = waitingBytes
      flush()
      if waitingBytes < before {
        deadline = ClockTime.monotonic().totalNanoseconds &+ Self.patienceNanoseconds
        continue
      }
      var entries = [waitsFor]
      guard (try? poll(&entries, timeoutMilliseconds: 100)) != nil else { return }
    }
  }
}
