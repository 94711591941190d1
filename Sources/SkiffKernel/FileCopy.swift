internal import CLinux

extension Descriptor {
  /// Makes this empty file share the content of `source` without copying it (ioctl_ficlone(2)).
  package func clone(from source: Descriptor) throws(Errno) {
    let clone: UInt = 0x4004_9409
    try systemCall(__NR_ioctl, number.register, clone, source.number.register)
  }

  /// Makes this empty file hold what `source` holds: shared where the file system can, copied otherwise; holes stay holes.
  package func copyContent(of source: Descriptor) throws(Errno) {
    do throws(Errno) {
      try clone(from: source)
      return
    } catch {
      // No sharing here, for whatever reason: the copy below reports what is wrong in earnest.
    }
    let size = try source.status().sizeBytes
    var position: Int64 = 0
    while position < size {
      let data: Int64
      do throws(Errno) {
        data = try source.seek(to: position, whence: 3)
      } catch {
        // ENXIO: a hole up to the end.
        guard error.code == 6 else { throw error }
        break
      }
      let hole = try source.seek(to: data, whence: 4)
      try copyRange(of: source, from: data, to: min(hole, size))
      position = hole
    }
    try setSize(size)
  }

  /// Copies the bytes `from..<to`, in the kernel where it can (copy_file_range(2)).
  private func copyRange(of source: Descriptor, from: Int64, to: Int64) throws(Errno) {
    var position = from
    while position < to {
      var input = position
      var output = position
      let length = UInt(min(to - position, 1 << 30))
      let (sourceNumber, targetNumber) = (source.number, number)
      let answer = unsafe withUnsafeBytes(of: &input) { input in
        let input = UInt(bitPattern: input.baseAddress)
        return unsafe withUnsafeBytes(of: &output) { output in
          rawSystemCall(
            __NR_copy_file_range, sourceNumber.register, input, targetNumber.register,
            UInt(bitPattern: output.baseAddress), length, 0)
        }
      }
      if answer == -Int(Errno.interrupted.code) { continue }
      if answer > 0 {
        position += Int64(answer)
        continue
      }
      // The file became shorter under our hands.
      if answer == 0 { return }
      try copyThroughMemory(of: source, from: position, to: to)
      return
    }
  }

  private func copyThroughMemory(of source: Descriptor, from: Int64, to: Int64) throws(Errno) {
    var buffer = [UInt8](repeating: 0, count: 131_072)
    var position = from
    try seek(to: position)
    while position < to {
      let count = min(try source.read(into: &buffer, at: position), Int(clamping: to - position))
      if count == 0 { return }
      try writeAll(buffer.span.extracting(0..<count))
      position += Int64(count)
    }
  }
}

/// What kind of file system a file lives on (statfs(2), f_type).
package struct FileSystemType: Equatable, Hashable, Sendable {
  package let magic: UInt64

  package init(magic: UInt64) {
    self.magic = magic
  }

  package static let btrfs = FileSystemType(magic: 0x9123_683E)
  package static let overlay = FileSystemType(magic: 0x794C_7630)
  package static let tmpfs = FileSystemType(magic: 0x0102_1994)
}

/// What a file system says of itself (statfs(2)).
package struct FileSystemStatus: Sendable {
  package let type: FileSystemType
  package let blockBytes: UInt64
  /// Blocks that an ordinary process may still take.
  package let availableBlocks: UInt64
}

extension Descriptor {
  /// The file system of this open file (fstatfs(2)).
  package func fileSystemStatus() throws(Errno) -> FileSystemStatus {
    // struct statfs is fifteen 64-bit words on 64-bit Linux: type, block size, blocks, free, available …
    var words = [UInt64](repeating: 0, count: 15)
    let number = number
    try checked(
      unsafe words.withUnsafeMutableBytes {
        rawSystemCall(__NR_fstatfs, number.register, UInt(bitPattern: $0.baseAddress))
      })
    return FileSystemStatus(
      type: FileSystemType(magic: words[0]), blockBytes: words[1], availableBlocks: words[4])
  }
}
