internal import SkiffKernel
package import SkiffSpec

/// Who has which address of a network: `leases/ADDRESS` and `endpoints/ID`, symbolic links that hold each other's name.
///
/// A symbolic link comes into being whole or not at all, and only once: making `leases/ADDRESS` is the lease, without any lock.
/// Only taking one away needs the lock, for "remove it if it is still this container's" is two calls; nothing waits while it is held.
package struct LeaseDirectory: ~Copyable {
  /// More entries than this are refused: the network would be larger than a bridge.
  private static let entryLimit = 65536

  private let leases: FileDescriptor
  private let endpoints: FileDescriptor
  private let path: String
  let network: NetworkName

  /// Opens the directories, making what is missing.
  package init(runDirectory: String, network: NetworkName) throws(NetworkError) {
    let path = "\(runDirectory)/networks/\(network)"
    let leases = try Self.open("\(path)/leases")
    let endpoints = try Self.open("\(path)/endpoints")
    self.path = path
    self.network = network
    self.leases = leases
    self.endpoints = endpoints
  }

  private static func open(_ path: String) throws(NetworkError) -> FileDescriptor {
    do throws(Errno) {
      return try openMaking(path)
    } catch {
      throw .refused("open", "the address records in \(path)", error)
    }
  }

  private static func openMaking(_ path: String) throws(Errno) -> FileDescriptor {
    let kernelPath = try KernelPath(path)
    do throws(Errno) {
      return try Descriptor.workingDirectory.open(kernelPath, [.directory, .readOnly])
    } catch {
      guard error == .notFound else { throw error }
      let made = try Root(opening: path.hasPrefix("/") ? "/" : ".").openDirectory(kernelPath, creatingWithMode: 0o700)
      return try made.descriptor.open(".", [.directory, .readOnly])
    }
  }

  /// The address that the container has, if its record is whole.
  package func address(of container: ContainerID) throws(NetworkError) -> IPv4Address? {
    try refusing("read", container) { () throws(Errno) in try recordedAddress(of: container) }
  }

  /// Takes a free address for the container. A full network first takes back what containers that are no more have left.
  package func claim(
    for container: ContainerID, in network: Network, isStale: (ContainerID) -> Bool,
    beforeRelease: (ContainerID) throws(NetworkError) -> Void = { _ in }
  ) throws(NetworkError) -> IPv4Address {
    if let address = try claimFree(for: container, in: network) { return address }
    _ = try reclaim(isStale: isStale, beforeRelease: beforeRelease)
    if let address = try claimFree(for: container, in: network) { return address }
    throw .noFreeAddress(network: network.name.text)
  }

  /// Takes one address and no other. What a container that is no more has left of it is taken back.
  package func claim(
    _ address: IPv4Address, for container: ContainerID, in network: Network, isStale: (ContainerID) -> Bool,
    beforeRelease: (ContainerID) throws(NetworkError) -> Void = { _ in }
  ) throws(NetworkError) {
    let (subnet, name) = (network.subnet, network.name.text)
    guard subnet.contains(address) else { throw .addressOutside(address, network: name, subnet: subnet) }
    guard address != subnet.base, address != subnet.broadcast, address != network.gateway else {
      throw .addressReserved(address, network: name)
    }
    guard let owner = try take(address, for: container) else { return }
    if isStale(owner) {
      _ = try reclaim(isStale: { $0 == owner && isStale($0) }, beforeRelease: beforeRelease)
      if try take(address, for: container) == nil { return }
    }
    throw .addressTaken(address, network: name, container: owner.text)
  }

  /// Nil where the address is the container's now; else who has it.
  private func take(_ address: IPv4Address, for container: ContainerID) throws(NetworkError) -> ContainerID? {
    let holder = try refusing("write", container) { () throws(Errno) in
      let (name, owner) = (try KernelPath(address.description), try KernelPath(container.text))
      // Empty: it was given back between the try and the look at who has it.
      let holder = try lease(name, to: owner)
      return holder?.isEmpty == true ? try lease(name, to: owner) : holder
    }
    // What is no id is no record of ours, but in the way.
    return try holder.map { text throws(NetworkError) in
      do {
        return try ContainerID(text)
      } catch {
        throw .addressTaken(address, network: network.text, container: text)
      }
    }
  }

  private func claimFree(for container: ContainerID, in network: Network) throws(NetworkError) -> IPv4Address? {
    try refusing("write", container) { () throws(Errno) in
      let owner = try KernelPath(container.text)
      for address in AddressOrder(network: network, seed: StableHash.of(container.text.utf8)) {
        if try lease(KernelPath(address.description), to: owner) == nil { return address }
      }
      return nil
    }
  }

  /// Makes both records of a lease; gives who has the address where that is another.
  private func lease(_ name: KernelPath, to owner: KernelPath) throws(Errno) -> String? {
    do throws(Errno) {
      try leases.descriptor.makeSymbolicLink(name, target: owner)
    } catch {
      guard error == .exists else { throw error }
      let holder = try target(of: name, in: leases.descriptor)
      // Else left by an attempt that was cut short before its second record.
      guard holder == owner.text else { return holder ?? "" }
    }
    try endpoints.descriptor.makeSymbolicLink(owner, target: name)
    return nil
  }

  /// Gives back all that the container has. Nothing to give back is fine.
  package func release(_ container: ContainerID) throws(NetworkError) {
    try refusing("remove", container) { () throws(Errno) in
      try locked { () throws(Errno) in try removeAll(of: container) }
    }
  }

  /// Gives back what containers that are no more have left; gives these containers.
  package func reclaim(
    isStale: (ContainerID) -> Bool, beforeRelease: (ContainerID) throws(NetworkError) -> Void = { _ in }
  ) throws(NetworkError) -> Set<ContainerID> {
    var stale: Set<ContainerID> = []
    for container in try containers() where isStale(container) { stale.insert(container) }
    for container in stale {
      // An address that is taken back here must lead to nobody's ports.
      try beforeRelease(container)
      try refusing("remove", container) { () throws(Errno) in
        try locked { () throws(Errno) in
          // Asked again under the lock: it may have been started anew meanwhile.
          if isStale(container) { try removeAll(of: container) }
        }
      }
    }
    return stale
  }

  /// All containers that any record names.
  package func containers() throws(NetworkError) -> Set<ContainerID> {
    do throws(Errno) {
      var found: Set<ContainerID> = []
      for entry in try endpoints.descriptor.sortedEntries(limit: Self.entryLimit) {
        if let container = try? ContainerID(entry.name.text) { found.insert(container) }
      }
      for entry in try leases.descriptor.sortedEntries(limit: Self.entryLimit) {
        if let text = try target(of: entry.name, in: leases.descriptor), let container = try? ContainerID(text) {
          found.insert(container)
        }
      }
      return found
    } catch {
      throw .refused("list", "the address records in \(path)", error)
    }
  }

  // MARK: - Under the lock

  private func removeAll(of container: ContainerID) throws(Errno) {
    if let address = try recordedAddress(of: container) {
      try removeLease(KernelPath(address.description), of: container)
    } else {
      // Cut short between the two records: only looking at all of them tells.
      for entry in try leases.descriptor.sortedEntries(limit: Self.entryLimit) {
        try removeLease(entry.name, of: container)
      }
    }
    // Last: as long as this record stands, a later command knows that there is something to do.
    try ignoringAbsence { () throws(Errno) in try endpoints.descriptor.unlink(KernelPath(container.text)) }
  }

  private func removeLease(_ name: KernelPath, of container: ContainerID) throws(Errno) {
    guard try target(of: name, in: leases.descriptor) == container.text else { return }
    try ignoringAbsence { () throws(Errno) in try leases.descriptor.unlink(name) }
  }

  private func locked(_ body: () throws(Errno) -> Void) throws(Errno) {
    // An open file of its own: the lock goes with it, whatever happens.
    let handle = try leases.descriptor.open(".", [.directory, .readOnly])
    try handle.descriptor.lock(exclusive: true, wait: true)
    do throws(Errno) {
      try body()
    } catch {
      _ = consume handle
      throw error
    }
    _ = consume handle
  }

  // MARK: - Small kin

  private func recordedAddress(of container: ContainerID) throws(Errno) -> IPv4Address? {
    try target(of: KernelPath(container.text), in: endpoints.descriptor).flatMap { IPv4Address($0) }
  }

  /// What the link holds; nil where there is none.
  private func target(of name: KernelPath, in directory: Descriptor) throws(Errno) -> String? {
    do throws(Errno) {
      return try directory.readLink(name).text
    } catch {
      // Not a link: not a record of ours.
      guard error == .notFound || error == .invalidArgument else { throw error }
      return nil
    }
  }

  private func ignoringAbsence(_ body: () throws(Errno) -> Void) throws(Errno) {
    do throws(Errno) {
      try body()
    } catch {
      guard error == .notFound else { throw error }
    }
  }

  private func refusing<Result>(
    _ act: String, _ container: ContainerID, _ body: () throws(Errno) -> Result
  ) throws(NetworkError) -> Result {
    do throws(Errno) {
      return try body()
    } catch {
      throw .refused(act, "the address records of \(container.text) in \(path)", error)
    }
  }
}

/// The addresses of a network that containers may have, each once, from a place that the seed chooses: containers seldom
/// contend for one, and none has to look at what others have.
package struct AddressOrder: Sequence {
  private let network: Network
  private let seed: UInt64

  package init(network: Network, seed: UInt64) {
    self.network = network
    self.seed = seed
  }

  package func makeIterator() -> AnyIterator<IPv4Address> {
    // Neither the subnet's own address nor its broadcast; the gateway is passed over where it comes.
    let size = UInt64(network.subnet.broadcast.number - network.subnet.base.number)
    guard size > 1 else { return AnyIterator { nil } }
    let count = size - 1
    var step: UInt64 = 0
    return AnyIterator {
      while step < count {
        let offset = 1 + (seed % count + step) % count
        step += 1
        let address = network.subnet.address(at: UInt32(truncatingIfNeeded: offset))
        if let address, address != network.gateway { return address }
      }
      return nil
    }
  }
}
