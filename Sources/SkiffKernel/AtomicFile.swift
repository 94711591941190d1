internal import CLinux

/// Names that nobody else will choose, for what is written beside its place.
package enum TemporaryName {
  /// `prefix` and 16 hexadecimal digits of the kernel's randomness (getrandom(2)).
  package static func make(prefix: String) throws(Errno) -> KernelPath {
    var random: UInt64 = 0
    let answer = unsafe withUnsafeMutableBytes(of: &random) {
      rawSystemCall(__NR_getrandom, UInt(bitPattern: $0.baseAddress), UInt($0.count), 0)
    }
    try checked(answer)
    let digits = String(random, radix: 16)
    return try KernelPath(prefix + String(repeating: "0", count: 16 - digits.utf8.count) + digits)
  }
}

extension Descriptor {
  /// Replaces the file `name` of this directory: after a crash at any point it holds the old content or the new, whole.
  ///
  /// Written beside, synced, renamed in; then the directory is synced (AtomicFile is the pattern's usual name).
  ///
  /// - Parameter isDurable: false for what need not outlive the machine's next start: nothing is synced then.
  package func replaceFile(
    _ name: KernelPath, with content: [UInt8], mode: UInt32 = 0o600, isDurable: Bool = true
  ) throws(Errno) {
    let temporary = try TemporaryName.make(prefix: ".new-")
    let file = try open(temporary, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
    do throws(Errno) {
      try file.descriptor.writeAll(content)
      try file.descriptor.changeMode(mode)
      if isDurable { try file.descriptor.synchronize() }
      try rename(temporary, to: name, in: self)
    } catch {
      // The first error tells more than a failure to clean up after it.
      do throws(Errno) { try unlink(temporary) } catch {}
      throw error
    }
    if isDurable { try synchronize() }
  }

  /// The content of the regular file `name` of this directory, no link followed, at most `limitBytes`.
  ///
  /// What is not a regular file is EINVAL: a FIFO in its place must not block the reader.
  package func readFile(_ name: KernelPath, limitBytes: Int) throws(Errno) -> [UInt8] {
    let file = try open(name, [.readOnly, .noFollow, .nonBlocking])
    guard try file.descriptor.status().type == .regular else { throw .invalidArgument }
    return try file.descriptor.readToEnd(limitBytes: limitBytes)
  }
}
