internal import SkiffKernel
package import SkiffSpec

/// The runtime's memory: a directory per container beneath one root (`/run/skiff`), each with
///
/// ```
/// state.json   the record
/// config.json  the configuration that the container was made from, for exec and delete
/// start.sock   where a created container waits to be started
/// ```
package struct ContainerStateStore: Sendable {
  package let root: String
  private static let recordLimitBytes = 1 << 20
  static let configurationLimitBytes = 16 << 20
  private static let containerLimit = 1 << 20

  package init(root: String) {
    self.root = root
  }

  /// Makes the container's directory; it is the claim on the id.
  func claim(_ id: ContainerID) throws(RuntimeError) -> FileDescriptor {
    do throws(Errno) {
      let directory = try Self.makeDirectories(root)
      let name = try KernelPath(id.text)
      try directory.descriptor.makeDirectory(name, mode: 0o700)
      do throws(Errno) {
        return try directory.descriptor.open(name, [.directory, .noFollow])
      } catch {
        // Ours alone until now, and empty. The first failure is the one that is reported.
        try? directory.descriptor.removeDirectory(name)
        throw error
      }
    } catch {
      if error == .exists { throw .exists(id.text) }
      throw .failed("cannot make the state directory \(root)/\(id.text): \(error)")
    }
  }

  private static func makeDirectories(_ path: String) throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      return try Descriptor.workingDirectory.open(try KernelPath(path), [.directory])
    } catch {
      guard error == .notFound else { throw error }
    }
    var walked = ""
    for component in path.split(separator: "/") {
      walked += "/" + component
      do throws(Errno) {
        try Descriptor.workingDirectory.makeDirectory(try KernelPath(walked), mode: 0o700)
      } catch {
        guard error == .exists else { throw error }
      }
    }
    return try Descriptor.workingDirectory.open(try KernelPath(path), [.directory])
  }

  /// Opens the directory of a container; nil where there is none.
  func openDirectory(_ id: ContainerID) throws(RuntimeError) -> FileDescriptor? {
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open(try KernelPath(root), [.directory])
      return try directory.descriptor.open(try KernelPath(id.text), [.directory, .noFollow])
    } catch {
      if error == .notFound { return nil }
      throw .failed("cannot open the state directory \(root)/\(id.text): \(error)")
    }
  }

  /// Whether anything is remembered of a container, be it readable or not.
  package func exists(_ id: ContainerID) throws(RuntimeError) -> Bool {
    try openDirectory(id) != nil
  }

  /// The record of a container.
  package func load(_ id: ContainerID) throws(RuntimeError) -> ContainerRecord {
    guard let directory = try openDirectory(id) else { throw .missing(id.text) }
    guard let record = try Self.read(directory.descriptor, id) else { throw .missing(id.text) }
    return record
  }

  /// The record in a container's directory; nil where there is none yet, because the container's creation was cut short.
  ///
  /// One that cannot be read or understood is an error: whatever it names is still there.
  ///
  /// - Parameter passesDamage: gives nil for one that is not understood.
  static func read(
    _ directory: Descriptor, _ id: ContainerID, passesDamage: Bool = false
  ) throws(RuntimeError) -> ContainerRecord? {
    let bytes: [UInt8]
    do throws(Errno) {
      let file = try directory.open("state.json", [.readOnly, .noFollow])
      bytes = try file.descriptor.readToEnd(limitBytes: recordLimitBytes)
    } catch {
      if error == .notFound { return nil }
      throw .failed("cannot read the state of container \(id.text): \(error)")
    }
    if let record = ContainerRecord(parsing: bytes) { return record }
    if passesDamage { return nil }
    throw .failed("the state of container \(id.text) is damaged (delete --force removes what can be found of it)")
  }

  /// Replaces the record at once: a reader sees the old or the new one.
  static func write(_ record: ContainerRecord, in directory: Descriptor) throws(RuntimeError) {
    do throws(Errno) {
      try directory.replaceFile("state.json", with: record.serialized(), mode: 0o600, isDurable: false)
    } catch {
      throw .failed("cannot write the state of container \(record.id): \(error)")
    }
  }

  /// The configuration that the container was made from.
  static func configuration(in directory: Descriptor, id: String) throws(RuntimeError) -> RuntimeSpec {
    let bytes: [UInt8]
    do throws(Errno) {
      let file = try directory.open("config.json", [.readOnly, .noFollow])
      bytes = try file.descriptor.readToEnd(limitBytes: configurationLimitBytes)
    } catch {
      throw .failed("cannot read the configuration of container \(id): \(error)")
    }
    do throws(SpecProblems) {
      return try RuntimeSpec.parse(bytes)
    } catch {
      throw .failed("the configuration of container \(id) is damaged: \(error)")
    }
  }

  /// Every container that has a directory, by id.
  ///
  /// - Parameter mustExist: a root that is not there is an error, not one without containers.
  package func list(mustExist: Bool = false) throws(RuntimeError) -> [ContainerID] {
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open(try KernelPath(root), [.directory])
      let entries = try directory.descriptor.sortedEntries(limit: Self.containerLimit)
      return entries.compactMap { try? ContainerID($0.name.text) }
    } catch {
      if error == .notFound, !mustExist { return [] }
      throw .failed("cannot list \(root): \(error)")
    }
  }

  /// Removes the container's directory with all that is in it.
  package func remove(_ id: ContainerID) throws(RuntimeError) {
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open(try KernelPath(root), [.directory])
      try directory.descriptor.removeTree(try KernelPath(id.text))
    } catch {
      if error == .notFound { return }
      throw .failed("cannot remove the state directory \(root)/\(id.text): \(error)")
    }
  }
}
