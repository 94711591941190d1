/// The user namespace that a process lives in (user_namespaces(7)).
package enum UserNamespace {
  /// The number of the machine's first one: the kernel's PROC_USER_INIT_INO, the same on every machine.
  private static let initialNumber: UInt64 = 0xEFFF_FFFD

  /// The number of the caller's own one; two processes are in the same if their numbers are equal.
  package static func number(of processID: Int32? = nil) throws(Errno) -> UInt64 {
    let process = processID.map(String.init) ?? "self"
    return try Descriptor.workingDirectory.status(try KernelPath("/proc/\(process)/ns/user"), follow: true).inode
  }

  /// Whether the caller lives in one that somebody made: its rights then end where that one's ends.
  package static func isOuter() throws(Errno) -> Bool {
    try number() != initialNumber
  }

  /// Whether processes of it may not change their supplementary groups; every map that an ordinary user writes asks for that.
  package static func deniesGroups(to processID: Int32? = nil) throws(Errno) -> Bool {
    let file = try Descriptor.workingDirectory.open(
      try KernelPath("/proc/\(processID.map(String.init) ?? "self")/setgroups"), .readOnly)
    return try file.descriptor.readToEnd(limitBytes: 16).starts(with: "deny".utf8)
  }
}
