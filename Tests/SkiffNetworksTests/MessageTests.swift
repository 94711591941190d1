import SkiffKernel
import SkiffNetworks
import Testing

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func bytes(_ hexadecimal: String) -> [UInt8] {
  let digits = Array(hexadecimal.utf8)
  return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
    UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
  }
}

/// Messages as bytes, against what ip(8) and nft(8) send for the same.
@Suite struct MessageTests {
  @Test func `a cable is laid with both ends described in one message`() throws {
    let cable = VirtualCable(
      name: try #require(InterfaceName("skabc")), masterIndex: 2, mtu: 1500, peerName: .container,
      peerAddress: HardwareAddress(for: IPv4Address(10, 0, 0, 2)), peerNamespace: Descriptor(7))

    let message = LinkMessage.makeVeth(cable)

    #expect(message.type == 16)
    #expect(message.flags == [.acknowledge, .create, .exclusive])
    let header = "00000000" + "00000000" + "01000000" + "01000000"
    let name = "0a000300" + "736b616263000000"
    let mtu = "08000400" + "dc050000"
    let master = "08000a00" + "02000000"
    let oneQueue = "08001f00" + "01000000" + "08002000" + "01000000"
    let peer =
      "00000000000000000000000000000000" + "09000300" + "6574683000000000" + mtu + "0a000100" + "02420a0000020000"
      + "08001c00" + "07000000" + oneQueue
    let information = "60001200" + "09000100" + "7665746800000000" + "50000200" + "4c000100" + peer
    #expect(hexadecimal(message.payload) == header + name + mtu + master + oneQueue + information)
  }

  @Test func `a bridge is made without spanning tree, delay and snooping`() throws {
    let message = LinkMessage.makeBridge(
      try #require(InterfaceName("skiff0")), address: HardwareAddress(for: IPv4Address(10, 87, 0, 1)), mtu: 1500)

    let data = "08000100" + "00000000" + "08000500" + "00000000" + "05001700" + "00000000"
    #expect(
      hexadecimal(message.payload) == "00000000000000000000000000000000" + "0b000300" + "736b69666630" + "0000"
        + "08000400" + "dc050000" + "0a000100" + "02420a5700010000" + "2c001200" + "0b000100" + "62726964676500" + "00"
        + "1c000200" + data)
  }

  @Test func `an address, a listing of routes and a deletion`() throws {
    let subnet = try #require(IPv4Subnet("10.87.0.0/22"))
    let address = AddressMessage.add(IPv4Address(10, 87, 0, 1), in: subnet, linkIndex: 3)
    #expect(address.type == 20)
    #expect(
      hexadecimal(address.payload) == "02160000" + "03000000" + "08000200" + "0a570001" + "08000100" + "0a570001"
        + "08000400" + "0a5703ff")
    #expect(RouteMessage.list().payload == [2] + [UInt8](repeating: 0, count: 11))
    #expect(RouteMessage.list().flags == .dump)
    let deletion = LinkMessage.delete(try #require(InterfaceName("skabc")))
    #expect(deletion.type == 17)
    #expect(hexadecimal(deletion.payload) == String(repeating: "0", count: 32) + "0a000300" + "736b616263000000")
  }

  @Test func `a rule is what nft sends for its text`() {
    // nft add rule inet skiff c 'iifname != "lo" ip saddr 127.0.0.0/8 counter drop comment "skiff 2: why"'
    let captured = """
      010000000a000100736b69666600000006000200630000005401048024000180090001006d6574610000000014000280080002000000000608\
      000100000000013800018008000100636d70002c0002800800010000000001080002000000000118000380140001006c6f0000000000000000\
      00000000000024000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100636d7000200002\
      80080001000000000108000200000000000c0003800500010002000000340001800c0001007061796c6f616400240002800800010000000001\
      080002000000000108000300\
      0000000c08000400000000012c00018008000100636d700020000280080001000000000108000200000000000c000380050001007f00000014\
      0001800c000100636f756e7465720004000280300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c00\
      0280080001000000000013000700000d736b69666620323a207768790000
      """
    let rule = FilterRule(
      conditions: [.link(.incoming, is: false, .loopback), .loopbackAddress(.source)], verdict: .drop, reason: "why")

    let message = FilterMessage.addRule(rule.expressions, comment: rule.comment, chain: "c", table: "skiff")

    #expect(rule.text == "iifname != \"lo\" ip saddr 127.0.0.0/8 counter drop")
    #expect(message.type == 0x0A06)
    #expect(message.flags == [.create, .append])
    #expect(hexadecimal(message.payload) == captured)
    #expect(ListedRule(message) == ListedRule(chain: "c", comment: "skiff 2: why"))
  }

  @Test func `a chain is what nft sends for it`() {
    let captured =
      "010000000a000100736b6966660000000f000300707265726f7574696e6700000b00070066696c746572000008000500000000011400048008"
      + "000100000000000800" + "0200fffffed4"
    let chain = FilterChain(name: "prerouting", type: "filter", hook: .prerouting, priority: -300)

    let message = FilterMessage.addChain(chain, table: "skiff")

    #expect(hexadecimal(message.payload) == captured)
    let listed = ListedChain(message)
    #expect(listed?.name == "prerouting" && listed?.hook == 0 && listed?.dropsByDefault == false && listed?.family == 1)
  }

  @Test func `a batch begins and ends, and its last message speaks for all`() {
    let messages = FilterMessage.batch([FilterMessage.addTable("a"), FilterMessage.addTable("b")], generation: 7)

    #expect(messages.map(\.type) == [16, 0x0A00, 0x0A00, 17])
    #expect(messages.map { $0.flags.contains(.acknowledge) } == [false, false, true, false])
    #expect(hexadecimal(messages[0].payload) == "0000000a" + "08000100" + "00000007")
    #expect(hexadecimal(messages[3].payload) == "0000000a")
  }

  @Test func `links are read from what the kernel tells`() throws {
    let told = bytes(
      "00000100" + "04000000" + "03100000" + "00000000" + "0a000300" + "736b616263000000" + "05001000" + "06000000"
        + "08000400" + "dc050000"
        + "08000a00" + "02000000" + "0a000100" + "0211223344550000" + "08002500" + "03000000" + "10001200" + "09000100"
        + "7665746800000000")

    let link = try #require(Link(NetlinkMessage(type: 16, flags: [], payload: told)))

    #expect(
      link.index == 4 && link.isUp && link.isOperating && link.name == "skabc" && link.kind == "veth"
        && link.masterIndex == 2)
    #expect(link.mtu == 1500 && link.address?.description == "02:11:22:33:44:55" && link.peerNamespaceNumber == 3)
    #expect(Link(NetlinkMessage(type: 17, flags: [], payload: told)) == nil)
  }

  @Test func `routes are read from what the kernel tells`() throws {
    let told = bytes(
      "02180000fe03000100000000" + "08000f00" + "fe000000" + "08000100" + "0a010200" + "08000500" + "0a000001"
        + "08000400" + "05000000")

    let route = try #require(Route(NetlinkMessage(type: 24, flags: [], payload: told)))

    #expect(route.destination.description == "10.1.2.0/24")
    #expect(route.gateway?.description == "10.0.0.1" && route.outLinkIndex == 5 && route.table == 254)
  }

  @Test func `what is cut short or lies about its length does not trap`() {
    let told = bytes(
      "00000100" + "04000000" + "03100000" + "00000000" + "0a000300" + "736b616263000000" + "10001200" + "09000100"
        + "7665746800000000")
    for count in 0...told.count {
      let payload = Array(told.prefix(count))
      _ = Link(NetlinkMessage(type: 16, flags: [], payload: payload))
      _ = Route(NetlinkMessage(type: 24, flags: [], payload: payload))
      _ = ListedRule(NetlinkMessage(type: 0x0A06, flags: [], payload: payload))
      _ = ListedChain(NetlinkMessage(type: 0x0A03, flags: [], payload: payload))
    }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let noise = (0..<Int.random(in: 0...96, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      _ = Link(NetlinkMessage(type: 16, flags: [], payload: noise))
      _ = Route(NetlinkMessage(type: 24, flags: [], payload: noise))
      _ = ListedRule(NetlinkMessage(type: 0x0A06, flags: [], payload: noise))
      _ = ListedChain(NetlinkMessage(type: 0x0A03, flags: [], payload: noise))
    }
    // An attribute of no length would never end.
    #expect(Array(NetlinkAttributes([0, 0, 1, 0, 0, 0, 0, 0], after: 0)).isEmpty)
    #expect(Array(NetlinkAttributes([5, 0, 1, 0, 7], after: 0)).map(\.value) == [[7]])
  }
}
