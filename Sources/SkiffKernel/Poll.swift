internal import CLinux

/// What is waited for and what happened on an open file (poll(2)).
package struct PollEvents: OptionSet, Sendable {
  package let rawValue: Int16

  package init(rawValue: Int16) {
    self.rawValue = rawValue
  }

  /// A list of these. The standard library's way is generic, and is put together anew in every process.
  package init(arrayLiteral elements: Self...) {
    self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue })
  }

  package static let readable = PollEvents(rawValue: 0x01)
  package static let writable = PollEvents(rawValue: 0x04)
  package static let error = PollEvents(rawValue: 0x08)
  package static let hangup = PollEvents(rawValue: 0x10)
  package static let invalid = PollEvents(rawValue: 0x20)
}

/// One file of a wait.
package struct PollEntry: Sendable {
  /// A negative number is passed over.
  var number: Int32
  var wanted: Int16
  var happened: Int16 = 0

  package init(_ file: Descriptor?, _ wanted: PollEvents) {
    self.number = file?.number ?? -1
    self.wanted = wanted.rawValue
  }

  package var events: PollEvents { PollEvents(rawValue: happened) }
}

/// Waits until something happens on one of the files or the time is over (ppoll(2)); nil waits for ever. Gives how many have events; 0 after a signal too.
@discardableResult
package func poll(_ entries: inout [PollEntry], timeoutMilliseconds: Int64? = nil) throws(Errno) -> Int {
  let count = UInt(entries.count)
  var time: (Int64, Int64) = (0, 0)
  if let timeoutMilliseconds {
    let bounded = max(0, timeoutMilliseconds)
    time = (bounded / 1000, bounded % 1000 * 1_000_000)
  }
  let answer = unsafe entries.withUnsafeMutableBytes { entries in
    unsafe withUnsafeMutableBytes(of: &time) {
      rawSystemCall(
        __NR_ppoll, UInt(bitPattern: entries.baseAddress), count,
        timeoutMilliseconds == nil ? 0 : UInt(bitPattern: $0.baseAddress), 0, 8)
    }
  }
  if answer == -Int(Errno.interrupted.code) { return 0 }
  return try checked(answer)
}
