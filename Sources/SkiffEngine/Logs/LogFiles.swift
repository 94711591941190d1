import SkiffKernel
import SkiffRuntime

/// The files of a log, read one after the other as if they were one: those that were put aside, packed or not, then the one that grows,
/// and on over its being put aside in its turn.
final class LogFiles {
  private let directory: FileDescriptor
  private let driver: LogDriver
  /// Writes what a packed file holds to an open file.
  private let unpack: (Descriptor, Descriptor) throws(EngineError) -> Void
  private var current: Current?
  /// Files that come behind the current one and are open already.
  private var opened: [Current] = []

  private static let fileLimit = 4096

  /// A file that is read.
  private final class Current {
    let number: UInt32
    /// Of the file that grows.
    let inode: UInt64?
    var reader: LogFileReader

    init(_ number: UInt32, inode: UInt64?, _ reader: consuming LogFileReader) {
      self.number = number
      self.inode = inode
      self.reader = reader
    }
  }

  init(
    directory: consuming FileDescriptor, driver: LogDriver,
    unpack: @escaping (Descriptor, Descriptor) throws(EngineError) -> Void
  ) {
    self.directory = directory
    self.driver = driver
    self.unpack = unpack
  }

  private var name: KernelPath { KernelPath(stringLiteral: Engine.logName) }

  private func failing<Result: ~Copyable>(_ body: () throws(Errno) -> Result) throws(EngineError) -> Result {
    try naming("read", "the log", body)
  }

  private func list() throws(EngineError) -> [LogFileNumber] {
    try failing { () throws(Errno) in
      try LogFileNumber.list(Engine.logName, in: directory.descriptor, limit: Self.fileLimit)
        .filter { !$0.isUnfinished }
    }
  }

  /// Stands at the first entry, or before the last `tail`. Files that were put aside before `since` are passed over.
  func begin(tail: Int?, since: Int64?) throws(EngineError) {
    guard let growing = try openGrowing() else {
      // Between two files, or never started: what was put aside is there.
      try beginWithOldest(since)
      return
    }
    guard let tail else {
      try beginWithOldest(since)
      if current == nil { current = growing }
      return
    }
    var missing = tail - (try failing { () throws(Errno) in try growing.reader.skipToLast(tail) })
    opened = [growing]
    while missing > 0, let first = opened.first, let older = try openLast(before: first.number) {
      let found = try failing { () throws(Errno) in try older.reader.skipToLast(missing) }
      missing -= found
      opened.insert(older, at: 0)
    }
    current = opened.removeFirst()
  }

  private func beginWithOldest(_ since: Int64?) throws(EngineError) {
    for file in try list() {
      if let since {
        let status = try? directory.descriptor.status(file.name)
        if let status, status.modifiedSeconds < since { continue }
      }
      if let opened = try open(file.number) {
        current = opened
        return
      }
    }
  }

  /// The next entry; nil while there is none.
  func next() throws(EngineError) -> LogEntry? {
    while let file = current {
      if let entry = try failing({ () throws(Errno) in try file.reader.next() }) { return entry }
      if let inode = file.inode {
        if try growingInode() == inode { return nil }
        // It was put aside. What came before that is read first; nothing comes after it.
        if let entry = try failing({ () throws(Errno) in try file.reader.next() }) { return entry }
      }
      guard let following = try opened.isEmpty ? openNext(after: file.number) : opened.removeFirst() else { return nil }
      current = following
    }
    current = try openGrowing()
    return current == nil ? nil : try next()
  }

  /// The file that grows, if it is the one that is read.
  var growing: Descriptor? {
    guard let current, current.inode != nil else { return nil }
    return current.reader.descriptor
  }

  // MARK: Opening

  private func growingInode() throws(EngineError) -> UInt64? {
    do throws(Errno) {
      return try directory.descriptor.status(name).inode
    } catch {
      if error == .notFound { return nil }
      throw .kernel(act: "read", thing: "the log", cause: error)
    }
  }

  /// The file that grows, with the number that it will get; nil where there is none at the moment.
  private func openGrowing() throws(EngineError) -> Current? {
    let triesLimit = 100
    for _ in 0..<triesLimit {
      do throws(Errno) {
        let file = try directory.descriptor.open(name, [.readOnly, .noFollow, .nonBlocking])
        let inode = try file.descriptor.status().inode
        let numbers = try LogFileNumber.list(Engine.logName, in: directory.descriptor, limit: Self.fileLimit)
        // Put aside while the others were looked at: then the numbers are not those of before.
        if try directory.descriptor.status(name).inode != inode { continue }
        return Current((numbers.last?.number ?? 0) + 1, inode: inode, LogFileReader(file, driver))
      } catch {
        if error == .notFound { return nil }
        throw .kernel(act: "read", thing: "the log", cause: error)
      }
    }
    throw .report("cannot read the log: it is put aside faster than it can be opened")
  }

  /// The file that follows; the one that grows is the last.
  private func openNext(after number: UInt32) throws(EngineError) -> Current? {
    let triesLimit = 100
    for _ in 0..<triesLimit {
      // Some may be gone meanwhile, as too old: a reader that is too slow misses them.
      if let next = try list().first(where: { $0.number > number }) {
        if let opened = try open(next.number) { return opened }
        continue
      }
      guard let growing = try openGrowing() else { return nil }
      // One that is later than the next was preceded by others, which were put aside just now.
      if growing.number <= number + 1 { return growing }
      if try list().first(where: { $0.number > number }) == nil { return growing }
    }
    return nil
  }

  private func openLast(before number: UInt32) throws(EngineError) -> Current? {
    while let last = try list().last(where: { $0.number < number }) {
      if let opened = try open(last.number) { return opened }
    }
    return nil
  }

  /// A file that was put aside, unpacked if it must be; nil where it is gone meanwhile.
  private func open(_ number: UInt32) throws(EngineError) -> Current? {
    for suffix in ["", ".gz", ""] {
      guard let file = try openFile("\(Engine.logName).\(number)\(suffix)") else { continue }
      if suffix.isEmpty { return Current(number, inode: nil, LogFileReader(file, driver)) }
      return Current(number, inode: nil, LogFileReader(try unpacked(file.descriptor), driver))
    }
    return nil
  }

  private func openFile(_ name: String) throws(EngineError) -> FileDescriptor? {
    do throws(Errno) {
      return try directory.descriptor.open(try KernelPath(name), [.readOnly, .noFollow, .nonBlocking])
    } catch {
      if error == .notFound { return nil }
      throw .kernel(act: "read", thing: "the log", cause: error)
    }
  }

  private func unpacked(_ file: Descriptor) throws(EngineError) -> FileDescriptor {
    let target = try failing { () throws(Errno) in
      do throws(Errno) {
        return try directory.descriptor.open(".", [.readWrite, .nameless], mode: 0o600)
      } catch {
        // Not every file system has files without names.
        return try MemoryFile.make(name: "log")
      }
    }
    try unpack(file, target.descriptor)
    return target
  }
}
