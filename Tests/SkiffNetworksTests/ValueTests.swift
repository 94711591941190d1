import SkiffNetworks
import SkiffSpec
import Testing

@Suite struct AddressTests {
  @Test(arguments: [
    ("0.0.0.0", 0), ("10.87.0.1", 0x0A57_0001), ("255.255.255.255", 0xFFFF_FFFF as UInt32), ("127.0.0.1", 0x7F00_0001),
  ])
  func `an IPv4 address is read and written`(text: String, number: UInt32) throws {
    let address = try #require(IPv4Address(text))

    #expect(address.number == number)
    #expect(address.description == text)
    #expect(IPv4Address(bytes: address.bytes) == address)
  }

  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.-4", "1.2.3.+4", "1..3.4", " 1.2.3.4", "1.2.3.4 ",
    "0x1.2.3.4", "1.2.3.4\n", "١.2.3.4", "1.2.3.0004",
  ])
  func `what is not quite an IPv4 address is none`(text: String) {
    #expect(IPv4Address(text) == nil)
  }

  @Test func `subnets contain and overlap`() throws {
    let subnet = try #require(IPv4Subnet("10.87.0.0/22"))

    #expect(subnet.broadcast.description == "10.87.3.255")
    #expect(subnet.mask.description == "255.255.252.0")
    #expect(subnet.contains(IPv4Address(10, 87, 3, 7)) && !subnet.contains(IPv4Address(10, 87, 4, 0)))
    #expect(subnet.address(at: 1023)?.description == "10.87.3.255")
    #expect(subnet.address(at: 1024) == nil)
    for (other, overlaps) in [
      ("10.0.0.0/8", true), ("10.87.3.0/24", true), ("10.87.4.0/22", false), ("0.0.0.0/0", true),
    ] {
      let other = try #require(IPv4Subnet(other))
      #expect(subnet.overlaps(other) == overlaps)
      #expect(other.overlaps(subnet) == overlaps)
    }
    let last = try #require(IPv4Subnet("255.255.255.0/24"))
    #expect(last.address(at: 255)?.description == "255.255.255.255")
    #expect(last.address(at: 256) == nil)
    #expect(IPv4Subnet("0.0.0.0/0")?.broadcast.description == "255.255.255.255")
  }

  @Test(arguments: [
    "10.87.0.1/22", "10.87.0.0", "10.87.0.0/33", "10.87.0.0/", "10.87.0.0/+8", "10.87.0.0/022", "/8", "10.87.0.0/8/8",
  ])
  func `what is not quite a subnet is none`(text: String) {
    #expect(IPv4Subnet(text) == nil)
  }

  @Test func `a card's address comes from the IPv4 address`() {
    #expect(HardwareAddress(for: IPv4Address(10, 87, 0, 255)).description == "02:42:0a:57:00:ff")
  }

  @Test func `the first candidate that no route leads into is chosen`() throws {
    func route(_ text: String) throws -> Route {
      Route(destination: try #require(IPv4Subnet(text)), table: 254)
    }
    let candidates = SubnetChoice.candidates
    #expect(candidates.count > 3000)
    let chosen = { (routes: [Route]) in SubnetChoice.firstFree(among: candidates, routes: routes)?.description }

    #expect(chosen([]) == "10.87.0.0/22")
    #expect(chosen([try route("0.0.0.0/0"), try route("10.88.0.0/16")]) == "10.87.0.0/22")
    #expect(chosen([try route("10.87.1.17/32")]) == "10.87.4.0/22")
    #expect(chosen([try route("10.0.0.0/8")]) == "172.30.88.0/22")
    // All private addresses routed to a company: the narrow routes decide.
    let company = [
      try route("10.0.0.0/8"), try route("172.16.0.0/12"), try route("192.168.0.0/16"), try route("10.87.0.0/24"),
    ]
    #expect(chosen(company) == "10.87.4.0/22")
    #expect(chosen(try candidates.map { try route($0.description) }) == nil)
  }

  @Test func `every address but three comes once in the order of choosing`() throws {
    let subnet = try #require(IPv4Subnet("10.87.0.0/28"))
    let network = Network(
      name: .standard, id: "", subnet: subnet, gateway: try #require(subnet.address(at: 1)),
      bridge: try #require(InterfaceName("b")), mtu: 1500, created: 0)
    for seed in [0, 5, UInt64.max] {
      let addresses = Array(AddressOrder(network: network, seed: seed))

      #expect(addresses.count == 13)
      #expect(Set(addresses) == Set((2...14).compactMap { subnet.address(at: $0) }))
    }
  }
}

@Suite struct NetworkNameTests {
  @Test func `names that could walk the file system are refused`() throws {
    for name in ["skiff", "a", "web-1_b", "0"] { #expect(try NetworkName(name).text == name) }
    for name in ["", ".", "..", "a/b", "A", "-a", "_a", "a b", "é", String(repeating: "a", count: 65), "a\0"] {
      #expect(throws: NetworkError.badName(name)) { try NetworkName(name) }
    }
  }

  @Test func `names of links hold nothing that a script or path could trip over`() {
    for name in ["eth0", "sk0123456789a", "br-1.2_3"] { #expect(InterfaceName(name)?.text == name) }
    for name in ["", ".", "..", "a/b", "a b", "a:1", "%s", "sixteen-bytes-xx", "é", "a\n", "-rf"] {
      #expect(InterfaceName(name) == nil)
    }
  }

  @Test func `a cable's name comes from the container's id`() throws {
    let random = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    #expect(InterfaceName(hostEndFor: try ContainerID(random)).text == "sk0123456789a")
    let named = InterfaceName(hostEndFor: try ContainerID("web")).text
    #expect(named.utf8.count == 13 && named.hasPrefix("sk"))
    #expect(named == InterfaceName(hostEndFor: try ContainerID("web")).text)
    #expect(named != InterfaceName(hostEndFor: try ContainerID("web2")).text)
  }

  @Test func `every store has a bridge of its own`() {
    func bridge(_ root: String) -> String {
      NetworkStore(rootDirectory: root, runDirectory: "/run/skiff").bridgeName.text
    }
    #expect(bridge("/var/lib/skiff") == "skiff0")
    #expect(bridge("/tmp/a") != bridge("/tmp/b"))
    #expect(bridge("/tmp/a").utf8.count == 13)
    let named = NetworkStore(rootDirectory: "/tmp/a", runDirectory: "/run", bridgeName: InterfaceName("mine"))
    #expect(named.bridgeName.text == "mine")
  }

  @Test func `a record is read as it was written`() throws {
    let network = Network(
      name: .standard, id: "0123456789abcdef", subnet: try #require(IPv4Subnet("10.87.0.0/22")),
      gateway: IPv4Address(10, 87, 0, 1), bridge: try #require(InterfaceName("skiff0")), mtu: 1500,
      created: 1_700_000_000)

    let content = NetworkRecord.encode(network)

    #expect(try NetworkRecord.decode(content, name: .standard, path: "x") == network)
  }

  @Test(arguments: [
    ("", ""), ("[]", "name"), ("{\"name\":\"other\"}", "name"),
    (#"{"name":"skiff","id":"1","subnet":"10.87.0.1/22"}"#, "subnet"),
    (#"{"name":"skiff","id":"1","subnet":"10.0.0.0/7"}"#, "subnet"),
    (#"{"name":"skiff","id":"1","subnet":"10.87.0.0/22","gateway":"10.88.0.1"}"#, "gateway"),
    (#"{"name":"skiff","id":"1","subnet":"10.87.0.0/22","gateway":"10.87.0.1","bridge":"../x"}"#, "bridge"),
    (#"{"name":"skiff","id":"1","subnet":"10.87.0.0/22","gateway":"10.87.0.1","bridge":"b","mtu":99999999999}"#, "mtu"),
  ])
  func `a damaged record is refused by the name of what is wrong`(content: String, key: String) {
    let error = #expect(throws: NetworkError.self) {
      try NetworkRecord.decode(Array(content.utf8), name: .standard, path: "/x/network.json")
    }
    #expect(error?.description.contains(key) == true)
    #expect(error?.description.contains("/x/network.json") == true)
  }
}
