package import SkiffKernel
package import SkiffSpec

/// The networks of one store: their records beneath `ROOT/networks`, their leases beneath `RUN/networks`.
///
/// Any number of processes may use a store at once. The functions that touch the kernel speak of the calling thread's network
/// namespace; those that enter a container's bring the thread back.
package struct NetworkStore: Sendable {
  package let rootDirectory: String
  package let runDirectory: String
  /// What the standard network's bridge is called when it is made.
  package let bridgeName: InterfaceName

  private static let recordLimitBytes = 65536
  private static let networkLimit = 4096

  /// Without a bridge name the system's own store has `skiff0`, any other a name made of its directory's.
  package init(rootDirectory: String, runDirectory: String, bridgeName: InterfaceName? = nil) {
    self.rootDirectory = rootDirectory
    self.runDirectory = runDirectory
    let isSystem = rootDirectory == "/var/lib/skiff"
    let hash = StableHash.hexadecimal(of: rootDirectory.utf8, count: 8)
    self.bridgeName = bridgeName ?? InterfaceName(trusted: isSystem ? "skiff0" : "skiff" + hash)
  }

  // MARK: - Networks

  /// The network of containers that ask for none in particular; its record is made at first use, its bridge with the first container.
  package func defaultNetwork() throws(NetworkError) -> Network {
    if let network = try network(.standard) { return network }
    return try createStandard()
  }

  /// The network of a name; nil if there is none.
  package func network(_ name: NetworkName) throws(NetworkError) -> Network? {
    let path = "\(rootDirectory)/networks/\(name)/network.json"
    let content: [UInt8]
    do throws(Errno) {
      content = try Descriptor.workingDirectory.readFile(KernelPath(path), limitBytes: Self.recordLimitBytes)
    } catch {
      guard error == .notFound else { throw .refused("read", path, error) }
      return nil
    }
    return try NetworkRecord.decode(content, name: name, path: path)
  }

  private func createStandard() throws(NetworkError) -> Network {
    var routes = try RouteSocket()
    let table = try routes.routes()
    guard let subnet = SubnetChoice.firstFree(among: SubnetChoice.candidates, routes: table),
      let gateway = subnet.address(at: 1)
    else { throw .noFreeSubnet(tried: SubnetChoice.candidates) }
    let wayOut = table.first { $0.destination.prefixLength == 0 && $0.outLinkIndex != nil }?.outLinkIndex
    let mtu = try wayOut.flatMap { index throws(NetworkError) in try routes.link(index: index)?.mtu } ?? 1500
    let directory = "\(rootDirectory)/networks/\(NetworkName.standard)"
    do throws(Errno) {
      let network = Network(
        name: .standard, id: try TemporaryName.make(prefix: "").text, subnet: subnet, gateway: gateway,
        bridge: bridgeName, mtu: min(max(mtu, 1280), 65535), created: ClockTime.now().seconds)
      try write(NetworkRecord.encode(network), in: directory)
    } catch {
      throw .refused("write", "\(directory)/network.json", error)
    }
    // Another process may have been first; what is on disk now is the truth for all.
    guard let network = try network(.standard) else {
      throw .badRecord(path: "\(directory)/network.json", problem: "it was removed while it was made")
    }
    return network
  }

  /// Writes a new record unless there is one.
  private func write(_ content: [UInt8], in path: String) throws(Errno) {
    let anchor = try Root(opening: path.hasPrefix("/") ? "/" : ".")
    let handle = try anchor.openDirectory(KernelPath(path), creatingWithMode: 0o700)
    let directory = try handle.descriptor.open(".", [.directory, .readOnly])
    let temporary = try TemporaryName.make(prefix: ".new-")
    let file = try directory.descriptor.open(temporary, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
    do throws(Errno) {
      try file.descriptor.writeAll(content)
      try file.descriptor.synchronize()
      try directory.descriptor.rename(temporary, to: "network.json", in: directory.descriptor, noReplace: true)
      try directory.descriptor.synchronize()
    } catch {
      // The first error tells more than a failure to clean up after it.
      do throws(Errno) { try directory.descriptor.unlink(temporary) } catch {}
      guard error == .exists else { throw error }
    }
  }

  /// Sets right what is missing of a network's bridge, rules and forwarding, as every `attach` does: for running containers
  /// after a firewall's reload. Gives what a person should be told.
  package func repair(_ network: Network) throws(NetworkError) -> [String] {
    var routes = try RouteSocket()
    var log = StepLog()
    var host = HostSide(of: network, runDirectory: runDirectory)
    _ = try host.stand(&routes, log: &log)
    return host.notices
  }

  /// Takes a network's bridge and rules away; its record stays. Containers on it lose their network.
  package func takeDown(_ network: Network) throws(NetworkError) {
    try HostSide.takeDown(network)
  }

  // MARK: - Containers

  /// Plugs a container into a network: an address leased, a cable laid into `namespace`, its end there configured as eth0.
  ///
  /// `isStale` says of another container whether it is no more, when its address is wanted; a container that is being made is
  /// not stale. On failure nothing is left.
  package func attach(
    containerID: ContainerID, to network: Network, wishes: EndpointWishes = EndpointWishes(), namespace: Descriptor,
    isStale: (ContainerID) -> Bool
  ) throws(NetworkError) -> Endpoint {
    var log = StepLog()
    let begin = log.now()
    let leases = try LeaseDirectory(runDirectory: runDirectory, network: network.name)
    if try leases.address(of: containerID) != nil {
      // An earlier start of the same container was cut short.
      try detach(containerID: containerID, from: leases)
    }
    let address = try claim(wishes, for: containerID, in: network, leases, isStale: isStale)
    log.append(.leaseAddress, since: begin)
    do throws(NetworkError) {
      var attachment = try Attachment(
        containerID: containerID, network: network, address: address, wishes: wishes, log: log)
      try attachment.perform(into: namespace, runDirectory: runDirectory)
      return attachment.endpoint(runDirectory: runDirectory)
    } catch {
      // The first error tells more than a failure to clean up after it; what it leaves has its record and is swept later.
      do throws(NetworkError) { try detach(containerID: containerID, from: leases) } catch {}
      throw error
    }
  }

  private func claim(
    _ wishes: EndpointWishes, for containerID: ContainerID, in network: Network, _ leases: borrowing LeaseDirectory,
    isStale: (ContainerID) -> Bool
  ) throws(NetworkError) -> IPv4Address {
    let beforeRelease = { (stale: ContainerID) throws(NetworkError) in
      try withdrawPorts(of: stale, in: network.name)
    }
    guard let address = wishes.address else {
      return try leases.claim(for: containerID, in: network, isStale: isStale, beforeRelease: beforeRelease)
    }
    try leases.claim(address, for: containerID, in: network, isStale: isStale, beforeRelease: beforeRelease)
    return address
  }

  /// Unplugs a container from every network. Nothing to unplug is fine.
  package func detach(containerID: ContainerID) throws(NetworkError) {
    for name in try networksInUse() {
      let leases = try LeaseDirectory(runDirectory: runDirectory, network: name)
      try detach(containerID: containerID, from: leases)
    }
  }

  private func detach(containerID: ContainerID, from leases: borrowing LeaseDirectory) throws(NetworkError) {
    // The cable before its record: as long as the record stands, a later command knows that there is something to do.
    // The ports before the address, which the next container may get.
    try withdrawPorts(of: containerID, in: leases.network)
    var routes = try RouteSocket()
    try routes.removeCable(InterfaceName(hostEndFor: containerID))
    try leases.release(containerID)
  }

  /// Removes what containers that are no more have left behind: cables and leases. Gives the containers.
  ///
  /// A container must not be stale from before its first `attach` until it is gone.
  @discardableResult
  package func reconcile(isStale: (ContainerID) -> Bool) throws(NetworkError) -> Set<ContainerID> {
    var removed: Set<ContainerID> = []
    for name in try networksInUse() {
      let leases = try LeaseDirectory(runDirectory: runDirectory, network: name)
      // Cables are listed before their records are read: one that has no record by then was never to stay.
      let cables = try network(name).map { network throws(NetworkError) in try self.cables(of: network) } ?? []
      var routes = try RouteSocket()
      for container in try leases.containers() where isStale(container) {
        try withdrawPorts(of: container, in: name)
        try routes.delete(InterfaceName(hostEndFor: container))
      }
      removed.formUnion(try leases.reclaim(isStale: isStale))
      let known = Set(try leases.containers().map { InterfaceName(hostEndFor: $0) })
      for cable in cables where !known.contains(cable) { try routes.delete(cable) }
    }
    return removed
  }

  /// The ports of a network's bridge that have a name as we give them.
  private func cables(of network: Network) throws(NetworkError) -> [InterfaceName] {
    var routes = try RouteSocket()
    guard let bridge = try routes.link(network.bridge), bridge.address == network.bridgeAddress else { return [] }
    return try routes.links(masterIndex: bridge.index).compactMap { InterfaceName($0.name) }.filter(\.isHostEnd)
  }

  /// Networks that have records of containers.
  private func networksInUse() throws(NetworkError) -> [NetworkName] {
    let path = "\(runDirectory)/networks"
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open(KernelPath(path), [.directory, .readOnly])
      let entries = try directory.descriptor.sortedEntries(limit: Self.networkLimit)
      return entries.compactMap { try? NetworkName($0.name.text) }
    } catch {
      guard error == .notFound else { throw .refused("list", path, error) }
      return []
    }
  }

  /// Switches the loopback of a network namespace on: all the network that `--network none` has.
  package static func loopbackUp(namespace: Descriptor) throws(NetworkError) {
    try Attachment.inside(namespace) { () throws(NetworkError) in
      let socket = try Attachment.refusing("open", "a socket to the container's links") { () throws(Errno) in
        try InterfaceSocket()
      }
      try Attachment.switchOn(.loopback, socket)
    }
  }

  /// The steps of attaching as they would be on a host where nothing stands yet, none performed.
  package func plannedExplanation(
    containerID: ContainerID, network: Network, wishes: EndpointWishes = EndpointWishes()
  ) -> [ExplanationStep] {
    let first = AddressOrder(network: network, seed: StableHash.of(containerID.text.utf8)).first { _ in true }
    let address = wishes.address ?? first ?? network.gateway
    let explainer = AttachmentExplainer(
      network: network, containerID: containerID, address: address,
      macAddress: wishes.macAddress ?? HardwareAddress(for: address),
      runDirectory: runDirectory)
    let steps: [AttachmentStep] = [
      .leaseAddress, .assertFirewall, .makeBridge, .quietBridge, .addressBridge, .switchOnBridge, .turnOnForwarding,
      .layCable, .quietIPv6, .switchOnLoopback, .addressContainer, .switchOnCable, .routeContainer,
    ]
    return steps.map { explainer.explain($0) }
  }
}
