internal import CLinux

/// What a mounted file system is, as far as control groups care (statfs(2), `f_type`).
package enum ControlGroupFileSystem: Sendable {
  /// One hierarchy of cgroup v1.
  case legacy
  /// The one hierarchy of cgroup v2.
  case unified
  case other
}

extension ControlGroupFileSystem {
  /// Which kind of file system `path` lies on; links are followed (statfs(2)).
  package static func found(at path: KernelPath) throws(Errno) -> ControlGroupFileSystem {
    // The kernel's `struct statfs` of 120 bytes on architectures of 64 bits; the type comes first.
    var status = InlineArray<15, UInt64>(repeating: 0)
    try checked(
      unsafe withUnsafeMutableBytes(of: &status) { status in
        let address = UInt(bitPattern: status.baseAddress)
        return path.withAddress { rawSystemCall(__NR_statfs, $0, address) }
      })
    switch status[0] {
    case FileSystemStatus.cgroup: return .legacy
    case FileSystemStatus.cgroup2: return .unified
    default: return .other
    }
  }
}

extension Descriptor {
  /// Waits until a control file has changed since it was read (poll(2), POLLPRI); false when the time is over or a signal came.
  package func waitForChange(milliseconds: Int64) throws(Errno) -> Bool {
    var entries = [PollEntry(self, .priority)]
    return try poll(&entries, timeoutMilliseconds: milliseconds) > 0
  }
}

extension PollEvents {
  /// A control file has something new to say (POLLPRI).
  package static let priority = PollEvents(rawValue: 0x02)
}
