internal import CLinux

/// Why a traced process stands still, or is gone (ptrace(2)).
package enum TraceStop: Equatable, Sendable {
  /// Before or after a system call.
  case call
  /// It made another process or thread, which is traced as well.
  case born
  /// It has become another program.
  case executed
  /// It was stopped by a signal such as SIGSTOP, as anybody's process may be.
  case suspended
  /// The tracer's own stop: of a newcomer, or asked for.
  case attached
  /// A signal is on its way to it.
  case signal(Int32)
  case ended(ExitStatus)
}

/// A system call of a traced process (PTRACE_GET_SYSCALL_INFO).
package enum TracedCall: Equatable, Sendable {
  case entry(architecture: UInt32, number: UInt32, arguments: [UInt64], instruction: UInt64)
  /// What the kernel answered: a result, or a negated error number.
  case exit(answer: Int64)
  case none
}

/// Watching other processes from outside (ptrace(2)).
package enum Trace {
  private enum Request {
    static let proceed: UInt = 7
    static let detach: UInt = 17
    static let proceedToCall: UInt = 24
    static let seize: UInt = 0x4206
    static let listen: UInt = 0x4208
    static let callInformation: UInt = 0x420E
  }

  /// Calls are told from signals; children, threads and programs are followed.
  private static let options: UInt = 0x01 | 0x02 | 0x04 | 0x08 | 0x10
  private static let pageBytes: UInt64 = 4096

  /// Begins to trace a process; it goes on meanwhile (PTRACE_SEIZE). When the tracer ends, what it traced goes on untraced.
  package static func seize(_ processID: Int32) throws(Errno) {
    try systemCall(__NR_ptrace, Request.seize, processID.register, 0, options)
  }

  /// Lets a process go on, to its next system call at most if `toNextCall`; `signal` is handed on to it.
  package static func proceed(_ processID: Int32, toNextCall: Bool, signal: Int32 = 0) throws(Errno) {
    let request = toNextCall ? Request.proceedToCall : Request.proceed
    try systemCall(__NR_ptrace, request, processID.register, 0, signal.register)
  }

  /// Leaves a process that was stopped by a signal in its stop, and hears when it is woken (PTRACE_LISTEN).
  package static func leaveSuspended(_ processID: Int32) throws(Errno) {
    try systemCall(__NR_ptrace, Request.listen, processID.register, 0, 0)
  }

  /// Ends the tracing of a process that stands still; it goes on.
  package static func detach(_ processID: Int32, signal: Int32 = 0) throws(Errno) {
    try systemCall(__NR_ptrace, Request.detach, processID.register, 0, signal.register)
  }

  /// Waits until a traced process, or a child, stops or ends (wait4(2), __WALL). ECHILD where there is none.
  package static func waitForAny() throws(Errno) -> (processID: Int32, stop: TraceStop) {
    let allKinds: UInt = 0x4000_0000
    var status: Int32 = 0
    let answer = try unsafe withUnsafeMutableBytes(of: &status) { (status) throws(Errno) in
      try restartingSystemCall(
        __NR_wait4, UInt(bitPattern: -1), UInt(bitPattern: status.baseAddress), allKinds, 0)
    }
    return (Int32(truncatingIfNeeded: answer), stop(status))
  }

  /// Reads a status as wait(2) gives it.
  static func stop(_ status: Int32) -> TraceStop {
    let (low, signal, event) = (status & 0x7F, status >> 8 & 0xFF, status >> 16)
    if low == 0 { return .ended(.exited(signal)) }
    if status & 0xFF != 0x7F { return .ended(.killed(signal: low)) }
    let trap: Int32 = 5
    switch (event, signal) {
    case (1...3, _): return .born
    case (4, _): return .executed
    case (128, trap): return .attached
    case (128, _): return .suspended
    case (0, trap | 0x80): return .call
    default: return .signal(signal)
    }
  }

  /// Which system call a process stands before or after.
  package static func call(of processID: Int32) throws(Errno) -> TracedCall {
    // struct ptrace_syscall_info: operation (u8), architecture (u32 at 4), instruction and stack (u64 at 8 and 16); then at 24 the
    // number and six arguments, or the answer.
    var words = [UInt64](repeating: 0, count: 11)
    try checked(
      unsafe words.withUnsafeMutableBytes {
        rawSystemCall(
          __NR_ptrace, Request.callInformation, processID.register, UInt($0.count), UInt(bitPattern: $0.baseAddress))
      })
    switch UInt8(truncatingIfNeeded: words[0]) {
    case 1:
      return .entry(
        architecture: UInt32(truncatingIfNeeded: words[0] >> 32), number: UInt32(truncatingIfNeeded: words[3]),
        arguments: Array(words[4..<10]), instruction: words[1])
    case 2: return .exit(answer: Int64(bitPattern: words[3]))
    default: return .none
    }
  }

  /// What a process has in its memory from an address on, at most `count` bytes, less where its memory ends (process_vm_readv(2)).
  package static func memory(of processID: Int32, at address: UInt64, count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var address = address
    while bytes.count < count {
      let toPageEnd = Int(pageBytes - address % pageBytes)
      let wanted = min(toPageEnd, count - bytes.count)
      var chunk = [UInt8](repeating: 0, count: wanted)
      let read = unsafe chunk.withUnsafeMutableBytes { chunk in
        var local = (UInt(bitPattern: chunk.baseAddress), UInt(chunk.count))
        var remote = (UInt(address), UInt(wanted))
        return unsafe withUnsafeMutableBytes(of: &local) { local in
          unsafe withUnsafeMutableBytes(of: &remote) {
            rawSystemCall(
              __NR_process_vm_readv, processID.register, UInt(bitPattern: local.baseAddress), 1,
              UInt(bitPattern: $0.baseAddress), 1, 0)
          }
        }
      }
      guard read > 0 else { break }
      bytes += chunk.prefix(read)
      let (next, overflowed) = address.addingReportingOverflow(UInt64(read))
      if overflowed || read < wanted { break }
      address = next
    }
    return bytes
  }

  /// A text that ends with a zero byte; nil where there is none within the limit.
  package static func text(of processID: Int32, at address: UInt64, limitBytes: Int = 4096) -> [UInt8]? {
    guard address != 0 else { return nil }
    var bytes: [UInt8] = []
    while bytes.count < limitBytes {
      let start = address &+ UInt64(bytes.count)
      // Most texts are short and lie in one page.
      let chunk = memory(of: processID, at: start, count: min(256, limitBytes - bytes.count))
      if chunk.isEmpty { return nil }
      if let end = chunk.firstIndex(of: 0) { return bytes + chunk[..<end] }
      bytes += chunk
    }
    return nil
  }
}
