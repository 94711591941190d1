package import SkiffKernel

/// One file of a log that was put aside: `NAME.7`, or `NAME.7.gz` once it is packed. The higher the number the newer.
package struct LogFileNumber: Equatable, Sendable {
  package let number: UInt32
  package let isPacked: Bool
  /// What is left of a packing that was cut off, or is under way.
  package let isUnfinished: Bool
  package let name: KernelPath

  /// Nil for what is no such name.
  package init?(_ entry: KernelPath, of log: String) {
    let text = entry.text
    guard text.hasPrefix(log + ".") else { return nil }
    let parts = text.dropFirst(log.count + 1).split(separator: ".", omittingEmptySubsequences: false)
    guard let digits = parts.first, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), digits.first != "0",
      let number = UInt32(digits)
    else { return nil }
    switch parts.dropFirst().map(String.init) {
    case []: (isPacked, isUnfinished) = (false, false)
    case ["gz"]: (isPacked, isUnfinished) = (true, false)
    case ["gz", "new"]: (isPacked, isUnfinished) = (true, true)
    default: return nil
    }
    self.number = number
    self.name = entry
  }

  /// All of a log, the oldest first; a number that is there packed and not packed comes twice, the one that is not packed first.
  package static func list(_ log: String, in directory: Descriptor, limit: Int) throws(Errno) -> [LogFileNumber] {
    // An open directory of its own: a listing moves where it stands.
    let opened = try directory.open(".", [.directory])
    let entries = try opened.descriptor.sortedEntries(limit: limit)
    let numbers = entries.compactMap { LogFileNumber($0.name, of: log) }
    return numbers.sorted { ($0.number, $0.isPacked ? 1 : 0) < ($1.number, $1.isPacked ? 1 : 0) }
  }
}
