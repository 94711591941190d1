import SkiffNetworks
import Testing

@Suite struct ResolverTests {
  private func make(
    _ host: String?, resolved: String? = nil, wishes: ResolverWishes = ResolverWishes(),
    reach: ResolverReach = .ownNetwork
  ) throws -> (text: String, usesFallback: Bool) {
    let made = try ResolverConfiguration.forContainer(
      host: host.map { Array($0.utf8) }, systemdResolved: resolved.map { Array($0.utf8) }, wishes: wishes, reach: reach)
    return (String(decoding: made.configuration.serialized(), as: UTF8.self), made.usesFallback)
  }

  @Test func `the host's servers, search list and options are taken over`() throws {
    let host = """
      # written by hand
      ; and by other hands
      domain old.example
      nameserver 192.0.2.1
      search  a.example\tb.example
      nameserver 192.0.2.2 # near
      options ndots:2
      options timeout:1 edns0
      sortlist 130.155.160.0
      """

    let made = try make(host)

    #expect(
      made.text == """
        search a.example b.example
        nameserver 192.0.2.1
        nameserver 192.0.2.2
        options ndots:2 timeout:1 edns0

        """)
    #expect(!made.usesFallback)
  }

  @Test func `a resolver on the host's loopback gives way to those behind it`() throws {
    let stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n"

    let made = try make(stub, resolved: "nameserver 192.0.2.53\nnameserver fe80::1%2\nnameserver 192.0.2.54\n")

    #expect(
      made.text == "search lan\nnameserver 192.0.2.53\nnameserver 192.0.2.54\noptions edns0 trust-ad\n")
    let mixed = try make("nameserver 127.0.0.1\nnameserver 192.0.2.9\n", resolved: "nameserver 192.0.2.53\n")
    #expect(mixed.text == "nameserver 192.0.2.9\n")
  }

  @Test(arguments: [
    nil, "", "nameserver 127.0.0.1\n", "nameserver ::1\n", "nameserver fe80::1%eth0\n", "nameserver 0.0.0.0\n",
    "nameserver 1.2.3\n", "nameserver\n",
  ])
  func `with no server in reach two public ones are taken, and it is said`(host: String?) throws {
    let made = try make(host)

    #expect(made.text == "nameserver 1.1.1.1\nnameserver 8.8.8.8\n")
    #expect(made.usesFallback)
  }

  @Test func `on the host's network everything stays, on none nothing is invented`() throws {
    let stub = "nameserver 127.0.0.53\nnameserver fe80::1%eth0\n"

    #expect(try make(stub, reach: .host).text == stub)
    #expect(try make(stub, reach: .nowhere).text == "")
    #expect(try make("nameserver 192.0.2.1\n", reach: .nowhere).text == "nameserver 192.0.2.1\n")
  }

  @Test func `wishes replace what the host has, each for itself`() throws {
    let host = "nameserver 192.0.2.1\nsearch lan\noptions ndots:2\n"

    let servers = try make(host, wishes: ResolverWishes(nameservers: ["127.0.0.1", "2001:db8::1"]))
    let search = try make(host, wishes: ResolverWishes(search: ["x.example"], options: ["ndots:0"]))
    let nowhere = try make(host, wishes: ResolverWishes(search: ["."]))

    #expect(servers.text == "search lan\nnameserver 127.0.0.1\nnameserver 2001:db8::1\noptions ndots:2\n")
    #expect(search.text == "search x.example\nnameserver 192.0.2.1\noptions ndots:0\n")
    #expect(nowhere.text == "nameserver 192.0.2.1\noptions ndots:2\n")
  }

  @Test func `a wish cannot smuggle in a line`() {
    #expect(throws: NameError.badAddress("1.1.1.1\nnameserver 6.6.6.6")) {
      try make("", wishes: ResolverWishes(nameservers: ["1.1.1.1\nnameserver 6.6.6.6"]))
    }
    #expect(throws: NameError.badResolverWord("a\nnameserver 6.6.6.6")) {
      try make("", wishes: ResolverWishes(search: ["a\nnameserver 6.6.6.6"]))
    }
    #expect(throws: NameError.badResolverWord("a b")) { try make("", wishes: ResolverWishes(options: ["a b"])) }
    #expect(throws: NameError.badResolverWord("")) { try make("", wishes: ResolverWishes(options: [""])) }
  }

  @Test func `an endless file is read to a limit`() throws {
    let lines = String(repeating: "nameserver 192.0.2.1\noptions a b c d e f g h i j\n", count: 100_000)

    let parsed = ResolverConfiguration(parsing: Array(lines.utf8))

    #expect(parsed.nameservers.count == 64)
    #expect(parsed.options.count == 64)
  }
}

@Suite struct HostsTests {
  @Test func `a container knows itself and localhost`() throws {
    let made = HostsFile.make(
      hostname: try HostName("web"), domain: try HostName("example.com"), address: IPv4Address(10, 87, 0, 5),
      entries: [
        try HostEntry(parsing: "db:10.0.0.9", gateway: nil),
        try HostEntry(parsing: "host.docker.internal:host-gateway", gateway: IPv4Address(10, 87, 0, 1)),
        try HostEntry(parsing: "six=[2001:db8::1]", gateway: nil),
        try HostEntry(parsing: "seven:::1", gateway: nil),
        try HostEntry(parsing: "a;b:192.0.2.7", gateway: nil),
      ])

    let lines = String(decoding: made, as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(lines.first == "127.0.0.1\tlocalhost")
    #expect(lines.contains("::1\tlocalhost ip6-localhost ip6-loopback"))
    #expect(
      lines.suffix(6) == [
        "10.87.0.5\tweb.example.com web", "10.0.0.9\tdb", "10.87.0.1\thost.docker.internal", "2001:db8::1\tsix",
        "::1\tseven", "192.0.2.7\ta b",
      ])
  }

  @Test func `without a network a container still finds itself`() throws {
    let made = String(
      decoding: HostsFile.make(hostname: try HostName("web"), address: nil, entries: []), as: UTF8.self)

    #expect(made.hasSuffix("127.0.1.1\tweb\n"))
  }

  @Test func `on the host's network the host's file gets the wishes at its end`() throws {
    let entry = try HostEntry(parsing: "db:10.0.0.9", gateway: nil)

    #expect(HostsFile.make(host: Array("1.2.3.4 a".utf8), entries: [entry]) == Array("1.2.3.4 a\n10.0.0.9\tdb\n".utf8))
    #expect(HostsFile.make(host: [], entries: [entry]) == Array("10.0.0.9\tdb\n".utf8))
  }

  @Test func `wishes that are no host entries are refused`() {
    #expect(throws: NameError.badHostEntry("db")) { try HostEntry(parsing: "db", gateway: nil) }
    #expect(throws: NameError.badAddress("nowhere")) { try HostEntry(parsing: "db:nowhere", gateway: nil) }
    #expect(throws: NameError.badHostName("d b")) { try HostEntry(parsing: "d b:10.0.0.1", gateway: nil) }
    #expect(throws: NameError.badHostName("")) { try HostEntry(parsing: ":10.0.0.1", gateway: nil) }
    #expect(throws: NameError.badHostName("a\n6.6.6.6 b")) {
      try HostEntry(parsing: "a\n6.6.6.6 b:10.0.0.1", gateway: nil)
    }
    #expect(throws: NameError.noGateway("h:host-gateway")) { try HostEntry(parsing: "h:host-gateway", gateway: nil) }
  }

  @Test func `host names hold nothing that ends a field`() throws {
    #expect(try HostName("web-1.example_x").text == "web-1.example_x")
    for text in ["", "-a", "a b", "a\tb", "a#b", "a\0", "é", String(repeating: "a", count: 254)] {
      #expect(throws: NameError.badHostName(text)) { try HostName(text) }
    }
    #expect(HostsFile.hostnameFile(try HostName("web")) == Array("web\n".utf8))
  }
}
