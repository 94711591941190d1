internal import CLinux

/// How the kernel schedules a thread (sched(7), sched_setattr(2)); times in nanoseconds.
package struct SchedulingAttributes: Equatable, Sendable {
  /// SCHED_….
  package var policy: UInt32
  /// SCHED_FLAG_….
  package var flags: UInt64 = 0
  package var nice: Int32 = 0
  package var priority: UInt32 = 0
  package var runtime: UInt64 = 0
  package var deadline: UInt64 = 0
  package var period: UInt64 = 0

  package init(policy: UInt32) {
    self.policy = policy
  }
}

extension ProcessControl {
  /// Sets how the calling thread is scheduled (sched_setattr(2)).
  package static func setScheduling(_ attributes: SchedulingAttributes) throws(Errno) {
    // struct sched_attr, its first version: size, policy, flags, nice, priority, runtime, deadline, period.
    let size: UInt32 = 48
    var raw = (
      size, attributes.policy, attributes.flags, attributes.nice, attributes.priority, attributes.runtime,
      attributes.deadline, attributes.period
    )
    try checked(
      unsafe withUnsafeBytes(of: &raw) { rawSystemCall(__NR_sched_setattr, 0, UInt(bitPattern: $0.baseAddress), 0) })
  }

  /// Sets class (1 realtime, 2 best effort, 3 idle) and level (0 to 7) of the calling thread's disk access (ioprio_set(2)).
  package static func setDiskPriority(class kind: UInt32, level: UInt32) throws(Errno) {
    let ofProcess: UInt = 1
    try systemCall(__NR_ioprio_set, ofProcess, 0, (kind << 13 | level).register)
  }

  /// Lets the calling thread run on these CPUs alone: bit N of the words, lowest first, is CPU N (sched_setaffinity(2)).
  package static func setAffinity(_ cpus: [UInt64]) throws(Errno) {
    try checked(
      unsafe cpus.withUnsafeBytes {
        rawSystemCall(__NR_sched_setaffinity, 0, UInt($0.count), UInt(bitPattern: $0.baseAddress))
      })
  }

  /// The CPUs that the calling thread may run on, as in `setAffinity` (sched_getaffinity(2)).
  package static func affinity() throws(Errno) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: 128)
    let count = try checked(
      unsafe words.withUnsafeMutableBytes {
        rawSystemCall(__NR_sched_getaffinity, 0, UInt($0.count), UInt(bitPattern: $0.baseAddress))
      })
    return Array(words.prefix(count / 8))
  }

  /// Says from which memory nodes the process takes its memory: bit N of the words is node N (set_mempolicy(2)).
  ///
  /// - Parameter mode: MPOL_… with its MPOL_F_….
  package static func setMemoryPolicy(mode: UInt32, nodes: [UInt64]) throws(Errno) {
    // The kernel takes one bit less than it is told.
    let bits = UInt(nodes.count * 64 + 1)
    try checked(
      unsafe nodes.withUnsafeBytes {
        let address = nodes.isEmpty ? 0 : UInt(bitPattern: $0.baseAddress)
        return rawSystemCall(__NR_set_mempolicy, mode.register, address, nodes.isEmpty ? 0 : bits)
      })
  }

  /// The memory policy of the process: its mode, and the nodes as in `setMemoryPolicy` (get_mempolicy(2)).
  package static func memoryPolicy() throws(Errno) -> (mode: UInt32, nodes: [UInt64]) {
    var mode: UInt32 = 0
    var nodes = [UInt64](repeating: 0, count: 16)
    try checked(
      unsafe withUnsafeMutableBytes(of: &mode) { mode in
        unsafe nodes.withUnsafeMutableBytes {
          rawSystemCall(
            __NR_get_mempolicy, UInt(bitPattern: mode.baseAddress), UInt(bitPattern: $0.baseAddress),
            UInt($0.count * 8), 0, 0)
        }
      })
    return (mode, nodes)
  }
}
