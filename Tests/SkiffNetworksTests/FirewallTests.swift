import SkiffKernel
import SkiffNetworks
import SkiffSpec
import Testing

/// What the table `inet skiff` keeps out, each seen to come in without it.
@Suite struct FirewallTests {
  /// Sends with the rules and without them; gives what was heard in each case.
  private func withAndWithoutRules(
    _ host: Host, server: Datagrams, _ send: () throws -> Void
  ) throws -> (guarded: Bool, open: Bool) {
    try send()
    let guarded = try server.receive(milliseconds: 300) != nil
    var firewall = try Firewall()
    try firewall.withdraw(try host.store.defaultNetwork())
    try send()
    let open = try server.receive(milliseconds: 2000) != nil
    return (guarded, open)
  }

  @Test func `a neighbour that routes to the containers does not reach them`() throws {
    try Laboratory.host { host in
      let outside = try Outside()
      let container = try host.container("first")
      let server = try container.inside { try Datagrams(port: 7000) }

      let heard = try withAndWithoutRules(host, server: server) {
        try outside.inside { try Datagrams() }.send("in", to: container.endpoint.address, port: 7000)
      }

      #expect(!heard.guarded)
      #expect(heard.open)
    }
  }

  @Test func `a neighbour that poses as a container is not heard by the host`() throws {
    try Laboratory.host { host in
      let outside = try Outside()
      let container = try host.container("first")
      _ = try Command.run([
        "sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/up0/rp_filter",
      ])
      let server = try Datagrams(port: 7000)
      let card = try #require(outside.hostLink.address)

      let heard = try withAndWithoutRules(host, server: server) {
        try outside.inside {
          try sendFrame(to: card, from: container.endpoint.address, to: Outside.hostAddress, port: 7000, "spoof")
        }
      }

      #expect(!heard.guarded)
      #expect(heard.open)
    }
  }

  @Test func `services on the host's loopback are not reached from outside, even with route_localnet`() throws {
    try Laboratory.host { host in
      let outside = try Outside()
      _ = try host.container("first")
      _ = try Command.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/up0/route_localnet"])
      let server = try Datagrams(address: IPv4Address(127, 0, 0, 1), port: 7000)
      let card = try #require(outside.hostLink.address)

      let heard = try withAndWithoutRules(host, server: server) {
        try outside.inside {
          try sendFrame(to: card, from: Outside.address, to: IPv4Address(127, 0, 0, 1), port: 7000, "local")
        }
      }

      #expect(!heard.guarded)
      #expect(heard.open)
    }
  }

  @Test func `a container cannot send from a stranger's address`() throws {
    try Laboratory.host { host in
      let container = try host.container("first")
      _ = try Command.run([
        "sh", "-c",
        "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; for f in /proc/sys/net/ipv4/conf/skiff*/rp_filter; do echo 0 > $f; done",
      ])
      let network = try host.store.defaultNetwork()
      let server = try Datagrams(port: 7000)

      let heard = try withAndWithoutRules(host, server: server) {
        try container.inside {
          try sendFrame(
            to: network.bridgeAddress, from: IPv4Address(198, 51, 100, 7), to: network.gateway, port: 7000, "spoof")
        }
      }

      #expect(!heard.guarded)
      #expect(heard.open)
    }
  }

  @Test func `containers of different networks do not reach each other`() throws {
    try Laboratory.host { host in
      let other = NetworkStore(rootDirectory: host.directory + "/root2", runDirectory: host.directory + "/run2")
      let first = try host.container("first")
      let second = try host.container("second", in: other)
      #expect(try !host.store.defaultNetwork().subnet.overlaps(other.defaultNetwork().subnet))
      let server = try second.inside { try Datagrams(port: 7000) }
      let client = try first.inside { try Datagrams() }

      try client.send("over", to: second.endpoint.address, port: 7000)
      #expect(try server.receive(milliseconds: 300) == nil)

      // As soon as nothing guards them they do: it was the rules.
      var firewall = try Firewall()
      try firewall.withdraw(try host.store.defaultNetwork())
      try firewall.withdraw(try other.defaultNetwork())
      try client.send("over", to: second.endpoint.address, port: 7000)
      #expect(try server.receive(milliseconds: 2000)?.text == "over")
    }
  }

  @Test func `the rules come back with the next container after a flush`() throws {
    try Laboratory.host { host in
      _ = try host.container("first")
      let network = try host.store.defaultNetwork()
      var firewall = try Firewall()
      #expect(try firewall.isWhole(for: network))
      var socket = try NetlinkSocket(.netfilter)
      try socket.perform(FilterMessage.batch([FilterMessage.removeTable(FilterRules.table)]))
      #expect(try !firewall.isWhole(for: network))

      let container = try host.container("second")

      #expect(try firewall.isWhole(for: network))
      #expect(container.endpoint.performed.contains { $0.step == .assertFirewall })
    }
  }

  @Test func `a running container is outside again after a repair`() throws {
    try Laboratory.host { host in
      let outside = try Outside()
      let container = try host.container("first")
      let network = try host.store.defaultNetwork()
      let server = try outside.inside { try Datagrams(port: 7000) }
      var socket = try NetlinkSocket(.netfilter)
      try socket.perform(FilterMessage.batch([FilterMessage.removeTable(FilterRules.table)]))
      _ = try Command.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"])
      try container.inside { try Datagrams() }.send("lost", to: Outside.address, port: 7000)
      #expect(try server.receive(milliseconds: 300) == nil)

      let notices = try host.store.repair(network)

      #expect(notices.count == 1)
      try container.inside { try Datagrams() }.send("heard", to: Outside.address, port: 7000)
      #expect(try server.receive(milliseconds: 2000)?.text == "heard")
      #expect(try host.store.repair(network).isEmpty)
    }
  }

  @Test func `a missing rule, a missing element and a stranger's rule in the chain are noticed`() throws {
    try Laboratory.host { host in
      _ = try host.container("first")
      let network = try host.store.defaultNetwork()
      var firewall = try Firewall()
      var socket = try NetlinkSocket(.netfilter)
      let pair = FilterSetElement(
        key: network.bridge.padded + network.subnet.base.bytes,
        lastKey: network.bridge.padded + network.subnet.broadcast.bytes)
      let injuries = [
        [FilterMessage.flushChain("forward", table: FilterRules.table)],
        FilterMessage.removeElements([pair], set: FilterRules.networks.name, table: FilterRules.table),
        [FilterMessage.addRule([.accept], comment: "mine", chain: "forward", table: FilterRules.table)],
      ]
      for injury in injuries {
        try socket.perform(FilterMessage.batch(injury))
        #expect(try !firewall.isWhole(for: network))
        try firewall.assert(for: network)
        #expect(try firewall.isWhole(for: network))
      }
    }
  }

  @Test func `asserting twice changes nothing, and the last network takes the table with it`() throws {
    try Laboratory.host { host in
      let network = try host.store.defaultNetwork()
      let other = try NetworkStore(rootDirectory: host.directory + "/root2", runDirectory: host.directory + "/run2")
        .defaultNetwork()
      var firewall = try Firewall()
      var socket = try NetlinkSocket(.netfilter)
      func rules() throws -> [ListedRule] {
        try socket.perform(FilterMessage.listRules(table: FilterRules.table)).compactMap(ListedRule.init)
      }

      try firewall.assert(for: network)
      let once = try rules()
      try firewall.assert(for: network)
      try firewall.assert(for: other)
      #expect(try rules() == once)
      #expect(try firewall.isWhole(for: network))
      try firewall.withdraw(other)
      #expect(try firewall.isWhole(for: network))
      try firewall.withdraw(network)
      try firewall.withdraw(network)

      #expect(try rules().isEmpty)
      #expect(throws: NetlinkRefusal.self) {
        try socket.perform(FilterMessage.listElements(set: FilterRules.networks.name, table: FilterRules.table))
      }
    }
  }

  @Test func `chains of another shape in our table are replaced`() throws {
    try Laboratory.host { host in
      var socket = try NetlinkSocket(.netfilter)
      let odd = FilterChain(name: "forward", type: "filter", hook: .input, priority: 10)
      try socket.perform(
        FilterMessage.batch([
          FilterMessage.addTable(FilterRules.table), FilterMessage.addChain(odd, table: FilterRules.table),
        ]))
      let network = try host.store.defaultNetwork()
      var firewall = try Firewall()

      try firewall.assert(for: network)

      #expect(try firewall.isWhole(for: network))
      let chains = try socket.perform(FilterMessage.listChains()).compactMap(ListedChain.init)
      #expect(chains.first { $0.name == "forward" }?.hook == FilterHook.forward.rawValue)
    }
  }

  @Test(.enabled(if: Command.exists("nft")))
  func `nft reads from the kernel exactly the rules that the explanation tells`() throws {
    let command = ["nft", "list", "table", "inet", "skiff"]
    try Laboratory.host { host in
      let network = try host.store.defaultNetwork()
      let script = FilterRules.script(for: network)
      _ = try Command.run(["sh", "-c", script])
      let typed = try Command.run(command)
      _ = try Command.run(["nft", "delete", "table", "inet", "skiff"])

      var firewall = try Firewall()
      try firewall.assert(for: network)

      #expect(try Command.run(command) == typed)
      #expect(typed.contains("masquerade fully-random"))
    }
  }

  @Test(.enabled(if: Command.exists("nft")))
  func `a firewall that drops what it forwards is told of`() throws {
    try Laboratory.host { host in
      _ = try Command.run(["nft", "add", "table", "ip", "filter"])
      _ = try Command.run([
        "nft", "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }",
      ])

      let container = try host.container("first")

      let notice = try #require(container.endpoint.notices.first { $0.contains("table ip filter") })
      #expect(notice.contains("iptables -I FORWARD -i \(try host.store.defaultNetwork().bridge)"))
      // Said with the rules' making, not with every container.
      let second = try host.container("second")
      #expect(second.endpoint.notices.isEmpty)
    }
  }
}
