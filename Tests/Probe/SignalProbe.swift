import SkiffKernel

/// Acts of waiting and ending.
func signalProbe(_ verb: String, _ arguments: [String]) -> ProbeValue? {
  let first = arguments.first ?? ""
  switch verb {
  case "sleep":
    ClockTime.sleep(milliseconds: Int64(first) ?? 0)
    return .bool(true)
  case "wait":
    while true { ClockTime.sleep(milliseconds: 3_600_000) }
  case "exit":
    ProcessControl.exit(Int32(first) ?? 0)
  case "kill-self":
    return outcome { () throws(Errno) in
      try Signal.send(Signal.number(named: first) ?? 0, to: ProcessControl.processID)
      return .bool(true)
    }
  case "notify":
    // To the service manager, as sd_notify(3) does it.
    let lines = arguments.joined(separator: "\n")
    return outcome { () throws(Errno) in
      let line = try UnixSocket.connectDatagram(to: ProcessEnvironment.value(named: "NOTIFY_SOCKET") ?? "")
      try line.descriptor.send(Array(lines.utf8))
      return .bool(true)
    }
  case "trap": return trap(arguments)
  case "resize": return awaitResize()
  default: return nil
  }
}

/// Prints `ready`, then a line for each of the signals that arrives; the last named one ends it.
private func trap(_ signals: [String]) -> ProbeValue {
  let numbers = signals.compactMap { Signal.number(named: $0) }
  return outcome { () throws(Errno) in
    let set = SignalSet(numbers.map { SignalSet(signal: $0) })
    try Signal.setMask(set)
    let reader = try Signal.openReader(set, nonBlocking: false)
    say(.text("ready"))
    while let signal = try reader.descriptor.readSignal() {
      say(.object([("signal", .integer(Int64(signal)))]))
      if signal == numbers.last { break }
    }
    return .bool(true)
  }
}

/// Prints the size of the terminal, and again each time that it changes.
private func awaitResize() -> ProbeValue {
  outcome { () throws(Errno) in
    let set = SignalSet(signal: Signal.windowChange)
    try Signal.setMask(set)
    let reader = try Signal.openReader(set, nonBlocking: false)
    repeat {
      let size = try Descriptor.standardInput.windowSize()
      say(.text("\(size.rows)x\(size.columns)"))
    } while try reader.descriptor.readSignal() != nil
    return .null
  }
}
