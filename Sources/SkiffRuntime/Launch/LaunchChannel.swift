package import SkiffKernel

/// What parent and child say to each other while a container is made: packets, the first byte says what.
///
/// ```
/// child                                parent
///   u  my user namespace is made  ───▶   writes the id maps
///                                 ◀───   k
///   t  a tree of my own to bind,  ───▶   applies the bind's options, ids too
///      its place in the sources   ◀───   k
///   n  my network is there        ───▶   moves links of the host into it
///                                 ◀───   k
///   o  set my out-of-memory score ───▶   oom_score_adj, where the child may not
///                                 ◀───   k
///   h  run the hooks outside      ───▶   prestart, createRuntime
///                                 ◀───   k
///   i  I run hooks, who am I?     ───▶
///                                 ◀───   k + the state, JSON
///   c  created                    ───▶
///                                 ◀───   s  start
///   l  a supervisor's file, sent  ───▶   sends it on, with the container's state
///      along                      ◀───   k
///   (end: the program runs, or the board says what failed)
/// ```
/// The end of the channel is the only way in which a success is told: execve(2) closes it. If the parent dies the child
/// sees the end, too, and goes.
package enum LaunchMessage: UInt8 {
  case mapsWanted = 0x75
  /// 2 bytes: the place in the plan's sources; the tree comes with it (SCM_RIGHTS).
  case sourceFound = 0x74
  case networkDevicesWanted = 0x6E
  case oomScoreWanted = 0x6F
  case hooksWanted = 0x68
  case stateWanted = 0x69
  case created = 0x63
  /// The file on which a supervisor of system calls listens comes with it (SCM_RIGHTS).
  case listener = 0x6C
  case goOn = 0x6B
  case start = 0x73
  /// From a child that was started by `start`: 1 byte of kind, then the words of what failed.
  case failed = 0x65

  /// The kind of a failure that was a hook's.
  static let failedHook: UInt8 = 1
}

extension Descriptor {
  func send(_ message: LaunchMessage, _ payload: [UInt8] = [], file: Descriptor? = nil) throws(Errno) {
    try send([message.rawValue] + payload, file: file)
  }

  /// The next message; nil at the end of the channel. A file that comes with it is closed.
  package func receiveMessage() throws(Errno) -> (LaunchMessage, payload: [UInt8])? {
    guard let (message, payload, file) = try receiveMessageAndFile() else { return nil }
    if let file { _ = FileDescriptor(adopting: file) }
    return (message, payload)
  }

  /// The next message, and the number of a file that came with it and is the caller's now.
  func receiveMessageAndFile() throws(Errno) -> (LaunchMessage, payload: [UInt8], file: Int32?)? {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count: Int
    let file: Int32?
    do throws(Errno) {
      (count, file) = try receive(into: &buffer)
    } catch {
      // The other side went without reading everything: the same as its end.
      guard error == .connectionReset else { throw error }
      return nil
    }
    if count == 0 { return nil }
    guard let message = LaunchMessage(rawValue: buffer[0]) else {
      if let file { _ = FileDescriptor(adopting: file) }
      throw .badMessage
    }
    return (message, Array(buffer[1..<count]), file)
  }
}

/// A file that came with a message, or did not; closed with it.
struct FileOrNothing: ~Copyable {
  private let file: FileDescriptor?

  init(_ number: Int32?) {
    if let number {
      file = FileDescriptor(adopting: number)
    } else {
      file = nil
    }
  }

  var descriptor: Descriptor? {
    switch file {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }
}
