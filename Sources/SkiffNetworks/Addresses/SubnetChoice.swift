/// Which subnet a new network takes.
package enum SubnetChoice {
  /// Away from what other engines and home routers take by themselves (10.88 and 10.89 podman, 172.17 and up docker,
  /// 10.42, 10.96 and 10.244 clusters, 192.168.122 libvirt). A /22 has as many addresses as a Linux bridge has ports.
  ///
  /// The first few are the widest apart, for hosts that route much of one class; then every /22 of 10.187 and of 10.192 to 10.239:
  /// over three thousand stores can have a network at once.
  package static let candidates: [IPv4Subnet] =
    (first
    + blocks.flatMap { second in
      stride(from: 0, to: 256, by: 4).map { IPv4Address(10, second, UInt8($0), 0) }
    }).compactMap { IPv4Subnet($0, prefixLength: 22) }

  private static let first = [
    IPv4Address(10, 87, 0, 0), IPv4Address(10, 87, 4, 0), IPv4Address(10, 87, 8, 0), IPv4Address(10, 87, 12, 0),
    IPv4Address(172, 30, 88, 0), IPv4Address(192, 168, 188, 0),
  ]
  private static let blocks: [UInt8] = [187] + Array(192...239)

  /// The first candidate that no route of the host leads into, the way to everywhere else aside.
  ///
  /// Where company networks route whole classes (10.0.0.0/8), every candidate is inside one: then the first that meets no
  /// route as narrow as /16. Nil if there is none.
  package static func firstFree(among candidates: [IPv4Subnet], routes: [Route]) -> IPv4Subnet? {
    func isFree(_ candidate: IPv4Subnet, fromRoutesOf narrowest: UInt8) -> Bool {
      !routes.contains { $0.destination.prefixLength >= narrowest && $0.destination.overlaps(candidate) }
    }
    return candidates.first { isFree($0, fromRoutesOf: 1) } ?? candidates.first { isFree($0, fromRoutesOf: 16) }
  }
}
