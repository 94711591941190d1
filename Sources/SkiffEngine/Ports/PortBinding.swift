import SkiffNetworks
import SkiffSpec

/// A port of the container that one of the host is to lead to; which one it is is known at the start.
package struct PortBinding: Equatable, Sendable {
  package var transport: PublishedPort.Transport
  package var hostAddress: IPv4Address
  /// The first of these that is free; 0 is any.
  package var firstHostPort: UInt16
  package var lastHostPort: UInt16
  package var containerPort: UInt16
}

extension PortBinding: RecordValue {
  var recorded: JSONValue {
    .string("\(transport.rawValue) \(hostAddress) \(firstHostPort) \(lastHostPort) \(containerPort)")
  }

  init?(recorded: JSONValue) {
    let words = recorded.string?.split(separator: " ") ?? []
    guard words.count == 5, let transport = PublishedPort.Transport(rawValue: String(words[0])),
      let address = IPv4Address(String(words[1])), let first = UInt16(words[2]), let last = UInt16(words[3]),
      let inside = UInt16(words[4]), first <= last
    else { return nil }
    self.init(
      transport: transport, hostAddress: address, firstHostPort: first, lastHostPort: last, containerPort: inside)
  }
}

extension PortBinding {
  /// Largest number of ports of one container.
  private static let limit = 65_536

  /// Everything that a request wants published, and with `--publish-all` what is exposed and not named.
  package static func wanted(_ request: RunRequest, exposed: [ExposedPort]) throws(EngineError) -> [PortBinding] {
    var bindings: [PortBinding] = []
    for port in request.publishedPorts {
      bindings += try Self.bindings(port)
      try checkLimit(bindings)
    }
    guard request.publishesAllPorts else { return bindings }
    var published = Set(bindings.map { ExposedPort(port: $0.containerPort, transport: $0.transport.rawValue) })
    for port in exposed {
      guard let transport = PublishedPort.Transport(rawValue: port.transport), published.insert(port).inserted else {
        continue
      }
      bindings.append(
        PortBinding(
          transport: transport, hostAddress: IPv4Address(number: 0), firstHostPort: 0, lastHostPort: 0,
          containerPort: port.port))
      try checkLimit(bindings)
    }
    return bindings
  }

  private static func checkLimit(_ bindings: [PortBinding]) throws(EngineError) {
    guard bindings.count <= limit else { throw .refused("a container publishes at most \(limit) ports") }
  }

  private static func bindings(_ port: PortRequest) throws(EngineError) -> [PortBinding] {
    guard let transport = PublishedPort.Transport(rawValue: port.transport),
      let address = IPv4Address(port.hostAddress ?? "0.0.0.0")
    else { throw .invalidOption(name: "--publish", value: port.text, reason: "this is no port") }
    let pairs = port.hostPorts.map { $0.count == port.containerPorts.count } ?? false
    return port.containerPorts.enumerated().map { index, inside in
      var (first, last): (UInt16, UInt16) = (0, 0)
      if let host = port.hostPorts {
        (first, last) = (host.lowerBound, host.upperBound)
        // In pairs the ranges are of one length, so the sum stays inside.
        if pairs { (first, last) = (first + UInt16(index), first + UInt16(index)) }
      }
      return PortBinding(
        transport: transport, hostAddress: address, firstHostPort: first, lastHostPort: last, containerPort: inside)
    }
  }

  /// As the option writes it.
  private var hostText: String {
    if firstHostPort == 0 { return "" }
    return firstHostPort == lastHostPort ? "\(firstHostPort)" : "\(firstHostPort)-\(lastHostPort)"
  }

  /// In the shape of Docker's API: `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`.
  static func document(_ bindings: [PortBinding]) -> JSONValue {
    document(
      bindings.map { binding in
        let address = binding.hostAddress.number == 0 ? "" : "\(binding.hostAddress)"
        return ("\(binding.containerPort)/\(binding.transport.rawValue)", address, binding.hostText)
      })
  }

  /// The same for ports that are published.
  static func document(_ ports: [PublishedPort], exposed: [ExposedPort]) -> JSONValue {
    var document =
      document(
        ports.map {
          ("\($0.containerPort)/\($0.transport.rawValue)", "\($0.hostAddress)", "\($0.hostPort)")
        }
      ).object ?? JSONObject()
    for port in exposed where document[port.text] == nil { document[port.text] = .null }
    return .object(document)
  }

  private static func document(_ entries: [(key: String, address: String, port: String)]) -> JSONValue {
    var object = JSONObject()
    for entry in entries {
      let place: JSONValue = ["HostIp": .string(entry.address), "HostPort": .string(entry.port)]
      object[entry.key] = .array((object[entry.key]?.array ?? []) + [place])
    }
    return .object(object)
  }
}
