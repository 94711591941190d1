import Foundation
import Testing

extension Integration {
  /// Addresses that a person chose, as they are inside and from outside.
  @Suite struct EngineAddressFlags {
    /// The tenth address from the end of the usual network's subnet, and the one before it.
    private func freeAddresses(_ store: Store) throws -> (String, String) {
      _ = try store.skiff("run", "--rm", Store.image, "true")
      let subnet = try JSON(text: store.skiff("network", "inspect", "bridge").output)[0].Subnet.text
      let parts = subnet.split(separator: "/")[0].split(separator: ".")
      let third = (Int(parts[2]) ?? 0) + 3
      return ("\(parts[0]).\(parts[1]).\(third).245", "\(parts[0]).\(parts[1]).\(third).244")
    }

    @Test func `the address and the card that were asked for`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let (address, other) = try freeAddresses(store)

        _ = try store.start(["--name", "one", "--ip", address, "--mac-address", "02-42-AC-11-00-09"])
        let told = try store.exec("one", "ip -4 -o address show eth0; cat /sys/class/net/eth0/address; cat /etc/hosts")
        let settings = try store.inspect("one").NetworkSettings
        #expect(told.contains("inet \(address)/") && told.contains("02:42:ac:11:00:09"))
        #expect(told.contains("\(address)\t"))
        #expect(settings.IPAddress.text == address && settings.MacAddress.text == "02:42:ac:11:00:09")
        #expect(settings.Networks.bridge.IPAMConfig.IPv4Address.text == address)
        #expect(try shell("ping -c 1 -W 5 \(address)").output.contains("1 received"))

        // Another cannot have it, and leaves nothing.
        let taken = try store.attempt("run", "--rm", "--ip", address, Store.image, "true")
        #expect(taken.code == 125 && taken.errors.contains("requested ip address \(address) is already allocated"))
        // By the ways of podman and docker.
        let podman = try store.skiff(
          "run", "--rm", "--network", "bridge:ip=\(other),mac=02:42:ac:11:00:0a", Store.image, "sh", "-c",
          "ip -4 -o address show eth0; cat /sys/class/net/eth0/address")
        #expect(podman.output.contains("inet \(other)/") && podman.output.contains("02:42:ac:11:00:0a"))
        let docker = try store.skiff(
          "run", "--rm", "--network", "name=bridge,ip=\(other),mac-address=02:42:ac:11:00:0b", Store.image, "sh", "-c",
          "ip -4 -o address show eth0; cat /sys/class/net/eth0/address")
        #expect(docker.output.contains("inet \(other)/") && docker.output.contains("02:42:ac:11:00:0b"))

        // It is the container's at its next start, too; a container that does not run is not in the way.
        try store.skiff("stop", "--time", "0", "one")
        #expect(try store.skiff("run", "--rm", "--ip", address, Store.image, "true").code == 0)
        try store.skiff("start", "one")
        #expect(try store.inspect("one").NetworkSettings.IPAddress.text == address)
        let line = try store.skiff("generate", "run", "one").output
        #expect(line.contains("--ip \(address) --mac-address 02:42:ac:11:00:09"))
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `the host finds the new card behind an address at once`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let (address, _) = try freeAddresses(store)
        // Keeps the bridge up, so that the host's memory is not lost with it.
        _ = try store.start(["--name", "other"])

        for card in ["02:42:00:00:00:01", "02:42:00:00:00:02", "02:42:00:00:00:03"] {
          _ = try store.start(["--name", "one", "--ip", address, "--mac-address", card])
          #expect(try shell("ping -c 1 -W 2 \(address)").output.contains("1 received"), "\(card)")
          try store.skiff("rm", "--force", "one")
        }
        try store.skiff("rm", "--force", "other")
      }
    }

    @Test func `addresses that cannot be had are refused in one sentence`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let (address, _) = try freeAddresses(store)
        let gateway = String(
          try JSON(text: store.skiff("network", "inspect", "bridge").output)[0].IPAM.Config[0].Gateway.text)
        let bridge = ["--network", "bridge"]
        let refusals: [([String], String)] = [
          (["--ip", "203.0.113.9"], "requested static ip 203.0.113.9 not in any subnet on network"),
          (["--ip", gateway], "no container of network skiff can have it"),
          (["--ip", "10.0.0"], "invalid value \"10.0.0\" for --ip: it is not an IPv4 address"),
          (["--ip", "fd00::9"], "IPv6 addresses is not built yet"),
          (["--mac-address", "02:42"], "it is not a MAC address"),
          (["--mac-address", "02:42:0a:57:00:0g"], "it is not a MAC address"),
          (["--mac-address", "+2:42:0a:57:00:01"], "it is not a MAC address"),
          (["--mac-address", "01:00:5e:00:00:01"], "no card can have it"),
          (["--mac-address", "00:00:00:00:00:00"], "no card can have it"),
          (["--network", "host", "--ip", address], "--ip can only be set when the network mode is bridge"),
          (["--network", "none", "--mac-address", "02:42:00:00:00:01"], "--mac-address can only be set when"),
          (["--network", "none:ip=\(address)"], "--ip can only be set when the network mode is bridge"),
          (["--network", "bridge:ip=\(address)", "--ip", address], "--ip says what --network says"),
          (["--network", "bridge:colour=red"], "unknown bridge network option: colour"),
          (["--network", "bridge:alias=db"], "further names in a network is not built yet"),
          (["--network", "name=,ip=\(address)"], "the name of the network is missing"),
          (["--network", "mine:ip=\(address)"], "joining the network mine"),
          (bridge + ["--network-alias", "db"], "further names in a network is not built yet"),
        ]

        for (options, words) in refusals {
          let outcome = try store.attempt(["run", "--rm"] + options + [Store.image, "true"])
          #expect(outcome.code == 125 && outcome.errors.contains(words), "\(options): \(outcome.errors)")
          #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        }
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
      }
    }
  }
}
