import SkiffKernel

/// Reads one file of a log entry by entry, and goes on where it stopped when the file has grown.
struct LogFileReader: ~Copyable {
  private let file: FileDescriptor
  private let driver: LogDriver
  private var position: Int64 = 0
  private var pending: [UInt8] = []
  private var start = 0

  private static let pieceBytes = 131_072
  /// No entry that the monitor writes is longer: its pieces of output are, escapes and attributes and all, far below.
  private static let entryLimitBytes = 4 << 20

  init(_ file: consuming FileDescriptor, _ driver: LogDriver) {
    self.file = file
    self.driver = driver
  }

  var descriptor: Descriptor { file.descriptor }

  /// The next whole entry; nil while there is none. What is no entry is passed over.
  mutating func next() throws(Errno) -> LogEntry? {
    while true {
      guard let bytes = driver == .local ? try nextMessage() : try nextLine() else { return nil }
      if let entry = LogEntry.read(bytes, driver) { return entry }
    }
  }

  /// The next whole line without its end.
  mutating func nextLine() throws(Errno) -> ArraySlice<UInt8>? {
    while true {
      let end = pending.span.firstLineFeed(from: start)
      if end < pending.count {
        defer { start = end + 1 }
        return pending[start..<end]
      }
      // What is longer is no line of a log: it is passed over in pieces that cannot be read.
      if pending.count - start > Self.entryLimitBytes { start = pending.count }
      guard try fill() else { return nil }
    }
  }

  /// The next message, which stands between two counts of its bytes.
  private mutating func nextMessage() throws(Errno) -> ArraySlice<UInt8>? {
    while true {
      if let size = Self.count(pending[start...]) {
        // Nobody can say where the next one begins.
        if size > Self.entryLimitBytes { return nil }
        if pending.count - start >= size + 8 {
          defer { start += size + 8 }
          return pending[(start + 4)..<(start + 4 + size)]
        }
      }
      guard try fill() else { return nil }
    }
  }

  private static func count(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
  }

  /// False where there is nothing more yet.
  private mutating func fill() throws(Errno) -> Bool {
    pending.removeSubrange(..<start)
    start = 0
    var buffer = [UInt8](repeating: 0, count: Self.pieceBytes)
    let count = try file.descriptor.read(into: &buffer, at: position)
    if count == 0 {
      // Somebody has emptied it.
      if try file.descriptor.status().sizeBytes < position {
        position = 0
        pending = []
        return true
      }
      return false
    }
    position += Int64(count)
    pending.append(contentsOf: buffer.prefix(count))
    return true
  }

  /// Stands before the last `wanted` entries; gives how many there are, if there are fewer.
  mutating func skipToLast(_ wanted: Int) throws(Errno) -> Int {
    pending = []
    start = 0
    let size = try file.descriptor.status().sizeBytes
    guard wanted > 0 else {
      position = size
      return 0
    }
    return driver == .local ? try skipToLastMessages(wanted, size) : try skipToLastLines(wanted, size)
  }

  private mutating func skipToLastLines(_ wanted: Int, _ size: Int64) throws(Errno) -> Int {
    var found = 0
    var end = size
    while end > 0 {
      let begin = max(0, end - Int64(Self.pieceBytes))
      var buffer = [UInt8](repeating: 0, count: Int(end - begin))
      let read = try file.descriptor.read(into: &buffer, at: begin)
      for index in (0..<read).reversed() where buffer[index] == UInt8(ascii: "\n") {
        // The end of the last line does not begin another.
        if begin + Int64(index) == size - 1 { continue }
        found += 1
        if found == wanted {
          position = begin + Int64(index) + 1
          return wanted
        }
      }
      end = begin
    }
    position = 0
    return size > 0 ? found + 1 : 0
  }

  private mutating func skipToLastMessages(_ wanted: Int, _ size: Int64) throws(Errno) -> Int {
    var end = size
    for found in 0..<wanted {
      position = end
      guard end >= 8 else { return found }
      var count = [UInt8](repeating: 0, count: 4)
      _ = try file.descriptor.read(into: &count, at: end - 4)
      end -= Int64(Self.count(count[...]) ?? 0) + 8
      // A count that leads out of the file: what is before cannot be told apart.
      if end < 0 { return found }
    }
    position = end
    return wanted
  }
}
