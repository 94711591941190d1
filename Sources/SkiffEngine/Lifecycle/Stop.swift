import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// How a container was stopped.
public enum StopOutcome: Equatable, Sendable {
  /// It was not running.
  case wasNotRunning
  /// It ended after its signal.
  case ended
  /// It had to be killed: it did not end in time.
  case killedAfterTimeout
  /// It was killed at once: the signal would have been lost, for its first process does not catch it.
  case killedAtOnce(signal: String)
}

extension Engine {
  /// Sends a signal to a running container's first process.
  public func kill(_ text: String, signal: String) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let number = try Self.signalNumber(signal, option: "--signal")
    // As docker has it: who is told to end by hand is not started again, who is told something else is.
    let isEnd = number == Signal.kill || number == Signal.number(named: record.stopSignal)
    let wasRestarting = isEnd ? try callOffRestart(directory, record) : false
    guard let process = try openProcess(id) else {
      if wasRestarting { return }
      throw .containerNotRunning(name: record.name, act: "kill")
    }
    announce("kill", record, ["signal": "\(number)"])
    if number == Signal.kill {
      try end(process.descriptor, directory)
    } else {
      try send(number, to: process.descriptor, record)
    }
  }

  /// Kills a container's processes and waits until its end is written down.
  func end(_ process: Descriptor, _ directory: borrowing ContainerDirectory) throws(EngineError) {
    // Without a PID namespace of its own, the first process would not take the others with it.
    try signalAll(directory.id, Signal.kill)
    _ = try Self.wait(for: process, milliseconds: nil)
    try waitForRecord(directory)
  }

  func send(_ signal: Int32, to process: Descriptor, _ record: ContainerRecord) throws(EngineError) {
    do throws(Errno) {
      try process.sendSignal(signal)
    } catch {
      // It ended by itself in the same moment.
      guard error == .noSuchProcess else {
        throw .kernel(act: "signal", thing: "container \(record.name)", cause: error)
      }
    }
  }

  func signalAll(_ id: String, _ signal: Int32) throws(EngineError) {
    do throws(RuntimeError) {
      try runtime.kill(try Self.runtimeID(id), signal: signal, all: true)
    } catch {
      switch error {
      case .missing, .notRunning: return
      default: throw EngineError(error)
      }
    }
  }

  /// A handle on the first process; nil where the container does not run.
  func openProcess(_ id: String) throws(EngineError) -> FileDescriptor? {
    do throws(RuntimeError) {
      let record = try runtime.store.load(try Self.runtimeID(id))
      switch record.status() {
      case .creating, .stopped: return nil
      case .running, .paused, .created: break
      }
      do throws(Errno) {
        return try record.openInit()
      } catch {
        if error == .noSuchProcess { return nil }
        throw RuntimeError.failed("cannot open the first process of container \(id): \(error)")
      }
    } catch {
      if case .missing = error { return nil }
      throw EngineError(error)
    }
  }

  /// False when the time was over first.
  static func wait(for process: Descriptor, milliseconds: Int64?) throws(EngineError) -> Bool {
    let began = ClockTime.monotonic().totalNanoseconds / 1_000_000
    while true {
      var left: Int64?
      if let milliseconds {
        left = max(0, milliseconds - (ClockTime.monotonic().totalNanoseconds / 1_000_000 - began))
      }
      var entries = [PollEntry(process, .readable)]
      let timeLeft = left
      let count: Int
      do throws(Errno) {
        count = try poll(&entries, timeoutMilliseconds: timeLeft)
      } catch {
        throw .kernel(act: "wait for", thing: "the container", cause: error)
      }
      if count > 0 { return true }
      // A signal cuts a wait short, too.
      if left == 0 { return false }
    }
  }

  static func milliseconds(_ seconds: Int64) -> Int64 {
    let (product, overflowed) = seconds.multipliedReportingOverflow(by: 1000)
    return overflowed ? .max : product
  }

  /// Waits until the monitor has written down how the container ended, or has gone without.
  func waitForRecord(_ directory: borrowing ContainerDirectory) throws(EngineError) {
    let limitMilliseconds: Int64 = 10_000
    let path = directory.path
    let descriptor = directory.descriptor
    let began = ClockTime.monotonic().totalNanoseconds / 1_000_000
    let watch = try naming("wait for", "\(path)/exit.json") { () throws(Errno) in
      let watch = try FileWatch()
      try watch.add(descriptor, [.created, .movedIn, .selfMoved])
      return watch
    }
    while ClockTime.monotonic().totalNanoseconds / 1_000_000 - began < limitMilliseconds {
      // Asked before the record is looked for: a monitor that goes has written it by then.
      let isMinded = try lifelines.isHeld(directory.id)
      if try directory.content(ContainerDirectory.File.exit) != nil { return }
      // Killed; or the container is removed altogether, as it asked for.
      if !isMinded || !containers.has(directory.id) { return }
      try naming("wait for", "\(path)/exit.json") { () throws(Errno) in
        var entries = [PollEntry(watch.descriptor, .readable)]
        try poll(&entries, timeoutMilliseconds: 200)
        try watch.drain()
      }
    }
  }

  /// The number of a signal by name or number.
  static func signalNumber(_ text: String, option: String) throws(EngineError) -> Int32 {
    guard let number = Signal.number(named: text) else {
      throw .invalidOption(name: option, value: text, reason: "there is no such signal")
    }
    return number
  }

  static func signalName(_ number: Int32) -> String {
    let index = Int(number) - 1
    return Signal.names.indices.contains(index) ? "SIG" + Signal.names[index] : "\(number)"
  }
}

// Who does not hear.
extension Engine {
  /// Whether the container's first process would never notice the signal: the kernel gives the first process of a PID namespace
  /// only signals that it catches, and it neither catches this one nor keeps it waiting.
  func isDeaf(_ id: String, to signal: Int32) throws(EngineError) -> Bool {
    guard let processID = try runningProcess(id) else { return false }
    let text: String
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath("/proc/\(processID)/status"), [.readOnly])
      text = String(decoding: try file.descriptor.readToEnd(limitBytes: 65536), as: UTF8.self)
    } catch {
      // It has just ended.
      return false
    }
    return ProcessStatus(text).isDeaf(to: signal)
  }
}

/// What /proc/PID/status tells of signals (proc_pid_status(5)).
package struct ProcessStatus: Equatable, Sendable {
  private var caught: UInt64 = 0
  private var blocked: UInt64 = 0
  private var isFirstOfItsNamespace = false

  package init(_ text: String) {
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].drop { $0 == " " || $0 == "\t" }
      switch parts[0] {
      case "SigCgt": caught = UInt64(value, radix: 16) ?? .max
      case "SigBlk": blocked = UInt64(value, radix: 16) ?? .max
      case "NSpid":
        let numbers = value.split { $0 == " " || $0 == "\t" }
        isFirstOfItsNamespace = numbers.count > 1 && numbers.last == "1"
      default: break
      }
    }
  }

  /// A signal that is kept waiting may be fetched by sigwait(3) or signalfd(2): then the process is not deaf to it.
  package func isDeaf(to signal: Int32) -> Bool {
    guard isFirstOfItsNamespace, (1...64).contains(signal) else { return false }
    return (caught | blocked) >> UInt64(signal - 1) & 1 == 0
  }
}
