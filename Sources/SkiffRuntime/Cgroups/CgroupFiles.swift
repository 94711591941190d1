internal import SkiffKernel

/// Reading and writing control files. Their names come from this room, their directories from a `CgroupRecord`.
enum CgroupFiles {
  /// What most control files hold fits many times; `memory.stat` is the longest.
  static let usualLimitBytes = 16383
  /// `cgroup.procs` of a machine full of processes, and a mount table.
  static let largestLimitBytes = 64 << 20

  /// A path for the kernel; a zero inside is the only thing that can be wrong with it.
  static func kernelPath(_ path: String) throws(CgroupError) -> KernelPath {
    do throws(Errno) {
      return try KernelPath(path)
    } catch {
      throw .badPath(path, reason: "it contains a zero byte")
    }
  }

  /// Opens a file or directory of the host by its whole path.
  static func open(_ path: String, _ flags: OpenFlags) throws(CgroupError) -> FileDescriptor {
    let kernelPath = try kernelPath(path)
    do throws(Errno) {
      return try Descriptor.workingDirectory.open(kernelPath, flags)
    } catch {
      throw .failed(act: "open", path: path, cause: error)
    }
  }

  /// The whole content as text; what is not UTF-8 is replaced.
  static func read(_ path: String, limitBytes: Int = usualLimitBytes) throws(CgroupError) -> String {
    let file = try open(path, .readOnly)
    do throws(Errno) {
      return String(decoding: try file.descriptor.readToEnd(limitBytes: limitBytes), as: UTF8.self)
    } catch {
      throw .failed(act: "read", path: path, cause: error)
    }
  }

  /// The whole content without space at its ends; nil where the file or its group does not exist.
  static func readIfPresent(
    _ path: String, limitBytes: Int = usualLimitBytes
  ) throws(CgroupError) -> String? {
    do throws(CgroupError) {
      return trimmed(try read(path, limitBytes: limitBytes))
    } catch {
      if error.isAbsence { return nil }
      throw error
    }
  }

  /// Writes once: the kernel takes each write(2) as one command.
  static func write(_ value: String, to path: String) throws(Errno) {
    let file = try Descriptor.workingDirectory.open(try KernelPath(path), .writeOnly)
    try write(value, to: file.descriptor)
  }

  static func write(_ value: String, to file: Descriptor) throws(Errno) {
    let bytes = Array(value.utf8)
    let written = try file.write(bytes.span)
    if written != bytes.count { throw .inputOutput }
  }

  static func trimmed(_ text: String) -> String {
    // By index: every lazy collection is a generic type that each start puts together anew.
    let bytes = text.utf8
    var (start, end) = (bytes.startIndex, bytes.endIndex)
    func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: " ") || byte == 0 }
    while start < end, isSpace(bytes[start]) { start = bytes.index(after: start) }
    while start < end, isSpace(bytes[bytes.index(before: end)]) { end = bytes.index(before: end) }
    return String(text[start..<end])
  }

  /// The number after `key` in a file of lines such as `oom_kill 3`.
  static func value(of key: String, in text: String) -> UInt64? {
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " "), maxSplits: 1)
      guard words.count == 2, words[0].elementsEqual(key.utf8) else { continue }
      return UInt64(trimmed(String(decoding: words[1], as: UTF8.self)))
    }
    return nil
  }
}

extension CgroupError {
  /// Whether the thing simply is not there (any more): ENODEV is what a control file of a removed group says.
  var isAbsence: Bool {
    guard case .failed(_, _, let cause) = self else { return false }
    return cause == .notFound || cause == .noSuchDevice
  }
}
