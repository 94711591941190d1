import SkiffKernel

/// Starts the program and stays with it until it ends.
struct Shepherd {
  let arguments: [String]

  /// Signals that the kernel raises for faults of this process itself, and must not be waited for in a queue.
  private static let faults: [Int32] = [4, 5, 6, 7, 8, 11, 31]
  /// A background process's touch of the terminal stops it; the one that holds the children together must not stop.
  private static let terminalStops: [Int32] = [21, 22]

  /// The exit code of the program, or 128 and the signal that ended it.
  func run() throws(Errno) -> Int32 {
    if ProcessControl.processID != 1 {
      // Not the first process of a namespace: orphans come here all the same.
      try ProcessControl.becomeSubreaper()
    }
    var waiting = SignalSet.all
    for signal in Self.faults { waiting.remove(SignalSet(signal: signal)) }
    // Blocked before the child exists: its end cannot be missed.
    let formerMask = try Signal.setMask(waiting)
    let reader = try Signal.openReader(waiting, nonBlocking: false)

    switch try cloneProcess() {
    case .child:
      becomeProgram(formerMask: formerMask)
    case .parent(let processID, let handle):
      return try watch(processID, handle.descriptor, reader: reader.descriptor)
    }
  }

  private func watch(_ processID: Int32, _ handle: Descriptor, reader: Descriptor) throws(Errno) -> Int32 {
    while true {
      guard let signal = try reader.readSignal() else { continue }
      if signal == Signal.child {
        if let status = try reap(awaiting: processID) { return status.shellCode }
      } else if !Self.terminalStops.contains(signal) {
        try pass(signal, to: handle)
      }
    }
  }

  /// Takes the status of every child that has ended; the program's own if it is among them.
  private func reap(awaiting processID: Int32) throws(Errno) -> ExitStatus? {
    var own: ExitStatus?
    while true {
      do throws(Errno) {
        guard let ended = try reapAnyChild() else { return own }
        if ended.processID == processID { own = ended.status }
      } catch {
        guard error == .noChild else { throw error }
        return own
      }
    }
  }

  private func pass(_ signal: Int32, to handle: Descriptor) throws(Errno) {
    do throws(Errno) {
      try handle.sendSignal(signal)
    } catch {
      // It has just ended, or runs as a user that may not be signalled: neither ends our watch.
      guard error == .noSuchProcess || error == .notPermitted else { throw error }
    }
  }

  /// The child's side: a process group of its own that the terminal, if any, talks to; then the program.
  private func becomeProgram(formerMask: SignalSet) -> Never {
    do throws(Errno) {
      try ProcessGroup.becomeLeader()
      try takeTerminal()
      try Signal.setMask(formerMask)
      let image = try ExecImage(arguments: arguments, environment: ProcessEnvironment.all())
      let refusal = execute(image)
      report("skiff-init: cannot run \(arguments[0]): \(refusal)")
      ProcessControl.exit(refusal == .notFound ? 127 : 126)
    } catch {
      report("skiff-init: cannot prepare \(arguments[0]): \(error)")
      ProcessControl.exit(126)
    }
  }

  private func takeTerminal() throws(Errno) {
    do throws(Errno) {
      // SIGTTOU is still blocked here: the call is not taken for a background process's.
      try Descriptor.standardInput.makeForeground(processGroup: ProcessControl.processID)
    } catch {
      // Standard input is no terminal, or one of another session: there is nothing to take.
      let inappropriate = Errno(25)
      guard error == inappropriate || error == .badDescriptor || error == .notPermitted || error == .invalidArgument
      else { throw error }
    }
  }

  /// Runs the program by its path, or as the first of its name in PATH. Comes back only with the refusal that says most.
  private func execute(_ image: ExecImage) -> Errno {
    let name = arguments[0]
    if name.contains("/") { return execute(image, at: name) }
    var refusal = Errno.notFound
    let path = ProcessEnvironment.value(named: "PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for directory in path.split(separator: ":", omittingEmptySubsequences: false) {
      let error = execute(image, at: directory.isEmpty ? "./" + name : directory + "/" + name)
      // "Not here" gives way to any later answer; a real refusal is kept.
      if error != .notFound && error != .notDirectory { refusal = error }
    }
    return refusal
  }

  private func execute(_ image: ExecImage, at path: String) -> Errno {
    do throws(Errno) {
      return image.execute(try KernelPath(path))
    } catch {
      return error
    }
  }
}
