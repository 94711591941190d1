internal import CLinux

/// The process groups of a session (credentials(7), "job control").
package enum ProcessGroup {
  /// Makes the calling process the leader of a group of its own (setpgid(2)).
  package static func becomeLeader() throws(Errno) {
    try systemCall(__NR_setpgid, 0, 0)
  }
}

extension Descriptor {
  /// Makes the calling process's group the one that this controlling terminal talks to (TIOCSPGRP).
  ///
  /// A background group that asks is stopped by SIGTTOU unless it blocks that signal.
  package func makeForeground(processGroup: Int32) throws(Errno) {
    var group = processGroup
    let number = number
    try checked(
      unsafe withUnsafeBytes(of: &group) {
        rawSystemCall(__NR_ioctl, number.register, 0x5410, UInt(bitPattern: $0.baseAddress))
      })
  }
}
