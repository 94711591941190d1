internal import CLinux

/// The part of the kernel that a netlink socket talks to (netlink(7)).
package enum NetlinkFamily: UInt, Sendable {
  /// Links, addresses, routes (rtnetlink(7)).
  case route = 0
  /// Packet filters (nfnetlink).
  case netfilter = 12
}

/// Flags of a netlink message's header; a few bits mean different things in questions to get and to make.
package struct NetlinkFlags: OptionSet, Equatable, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  package static let request = NetlinkFlags(rawValue: 0x001)
  /// Wants an answer even where there is nothing to say (NLM_F_ACK).
  package static let acknowledge = NetlinkFlags(rawValue: 0x004)
  /// The listing changed while it was read (NLM_F_DUMP_INTR).
  package static let interrupted = NetlinkFlags(rawValue: 0x010)
  /// Wants all of a kind.
  package static let dump = NetlinkFlags(rawValue: 0x300)
  /// Refuse if it is there already.
  package static let exclusive = NetlinkFlags(rawValue: 0x200)
  /// Make it if it is not there.
  package static let create = NetlinkFlags(rawValue: 0x400)
  /// Add at the end.
  package static let append = NetlinkFlags(rawValue: 0x800)
}

/// A netlink message: what is asked, or what came back. The socket adds length, sequence number and NLM_F_REQUEST.
package struct NetlinkMessage: Equatable, Sendable {
  package var type: UInt16
  package var flags: NetlinkFlags
  /// What follows the header: the family's own header and the attributes.
  package var payload: [UInt8]

  package init(type: UInt16, flags: NetlinkFlags, payload: [UInt8]) {
    self.type = type
    self.flags = flags
    self.payload = payload
  }
}

/// The kernel refused a message.
package struct NetlinkRefusal: Error, Equatable, Sendable {
  package let errno: Errno
  /// The kernel's own sentence, where it has one (extended acknowledgement).
  package let words: String?
  /// Which of the messages sent together; nil when the exchange itself failed.
  package let messageIndex: Int?

  package init(errno: Errno, words: String? = nil, messageIndex: Int? = nil) {
    self.errno = errno
    self.words = words
    self.messageIndex = messageIndex
  }
}

/// A conversation with the kernel over netlink (netlink(7)).
///
/// The socket belongs to the network namespace that the calling thread was in when it was made, wherever the thread goes later.
/// The kernel answers inside the sending call, so receiving never waits: an answer that is missing is an error, not a hang.
package struct NetlinkSocket: ~Copyable, Sendable {
  /// More than this in answer to one send is refused (EFBIG).
  private static let answerLimitBytes = 32 << 20
  /// The kernel's pieces of a listing are no longer than the buffer that it has seen.
  private static let bufferBytes = 16384
  private static let listingTries = 8

  private let socket: FileDescriptor
  private var nextSequence: UInt32 = 1
  private var buffer: [UInt8]

  /// Opens a socket in the calling thread's network namespace (socket(2), AF_NETLINK).
  package init(_ family: NetlinkFamily) throws(Errno) {
    let netlink: UInt = 16
    let rawCloseOnExec: UInt = 3 | 0o2000000
    let made = FileDescriptor(adopting: Int32(try systemCall(__NR_socket, netlink, rawCloseOnExec, family.rawValue)))
    let shortAcknowledgements: UInt = 10
    let explainedErrors: UInt = 11
    try Self.setOption(explainedErrors, of: made.descriptor)
    try Self.setOption(shortAcknowledgements, of: made.descriptor)
    socket = made
    buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
  }

  private static let netlinkLevel: UInt = 270

  private static func setOption(
    _ option: UInt, of socket: Descriptor, level: UInt = netlinkLevel, to value: Int32 = 1
  ) throws(Errno) {
    let number = socket.number
    var value = value
    try checked(
      unsafe withUnsafeMutableBytes(of: &value) {
        rawSystemCall(__NR_setsockopt, number.register, level, option, UInt(bitPattern: $0.baseAddress), UInt($0.count))
      })
  }

  /// Makes room for a datagram that is larger than a socket's usual buffer (SO_SNDBUFFORCE, socket(7)).
  private func makeRoom(forBytes count: Int) {
    let usualBufferBytes = 160 << 10
    guard count > usualBufferBytes else { return }
    let (socketLevel, forcedSendBuffer): (UInt, UInt) = (1, 32)
    // Where it may not be made larger, sending says that the message is too long.
    try? Self.setOption(forcedSendBuffer, of: socket.descriptor, level: socketLevel, to: Int32(clamping: count &* 2))
  }

  /// Sends messages in one call and gives what the kernel answered to each, in their order.
  ///
  /// The kernel takes them one after the other and goes on after a refusal (a netfilter batch is all or nothing);
  /// the refusal of the first is thrown. A message that neither wants an acknowledgement nor lists is not waited for.
  @discardableResult
  package mutating func perform(_ messages: [NetlinkMessage]) throws(NetlinkRefusal) -> [[NetlinkMessage]] {
    var refusals: [NetlinkRefusal] = []
    let answers = try exchange(messages, refusals: &refusals)
    if let first = refusals.first { throw first }
    return answers
  }

  /// Sends one message and gives what the kernel answered; a listing that changed while it was read is read again.
  @discardableResult
  package mutating func perform(_ message: NetlinkMessage) throws(NetlinkRefusal) -> [NetlinkMessage] {
    var triesLeft = Self.listingTries
    while true {
      let answers = try perform([message]).first ?? []
      guard answers.contains(where: { $0.flags.contains(.interrupted) }) else { return answers }
      triesLeft -= 1
      if triesLeft == 0 { throw NetlinkRefusal(errno: .interrupted) }
    }
  }

  /// As `perform`, with every refusal handed back in the order of the messages, for callers to whom some are welcome.
  package mutating func exchange(
    _ messages: [NetlinkMessage], refusals: inout [NetlinkRefusal]
  ) throws(NetlinkRefusal) -> [[NetlinkMessage]] {
    guard !messages.isEmpty else { return [] }
    let first = nextSequence
    // Wrapping is harmless: only nearness of the numbers of one exchange is used.
    nextSequence = nextSequence &+ UInt32(truncatingIfNeeded: messages.count)
    var pending = PendingAnswers(messages: messages, firstSequence: first)
    do throws(Errno) {
      try send(messages, firstSequence: first)
      try receive(&pending)
    } catch {
      throw NetlinkRefusal(errno: error)
    }
    refusals = pending.refusals.sorted { ($0.messageIndex ?? 0) < ($1.messageIndex ?? 0) }
    guard pending.awaited.isEmpty || !refusals.isEmpty else {
      throw NetlinkRefusal(errno: .inputOutput, words: "the kernel gave no answer")
    }
    return pending.answers
  }

  private func send(_ messages: [NetlinkMessage], firstSequence: UInt32) throws(Errno) {
    var bytes: [UInt8] = []
    for (index, message) in messages.enumerated() {
      bytes.appendNetlink(message, sequence: firstSequence &+ UInt32(truncatingIfNeeded: index))
    }
    makeRoom(forBytes: bytes.count)
    let number = socket.number
    while true {
      let answer = unsafe bytes.withUnsafeBytes {
        rawSystemCall(__NR_sendto, number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count))
      }
      if answer == -Int(Errno.interrupted.code) { continue }
      // A datagram goes whole or not at all.
      try checked(answer)
      return
    }
  }

  private mutating func receive(_ pending: inout PendingAnswers) throws(Errno) {
    var total = 0
    while !pending.awaited.isEmpty {
      guard let count = try receiveDatagram() else { return }
      total += count
      if total > Self.answerLimitBytes { throw .fileTooLarge }
      try pending.take(buffer.span.extracting(first: count))
    }
  }

  /// The size of the next datagram from the kernel; nil when there is none.
  private mutating func receiveDatagram() throws(Errno) -> Int? {
    let number = socket.number
    let dontWait: UInt = 0x40
    let tellRealSize: UInt = 0x20
    while true {
      // struct sockaddr_nl: family and padding, port, groups.
      var sender: (UInt32, UInt32, UInt32) = (0, 0, 0)
      var senderSize: UInt32 = 12
      let answer = unsafe buffer.withUnsafeMutableBytes { buffer in
        unsafe withUnsafeMutableBytes(of: &sender) { sender in
          unsafe withUnsafeMutableBytes(of: &senderSize) {
            rawSystemCall(
              __NR_recvfrom, number.register, UInt(bitPattern: buffer.baseAddress), UInt(buffer.count),
              dontWait | tellRealSize, UInt(bitPattern: sender.baseAddress), UInt(bitPattern: $0.baseAddress))
          }
        }
      }
      if answer == -Int(Errno.interrupted.code) { continue }
      if answer == -Int(Errno.wouldBlock.code) { return nil }
      let count = try checked(answer)
      // Port 0 is the kernel; another process may be allowed to send here, and is not believed.
      guard sender.1 == 0 else { continue }
      if count > buffer.count { throw .overflow }
      return count
    }
  }
}

/// What has come back so far to messages that were sent together.
package struct PendingAnswers {
  private static let headerBytes = 16

  package private(set) var answers: [[NetlinkMessage]]
  package private(set) var refusals: [NetlinkRefusal] = []
  /// Messages whose last word is still to come.
  package private(set) var awaited: Set<Int> = []
  private let firstSequence: UInt32

  package init(messages: [NetlinkMessage], firstSequence: UInt32) {
    self.firstSequence = firstSequence
    answers = Array(repeating: [], count: messages.count)
    for (index, message) in messages.enumerated()
    where message.flags.contains(.acknowledge) || message.flags.contains(.dump) {
      awaited.insert(index)
    }
  }

  /// Sorts one datagram's messages to the questions that they answer.
  package mutating func take(_ datagram: Span<UInt8>) throws(Errno) {
    var offset = 0
    while datagram.count - offset >= Self.headerBytes {
      let length = Int(datagram.netlinkUInt32(at: offset))
      guard length >= Self.headerBytes, length <= datagram.count - offset else { throw .badMessage }
      let type = datagram.netlinkUInt16(at: offset + 4)
      let flags = NetlinkFlags(rawValue: datagram.netlinkUInt16(at: offset + 6))
      let index = Int(datagram.netlinkUInt32(at: offset + 8) &- firstSequence)
      // Late words on an earlier exchange are nobody's any more.
      if answers.indices.contains(index) {
        take(
          datagram.extracting((offset + Self.headerBytes)..<(offset + length)), type: type, flags: flags, index: index)
      }
      offset += (length + 3) & ~3
    }
  }

  private mutating func take(_ payload: Span<UInt8>, type: UInt16, flags: NetlinkFlags, index: Int) {
    let nothing: UInt16 = 1
    let error: UInt16 = 2
    let done: UInt16 = 3
    switch type {
    case nothing:
      break
    case error, done:
      awaited.remove(index)
      // A listing's end carries an error number only if it went wrong.
      let code = payload.count >= 4 ? Int32(bitPattern: payload.netlinkUInt32(at: 0)) : 0
      guard code < 0 else { return }
      let words = type == error ? Self.words(payload, flags: flags) : nil
      refusals.append(NetlinkRefusal(errno: Errno(0 &- code), words: words, messageIndex: index))
    default:
      var bytes: [UInt8] = []
      bytes.reserveCapacity(payload.count)
      for position in payload.indices { bytes.append(payload[position]) }
      answers[index].append(NetlinkMessage(type: type, flags: flags, payload: bytes))
    }
  }

  /// The sentence in an error's attributes: number (4 bytes), the refused header (16), the refused payload unless capped, attributes.
  private static func words(_ payload: Span<UInt8>, flags: NetlinkFlags) -> String? {
    let capped = NetlinkFlags(rawValue: 0x100)
    let hasAttributes = NetlinkFlags(rawValue: 0x200)
    let messageAttribute: UInt16 = 1
    let wordsLimitBytes = 512
    guard flags.contains(hasAttributes), payload.count >= 20 else { return nil }
    var offset = 20
    if !flags.contains(capped) {
      let refusedLength = Int(payload.netlinkUInt32(at: 4))
      guard refusedLength >= headerBytes else { return nil }
      offset += (refusedLength - headerBytes + 3) & ~3
    }
    while offset <= payload.count - 4 {
      let length = Int(payload.netlinkUInt16(at: offset))
      guard length >= 4, length <= payload.count - offset else { return nil }
      if payload.netlinkUInt16(at: offset + 2) & 0x3FFF == messageAttribute {
        var text: [UInt8] = []
        for position in (offset + 4)..<(offset + length) {
          if payload[position] == 0 || text.count == wordsLimitBytes { break }
          text.append(payload[position])
        }
        return String(decoding: text, as: UTF8.self)
      }
      offset += (length + 3) & ~3
    }
    return nil
  }
}

extension [UInt8] {
  /// Appends a whole message: header, payload, padding to a multiple of four.
  fileprivate mutating func appendNetlink(_ message: NetlinkMessage, sequence: UInt32) {
    let length = UInt32(truncatingIfNeeded: 16 + message.payload.count)
    let flags = message.flags.union(.request).rawValue
    appendLittleEndian(length)
    append(UInt8(truncatingIfNeeded: message.type))
    append(UInt8(truncatingIfNeeded: message.type >> 8))
    append(UInt8(truncatingIfNeeded: flags))
    append(UInt8(truncatingIfNeeded: flags >> 8))
    appendLittleEndian(sequence)
    // Port 0: the kernel gives the socket one at its first send.
    appendLittleEndian(0)
    append(contentsOf: message.payload)
    while count & 3 != 0 { append(0) }
  }

  /// Netlink speaks the machine's own byte order, and every machine of ours is little-endian.
  private mutating func appendLittleEndian(_ value: UInt32) {
    append(UInt8(truncatingIfNeeded: value))
    append(UInt8(truncatingIfNeeded: value >> 8))
    append(UInt8(truncatingIfNeeded: value >> 16))
    append(UInt8(truncatingIfNeeded: value >> 24))
  }
}

extension Span<UInt8> {
  /// Two bytes in the machine's order; the caller has checked that they are there.
  fileprivate func netlinkUInt16(at offset: Int) -> UInt16 {
    UInt16(self[offset]) | UInt16(self[offset + 1]) << 8
  }

  /// Four bytes in the machine's order; the caller has checked that they are there.
  fileprivate func netlinkUInt32(at offset: Int) -> UInt32 {
    UInt32(netlinkUInt16(at: offset)) | UInt32(netlinkUInt16(at: offset + 2)) << 16
  }
}
