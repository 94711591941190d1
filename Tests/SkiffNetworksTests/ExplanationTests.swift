import Glibc
import SkiffKernel
import SkiffNetworks
import SkiffSpec
import Testing

@Suite struct ExplanationTests {
  @Test func `every step that was performed is told, with its time`() throws {
    try Laboratory.host { host in
      let first = try host.container("first").endpoint
      let second = try host.container("second").endpoint

      #expect(
        first.performed.map(\.step) == [
          .leaseAddress, .checkHost, .assertFirewall, .makeBridge, .quietBridge, .addressBridge, .switchOnBridge,
          .turnOnForwarding, .layCable, .quietIPv6, .switchOnLoopback, .addressContainer, .switchOnCable,
          .routeContainer,
        ])
      #expect(
        second.performed.map(\.step) == [
          .leaseAddress, .checkHost, .layCable, .quietIPv6, .switchOnLoopback, .addressContainer, .switchOnCable,
          .routeContainer,
        ])
      #expect(first.explanation.allSatisfy { ($0.nanoseconds ?? 0) > 0 })
      #expect(first.explanation.allSatisfy { !$0.what.isEmpty && !$0.kernelCall.isEmpty && !$0.command.isEmpty })
      #expect(first.notices == ["turned on net.ipv4.ip_forward, so that this host passes on packets of containers"])
      #expect(second.notices.isEmpty)
    }
  }

  @Test(.enabled(if: ["ip", "nft", "nsenter", "sysctl"].allSatisfy(Command.exists)))
  func `whoever types the commands of the explanation gets the same network`() throws {
    try Laboratory.host { host in
      let outside = try Outside()
      let server = try outside.inside { try Datagrams(port: 7000) }
      let network = try host.store.defaultNetwork()
      let namespace = try NetworkNamespace.make()
      let steps = host.store.plannedExplanation(containerID: try ContainerID("typed"), network: network)
      _ = try Command.run(["mkdir", "-p", host.directory + "/run/networks/skiff/leases"])
      // Someone who lives in the container's network, to be named by PID.
      let sleeper = try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }) {
        try Command.run(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"])
      }
      let processID = try #require(Int32(sleeper.dropLast()))
      defer { kill(processID, SIGKILL) }

      for step in steps {
        let command = step.command.split(separator: "PID", omittingEmptySubsequences: false)
        _ = try Command.run(["sh", "-c", command.joined(separator: String(processID))])
      }

      // Ours finds it all as if it had made it itself.
      var firewall = try Firewall()
      #expect(try firewall.isWhole(for: network))
      let container = try host.container("made")
      #expect(container.endpoint.performed.map(\.step).prefix(3) == [.leaseAddress, .checkHost, .layCable])
      try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }) {
        #expect(try ping(network.gateway))
        #expect(try ping(container.endpoint.address))
        try Datagrams().send("typed", to: Outside.address, port: 7000)
      }
      #expect(try server.receive(milliseconds: 2000)?.address == Outside.hostAddress)
    }
  }
}
