package import SkiffKernel

/// What went wrong with a network: a sentence of act, thing and cause.
package enum NetworkError: Error, Equatable, Sendable {
  /// The kernel refused an act on a thing; `words` is its own explanation, where it has one.
  case refused(act: String, thing: String, cause: Errno, words: String?)
  /// A record on disk cannot be understood.
  case badRecord(path: String, problem: String)
  /// The name is not one that a network can have.
  case badName(String)
  /// Every subnet that skiff would take is in use on this host.
  case noFreeSubnet(tried: [IPv4Subnet])
  /// All addresses of the network are leased.
  case noFreeAddress(network: String)
  /// The address that was asked for is not one of the network's.
  case addressOutside(IPv4Address, network: String, subnet: IPv4Subnet)
  /// The address that was asked for is the gateway's, or the first or last of the subnet.
  case addressReserved(IPv4Address, network: String)
  /// Another container has the address that was asked for.
  case addressTaken(IPv4Address, network: String, container: String)
  /// Another container, or another process of the host, has the port.
  case portTaken(PublishedPort)
  /// A link of the network's name is there and is not the network's bridge.
  case bridgeTaken(String)
}

extension NetworkError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .refused(let act, let thing, let cause, let words):
      "cannot \(act) \(thing): \(cause)" + (words.map { " (\($0))" } ?? "")
    case .badRecord(let path, let problem):
      "cannot understand the network record \(path): \(problem)"
    case .badName(let name):
      "\"\(name)\" cannot name a network (1 to 64 small letters, digits, - and _, beginning with a letter or digit)"
    case .noFreeSubnet(let tried):
      "cannot find a subnet for the network: all \(tried.count) that skiff would take, from \(tried.first.map(\.description) ?? "none")"
        + " to \(tried.last.map(\.description) ?? "none"), overlap routes of this host"
    case .noFreeAddress(let network):
      "cannot give the container an address: all addresses of network \(network) are taken"
    case .addressOutside(let address, let network, let subnet):
      "requested static ip \(address) not in any subnet on network \(network) (it has \(subnet))"
    case .addressReserved(let address, let network):
      "cannot give the container the address \(address): no container of network \(network) can have it"
    case .addressTaken(let address, let network, let container):
      "requested ip address \(address) is already allocated on network \(network) (container \(container.prefix(12)))"
    case .portTaken(let port):
      "Bind for \(port.hostAddress):\(port.hostPort) failed: port is already allocated"
    case .bridgeTaken(let name):
      "cannot make the bridge \(name): another link has that name (delete it with `ip link delete \(name)` if nothing needs it)"
    }
  }
}

extension NetworkError {
  /// An error of a kernel call.
  static func refused(_ act: String, _ thing: String, _ errno: Errno) -> NetworkError {
    .refused(act: act, thing: thing, cause: errno, words: nil)
  }

  /// An error of a netlink exchange.
  static func refused(_ act: String, _ thing: String, _ refusal: NetlinkRefusal) -> NetworkError {
    .refused(act: act, thing: thing, cause: refusal.errno, words: refusal.words)
  }
}
