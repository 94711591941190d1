internal import SkiffKernel

/// A conversation over D-Bus on one Unix socket: calls that wait for their answers, and the signals that come in between.
///
/// ```
/// 0 AUTH EXTERNAL ␍␊ DATA ␍␊ BEGIN ␍␊   ───▶   who we are, the kernel tells (SO_PEERCRED): the same in a user namespace
///                                       ◀───   DATA ␍␊ OK guid ␍␊
/// messages                              ◀──▶   messages
/// ```
package final class BusConnection {
  /// How long an answer may take; starting a unit can wait for others.
  static let limitMilliseconds: Int64 = 30_000
  private static let signalLimit = 4096
  private static let greetingLimitBytes = 4096

  private let socket: FileDescriptor
  private var lastSerial: UInt32 = 0
  private var received: [UInt8] = []
  private var signals: [BusMessage] = []

  /// Connects to the socket at `path` and is let in.
  package init(path: String) throws(BusError) {
    do throws(Errno) {
      socket = try UnixSocket.connect(to: path, type: .stream)
      try socket.descriptor.send(Array("\0AUTH EXTERNAL\r\nDATA\r\n".utf8))
    } catch {
      throw .lost("cannot connect to \(path): \(error)")
    }
    try authenticate()
  }

  private func authenticate() throws(BusError) {
    let deadline = Self.now() + Self.limitMilliseconds
    while true {
      let line = try readLine(deadline)
      if line.hasPrefix("OK") { break }
      // The question who we claim to be; the empty answer has been sent.
      if line == "DATA" { continue }
      throw .notAuthenticated(line)
    }
    try send(Array("BEGIN\r\n".utf8))
  }

  private func readLine(_ deadline: Int64) throws(BusError) -> String {
    while true {
      if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        let line = received[..<end].filter { $0 != UInt8(ascii: "\r") }
        received.removeSubrange(...end)
        return String(decoding: line, as: UTF8.self)
      }
      if received.count > Self.greetingLimitBytes { throw .malformed }
      try receiveMore(deadline)
    }
  }

  /// Calls a method and gives the values of its answer.
  @discardableResult
  package func call(
    _ member: String, of interface: String, on path: String, at destination: String, _ arguments: [BusValue] = []
  ) throws(BusError) -> [BusValue] {
    var message = BusMessage(.call)
    message.path = path
    message.interface = interface
    message.member = member
    message.destination = destination
    message.body = arguments
    lastSerial &+= 1
    message.serial = lastSerial
    try send(message.serialized())
    let deadline = Self.now() + Self.limitMilliseconds
    while true {
      guard let answer = try receive(deadline) else { continue }
      switch answer.kind {
      case .reply where answer.replySerial == lastSerial: return answer.body
      case .error where answer.replySerial == lastSerial:
        throw .refused(name: answer.errorName ?? "", words: answer.body.first?.text ?? "")
      default: keep(answer)
      }
    }
  }

  /// Waits for a signal that `chosen` takes; those that came before count too.
  package func signal(where chosen: (BusMessage) -> Bool) throws(BusError) -> BusMessage {
    let deadline = Self.now() + Self.limitMilliseconds
    while true {
      if let index = signals.firstIndex(where: chosen) { return signals.remove(at: index) }
      signals.removeAll()
      if let message = try receive(deadline) { keep(message) }
    }
  }

  private func keep(_ message: BusMessage) {
    guard message.kind == .signal else { return }
    if signals.count >= Self.signalLimit { signals.removeFirst() }
    signals.append(message)
  }

  // MARK: The wire

  private static func now() -> Int64 { ClockTime.monotonic().totalNanoseconds / 1_000_000 }

  private func send(_ bytes: [UInt8]) throws(BusError) {
    var rest = bytes
    do throws(Errno) {
      while !rest.isEmpty { rest.removeFirst(try socket.descriptor.send(rest)) }
    } catch {
      throw .lost("D-Bus has gone: \(error)")
    }
  }

  private func receive(_ deadline: Int64) throws(BusError) -> BusMessage? {
    while true {
      if received.count >= BusMessage.preludeBytes {
        let length = try BusMessage.length(of: received[...])
        if received.count >= length {
          let message = try BusMessage.parse(received[..<length])
          received.removeFirst(length)
          return message
        }
      }
      try receiveMore(deadline)
    }
  }

  private func receiveMore(_ deadline: Int64) throws(BusError) {
    var buffer = [UInt8](repeating: 0, count: 65536)
    do throws(Errno) {
      while true {
        let left = deadline - Self.now()
        if left <= 0 { throw .timedOut }
        var entries = [PollEntry(socket.descriptor, .readable)]
        if try poll(&entries, timeoutMilliseconds: left) > 0 { break }
      }
      let (count, file) = try socket.descriptor.receive(into: &buffer)
      // Nobody was asked for a file.
      if let file { _ = FileDescriptor(adopting: file) }
      if count == 0 { throw .connectionReset }
      received.append(contentsOf: buffer[..<count])
    } catch {
      throw .lost("no answer on D-Bus: \(error)")
    }
  }
}
