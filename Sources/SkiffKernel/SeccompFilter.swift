internal import CLinux

/// The filter of system calls of this process (seccomp(2)).
package enum SeccompFilter {
  private static let setModeFilter: UInt = 1
  private static let getActionAvailable: UInt = 2
  /// What the kernel answers to a filter at no address (EFAULT).
  private static let badAddress = -14

  /// Puts a filter on the calling thread, or on all threads with the flag for that; it can never be taken off again.
  ///
  /// Allocates nothing and takes no lock, so that a freshly cloned child may call it. Each instruction is a packed sock_filter.
  /// Needs no_new_privs or CAP_SYS_ADMIN (EACCES). ESRCH: the filter of another thread stands in the way of the flag TSYNC.
  package static func install(_ instructions: [UInt64], flags: UInt32) throws(Errno) {
    if try load(instructions, flags: flags) > 0 { throw .noSuchProcess }
  }

  /// As `install`, and gives the number of the file on which a supervisor hears of calls (SECCOMP_FILTER_FLAG_NEW_LISTENER, which
  /// `flags` must hold). A plain number: closing it would already be a call under the filter.
  package static func installWithListener(_ instructions: [UInt64], flags: UInt32) throws(Errno) -> Int32 {
    Int32(truncatingIfNeeded: try load(instructions, flags: flags))
  }

  private static func load(_ instructions: [UInt64], flags: UInt32) throws(Errno) -> Int {
    guard let count = UInt16(exactly: instructions.count), count > 0 else { throw .invalidArgument }
    let answer = unsafe instructions.withUnsafeBufferPointer { buffer in
      // struct sock_fprog: the length, padding to the pointer's alignment, the pointer.
      var program = (length: UInt(count), filter: UInt(bitPattern: buffer.baseAddress))
      return unsafe withUnsafeBytes(of: &program) {
        rawSystemCall(__NR_seccomp, setModeFilter, flags.register, UInt(bitPattern: $0.baseAddress))
      }
    }
    return try checked(answer)
  }

  /// Whether the kernel knows an action (SECCOMP_RET_…).
  package static func isAvailable(action: UInt32) -> Bool {
    var action = action
    let answer = unsafe withUnsafeBytes(of: &action) {
      rawSystemCall(__NR_seccomp, getActionAvailable, 0, UInt(bitPattern: $0.baseAddress))
    }
    return answer == 0
  }

  /// Whether the kernel knows all of these flags (SECCOMP_FILTER_FLAG_…): it looks at them before it looks for the filter.
  package static func isAvailable(flags: UInt32) -> Bool {
    rawSystemCall(__NR_seccomp, setModeFilter, flags.register, 0) == badAddress
  }

  /// The spec's names of the actions that this kernel knows, in the order of their severity.
  package static var availableActions: [String] {
    let actions: [(name: String, value: UInt32)] = [
      ("SCMP_ACT_KILL", 0), ("SCMP_ACT_KILL_THREAD", 0), ("SCMP_ACT_KILL_PROCESS", 0x8000_0000),
      ("SCMP_ACT_TRAP", 0x0003_0000), ("SCMP_ACT_ERRNO", 0x0005_0000), ("SCMP_ACT_NOTIFY", 0x7FC0_0000),
      ("SCMP_ACT_TRACE", 0x7FF0_0000), ("SCMP_ACT_LOG", 0x7FFC_0000), ("SCMP_ACT_ALLOW", 0x7FFF_0000),
    ]
    return actions.filter { isAvailable(action: $0.value) }.map(\.name)
  }

  /// The names of the flags that this kernel knows.
  package static var availableFlags: [String] {
    let newListener: UInt32 = 8
    let flags: [(name: String, value: UInt32)] = [
      ("SECCOMP_FILTER_FLAG_TSYNC", 1), ("SECCOMP_FILTER_FLAG_LOG", 2), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4),
      // Only together with a listener.
      ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 32 | newListener),
    ]
    return flags.filter { isAvailable(flags: $0.value) }.map(\.name)
  }
}
