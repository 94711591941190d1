import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

/// How a container is started.
struct StartOptions {
  /// Whether the caller takes the container's streams from its first byte on.
  var attaches = false
  var explains = false
  /// Whether the intent to start was written with the container: nothing of an earlier run can be in the way.
  var isIntended = false

  init() {}
}

/// A container that runs.
struct StartedContainer: ~Copyable {
  let processID: Int32
  /// The line to its streams, where it was asked for.
  var connection: FileDescriptor?
  var warnings: [String] = []
  var explanation: [ExplanationStep] = []

  consuming func takeConnection() -> FileDescriptor? { connection }
}

extension Engine {
  /// Starts a container that this process has taken. What was made for the start is gone again if it fails.
  func start(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, _ options: StartOptions,
    _ monitor: consuming WaitingMonitor
  ) throws(EngineError) -> StartedContainer {
    if try runningProcess(directory.id) != nil { throw .containerRunning(name: record.name, act: "start") }
    let wasStarted = options.isIntended ? true : try directory.wasStarted()
    // What a monitor that died left would be in the way of a new run.
    if wasStarted, !options.isIntended { try forgetRun(directory.id) }
    if let spec = try specificationForStart(directory, record.request) {
      try directory.replace(ContainerDirectory.File.spec, spec.serialized())
    }
    do throws(EngineError) {
      if !options.isIntended { try directory.intendStart(Timestamp.now()) }
      var launch = try ContainerLaunch(
        engine: self, directory: directory, record: record, options: options, monitor: monitor)
      let started = try launch.perform()
      announce("start", record)
      return started
    } catch {
      takeBackStart(directory, wasStarted: wasStarted)
      throw error
    }
  }

  private func takeBackStart(_ directory: borrowing ContainerDirectory, wasStarted: Bool) {
    do throws(EngineError) {
      try unplug(directory.id)
      try removeSocket(directory.id)
    } catch {
      // The lease is given back when the next container wants an address, the socket goes with the container.
    }
    if wasStarted { return }
    do throws(Errno) {
      try directory.forgetStart()
    } catch {
      // Then the container is shown as one that died, which is not far from what happened.
    }
  }

  static func runtimeID(_ id: String) throws(RuntimeError) -> ContainerID {
    do {
      return try ContainerID(id)
    } catch {
      throw .failed("\(id) is no id of a container")
    }
  }

  /// The first process of a running container; nil where it does not run.
  package func runningProcess(_ id: String) throws(EngineError) -> Int32? {
    try livingProcess(id)?.processID
  }

  /// The same, and whether it is paused.
  func livingProcess(_ id: String) throws(EngineError) -> (processID: Int32, isPaused: Bool)? {
    do throws(RuntimeError) {
      let record = try runtime.store.load(try Self.runtimeID(id))
      switch record.status() {
      case .paused: return (record.processID, true)
      case .running, .created: return (record.processID, false)
      case .creating, .stopped: return nil
      }
    } catch {
      if case .missing = error { return nil }
      throw EngineError(error)
    }
  }
}

/// One start, from the files to the open gate. The network is wired while the runtime makes the rest.
private struct ContainerLaunch: ~Copyable {
  private let engine: Engine
  private let id: ContainerID
  private let record: ContainerRecord
  private let options: StartOptions
  private let files: ContainerFiles
  private let network: OpenFile?
  private var monitor: WaitingMonitor
  private var explanation: [ExplanationStep] = []
  private var warnings: [String] = []

  init(
    engine: Engine, directory: borrowing ContainerDirectory, record: ContainerRecord, options: StartOptions,
    monitor: consuming WaitingMonitor
  ) throws(EngineError) {
    let id: ContainerID
    do throws(RuntimeError) {
      id = try Engine.runtimeID(directory.id)
    } catch {
      throw EngineError(error)
    }
    try Self.writeOrder(engine, directory, record, options)
    var monitor = monitor
    try monitor.link.make(directory)
    let network = record.request.isGivenNetwork ? OpenFile(try monitor.link.networkNamespace()) : nil
    self.engine = engine
    self.id = id
    self.record = record
    self.options = options
    self.files = ContainerFiles(path: directory.path, record: record)
    self.network = network
    self.monitor = monitor
  }

  private static func writeOrder(
    _ engine: Engine, _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, _ options: StartOptions
  ) throws(EngineError) {
    _ = try StateDirectory.open(engine.configuration.attachDirectory)
    let needsCleaning = record.request.removesItself || record.request.network == .bridge
    var order = MonitorOrder(
      id: directory.id, runtimeRoot: engine.configuration.runtimeRoot, rootfs: record.rootfs,
      log: try engine.logOrder(of: record, in: directory.path),
      exitFile: "\(directory.path)/exit.json",
      attachSocket: "\(engine.configuration.attachDirectory)/\(directory.id)",
      keepsStdinOpen: record.request.isInteractive,
      exitCommand: needsCleaning ? engine.cleaningCommand(directory.id) : [], explains: options.explains,
      keepsExit: !record.request.removesItself,
      runRoot: engine.configuration.runRoot, eventAttributes: record.eventAttributes)
    if record.request.restart.name != .no || record.health?.mayRestart == true {
      order.restartCommand = engine.restartCommand
    }
    if record.request.notification != .ignore, let socket = ServiceManager.notifySocketOfCaller() {
      order.notify = (record.request.notification, socket)
    }
    if let health = record.health {
      order.health = health.check(
        stopSignal: try Engine.signalNumber(record.stopSignal, option: "--stop-signal"),
        stopTimeoutSeconds: record.request.stopTimeoutSeconds ?? ContainerDefaults.stopTimeoutSeconds)
    }
    order.timeLimitSeconds = record.request.timeLimitSeconds
    order.secrets = try engine.secretOrders(record.request)
    try directory.write(ContainerDirectory.File.monitor, order.serialized())
  }

  mutating func perform() throws(EngineError) -> StartedContainer {
    do throws(EngineError) {
      return try wire()
    } catch {
      monitor.link.abandon()
      throw error
    }
  }

  private mutating func wire() throws(EngineError) -> StartedContainer {
    // First of all: a port that is taken ends the start before anything of it is there.
    let ports =
      record.ports.isEmpty
      ? nil
      : HostPortsHolder(
        try HostPorts(
          record.ports, of: id, name: record.name, networks: engine.networks, network: NetworkName.standard))
    var endpoint: Endpoint?
    if let network { endpoint = try plug(network.descriptor) }
    warnings += try files.write(endpoint: endpoint, engine: engine)
    let processID = try monitor.link.waitUntilCreated()
    if network == nil, record.request.ownsNetwork {
      let namespace = try naming("open", "the container's network namespace") { () throws(Errno) in
        try Descriptor.workingDirectory.open(try KernelPath("/proc/\(processID)/ns/net"), [.readOnly])
      }
      endpoint = try plug(namespace.descriptor)
      warnings += try files.write(endpoint: endpoint, engine: engine)
    }
    if let endpoint {
      if let ports {
        try ports.value.publish(at: endpoint)
        try ports.value.forward(to: endpoint, processID: processID, program: engine.configuration.runtimeProgram)
      }
      try note(endpoint, ports?.value.ports ?? [])
    }
    if let path = record.request.pidFile { try PIDFile.write(processID, to: path) }
    if record.request.showsOwnResources { try engine.showResources(id.text) }
    try monitor.link.start()
    if options.explains { explanation += try monitor.link.explanation() }
    var started = StartedContainer(processID: processID, connection: monitor.connection.take())
    started.warnings = warnings + monitor.link.warnings
    started.explanation = explanation
    return started
  }

  /// Keeps what inspection shows of the network.
  private func note(_ endpoint: Endpoint, _ ports: [PublishedPort]) throws(EngineError) {
    var document = JSONObject([] as [(String, JSONValue)])
    let members: [(String, JSONValue)] = [
      ("NetworkID", .string(endpoint.network.text)), ("IPAddress", .string("\(endpoint.address)")),
      ("IPPrefixLen", JSONValue(endpoint.prefixLength)), ("Gateway", .string("\(endpoint.gateway)")),
      ("MacAddress", .string("\(endpoint.macAddress)")), ("HostInterface", .string("\(endpoint.hostInterface)")),
    ]
    for (name, value) in members { document[name] = value }
    if !ports.isEmpty { document["PublishedPorts"] = JSONValue(ports.map(\.text)) }
    // Whole at once: from the moment that the process waits at the gate inspection reads it.
    let directory = try engine.containers.open(id: id.text)
    try directory.write(ContainerDirectory.File.newNetwork, JSONValue.object(document).serialized())
    let descriptor = directory.descriptor
    try naming("write", "\(directory.path)/network.json") { () throws(Errno) in
      try descriptor.rename(
        ContainerDirectory.File.newNetwork, to: ContainerDirectory.File.network, in: descriptor)
    }
  }

  private mutating func plug(_ namespace: Descriptor) throws(EngineError) -> Endpoint? {
    do throws(NetworkError) {
      guard record.request.network == .bridge else {
        try NetworkStore.loopbackUp(namespace: namespace)
        return nil
      }
      let networks = engine.networks
      let engine = engine
      let endpoint = try networks.attach(
        containerID: id, to: try networks.defaultNetwork(), wishes: record.request.endpointWishes,
        namespace: namespace,
        isStale: { !engine.isInUse($0.text) })
      warnings += endpoint.notices
      explanation += endpoint.explanation
      return endpoint
    } catch {
      throw EngineError(error)
    }
  }
}

/// The ports of a start, which may have none.
private final class HostPortsHolder {
  let value: HostPorts

  init(_ value: consuming HostPorts) {
    self.value = value
  }
}

/// An open file that may be none, and is lent; closed with its last owner.
private final class OpenFile {
  private let file: FileDescriptor

  init(_ file: consuming FileDescriptor) {
    self.file = file
  }

  var descriptor: Descriptor { file.descriptor }
}
