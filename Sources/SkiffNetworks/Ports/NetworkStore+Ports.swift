internal import SkiffKernel
package import SkiffSpec

extension NetworkStore {
  /// Has ports of the host lead to a container that is plugged in, in one transaction: all of them or none.
  ///
  /// - Throws: `portTaken` where another container has one of them.
  package func publish(
    _ ports: [PublishedPort], of containerID: ContainerID, at endpoint: Endpoint
  ) throws(NetworkError) {
    let directory = PortDirectory(runDirectory: runDirectory, network: endpoint.network)
    let record = PortRecord(address: endpoint.address, ports: ports)
    if let other = try taken(ports, besides: containerID, in: directory) { throw .portTaken(other) }
    try directory.write(record, of: containerID)
    do throws(NetworkError) {
      var firewall = try Firewall()
      try firewall.publish(record)
    } catch {
      // The first error tells more than a failure to clean up after it; the record goes with the container's lease.
      do throws(NetworkError) { try directory.remove(containerID) } catch {}
      if case .refused(_, _, .exists, _) = error, let port = ports.first { throw .portTaken(port) }
      throw error
    }
  }

  /// The first of the ports that another container has already.
  package func taken(_ ports: [PublishedPort], besides containerID: ContainerID, in network: NetworkName)
    throws(NetworkError)
    -> PublishedPort?
  {
    try taken(ports, besides: containerID, in: PortDirectory(runDirectory: runDirectory, network: network))
  }

  private func taken(
    _ ports: [PublishedPort], besides containerID: ContainerID, in directory: PortDirectory
  ) throws(NetworkError) -> PublishedPort? {
    for (container, record) in try directory.all() where container != containerID {
      for port in ports where record.ports.contains(where: { $0.contends(with: port) }) { return port }
    }
    return nil
  }

  /// Takes back what was published of a container. Nothing to take back is fine.
  func withdrawPorts(of containerID: ContainerID, in network: NetworkName) throws(NetworkError) {
    let directory = PortDirectory(runDirectory: runDirectory, network: network)
    guard let record = try directory.record(of: containerID) else { return }
    var firewall = try Firewall()
    try firewall.withdraw(record)
    try directory.remove(containerID)
  }
}

extension PublishedPort {
  /// Whether both cannot be had at once.
  fileprivate func contends(with other: PublishedPort) -> Bool {
    transport == other.transport && hostPort == other.hostPort
      && (hostAddress == other.hostAddress || isOfEveryAddress || other.isOfEveryAddress)
  }
}

extension Firewall {
  /// Adds a container's ports; refused where one of them leads elsewhere already.
  mutating func publish(_ record: PortRecord) throws(NetworkError) {
    let messages = record.filterElements.flatMap { set, elements in
      FilterMessage.addElements(elements, set: set.name, table: FilterRules.table, isNew: true)
    }
    try change(messages, "publish", "ports of a container")
  }

  /// Takes a container's ports out, those that are there.
  mutating func withdraw(_ record: PortRecord) throws(NetworkError) {
    let (act, thing) = ("take back", "ports of a container")
    func removal(_ elements: [FilterSetElement], _ set: FilterSet) -> [NetlinkMessage] {
      FilterMessage.removeElements(
        elements.map { FilterSetElement(key: $0.key) }, set: set.name, table: FilterRules.table)
    }
    if try makesChange(record.filterElements.flatMap { removal($1, $0) }, act, thing) { return }
    // One by one: what a firewall's reload has flushed is gone already, and no reason to leave the others.
    for (set, elements) in record.filterElements {
      for element in elements { _ = try makesChange(removal([element], set), act, thing) }
    }
  }

  /// False where something of it is not there; then nothing of it was done.
  private mutating func makesChange(
    _ messages: [NetlinkMessage], _ act: String, _ thing: String
  ) throws(NetworkError) -> Bool {
    do throws(NetworkError) {
      try change(messages, act, thing)
      return true
    } catch {
      guard case .refused(_, _, .notFound, _) = error else { throw error }
      return false
    }
  }
}
