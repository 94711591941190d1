internal import CLinux

/// Which of the two processes goes on after `cloneProcess`.
package enum CloneSide: ~Copyable {
  /// The new process.
  case child
  /// The old one: the child's id as seen here, and a handle that cannot be confused with a later process of that id.
  case parent(processID: Int32, handle: FileDescriptor)
}

/// Makes a process that goes on from here with a copy of the memory (clone3(2), as fork(2) does).
///
/// Only for programs of one thread: another thread's locks would stay taken for ever in the child.
/// - Parameters:
///   - namespaces: made anew for the child.
///   - cgroup: a directory of the cgroup v2 tree that the child is born in (CLONE_INTO_CGROUP).
///   - sibling: the child's parent is the caller's parent (CLONE_PARENT).
///   - sharesFiles: both have one table of open files (CLONE_FILES), until one of them executes a program.
package func cloneProcess(
  namespaces: NamespaceFlags = [], into cgroup: Descriptor? = nil, sibling: Bool = false, sharesFiles: Bool = false
) throws(Errno) -> CloneSide {
  let pidfdFlag: UInt64 = 0x0000_1000
  let parentFlag: UInt64 = 0x0000_8000
  let filesFlag: UInt64 = 0x0000_0400
  let clearSignalHandlers: UInt64 = 0x1_0000_0000
  let intoCgroup: UInt64 = 0x2_0000_0000
  let childSignal: UInt64 = 17
  var handle: Int32 = -1
  let answer = unsafe withUnsafeMutablePointer(to: &handle) { handle in
    var arguments = CloneArguments()
    arguments.flags = namespaces.rawValue | pidfdFlag | clearSignalHandlers
    arguments.pidfd = UInt64(UInt(bitPattern: handle))
    if sharesFiles { arguments.flags |= filesFlag }
    if sibling {
      arguments.flags |= parentFlag
    } else {
      arguments.exitSignal = childSignal
    }
    if let cgroup {
      arguments.flags |= intoCgroup
      arguments.cgroup = UInt64(UInt32(bitPattern: cgroup.number))
    }
    return unsafe withUnsafeBytes(of: &arguments) {
      rawSystemCall(__NR_clone3, UInt(bitPattern: $0.baseAddress), UInt($0.count))
    }
  }
  let processID: Int32
  if answer == -Int(Errno.noSystemCall.code), namespaces.isEmpty, cgroup == nil, !sibling {
    // Filters of containers hide clone3, whose flags they cannot see; the older call does for a plain child.
    processID = try cloneByRegisters(
      flags: pidfdFlag | childSignal | (sharesFiles ? filesFlag : 0), handle: &handle)
  } else {
    processID = Int32(try checked(answer))
  }
  if processID == 0 { return .child }
  return .parent(processID: processID, handle: FileDescriptor(adopting: handle))
}

/// clone(2) without a stack of its own: the child goes on with a copy, as after fork(2). Its handle is stored where the third
/// argument points.
private func cloneByRegisters(flags: UInt64, handle: inout Int32) throws(Errno) -> Int32 {
  let answer = unsafe withUnsafeMutablePointer(to: &handle) {
    rawSystemCall(__NR_clone, UInt(flags), 0, UInt(bitPattern: $0), 0, 0)
  }
  return Int32(try checked(answer))
}

/// The kernel's `struct clone_args` (clone3(2)).
private struct CloneArguments {
  var flags: UInt64 = 0
  var pidfd: UInt64 = 0
  var childTid: UInt64 = 0
  var parentTid: UInt64 = 0
  var exitSignal: UInt64 = 0
  var stack: UInt64 = 0
  var stackSize: UInt64 = 0
  var tls: UInt64 = 0
  var setTid: UInt64 = 0
  var setTidSize: UInt64 = 0
  var cgroup: UInt64 = 0
}
