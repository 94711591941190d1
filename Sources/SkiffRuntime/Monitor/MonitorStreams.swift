internal import SkiffKernel
internal import SkiffSpec

/// The container's streams as the monitor holds them: pipes or a terminal on one side, the log and attached clients on the other.
///
/// Nothing is lost and nothing grows: while a client, the journal or the container does not take what is waiting for it, what would add
/// to it is not read.
final class MonitorStreams {
  private static let clientLimit = 32
  private var containerFiles = DescriptorTable()
  /// What the container's process takes as its standard streams; none where it gets a terminal.
  private(set) var containerEnds: [Descriptor] = []
  /// Where the container's process sends its terminal.
  private(set) var consoleEnd: Descriptor?
  private var consoleReceiver: FileDescriptor?
  private var console: FileDescriptor?
  private var input: FileDescriptor?
  private var output: FileDescriptor?
  private var errorOutput: FileDescriptor?
  private var listener: FileDescriptor?
  private var clients: [AttachedClient] = []
  /// The engine's command, where it stays with the container.
  private let firstClient: AttachedClient?
  /// Bytes that the container has not taken yet.
  private var pendingInput: [UInt8] = []
  private var inputHasEnded = false
  private let keepsStdinOpen: Bool
  private var log: LogWriter?
  private var passesThrough = false
  /// Looks after the container's health in the same loop.
  private var health: HealthWatch?
  /// Where the container's program says that it is ready.
  private var notify: NotifySocket?
  private var buffer = [UInt8](repeating: 0, count: AttachPacket.payloadLimit)
  /// A container that fills a pipe at once gets a larger one: fewer turns for as many bytes.
  private static let busyPipeBytes = 256 << 10

  init(_ settings: MonitorSettings, containerPath: String, firstClient: Descriptor?) throws(RuntimeError) {
    keepsStdinOpen = settings.keepsStdinOpen
    self.firstClient = firstClient.map { AttachedClient(FileDescriptor(adopting: $0.number)) }
    if let first = self.firstClient { clients.append(first) }
    do throws(Errno) {
      switch settings.log.driver {
      case .none: break
      case .passthrough:
        passesThrough = true
        // The caller's own files, which the engine has given to the monitor as its own.
        for file in [Descriptor.standardInput, .standardOutput, .standardError] {
          containerEnds.append(own(try file.duplicate()))
        }
      case .jsonFile, .local, .k8sFile, .journald:
        log = try LogWriter(settings.log, packsAtEnd: settings.keepsExit) { MonitorStreams.tellLogFailure(settings) }
      }
      // Whether there is a terminal stands in the configuration; pipes and link are both made, one goes unused.
      let pair = try UnixSocket.pair(.packet)
      consoleEnd = own(try pair.first.descriptor.duplicate())
      consoleReceiver = pair.takeSecond()
      if !passesThrough { try makePipes() }
      try listen(at: settings.attachSocket)
    } catch {
      throw .failed("cannot make the streams of container \(settings.id): \(error)")
    }
  }

  /// Tells in the journal of events that nobody writes the log for a while.
  private static func tellLogFailure(_ settings: MonitorSettings) {
    guard let events = settings.events else { return }
    EventJournal.append(
      EngineEvent(type: "container", action: "log_failure", id: settings.id, attributes: events.attributes),
      runRoot: events.runRoot)
  }

  private func own(_ file: consuming FileDescriptor) -> Descriptor {
    let descriptor = file.descriptor
    containerFiles.add(file)
    return descriptor
  }

  private func makePipes() throws(Errno) {
    if keepsStdinOpen {
      let pipe = try Pipe.make()
      containerEnds.append(own(try pipe.reading.descriptor.duplicate()))
      input = try pipe.writing.descriptor.duplicate()
    } else {
      containerEnds.append(own(try Descriptor.workingDirectory.open("/dev/null", .readOnly)))
    }
    let out = try Pipe.make()
    containerEnds.append(own(try out.writing.descriptor.duplicate()))
    output = try out.reading.descriptor.duplicate()
    let error = try Pipe.make()
    containerEnds.append(own(try error.writing.descriptor.duplicate()))
    errorOutput = try error.reading.descriptor.duplicate()
  }

  private func listen(at path: String) throws(Errno) {
    guard let slash = path.lastIndex(of: "/") else { throw .invalidArgument }
    let directory = try Descriptor.workingDirectory.open(try KernelPath(String(path[..<slash])), [.directory])
    let name = String(path[path.index(after: slash)...])
    // Left behind by a monitor that was killed.
    _ = try? directory.descriptor.unlink(try KernelPath(name))
    listener = try UnixSocket.listen(at: name, in: directory.descriptor, type: .packet)
  }

  /// The container has its ends; ours of them must go, or its streams never end.
  func releaseContainerEnds() {
    containerFiles = DescriptorTable()
    containerEnds = []
    consoleEnd = nil
  }

  /// Takes the terminal that the container's process has sent, if it has one.
  func takeConsole() throws(RuntimeError) {
    defer { consoleReceiver = nil }
    guard let receiver = lend(consoleReceiver) else { return }
    var name = [UInt8](repeating: 0, count: 64)
    do throws(Errno) {
      guard let number = try receiver.receive(into: &name, wait: false).file else { return }
      console = FileDescriptor(adopting: number)
      // The pipes lead nowhere.
      input = nil
      output = nil
      errorOutput = nil
    } catch {
      // Nothing was sent: the container has no terminal.
      guard error == .wouldBlock else { throw .failed("the container's terminal did not arrive: \(error)") }
    }
  }

  private func lend(_ file: borrowing FileDescriptor?) -> Descriptor? {
    switch file {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }

  // MARK: Carrying

  /// After so long a container is taken for one that stays.
  private static let settlingMilliseconds: Int64 = 2000

  /// Carries until the process has ended and what it wrote is passed on.
  func carry(
    until process: Descriptor, minding health: HealthWatch?, within limit: TimeLimit?, hearing notify: NotifySocket?
  ) -> ExitStatus {
    self.health = health
    self.notify = notify
    defer { (self.health, self.notify) = (nil, nil) }
    let began = ClockTime.monotonic().totalNanoseconds
    var isAtRest = false
    while true {
      let deadline = earlier(health?.millisecondsLeft, limit?.millisecondsLeft)
      let timeout = earlier(deadline, isAtRest ? nil : Self.settlingMilliseconds)
      if let status = turn(process, timeoutMilliseconds: timeout) {
        drain()
        return status
      }
      limit?.proceed()
      let lived = ClockTime.monotonic().totalNanoseconds &- began
      if isAtRest || lived < Self.settlingMilliseconds * 1_000_000 { continue }
      // What it took to make the container is not needed until its end; one that lives a moment only is not kept waiting for this.
      ProcessControl.releaseMemory()
      isAtRest = true
    }
  }

  /// Waits once and does what there is to do; gives the status when the process has ended.
  private func turn(_ process: Descriptor, timeoutMilliseconds: Int64? = nil) -> ExitStatus? {
    // Held back as long as somebody has not taken what came before.
    let isBehind = log?.holdsBack ?? false
    let mayRead = !isBehind && !clients.contains { $0.isFull }
    let mayTakeInput = pendingInput.isEmpty
    let sink = lend(console) ?? lend(input)
    var entries = [
      PollEntry(process, .readable), PollEntry(lend(listener), .readable),
      PollEntry(mayRead ? lend(console) : nil, .readable), PollEntry(mayRead ? lend(output) : nil, .readable),
      PollEntry(mayRead ? lend(errorOutput) : nil, .readable), PollEntry(mayTakeInput ? nil : sink, .writable),
      log?.waitsFor ?? PollEntry(nil, []),
    ]
    let firstClient = entries.count
    for client in clients {
      var wanted: PollEvents = mayTakeInput ? .readable : []
      if client.hasPending { wanted.insert(.writable) }
      entries.append(PollEntry(client.descriptor, wanted))
    }
    let lastClient = entries.count
    if let notify { entries.append(PollEntry(notify.descriptor, .readable)) }
    let lastNotice = entries.count
    if let health { entries += health.entries }
    // Whoever wants to be called first.
    let timeout = earlier(log?.timeoutMilliseconds, timeoutMilliseconds)
    guard (try? poll(&entries, timeoutMilliseconds: timeout)) != nil else { return nil }
    if !entries[6].events.isEmpty { log?.goOn() }
    log?.tick()
    if !entries[1].events.isEmpty { acceptClient() }
    if !entries[2].events.isEmpty { readConsole() }
    if !entries[3].events.isEmpty, !read(lend(output), stream: 1) { output = nil }
    if !entries[4].events.isEmpty, !read(lend(errorOutput), stream: 2) { errorOutput = nil }
    if !entries[5].events.isEmpty { feed() }
    for (index, client) in clients.prefix(lastClient - firstClient).enumerated() {
      let events = entries[firstClient + index].events
      if events.contains(.writable) { client.flush() }
      if mayTakeInput, !events.intersection([.readable, .hangup, .error]).isEmpty { take(from: client) }
    }
    dropGoneClients()
    if lastNotice > lastClient, !entries[lastClient].events.isEmpty {
      notify?.take(mainProcessID: ProcessControl.processID)
    }
    health?.proceed(entries[lastNotice...])
    if entries[0].events.isEmpty { return nil }
    return try? process.waitForExit(block: false)
  }

  /// Nil waits for ever.
  private func earlier(_ one: Int64?, _ other: Int64?) -> Int64? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
  }

  private func acceptClient() {
    guard let listener = lend(listener), let connection = try? listener.accept() else { return }
    // The socket lies in a directory of root's; who is not root or ourselves has no business here.
    guard clients.count < Self.clientLimit, let peer = try? connection.descriptor.peerUserID(),
      peer == 0 || peer == Credentials.effectiveUserID
    else { return }
    clients.append(AttachedClient(connection))
  }

  private func readConsole() {
    // EIO: every holder of the other side has closed it.
    if !read(lend(console), stream: 1) { console = nil }
  }

  /// Passes on what is there; false at the end of the stream.
  private func read(_ file: Descriptor?, stream: UInt8) -> Bool {
    pass(file, stream: stream) > 0
  }

  /// Gives how many bytes were passed on; 0 at the end of the stream.
  private func pass(_ file: Descriptor?, stream: UInt8) -> Int {
    guard let file, let count = try? file.read(into: &buffer), count > 0 else { return 0 }
    log?.write(buffer.span.extracting(0..<count), isError: stream == 2)
    var start = 0
    while start < count, !clients.isEmpty {
      let end = min(count, start + AttachPacket.payloadLimit)
      for client in clients { client.send(stream == 2 ? .errorOutput : .output, buffer[start..<end]) }
      start = end
    }
    if count == buffer.count, count < Self.busyPipeBytes, clients.isEmpty, log?.takesLargePieces ?? true {
      // A terminal stays as it is, and a pipe that may not grow does, too.
      try? file.setPipeCapacity(Self.busyPipeBytes)
      buffer = [UInt8](repeating: 0, count: Self.busyPipeBytes)
    }
    return count
  }

  private func take(from client: AttachedClient) {
    var packet = [UInt8](repeating: 0, count: AttachPacket.payloadLimit + 1)
    guard let (type, payload) = client.receive(into: &packet) else { return }
    switch type {
    case .input:
      if lend(console) == nil, lend(input) == nil { return }
      pendingInput.append(contentsOf: payload)
      feed()
    case .inputEnd:
      inputHasEnded = true
      feed()
    case .windowSize:
      guard payload.count == 4, let console = lend(console) else { return }
      let bytes = Array(payload)
      let size = WindowSize(
        rows: UInt16(bytes[0]) << 8 | UInt16(bytes[1]), columns: UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
      // A terminal that has gone has no size.
      try? console.setWindowSize(size)
    case .healthCheck: health?.askNow(for: client)
    case .output, .errorOutput, .exit, .healthResult, .filesLeft: break
    }
  }

  /// Gives the container what waits for it, as far as it takes it.
  private func feed() {
    if let sink = lend(console) ?? lend(input), !pendingInput.isEmpty {
      try? sink.setNonBlocking(true)
      do throws(Errno) {
        let count = try sink.write(pendingInput.span)
        pendingInput.removeFirst(count)
      } catch {
        // Nobody reads any more: what was for it goes.
        if error != .wouldBlock { pendingInput = [] }
      }
      try? sink.setNonBlocking(false)
    }
    if inputHasEnded, pendingInput.isEmpty { input = nil }
  }

  private func dropGoneClients() {
    clients.removeAll { $0.isGone }
  }

  /// What was written before the end and is still on the way. A process that has left the container's PID namespace may hold a
  /// stream open for ever, and write to it: only what is there at once is taken, and no more than a pipe can hold (pipe(7),
  /// pipe-max-size), for a client that does not read has it wait in here.
  private func drain() {
    let roundLimit = 4096
    let streamLimitBytes = 1 << 20
    var (taken, takenOfErrors) = (0, 0)
    for _ in 0..<roundLimit {
      // A journal that has stopped takes nothing more: then nothing more can be kept.
      guard log?.makeRoom() ?? true else { break }
      let mayTake = taken < streamLimitBytes
      var entries = [
        PollEntry(mayTake ? lend(console) : nil, .readable), PollEntry(mayTake ? lend(output) : nil, .readable),
        PollEntry(takenOfErrors < streamLimitBytes ? lend(errorOutput) : nil, .readable),
      ]
      guard (try? poll(&entries, timeoutMilliseconds: 0)) ?? 0 > 0 else { break }
      if !entries[0].events.isEmpty {
        let count = pass(lend(console), stream: 1)
        taken += count
        if count == 0 { console = nil }
      }
      if !entries[1].events.isEmpty {
        let count = pass(lend(output), stream: 1)
        taken += count
        if count == 0 { output = nil }
      }
      if !entries[2].events.isEmpty {
        let count = pass(lend(errorOutput), stream: 2)
        takenOfErrors += count
        if count == 0 { errorOutput = nil }
      }
    }
    log?.finish()
  }

  /// Lets the first client remove the files of a container that has ended.
  func tellFilesLeft() {
    firstClient?.send(.filesLeft, [])
  }

  /// The last packet to everyone; those that are slow get a moment. Gives whether the first client has got all that was for it.
  func tellExit(_ code: Int32, isRestarting: Bool) -> Bool {
    // Nobody comes in during the pause: who asks then finds that the container has ended.
    if isRestarting { listener = nil }
    for client in clients { client.send(.exit, [UInt8(truncatingIfNeeded: code)] + (isRestarting ? [1] : [])) }
    let deadline = ClockTime.monotonic().totalNanoseconds &+ 5_000_000_000
    while clients.contains(where: \.hasPending), ClockTime.monotonic().totalNanoseconds < deadline {
      var entries = clients.map { PollEntry($0.descriptor, $0.hasPending ? .writable : []) }
      guard (try? poll(&entries, timeoutMilliseconds: 1000)) != nil else { break }
      for client in clients { client.flush() }
      dropGoneClients()
    }
    clients = []
    return firstClient.map { !$0.isGone && !$0.hasPending } ?? false
  }
}
