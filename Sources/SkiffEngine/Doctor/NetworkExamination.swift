import SkiffKernel
import SkiffNetworks

/// What containers' networks are made of, tried in a network namespace that goes with the trial; and what of the host stands in
/// their way.
struct NetworkExamination {
  let trial: Trial
  private static let topic = "Network"

  func findings() -> [Finding] {
    let bridged = trial.refusal(in: .network) { () throws(TrialRefusal) in try Self.makeBridgeWithCable() }
    let filtered = trial.refusal(in: .network) { () throws(TrialRefusal) in try Self.makeRules() }
    let why = "containers reach each other and the outside through a bridge (--network host and none run without)"
    return [
      finding(
        "bridge and veth", bridged, why: why,
        absent: "modprobe bridge veth, or a kernel with CONFIG_BRIDGE and CONFIG_VETH"),
      finding(
        "nftables with NAT", filtered,
        why: "containers' packets leave under the host's address, and their neighbours are kept apart",
        absent: "modprobe nf_tables nft_masq, or a kernel with CONFIG_NF_TABLES and CONFIG_NFT_MASQ"),
    ] + host()
  }

  private func finding(_ name: String, _ refusal: TrialRefusal?, why: String, absent: String) -> Finding {
    guard let refusal else { return Finding(Self.topic, name, .ok, "", why: why) }
    return Finding(
      Self.topic, name, .missing, refusal.words, why: why,
      fix: refusal.isAbsence
        ? absent : "run skiff as root with CAP_NET_ADMIN, or containers with --network host or none")
  }

  /// A network as the engine makes one, of addresses that nobody has (RFC 5737).
  private static func sample() throws(NetworkError) -> Network {
    guard let gateway = IPv4Address("192.0.2.1"), let subnet = IPv4Subnet("192.0.2.0/24"),
      let bridge = InterfaceName("skiff-doctor")
    else { throw .badName("skiff-doctor") }
    return Network(
      name: .standard, id: "0000000000000000", subnet: subnet, gateway: gateway, bridge: bridge, mtu: 1500, created: 0)
  }

  private static func makeBridgeWithCable() throws(TrialRefusal) {
    do throws(NetworkError) {
      let network = try sample()
      guard let near = InterfaceName("near"), let far = InterfaceName("far") else { return }
      var links = try RouteSocket()
      _ = try links.perform(
        "make", "a bridge",
        [LinkMessage.makeBridge(network.bridge, address: network.bridgeAddress, mtu: network.mtu)])
      let bridge = try links.link(network.bridge)
      let here: FileDescriptor
      do throws(Errno) {
        here = try NetworkNamespace.current()
      } catch {
        throw .refused(act: "open", thing: "the network namespace", cause: error, words: nil)
      }
      let cable = VirtualCable(
        name: near, masterIndex: bridge?.index ?? 0, mtu: network.mtu, peerName: far,
        peerAddress: network.bridgeAddress,
        peerNamespace: here.descriptor)
      _ = try links.perform("make", "a veth pair", [LinkMessage.makeVeth(cable)])
    } catch {
      throw TrialRefusal(error)
    }
  }

  private static func makeRules() throws(TrialRefusal) {
    do throws(NetworkError) {
      var firewall = try Firewall()
      try firewall.assert(for: try sample())
    } catch {
      throw TrialRefusal(error)
    }
  }

  // MARK: The host as it is

  private func host() -> [Finding] {
    let forwards = SmallFile.line("/proc/sys/net/ipv4/ip_forward")
    var findings = [
      Finding(
        Self.topic, "net.ipv4.ip_forward", forwards == nil ? .warning : .ok,
        forwards == "1" ? "on" : "off; the first container on a bridge turns it on",
        why: "the host passes on the packets of containers", fix: "sysctl net.ipv4.ip_forward=1")
    ]
    guard !trial.needsUserNamespace else { return findings }
    let why = "a packet of a container leaves the host only if every firewall table lets it pass"
    do throws(NetworkError) {
      var firewall = try Firewall()
      let obstacles = try firewall.forwardingObstacles()
      if obstacles.isEmpty {
        findings.append(Finding(Self.topic, "firewall", .ok, "drops nothing by default", why: why))
      }
      for obstacle in obstacles {
        let name = "\(obstacle.family) \(obstacle.table) \(obstacle.chain)"
        findings.append(
          Finding(
            Self.topic, "firewall", .warning, "table and chain \(name) drop what is forwarded", why: why,
            fix: InterfaceName("skiff0").map(obstacle.notice) ?? "allow the bridge skiff0 in that firewall"))
      }
    } catch {
      findings.append(
        Finding(
          Self.topic, "firewall", .warning, "\(error)", why: why, fix: "run skiff as root with CAP_NET_ADMIN to see it")
      )
    }
    return findings
  }
}
