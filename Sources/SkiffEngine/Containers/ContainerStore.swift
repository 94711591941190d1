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
  package func make() throws(EngineError) -> ContainerDirectory {
    let containers = containers.descriptor
    for _ in 0..<8 {
      let id = try ContainerIdentity.makeID()
      let path = path + "/" + id
      let handle = try naming("make", path) { () throws(Errno) in
        let name = try KernelPath(id)
        try containers.makeDirectory(name, mode: 0o700)
        let handle = try containers.open(name, [.readOnly, .directory, .noFollow])
        try handle.descriptor.lock(exclusive: true, wait: true)
        return handle
      }
      // Between making and locking, a sweep may have taken it for garbage.
      if has(id) { return ContainerDirectory(id: id, path: path, handle: handle) }
    }
    throw .report("cannot make a directory for the container: something removes it at once")
  }

  /// Gives a new container its name: the wanted one, or an invented one that is free.
  package func takeName(_ wanted: String?, for id: String) throws(EngineError) -> String {
    if let wanted {
      guard Self.isName(wanted) else {
        throw .invalidOption(
          name: "--name", value: wanted,
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
    let containers = containers.descriptor
    let path = path
    let entries = try naming("list", path) { () throws(Errno) in
      // A description of its own, so that two listings do not share one offset.
      let listed = try containers.open(".", [.readOnly, .directory])
      return try listed.descriptor.sortedEntries(limit: Self.limit)
    }
    return entries.map(\.name.text).filter(ContainerIdentity.isID)
  }

  // MARK: Removing

  /// Removes a container that this process has taken: first its name, then, at one stroke, its existence, then its content.
  package func remove(_ directory: borrowing ContainerDirectory, name: String?) throws(EngineError) {
    let id = directory.id
    if let name {
      try naming("give up", "the name \(name)") { () throws(Errno) in
        let entry = try KernelPath(name)
        if try self.owner(entry) == id { try self.names.descriptor.unlink(entry) }
      }
    }
    try naming("remove", directory.path) { () throws(Errno) in try self.sink(id) }
  }

  /// Removes what there is of a container that never came to be; what is left of a failure here, the next sweep removes.
  package func discard(_ directory: borrowing ContainerDirectory, name: String?) {
    do throws(EngineError) {
      try remove(directory, name: name)
    } catch {
      // The error that led here tells more.
    }
  }

  private func sink(_ id: String) throws(Errno) {
    let sunk = try KernelPath(".sunk-" + id)
    try containers.descriptor.rename(try KernelPath(id), to: sunk, in: containers.descriptor)
    try containers.descriptor.removeTree(sunk)
  }

  /// Removes what interrupted commands left: directories on their way out, and directories without a record that nobody holds.
  package func sweep() throws(EngineError) {
    let path = path
    try naming("clean up", path) { () throws(Errno) in
      let containers = try self.containers.descriptor.open(".", [.readOnly, .directory])
      for entry in try containers.descriptor.sortedEntries(limit: Self.limit) {
        let name = entry.name.text
        if name.hasPrefix(".sunk-") {
          try containers.descriptor.removeTree(entry.name)
        } else if ContainerIdentity.isID(name), try self.isAbandoned(entry.name) {
          try self.sink(name)
        }
      }
    }
  }

  private func isAbandoned(_ name: KernelPath) throws(Errno) -> Bool {
    do throws(Errno) {
      let directory = try containers.descriptor.open(name, [.readOnly, .directory, .noFollow])
      try directory.descriptor.lock(exclusive: true, wait: false)
      _ = try directory.descriptor.status(ContainerDirectory.File.record)
      return false
    } catch {
      // Being made or removed by somebody right now, or gone.
      if error == .wouldBlock { return false }
      guard error == .notFound else { throw error }
      return has(name.text)
    }
  }
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
}
