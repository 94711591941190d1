internal import SkiffKernel

/// The host's side of a network: the bridge, forwarding, the firewall. All of it is looked at before each container and set
/// right where something is missing, for a reboot, a firewall's reload or a hand may have taken it away.
struct HostSide: ~Copyable {
  private(set) var notices: [String] = []
  private let network: Network
  private let runDirectory: String

  init(of network: Network, runDirectory: String) {
    self.network = network
    self.runDirectory = runDirectory
  }

  /// Makes what is missing; gives the bridge's number.
  mutating func stand(_ routes: inout RouteSocket, log: inout StepLog) throws(NetworkError) -> UInt32 {
    let begin = log.now()
    let link = try bridge(&routes)
    var firewall = try Firewall()
    let isGuarded = try firewall.isWhole(for: network)
    let forwards = try SystemControl.read("ipv4/ip_forward") == "1"
    log.append(.checkHost, since: begin)

    // The rules first: there is no moment in which the bridge, or the host's forwarding, is up without them.
    if !isGuarded {
      try log.timing(.assertFirewall) { () throws(NetworkError) in
        let published = try PortDirectory(runDirectory: runDirectory, network: network.name).all()
        try firewall.assert(for: network, records: published.map(\.record))
      }
      notices += try firewall.forwardingObstacles().map { $0.notice(bridge: network.bridge) }
    }
    let index = link.isUp ? link.index : try makeBridge(&routes, log: &log)
    if !forwards {
      try log.timing(.turnOnForwarding) { () throws(NetworkError) in
        _ = try SystemControl.write("1", to: "ipv4/ip_forward")
      }
      notices.append("turned on net.ipv4.ip_forward, so that this host passes on packets of containers")
    }
    return index
  }

  /// The bridge as it is. Being up is its seal: it is switched on only when all else of it is done.
  private func bridge(_ routes: inout RouteSocket) throws(NetworkError) -> (index: UInt32, isUp: Bool) {
    guard let link = try routes.link(network.bridge) else { return (0, false) }
    guard link.kind == "bridge", link.address == network.bridgeAddress else {
      throw .bridgeTaken(network.bridge.text)
    }
    return (link.index, link.isUp)
  }

  /// Makes the bridge; another process may be doing the same at this moment, so each step takes "it is there" for an answer.
  private func makeBridge(_ routes: inout RouteSocket, log: inout StepLog) throws(NetworkError) -> UInt32 {
    let thing = "the bridge \(network.bridge)"
    try log.timing(.makeBridge) { () throws(NetworkError) in
      let message = LinkMessage.makeBridge(network.bridge, address: network.bridgeAddress, mtu: network.mtu)
      try routes.perform("make", thing, [message], welcoming: .exists)
    }
    let index = try bridge(&routes).index
    guard index != 0 else { throw .refused("find", thing, Errno.noSuchDevice) }
    try log.timing(.quietBridge) { () throws(NetworkError) in
      try SystemControl.write("0", to: "ipv6/conf/\(network.bridge)/accept_ra")
      try SystemControl.write("1", to: "ipv6/conf/\(network.bridge)/disable_ipv6")
    }
    try log.timing(.addressBridge) { () throws(NetworkError) in
      let message = AddressMessage.add(network.gateway, in: network.subnet, linkIndex: index)
      try routes.perform("give an address to", thing, [message], welcoming: .exists)
    }
    try log.timing(.switchOnBridge) { () throws(NetworkError) in
      _ = try routes.perform("switch on", thing, [LinkMessage.switchOn(index: index)])
    }
    return index
  }

  /// Takes bridge and rules away. Forwarding stays: others may have come to need it.
  static func takeDown(_ network: Network) throws(NetworkError) {
    var routes = try RouteSocket()
    if let link = try routes.link(network.bridge), link.kind == "bridge", link.address == network.bridgeAddress {
      try routes.delete(network.bridge)
    }
    var firewall = try Firewall()
    try firewall.withdraw(network)
  }
}

/// Steps as they were performed, with their times.
struct StepLog {
  private(set) var performed: [PerformedAttachmentStep] = []

  func now() -> Int64 { ClockTime.monotonic().totalNanoseconds }

  mutating func append(_ step: AttachmentStep, since begin: Int64) {
    let nanoseconds = UInt64(clamping: now() &- begin)
    performed.append(PerformedAttachmentStep(step: step, nanoseconds: nanoseconds))
  }

  mutating func timing<Result: ~Copyable>(
    _ step: AttachmentStep, _ body: () throws(NetworkError) -> Result
  ) throws(NetworkError) -> Result {
    let begin = now()
    let result = try body()
    append(step, since: begin)
    return result
  }
}
