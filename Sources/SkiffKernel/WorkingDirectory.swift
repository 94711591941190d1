internal import CLinux

/// Makes `path` the working directory (chdir(2)).
package func changeWorkingDirectory(_ path: KernelPath) throws(Errno) {
  try checked(path.withAddress { rawSystemCall(__NR_chdir, $0) })
}

/// The path of the working directory (getcwd(2)); starts with `(unreachable)` when it lies outside the root.
package func workingDirectory() throws(Errno) -> KernelPath {
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = try checked(
    unsafe buffer.withUnsafeMutableBytes {
      rawSystemCall(__NR_getcwd, UInt(bitPattern: $0.baseAddress), UInt($0.count))
    })
  return try KernelPath(bytes: buffer.prefix(count - 1))
}

extension Descriptor {
  /// Makes this open directory the working directory (fchdir(2)).
  package func makeWorkingDirectory() throws(Errno) {
    try systemCall(__NR_fchdir, number.register)
  }
}
