import SkiffKernel
import SkiffNetworks

/// The files that a container sees under /etc, kept in its directory: names, addresses, servers of names.
///
/// They are written into files that stand already, for the container may have them mounted.
struct ContainerFiles {
  private let path: String
  private let record: ContainerRecord

  private static let hostLimitBytes = 1 << 20

  init(path: String, record: ContainerRecord) {
    self.path = path
    self.record = record
  }

  /// Writes all three; gives what a person should know about them.
  func write(endpoint: Endpoint?, engine: Engine) throws(EngineError) -> [String] {
    let content = try content(endpoint: endpoint, engine: engine)
    try put("hosts", content.hosts)
    try put("hostname", Array("\(record.hostname)\n".utf8))
    try put("resolv.conf", content.resolvers)
    return content.warnings
  }

  private typealias Content = (hosts: [UInt8], resolvers: [UInt8], warnings: [String])

  private func content(endpoint: Endpoint?, engine: Engine) throws(EngineError) -> Content {
    if case .container(let owner) = record.request.network { return try content(of: owner, engine) }
    let request = record.request
    do throws(NameError) {
      var entries: [HostEntry] = []
      for text in request.extraHosts { entries.append(try HostEntry(parsing: text, gateway: endpoint?.gateway)) }
      let (resolvers, usesFallback) = try ResolverConfiguration.forContainer(
        host: Self.hostFile("/etc/resolv.conf"),
        systemdResolved: request.network == .bridge ? Self.hostFile(ResolverConfiguration.systemdResolvedPath) : nil,
        wishes: ResolverWishes(
          nameservers: request.dnsServers, search: request.dnsSearch, options: request.dnsOptions),
        reach: Self.reach(request.network))
      let hosts: [UInt8]
      if request.network == .host {
        hosts = HostsFile.make(host: Self.hostFile("/etc/hosts") ?? [], entries: entries)
      } else {
        hosts = HostsFile.make(
          hostname: try HostName(record.hostname),
          domain: try request.domainname.map { name throws(NameError) in try HostName(name) },
          address: endpoint?.address, entries: entries)
      }
      let warnings =
        usesFallback
        ? [
          "the host names no server of names that the container can reach; it gets "
            + ResolverConfiguration.fallbackNameservers.joined(separator: " and ") + " (choose with --dns)"
        ] : []
      return (hosts, resolvers.serialized(), warnings)
    } catch {
      throw .refused("cannot write the container's names: \(error)")
    }
  }

  /// Who shares another's network goes by the other's names.
  private func content(of owner: String, _ engine: Engine) throws(EngineError) -> Content {
    let directory = try engine.containers.open(id: try engine.containers.find(owner))
    return (
      try directory.content("hosts") ?? [], try directory.content("resolv.conf") ?? [], []
    )
  }

  private static func reach(_ network: NetworkRequest) -> ResolverReach {
    switch network {
    case .host: .host
    case .none: .nowhere
    case .bridge, .container: .ownNetwork
    }
  }

  /// A file of the host's configuration; nil where there is none, or none that can be read.
  private static func hostFile(_ path: String) -> [UInt8]? {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
      guard try file.descriptor.status().type == .regular else { return nil }
      return try file.descriptor.readToEnd(limitBytes: hostLimitBytes)
    } catch {
      return nil
    }
  }

  /// Writes into the file as it stands: a new one in its place would not be the one that is mounted.
  private func put(_ name: String, _ content: [UInt8]) throws(EngineError) {
    let path = "\(path)/\(name)"
    try naming("write", path) { () throws(Errno) in
      // Some file systems write a file that was truncated to the disk at once, even one that was empty (auto_da_alloc of ext4(5)).
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.writeOnly, .noFollow])
      if try file.descriptor.status().sizeBytes > 0 { try file.descriptor.setSize(0) }
      try file.descriptor.writeAll(content)
    }
  }
}
