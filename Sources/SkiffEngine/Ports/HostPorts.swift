import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

/// The ports of the host that one start of a container takes: a socket for each, so that nobody else gets it.
struct HostPorts: ~Copyable {
  private var sockets = DescriptorTable()
  /// The place of each port's socket; nil for one of a protocol that only the firewall carries.
  private var places: [Int?] = []
  private(set) var ports: [PublishedPort] = []

  private let name: String
  private let containerID: ContainerID
  private let networks: NetworkStore
  private let network: NetworkName

  /// Where ports that the engine chooses for SCTP begin: the range that no service is assigned to.
  private static let firstDynamicPort: UInt16 = 49_153
  /// A forwarder of the container's last run may have a moment to live.
  private static let tries = 25

  init(
    _ bindings: [PortBinding], of containerID: ContainerID, name: String, networks: NetworkStore, network: NetworkName
  ) throws(EngineError) {
    self.name = name
    self.containerID = containerID
    self.networks = networks
    self.network = network
    for binding in bindings { try take(binding) }
  }

  private mutating func take(_ binding: PortBinding) throws(EngineError) {
    if binding.transport == .sctp { return try takeUnbound(binding) }
    let kind: InternetSocket.Kind = binding.transport == .tcp ? .stream : .datagram
    for attempt in 0..<Self.tries {
      for port in binding.firstHostPort...binding.lastHostPort {
        do throws(Errno) {
          let socket = try InternetSocket.open(
            kind, at: InternetEnd(address: binding.hostAddress.number, port: port))
          let taken = try socket.descriptor.localEnd().port
          places.append(sockets.add(socket))
          ports.append(published(binding, taken))
          return
        } catch {
          guard error == .addressInUse else { throw refusal(binding, port, error) }
        }
      }
      let wanted = published(binding, binding.firstHostPort)
      if try isAllocated(wanted) { throw allocated(wanted) }
      if attempt < Self.tries - 1 { ClockTime.sleep(milliseconds: 10) }
    }
    throw refusal(binding, binding.firstHostPort, .addressInUse)
  }

  private mutating func takeUnbound(_ binding: PortBinding) throws(EngineError) {
    let isFree = binding.firstHostPort == 0
    let range = isFree ? Self.firstDynamicPort...UInt16.max : binding.firstHostPort...binding.lastHostPort
    for port in range {
      let wanted = published(binding, port)
      if ports.contains(wanted) { continue }
      if try isAllocated(wanted) { continue }
      places.append(nil)
      ports.append(wanted)
      return
    }
    throw allocated(published(binding, range.lowerBound))
  }

  private func published(_ binding: PortBinding, _ port: UInt16) -> PublishedPort {
    PublishedPort(
      transport: binding.transport, hostAddress: binding.hostAddress, hostPort: port,
      containerPort: binding.containerPort)
  }

  /// Whether another container has it.
  private func isAllocated(_ port: PublishedPort) throws(EngineError) -> Bool {
    if ports.contains(where: { $0.transport == port.transport && $0.hostPort == port.hostPort }) { return true }
    do throws(NetworkError) {
      return try networks.taken([port], besides: containerID, in: network) != nil
    } catch {
      throw EngineError(error)
    }
  }

  private func allocated(_ port: PublishedPort) -> EngineError {
    .refused("cannot publish the ports of container \(name): \(NetworkError.portTaken(port))")
  }

  private func refusal(_ binding: PortBinding, _ port: UInt16, _ error: Errno) -> EngineError {
    .refused(
      "cannot publish the ports of container \(name): listen \(binding.transport.rawValue)4 \(binding.hostAddress):\(port): bind: \(error)"
    )
  }

  // MARK: Forwarding

  /// Has the firewall lead the ports to the container.
  func publish(at endpoint: Endpoint) throws(EngineError) {
    do throws(NetworkError) {
      try networks.publish(ports, of: containerID, at: endpoint)
    } catch {
      guard case .portTaken(let port) = error else { throw EngineError(error) }
      throw allocated(port)
    }
  }

  /// Leaves the sockets to a forwarder, which ends with the container's first process.
  func forward(to endpoint: Endpoint, processID: Int32, program path: String) throws(EngineError) {
    guard sockets.count > 0 else { return }
    let program = try WaitingMonitor.openProgram(path)
    var arguments = ["skiff-runtime", "forward", "--container", containerID.text]
    try naming("start a forwarder for", "container \(name)") { () throws(Errno) in
      let container = try openProcess(processID)
      let null = try Descriptor.workingDirectory.open("/dev/null", [.readWrite])
      var files: [(source: Descriptor, target: Int32)] = [
        (null.descriptor, 0), (null.descriptor, 1), (null.descriptor, 2), (container.descriptor, 3),
      ]
      for (port, place) in zip(ports, places) {
        guard let place, let socket = sockets[place] else { continue }
        files.append((socket, Int32(clamping: files.count)))
        arguments.append("\(port.transport.rawValue)/\(endpoint.address):\(port.containerPort)")
      }
      var request = SpawnRequest(arguments: arguments, environment: [ContainerDefaults.path])
      request.files = files
      request.startsSession = true
      try spawn(program.descriptor, request).confirmStarted()
    }
  }
}
