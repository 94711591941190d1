import SkiffImages
import SkiffKernel
import SkiffSpec

/// The directories of all containers, and their names.
///
/// A container exists while `containers/ID/container.json` does. Its name is the symbolic link `names/NAME`: whoever makes it
/// has the name. No list of containers is kept anywhere else.
package final class ContainerStore: Sendable {
  package let path: String
  private let containers: FileDescriptor
  private let names: FileDescriptor

  /// Most containers that a listing bears.
  static let limit = 1 << 17

  /// Opens the store beneath the engine's root, making what is missing of it.
  package init(root: String) throws(EngineError) {
    self.path = root + "/containers"
    self.containers = try StateDirectory.open(root + "/containers")
    self.names = try StateDirectory.open(root + "/names")
  }

  // MARK: Making

  /// Makes the directory of a new container, taken for this process.
  package func make(_ id: String) throws(EngineError) -> ContainerDirectory {
    let containers = containers.descriptor
    let path = path + "/" + id
    let handle = try naming("make", path) { () throws(Errno) in
      let name = try KernelPath(id)
      for _ in 0..<8 {
        try containers.makeDirectory(name, mode: 0o700)
        do throws(Errno) {
          let handle = try containers.open(name, [.readOnly, .directory, .noFollow])
          try handle.descriptor.lock(exclusive: true, wait: true)
          if has(id) { return handle }
        } catch {
          guard error == .notFound else { throw error }
        }
        // Between making and locking, a sweep took it for garbage.
      }
      throw .busy
    }
    return ContainerDirectory(id: id, path: path, handle: handle)
  }

  /// Gives a container its name: the wanted one, or an invented one that is free.
  package func takeName(
    _ wanted: String?, for id: String, option: String = "--name"
  ) throws(EngineError) -> String {
    if let wanted {
      guard Self.isName(wanted) else {
        throw .invalidOption(
          name: option, value: wanted,
          reason: "a name has two or more letters, digits, _ . and -, the first a letter or a digit")
      }
      if let owner = try link(wanted, to: id) { throw .nameInUse(name: wanted, containerID: owner) }
      return wanted
    }
    for attempt in 0..<16 {
      let name = try InventedName.make(attempt: attempt)
      if try link(name, to: id) == nil { return name }
    }
    throw .report("cannot find a free name for the container (give one with --name)")
  }

  /// Makes the name's link; where a living container has the name, gives that one's id and makes nothing.
  private func link(_ name: String, to id: String) throws(EngineError) -> String? {
    let names = names.descriptor
    return try naming("take", "the name \(name)") { () throws(Errno) in
      let entry = try KernelPath(name)
      for _ in 0..<8 {
        do throws(Errno) {
          try names.makeSymbolicLink(entry, target: try KernelPath("../containers/" + id))
          return nil
        } catch {
          guard error == .exists else { throw error }
        }
        if let owner = try self.owner(entry), self.has(owner) { return owner }
        try self.dropDanglingLink(entry)
      }
      throw .busy
    }
  }

  /// Removes the link of a container that is gone. Only under the lock of all names is a link ever removed that is not one's own.
  private func dropDanglingLink(_ entry: KernelPath) throws(Errno) {
    let lock = try names.descriptor.open(".", [.readOnly, .directory])
    try lock.descriptor.lock(exclusive: true, wait: true)
    guard let owner = try owner(entry), !has(owner) else { return }
    try names.descriptor.unlink(entry)
  }

  /// The id that a name's link leads to; nil where there is no such link.
  private func owner(_ entry: KernelPath) throws(Errno) -> String? {
    do throws(Errno) {
      let target = try names.descriptor.readLink(entry).text
      return target.split(separator: "/").last.map(String.init)
    } catch {
      guard error == .notFound else { throw error }
      return nil
    }
  }

  /// Whether a container of this id exists, or is being made.
  package func has(_ id: String) -> Bool {
    do throws(Errno) {
      return try containers.descriptor.status(try KernelPath(id)).type == .directory
    } catch {
      // A name that the file system does not have, or cannot have.
      return false
    }
  }

  private static func isName(_ text: String) -> Bool {
    (try? ObjectName(text, kind: "container")) != nil
  }

  // MARK: Finding

  /// The id of a container by its id, its name, or the first digits of its id, in this order.
  package func find(_ text: String) throws(EngineError) -> String {
    if ContainerIdentity.isID(text), has(text) { return text }
    if Self.isName(text) {
      let owner = try naming("read", "the name \(text)") { () throws(Errno) in try self.owner(try KernelPath(text)) }
      if let owner, ContainerIdentity.isID(owner), has(owner) { return owner }
    }
    guard ContainerIdentity.isPrefix(text) else { throw .noSuchContainer(text) }
    let matches = try allIDs().filter { $0.hasPrefix(text) }
    guard let match = matches.first else { throw .noSuchContainer(text) }
    guard matches.count == 1 else { throw .ambiguousContainer(text) }
    return match
  }

  package func open(id: String) throws(EngineError) -> ContainerDirectory {
    do throws(Errno) {
      let handle = try containers.descriptor.open(try KernelPath(id), [.readOnly, .directory, .noFollow])
      return ContainerDirectory(id: id, path: path + "/" + id, handle: handle)
    } catch {
      if error == .notFound { throw .noSuchContainer(id) }
      throw .kernel(act: "open", thing: path + "/" + id, cause: error)
    }
  }

  /// The ids of all containers, those that are being made included.
  package func allIDs() throws(EngineError) -> [String] {
    try names(in: containers.descriptor, path).filter(ContainerIdentity.isID)
  }

  // MARK: Removing

  /// Ends the existence of a container that this process has taken, at one stroke; its content and its name are still to go.
  package func sink(_ directory: borrowing ContainerDirectory, withVolumes: Bool) throws(EngineError) -> SunkContainer {
    let sunk = SunkContainer(id: directory.id, takesVolumes: withVolumes)
    try naming("remove", directory.path) { () throws(Errno) in
      try containers.descriptor.rename(
        try KernelPath(sunk.id), to: try KernelPath(sunk.entry), in: containers.descriptor)
    }
    return sunk
  }

  /// Removes what is left of a container that was sunk; its record goes with it.
  package func remove(_ sunk: SunkContainer) throws(EngineError) {
    let path = "\(path)/\(sunk.entry)"
    do throws(ImageStoreError) {
      // A snapshot goes only with the driver's help.
      try ContainerTree.remove(in: path)
    } catch {
      throw EngineError(error)
    }
    try naming("remove", path) { () throws(Errno) in try containers.descriptor.removeTree(try KernelPath(sunk.entry)) }
  }

  /// The record of a container that was sunk; nil where it has none that can be read, any more or ever.
  package func record(of sunk: SunkContainer) -> ContainerRecord? {
    do throws(Errno) {
      let directory = try containers.descriptor.open(try KernelPath(sunk.entry), [.readOnly, .directory, .noFollow])
      let bytes = try directory.descriptor.readFile(
        ContainerDirectory.File.record, limitBytes: ContainerDirectory.File.recordLimitBytes)
      return ContainerRecord.parse(bytes)
    } catch {
      return nil
    }
  }

  /// What interrupted removals left, of one container or of all.
  package func sunk(_ id: String? = nil) throws(EngineError) -> [SunkContainer] {
    if let id {
      let possible = [false, true].map { SunkContainer(id: id, takesVolumes: $0) }
      return possible.filter { has($0.entry) }
    }
    return try names(in: containers.descriptor, path).compactMap(SunkContainer.init(entry:))
  }

  /// Gives up a container's name.
  package func dropName(_ name: String, of id: String) throws(EngineError) {
    try naming("give up", "the name \(name)") { () throws(Errno) in
      let entry = try KernelPath(name)
      if try self.owner(entry) == id { try self.names.descriptor.unlink(entry) }
    }
  }

  /// All names, those that lead nowhere included.
  func allNames() throws(EngineError) -> [String] {
    try names(in: names.descriptor, "the names of containers")
  }

  /// The id that a name leads to, whether that container is there or not; nil where there is no such name.
  func owner(ofName name: String) throws(EngineError) -> String? {
    try naming("read", "the name \(name)") { () throws(Errno) in try self.owner(try KernelPath(name)) }
  }

  /// Gives up whatever names lead to a container that has no record.
  package func dropNames(of id: String) throws(EngineError) {
    for name in try names(in: names.descriptor, "the names of containers") { try dropName(name, of: id) }
  }

  /// The names in a directory.
  private func names(in directory: Descriptor, _ what: String) throws(EngineError) -> [String] {
    try naming("list", what) { () throws(Errno) in
      // A description of its own, so that two listings do not share one offset.
      let listed = try directory.open(".", [.readOnly, .directory])
      return try listed.descriptor.sortedEntries(limit: Self.limit).map(\.name.text)
    }
  }
}

/// A container that exists no more and is being removed: a directory under another name.
package struct SunkContainer: Equatable, Sendable {
  package let id: String
  /// Whether the volumes that were made for it alone go, too.
  package let takesVolumes: Bool

  private static let prefix = ".sunk-"
  private static let prefixWithVolumes = ".sunk-with-volumes-"

  init(id: String, takesVolumes: Bool) {
    self.id = id
    self.takesVolumes = takesVolumes
  }

  /// Nil for a name that is not one of these.
  init?(entry: String) {
    for (prefix, takesVolumes) in [(Self.prefixWithVolumes, true), (Self.prefix, false)] where entry.hasPrefix(prefix) {
      let id = String(entry.dropFirst(prefix.count))
      guard ContainerIdentity.isID(id) else { continue }
      self.init(id: id, takesVolumes: takesVolumes)
      return
    }
    return nil
  }

  /// The name of its directory.
  var entry: String { (takesVolumes ? Self.prefixWithVolumes : Self.prefix) + id }
}

/// Directories that hold the engine's state: nobody but their owner looks inside.
enum StateDirectory {
  /// Opens a directory by its absolute path, making what is missing of it with mode 0700.
  static func open(_ path: String) throws(EngineError) -> FileDescriptor {
    try naming("open", path) { () throws(Errno) in
      let name = try KernelPath(path)
      do throws(Errno) {
        return try Descriptor.workingDirectory.open(name, [.readOnly, .directory])
      } catch {
        guard error == .notFound else { throw error }
      }
      _ = try Root(opening: "/").openDirectory(name, creatingWithMode: 0o700)
      return try Descriptor.workingDirectory.open(name, [.readOnly, .directory])
    }
  }

  /// What the file `record` in the directory `name` of `directory` says; nil where there is no such directory.
  ///
  /// - Parameters:
  ///   - what: the thing that is kept there, for errors.
  ///   - path: of `directory`.
  static func record(
    _ record: KernelPath, of name: String, in directory: Descriptor, path: String, what: String
  ) throws(EngineError) -> JSONValue? {
    let bytes: [UInt8]
    do throws(Errno) {
      let place = try directory.open(try KernelPath(name), [.readOnly, .directory, .noFollow])
      bytes = try place.descriptor.readFile(record, limitBytes: 1 << 20)
    } catch {
      if error == .notFound { return nil }
      throw .kernel(act: "read", thing: "\(what) \(name)", cause: error)
    }
    do throws(JSONError) {
      return try JSONValue.parse(bytes)
    } catch {
      throw .damaged(thing: "\(path)/\(name)/\(record)", reason: "\(error)")
    }
  }
}
