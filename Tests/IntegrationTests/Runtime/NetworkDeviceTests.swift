import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Links of the host that a container gets (config-linux.md "Network Devices"), and its own loopback.
  @Suite struct NetworkDevices {
    @Test func `the loopback of a new network is switched on`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        let told = try bundle.perform("read /sys/class/net/lo/flags")

        // IFF_UP and IFF_LOOPBACK.
        #expect(told[0].text == "0x9\n")
      }
    }

    @Test func `a link moves in with its attributes and lasting addresses, and is switched on`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let link = try harbour.makeLink()
        try shell(
          """
          ip link set \(link) mtu 1400 address 02:00:00:00:be:ef
          ip addr add 192.0.2.7/24 broadcast + dev \(link); ip addr add 192.0.2.99/32 scope link dev \(link)
          ip addr add 192.0.2.50/24 dev \(link) valid_lft 600 preferred_lft 600
          ip -6 addr add 2001:db8::7/64 nodad dev \(link)
          """)
        let bundle = try Bundle(harbour, #"{"linux":{"netDevices":{"\#(link)":{"name":"inner0"}}}}"#)

        let view = try bundle.whileRunning {
          try JSON(text: shell("nsenter -t \($0) -n ip -j addr show inner0").output)
        }

        #expect(view[0].mtu.number == 1400)
        #expect(view[0].address.text == "02:00:00:00:be:ef")
        #expect(view[0].flags.texts.contains("UP"))
        let addresses = view[0].addr_info.list.filter { $0.scope.text == "global" }
          .map { "\($0.local.text)/\($0.prefixlen.number)" }
        #expect(addresses.sorted() == ["192.0.2.7/24", "2001:db8::7/64"])
        #expect(view[0].addr_info.list.allSatisfy { $0.local.text != "192.0.2.99" })
        #expect(view[0].addr_info.list.first { $0.local.text == "192.0.2.7" }?.broadcast.text == "192.0.2.255")
      }
    }

    @Test func `a link keeps its name, or takes the first free one of a template`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let (one, two, three) = (try harbour.makeLink(), try harbour.makeLink(), try harbour.makeLink())
        let bundle = try Bundle(
          harbour, #"{"linux":{"netDevices":{"\#(one)":{},"\#(two)":{"name":"eth%d"},"\#(three)":{"name":"wan%d"}}}}"#)

        let names = try bundle.see().links.texts

        #expect(Set(names) == ["lo", one, "eth0", "wan0"])
      }
    }

    @Test func `a link moves into a network that is joined`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let link = try harbour.makeLink()
        let other = try Session(["unshare", "--net", "sleep", "1000"])
        harbour.atEnd {
          try? other.signal(9)
          _ = try? other.wait()
        }
        let place = "/proc/\(other.processID)/ns/net"
        while try shell("readlink \(place)").lines[0] == hostNamespace("net") { ClockTime.sleep(milliseconds: 10) }
        let bundle = try Bundle(harbour, #"{"linux":{"netDevices":{"\#(link)":{"name":"eth7"}}}}"#)
        try bundle.join("network", at: place)

        #expect(try bundle.see().links.texts.contains("eth7"))
      }
    }

    @Test func `a link that is not there, or whose name is taken, ends the creation`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let absent = try Bundle(harbour, #"{"linux":{"netDevices":{"no-such-link":{}}}}"#).run(["/bin/probe", "see"])
        #expect(absent.code == 1)
        #expect(absent.errors.contains("linux.netDevices") && absent.errors.contains("no-such-link"), "\(absent)")

        let link = try harbour.makeLink()
        let taken = try Bundle(harbour, #"{"linux":{"netDevices":{"\#(link)":{"name":"lo"}}}}"#).run([
          "/bin/probe", "see",
        ])
        #expect(taken.code == 1)
        #expect(taken.errors.contains("linux.netDevices") && taken.errors.contains("exists"), "\(taken)")
        #expect(taken.output == "")
      }
    }
  }
}

extension Harbour {
  /// A link to move: half of a virtual cable, whose other half stays.
  fileprivate func makeLink() throws -> String {
    let name = "sk\(UInt32.random(in: 0 ... .max))"
    try shell("ip link add \(name) type veth peer name \(name)p")
    atEnd { _ = try? run(["ip", "link", "del", "\(name)p"]) }
    return name
  }
}

extension Bundle {
  /// Runs the container beside `body`, which gets its process's number.
  fileprivate func whileRunning<Result>(_ body: (Int) throws -> Result) throws -> Result {
    try setArguments(["/bin/probe", "wait"])
    try create()
    try start()
    let result = try body(try state().pid.number)
    try delete(force: true)
    return result
  }

  /// Joins a namespace in place of a new one.
  func join(_ type: String, at path: String) throws {
    var kept = (configuration.members["linux"] as? [String: Any])?["namespaces"] as? [[String: Any]] ?? []
    kept.removeAll { $0["type"] as? String == type }
    kept.append(["type": type, "path": path])
    let text = String(decoding: try JSONSerialization.data(withJSONObject: kept), as: UTF8.self)
    try configuration.merge(#"{"linux":{"namespaces":\#(text)}}"#)
  }
}
