package import SkiffKernel

/// Carries what comes to sockets of the host on to a container, while the container lives.
///
/// The firewall leads packets from outside straight to the container; this is for what begins on the host itself, its loopback
/// first of all, and on neighbours of the container's bridge. Having the sockets open also keeps the ports from being taken by
/// anybody else. It parses nothing, and runs as nobody.
///
/// ```
/// listening socket ──accept──▶ client ◀──bytes──▶ server ──▶ container:port      TCP, a pair of sockets for each connection
/// datagram socket  ──────────▶ a socket for each sender ───▶ container:port      UDP, forgotten after a silence
/// ```
package struct PortForwarder {
  /// A socket of the host, and where what comes to it goes.
  package struct Entrance: Sendable {
    var kind: InternetSocket.Kind
    var socket: Descriptor
    var target: InternetEnd

    package init(kind: InternetSocket.Kind, socket: Descriptor, target: InternetEnd) {
      self.kind = kind
      self.socket = socket
      self.target = target
    }
  }

  private let container: Descriptor
  private let entrances: [Entrance]
  private var connections: [Connection] = []
  private var conversations: [Conversation] = []
  private var buffer = [UInt8](repeating: 0, count: 65_536)
  private let connectionLimit: Int
  private let conversationLimit: Int
  /// When connections are accepted again, by the monotonic clock; nil where they are.
  private var restsUntil: Int64?

  private static let mostConnections = 1024
  private static let mostConversations = 1024
  private static let silenceMilliseconds: Int64 = 90_000
  /// How long nothing is accepted when the machine has no file, or no memory, for one more.
  private static let restMilliseconds: Int64 = 100
  /// After so much silence the other end of a connection is asked whether it is still there.
  private static let keepAliveSeconds: Int32 = 60

  /// - Parameters:
  ///   - container: a handle on its first process; its end is the end of this.
  ///   - openFileLimit: how many files this process may have open.
  package init(container: Descriptor, entrances: [Entrance], openFileLimit: UInt64) {
    self.container = container
    self.entrances = entrances
    // The standard streams, the container, and some that come and go.
    let others = 16
    let spare = max(4, Int(clamping: openFileLimit) - others - entrances.count)
    // Half of them for connections, of two files each; the other half for conversations.
    connectionLimit = min(Self.mostConnections, spare / 4)
    conversationLimit = min(Self.mostConversations, spare / 2)
    for entrance in entrances {
      switch entrance.kind {
      // Its connections inherit it.
      case .stream: try? entrance.socket.keepAlive(afterSeconds: Self.keepAliveSeconds)
      case .datagram: try? entrance.socket.tellDestinations()
      }
    }
  }

  /// Runs until the container has ended.
  package mutating func run() throws(Errno) {
    while true {
      var entries = [PollEntry(container, .readable)]
      let mayAccept = !isResting() && connections.count < connectionLimit
      for entrance in entrances {
        entries.append(PollEntry(entrance.kind == .datagram || mayAccept ? entrance.socket : nil, .readable))
      }
      for connection in connections { entries += connection.wishes }
      for conversation in conversations { entries.append(PollEntry(conversation.socket, .readable)) }
      try poll(&entries, timeoutMilliseconds: patience)
      if !entries[0].events.isEmpty { return }
      serve(entries)
    }
  }

  /// How long may be waited; nil for ever.
  private var patience: Int64? {
    if restsUntil != nil { return Self.restMilliseconds }
    return conversations.isEmpty ? nil : Self.silenceMilliseconds
  }

  private mutating func isResting() -> Bool {
    guard let end = restsUntil else { return false }
    if Self.now() < end { return true }
    restsUntil = nil
    return false
  }

  private static func now() -> Int64 { ClockTime.monotonic().totalNanoseconds / 1_000_000 }

  private mutating func serve(_ entries: [PollEntry]) {
    var place = 1 + entrances.count
    for connection in connections {
      connection.serve(client: entries[place].events, server: entries[place + 1].events)
      place += 2
    }
    let now = Self.now()
    for conversation in conversations {
      if !entries[place].events.isEmpty { conversation.answer(&buffer, now) }
      place += 1
    }
    connections.removeAll(where: \.isOver)
    conversations.removeAll { $0.isOver || now - $0.lastHeard > Self.silenceMilliseconds }
    for (index, entrance) in entrances.enumerated() where !entries[1 + index].events.isEmpty {
      switch entrance.kind {
      case .stream: accept(entrance)
      case .datagram: hear(entrance, now)
      }
    }
  }

  private mutating func accept(_ entrance: Entrance) {
    while connections.count < connectionLimit {
      do throws(Errno) {
        guard let client = try entrance.socket.acceptWaiting() else { return }
        let server = try InternetSocket.connect(.stream, to: entrance.target)
        try? server.descriptor.keepAlive(afterSeconds: Self.keepAliveSeconds)
        connections.append(Connection(client: client, server: server))
      } catch {
        // One that went away again, or no more files for now: the others go on.
        switch error {
        // It still waits: asked for at once, it would wake us again and again.
        case .tooManyFiles, .fileTableFull, .noMemory, .noBuffers: restsUntil = Self.now() + Self.restMilliseconds
        default: break
        }
        return
      }
    }
  }

  private mutating func hear(_ entrance: Entrance, _ now: Int64) {
    // Not for ever: the others wait.
    for _ in 0..<64 {
      do throws(Errno) {
        guard let (count, sender, asked) = try entrance.socket.receiveDatagram(into: &buffer) else { return }
        let known = conversations.first {
          $0.sender == sender && $0.asked == asked && $0.entrance == entrance.socket
        }
        let conversation: Conversation
        if let known {
          conversation = known
        } else {
          let socket = try InternetSocket.connect(.datagram, to: entrance.target)
          if conversations.count >= conversationLimit { conversations.removeFirst() }
          conversation = Conversation(socket, sender: sender, asked: asked, entrance: entrance.socket)
          conversations.append(conversation)
        }
        conversation.lastHeard = now
        _ = try conversation.socket.sendSome(buffer[..<count])
      } catch {
        // A datagram may be lost; that nobody listens inside is told to its sender by nobody, as on any network.
      }
    }
  }
}

/// A connection of TCP and the one that it is carried on by.
private final class Connection {
  private let client: FileDescriptor
  private let server: FileDescriptor
  private var isConnected = false
  private(set) var isOver = false
  private var toServer = Stream()
  private var toClient = Stream()

  init(client: consuming FileDescriptor, server: consuming FileDescriptor) {
    self.client = client
    self.server = server
  }

  /// What was read on one side and not written on the other yet.
  private struct Stream {
    var bytes: [UInt8] = []
    var sent = 0
    /// The reading side has said everything.
    var hasEnded = false
    /// The writing side was told so.
    var isClosed = false

    var pending: ArraySlice<UInt8> { bytes[sent...] }
    var wantsMore: Bool { !hasEnded && sent == bytes.count }
  }

  /// What is to be waited for on either side.
  var wishes: [PollEntry] {
    guard isConnected else { return [PollEntry(nil, []), PollEntry(server.descriptor, .writable)] }
    return [
      wish(client.descriptor, reading: toServer, writing: toClient),
      wish(server.descriptor, reading: toClient, writing: toServer),
    ]
  }

  private func wish(_ socket: Descriptor, reading: Stream, writing: Stream) -> PollEntry {
    var events: PollEvents = []
    if reading.wantsMore { events.insert(.readable) }
    if !writing.pending.isEmpty { events.insert(.writable) }
    // A side of which nothing is wanted would wake us with its end again and again.
    return PollEntry(events.isEmpty ? nil : socket, events)
  }

  func serve(client clientEvents: PollEvents, server serverEvents: PollEvents) {
    guard !clientEvents.isEmpty || !serverEvents.isEmpty else { return }
    do throws(Errno) {
      if !isConnected {
        if let failure = try server.descriptor.connectionFailure() { throw failure }
        isConnected = true
        return
      }
      try Self.carry(&toServer, from: client.descriptor, to: server.descriptor)
      try Self.carry(&toClient, from: server.descriptor, to: client.descriptor)
      isOver = toServer.isClosed && toClient.isClosed
    } catch {
      // Either side is gone: both are closed, as the other side would see it without us.
      isOver = true
    }
  }

  private static let pieceBytes = 65_536

  private static func carry(_ stream: inout Stream, from source: Descriptor, to target: Descriptor) throws(Errno) {
    if stream.wantsMore {
      var piece = [UInt8](repeating: 0, count: pieceBytes)
      do throws(Errno) {
        let count = try source.read(into: &piece)
        if count == 0 {
          stream.hasEnded = true
        } else {
          stream.bytes = Array(piece[..<count])
          stream.sent = 0
        }
      } catch {
        guard error == .wouldBlock else { throw error }
      }
    }
    while !stream.pending.isEmpty {
      let count = try target.sendSome(stream.pending)
      if count == 0 { return }
      stream.sent += count
    }
    stream.bytes = []
    stream.sent = 0
    if stream.hasEnded, !stream.isClosed {
      stream.isClosed = true
      try target.shutdownSending()
    }
  }
}

/// What one sender of datagrams says to the container, and the answers.
private final class Conversation {
  let sender: InternetEnd
  /// The address of the host that the sender speaks to: it takes answers from no other.
  let asked: UInt32?
  let entrance: Descriptor
  var lastHeard: Int64 = 0
  private(set) var isOver = false
  private let file: FileDescriptor

  init(_ file: consuming FileDescriptor, sender: InternetEnd, asked: UInt32?, entrance: Descriptor) {
    self.file = file
    self.sender = sender
    self.asked = asked
    self.entrance = entrance
  }

  var socket: Descriptor { file.descriptor }

  func answer(_ buffer: inout [UInt8], _ now: Int64) {
    for _ in 0..<64 {
      do throws(Errno) {
        guard let count = try socket.receiveDatagram(into: &buffer)?.count else { return }
        lastHeard = now
        try entrance.sendDatagram(buffer[..<count], to: sender, from: asked)
      } catch {
        // Nobody listens inside (an earlier datagram was refused), or the sender is gone.
        isOver = error == .connectionRefused
        return
      }
    }
  }
}
