/// What a rule asks of a packet. From these come the kernel's expressions and nft(8)'s words.
package enum FilterCondition: Equatable, Sendable {
  case link(LinkDirection, is: Bool, InterfaceName)
  case bridge(LinkDirection, isOurs: Bool)
  case loopbackAddress(AddressSide)
  case containerAddress(AddressSide)
  /// The address belongs to the network behind the link.
  case network(LinkDirection, AddressSide, matches: Bool)
  case isIPv6
  case connection(ConnectionState)
  /// The packet is for an address of the host.
  case isForHost
  /// The packet's destination was changed, that of its connection's first.
  case isRedirected
}

/// Whether the link is the one a packet came by, or the one it leaves by.
package enum LinkDirection: Sendable {
  case incoming
  case outgoing
}

/// Which of a packet's two addresses is looked at.
package enum AddressSide: Sendable {
  case source
  case destination
}

/// States of connection tracking, as its mask.
package enum ConnectionState: UInt32, Sendable {
  case invalid = 1
  case establishedOrRelated = 6
}

/// What becomes of a packet that a rule matches.
package enum FilterVerdict: String, Sendable {
  case accept
  case drop
  case masquerade
  /// To the container that has the port published: on every address, or on this one.
  case redirect
  case redirectAddressed
}

/// A rule of ours: which packets, what becomes of them, and why.
package struct FilterRule: Equatable, Sendable {
  package let conditions: [FilterCondition]
  package let verdict: FilterVerdict
  /// Stands in the kernel as the rule's comment; without quotation marks, so that it can be typed in a shell.
  package let reason: String

  package init(conditions: [FilterCondition], verdict: FilterVerdict, reason: String) {
    self.conditions = conditions
    self.verdict = verdict
    self.reason = reason
  }
}

/// The rules of skiff's own table `inet skiff`: the same on every host; which bridges and subnets they speak of is in three
/// sets, so a packet's way does not grow longer with the number of networks.
package enum FilterRules {
  package static let table = "skiff"
  /// Changes whenever a rule does, so that an older skiff's rules are replaced.
  package static let version = 2

  /// Pairs of bridge and subnet.
  package static let networks = FilterSet(
    name: "networks", keyType: 41 << 6 | 7, fieldBytes: [16, 4], holdsIntervals: true, shownByteOrder: 0)
  package static let bridges = FilterSet(
    name: "bridges", keyType: 41, fieldBytes: [16], holdsIntervals: false, shownByteOrder: 1)
  package static let subnets = FilterSet(
    name: "subnets", keyType: 7, fieldBytes: [4], holdsIntervals: true, shownByteOrder: 2)

  /// Published ports, by protocol and port, with the container's address and port.
  package static let ports = FilterSet(
    name: "ports", keyType: 12 << 6 | 13, fieldBytes: [4, 4], holdsIntervals: false, shownByteOrder: 0,
    value: (7 << 6 | 13, 8))
  /// The same of one address of the host each.
  package static let addressedPorts = FilterSet(
    name: "addressed_ports", keyType: (7 << 6 | 12) << 6 | 13, fieldBytes: [4, 4, 4], holdsIntervals: false,
    shownByteOrder: 0, value: (7 << 6 | 13, 8))

  package static let sets = [networks, bridges, subnets, ports, addressedPorts]

  package static let chains: [(chain: FilterChain, rules: [FilterRule])] = [
    (FilterChain(name: "prerouting", type: "filter", hook: .prerouting, priority: -300), protections),
    (FilterChain(name: "publishing", type: "nat", hook: .prerouting, priority: -100), publishing),
    (FilterChain(name: "forward", type: "filter", hook: .forward, priority: 0), forwarding),
    (FilterChain(name: "postrouting", type: "nat", hook: .postrouting, priority: 100), translation),
  ]

  /// Before anything else looks at a packet, connection tracking included.
  private static let protections: [FilterRule] = [
    // CVE-2020-8558, CVE-2024-32473: services on 127.0.0.1 reached from the neighbourhood.
    FilterRule(
      conditions: [.link(.incoming, is: false, .loopback), .loopbackAddress(.source)], verdict: .drop,
      reason: "loopback addresses do not come from outside"),
    FilterRule(
      conditions: [.link(.incoming, is: false, .loopback), .loopbackAddress(.destination)], verdict: .drop,
      reason: "loopback addresses are not reached from outside"),
    // CVE-2020-10749: a container that speaks IPv6 on a network without it could pose as the router.
    FilterRule(
      conditions: [.bridge(.incoming, isOurs: true), .isIPv6], verdict: .drop,
      reason: "container networks speak IPv4 only"),
    FilterRule(
      conditions: [.bridge(.incoming, isOurs: true), .network(.incoming, .source, matches: false)], verdict: .drop,
      reason: "a container sends from an address of its network"),
    FilterRule(
      conditions: [
        .link(.incoming, is: false, .loopback), .bridge(.incoming, isOurs: false), .containerAddress(.source),
      ], verdict: .drop, reason: "container addresses do not come from outside"),
    // CVE-2025-54388 and its kin: a neighbour that routes to the subnet would reach every port of every container.
    FilterRule(
      conditions: [
        .link(.incoming, is: false, .loopback), .bridge(.incoming, isOurs: false), .containerAddress(.destination),
      ], verdict: .drop, reason: "container addresses are not reached from outside"),
  ]

  /// Containers reach published ports through the host's own socket: what comes back from a neighbour on the same bridge would
  /// not pass here again, to have its address changed back.
  private static let publishing: [FilterRule] = [
    FilterRule(
      conditions: [.bridge(.incoming, isOurs: false), .isForHost], verdict: .redirectAddressed,
      reason: "ports published on one address"),
    FilterRule(
      conditions: [.bridge(.incoming, isOurs: false), .isForHost], verdict: .redirect,
      reason: "published ports"),
  ]

  private static let forwarding: [FilterRule] = [
    // Address translation leaves these alone, so they would show the container's address outside.
    FilterRule(
      conditions: [.bridge(.incoming, isOurs: true), .connection(.invalid)], verdict: .drop,
      reason: "packets of no connection stay inside"),
    FilterRule(
      conditions: [.connection(.establishedOrRelated)], verdict: .accept, reason: "answers pass"),
    FilterRule(
      conditions: [.network(.incoming, .destination, matches: true)], verdict: .accept,
      reason: "containers of a network reach each other"),
    FilterRule(
      conditions: [.bridge(.outgoing, isOurs: true), .isRedirected], verdict: .accept,
      reason: "published ports are reached"),
    FilterRule(
      conditions: [.bridge(.outgoing, isOurs: true)], verdict: .drop,
      reason: "nobody else begins a connection to a container"),
  ]

  private static let translation: [FilterRule] = [
    FilterRule(
      conditions: [.link(.outgoing, is: true, .loopback)], verdict: .accept,
      reason: "the host speaks to itself as it is"),
    FilterRule(
      conditions: [.network(.outgoing, .source, matches: true)], verdict: .accept,
      reason: "inside a network addresses stay"),
    FilterRule(
      conditions: [.containerAddress(.source)], verdict: .masquerade,
      reason: "outside, containers go by an address of the host"),
  ]
}

extension FilterRule {
  /// What stands in the kernel beside the rule: it says whose the rule is, and of which version.
  package var comment: String { "skiff \(FilterRules.version): \(reason)" }

  /// The rule for the packet filter's machine.
  package var expressions: [FilterExpression] {
    var expressions: [FilterExpression] = []
    var isKnownIPv4 = false
    for condition in conditions {
      if condition.readsIPv4Header, !isKnownIPv4 {
        expressions += [.load(.protocolFamily, register: .first), .compare(.first, equals: true, [2])]
        isKnownIPv4 = true
      }
      expressions += condition.expressions
    }
    switch verdict {
    case .accept: expressions.append(.accept)
    // Counted, so that a person can see what is being dropped: `nft list table inet skiff`.
    case .drop: expressions += [.count, .drop]
    case .masquerade: expressions.append(.masquerade)
    case .redirect:
      expressions += [
        .load(.protocolFamily, register: .first), .compare(.first, equals: true, [2]),
        .load(.transportProtocol, register: .firstWord),
        .load(.transportHeader(offset: 2, count: 2), register: .secondWord),
        .translate(.firstWord, map: FilterRules.ports.name, into: .firstWord),
        .changeDestination(address: .firstWord, port: .secondWord),
      ]
    case .redirectAddressed:
      expressions += [
        .load(.protocolFamily, register: .first), .compare(.first, equals: true, [2]),
        .load(.networkHeader(offset: AddressSide.destination.offset, count: 4), register: .firstWord),
        .load(.transportProtocol, register: .secondWord),
        .load(.transportHeader(offset: 2, count: 2), register: .thirdWord),
        .translate(.firstWord, map: FilterRules.addressedPorts.name, into: .firstWord),
        .changeDestination(address: .firstWord, port: .secondWord),
      ]
    }
    return expressions
  }

  /// The rule in nft(8)'s words.
  package var text: String {
    let verdictText =
      switch verdict {
      case .accept: "accept"
      case .drop: "counter drop"
      case .masquerade: "masquerade fully-random"
      case .redirect: "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports"
      case .redirectAddressed: "dnat ip to ip daddr . meta l4proto . th dport map @addressed_ports"
      }
    return (conditions.map(\.text) + [verdictText]).joined(separator: " ")
  }
}

extension FilterCondition {
  fileprivate var readsIPv4Header: Bool {
    switch self {
    case .loopbackAddress, .containerAddress, .network: true
    case .link, .bridge, .isIPv6, .connection, .isForHost, .isRedirected: false
    }
  }

  fileprivate var expressions: [FilterExpression] {
    switch self {
    case .link(let direction, let equals, let name):
      [.load(direction.fact, register: .first), .compare(.first, equals: equals, name.padded)]
    case .bridge(let direction, let isOurs):
      [.load(direction.fact, register: .first), .lookup(.first, set: FilterRules.bridges.name, isIn: isOurs)]
    case .loopbackAddress(let side):
      [
        .load(.networkHeader(offset: side.offset, count: 1), register: .first), .compare(.first, equals: true, [127]),
      ]
    case .containerAddress(let side):
      [
        .load(.networkHeader(offset: side.offset, count: 4), register: .first),
        .lookup(.first, set: FilterRules.subnets.name, isIn: true),
      ]
    case .network(let direction, let side, let matches):
      // A key of two fields lies in registers side by side: sixteen bytes of name, then the address.
      [
        .load(direction.fact, register: .first),
        .load(.networkHeader(offset: side.offset, count: 4), register: .second),
        .lookup(.first, set: FilterRules.networks.name, isIn: matches),
      ]
    case .isIPv6:
      [.load(.protocolFamily, register: .first), .compare(.first, equals: true, [10])]
    case .isForHost:
      // RTN_LOCAL, in the machine's order.
      [.load(.destinationKind, register: .first), .compare(.first, equals: true, [2, 0, 0, 0])]
    case .isRedirected:
      [
        .load(.connectionStatus, register: .first), .keepBits(.first, mask: 0x20),
        .compare(.first, equals: false, [0, 0, 0, 0]),
      ]
    case .connection(let state):
      [
        .load(.connectionState, register: .first), .keepBits(.first, mask: state.rawValue),
        .compare(.first, equals: false, [0, 0, 0, 0]),
      ]
    }
  }

  fileprivate var text: String {
    switch self {
    case .link(let direction, let equals, let name): "\(direction.text) \(equals ? "" : "!= ")\"\(name)\""
    case .bridge(let direction, let isOurs): "\(direction.text) \(isOurs ? "" : "!= ")@bridges"
    case .loopbackAddress(let side): "\(side.text) 127.0.0.0/8"
    case .containerAddress(let side): "\(side.text) @subnets"
    case .network(let direction, let side, let matches):
      "\(direction.text) . \(side.text) \(matches ? "" : "!= ")@networks"
    case .isIPv6: "meta nfproto ipv6"
    case .isForHost: "fib daddr type local"
    case .isRedirected: "ct status dnat"
    case .connection(.invalid): "ct state invalid"
    case .connection(.establishedOrRelated): "ct state established,related"
    }
  }
}

extension LinkDirection {
  fileprivate var fact: PacketFact { self == .incoming ? .inLinkName : .outLinkName }
  fileprivate var text: String { self == .incoming ? "iifname" : "oifname" }
}

extension AddressSide {
  fileprivate var offset: UInt32 { self == .source ? 12 : 16 }
  fileprivate var text: String { self == .source ? "ip saddr" : "ip daddr" }
}
