internal import SkiffKernel

/// Signals that the caller gets, kept to be passed on from before there is a process to pass them to.
final class SignalRelay {
  private let former: SignalSet
  private let reader: FileDescriptor

  init() throws(LaunchError) {
    var kept = SignalSet.all
    kept.subtract(SignalSet(signal: Signal.child))
    do throws(Errno) {
      former = try Signal.setMask(kept)
      reader = try Signal.openReader(kept)
    } catch {
      throw LaunchError("cannot keep signals to pass them on: \(error)")
    }
  }

  deinit {
    // Cannot fail: the mask was valid before.
    _ = try? Signal.setMask(former)
  }

  var descriptor: Descriptor { reader.descriptor }
}

/// Waits for a process that runs in the caller's foreground: passes signals on, and carries its terminal if it has one.
struct ForegroundProcess: ~Copyable {
  private let process: Descriptor
  private let console: FileDescriptor?
  private var scanner: DetachKeyScanner
  private let signals: SignalRelay
  private let notify: NotifySocket?

  /// - Parameter notify: where the process says that it is ready, to be passed on.
  init(
    process: Descriptor, signals: SignalRelay, console: consuming FileDescriptor?, detachKeys: [UInt8]?,
    notify: NotifySocket? = nil
  ) {
    self.process = process
    self.signals = signals
    self.notify = notify
    self.console = console
    self.scanner = DetachKeyScanner(keys: detachKeys ?? [])
  }

  /// Gives the exit code as a shell tells it; 0 when the keys to detach were typed.
  consuming func wait() throws(LaunchError) -> Int32 {
    do throws(Errno) {
      return try relay()
    } catch {
      // Nobody would take its output, pass it signals or hear of its end: it does not go on unattended.
      do throws(Errno) {
        try process.sendSignal(Signal.kill)
        _ = try process.waitForExit()
      } catch {
        // It has ended already and was waited for.
      }
      throw LaunchError("lost touch with the container's process: \(error)")
    }
  }

  private mutating func relay() throws(Errno) -> Int32 {
    let master = consoleDescriptor()
    let terminal = master == nil ? nil : RawTerminal(.standardInput)
    defer { terminal?.restore() }
    if let master { copyWindowSize(to: master) }
    var input: Descriptor? = master == nil ? nil : .standardInput
    var buffer = [UInt8](repeating: 0, count: 32768)
    while true {
      var entries = [
        PollEntry(process, .readable), PollEntry(signals.descriptor, .readable), PollEntry(master, .readable),
        PollEntry(input, .readable), PollEntry(notify?.descriptor, .readable),
      ]
      try poll(&entries)
      if !entries[4].events.isEmpty { notify?.take(mainProcessID: ProcessControl.processID) }
      if !entries[1].events.isEmpty {
        while let signal = try signals.descriptor.readSignal() { pass(signal, master) }
      }
      if !entries[2].events.isEmpty, let master { _ = try copyOutput(from: master, &buffer) }
      if !entries[3].events.isEmpty, let master {
        let count = try Descriptor.standardInput.read(into: &buffer)
        if count == 0 { input = nil }
        let (passed, isComplete) = scanner.scan(buffer[..<count])
        if !passed.isEmpty { try master.writeAll(passed) }
        if isComplete { return 0 }
      }
      if !entries[0].events.isEmpty, let status = try process.waitForExit() {
        if let master { try drain(master, &buffer) }
        return status.shellCode
      }
    }
  }

  private func consoleDescriptor() -> Descriptor? {
    switch console {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }

  private func pass(_ signal: Int32, _ master: Descriptor?) {
    if signal == Signal.windowChange, let master {
      copyWindowSize(to: master)
      return
    }
    // A process that has just ended needs no signal.
    try? process.sendSignal(signal)
  }

  private func copyWindowSize(to master: Descriptor) {
    // Where our own side is no terminal the container's keeps its size.
    guard let size = try? Descriptor.standardInput.windowSize() else { return }
    try? master.setWindowSize(size)
  }

  /// False at the end: every holder of the terminal's other side has closed it (EIO).
  private func copyOutput(from master: Descriptor, _ buffer: inout [UInt8]) throws(Errno) -> Bool {
    let count: Int
    do throws(Errno) {
      count = try master.read(into: &buffer)
    } catch {
      guard error == .inputOutput else { throw error }
      return false
    }
    if count == 0 { return false }
    try Descriptor.standardOutput.writeAll(Array(buffer[..<count]))
    return true
  }

  /// What was written before the end and is still on the way.
  private func drain(_ master: Descriptor, _ buffer: inout [UInt8]) throws(Errno) {
    while true {
      var entries = [PollEntry(master, .readable)]
      guard try poll(&entries, timeoutMilliseconds: 0) > 0, entries[0].events.contains(.readable) else { return }
      if try !copyOutput(from: master, &buffer) { return }
    }
  }
}
