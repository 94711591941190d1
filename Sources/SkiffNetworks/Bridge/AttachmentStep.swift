internal import SkiffSpec

/// A step on the way of a container into a network, in the order of performing.
package enum AttachmentStep: Equatable, Sendable {
  case leaseAddress
  case turnOnForwarding
  case makeBridge
  case quietBridge
  case addressBridge
  case switchOnBridge
  case assertFirewall
  case checkHost
  case layCable
  case quietIPv6
  case switchOnLoopback
  case addressContainer
  case switchOnCable
  case routeContainer
}

/// A step and the time that it took.
package struct PerformedAttachmentStep: Equatable, Sendable {
  package var step: AttachmentStep
  package var nanoseconds: UInt64
}

/// Tells steps in words: to the kernel, and as a person would type them.
struct AttachmentExplainer: Equatable, Sendable {
  var network: Network
  var containerID: ContainerID
  var address: IPv4Address
  var macAddress: HardwareAddress
  var runDirectory: String

  func explain(_ step: AttachmentStep, nanoseconds: UInt64? = nil) -> ExplanationStep {
    let words = self.words(step)
    return ExplanationStep(what: words.what, kernelCall: words.call, command: words.command, nanoseconds: nanoseconds)
  }

  private var subnetLength: UInt8 { network.subnet.prefixLength }
  private var hostEnd: InterfaceName { InterfaceName(hostEndFor: containerID) }

  private typealias Words = (what: String, call: String, command: String)

  private func words(_ step: AttachmentStep) -> Words {
    switch step {
    case .turnOnForwarding, .makeBridge, .quietBridge, .addressBridge, .switchOnBridge, .assertFirewall, .checkHost:
      hostWords(step)
    default:
      containerWords(step)
    }
  }

  private func hostWords(_ step: AttachmentStep) -> Words {
    let bridge = network.bridge
    switch step {
    case .turnOnForwarding:
      return (
        "let the host pass packets on", "write(\"/proc/sys/net/ipv4/ip_forward\", \"1\")",
        "sysctl -w net.ipv4.ip_forward=1"
      )
    case .makeBridge:
      return (
        "make the bridge that containers are plugged into",
        "RTM_NEWLINK \(bridge) kind bridge, address \(network.bridgeAddress), mtu \(network.mtu)",
        "ip link add \(bridge) address \(network.bridgeAddress) mtu \(network.mtu) type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
      )
    case .quietBridge:
      return (
        "keep IPv6 off the bridge, so that no container can pose as the host's router",
        "write(\"/proc/sys/net/ipv6/conf/\(bridge)/{accept_ra,disable_ipv6}\")",
        "sysctl -w net.ipv6.conf.\(bridge).accept_ra=0 net.ipv6.conf.\(bridge).disable_ipv6=1"
      )
    case .addressBridge:
      return (
        "give the host its address on the bridge", "RTM_NEWADDR \(network.gateway)/\(subnetLength) dev \(bridge)",
        "ip address add \(network.gateway)/\(subnetLength) broadcast + dev \(bridge)"
      )
    case .switchOnBridge:
      return ("switch the bridge on", "RTM_NEWLINK \(bridge) IFF_UP", "ip link set \(bridge) up")
    case .assertFirewall:
      return (
        "translate addresses on the way out, and drop what pretends",
        "NFNL_MSG_BATCH_BEGIN table inet skiff, element \(bridge) . \(network.subnet) NFNL_MSG_BATCH_END",
        FilterRules.script(for: network)
      )
    default:
      return (
        "see that bridge and firewall rules stand",
        "RTM_GETLINK \(bridge); NFT_MSG_GETRULE table inet skiff, NFT_MSG_GETSETELEM \(bridge) . \(network.subnet)",
        "ip link show \(bridge); nft list table inet skiff"
      )
    }
  }

  private func containerWords(_ step: AttachmentStep) -> Words {
    let eth0 = InterfaceName.container
    // What is typed inside the container's network namespace.
    let inside = "nsenter --net=/proc/PID/ns/net "
    switch step {
    case .leaseAddress:
      let directory = "\(runDirectory)/networks/\(network.name)"
      return (
        "set an address aside for the container",
        "symlinkat(\"\(containerID.text)\", \"\(directory)/leases/\(address)\")",
        "ln -s \(containerID.text) \(directory)/leases/\(address)"
      )
    case .layCable:
      return (
        "lay a virtual cable, one end plugged into the bridge, the other inside as \(eth0)",
        "RTM_NEWLINK \(hostEnd) kind veth, master \(network.bridge), up, peer \(eth0) in the container's namespace",
        "ip link add \(hostEnd) mtu \(network.mtu) numtxqueues 1 numrxqueues 1 master \(network.bridge) up type veth"
          + " peer name \(eth0) mtu \(network.mtu) address \(macAddress) numtxqueues 1 numrxqueues 1 netns PID"
      )
    case .quietIPv6:
      return (
        "keep IPv6 off the cable: nobody inside may believe a stranger who says that he is the router",
        "write(\"/proc/sys/net/ipv6/conf/\(eth0)/{accept_ra,disable_ipv6}\")",
        inside + "sysctl -w net.ipv6.conf.\(eth0).accept_ra=0 net.ipv6.conf.\(eth0).disable_ipv6=1"
      )
    case .switchOnLoopback:
      return ("switch the container's loopback on", "ioctl(SIOCSIFFLAGS, lo, IFF_UP)", inside + "ip link set lo up")
    case .addressContainer:
      return (
        "give the container its address",
        "ioctl(SIOCSIFADDR, \(eth0), \(address)); ioctl(SIOCSIFNETMASK, \(eth0), \(network.subnet.mask))",
        inside + "ip address add \(address)/\(subnetLength) broadcast + dev \(eth0)"
      )
    case .switchOnCable:
      return ("switch the cable on", "ioctl(SIOCSIFFLAGS, \(eth0), IFF_UP)", inside + "ip link set \(eth0) up")
    default:
      return (
        "send everything that is not near to the host", "ioctl(SIOCADDRT, default via \(network.gateway))",
        inside + "ip route add default via \(network.gateway)"
      )
    }
  }
}

extension FilterRules {
  /// The whole table in nft(8)'s words, on one line, as typed in a shell.
  package static func script(for network: Network) -> String {
    var parts = [
      "set networks { type ifname . ipv4_addr; flags interval; elements = { \"\(network.bridge)\" . \(network.subnet) }; }",
      "set bridges { type ifname; elements = { \"\(network.bridge)\" }; }",
      "set subnets { type ipv4_addr; flags interval; elements = { \(network.subnet) }; }",
      "map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }",
      "map addressed_ports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }",
    ]
    for (chain, rules) in chains {
      let head = "type \(chain.type) hook \(chain.hook) priority \(chain.priority); policy accept;"
      let body = rules.map { "\($0.text) comment \"\($0.comment)\"" }.joined(separator: "; ")
      parts.append("chain \(chain.name) { \(head) \(body); }")
    }
    return "nft 'table inet \(table) { \(parts.joined(separator: "; ")); }'"
  }
}
