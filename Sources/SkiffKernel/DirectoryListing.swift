internal import CLinux

/// One name in a directory.
package struct DirectoryEntry: Sendable {
  package let name: KernelPath
  package let inode: UInt64
  /// Nil where the file system does not say (DT_UNKNOWN).
  package let type: FileType?
}

/// The names in a directory, read a piece at a time (getdents64(2)): `.` and `..` are left out.
package struct DirectoryListing: ~Copyable {
  private let directory: Descriptor
  private var buffer: [UInt8]
  private var position = 0
  private var filled = 0

  /// Reads on from where the open directory stands; it must stay open as long as this is used, and have no other reader.
  package init(_ directory: Descriptor) {
    self.directory = directory
    self.buffer = [UInt8](repeating: 0, count: 32768)
  }

  /// The next name; nil at the end.
  package mutating func next() throws(Errno) -> DirectoryEntry? {
    while true {
      if position >= filled {
        guard try fill() else { return nil }
      }
      guard let entry = try takeEntry() else { continue }
      return entry
    }
  }

  private mutating func fill() throws(Errno) -> Bool {
    let number = directory.number
    filled = try checked(
      unsafe buffer.withUnsafeMutableBytes {
        rawSystemCall(__NR_getdents64, number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count))
      })
    position = 0
    return filled > 0
  }

  /// One record: inode (8 bytes), offset (8), length of the record (2), type (1), name with its closing zero.
  private mutating func takeEntry() throws(Errno) -> DirectoryEntry? {
    let headerBytes = 19
    guard filled - position > headerBytes else { throw .inputOutput }
    let length = Int(buffer[position + 16]) | Int(buffer[position + 17]) << 8
    guard length > headerBytes, length <= filled - position else { throw .inputOutput }
    var inode: UInt64 = 0
    for index in (0..<8).reversed() { inode = inode << 8 | UInt64(buffer[position + index]) }
    let type = FileType(rawValue: UInt32(buffer[position + 18]) << 12)
    let name = buffer[(position + headerBytes)..<(position + length)].prefix { $0 != 0 }
    position += length
    let dot = UInt8(ascii: ".")
    if name.elementsEqual([dot]) || name.elementsEqual([dot, dot]) { return nil }
    return DirectoryEntry(name: try KernelPath(bytes: name), inode: inode, type: type)
  }
}

extension Descriptor {
  /// All names of this open directory, read from its start, sorted by their bytes; more than `limit` is E2BIG.
  package func sortedEntries(limit: Int) throws(Errno) -> [DirectoryEntry] {
    try seek(to: 0)
    var listing = DirectoryListing(self)
    var entries: [DirectoryEntry] = []
    while let entry = try listing.next() {
      if entries.count >= limit { throw .argumentListTooLong }
      entries.append(entry)
    }
    entries.sort { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
    return entries
  }
}
