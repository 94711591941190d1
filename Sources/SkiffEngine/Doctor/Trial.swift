import SkiffKernel
import SkiffNetworks

/// What the kernel, or a program, said to a trial.
struct TrialRefusal: Error, Equatable {
  var cause: Errno
  /// More than the number says, where there is more.
  var words: String

  init(_ cause: Errno, _ words: String? = nil) {
    self.cause = cause
    self.words = words ?? cause.description
  }

  init(_ error: NetworkError) {
    if case .refused(_, _, let cause, _) = error {
      self.init(cause, "\(error)")
    } else {
      self.init(.invalidArgument, "\(error)")
    }
  }

  /// Whether the kernel does not have what was tried, rather than not letting this caller have it.
  var isAbsence: Bool {
    let addressFamilyNotSupported: Int32 = 97
    let protocolNotSupported: Int32 = 93
    let noProtocolOption: Int32 = 92
    switch cause {
    case .noSystemCall, .invalidArgument, .noSuchDevice, .notSupported, .notFound: return true
    default: return [addressFamilyNotSupported, protocolNotSupported, noProtocolOption].contains(cause.code)
    }
  }
}

/// Things tried out in a child process, whose namespaces and mounts go with it: nothing is left of a trial.
struct Trial {
  /// Whether the caller has to be in a user namespace of its own to try anything.
  let needsUserNamespace: Bool
  private static let wordsLimit = 4096
  private static let systemAdministrator = 21

  init() {
    needsUserNamespace = !Self.holds(Self.systemAdministrator)
  }

  /// Whether the caller has a capability.
  static func holds(_ capability: Int) -> Bool {
    do throws(Errno) {
      return try ThreadCapabilities.current().effective.contains(number: capability)
    } catch {
      return false
    }
  }

  /// Tries something in new namespaces; nil if it went well.
  func refusal(in namespaces: NamespaceFlags, _ body: () throws(TrialRefusal) -> Void) -> TrialRefusal? {
    let identity = (user: Credentials.effectiveUserID, group: Credentials.effectiveGroupID)
    do throws(Errno) {
      let pipe = try Pipe.make()
      switch try cloneProcess(namespaces: needsUserNamespace ? namespaces.union(.user) : namespaces) {
      case .child:
        do throws(TrialRefusal) {
          if needsUserNamespace { try trying("map the own ids") { () throws(Errno) in try Self.mapSelf(identity) } }
          try body()
          ProcessControl.exit(0)
        } catch {
          // Nobody to tell is no reason to go on.
          try? pipe.writing.descriptor.writeAll(Array(error.words.utf8.prefix(Self.wordsLimit)))
          ProcessControl.exit(error.cause.code)
        }
      case .parent(_, let handle):
        return try outcome(pipe, handle)
      }
    } catch {
      return TrialRefusal(error)
    }
  }

  private func outcome(_ pipe: consuming Pipe, _ handle: borrowing FileDescriptor) throws(Errno) -> TrialRefusal? {
    let reading = try pipe.reading.descriptor.duplicate()
    // The child's end is then the only one.
    _ = consume pipe
    let words = try reading.descriptor.readToEnd(limitBytes: 1 << 16)
    switch try handle.descriptor.waitForExit() {
    case .exited(0): return nil
    case .exited(let code): return TrialRefusal(Errno(code), String(decoding: words, as: UTF8.self))
    case .killed(let signal): return TrialRefusal(.interrupted, "the kernel ended the trial with signal \(signal)")
    case nil: return TrialRefusal(.noChild)
    }
  }

  /// Makes the caller root of the user namespace that it was born in.
  private static func mapSelf(_ identity: (user: UInt32, group: UInt32)) throws(Errno) {
    try write("deny", to: "/proc/self/setgroups")
    try write("0 \(identity.group) 1\n", to: "/proc/self/gid_map")
    try write("0 \(identity.user) 1\n", to: "/proc/self/uid_map")
  }

  static func write(_ text: String, to path: KernelPath) throws(Errno) {
    let file = try Descriptor.workingDirectory.open(path, .writeOnly)
    try file.descriptor.writeAll(Array(text.utf8))
  }
}

/// Runs kernel calls of a trial and says, where they fail, what they were for.
func trying<Result: ~Copyable>(
  _ act: String, _ body: () throws(Errno) -> Result
) throws(TrialRefusal) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw TrialRefusal(error, "cannot \(act): \(error)")
  }
}

/// Small files of the kernel's and of the system's.
enum SmallFile {
  private static let limitBytes = 1 << 20

  /// The text of a file; nil where it cannot be read.
  static func text(_ path: String) -> String? {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
      return String(decoding: try file.descriptor.readToEnd(limitBytes: limitBytes), as: UTF8.self)
    } catch {
      return nil
    }
  }

  /// The first line of a file.
  static func line(_ path: String) -> String? {
    text(path).map { String($0.prefix { $0 != "\n" }) }
  }

  static func number(_ path: String) -> Int64? {
    line(path).flatMap { Int64($0) }
  }

  static func exists(_ path: String) -> Bool {
    do throws(Errno) {
      _ = try Descriptor.workingDirectory.status(try KernelPath(path), follow: true)
      return true
    } catch {
      return false
    }
  }
}
