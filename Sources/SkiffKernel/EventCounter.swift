internal import CLinux

/// Numbers that the kernel counts up and a reader takes (eventfd(2)).
package enum EventCounter {
  /// A counter at 0, readable once something was counted; reads do not wait.
  package static func make() throws(Errno) -> FileDescriptor {
    let closeOnExecNonBlocking: UInt = 0o2004000
    return FileDescriptor(adopting: Int32(try systemCall(__NR_eventfd2, 0, closeOnExecNonBlocking)))
  }
}
