internal import CLinux

/// A kind of namespace as the kernel's flag (namespaces(7)).
package struct NamespaceFlags: OptionSet, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// A list of these. The standard library's way is generic, and is put together anew in every process.
  package init(arrayLiteral elements: Self...) {
    self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue })
  }

  package static let time = NamespaceFlags(rawValue: 0x0000_0080)
  package static let mount = NamespaceFlags(rawValue: 0x0002_0000)
  package static let cgroup = NamespaceFlags(rawValue: 0x0200_0000)
  package static let uts = NamespaceFlags(rawValue: 0x0400_0000)
  package static let ipc = NamespaceFlags(rawValue: 0x0800_0000)
  package static let user = NamespaceFlags(rawValue: 0x1000_0000)
  package static let pid = NamespaceFlags(rawValue: 0x2000_0000)
  package static let network = NamespaceFlags(rawValue: 0x4000_0000)
}

/// Moves the calling thread into new namespaces (unshare(2)).
package func unshare(_ flags: NamespaceFlags) throws(Errno) {
  try systemCall(__NR_unshare, UInt(flags.rawValue))
}

extension Descriptor {
  /// Moves the calling thread into the namespace of this handle, or into those of this pidfd's process that `flags` names (setns(2)).
  package func enterNamespaces(_ flags: NamespaceFlags) throws(Errno) {
    try systemCall(__NR_setns, number.register, UInt(flags.rawValue))
  }
}
