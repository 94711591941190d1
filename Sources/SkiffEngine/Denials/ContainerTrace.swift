import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What came of a command that was run under watch.
public struct TraceReport: Equatable, Sendable {
  /// In the order in which they were met; the same one is told once.
  public var denials: [Denial] = []
  /// The command's exit code, as a shell tells it.
  public var exitCode: Int32 = 0
}

/// Watches the system calls of processes in a container, and judges those that are refused.
///
/// What is watched begins to be when the runtime becomes the container's program: the runtime's own work is let pass unseen.
struct ContainerTrace: ~Copyable {
  private let engine: Engine
  private let id: String
  private let defences: Defences
  private var report = TraceReport()
  /// Threads of the container.
  private var watched: Set<Int32> = []
  /// The call that each is in.
  private var pending: [Int32: RefusedCall] = [:]
  private var masksTold: Set<String> = []
  private var hasRunOutOfMemory = false

  /// More than this tells a person nothing.
  private static let denialLimit = 64

  init(engine: Engine, id: String, defences: Defences) {
    self.engine = engine
    self.id = id
    self.defences = defences
  }

  /// Runs `body`, which becomes a program that runs something in the container, as a child under watch.
  ///
  /// What the child says on both its streams goes to standard error.
  consuming func run(_ body: () -> Never) throws(EngineError) -> TraceReport {
    let memoryBefore = limits()
    do throws(Errno) {
      let gate = try Pipe.make()
      // The keys that end a program end the watched one: its explanation is then told all the same.
      let mask = SignalSet(
        rawValue: SignalSet(signal: Signal.interrupt).rawValue | SignalSet(signal: Signal.quit).rawValue)
      let former = try Signal.setMask(mask)
      switch try cloneProcess() {
      case .child:
        Self.waitAtGate(consume gate, former)
        body()
      case .parent(let child, let handle):
        try Trace.seize(child)
        try gate.writing.descriptor.writeAll([1])
        _ = consume gate
        try watch(child)
        _ = consume handle
        try Signal.setMask(former)
      }
    } catch {
      throw .kernel(act: "watch a command in", thing: "container \(ContainerIdentity.short(id))", cause: error)
    }
    if let after = limits() { tellLimits(memoryBefore, after) }
    return report
  }

  private static func waitAtGate(_ gate: consuming Pipe, _ mask: SignalSet) {
    do throws(Errno) {
      var byte: [UInt8] = [0]
      let reading = try gate.reading.descriptor.duplicate()
      _ = consume gate
      guard try reading.descriptor.read(into: &byte) == 1 else { ProcessControl.exit(125) }
      try Signal.setMask(mask)
      // Standard output belongs to the explanation.
      try Descriptor.standardError.duplicate(onto: 1, closeOnExec: false)
    } catch {
      ProcessControl.exit(125)
    }
  }

  // MARK: Stops

  private mutating func watch(_ child: Int32) throws(Errno) {
    while true {
      let (processID, stop) = try Trace.waitForAny()
      do throws(Errno) {
        switch stop {
        case .ended(let status):
          noteEnd(processID, status)
          if processID == child {
            report.exitCode = status.shellCode
            return
          }
        case .born: try goOn(processID)
        case .executed:
          if isInContainer(processID) {
            watched.insert(processID)
            noteExecuted(processID)
          }
          try goOn(processID)
        case .attached:
          if isKin(processID) { watched.insert(processID) }
          try goOn(processID)
        case .suspended: try Trace.leaveSuspended(processID)
        case .signal(let signal): try goOn(processID, signal)
        case .call:
          try noteCall(processID)
          try goOn(processID)
        }
      } catch {
        // Killed meanwhile: its end will be told.
        guard error == .noSuchProcess else { throw error }
      }
    }
  }

  private func goOn(_ processID: Int32, _ signal: Int32 = 0) throws(Errno) {
    try Trace.proceed(processID, toNextCall: watched.contains(processID), signal: signal)
  }

  private func isInContainer(_ processID: Int32) -> Bool {
    SmallFile.text("/proc/\(processID)/cgroup")?.contains(id) ?? false
  }

  /// Whether a newcomer is a thread or a child of somebody who is watched.
  private func isKin(_ threadID: Int32) -> Bool {
    for line in (SmallFile.text("/proc/\(threadID)/status") ?? "").split(separator: "\n") {
      guard line.hasPrefix("Tgid:") || line.hasPrefix("PPid:") else { continue }
      if let number = line.split(separator: "\t").last.flatMap({ Int32($0) }), watched.contains(number) { return true }
    }
    return false
  }

  // MARK: What is noted

  private mutating func note(_ denial: Denial?) {
    guard let denial, !report.denials.contains(denial), report.denials.count < Self.denialLimit else { return }
    report.denials.append(denial)
  }

  private mutating func noteEnd(_ threadID: Int32, _ status: ExitStatus) {
    guard watched.remove(threadID) != nil else { return }
    let call = pending.removeValue(forKey: threadID)
    switch status {
    case .killed(signal: Signal.badSystemCall):
      let what =
        call.map { "\($0.name)(): the process was killed (bad system call)" }
        ?? "the process was killed (bad system call)"
      note(
        Denial(
          .seccomp, .seen, what, why: "the seccomp profile kills for this call",
          flags: ["--security-opt seccomp=unconfined"]))
    case .killed(signal: 25):
      note(
        Denial(
          .limit, .seen, "a file grew beyond its limit: the process was killed", why: "the limit of file sizes",
          flags: ["--ulimit fsize=-1"]))
    case .killed(signal: 24):
      note(
        Denial(
          .limit, .seen, "the process used up its CPU time and was killed", why: "the limit of CPU seconds",
          flags: ["--ulimit cpu=-1"]))
    default: break
    }
  }

  /// A program with the setuid or setgid bit whose rights the process did not get.
  private mutating func noteExecuted(_ processID: Int32) {
    pending[processID] = nil
    let rights = ProcessRights(status: SmallFile.text("/proc/\(processID)/status") ?? "")
    do throws(Errno) {
      let status = try Descriptor.workingDirectory.status(try KernelPath("/proc/\(processID)/exe"), follow: true)
      let isSetUser = status.permissions & 0o4000 != 0 && status.userID != rights.userID
      let isSetGroup = status.permissions & 0o2000 != 0 && !rights.groupIDs.contains(status.groupID)
      guard isSetUser || isSetGroup else { return }
      let path = try Descriptor.workingDirectory.readLink(try KernelPath("/proc/\(processID)/exe")).text
      let what = "execve(\"\(path)\"): it runs without the rights of its set\(isSetUser ? "u" : "g")id bit"
      if rights.noNewPrivileges {
        note(
          Denial(
            .noNewPrivileges, .seen, what, why: "no_new_privs: programs gain no rights by being executed",
            flags: ["--security-opt no-new-privileges=false"]))
      } else if let mount = SeenMount.over(path, mounts(processID)), mount.options.contains("nosuid") {
        note(Denial(.mountOption, .seen, what, why: "\(mount.mountPoint) is mounted nosuid"))
      }
    } catch {
      // Gone already, or not to be seen: nothing can be said of it.
    }
  }

  private func mounts(_ processID: Int32) -> [SeenMount] {
    SeenMount.parse(SmallFile.text("/proc/\(processID)/mountinfo") ?? "")
  }

  private mutating func noteCall(_ threadID: Int32) throws(Errno) {
    switch try Trace.call(of: threadID) {
    case .entry(let architecture, let number, let arguments, let instruction):
      guard let kind = SeccompArchitecture(auditToken: architecture, number: number),
        let name = SystemCallTable.name(of: number, on: kind)
      else { return }
      var call = RefusedCall(
        name: name, number: number, architecture: architecture, instruction: instruction, arguments: arguments,
        cause: .notPermitted)
      call.path = CallPaths.path(of: call, threadID)
      pending[threadID] = call
    case .exit(let answer):
      guard let call = pending.removeValue(forKey: threadID) else { return }
      if answer < 0, answer > -4096 {
        noteRefusal(threadID, call, Errno(Int32(truncatingIfNeeded: -answer)))
      } else if call.path != nil, call.name.hasPrefix("open") {
        noteMask(call)
      } else if answer > 0 {
        noteNetlinkRefusal(threadID, call, Int(answer))
      }
    case .none: break
    }
  }

  /// What is masked can be opened: it only shows nothing.
  private mutating func noteMask(_ call: RefusedCall) {
    guard let path = call.path, let mask = defences.mask(over: path), masksTold.insert(mask).inserted else { return }
    note(
      Denial(
        .masked, .seen, "\(call.name)(\"\(path)\"): it is there, and shows nothing",
        why: "\(mask) is hidden in containers", flags: ["--security-opt systempaths=unconfined"]))
  }

  private mutating func noteRefusal(_ threadID: Int32, _ refused: RefusedCall, _ cause: Errno) {
    var call = refused
    call.cause = cause
    switch cause {
    case .notPermitted, .accessDenied, .readOnlyFileSystem, .invalidArgument, .overflow, .noSystemCall:
      // Those only ask.
      if ["access", "faccessat", "faccessat2"].contains(call.name) { return }
      // Nobody is helped by being told of every question about a number that does not exist.
      if cause == .invalidArgument, !defences.hasUserNamespace { return }
      call.process = ProcessRights(status: SmallFile.text("/proc/\(threadID)/status") ?? "")
      if let path = call.path {
        let found = CallPaths.places(path, threadID)
        call.path = found.path
        call.places = found.places
      }
      note(DenialJudge(defences: defences, mounts: mounts(threadID)).judge(call))
    case .notFound:
      if call.name.hasPrefix("open"), call.path.map({ defences.mask(over: $0) != nil }) ?? false { noteMask(call) }
    default: noteLimit(threadID, call)
    }
  }

  // MARK: Limits

  private mutating func noteLimit(_ threadID: Int32, _ call: RefusedCall) {
    let tooManyFiles: Int32 = 24
    switch call.cause {
    case Errno(tooManyFiles):
      let present = Self.limit("Max open files", threadID) ?? 1024
      let wanted = present.multipliedReportingOverflow(by: 4)
      note(
        Denial(
          .limit, .seen, call.name + "(): \(call.cause)", why: "the process may have \(present) files open",
          flags: ["--ulimit nofile=\(wanted.overflow ? present : wanted.partialValue)"]))
    case .wouldBlock where ["clone", "clone3", "fork", "vfork"].contains(call.name):
      let facts = limits()
      if let facts, let most = facts.pidsLimit, facts.pidsPresent.map({ $0 >= most }) ?? true {
        note(
          Denial(
            .limit, .seen, call.name + "(): \(call.cause)", why: "the container may have \(most) processes and threads",
            flags: ["--pids-limit \(most &* 4)"]))
      } else if let most = Self.limit("Max processes", threadID) {
        note(
          Denial(
            .limit, .candidate, call.name + "(): \(call.cause)", why: "the user may have \(most) processes",
            flags: ["--ulimit nproc=-1"]))
      }
    case .noMemory where ["mlock", "mlock2", "mlockall"].contains(call.name):
      note(
        Denial(
          .limit, .seen, call.text, why: "the limit of memory that may be locked",
          flags: ["--ulimit memlock=-1", "--cap-add IPC_LOCK"]))
    case .noMemory where ["mmap", "brk", "mremap", "clone", "fork", "vfork"].contains(call.name):
      guard Self.limit("Max address space", threadID) != nil else { return }
      note(
        Denial(
          .limit, .candidate, call.name + "(): \(call.cause)", why: "the limit of address space",
          flags: ["--ulimit as=-1"]))
    case .fileTooLarge:
      note(
        Denial(
          .limit, .seen, call.text, why: "the limit of file sizes", flags: ["--ulimit fsize=-1"]))
    case .noSpace:
      let path = CallPaths.openFile(of: call, threadID) ?? call.path
      guard let path, path.hasPrefix("/dev/shm") else { return }
      let size = defences.request.shmSizeBytes ?? ContainerDefaults.shmSizeBytes
      note(
        Denial(
          .limit, .seen, "\(call.name)(): no space left in /dev/shm",
          why: "its size is \(ByteSize(bytes: size).binaryText)",
          flags: ["--shm-size \(size / 1_048_576 &* 4)m"]))
    default: return
    }
  }

  /// A soft limit of a process (proc_pid_limits(5)); nil where it has none.
  private static func limit(_ name: String, _ threadID: Int32) -> UInt64? {
    for line in (SmallFile.text("/proc/\(threadID)/limits") ?? "").split(separator: "\n") where line.hasPrefix(name) {
      return line.dropFirst(name.count).split(separator: " ").first.flatMap { UInt64($0) }
    }
    return nil
  }

  /// What the container's control groups say; nil where it does not run.
  private func limits() -> LimitFacts? { engine.limitFacts(id) }

  private mutating func tellLimits(_ before: LimitFacts?, _ after: LimitFacts) {
    var news = after
    if let before {
      news.outOfMemoryKills &-= before.outOfMemoryKills
      news.pidsRefused = 0
      news.throttledPeriods &-= before.throttledPeriods
    }
    for denial in news.denials(defences.request) { note(denial) }
  }

  // MARK: Netlink

  /// ip(8) and its kin ask by messages, and are refused by messages (netlink(7), NLMSG_ERROR).
  private mutating func noteNetlinkRefusal(_ threadID: Int32, _ call: RefusedCall, _ count: Int) {
    guard call.arguments.count > 1, count >= 20 else { return }
    let address: UInt64
    switch call.name {
    case "recvfrom", "read": address = call.arguments[1]
    case "recvmsg":
      // struct msghdr: the vector's address is its third word; the vector's first word is the buffer's address.
      guard let vector = Self.word(threadID, call.arguments[1] &+ 16), let buffer = Self.word(threadID, vector) else {
        return
      }
      address = buffer
    default: return
    }
    guard CallPaths.isNetlink(call, threadID) else { return }
    let message = Trace.memory(of: threadID, at: address, count: 20)
    let errorType: [UInt8] = [2, 0]
    let notPermitted: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
    guard message.count == 20, Array(message[4..<6]) == errorType, Array(message[16..<20]) == notPermitted else {
      return
    }
    let rights = ProcessRights(status: SmallFile.text("/proc/\(threadID)/status") ?? "")
    guard !rights.has("CAP_NET_ADMIN") else { return }
    note(
      Denial(
        .capability, .seen, "netlink request: operation not permitted",
        why: "the container does not have CAP_NET_ADMIN", flags: ["--cap-add NET_ADMIN"]))
  }

  private static func word(_ threadID: Int32, _ address: UInt64) -> UInt64? {
    let bytes = Trace.memory(of: threadID, at: address, count: 8)
    guard bytes.count == 8 else { return nil }
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
