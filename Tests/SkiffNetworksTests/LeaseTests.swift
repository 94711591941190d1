import Glibc
import SkiffKernel
import SkiffNetworks
import SkiffSpec
import Testing

@Suite struct LeaseTests {
  private func network(_ subnet: String) throws -> Network {
    let subnet = try #require(IPv4Subnet(subnet))
    return Network(
      name: .standard, id: "0123456789abcdef", subnet: subnet, gateway: try #require(subnet.address(at: 1)),
      bridge: try #require(InterfaceName("skiff0")), mtu: 1500, created: 0)
  }

  @Test func `eight allocators at once never give an address twice`() throws {
    try Scratch.use { directory in
      let network = try network("10.87.0.0/24")

      let claimed = try Laboratory.threads(8) { thread in
        try (0..<20).map { turn in
          // Opened anew each time, as another process would.
          let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
          return try leases.claim(for: ContainerID("c\(thread)-\(turn)"), in: network, isStale: { _ in false })
        }
      }.flatMap { $0 }

      #expect(Set(claimed).count == 160)
      #expect(claimed.allSatisfy { network.subnet.contains($0) && $0 != network.gateway })
      #expect(!claimed.contains(network.subnet.base) && !claimed.contains(network.subnet.broadcast))
    }
  }

  @Test func `eight allocators at once that also give back never share an address`() throws {
    try Scratch.use { directory in
      // Thirteen addresses: much contention.
      let network = try network("10.87.0.0/28")
      let holders = directory + "/holders"
      mkdir(holders, 0o700)

      _ = try Laboratory.threads(8) { thread in
        for turn in 0..<40 {
          let id = try ContainerID("c\(thread)-\(turn)")
          let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
          let address = try leases.claim(for: id, in: network, isStale: { _ in false })
          // Whoever has the address holds its directory.
          guard mkdir("\(holders)/\(address)", 0o700) == 0 else { throw Trouble("\(address) was given twice") }
          rmdir("\(holders)/\(address)")
          try leases.release(id)
        }
      }

      let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
      #expect(try leases.containers().isEmpty)
    }
  }

  @Test func `a full network takes back what containers that are no more have left`() throws {
    try Scratch.use { directory in
      let network = try network("10.87.0.0/29")
      let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
      var given: [IPv4Address] = []
      for name in ["a", "b", "c", "d", "e"] {
        given.append(try leases.claim(for: ContainerID(name), in: network, isStale: { _ in false }))
      }
      #expect(Set(given).count == 5)

      #expect(throws: NetworkError.noFreeAddress(network: "skiff")) {
        try leases.claim(for: ContainerID("f"), in: network, isStale: { _ in false })
      }
      let address = try leases.claim(for: ContainerID("f"), in: network, isStale: { $0.text == "c" })

      #expect(address == given[2])
      #expect(try leases.address(of: ContainerID("f")) == address)
      #expect(try leases.address(of: ContainerID("c")) == nil)
    }
  }

  @Test func `eight allocators that take back at once never give an address twice`() throws {
    try Scratch.use { directory in
      let network = try network("10.87.0.0/27")
      for index in 0..<29 {
        let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
        _ = try leases.claim(for: ContainerID("dead\(index)"), in: network, isStale: { _ in false })
      }

      let claimed = try Laboratory.threads(8) { thread in
        try (0..<3).map { turn in
          let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
          return try leases.claim(
            for: ContainerID("live\(thread)-\(turn)"), in: network, isStale: { $0.text.hasPrefix("dead") })
        }
      }.flatMap { $0 }

      #expect(Set(claimed).count == 24)
    }
  }

  @Test func `a container that was cut short gets what it had`() throws {
    try Scratch.use { directory in
      let network = try network("10.87.0.0/24")
      let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
      let id = try ContainerID("first")
      let address = try leases.claim(for: id, in: network, isStale: { _ in false })
      // Killed between the two records.
      #expect(unlink("\(directory)/networks/skiff/endpoints/first") == 0)

      #expect(try leases.claim(for: id, in: network, isStale: { _ in false }) == address)
      #expect(unlink("\(directory)/networks/skiff/endpoints/first") == 0)
      try leases.release(id)

      #expect(try leases.containers().isEmpty)
      try leases.release(id)
    }
  }

  @Test func `giving back leaves what belongs to others`() throws {
    try Scratch.use { directory in
      let network = try network("10.87.0.0/24")
      let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
      let (first, second) = (try ContainerID("first"), try ContainerID("second"))
      let address = try leases.claim(for: first, in: network, isStale: { _ in false })
      // The first's lease was reclaimed and given to the second while the first's record still stood.
      #expect(unlink("\(directory)/networks/skiff/leases/\(address)") == 0)
      #expect(symlink("second", "\(directory)/networks/skiff/leases/\(address)") == 0)
      #expect(symlink("\(address)", "\(directory)/networks/skiff/endpoints/second") == 0)

      try leases.release(first)

      #expect(try leases.address(of: second) == address)
      #expect(try leases.containers() == [second])
    }
  }

  @Test func `strangers among the records are passed over`() throws {
    try Scratch.use { directory in
      let leases = try LeaseDirectory(runDirectory: directory, network: .standard)
      #expect(mkdir("\(directory)/networks/skiff/leases/lost+found", 0o700) == 0)
      #expect(symlink("10.87.0.9999", "\(directory)/networks/skiff/endpoints/odd") == 0)

      #expect(try leases.address(of: ContainerID("odd")) == nil)
      #expect(try leases.reclaim(isStale: { _ in true }) == [ContainerID("odd")])
      #expect(try leases.containers().isEmpty)
    }
  }
}
