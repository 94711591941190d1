import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What a monitor is told in monitor.json.
struct MonitorOrder {
  var id: String
  var runtimeRoot: String
  var rootfs: RootfsRecord
  var log: JSONValue
  var exitFile: String
  var attachSocket: String
  var keepsStdinOpen: Bool
  /// What the monitor becomes after the end when its first client is not there to hear of it; empty for nothing.
  var exitCommand: [String]
  /// What the monitor becomes to have the container started again; empty where its policy is not to.
  var restartCommand: [String] = []
  var health: HealthCheck?
  /// So long after its start it is killed; 0 for never.
  var timeLimitSeconds: UInt32 = 0
  /// Who hears when the container is ready, and what that means.
  var notify: (mode: NotificationRequest, socket: String)?
  /// Where its secrets are.
  var secrets: [JSONValue] = []
  var explains: Bool
  var keepsExit: Bool
  var runRoot: String
  /// What events say of the container.
  var eventAttributes: [String: String]

  func serialized() -> [UInt8] {
    let document: JSONValue = [
      "id": .string(id),
      "runtimeRoot": .string(runtimeRoot),
      "rootfs": rootfs.document,
      "log": log,
      "exitFile": .string(exitFile),
      "attachSocket": .string(attachSocket),
      "keepStdinOpen": .bool(keepsStdinOpen),
      "exitCommand": JSONValue(exitCommand),
      "explain": .bool(explains),
      "keepExit": .bool(keepsExit),
      "events": ["runRoot": .string(runRoot), "attributes": JSONValue(eventAttributes)],
    ]
    guard !restartCommand.isEmpty || health != nil || notify != nil || !secrets.isEmpty || timeLimitSeconds > 0,
      var members = document.object
    else { return document.serialized() }
    if timeLimitSeconds > 0 { members["timeLimitSeconds"] = JSONValue(timeLimitSeconds) }
    if !restartCommand.isEmpty { members["restartCommand"] = JSONValue(restartCommand) }
    members["health"] = health?.document
    if let notify {
      members["notify"] = ["mode": .string(notify.mode.rawValue), "socket": .string(notify.socket)]
    }
    if !secrets.isEmpty { members["secrets"] = .array(secrets) }
    return JSONValue.object(members).serialized()
  }
}

/// What a monitor said, and the open file that came with it.
private struct MonitorMessage: ~Copyable {
  let document: JSONValue
  var file: FileDescriptor?
}

/// The line to a monitor that was started for one container.
///
/// It is started first of all, so that the program is loaded by the time that it is told what to do.
///
/// ```
///         ──▶ {"event":"network"}                   with a network namespace, where one is to be made
///         ◀── {"container":PATH}                    or the line closes: nothing was wanted
/// monitor ──▶ {"event":"created","pid":N}          the process waits at the gate
///         ◀── {"command":"start"}                   or the line closes, and the monitor takes everything back
///         ──▶ {"event":"started"}, {"event":"explain",…}
///         ──▶ {"event":"error","message":M,"exitCode":125|126|127}   in place of any of these
/// ```
struct MonitorLink: ~Copyable {
  private let process: SpawnedProcess
  private let line: FileDescriptor
  private var id = ""
  /// Whether the monitor goes on without this process, or is gone.
  private var isStarted = false
  /// What the runtime wants a person to know although it went well.
  private(set) var warnings: [String] = []

  /// Larger buffers cost more than the whole conversation: fresh memory is paid by the page.
  private static let eventLimitBytes = 32_768
  private static let explanationLimitBytes = 1 << 20

  /// Starts a monitor that waits for its container.
  ///
  /// - Parameters:
  ///   - lifeline: of the container that it is to make.
  ///   - attach: the other end of a line for the container's streams.
  ///   - makesNetwork: it makes a network namespace at once.
  ///   - passesStreams: it gets the caller's standard streams, to give them to its container.
  ///   - preserved: how many of the caller's open files the container's process gets, from number 3 on.
  init(
    program: Descriptor, lifeline: borrowing Lifeline, attach: Descriptor?, makesNetwork: Bool, passesStreams: Bool,
    preserved: UInt32
  ) throws(EngineError) {
    // What the container's process inherits has the numbers that it will have there; the rest comes after it.
    let first = Int32(clamping: preserved) + 3
    let lifeline = lifeline.descriptor
    let process: SpawnedProcess
    let line: FileDescriptor
    do throws(Errno) {
      let pair = try UnixSocket.pair(.packet)
      let null = try Descriptor.workingDirectory.open("/dev/null", [.readWrite])
      var arguments = [
        "skiff-runtime", "monitor", "--sync-fd", String(first), "--lifeline-fd", String(first + 2),
      ]
      if attach != nil { arguments += ["--attach-fd", String(first + 1)] }
      if makesNetwork { arguments.append("--network") }
      if preserved > 0 { arguments += ["--preserve-fds", String(preserved)] }
      // Nothing of the caller's environment concerns a container.
      var request = SpawnRequest(arguments: arguments, environment: [ContainerDefaults.path])
      request.files = [(pair.second.descriptor, first)]
      if !passesStreams { request.files += [(null.descriptor, 0), (null.descriptor, 1), (null.descriptor, 2)] }
      for number in 3..<first { request.files.append((Descriptor(number), number)) }
      if let attach { request.files.append((attach, first + 1)) }
      // Only to be kept open, by what the monitor becomes, too: see Lifeline.
      request.files.append((lifeline, first + 2))
      // A session of its own: the terminal's signals are the container's only through the engine.
      request.startsSession = true
      process = try spawn(program, request)
      line = pair.takeFirst()
    } catch {
      throw .kernel(act: "start", thing: "a monitor", cause: error)
    }
    self.process = process
    self.line = line
  }

  /// Has the monitor make the container of a directory.
  mutating func make(_ directory: borrowing ContainerDirectory) throws(EngineError) {
    id = directory.id
    let order: JSONValue = ["container": .string(directory.path)]
    do throws(Errno) {
      _ = try line.descriptor.send(order.serialized())
    } catch {
      // The monitor has ended: its last word tells why, and comes where its answer is waited for.
      guard error == .brokenPipe || error == .connectionReset else {
        throw .kernel(act: "tell the monitor of", thing: "container \(ContainerIdentity.short(id))", cause: error)
      }
    }
  }

  /// The network namespace that the monitor makes where it was asked to.
  mutating func networkNamespace() throws(EngineError) -> FileDescriptor {
    var event = try nextMessage(limitBytes: Self.eventLimitBytes)
    guard event.document["event"]?.string == "network", let file = event.file.take() else {
      throw unexpected(event.document)
    }
    return file
  }

  /// Waits until the container's process stands at the gate; gives its id.
  mutating func waitUntilCreated() throws(EngineError) -> Int32 {
    let event = try nextEvent()
    guard event["event"]?.string == "created", let processID = event["pid"]?.integer.flatMap({ Int32(exactly: $0) })
    else { throw unexpected(event) }
    return processID
  }

  /// Opens the gate and waits until the container's program runs.
  mutating func start() throws(EngineError) {
    let id = id
    let line = line.descriptor
    try naming("start", "container \(ContainerIdentity.short(id))") { () throws(Errno) in
      let command: JSONValue = ["command": "start"]
      do throws(Errno) {
        try line.send(command.serialized())
      } catch {
        // The monitor has ended: its last word tells why.
        guard error == .brokenPipe || error == .connectionReset else { throw error }
      }
    }
    let event = try nextEvent()
    guard event["event"]?.string == "started" else { throw unexpected(event) }
    isStarted = true
  }

  /// What the runtime did, step by step; asked for by `explains`, after the start.
  mutating func explanation() throws(EngineError) -> [ExplanationStep] {
    let event = try nextEvent(limitBytes: Self.explanationLimitBytes)
    guard event["event"]?.string == "explain", let steps = event["steps"]?.array else { throw unexpected(event) }
    return steps.map { step in
      ExplanationStep(
        what: step["what"]?.string ?? "", kernelCall: step["call"]?.string ?? "",
        command: step["command"]?.string ?? "", nanoseconds: step["nanoseconds"]?.unsigned)
    }
  }

  private mutating func nextEvent(limitBytes: Int = eventLimitBytes) throws(EngineError) -> JSONValue {
    let message = try nextMessage(limitBytes: limitBytes)
    return message.document
  }

  private mutating func nextMessage(limitBytes: Int) throws(EngineError) -> MonitorMessage {
    while true {
      let message = try receive(limitBytes)
      let event = message.document
      switch event["event"]?.string {
      case "warning": warnings.append(event["message"]?.string ?? "")
      case "error":
        throw .runtime(
          message: event["message"]?.string ?? "the monitor failed without a word",
          exitCode: event["exitCode"]?.integer.flatMap { Int32(exactly: $0) } ?? 125)
      default: return message
      }
    }
  }

  private func receive(_ limitBytes: Int) throws(EngineError) -> MonitorMessage {
    var buffer = [UInt8](repeating: 0, count: limitBytes)
    let count: Int
    var file: FileDescriptor?
    do throws(Errno) {
      let (length, number) = try line.descriptor.receive(into: &buffer)
      count = length
      if let number { file = FileDescriptor(adopting: number) }
    } catch {
      guard error == .connectionReset else {
        throw .kernel(act: "hear of", thing: "container \(ContainerIdentity.short(id))", cause: error)
      }
      count = 0
    }
    guard count > 0 else { throw silence() }
    do throws(JSONError) {
      return MonitorMessage(document: try JSONValue.parse(Array(buffer.prefix(count))), file: file.take())
    } catch {
      throw .report("the monitor of container \(ContainerIdentity.short(id)) said what is no message: \(error)")
    }
  }

  /// Why nothing more comes.
  private func silence() -> EngineError {
    do throws(Errno) {
      try process.confirmStarted()
      let status = try process.wait()
      return .report("the monitor of container \(ContainerIdentity.short(id)) ended early (status \(status.shellCode))")
    } catch {
      return .kernel(act: "start the monitor of", thing: "container \(ContainerIdentity.short(id))", cause: error)
    }
  }

  private func unexpected(_ event: JSONValue) -> EngineError {
    .report("the monitor of container \(ContainerIdentity.short(id)) said something out of turn: \(event)")
  }

  deinit {
    if !isStarted { Self.end(process, line.descriptor) }
  }

  /// Waits until the monitor is gone, so that everything it took back is taken back.
  mutating func abandon() {
    isStarted = true
    Self.end(process, line.descriptor)
  }

  private static func end(_ process: borrowing SpawnedProcess, _ line: Descriptor) {
    do throws(Errno) {
      // Nothing more will be said: that is the word for it.
      try line.shutdownSending()
      _ = try process.wait()
    } catch {
      // Already gone.
    }
  }
}

/// A monitor without a container yet, and the line on which it will carry the container's streams.
struct WaitingMonitor: ~Copyable {
  var link: MonitorLink
  var connection: FileDescriptor?

  /// - Parameters:
  ///   - request: what will be asked of it later.
  ///   - preserved: how many open files of the caller the container's process gets, from number 3 on.
  init(
    program path: String, lifeline: borrowing Lifeline, attaches: Bool, for request: RunRequest, preserved: UInt32 = 0
  ) throws(EngineError) {
    if request.logDriver == .passthrough { try LogOption.checkPassthrough(request) }
    let program = try Self.openProgram(path)
    let makesNetwork = request.isGivenNetwork
    let passesStreams = request.logDriver == .passthrough
    guard attaches else {
      link = try MonitorLink(
        program: program.descriptor, lifeline: lifeline, attach: nil, makesNetwork: makesNetwork,
        passesStreams: passesStreams, preserved: preserved)
      return
    }
    let pair = try naming("make", "a line to the monitor") { () throws(Errno) in try UnixSocket.pair(.packet) }
    link = try MonitorLink(
      program: program.descriptor, lifeline: lifeline, attach: pair.second.descriptor, makesNetwork: makesNetwork,
      passesStreams: passesStreams, preserved: preserved)
    connection = pair.takeFirst()
  }

  /// The runtime as nobody can write to it: seen through a read-only mount of its own, it need not see to that itself, which
  /// would take a second start of the program. Where mounts may not be made it does.
  static func openProgram(_ path: String) throws(EngineError) -> FileDescriptor {
    try naming("open", path) { () throws(Errno) in
      let path = try KernelPath(path)
      do throws(Errno) {
        let tree = try Descriptor.workingDirectory.cloneTree(path, recursive: false)
        try tree.descriptor.changeMount(set: .readOnly)
        return tree
      } catch {
        guard error == .notPermitted || error == .noSystemCall else { throw error }
        return try Descriptor.workingDirectory.open(path, [.readOnly])
      }
    }
  }
}

extension RunRequest {
  /// Whether the container has a network of its own, none that it shares.
  var ownsNetwork: Bool { network == .bridge || network == NetworkRequest.none }

  /// Whether its network namespace is made before it and given to it. One that the container's user namespace must own can only be
  /// made from inside that, by the runtime.
  var isGivenNetwork: Bool { ownsNetwork && userNamespace == .host }
}
