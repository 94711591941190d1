internal import CLinux

/// The size of a terminal's window, in characters (ioctl_tty(2)).
package struct WindowSize: Equatable, Sendable {
  package var rows: UInt16
  package var columns: UInt16

  package init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }
}

/// How a terminal treats what passes through it: the kernel's `struct termios`, kept whole so that it can be put back.
package struct TerminalMode: Sendable {
  // input, output, control and local flags, then line discipline and control characters.
  var words: (UInt32, UInt32, UInt32, UInt32)
  var rest: (UInt64, UInt64, UInt32)

  /// This mode without a carriage return before each line feed that a program writes (ONLCR in termios(3)).
  package var withPlainLineFeeds: TerminalMode {
    var mode = self
    let lineFeedToReturn: UInt32 = 0o4
    mode.words.1 &= ~lineFeedToReturn
    return mode
  }

  /// This mode with nothing interpreted on the way in or out (cfmakeraw(3)).
  package var raw: TerminalMode {
    var mode = self
    // BRKINT, IGNBRK, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON
    let input: UInt32 = 0o2753
    // OPOST
    let output: UInt32 = 0o1
    // CSIZE, PARENB; then CS8
    let size: UInt32 = 0o460
    let eightBits: UInt32 = 0o60
    // ECHO, ECHONL, ICANON, ISIG, IEXTEN
    let local: UInt32 = 0o100113
    mode.words.0 &= ~input
    mode.words.1 &= ~output
    mode.words.2 &= ~size
    mode.words.2 |= eightBits
    mode.words.3 &= ~local
    // The line discipline is one byte; the control characters follow it: VTIME is the sixth, VMIN the seventh.
    let timeShift: UInt64 = 8 * (1 + 5)
    let minimumShift: UInt64 = 8 * (1 + 6)
    let byte: UInt64 = 0xFF
    let one: UInt64 = 1
    mode.rest.0 &= ~(byte << timeShift)
    mode.rest.0 &= ~(byte << minimumShift)
    mode.rest.0 |= one << minimumShift
    return mode
  }
}

extension Descriptor {
  /// Whether the open file is a terminal.
  package var isTerminal: Bool {
    do throws(Errno) {
      _ = try terminalMode()
      return true
    } catch {
      // ENOTTY and its kin: not a terminal.
      return false
    }
  }

  /// The terminal's mode (TCGETS).
  package func terminalMode() throws(Errno) -> TerminalMode {
    var mode = TerminalMode(words: (0, 0, 0, 0), rest: (0, 0, 0))
    let number = number
    try checked(
      unsafe withUnsafeMutableBytes(of: &mode) {
        rawSystemCall(__NR_ioctl, number.register, 0x5401, UInt(bitPattern: $0.baseAddress))
      })
    return mode
  }

  /// Sets the terminal's mode once what was written has gone out (TCSETSW).
  package func setTerminalMode(_ mode: TerminalMode) throws(Errno) {
    var mode = mode
    let number = number
    try checked(
      unsafe withUnsafeMutableBytes(of: &mode) {
        rawSystemCall(__NR_ioctl, number.register, 0x5403, UInt(bitPattern: $0.baseAddress))
      })
  }

  /// The size of the terminal's window (TIOCGWINSZ).
  package func windowSize() throws(Errno) -> WindowSize {
    var size: (UInt16, UInt16, UInt16, UInt16) = (0, 0, 0, 0)
    let number = number
    try checked(
      unsafe withUnsafeMutableBytes(of: &size) {
        rawSystemCall(__NR_ioctl, number.register, 0x5413, UInt(bitPattern: $0.baseAddress))
      })
    return WindowSize(rows: size.0, columns: size.1)
  }

  /// Sets the size of the terminal's window; its foreground processes get SIGWINCH (TIOCSWINSZ).
  package func setWindowSize(_ size: WindowSize) throws(Errno) {
    var raw: (UInt16, UInt16, UInt16, UInt16) = (size.rows, size.columns, 0, 0)
    let number = number
    try checked(
      unsafe withUnsafeMutableBytes(of: &raw) {
        rawSystemCall(__NR_ioctl, number.register, 0x5414, UInt(bitPattern: $0.baseAddress))
      })
  }

  /// Opens the other end of this pseudo-terminal master, without any path (TIOCSPTLCK, TIOCGPTPEER).
  package func openTerminalPeer() throws(Errno) -> FileDescriptor {
    var unlocked: Int32 = 0
    let number = number
    try checked(
      unsafe withUnsafeMutableBytes(of: &unlocked) {
        rawSystemCall(__NR_ioctl, number.register, 0x4004_5431, UInt(bitPattern: $0.baseAddress))
      })
    let readWriteNoControlCloseOnExec: UInt = 0o2 | 0o400 | 0o2000000
    return FileDescriptor(
      adopting: Int32(try systemCall(__NR_ioctl, number.register, 0x5441, readWriteNoControlCloseOnExec)))
  }

  /// Makes this terminal the controlling one of the calling session (TIOCSCTTY).
  package func makeControllingTerminal() throws(Errno) {
    try systemCall(__NR_ioctl, number.register, 0x540E, 0)
  }
}
