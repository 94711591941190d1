internal import CLinux

extension Descriptor {
  /// Writes all of `bytes` at an offset, in as many calls as it takes (pwrite64(2)).
  package func writeAll(_ bytes: Span<UInt8>, at offset: Int64) throws(Errno) {
    let number = number
    var written = 0
    while written < bytes.count {
      let rest = bytes.extracting(written..<bytes.count)
      let (position, overflow) = offset.addingReportingOverflow(Int64(written))
      if overflow { throw .fileTooLarge }
      let answer = unsafe rest.withUnsafeBytes {
        rawSystemCall(
          __NR_pwrite64, number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count),
          UInt(bitPattern: Int(position)))
      }
      if answer == -Int(Errno.interrupted.code) { continue }
      written += try checked(answer)
    }
  }

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
