internal import CLinux

/// What a new process is started with.
package struct SpawnRequest: Sendable {
  package var arguments: [String]
  /// `NAME=value`.
  package var environment: [String]
  /// Which of the caller's open files the process gets, by the number it gets them as; numbers 0 to 2 that are not listed stay as they are.
  package var files: [(source: Descriptor, target: Int32)] = []
  /// In a session of its own, so that no terminal of the caller's reaches it (setsid(2)).
  package var startsSession = false

  package init(arguments: [String], environment: [String]) {
    self.arguments = arguments
    self.environment = environment
  }
}

/// A child that was started and has not been waited for.
package struct SpawnedProcess: ~Copyable {
  package let processID: Int32
  /// Its pidfd.
  package let handle: FileDescriptor
  private let report: FileDescriptor

  fileprivate init(processID: Int32, handle: consuming FileDescriptor, report: consuming FileDescriptor) {
    self.processID = processID
    self.handle = handle
    self.report = report
  }

  /// Waits until the program runs; throws what the kernel refused on the way to it.
  package func confirmStarted() throws(Errno) {
    var code = [UInt8](repeating: 0, count: 4)
    // The write end closes by execve(2): nothing to read is success.
    guard try report.descriptor.read(into: &code) == 4 else { return }
    throw Errno(code.reversed().reduce(0) { $0 << 8 | Int32($1) })
  }

  /// Waits for the end of the process and takes its status.
  package func wait() throws(Errno) -> ExitStatus {
    guard let status = try handle.descriptor.waitForExit() else { throw .noChild }
    return status
  }
}

/// Starts the opened program as a child, with exactly the chosen open files (clone3(2), execveat(2)).
///
/// Safe in a program of several threads: between clone and exec the child makes system calls on memory laid out before, and
/// neither allocates nor takes a lock. It starts with default signal actions and an empty signal mask.
package func spawn(_ program: Descriptor, _ request: SpawnRequest) throws(Errno) -> SpawnedProcess {
  let arguments = try StringVector(request.arguments)
  let environment = try StringVector(request.environment)
  // Plain numbers, which nothing closes by itself: nothing from here to the clone may throw.
  let report = try makePipe()
  let (reportEnd, childEnd) = (report.reading, report.writing)
  let highestTarget = request.files.reduce(Int32(2)) { max($0, $1.target) }
  let layout = SpawnLayout(
    program: program.number, report: childEnd, arguments: arguments.address, environment: environment.address,
    highestTarget: highestTarget, startsSession: request.startsSession)
  let files = request.files.map { (source: $0.source.number, target: $0.target, moved: Int32(-1)) }
  let pidfdFlag: UInt64 = 0x1000
  // The child starts on its parent's processor and is moved only when it executes a program: until then the parent stands still,
  // so that the two run side by side afterwards.
  let standStillFlag: UInt64 = 0x4000
  let clearSignalHandlers: UInt64 = 0x1_0000_0000
  let childSignal: UInt64 = 17
  var handle: Int32 = -1
  let answer = unsafe files.withUnsafeBytes { files in
    // The C library's table is copied: the child marks where it moved each file.
    unsafe withUnsafeTemporaryAllocation(byteCount: max(files.count, 1), alignment: 8) { table in
      unsafe table.copyMemory(from: files)
      let entries = unsafe table.bindMemory(to: SpawnLayout.File.self)
      return unsafe withUnsafeMutablePointer(to: &handle) { handle in
        var clone: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (
          pidfdFlag | standStillFlag | clearSignalHandlers, UInt64(UInt(bitPattern: handle)), 0, 0, childSignal, 0, 0, 0
        )
        let answer = unsafe withUnsafeBytes(of: &clone) {
          rawSystemCall(__NR_clone3, UInt(bitPattern: $0.baseAddress), UInt($0.count))
        }
        if answer == 0 { unsafe layout.becomeProgram(entries, count: request.files.count) }
        return answer
      }
    }
  }
  // Closed only now: the child had them open across the clone.
  _ = rawSystemCall(__NR_close, childEnd.register)
  withExtendedLifetime((arguments, environment)) {}
  let reportFile = FileDescriptor(adopting: reportEnd)
  let processID = Int32(truncatingIfNeeded: try checked(answer))
  return SpawnedProcess(processID: processID, handle: FileDescriptor(adopting: handle), report: reportFile)
}

/// Two ends of a pipe, close-on-exec (pipe2(2)); the numbers are the caller's to close.
private func makePipe() throws(Errno) -> (reading: Int32, writing: Int32) {
  var ends: (reading: Int32, writing: Int32) = (-1, -1)
  try checked(
    unsafe withUnsafeMutableBytes(of: &ends) {
      rawSystemCall(__NR_pipe2, UInt(bitPattern: $0.baseAddress), 0o2000000)
    })
  return ends
}

/// Everything that the child needs, as plain numbers.
private struct SpawnLayout {
  typealias File = (source: Int32, target: Int32, moved: Int32)

  let program: Int32
  let report: Int32
  let arguments: UInt
  let environment: UInt
  let highestTarget: Int32
  let startsSession: Bool

  /// The child's side: system calls only, then the program or the end.
  @inline(__always)
  func becomeProgram(_ files: UnsafeMutableBufferPointer<File>, count: Int) -> Never {
    let duplicateCloseOnExec: UInt = 1030
    let aboveTargets = UInt(bitPattern: Int(highestTarget &+ 1))
    // What is kept moves out of the way of the targets first, so that no source is overwritten before its turn.
    let program = rawSystemCall(__NR_fcntl, self.program.register, duplicateCloseOnExec, aboveTargets)
    let report = rawSystemCall(__NR_fcntl, self.report.register, duplicateCloseOnExec, aboveTargets)
    if report < 0 { end() }
    if program < 0 { fail(program, report) }
    var index = 0
    while index < count {
      let moved = unsafe rawSystemCall(
        __NR_fcntl, files[index].source.register, duplicateCloseOnExec, aboveTargets)
      if moved < 0 { fail(moved, report) }
      unsafe files[index].moved = Int32(truncatingIfNeeded: moved)
      index &+= 1
    }
    // Everything above standard error closes by exec; dup3 then makes the chosen ones stay.
    let closeOnExecFlag: UInt = 4
    let marked = rawSystemCall(__NR_close_range, 3, UInt(UInt32.max), closeOnExecFlag)
    if marked < 0 { fail(marked, report) }
    index = 0
    while index < count {
      let answer = unsafe rawSystemCall(__NR_dup3, files[index].moved.register, files[index].target.register, 0)
      if answer < 0 { fail(answer, report) }
      index &+= 1
    }
    if startsSession { _ = rawSystemCall(__NR_setsid) }
    var emptyMask: UInt64 = 0
    _ = unsafe withUnsafeBytes(of: &emptyMask) {
      rawSystemCall(__NR_rt_sigprocmask, 2, UInt(bitPattern: $0.baseAddress), 0, 8)
    }
    var emptyPath: UInt8 = 0
    let emptyPathFlag: UInt = 0x1000
    let refused = unsafe withUnsafeBytes(of: &emptyPath) {
      rawSystemCall(
        __NR_execveat, UInt(bitPattern: program), UInt(bitPattern: $0.baseAddress), arguments, environment,
        emptyPathFlag)
    }
    fail(refused, report)
  }

  /// Tells the parent which error ended the child.
  @inline(__always)
  private func fail(_ answer: Int, _ report: Int) -> Never {
    var code = Int32(truncatingIfNeeded: 0 &- answer)
    _ = unsafe withUnsafeBytes(of: &code) {
      rawSystemCall(__NR_write, UInt(bitPattern: report), UInt(bitPattern: $0.baseAddress), 4)
    }
    end()
  }

  @inline(__always)
  private func end() -> Never {
    while true { _ = rawSystemCall(__NR_exit_group, 127) }
  }
}

/// Strings as execve(2) takes them: an array of addresses that ends with zero, at a fixed place in memory.
@safe private final class StringVector {
  private let memory: UnsafeMutableRawPointer
  let address: UInt

  /// Refuses strings with a zero inside (EINVAL).
  init(_ strings: [String]) throws(Errno) {
    var size = (strings.count &+ 1) &* 8
    for text in strings {
      if text.utf8.contains(0) { throw .invalidArgument }
      size = size &+ text.utf8.count &+ 1
    }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
    let base = UInt(bitPattern: memory)
    var slot = 0
    var position = (strings.count &+ 1) &* 8
    for text in strings {
      unsafe memory.storeBytes(of: base &+ UInt(bitPattern: position), toByteOffset: slot, as: UInt.self)
      slot = slot &+ 8
      for byte in text.utf8 {
        unsafe memory.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
        position = position &+ 1
      }
      unsafe memory.storeBytes(of: 0, toByteOffset: position, as: UInt8.self)
      position = position &+ 1
    }
    unsafe memory.storeBytes(of: 0, toByteOffset: slot, as: UInt.self)
    unsafe self.memory = memory
    self.address = base
  }

  deinit {
    unsafe memory.deallocate()
  }
}
