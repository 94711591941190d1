internal import SkiffKernel
internal import SkiffSpec

/// One container on its way into a network: from the leased address to the configured link.
struct Attachment: ~Copyable {
  private let containerID: ContainerID
  private let network: Network
  private let address: IPv4Address
  private let wishes: EndpointWishes
  private var log: StepLog
  private var notices: [String] = []
  private var host: RouteSocket

  init(
    containerID: ContainerID, network: Network, address: IPv4Address, wishes: EndpointWishes, log: StepLog
  ) throws(NetworkError) {
    self.containerID = containerID
    self.network = network
    self.address = address
    self.wishes = wishes
    self.log = log
    host = try RouteSocket()
  }

  private var macAddress: HardwareAddress { wishes.macAddress ?? HardwareAddress(for: address) }

  /// Performs all steps after the lease.
  mutating func perform(into namespace: Descriptor, runDirectory: String) throws(NetworkError) {
    var hostSide = HostSide(of: network, runDirectory: runDirectory)
    let bridgeIndex = try hostSide.stand(&host, log: &log)
    notices = hostSide.notices
    let cable = VirtualCable(
      name: InterfaceName(hostEndFor: containerID), masterIndex: bridgeIndex, mtu: network.mtu,
      peerName: .container, peerAddress: macAddress, peerNamespace: namespace)
    if !wishes.isEmpty {
      // An address that somebody chose may have had another card a moment ago, which the host would go on asking for.
      try host.perform(
        "forget the neighbour", "\(address)", [NeighbourMessage.delete(address, linkIndex: bridgeIndex)],
        welcoming: .notFound)
    }
    // The socket to the host's links stays the host's while the thread is inside, so that one visit does for all.
    try Self.inside(namespace) { () throws(NetworkError) in
      try lay(cable)
      try configure()
    }
    // The bridge has its say only once a port of it operates.
    try awaitOperation(of: cable.name)
    try awaitOperation(of: network.bridge)
  }

  static func inside<Result: ~Copyable>(
    _ namespace: Descriptor, _ body: () throws(NetworkError) -> Result
  ) throws(NetworkError) -> Result {
    try NetworkNamespace.inside(
      namespace, refusal: { NetworkError.refused("enter", "the container's network namespace", $0) }, body)
  }

  private mutating func lay(_ cable: VirtualCable) throws(NetworkError) {
    let begin = log.now()
    let thing = "the cable \(cable.name)"
    do throws(NetworkError) {
      _ = try host.perform("lay", thing, [LinkMessage.makeVeth(cable)])
    } catch {
      // The same container's cable of an earlier start, its namespace not quite gone: it is in the way, unless the kernel has
      // taken it away meanwhile.
      guard case .refused(_, _, .exists, _) = error else { throw error }
      try host.delete(cable.name)
      _ = try host.perform("lay", thing, [LinkMessage.makeVeth(cable)])
    }
    log.append(.layCable, since: begin)
  }

  /// Waits until a link carries packets.
  ///
  /// That the other end of the cable is up, and with it the bridge, the kernel notices in a work of its own, and drops packets
  /// until then; a question who has an address, once lost, is asked again no sooner than after a second. Newer kernels do that
  /// work when asked for the link. Whatever takes longer than this is no reason to keep the container from starting.
  private mutating func awaitOperation(of name: InterfaceName) throws(NetworkError) {
    let triesLimit = 100
    for attempt in 0..<triesLimit {
      guard let link = try host.link(name), !link.isOperating else { return }
      if attempt > 0 { ClockTime.sleep(milliseconds: 1) }
    }
  }

  /// Inside: quiet first, then address, then on.
  private mutating func configure() throws(NetworkError) {
    let link = InterfaceName.container
    try log.timing(.quietIPv6) { () throws(NetworkError) in
      try SystemControl.write("0", to: "ipv6/conf/\(link)/accept_ra")
      try SystemControl.write("1", to: "ipv6/conf/\(link)/disable_ipv6")
    }
    let inner = try Self.refusing("open", "a socket to the container's links") { () throws(Errno) in
      try InterfaceSocket()
    }
    try log.timing(.switchOnLoopback) { () throws(NetworkError) in
      try Self.switchOn(.loopback, inner)
    }
    try log.timing(.addressContainer) { () throws(NetworkError) in
      try Self.refusing("give an address to", "the container's link \(link)") { () throws(Errno) in
        try inner.setAddress(address.bytes, mask: network.subnet.mask.bytes, of: link.text)
      }
    }
    try log.timing(.switchOnCable) { () throws(NetworkError) in
      try Self.switchOn(link, inner)
    }
    try log.timing(.routeContainer) { () throws(NetworkError) in
      try Self.refusing("route the container's packets to", "\(network.gateway)") { () throws(Errno) in
        try inner.addDefaultRoute(via: network.gateway.bytes)
      }
    }
  }

  /// Switches on a link inside.
  static func switchOn(_ link: InterfaceName, _ socket: borrowing InterfaceSocket) throws(NetworkError) {
    do throws(Errno) {
      try socket.switchOn(link.text)
    } catch {
      throw .refused("switch on", "the container's link \(link)", error)
    }
  }

  static func refusing<Result: ~Copyable>(
    _ act: String, _ thing: String, _ body: () throws(Errno) -> Result
  ) throws(NetworkError) -> Result {
    do throws(Errno) {
      return try body()
    } catch {
      throw .refused(act, thing, error)
    }
  }

  /// What came of it.
  func endpoint(runDirectory: String) -> Endpoint {
    Endpoint(
      network: network.name, address: address, prefixLength: network.subnet.prefixLength, gateway: network.gateway,
      macAddress: macAddress, interfaceName: .container,
      hostInterface: InterfaceName(hostEndFor: containerID), notices: notices, performed: log.performed,
      explainer: AttachmentExplainer(
        network: network, containerID: containerID, address: address, macAddress: macAddress,
        runDirectory: runDirectory))
  }
}
