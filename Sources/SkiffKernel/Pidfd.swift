internal import CLinux

/// How a process ended (waitid(2)).
package enum ExitStatus: Equatable, Sendable {
  case exited(Int32)
  case killed(signal: Int32)

  /// As a shell tells it: the code, or 128 and the signal.
  package var shellCode: Int32 {
    switch self {
    case .exited(let code): code
    case .killed(let signal): 128 + signal
    }
  }
}

/// The kernel's `siginfo_t` as waitid(2) fills it, on architectures of 64 bits.
private struct WaitInformation {
  var signal: Int32 = 0
  var error: Int32 = 0
  var code: Int32 = 0
  var padding: Int32 = 0
  var processID: Int32 = 0
  var userID: UInt32 = 0
  var status: Int32 = 0
  var rest: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

private func wait(idType: UInt, id: UInt, options: UInt) throws(Errno) -> (processID: Int32, status: ExitStatus)? {
  var information = WaitInformation()
  while true {
    let answer = unsafe withUnsafeMutableBytes(of: &information) {
      rawSystemCall(__NR_waitid, idType, id, UInt(bitPattern: $0.baseAddress), options)
    }
    if answer == -Int(Errno.interrupted.code) { continue }
    try checked(answer)
    if information.processID == 0 { return nil }
    let exitedNormally: Int32 = 1
    let status: ExitStatus =
      information.code == exitedNormally ? .exited(information.status) : .killed(signal: information.status)
    return (information.processID, status)
  }
}

extension Descriptor {
  /// Waits for the child of this pidfd to end and takes its status (waitid(2), P_PIDFD); without `block`, nil while it runs.
  package func waitForExit(block: Bool = true) throws(Errno) -> ExitStatus? {
    let byPidfd: UInt = 3
    let exited: UInt = 4
    let noHang: UInt = 1
    return try wait(idType: byPidfd, id: number.register, options: exited | (block ? 0 : noHang))?.status
  }

  /// Sends a signal to the process of this pidfd (pidfd_send_signal(2)); 0 only asks whether it could be sent.
  package func sendSignal(_ signal: Int32) throws(Errno) {
    try systemCall(__NR_pidfd_send_signal, number.register, signal.register, 0, 0)
  }
}

/// Takes the status of any child that has ended; nil when none has (waitid(2), P_ALL, WNOHANG).
package func reapAnyChild() throws(Errno) -> (processID: Int32, status: ExitStatus)? {
  try wait(idType: 0, id: 0, options: 4 | 1)
}

/// A handle on a running process (pidfd_open(2)); ESRCH where there is none.
package func openProcess(_ processID: Int32) throws(Errno) -> FileDescriptor {
  FileDescriptor(adopting: Int32(try systemCall(__NR_pidfd_open, processID.register, 0)))
}
