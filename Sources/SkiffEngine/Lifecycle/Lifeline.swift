import SkiffKernel

/// A container's lifeline, `RUN_ROOT/lifelines/ID`: that it may leave something to clean up, and whether anybody alive will.
///
/// The file is made before anything else of a container and goes when nothing is left to clean up. Whoever makes, starts or minds
/// the container holds a shared lock on it: the command, and through the open file that it inherits the monitor, and the cleaner that
/// the monitor becomes. The kernel takes a lock back when its holders die, however they die. So a lifeline that can be locked alone
/// has nobody at its other end, and the next command that comes by cleans up (`Engine.salvage`).
///
/// Lifelines of containers that exist are made and removed only by who has taken the container (`Engine.take`).
struct Lifeline: ~Copyable {
  let id: String
  private let file: FileDescriptor

  fileprivate init(id: String, file: consuming FileDescriptor) {
    self.id = id
    self.file = file
  }

  /// The open file whose lock says that somebody minds the container, for processes that inherit it.
  var descriptor: Descriptor { file.descriptor }
}

/// All lifelines of a run root.
struct LifelineDirectory {
  let path: String
  private static let limit = 1 << 17

  init(runRoot: String) {
    path = runRoot + "/lifelines"
  }

  /// Opens the directory; nil where no container was ever made beneath this run root, as after a reboot.
  func openIfPresent() throws(EngineError) -> FileDescriptor? {
    do throws(Errno) {
      return try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
    } catch {
      guard error == .notFound else { throw .kernel(act: "open", thing: path, cause: error) }
      return nil
    }
  }

  /// Holds the lifeline of a container, making it where there is none.
  func hold(_ id: String) throws(EngineError) -> Lifeline {
    let directory = try StateDirectory.open(path)
    return try naming("hold", "\(path)/\(id)") { () throws(Errno) in
      let name = try KernelPath(id)
      while true {
        let file = try directory.descriptor.open(name, [.readOnly, .create, .noFollow], mode: 0o600)
        try file.descriptor.lock(exclusive: false, wait: true)
        // Between making and locking, a salvage may have found it loose, and removed it.
        if try file.descriptor.status().linkCount > 0 { return Lifeline(id: id, file: file) }
      }
    }
  }

  /// The same for a removal: nil where there is no room for it, which what is removed may make.
  func holdIfThereIsRoom(_ id: String) throws(EngineError) -> Lifeline? {
    do throws(EngineError) {
      return try hold(id)
    } catch {
      guard case .kernel(_, _, .noSpace) = error else { throw error }
      return nil
    }
  }

  /// Removes the lifeline of a container that leaves nothing to clean up; nothing there is success.
  func remove(_ id: String) throws(EngineError) {
    do throws(Errno) {
      try Descriptor.workingDirectory.unlink(try KernelPath("\(path)/\(id)"))
    } catch {
      guard error == .notFound else { throw .kernel(act: "remove", thing: "\(path)/\(id)", cause: error) }
    }
  }

  /// The ids of all lifelines.
  func allIDs(in directory: Descriptor) throws(EngineError) -> [String] {
    try naming("list", path) { () throws(Errno) in
      try directory.sortedEntries(limit: Self.limit).map(\.name.text)
    }
  }

  /// Whether somebody alive holds the lifeline of a container.
  func isHeld(_ id: String) throws(EngineError) -> Bool {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath("\(path)/\(id)"), [.readOnly, .noFollow])
      try file.descriptor.lock(exclusive: true, wait: false)
      return false
    } catch {
      switch error {
      case .wouldBlock: return true
      case .notFound: return false
      default: throw .kernel(act: "look at", thing: "\(path)/\(id)", cause: error)
      }
    }
  }

  /// Takes a lifeline that nobody holds for this process alone; nil where somebody does, or it is gone.
  func takeLoose(_ id: String, in directory: Descriptor) throws(EngineError) -> Lifeline? {
    do throws(Errno) {
      let file = try directory.open(try KernelPath(id), [.readOnly, .noFollow])
      try file.descriptor.lock(exclusive: true, wait: false)
      return Lifeline(id: id, file: file)
    } catch {
      guard error == .wouldBlock || error == .notFound else {
        throw .kernel(act: "lock", thing: "\(path)/\(id)", cause: error)
      }
      return nil
    }
  }
}
