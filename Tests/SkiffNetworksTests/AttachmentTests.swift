import Glibc
import SkiffKernel
import SkiffNetworks
import SkiffSpec
import Testing

/// The life of attachments: side by side, again, undone, and cut short.
@Suite struct AttachmentTests {
  @Test func `the first users of a store agree on its network`() throws {
    try Laboratory.host { host in
      let networks = try Laboratory.threads(8) { _ in
        try host.enter()
        let store = NetworkStore(rootDirectory: host.directory + "/root", runDirectory: host.directory + "/run")
        return try store.defaultNetwork()
      }

      #expect(Set(networks.map(\.id)).count == 1)
      #expect(try host.store.defaultNetwork() == networks[0])
    }
  }

  @Test func `eight at once attach to a network that does not stand yet, and all are connected`() throws {
    try Laboratory.host { host in
      let containers = try Laboratory.threads(8) { thread in
        try host.enter()
        return try host.container("c\(thread)")
      }

      #expect(Set(containers.map(\.endpoint.address)).count == 8)
      #expect(try host.links().count == 9)
      for container in containers { #expect(try container.answersPing()) }
      _ = try Laboratory.threads(8) { thread in
        try host.enter()
        try host.store.detach(containerID: ContainerID("c\(thread)"))
      }
      #expect(try host.waitForLinks([try host.store.defaultNetwork().bridge.text]))
      #expect(try host.records().isEmpty)
    }
  }

  @Test func `detaching leaves nothing, and may be done again`() throws {
    try Laboratory.host { host in
      let id = try ContainerID("first")
      let container = try host.container("first")
      let bridge = try host.store.defaultNetwork().bridge.text
      #expect(
        try host.records() == ["networks/skiff/endpoints/first", "networks/skiff/leases/\(container.endpoint.address)"])

      try host.store.detach(containerID: id)
      // At once, for its namespace is alive.
      #expect(try host.links() == [bridge])
      withExtendedLifetime(container) {}
      #expect(try host.records().isEmpty)
      try host.store.detach(containerID: id)
      try host.store.detach(containerID: ContainerID("never-was"))
    }
  }

  @Test func `the kernel takes the cable of a namespace that is gone`() throws {
    try Laboratory.host { host in
      let bridge = try host.store.defaultNetwork().bridge.text
      // The container's end closes here.
      _ = try host.container("first")

      try host.store.detach(containerID: ContainerID("first"))

      #expect(try host.records().isEmpty)
      #expect(try host.waitForLinks([bridge]))
    }
  }

  @Test func `a container that starts anew at once is connected again`() throws {
    try Laboratory.host { host in
      for _ in 0..<10 {
        let container = try host.container("first")
        #expect(try container.answersPing())
        try host.store.detach(containerID: ContainerID("first"))
      }
      // Without any detaching between, as after a crash.
      for _ in 0..<5 { #expect(try host.container("first").answersPing()) }
    }
  }

  @Test func `an attachment that fails leaves nothing`() throws {
    try Laboratory.host { host in
      let container = try host.container("first")
      let before = (try host.links(), try host.records())

      // The namespace has an eth0 already.
      #expect(throws: NetworkError.self) {
        try host.store.attach(
          containerID: ContainerID("second"), to: host.store.defaultNetwork(),
          namespace: container.namespace.descriptor, isStale: { _ in false })
      }
      // Not a namespace at all.
      let file = try Descriptor.workingDirectory.open("/dev/null", .readOnly)
      #expect(throws: NetworkError.self) {
        try host.store.attach(
          containerID: ContainerID("third"), to: host.store.defaultNetwork(), namespace: file.descriptor,
          isStale: { _ in false })
      }

      #expect(try host.links() == before.0)
      #expect(try host.records() == before.1)
      // The thread is at home: it sees the host's links.
      #expect(try container.answersPing())
    }
  }

  @Test func `a link of the bridge's name that is not the bridge is refused`() throws {
    try Laboratory.host { host in
      let network = try host.store.defaultNetwork()
      _ = try Command.run(["ip", "link", "add", network.bridge.text, "type", "bridge"])

      #expect(throws: NetworkError.bridgeTaken(network.bridge.text)) { try host.container("first") }

      #expect(try host.links() == [network.bridge.text])
      #expect(try host.records().isEmpty)
    }
  }

  @Test func `a bridge left half made is finished`() throws {
    try Laboratory.host { host in
      let network = try host.store.defaultNetwork()
      var routes = try RouteSocket()
      _ = try routes.perform(
        "make", "half a bridge",
        [LinkMessage.makeBridge(network.bridge, address: network.bridgeAddress, mtu: network.mtu)])

      let container = try host.container("first")

      #expect(try container.answersPing())
      // And one that someone has switched off is switched on.
      _ = try Command.run(["ip", "link", "set", network.bridge.text, "down"])
      #expect(try host.container("second").answersPing())
    }
  }

  @Test func `reconciling removes what is stale and spares what is not`() throws {
    try Laboratory.host { host in
      let (kept, stale) = (try host.container("kept"), try host.container("stale"))
      let orphan = try host.container("orphan")
      let lost = "\(host.directory)/run/networks/skiff"
      #expect(unlink("\(lost)/endpoints/orphan") == 0)
      #expect(unlink("\(lost)/leases/\(orphan.endpoint.address)") == 0)

      let removed = try host.store.reconcile { $0.text == "stale" }

      #expect(removed == [try ContainerID("stale")])
      let bridge = try host.store.defaultNetwork().bridge.text
      #expect(try host.links() == [kept.endpoint.hostInterface.text, bridge].sorted())
      #expect(try host.records().count == 2)
      #expect(try kept.answersPing())
      withExtendedLifetime((stale, orphan)) {}
    }
  }

  @Test func `stores side by side spare each other's containers`() throws {
    try Laboratory.host { host in
      let other = NetworkStore(rootDirectory: host.directory + "/root2", runDirectory: host.directory + "/run2")
      let mine = try host.container("mine")
      let theirs = try host.container("theirs", in: other)

      try host.store.reconcile { _ in true }

      #expect(try theirs.answersPing())
      #expect(try !host.links().contains(mine.endpoint.hostInterface.text))
      withExtendedLifetime(mine) {}
      try host.store.takeDown(host.store.defaultNetwork())
      try host.store.takeDown(host.store.defaultNetwork())
      #expect(try theirs.answersPing())
      try other.detach(containerID: ContainerID("theirs"))
      try other.takeDown(other.defaultNetwork())
      #expect(try host.links().isEmpty)
    }
  }

  @Test func `a killed command leaves only what the next one can sweep`() throws {
    try Laboratory.host { host in
      let network = try host.store.defaultNetwork()
      _ = try host.container("warm")
      try host.store.detach(containerID: ContainerID("warm"))
      let program = try Descriptor.workingDirectory.open(KernelPath(Programs.probe), .pathOnly)
      for round in 0..<40 {
        let request = SpawnRequest(
          arguments: ["skiff-probe", "network", host.directory, "round\(round)"], environment: [])
        let child = try spawn(program.descriptor, request)
        usleep(UInt32.random(in: 500...15000))
        kill(child.processID, SIGKILL)
        _ = try child.wait()
      }

      try host.store.reconcile { _ in true }

      #expect(try host.records().isEmpty)
      #expect(try host.waitForLinks([network.bridge.text]))
      var firewall = try Firewall()
      #expect(try firewall.isWhole(for: network))
      #expect(try host.container("after").answersPing())
    }
  }
}
