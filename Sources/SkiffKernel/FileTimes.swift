internal import CLinux

/// A moment as the kernel keeps it for a file: seconds since 1970 and nanoseconds within the second.
package struct FileTime: Equatable, Hashable, Sendable {
  package let seconds: Int64
  /// 0…999,999,999.
  package let nanoseconds: Int64

  /// Nanoseconds out of range are brought into it: the kernel has special meanings for larger ones.
  package init(seconds: Int64, nanoseconds: Int64 = 0) {
    self.seconds = seconds
    self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
  }
}

extension Descriptor {
  /// Sets the access and modification times of this open file (utimensat(2)); not for an O_PATH handle.
  package func setTimes(accessed: FileTime, modified: FileTime) throws(Errno) {
    try setTimes(address: 0, flags: 0, accessed: accessed, modified: modified)
  }

  /// Sets the times of `name` beneath this directory; a symbolic link is itself (utimensat(2), AT_SYMLINK_NOFOLLOW).
  package func setTimes(_ name: KernelPath, accessed: FileTime, modified: FileTime) throws(Errno) {
    let number = number
    var times = (accessed.seconds, accessed.nanoseconds, modified.seconds, modified.nanoseconds)
    try checked(
      unsafe withUnsafeBytes(of: &times) { times in
        let address = UInt(bitPattern: times.baseAddress)
        return name.withAddress { rawSystemCall(__NR_utimensat, number.register, $0, address, 0x100) }
      })
  }

  private func setTimes(address: UInt, flags: UInt, accessed: FileTime, modified: FileTime) throws(Errno) {
    let number = number
    var times = (accessed.seconds, accessed.nanoseconds, modified.seconds, modified.nanoseconds)
    try checked(
      unsafe withUnsafeBytes(of: &times) { times in
        rawSystemCall(__NR_utimensat, number.register, address, UInt(bitPattern: times.baseAddress), flags)
      })
  }

  /// Sets owner and group of `name` beneath this directory; a symbolic link is itself (fchownat(2)).
  package func changeOwner(_ name: KernelPath, userID: UInt32, groupID: UInt32) throws(Errno) {
    let number = number
    try checked(
      name.withAddress {
        rawSystemCall(__NR_fchownat, number.register, $0, userID.register, groupID.register, 0x100)
      })
  }

  /// Sets the permission bits of the file behind an O_PATH handle (chmod(2) on /proc/self/fd/N).
  package func changeModeOfHandle(_ mode: UInt32) throws(Errno) {
    let path = try KernelPath(path)
    let workingDirectory = Descriptor.workingDirectory.number
    try checked(path.withAddress { rawSystemCall(__NR_fchmodat, workingDirectory.register, $0, mode.register) })
  }
}
