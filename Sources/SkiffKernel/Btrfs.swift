internal import CLinux

/// Subvolumes and snapshots of btrfs, by its ioctls (ioctl_btrfs, linux/btrfs.h).
extension Descriptor {
  /// Makes an empty subvolume beneath this directory (BTRFS_IOC_SUBVOL_CREATE_V2).
  package func btrfsMakeSubvolume(_ name: KernelPath) throws(Errno) {
    try btrfsRequest(24, file: 0, flags: 0, name: name)
  }

  /// Makes a snapshot of the subvolume `source` beneath this directory (BTRFS_IOC_SNAP_CREATE_V2).
  package func btrfsMakeSnapshot(_ name: KernelPath, of source: Descriptor, readOnly: Bool) throws(Errno) {
    let readOnlyFlag: UInt64 = 1 << 1
    try btrfsRequest(23, file: Int64(source.number), flags: readOnly ? readOnlyFlag : 0, name: name)
  }

  /// Removes the subvolume or snapshot `name` of this directory with all that is in it (BTRFS_IOC_SNAP_DESTROY_V2).
  ///
  /// Subvolumes that were made inside it are not removed with it: they make it ENOTEMPTY.
  package func btrfsRemoveSubvolume(_ name: KernelPath) throws(Errno) {
    do throws(Errno) {
      try btrfsRequest(63, file: 0, flags: 0, name: name)
    } catch {
      // Before Linux 5.7 there is only the first form: struct btrfs_ioctl_vol_args, the name at 8.
      guard error.code == 25 else { throw error }
      try btrfsRequest(request: Self.btrfsCode(15), name: name, nameOffset: 8) { _ in }
    }
  }

  /// True when this open directory is the root of a subvolume: its inode is 256 on a btrfs.
  package func isBtrfsSubvolume() throws(Errno) -> Bool {
    guard try fileSystemStatus().magic == FileSystemStatus.btrfs else { return false }
    return try status().inode == 256
  }

  /// struct btrfs_ioctl_vol_args_v2: descriptor (s64 at 0), transaction, flags (u64 at 16), unused, name (at 56); 4,096 bytes.
  private func btrfsRequest(_ number: UInt, file: Int64, flags: UInt64, name: KernelPath) throws(Errno) {
    try btrfsRequest(request: Self.btrfsCode(number), name: name, nameOffset: 56) { arguments in
      for byte in 0..<8 {
        arguments[byte] = UInt8(truncatingIfNeeded: file >> (8 * Int64(byte)))
        arguments[16 + byte] = UInt8(truncatingIfNeeded: flags >> (8 * UInt64(byte)))
      }
    }
  }

  private func btrfsRequest(
    request: UInt, name: KernelPath, nameOffset: Int, fill: (inout [UInt8]) -> Void
  ) throws(Errno) {
    // A name, not a path: the kernel refuses slashes; longer than BTRFS_SUBVOL_NAME_MAX is refused here.
    guard name.bytes.count <= 255 else { throw .nameTooLong }
    var arguments = [UInt8](repeating: 0, count: 4096)
    fill(&arguments)
    arguments.replaceSubrange(nameOffset..<(nameOffset + name.bytes.count), with: name.bytes)
    let number = number
    try checked(
      unsafe arguments.withUnsafeMutableBytes {
        rawSystemCall(__NR_ioctl, number.register, request, UInt(bitPattern: $0.baseAddress))
      })
  }

  /// _IOW(0x94, number, 4096 bytes).
  private static func btrfsCode(_ number: UInt) -> UInt { 1 << 30 | 4096 << 16 | 0x94 << 8 | number }
}
