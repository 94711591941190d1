internal import CLinux

/// What a process may not do with files and TCP ports from now on, however it is privileged (landlock(7)).
package enum Landlock {
  /// Acts on files that a ruleset can forbid (LANDLOCK_ACCESS_FS_…).
  package struct FileAccess: OptionSet, Equatable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
      self.rawValue = rawValue
    }

    package static let execute = FileAccess(rawValue: 1 << 0)
    package static let writeFile = FileAccess(rawValue: 1 << 1)
    package static let readFile = FileAccess(rawValue: 1 << 2)
    package static let readDirectory = FileAccess(rawValue: 1 << 3)
    package static let refer = FileAccess(rawValue: 1 << 13)
    package static let truncate = FileAccess(rawValue: 1 << 14)
    package static let deviceControl = FileAccess(rawValue: 1 << 15)

    /// What means something for a file; a rule on a file that says more is refused (EINVAL).
    package static let ofFiles = FileAccess(
      rawValue: execute.rawValue | writeFile.rawValue | readFile.rawValue | truncate.rawValue | deviceControl.rawValue)

    /// Everything that the kernel of a version can forbid: version 2 brought refer, 3 truncate, 5 control of devices.
    package static func known(version: Int) -> FileAccess {
      var bits: UInt64 = (1 << 13) - 1
      if version >= 2 { bits |= refer.rawValue }
      if version >= 3 { bits |= truncate.rawValue }
      if version >= 5 { bits |= deviceControl.rawValue }
      return FileAccess(rawValue: bits)
    }
  }

  /// Acts on TCP ports that a ruleset can forbid, since version 4 (LANDLOCK_ACCESS_NET_…).
  package struct PortAccess: OptionSet, Equatable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
      self.rawValue = rawValue
    }

    package static let bind = PortAccess(rawValue: 1)
    package static let connect = PortAccess(rawValue: 2)
  }

  /// The version of the kernel's interface, 1 and up; 0 where the kernel has none, or has it switched off.
  package static var version: Int {
    let askVersion: UInt = 1
    return max(0, rawSystemCall(__NR_landlock_create_ruleset, 0, 0, askVersion))
  }

  /// A set of rules: whatever it handles and no rule allows will be forbidden.
  package static func makeRuleset(files: FileAccess, ports: PortAccess) throws(Errno) -> FileDescriptor {
    var attributes = (files.rawValue, ports.rawValue)
    // Kernels before version 4 know the first member alone.
    let size: UInt = ports.isEmpty ? 8 : 16
    return FileDescriptor(
      adopting: Int32(
        truncatingIfNeeded: try checked(
          unsafe withUnsafeBytes(of: &attributes) {
            rawSystemCall(__NR_landlock_create_ruleset, UInt(bitPattern: $0.baseAddress), size, 0)
          })))
  }
}

extension Descriptor {
  /// Allows acts on a file, or on a directory and all beneath it, in a ruleset.
  package func allow(_ access: Landlock.FileAccess, beneath place: Descriptor) throws(Errno) {
    // struct landlock_path_beneath_attr is packed: twelve bytes.
    var attributes = (access.rawValue, Int64(place.number))
    let number = number
    let pathBeneath: UInt = 1
    try checked(
      unsafe withUnsafeBytes(of: &attributes) {
        rawSystemCall(
          __NR_landlock_add_rule, number.register, pathBeneath, UInt(bitPattern: $0.baseAddress), 0)
      })
  }

  /// Allows acts on a TCP port in a ruleset.
  package func allow(_ access: Landlock.PortAccess, port: UInt16) throws(Errno) {
    var attributes = (access.rawValue, UInt64(port))
    let number = number
    let networkPort: UInt = 2
    try checked(
      unsafe withUnsafeBytes(of: &attributes) {
        rawSystemCall(
          __NR_landlock_add_rule, number.register, networkPort, UInt(bitPattern: $0.baseAddress), 0)
      })
  }

  /// Puts a ruleset on the calling thread and all that comes of it; needs no_new_privs or CAP_SYS_ADMIN (EPERM).
  package func restrictSelf() throws(Errno) {
    try systemCall(__NR_landlock_restrict_self, number.register, 0)
  }
}
