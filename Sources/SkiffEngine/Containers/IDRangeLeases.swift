import SkiffKernel

/// Which range of 65,536 ids belongs to which container: `userns/NUMBER`, a symbolic link that holds the container's id.
/// Making the link is the lease.
struct IDRangeLeases {
  private let path: String
  private let containers: ContainerStore

  /// Above all ids that people and packages use, and below those that the kernel takes for negative.
  private static let firstID: UInt32 = 1 << 30
  private static let size: UInt32 = 65_536
  /// So many ranges fit below 2^31.
  static let count: UInt32 = 16_384

  init(root: String, containers: ContainerStore) {
    self.path = root + "/userns"
    self.containers = containers
  }

  static func range(_ number: UInt32) -> IDRange {
    IDRange(container: 0, host: firstID + (number % count) * size, size: size)
  }

  /// Takes a free range, beginning at a place that the id chooses, so that containers seldom contend for one.
  func take(for id: String) throws(EngineError) -> UInt32 {
    let directory = try StateDirectory.open(path)
    let start = UInt32(id.prefix(6), radix: 16) ?? 0
    return try naming("take", "a range of ids") { () throws(Errno) in
      for step in 0..<Self.count {
        let number = (start + step) % Self.count
        let name = try KernelPath(String(number))
        do throws(Errno) {
          try directory.descriptor.makeSymbolicLink(name, target: try KernelPath(id))
          return number
        } catch {
          guard error == .exists else { throw error }
        }
        if try self.takeOver(name, for: id, in: directory.descriptor) { return number }
      }
      throw .noSpace
    }
  }

  /// Takes the range of a container that is gone.
  private func takeOver(_ name: KernelPath, for id: String, in directory: Descriptor) throws(Errno) -> Bool {
    let lock = try directory.open(".", [.readOnly, .directory])
    try lock.descriptor.lock(exclusive: true, wait: true)
    let owner: String
    do throws(Errno) {
      owner = try directory.readLink(name).text
    } catch {
      guard error == .notFound else { throw error }
      return false
    }
    if containers.has(owner) { return false }
    try directory.unlink(name)
    try directory.makeSymbolicLink(name, target: try KernelPath(id))
    return true
  }

  /// Ranges whose containers are gone: they can be taken over, and are free in all but name.
  func orphans() throws(EngineError) -> [(number: UInt32, owner: String)] {
    let directory = try StateDirectory.open(path)
    return try naming("list", path) { () throws(Errno) in
      var orphans: [(number: UInt32, owner: String)] = []
      for entry in try directory.descriptor.sortedEntries(limit: Int(Self.count)) {
        guard let number = UInt32(entry.name.text) else { continue }
        let owner = try directory.descriptor.readLink(entry.name).text
        if !containers.has(owner) { orphans.append((number, owner)) }
      }
      return orphans
    }
  }

  /// Gives back whatever ranges belong to a container that has no record.
  func releaseAll(of id: String) throws(EngineError) {
    let directory = try StateDirectory.open(path)
    let names = try naming("list", path) { () throws(Errno) in
      try directory.descriptor.sortedEntries(limit: Int(Self.count)).map(\.name.text)
    }
    for name in names {
      guard let number = UInt32(name) else { continue }
      try release(number, of: id)
    }
  }

  /// Gives a range back.
  func release(_ number: UInt32, of id: String) throws(EngineError) {
    let directory = try StateDirectory.open(path)
    try naming("give back", "a range of ids") { () throws(Errno) in
      let name = try KernelPath(String(number))
      do throws(Errno) {
        if try directory.descriptor.readLink(name).text == id { try directory.descriptor.unlink(name) }
      } catch {
        guard error == .notFound else { throw error }
      }
    }
  }
}
