internal import CLinux
internal import Glibc

/// What a mounted file system is, as far as control groups care (statfs(2), `f_type`).
package enum ControlGroupFileSystem: Sendable {
  /// One hierarchy of cgroup v1.
  case legacy
  /// The one hierarchy of cgroup v2.
  case unified
  /// A directory that others are mounted in.
  case memory
  case other

  init(magic: Int) {
    switch magic {
    case 0x27E0EB: self = .legacy
    case 0x6367_7270: self = .unified
    case 0x0102_1994: self = .memory
    default: self = .other
    }
  }
}

extension Descriptor {
  /// Which kind of file system the open file lies on (fstatfs(2)).
  package func controlGroupFileSystem() throws(Errno) -> ControlGroupFileSystem {
    // The kernel's `struct statfs` of 120 bytes on architectures of 64 bits; the type comes first.
    var status = [Int](repeating: 0, count: 15)
    let number = number
    try checked(
      unsafe status.withUnsafeMutableBytes {
        rawSystemCall(__NR_fstatfs, number.register, UInt(bitPattern: $0.baseAddress))
      })
    return ControlGroupFileSystem(magic: status[0])
  }

  /// The names of the directories in this directory, at most `limit` of them; more is EOVERFLOW (getdents64(2)).
  ///
  /// The directory must be open for reading, and is read from its start.
  package func subdirectoryNames(limit: Int) throws(Errno) -> [KernelPath] {
    try seek(to: 0)
    let directoryType: UInt8 = 4
    let headerBytes = 19
    var names: [KernelPath] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    let number = number
    while true {
      let filled = try checked(
        unsafe buffer.withUnsafeMutableBytes {
          rawSystemCall(
            __NR_getdents64, number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count))
        })
      if filled == 0 { return names }
      // Each record: inode and offset (8 bytes each), its length (2), the type (1), the name with its zero.
      var start = 0
      while start + headerBytes < filled {
        let length = Int(buffer[start + 16]) | Int(buffer[start + 17]) << 8
        guard length > headerBytes, start + length <= filled else { throw .badMessage }
        if buffer[start + 18] == directoryType {
          let name = buffer[(start + headerBytes)..<(start + length)].prefix { $0 != 0 }
          if !name.elementsEqual([UInt8(ascii: ".")]) && !name.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
            if names.count == limit { throw .overflow }
            names.append(try KernelPath(bytes: name))
          }
        }
        start += length
      }
    }
  }

  /// Waits until a control file says that it has changed since it was read (poll(2), POLLPRI); false when the time is over.
  package func waitForChange(milliseconds: Int) throws(Errno) -> Bool {
    let priority: Int16 = 0x002
    var poll = (descriptor: number, events: priority, answered: Int16(0))
    let count = try unsafe withUnsafeMutableBytes(of: &poll) { (bytes) throws(Errno) -> Int in
      try pollOnce(UInt(bitPattern: bytes.baseAddress), count: 1, milliseconds: milliseconds)
    }
    return count > 0
  }
}

/// Sleeps, less long when a signal comes (ppoll(2) on nothing).
package func rest(milliseconds: Int) {
  do throws(Errno) {
    _ = try pollOnce(0, count: 0, milliseconds: milliseconds)
  } catch {
    // There is nothing that could fail but the wait itself, and every caller looks again and counts its tries.
  }
}

/// One ppoll(2); a signal ends the wait as the time does.
private func pollOnce(_ address: UInt, count: UInt, milliseconds: Int) throws(Errno) -> Int {
  let milliseconds = max(0, milliseconds)
  var timeout = (seconds: milliseconds / 1000, nanoseconds: milliseconds % 1000 * 1_000_000)
  let answer = unsafe withUnsafeMutableBytes(of: &timeout) {
    rawSystemCall(__NR_ppoll, address, count, UInt(bitPattern: $0.baseAddress), 0, 0)
  }
  if answer == -Int(EINTR) { return 0 }
  return try checked(answer)
}

/// Sends a signal to a process by its id (kill(2)).
///
/// An id can have passed to another process: use a pidfd where one is held.
package func sendSignal(_ signal: Int32, toProcess processID: Int32) throws(Errno) {
  // 0 and negative numbers mean groups of processes, the caller's own among them.
  guard processID > 0 else { throw .noSuchProcess }
  try systemCall(__NR_kill, processID.register, signal.register)
}
