package import SkiffKernel

/// The files of a log: one that grows, and those that were put aside when they were large enough, `NAME.1` the oldest of all, the
/// others with higher numbers. A number is never given twice, so that whoever reads knows where to go on, and nothing is renamed while
/// it is packed.
///
/// Packing is left to a program of its own that runs when nobody else wants the processor. It begins when the log has been quiet for a
/// moment: of a log that is put aside again and again within moments, the files are gone before they could be packed.
package final class RotatingLog {
  private let directoryPath: String
  private let name: String
  private let settings: LogSettings
  private var file: FileDescriptor?
  /// Of the file that grows; asked for with the first write.
  private var sizeBytes: Int64?
  private var packingIsDue: Int64?
  private var packing: SpawnedProcess?

  private static let quietNanoseconds: Int64 = 1_000_000_000
  private static let fileLimit = 4096

  package init(_ settings: LogSettings) throws(Errno) {
    guard let slash = settings.path.lastIndex(of: "/") else { throw .invalidArgument }
    directoryPath = String(settings.path[..<slash])
    name = String(settings.path[settings.path.index(after: slash)...])
    self.settings = settings
    file = try Descriptor.workingDirectory.open(
      try KernelPath(settings.path), [.writeOnly, .create, .append, .noFollow], mode: 0o640)
  }

  /// Appends whole entries; puts the file aside first if they would make it too large.
  package func write(_ entries: borrowing ByteBuffer, limit: Int) {
    let count = Int64(limit)
    do throws(Errno) {
      var size = try knownSize()
      if settings.maxSizeBytes > 0, size > 0, size + count > settings.maxSizeBytes {
        try putAside()
        size = 0
      }
      sizeBytes = size
      guard let file = lent else { return }
      do throws(Errno) {
        try file.writeAll(entries, limit: limit)
        sizeBytes = size + count
      } catch {
        // A full disk loses entries, not the container; none is left half written, for nobody could read on behind it.
        try file.setSize(size)
      }
    } catch {
      // These are lost; the next write tries again, and goes on where this one was stopped.
      sizeBytes = nil
    }
  }

  private var lent: Descriptor? {
    switch file {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }

  private func knownSize() throws(Errno) -> Int64 {
    if let sizeBytes { return sizeBytes }
    guard let lent else { return 0 }
    return try lent.status().sizeBytes
  }

  private func putAside() throws(Errno) {
    let directory = try Descriptor.workingDirectory.open(try KernelPath(directoryPath), [.directory])
    let current = try KernelPath(name)
    do throws(Errno) {
      if settings.maxFiles < 2 {
        try directory.descriptor.unlink(current)
      } else {
        try number(current, in: directory.descriptor)
      }
    } catch {
      // An earlier attempt came so far, and could not open the new file: the disk was full, or there were too many open files.
      guard error == .notFound else { throw error }
    }
    file = try directory.descriptor.open(
      current, [.writeOnly, .create, .append, .exclusive, .noFollow], mode: 0o640)
  }

  /// Gives the file that has grown a number, and removes those that are too many then.
  private func number(_ current: KernelPath, in directory: Descriptor) throws(Errno) {
    let kept = try LogFileNumber.list(name, in: directory, limit: Self.fileLimit)
    let next = (kept.last?.number ?? 0) + 1
    try directory.rename(current, to: try KernelPath("\(name).\(next)"), in: directory)
    let firstKept = Int64(next) - Int64(settings.maxFiles) + 2
    for old in kept where Int64(old.number) < firstKept {
      // Packed meanwhile, it has another name; the next time finds it.
      do throws(Errno) { try directory.unlink(old.name) } catch {}
    }
    if settings.compresses { packingIsDue = ClockTime.monotonic().totalNanoseconds + Self.quietNanoseconds }
  }

  // MARK: Packing

  var timeoutMilliseconds: Int64? {
    if packing != nil { return 100 }
    guard let packingIsDue else { return nil }
    return max(0, (packingIsDue - ClockTime.monotonic().totalNanoseconds) / 1_000_000 + 1)
  }

  func tick() {
    reap()
    guard let due = packingIsDue, packing == nil, ClockTime.monotonic().totalNanoseconds >= due else { return }
    pack()
  }

  private func reap() {
    switch packing {
    case .some(let process): if (try? process.handle.descriptor.waitForExit(block: false)) == .some(.none) { return }
    case .none: return
    }
    packing = nil
  }

  private func pack() {
    packingIsDue = nil
    do throws(Errno) {
      let program = try Descriptor.workingDirectory.open(try KernelPath(settings.packer), [.readOnly])
      let directory = try Descriptor.workingDirectory.open(try KernelPath(directoryPath), [.directory])
      let kept = try LogFileNumber.list(name, in: directory.descriptor, limit: Self.fileLimit)
      let loose = kept.filter { !$0.isPacked }.map(\.name.text)
      if loose.isEmpty { return }
      let null = try Descriptor.workingDirectory.open("/dev/null", [.readWrite])
      var request = SpawnRequest(arguments: ["skiff-transfer", "pack-log"] + loose, environment: [])
      request.files = [
        (null.descriptor, 0), (null.descriptor, 1), (null.descriptor, 2), (directory.descriptor, 3),
      ]
      packing = try spawn(program.descriptor, request)
    } catch {
      // They stay as they are: as many, and no larger.
    }
  }

  /// Packs what was put aside and is not packed yet. The packer outlives this process if it must.
  func finish(packs: Bool) {
    reap()
    if packs, packingIsDue != nil, packing == nil { pack() }
    file = nil
  }
}
