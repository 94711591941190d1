/// What an attached client and the monitor say to each other: packets of one type byte and a payload.
///
/// ```
/// client                         monitor
///   0  bytes for stdin     ───▶
///   1  stdin has ended     ───▶
///   2  rows, columns       ───▶
///   3  check the health    ───▶
///                          ◀───  16  bytes of stdout (or of the terminal)
///                          ◀───  17  bytes of stderr
///                          ◀───  18  the exit code, one byte, and a 1 where the container will be started again: the last packet
///                          ◀───  19  what the check found, one byte: 0 is well
///                          ◀───  20  the container's program has ended and its files are nobody's any more: to the first client of one
///                                    that removes itself, which may remove them while the monitor cleans up the rest
/// ```
package enum AttachPacket: UInt8, Sendable {
  case input = 0
  case inputEnd = 1
  case windowSize = 2
  case healthCheck = 3
  case output = 16
  case errorOutput = 17
  case exit = 18
  case healthResult = 19
  case filesLeft = 20

  /// The largest payload, in bytes.
  package static let payloadLimit = 32768
}
