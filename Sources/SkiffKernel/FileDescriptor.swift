internal import CLinux

/// An open file that exactly one owner may close.
package struct FileDescriptor: ~Copyable, Sendable {
  package let number: Int32

  /// Takes responsibility for closing `number`.
  package init(adopting number: Int32) {
    precondition(number >= 0, "a negative number is not an open file")
    self.number = number
  }

  deinit {
    // Linux frees the number even when close(2) reports an error; a retry would hit a stranger.
    _ = rawSystemCall(__NR_close, number.register)
  }

  /// The open file, lent: valid only while this owner lives.
  ///
  /// An owner without a name ends before what is lent from it is used (`try open(path).descriptor.write(…)` writes to a closed
  /// file, or to a stranger): give it a name. A test of the house looks for it.
  package var descriptor: Descriptor { Descriptor(number) }

  /// Gives the open file away without closing it.
  package consuming func release() -> Int32 {
    let number = self.number
    discard self
    return number
  }
}

/// An open file that someone else owns and keeps open for as long as this is used.
package struct Descriptor: Equatable, Hashable, Sendable {
  package let number: Int32

  package init(_ number: Int32) {
    self.number = number
  }

  /// The directory that relative paths start from (AT_FDCWD).
  package static let workingDirectory = Descriptor(-100)
  package static let standardInput = Descriptor(0)
  package static let standardOutput = Descriptor(1)
  package static let standardError = Descriptor(2)

  /// `/proc/self/fd/N`: for the few calls that take only a path.
  package var path: String { "/proc/self/fd/\(number)" }
}

extension Descriptor {
  /// A second number for the same open file, close-on-exec, not below `minimum` (fcntl(2), F_DUPFD_CLOEXEC).
  package func duplicate(minimum: Int32 = 3) throws(Errno) -> FileDescriptor {
    let duplicateCloseOnExec: UInt = 1030
    return FileDescriptor(
      adopting: Int32(try systemCall(__NR_fcntl, number.register, duplicateCloseOnExec, minimum.register)))
  }

  /// Makes `target` a number for the same open file, replacing what it was (dup3(2)).
  package func duplicate(onto target: Int32, closeOnExec: Bool) throws(Errno) {
    try systemCall(__NR_dup3, number.register, target.register, closeOnExec ? 0o2000000 : 0)
  }

  /// Says whether the open file is closed by execve(2).
  package func setCloseOnExec(_ closeOnExec: Bool) throws(Errno) {
    let setDescriptorFlags: UInt = 2
    try systemCall(__NR_fcntl, number.register, setDescriptorFlags, closeOnExec ? 1 : 0)
  }

  /// Whether this number came with the process from its parent: it is open, and stays open over execve(2) (fcntl(2), F_GETFD).
  /// Nothing that is opened in here does.
  package var isInherited: Bool {
    let getDescriptorFlags: UInt = 1
    return rawSystemCall(__NR_fcntl, number.register, getDescriptorFlags) == 0
  }

  /// Whether the file was opened to be written, perhaps read as well (fcntl(2), F_GETFL).
  package var isWritable: Bool {
    get throws(Errno) {
      let getStatusFlags: UInt = 3
      let accessMode = 3
      let readOnly = 0
      return try systemCall(__NR_fcntl, number.register, getStatusFlags) & accessMode != readOnly
    }
  }

  /// Says whether reads and writes wait (O_NONBLOCK).
  package func setNonBlocking(_ nonBlocking: Bool) throws(Errno) {
    let getStatusFlags: UInt = 3
    let setStatusFlags: UInt = 4
    let flag: UInt = 0o4000
    let now = UInt(bitPattern: try systemCall(__NR_fcntl, number.register, getStatusFlags))
    let wanted = nonBlocking ? now | flag : now & ~flag
    if wanted != now { try systemCall(__NR_fcntl, number.register, setStatusFlags, wanted) }
  }
}
