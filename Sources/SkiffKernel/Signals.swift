internal import CLinux

/// A set of signals (sigsetops(3)), signal n at bit n-1.
package struct SignalSet: OptionSet, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// The set of one signal, 1 to 64.
  package init(signal: Int32) {
    self.rawValue = (1...64).contains(signal) ? 1 << UInt64(signal - 1) : 0
  }

  package func contains(signal: Int32) -> Bool {
    (1...64).contains(signal) && rawValue >> UInt64(signal - 1) & 1 == 1
  }

  package static let all = SignalSet(rawValue: .max)
}

/// Signals by number (signal(7)).
package enum Signal {
  package static let hangup: Int32 = 1
  package static let interrupt: Int32 = 2
  package static let quit: Int32 = 3
  package static let kill: Int32 = 9
  package static let pipe: Int32 = 13
  package static let terminate: Int32 = 15
  package static let child: Int32 = 17
  package static let badSystemCall: Int32 = 31
  package static let `continue`: Int32 = 18
  package static let stop: Int32 = 19
  package static let windowChange: Int32 = 28

  /// Sets which signals wait (rt_sigprocmask(2), SIG_SETMASK); gives the former set.
  @discardableResult
  package static func setMask(_ mask: SignalSet) throws(Errno) -> SignalSet {
    let setMask: UInt = 2
    var new = mask.rawValue
    var old: UInt64 = 0
    try checked(
      unsafe withUnsafeMutableBytes(of: &new) { new in
        unsafe withUnsafeMutableBytes(of: &old) {
          rawSystemCall(
            __NR_rt_sigprocmask, setMask, UInt(bitPattern: new.baseAddress), UInt(bitPattern: $0.baseAddress), 8)
        }
      })
    return SignalSet(rawValue: old)
  }

  /// Gives every signal its default action: ignored signals would stay ignored over execve(2).
  package static func resetActions() {
    // The kernel's struct sigaction: handler (SIG_DFL is 0), flags, restorer, mask.
    let action: [UInt64] = [0, 0, 0, 0]
    unsafe action.withUnsafeBytes { action in
      for signal: UInt in 1...64 where signal != 9 && signal != 19 {
        // The C library keeps two real-time signals to itself; the kernel lets us reset them all the same.
        _ = rawSystemCall(__NR_rt_sigaction, signal, UInt(bitPattern: action.baseAddress), 0, 8)
      }
    }
  }

  /// Ignores a signal (SIG_IGN).
  package static func ignore(_ signal: Int32) throws(Errno) {
    let action: [UInt64] = [1, 0, 0, 0]
    try checked(
      unsafe action.withUnsafeBytes {
        rawSystemCall(__NR_rt_sigaction, signal.register, UInt(bitPattern: $0.baseAddress), 0, 8)
      })
  }

  /// A file from which masked signals of `set` are read (signalfd4(2)).
  package static func openReader(_ set: SignalSet, nonBlocking: Bool = true) throws(Errno) -> FileDescriptor {
    let mask = [set.rawValue]
    let flags: UInt = 0o2000000 | (nonBlocking ? 0o4000 : 0)
    return FileDescriptor(
      adopting: Int32(
        try checked(
          unsafe mask.withUnsafeBytes {
            rawSystemCall(__NR_signalfd4, UInt(bitPattern: -1), UInt(bitPattern: $0.baseAddress), 8, flags)
          })))
  }

  /// Sends a signal to a process by its id (kill(2)): only for a process that cannot have gone, such as one's own child.
  package static func send(_ signal: Int32, to processID: Int32) throws(Errno) {
    try systemCall(__NR_kill, processID.register, signal.register)
  }

  /// The number of a signal by its name, with or without `SIG`, in any case: `TERM`, `sigkill`, `RTMIN+3`, `15`; nil where unknown.
  package static func number(named text: String) -> Int32? {
    if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    if let index = names.firstIndex(of: name) { return Int32(index) + 1 }
    switch name {
    case "IOT": return 6
    case "CLD": return 17
    case "POLL": return 29
    case "RTMIN": return 34
    case "RTMAX": return 64
    default: break
    }
    if name.hasPrefix("RTMIN+"), let offset = Int32(name.dropFirst(6)), (0...30).contains(offset) { return 34 + offset }
    if name.hasPrefix("RTMAX-"), let offset = Int32(name.dropFirst(6)), (0...30).contains(offset) { return 64 - offset }
    return nil
  }

  /// The name of signals 1 to 31, without `SIG`.
  package static let names = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
  ]
}

extension Descriptor {
  /// Reads one signal from a reader made by `Signal.openReader`; nil when none waits.
  package func readSignal() throws(Errno) -> Int32? {
    var buffer = [UInt8](repeating: 0, count: 128)
    do throws(Errno) {
      guard try read(into: &buffer) == buffer.count else { return nil }
    } catch {
      guard error == .wouldBlock else { throw error }
      return nil
    }
    return Int32(buffer[0])
  }
}
