internal import CLinux

/// Tells when a file or a directory changes (inotify(7)).
package struct FileWatch: ~Copyable {
  private let queue: FileDescriptor

  /// What is told of.
  package struct Changes: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    package static let modified = Changes(rawValue: 0x0000_0002)
    package static let movedIn = Changes(rawValue: 0x0000_0080)
    package static let created = Changes(rawValue: 0x0000_0100)
    package static let deleted = Changes(rawValue: 0x0000_0200)
    package static let selfDeleted = Changes(rawValue: 0x0000_0400)
    package static let selfMoved = Changes(rawValue: 0x0000_0800)
  }

  package init() throws(Errno) {
    let closeOnExecNonBlocking: UInt = 0o2004000
    self.queue = FileDescriptor(adopting: Int32(try systemCall(__NR_inotify_init1, closeOnExecNonBlocking)))
  }

  /// Readable when something changed.
  package var descriptor: Descriptor { queue.descriptor }

  /// Watches what an open file names.
  package func add(_ file: Descriptor, _ changes: Changes) throws(Errno) {
    let queue = queue.number
    let path = try KernelPath(file.path)
    try checked(
      path.withAddress { rawSystemCall(__NR_inotify_add_watch, queue.register, $0, changes.rawValue.register) })
  }

  /// Forgets what was told so far.
  package func drain() throws(Errno) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    do throws(Errno) {
      while try queue.descriptor.read(into: &buffer) > 0 {}
    } catch {
      guard error == .wouldBlock else { throw error }
    }
  }
}
