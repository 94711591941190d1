internal import CLinux

/// Properties of the calling process.
package enum ProcessControl {
  package static var processID: Int32 { Int32(truncatingIfNeeded: rawSystemCall(__NR_getpid)) }
  package static var parentProcessID: Int32 { Int32(truncatingIfNeeded: rawSystemCall(__NR_getppid)) }

  /// Ends the process at once, without anything that the C library would do (exit_group(2)).
  package static func exit(_ code: Int32) -> Never {
    while true { _ = rawSystemCall(__NR_exit_group, code.register) }
  }

  /// The bits that are taken off new files' modes (umask(2)); gives the old ones.
  @discardableResult
  package static func setUmask(_ mask: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: rawSystemCall(__NR_umask, mask.register))
  }

  /// Starts a session without a terminal (setsid(2)).
  package static func startSession() throws(Errno) {
    try systemCall(__NR_setsid)
  }

  /// Whether others may look into the process: core dumps, ptrace, /proc/PID/exe and fd (PR_SET_DUMPABLE).
  package static func setDumpable(_ dumpable: Bool) throws(Errno) {
    try systemCall(__NR_prctl, 4, dumpable ? 1 : 0, 0, 0, 0)
  }

  /// Has this process come from another handle of its own program's file, such as one on a read-only mount: what /proc/PID/exe leads to
  /// afterwards (PR_SET_MM_MAP of prctl(2)). Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; after an error all is as it was.
  package static func rehomeProgram(to file: Descriptor) throws(Errno) {
    let result = skiff_rehome_program(file.number)
    if result < 0 { throw Errno(-result) }
  }

  /// Gives back memory that this process does not need while it waits: its program's pages, which come back one by one, and what
  /// malloc(3) keeps for later.
  package static func releaseMemory() {
    skiff_release_memory()
  }

  /// The signal that the process gets when its parent ends; 0 is none (PR_SET_PDEATHSIG).
  package static func setParentDeathSignal(_ signal: Int32) throws(Errno) {
    try systemCall(__NR_prctl, 1, signal.register, 0, 0, 0)
  }

  /// Orphans among the descendants become children of this process (PR_SET_CHILD_SUBREAPER).
  package static func becomeSubreaper() throws(Errno) {
    try systemCall(__NR_prctl, 36, 1, 0, 0, 0)
  }

  /// The name that ps(1) shows, at most 15 bytes (PR_SET_NAME).
  package static func setName(_ name: KernelPath) throws(Errno) {
    try checked(name.withAddress { rawSystemCall(__NR_prctl, 15, $0, 0, 0, 0) })
  }

  /// Closes every number from `first` to `last`, or only marks them close-on-exec (close_range(2)).
  package static func closeDescriptors(from first: UInt32, through last: UInt32 = .max, onExec: Bool) throws(Errno) {
    if first > last { return }
    try systemCall(__NR_close_range, first.register, last.register, onExec ? 4 : 0)
  }

  /// Sets a resource limit of a process, 0 being the caller (prlimit64(2)); `UInt64.max` is unlimited.
  package static func setResourceLimit(
    _ resource: Int32, soft: UInt64, hard: UInt64, of processID: Int32 = 0
  ) throws(Errno) {
    var limit = (soft, hard)
    try checked(
      unsafe withUnsafeBytes(of: &limit) {
        rawSystemCall(
          __NR_prlimit64, processID.register, resource.register, UInt(bitPattern: $0.baseAddress), 0)
      })
  }

  /// How many files the caller may have open at once (RLIMIT_NOFILE).
  package static var openFileLimit: UInt64 {
    get throws(Errno) { try resourceLimit(openFiles).soft }
  }

  /// Lets the caller have as many files open as it may allow itself.
  package static func raiseOpenFileLimit() throws(Errno) {
    let limit = try resourceLimit(openFiles)
    if limit.soft < limit.hard { try setResourceLimit(openFiles, soft: limit.hard, hard: limit.hard) }
  }

  private static let openFiles: Int32 = 7

  /// The caller's own limit (prlimit64(2)).
  package static func resourceLimit(_ resource: Int32) throws(Errno) -> (soft: UInt64, hard: UInt64) {
    var limit: (soft: UInt64, hard: UInt64) = (0, 0)
    try checked(
      unsafe withUnsafeMutableBytes(of: &limit) {
        rawSystemCall(__NR_prlimit64, 0, resource.register, 0, UInt(bitPattern: $0.baseAddress))
      })
    return limit
  }

  /// Joins the session keyring of that name, or a new one where none may be searched for (keyctl(2),
  /// KEYCTL_JOIN_SESSION_KEYRING). Gives its serial number.
  package static func joinSessionKeyring(_ name: KernelPath) throws(Errno) -> Int32 {
    Int32(truncatingIfNeeded: try checked(name.withAddress { rawSystemCall(__NR_keyctl, 1, $0, 0, 0, 0) }))
  }

  /// Sets who may do what with a key (keyctl(2), KEYCTL_SETPERM).
  package static func setPermissions(_ permissions: UInt32, ofKey serial: Int32) throws(Errno) {
    try systemCall(__NR_keyctl, 5, serial.register, permissions.register, 0, 0)
  }

  /// Sets the execution domain (personality(2)).
  package static func setPersonality(_ personality: UInt32) throws(Errno) {
    try systemCall(__NR_personality, personality.register)
  }

  /// Lets the calling thread run on every CPU that its cpuset has (sched_setaffinity(2)).
  package static func resetAffinity() throws(Errno) {
    let everyCPU = [UInt64](repeating: .max, count: 128)
    try checked(
      unsafe everyCPU.withUnsafeBytes {
        rawSystemCall(__NR_sched_setaffinity, 0, UInt($0.count), UInt(bitPattern: $0.baseAddress))
      })
  }

  /// Names the machine as seen from the current UTS namespace (sethostname(2)).
  package static func setHostname(_ name: KernelPath) throws(Errno) {
    let count = UInt(name.bytes.count)
    try checked(name.withAddress { rawSystemCall(__NR_sethostname, $0, count) })
  }

  /// Sets the NIS domain name of the current UTS namespace (setdomainname(2)).
  package static func setDomainname(_ name: KernelPath) throws(Errno) {
    let count = UInt(name.bytes.count)
    try checked(name.withAddress { rawSystemCall(__NR_setdomainname, $0, count) })
  }
}

/// The argument and environment strings of a program, laid out as execve(2) wants them before they are needed.
package struct ExecImage: Sendable {
  private var arguments: [UInt8] = []
  private var argumentStarts: [Int] = []
  private var environment: [UInt8] = []
  private var environmentStarts: [Int] = []

  /// Refuses strings with a zero inside (EINVAL).
  package init(arguments: [String], environment: [String]) throws(Errno) {
    for text in arguments { try Self.append(text, to: &self.arguments, starts: &argumentStarts) }
    for text in environment { try Self.append(text, to: &self.environment, starts: &environmentStarts) }
  }

  /// Adds `NAME=value` at the end.
  package mutating func addEnvironment(_ entry: String) throws(Errno) {
    try Self.append(entry, to: &environment, starts: &environmentStarts)
  }

  private static func append(_ text: String, to bytes: inout [UInt8], starts: inout [Int]) throws(Errno) {
    if text.utf8.contains(0) { throw .invalidArgument }
    starts.append(bytes.count)
    bytes.append(contentsOf: text.utf8)
    bytes.append(0)
  }

  /// Becomes the program at `path` beneath `directory`; "" is the open file itself (execveat(2)). Comes back only with an error.
  package func execute(_ path: KernelPath, beneath directory: Descriptor = .workingDirectory) -> Errno {
    let emptyPath: UInt = path.terminated.count == 1 ? 0x1000 : 0
    let answer = unsafe arguments.withUnsafeBytes { arguments in
      unsafe environment.withUnsafeBytes { environment in
        let argumentPointers = Self.pointers(argumentStarts, base: UInt(bitPattern: arguments.baseAddress))
        let environmentPointers = Self.pointers(environmentStarts, base: UInt(bitPattern: environment.baseAddress))
        return unsafe argumentPointers.withUnsafeBytes { argumentPointers in
          unsafe environmentPointers.withUnsafeBytes { environmentPointers in
            path.withAddress {
              rawSystemCall(
                __NR_execveat, directory.number.register, $0, UInt(bitPattern: argumentPointers.baseAddress),
                UInt(bitPattern: environmentPointers.baseAddress), emptyPath)
            }
          }
        }
      }
    }
    return Errno(Int32(truncatingIfNeeded: -answer))
  }

  private static func pointers(_ starts: [Int], base: UInt) -> [UInt] {
    var pointers: [UInt] = []
    pointers.reserveCapacity(starts.count + 1)
    for start in starts { pointers.append(base + UInt(start)) }
    pointers.append(0)
    return pointers
  }
}
