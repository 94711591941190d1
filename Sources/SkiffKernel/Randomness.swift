internal import CLinux

/// Bytes that nobody can guess (getrandom(2)).
package enum Randomness {
  /// At most 256 bytes, which the kernel gives whole.
  package static func bytes(_ count: Int) throws(Errno) -> [UInt8] {
    precondition((0...256).contains(count), "getrandom gives up to 256 bytes in one piece")
    var bytes = [UInt8](repeating: 0, count: count)
    try checked(
      unsafe bytes.withUnsafeMutableBytes {
        rawSystemCall(__NR_getrandom, UInt(bitPattern: $0.baseAddress), UInt($0.count), 0)
      })
    return bytes
  }
}
