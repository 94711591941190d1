internal import CLinux

/// A pipe's two ends (pipe(7)).
package struct Pipe: ~Copyable {
  package var reading: FileDescriptor
  package var writing: FileDescriptor

  /// Makes a pipe (pipe2(2)).
  package static func make() throws(Errno) -> Pipe {
    var numbers: (Int32, Int32) = (-1, -1)
    let closeOnExec: UInt = 0o2000000
    try checked(
      unsafe withUnsafeMutableBytes(of: &numbers) {
        rawSystemCall(__NR_pipe2, UInt(bitPattern: $0.baseAddress), closeOnExec)
      })
    return Pipe(reading: FileDescriptor(adopting: numbers.0), writing: FileDescriptor(adopting: numbers.1))
  }
}
