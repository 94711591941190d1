import SkiffKernel
import SkiffNetworks
import SkiffSpec
import Testing

/// What containers on the default network can do, seen from inside them.
@Suite struct ConnectionTests {
  @Test func `a container has an address, a way out, and its loopback`() throws {
    try Laboratory.host { host in
      let container = try host.container("first")
      let network = try host.store.defaultNetwork()

      let endpoint = container.endpoint
      #expect(network.subnet.contains(endpoint.address))
      #expect(endpoint.gateway == network.gateway)
      #expect(endpoint.macAddress == HardwareAddress(for: endpoint.address))
      let (link, loopback, routes) = try container.inside {
        var socket = try RouteSocket()
        return (try socket.link(.container), try socket.link(.loopback), try socket.routes())
      }
      #expect(link?.isUp == true)
      #expect(link?.address == endpoint.macAddress)
      #expect(link?.mtu == network.mtu)
      #expect(loopback?.isUp == true)
      #expect(routes.contains { $0.destination == network.subnet && $0.outLinkIndex == link?.index })
      #expect(routes.contains { $0.destination.prefixLength == 0 && $0.gateway == network.gateway })
      #expect(try host.links() == [endpoint.hostInterface.text, network.bridge.text].sorted())
    }
  }

  @Test func `two containers ping each other, the host pings them, and they reach a server on its bridge`() throws {
    try Laboratory.host { host in
      let first = try host.container("first")
      let second = try host.container("second")
      let server = try Datagrams(address: first.endpoint.gateway, port: 7000)

      #expect(try first.inside { try ping(second.endpoint.address) })
      #expect(try second.inside { try ping(first.endpoint.address) })
      #expect(try ping(first.endpoint.address))
      let client = try second.inside { try Datagrams() }
      try client.send("ahoy", to: first.endpoint.gateway, port: 7000)
      let heard = try #require(try server.receive(milliseconds: 2000))
      #expect(heard.text == "ahoy")
      #expect(heard.address == second.endpoint.address)
    }
  }

  @Test func `the first packet after attaching arrives`() throws {
    try Laboratory.host { host in
      let first = try host.container("first")
      let server = try first.inside { try Datagrams(port: 7000) }
      let second = try host.container("second")

      let begin = ClockTime.monotonic().totalNanoseconds
      try second.inside { try Datagrams() }.send("at once", to: first.endpoint.address, port: 7000)
      let heard = try server.receive(milliseconds: 5000)

      #expect(heard?.text == "at once")
      // A lost address question would be asked again after a second.
      #expect(ClockTime.monotonic().totalNanoseconds - begin < 900_000_000)
    }
  }

  @Test func `the first packet after the bridge was made is answered at once`() throws {
    try Laboratory.host { host in
      let container = try host.container("first")

      let begin = ClockTime.monotonic().totalNanoseconds
      #expect(try container.inside { try ping(container.endpoint.gateway) })

      #expect(ClockTime.monotonic().totalNanoseconds - begin < 900_000_000)
    }
  }

  @Test func `outside, containers go by the host's address, and answers find their way back`() throws {
    try Laboratory.host { host in
      let outside = try Outside()
      let container = try host.container("first")
      let server = try outside.inside { try Datagrams(port: 7000) }
      let client = try container.inside { try Datagrams() }

      try client.send("question", to: Outside.address, port: 7000)
      let heard = try #require(try server.receive(milliseconds: 2000))
      #expect(heard.address == Outside.hostAddress)
      try server.send("answer", to: heard.address, port: heard.port)
      let answered = try #require(try client.receive(milliseconds: 2000))

      #expect(answered.text == "answer")
      #expect(answered.address == Outside.address)
    }
  }

  @Test func `packets are as large as the host's way out allows`() throws {
    try Laboratory.host { host in
      let outside = try Outside()
      _ = try Command.run(["ip", "link", "set", "up0", "mtu", "1400"])
      try InterfaceSocket().addDefaultRoute(via: Outside.address.bytes)

      let container = try host.container("first")

      let link = try container.inside {
        var socket = try RouteSocket()
        return try socket.link(.container)
      }
      #expect(link?.mtu == 1400)
      withExtendedLifetime(outside) {}
    }
  }

  @Test func `IPv6 is quiet inside and on the bridge`() throws {
    try Laboratory.host { host in
      let container = try host.container("first")
      let bridge = try host.store.defaultNetwork().bridge

      for setting in ["accept_ra", "disable_ipv6"] {
        let expected = setting == "accept_ra" ? "0" : "1"
        let inside = try container.inside { try Command.run(["cat", "/proc/sys/net/ipv6/conf/eth0/\(setting)"]) }
        let outside = try Command.run(["cat", "/proc/sys/net/ipv6/conf/\(bridge)/\(setting)"])
        #expect(inside == expected + "\n")
        #expect(outside == expected + "\n")
      }
    }
  }

  @Test func `a container without a network has its loopback`() throws {
    try Laboratory.host { _ in
      let namespace = try NetworkNamespace.make()

      try NetworkStore.loopbackUp(namespace: namespace.descriptor)

      let container = try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }) {
        var socket = try RouteSocket()
        return (try socket.link(.loopback)?.isUp, try ping(IPv4Address(127, 0, 0, 1)))
      }
      #expect(container.0 == true)
      #expect(container.1)
    }
  }
}
