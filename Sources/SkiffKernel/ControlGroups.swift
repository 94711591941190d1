/// What a mounted file system is, as far as control groups care (statfs(2), `f_type`).
package enum ControlGroupFileSystem: Sendable {
  /// One hierarchy of cgroup v1.
  case legacy
  /// The one hierarchy of cgroup v2.
  case unified
  case other
}

extension Descriptor {
  /// Which kind of file system the open file lies on.
  package func controlGroupFileSystem() throws(Errno) -> ControlGroupFileSystem {
    switch try fileSystemStatus().magic {
    case FileSystemStatus.cgroup: .legacy
    case FileSystemStatus.cgroup2: .unified
    default: .other
    }
  }

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
