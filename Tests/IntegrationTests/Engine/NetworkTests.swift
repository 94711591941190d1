import Foundation
import Testing

extension Integration {
  /// Tutorial step: a veth pair with one end on a bridge, the other called eth0; address, route, ping; nothing left at the end.
  @Suite struct EngineNetworks {
    @Test func `the usual network gives an address, a route and names`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(["--name", "one"])

        let told = try store.exec(
          "one",
          "ip -4 -o address show eth0; ip route; cat /etc/resolv.conf; cat /etc/hosts; cat /sys/class/net/eth0/operstate"
        )

        let settings = try store.inspect(id).NetworkSettings
        let address = settings.IPAddress.text
        #expect(!address.isEmpty)
        #expect(told.contains("inet \(address)/"))
        #expect(told.contains("default via \(settings.Gateway.text) dev eth0"))
        #expect(told.contains("nameserver"))
        #expect(told.contains("\(address)\t\(id.prefix(12))") || told.contains("\(address) \(id.prefix(12))"))
        #expect(told.contains("up"))
        #expect(try shell("ip -o link show type bridge_slave").output.contains("master skiff"))
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `two containers ping each other, and the host`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        // Debian's busybox pings by raw sockets only; others need no capability, for the ping_group_range is open.
        let first = try store.start(["--name", "one", "--cap-add", "NET_RAW"])
        let second = try store.start(["--name", "two", "--cap-add", "NET_RAW"])
        let addresses = try [first, second].map { try store.inspect($0).NetworkSettings.IPAddress.text }
        let gateway = try store.inspect(first).NetworkSettings.Gateway.text

        #expect(addresses[0] != addresses[1])
        #expect(try store.exec("one", "ping -c 1 -W 5 \(addresses[1])").contains("1 packets received"))
        #expect(try store.exec("two", "ping -c 1 -W 5 \(addresses[0])").contains("1 packets received"))
        #expect(try store.exec("one", "ping -c 1 -W 5 \(gateway)").contains("1 packets received"))
        #expect(try shell("ping -c 1 -W 5 \(addresses[0])").output.contains("1 received"))
        try store.skiff("rm", "--force", "one", "two")
      }
    }

    @Test func `a server on the host's bridge address is reached`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one"])
        let gateway = try store.inspect("one").NetworkSettings.Gateway.text
        try harbour.makeDirectory("www")
        try harbour.write("from the host\n", to: "www/page")
        let server = try Session(
          ["python3", "-u", "-m", "http.server", "--bind", gateway, "--directory", harbour.path("www"), "18080"])
        try server.expect("18080")

        #expect(try store.exec("one", "wget -q -O - http://\(gateway):18080/page") == "from the host")
        // And a server inside is reached from the host.
        let address = try store.inspect("one").NetworkSettings.IPAddress.text
        let inside = try store.session("exec", "one", "sh", "-c", "echo from inside | nc -l -p 18081")
        try shell("sleep 0.5")
        let answer = try shell(
          "python3 -c \"import socket;s=socket.create_connection(('\(address)',18081),5);print(s.recv(99).decode(),end='')\""
        )
        #expect(answer.output == "from inside\n")
        _ = try inside.wait()
        try server.signal(9)
        _ = try server.wait()
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `a new container takes no address that is in use`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let ids = try (0..<4).map { _ in try store.start() }

        let addresses = try ids.map { try store.inspect($0).NetworkSettings.IPAddress.text }

        #expect(Set(addresses).count == 4)
        try store.skiff("rm", "--force", ids[0], ids[1], ids[2], ids[3])
      }
    }

    @Test func `without a network there is the loopback alone, and it is up`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "--cap-add", "NET_RAW", Store.image, "sh", "-c",
          "ls /sys/class/net; ping -c 1 127.0.0.1")

        #expect(told.lines.first == "lo")
        #expect(told.output.contains("1 packets received"))
      }
    }

    @Test func `host and container networks`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one"])
        let address = try store.inspect("one").NetworkSettings.IPAddress.text

        let host = try store.see("--network", "host")
        let shared = try store.skiff(
          "run", "--rm", "--network", "container:one", Store.image, "ip", "-4", "-o", "address")

        #expect(host.namespaces.net.text == hostNamespace("net"))
        #expect(host.hostname.text == ProcessInfo.processInfo.hostName)
        #expect(shared.output.contains(address))
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `links go with their container, however it ends`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        // The bridge stays for the next container.
        let before = try shell("ls /sys/class/net").lines.filter { !$0.hasPrefix("skiff") }

        try store.skiff("run", "--rm", Store.image, "true")
        let killed = try store.start()
        try shell("kill -9 \(try store.inspect(killed).State.Pid.number)")
        try store.awaitEnd(killed)
        try shell("sleep 0.3")

        #expect(try shell("ls /sys/class/net").lines.filter { !$0.hasPrefix("skiff") } == before)
        try store.skiff("rm", killed)
      }
    }

    @Test func `names and servers of one's own`() throws {
      try inHarbour { harbour in
        let told = try Store(harbour).skiff(
          "run", "--rm", "--dns", "192.0.2.53", "--dns-search", "sea.example", "--add-host", "port:192.0.2.7",
          Store.image,
          "cat", "/etc/resolv.conf", "/etc/hosts")

        #expect(told.output.contains("nameserver 192.0.2.53"))
        #expect(told.output.contains("search sea.example"))
        #expect(told.output.contains("192.0.2.7\tport") || told.output.contains("192.0.2.7 port"))
      }
    }
  }
}
