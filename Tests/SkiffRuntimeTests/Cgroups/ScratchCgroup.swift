import Glibc
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// A group of a test's own in every tree of this machine, gone when the test ends, whatever happened in it.
struct ScratchCgroup {
  static let counter = Counter()

  let hierarchy: CgroupHierarchy
  let record: CgroupRecord

  /// `body` gets the group made with `resources`, opened for entry.
  static func use(
    _ resources: RuntimeSpec.Resources? = nil,
    _ body: (borrowing CgroupGroup, ScratchCgroup) throws -> Void
  ) throws {
    let hierarchy = try CgroupHierarchy.detect()
    let path = try CgroupPath("/skiff-test-\(getpid())/\(counter.next())")
    let scratch = ScratchCgroup(hierarchy: hierarchy, record: try hierarchy.record(for: path))
    let outcome = Result {
      let group = try CgroupGroup.create(
        scratch.record, in: hierarchy, resources: resources)
      try body(group, scratch)
    }
    try scratch.record.kill(signal: SIGKILL)
    if try scratch.record.isFrozen() { try scratch.record.thaw() }
    try scratch.record.remove(pruningParents: 1)
    #expect(!scratch.record.exists())
    try outcome.get()
  }

  func read(_ controller: String, _ file: String) throws -> String {
    let entry = try #require(record.entry(of: controller))
    return try readFile(entry.directory + "/" + file)
  }

  /// The control file holds exactly `value`.
  func expect(
    _ controller: String, _ file: String, _ value: String, at location: SourceLocation = #_sourceLocation
  ) throws {
    let content = try read(controller, file)
    #expect(content == value, sourceLocation: location)
  }

  /// Starts a shell in the group; it must be reaped by `wait`.
  func spawn(_ script: String) throws -> Int32 {
    let shell = try startShell("read line; " + script)
    try CgroupGroup.move(shell.id, into: record)
    shell.go()
    return shell.id
  }
}

/// A number that tests of several threads count up together.
final class Counter: @unchecked Sendable {
  private var value = 0
  private var mutex = pthread_mutex_t()

  func next() -> Int {
    pthread_mutex_lock(&mutex)
    defer { pthread_mutex_unlock(&mutex) }
    value += 1
    return value
  }
}

func readFile(_ path: String) throws -> String {
  let file = try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly)
  let text = String(decoding: try file.descriptor.readToEnd(limitBytes: 1 << 20), as: UTF8.self)
  return text.last == "\n" ? String(text.dropLast()) : text
}

/// A shell that waits for a line on its standard input before it does anything.
struct WaitingShell {
  let id: Int32
  let gate: Int32

  func go() {
    _ = write(gate, "\n", 1)
    close(gate)
  }
}

func startShell(_ script: String) throws -> WaitingShell {
  var ends: [Int32] = [0, 0]
  try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
  defer { posix_spawn_file_actions_destroy(&actions) }
  // The threads that tests run on block most signals.
  var attributes = posix_spawnattr_t()
  var noSignals = sigset_t()
  sigemptyset(&noSignals)
  posix_spawnattr_init(&attributes)
  posix_spawnattr_setsigmask(&attributes, &noSignals)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  defer { posix_spawnattr_destroy(&attributes) }
  var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
  defer { for argument in arguments { free(argument) } }
  var id: Int32 = 0
  let error = posix_spawn(&id, "/bin/sh", &actions, &attributes, &arguments, environ)
  close(ends[0])
  try #require(error == 0)
  return WaitingShell(id: id, gate: ends[1])
}

/// Reaps a child: its exit code, or 128 and the signal; -1 for one that had to be killed after a minute.
func reap(_ processID: Int32) -> Int32 {
  var status: Int32 = 0
  for _ in 0..<6000 {
    if waitpid(processID, &status, WNOHANG) == processID {
      return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }
    ClockTime.sleep(milliseconds: 10)
  }
  kill(processID, SIGKILL)
  waitpid(processID, &status, 0)
  return -1
}
