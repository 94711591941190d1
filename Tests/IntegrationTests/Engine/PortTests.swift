import Foundation
import Testing

extension Integration {
  /// Ports of the host that lead to a container.
  @Suite struct EnginePorts {
    /// A container that answers on port 80 with its name, and says who asks.
    private func server(_ store: Store, _ name: String, _ options: String...) throws {
      _ = try store.start(
        ["--name", name] + options,
        "mkdir /www; echo \(name) > /www/index.html; exec httpd -f -v -p 80 -h /www")
      try eventually("\(name) listens") { try store.exec(name, "netstat -lnt").contains(":80 ") }
    }

    /// What a server answers, or nothing; asked from another network namespace where `entering` leads into one.
    private func ask(_ address: String, _ port: Int, from entering: [String] = []) throws -> String {
      let program = """
        import urllib.request, sys
        try: print(urllib.request.urlopen("http://\(address):\(port)/index.html", timeout=3).read().decode(), end="")
        except Exception as error: print("none", error)
        """
      return try IntegrationTests.run(entering + ["python3", "-c", program]).output
    }

    @Test func `a published port is reached from outside, from the host, and from a neighbour on the bridge`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let neighbour = try Neighbour(harbour)
        try server(store, "web", "-p", "18080:80")

        #expect(try ask(Neighbour.hostAddress, 18080, from: neighbour.entering) == "web\n")
        #expect(try ask("127.0.0.1", 18080) == "web\n")
        #expect(try ask(Neighbour.hostAddress, 18080) == "web\n")
        let gateway = try store.inspect("web").NetworkSettings.Gateway.text
        let other = try store.skiff(
          "run", "--rm", Store.image, "wget", "-q", "-O", "-", "http://\(gateway):18080/index.html")
        #expect(other.output == "web\n")
        // Through the firewall the one who asks stays who it is.
        try eventually("the log tells of the neighbour") {
          try store.skiff("logs", "web").errors.contains(Neighbour.address)
        }
        // No other port of it, and not the container itself.
        let inside = try store.inspect("web").NetworkSettings.IPAddress.text
        try shell("nsenter \(neighbour.entering[1]) ip route add \(inside) via \(Neighbour.hostAddress)")
        #expect(try ask(inside, 80, from: neighbour.entering).hasPrefix("none"))
        try store.skiff("rm", "--force", "web")
        #expect(try ask("127.0.0.1", 18080).hasPrefix("none"))
        #expect(try ask(Neighbour.hostAddress, 18080, from: neighbour.entering).hasPrefix("none"))
      }
    }

    @Test func `a port on the loopback is the host's alone`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let neighbour = try Neighbour(harbour)
        try server(store, "web", "-p", "127.0.0.1:18080:80", "-p", "\(Neighbour.hostAddress):18081:80")

        #expect(try ask("127.0.0.1", 18080) == "web\n")
        #expect(try ask(Neighbour.hostAddress, 18080).hasPrefix("none"))
        #expect(try ask(Neighbour.hostAddress, 18080, from: neighbour.entering).hasPrefix("none"))
        #expect(try ask(Neighbour.hostAddress, 18081, from: neighbour.entering) == "web\n")
        #expect(try ask("127.0.0.1", 18081).hasPrefix("none"))
        try store.skiff("rm", "--force", "web")
      }
    }

    @Test func `what is published is shown`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start([
          "--name", "web", "-p", "18080:80", "-p", "127.0.0.1:18090-18092:90-92/udp", "--expose", "443", "--expose",
          "7000/udp",
        ])

        #expect(
          try store.skiff("ps", "--format", "{{.Ports}}").output
            == "0.0.0.0:18080->80/tcp, 127.0.0.1:18090-18092->90-92/udp, 443/tcp, 7000/udp\n")
        #expect(try store.skiff("port", "web", "80").output == "0.0.0.0:18080\n")
        #expect(try store.skiff("port", "web", "91/udp").output == "127.0.0.1:18091\n")
        #expect(try store.skiff("port", "web").lines.count == 4)
        #expect(try store.attempt("port", "web", "443").code != 0)
        let told = try store.inspect("web")
        #expect(told.NetworkSettings.Ports["80/tcp"][0].HostPort.text == "18080")
        #expect(told.HostConfig.PortBindings["80/tcp"][0].HostPort.text == "18080")
        #expect(try store.skiff("ps", "-q", "--filter", "publish=18080").lines.count == 1)
        #expect(try store.skiff("ps", "-q", "--filter", "publish=18081").lines.isEmpty)
        #expect(try store.skiff("ps", "-q", "--filter", "expose=443").lines.count == 1)
        try store.skiff("stop", "--time", "0", "web")
        #expect(try store.skiff("ps", "-a", "--format", "[{{.Ports}}]").output == "[]\n")
        try store.skiff("rm", "web")
      }
    }

    @Test func `a free port is chosen where none is named, and the first free one of several`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try server(store, "first", "-p", "80", "--expose", "81", "-P")
        try server(store, "second", "-p", "18080-18082:80")
        try server(store, "third", "-p", "18080-18082:80")

        let chosen = try store.skiff("port", "first", "80").output.split(separator: ":").last.map(String.init) ?? ""
        let port = try #require(Int(chosen.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(try ask("127.0.0.1", port) == "first\n")
        #expect(try store.skiff("port", "first").lines.count == 2)
        #expect(try store.skiff("port", "second", "80").output == "0.0.0.0:18080\n")
        #expect(try store.skiff("port", "third", "80").output == "0.0.0.0:18081\n")
        #expect(try ask("127.0.0.1", 18081) == "third\n")
        // The same again after a restart.
        try store.skiff("restart", "--time", "0", "third")
        try eventually("third answers again") { try ask("127.0.0.1", 18081) == "third\n" }
        try store.skiff("rm", "--force", "first", "second", "third")
      }
    }

    @Test func `a port that is taken is refused, and nothing is left`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try server(store, "web", "-p", "18080:80")
        let listener = try Session(["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "18099"])
        try listener.expect("18099")

        let second = try store.attempt("run", "--rm", "-p", "18080:80", Store.image, "true")
        let foreign = try store.attempt("run", "-d", "--name", "other", "-p", "18099:80", Store.image, "true")
        let absent = try store.attempt("run", "--rm", "-p", "203.0.113.9:18080:80", Store.image, "true")

        #expect(second.code == 125)
        #expect(second.message.contains("Bind for 0.0.0.0:18080 failed: port is already allocated"))
        #expect(foreign.code == 125)
        #expect(foreign.message.contains("listen tcp4 0.0.0.0:18099: bind: address already in use"))
        #expect(absent.message.contains("cannot assign requested address"))
        #expect(try ask("127.0.0.1", 18080) == "web\n")
        // As docker leaves it: made, and not started.
        #expect(
          try store.skiff("ps", "-a", "--format", "{{.Names}} {{.State}}").lines == ["other created", "web running"])
        try store.skiff("rm", "--force", "web", "other")
        try listener.signal(9)
        _ = try listener.wait()
        #expect(try shell("ip -o link show type veth").output == "")
        #expect(try shell("nft list map inet skiff ports 2>/dev/null || true").output.contains("elements") == false)
      }
    }

    @Test func `datagrams, from the host and from outside`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let neighbour = try Neighbour(harbour)
        let id = try store.start(["--name", "echo", "-p", "18053:53/udp"])
        // In the container's network, but with the host's files: the image has no such server.
        let echo = try Session([
          "nsenter", "--net=/proc/\(try store.inspect(id).State.Pid.number)/ns/net", "python3", "-u", "-c",
          """
          import socket
          s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 53)); print("ready")
          while True:
            data, sender = s.recvfrom(99); s.sendto(data.upper(), sender)
          """,
        ])
        try echo.expect("ready")
        func ask(_ address: String, from entering: [String] = []) throws -> String {
          let program = """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); answers = []
            # Connected: what comes from another address than was asked is not heard.
            s.connect(("\(address)", 18053))
            for word in (b"hello", b"again"):
              s.send(word); answers.append(s.recv(99).decode())
            print(*answers)
            """
          return try IntegrationTests.run(entering + ["python3", "-c", program]).output
        }

        #expect(try ask("127.0.0.1") == "HELLO AGAIN\n")
        #expect(try ask(Neighbour.hostAddress, from: neighbour.entering) == "HELLO AGAIN\n")
        // Addresses of the host that no route back would choose.
        #expect(try ask("127.0.0.2") == "HELLO AGAIN\n")
        _ = try store.start(["--name", "other"])
        let other = ["nsenter", "--net=/proc/\(try store.inspect("other").State.Pid.number)/ns/net"]
        #expect(try ask(Neighbour.hostAddress, from: other) == "HELLO AGAIN\n")
        #expect(try ask(try store.inspect("other").NetworkSettings.Gateway.text, from: other) == "HELLO AGAIN\n")
        // One who asks several of them is answered by each.
        let several = """
          import socket
          s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)
          for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
            s.sendto(b"hello", (address, 18053)); print(s.recvfrom(99)[1][0])
          """
        #expect(
          try IntegrationTests.run(["python3", "-c", several]).lines == ["127.0.0.1", "127.0.0.2", "127.0.0.1"])
        try echo.signal(9)
        _ = try echo.wait()
        try store.skiff("rm", "--force", "echo", "other")
      }
    }

    @Test func `much, in both directions, and each end by itself`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        // Says nothing until the other has said all: it hears of that end although its own way stays open.
        _ = try store.start(
          ["--name", "sum", "-p", "18077:77"],
          "printf '#!/bin/sh\\nmd5sum; cat /bin/busybox | md5sum; cat /bin/busybox' > /sum; chmod +x /sum; exec nc -l -p 77 -e /sum"
        )
        try eventually("it listens") { try store.exec("sum", "netstat -lnt").contains(":77 ") }
        let program = """
          import hashlib, socket
          data = bytes(range(256)) * 80000
          s = socket.create_connection(("127.0.0.1", 18077), 10)
          s.sendall(data); s.shutdown(socket.SHUT_WR)
          answer = b""
          while True:
            piece = s.recv(65536)
            if not piece: break
            answer += piece
          first, second, rest = answer.split(b"\\n", 2)
          print(first.split()[0].decode() == hashlib.md5(data).hexdigest(), len(rest) > 500000,
            second.split()[0].decode() == hashlib.md5(rest).hexdigest())
          """

        #expect(try IntegrationTests.run(["python3", "-c", program]).output == "True True True\n")
        try store.awaitEnd("sum")
        try store.skiff("rm", "sum")
      }
    }

    @Test func `ports come back with the rules after a firewall's reload, and go with a container that was killed`()
      throws
    {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let neighbour = try Neighbour(harbour)
        try server(store, "web", "-p", "18080:80")
        try shell("nft flush ruleset")
        try store.skiff("run", "--rm", Store.image, "true")

        #expect(try ask(Neighbour.hostAddress, 18080, from: neighbour.entering) == "web\n")
        #expect(try shell("nft list map inet skiff ports").output.contains("tcp . 18080"))
        try shell("kill -9 \(try store.inspect("web").State.Pid.number)")
        try store.awaitEnd("web")
        try eventually("its ports are gone") {
          try !shell("nft list map inet skiff ports").output.contains("18080")
            && ask("127.0.0.1", 18080).hasPrefix("none")
        }
        // What prevents a neighbour's answer is gone, too: somebody else may have the port.
        try store.skiff("run", "--rm", "-p", "18080:80", Store.image, "true")
        try store.skiff("rm", "web")
      }
    }

    /// The elements of a map go to the kernel in messages that each hold only so many.
    @Test func `thousands of ports are published and taken back`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff(
          "run", "--detach", "--name", "wide", "-p", "10000-14999:10000-14999/sctp", Store.image, "sleep", "60")

        let listed = try shell("nft list map inet skiff ports").output
        #expect(listed.contains("sctp . 10000") && listed.contains("sctp . 14999"))
        #expect(try store.skiff("port", "wide").lines.count == 5000)
        try store.skiff("rm", "--force", "wide")
        #expect(try !shell("nft list map inet skiff ports").output.contains("sctp"))
      }
    }

    @Test(arguments: [
      (["-p", "80/icmp"], "invalid proto: icmp"), (["-p", "0"], "invalid containerPort: 0"),
      (["-p", "70000:80"], "invalid hostPort: 70000"), (["-p", "1-3:80-81"], "invalid ranges specified"),
      (["-p", "1.2.3:80:80"], "invalid IP address: 1.2.3"), (["-p", ""], "no port specified"),
      (["--expose", "80-70"], "invalid range format for --expose: 80-70"),
      (["-p", "[::1]:80:80"], "IPv6"),
    ])
    func `what is no port is refused`(_ options: [String], _ words: String) throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let outcome = try store.attempt(["run", "--rm"] + options + [Store.image, "true"])

        #expect(outcome.code == 125)
        #expect(outcome.message.contains(words))
      }
    }
  }
}
