import SkiffKernel

/// A directory that is made beside its place and renamed in when it is whole. Until then its name says that it is a leftover; while this
/// lives it is held, and no sweep takes it for one.
struct DirectoryDraft: ~Copyable {
  static let prefix = ".new-"

  let name: KernelPath
  private let place: FileDescriptor

  private init(name: KernelPath, place: consuming FileDescriptor) {
    self.name = name
    self.place = place
  }

  var descriptor: Descriptor { place.descriptor }

  static func make(in directory: Descriptor) throws(Errno) -> DirectoryDraft {
    for _ in 0..<100 {
      let name = try TemporaryName.make(prefix: prefix)
      try directory.makeDirectory(name, mode: 0o700)
      do throws(Errno) {
        let place = try directory.open(name, [.readOnly, .directory, .noFollow])
        try place.descriptor.lock(exclusive: true, wait: false)
        if try directory.status(name).inode == place.descriptor.status().inode {
          return DirectoryDraft(name: name, place: place)
        }
      } catch {
        // Between making and locking, a sweep took it for a leftover.
        guard error == .notFound || error == .wouldBlock else { throw error }
      }
    }
    throw .busy
  }

  /// Takes what an interrupted command left; nil where somebody holds it, or it is gone.
  static func takeLeftover(_ name: KernelPath, in directory: Descriptor) throws(Errno) -> FileDescriptor? {
    do throws(Errno) {
      let place = try directory.open(name, [.readOnly, .directory, .noFollow])
      try place.descriptor.lock(exclusive: true, wait: false)
      return place
    } catch {
      guard error == .wouldBlock || error == .notFound else { throw error }
      return nil
    }
  }

  /// Removes what an interrupted command left, unless somebody holds it.
  static func removeLeftover(_ name: KernelPath, in directory: Descriptor) throws(Errno) {
    guard let place = try takeLeftover(name, in: directory) else { return }
    try directory.removeTree(name)
    _ = consume place
  }
}
