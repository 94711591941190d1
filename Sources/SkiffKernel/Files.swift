internal import CLinux
internal import Glibc

/// How a file is opened (open(2)). Close-on-exec is always added.
package struct OpenFlags: OptionSet, Sendable {
  package let rawValue: Int32

  package init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  /// A list of these. The standard library's way is generic, and is put together anew in every process.
  package init(arrayLiteral elements: Self...) {
    self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue })
  }

  package static let readOnly = OpenFlags([])
  package static let writeOnly = OpenFlags(rawValue: O_WRONLY)
  package static let readWrite = OpenFlags(rawValue: O_RDWR)
  package static let create = OpenFlags(rawValue: O_CREAT)
  package static let exclusive = OpenFlags(rawValue: O_EXCL)
  package static let truncate = OpenFlags(rawValue: O_TRUNC)
  package static let append = OpenFlags(rawValue: O_APPEND)
  package static let directory = OpenFlags(rawValue: O_DIRECTORY)
  package static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
  package static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
  package static let noControllingTerminal = OpenFlags(rawValue: O_NOCTTY)
  /// A file without a name in the directory that is opened (O_TMPFILE): it is gone when it is closed.
  package static let nameless = OpenFlags(rawValue: 0o20200000)
  /// Only a handle on the path (O_PATH).
  package static let pathOnly = OpenFlags(rawValue: 0o10000000)
}

/// What kind of thing a path names (S_IFMT).
package enum FileType: UInt32, Sendable {
  case fifo = 0o010000
  case characterDevice = 0o020000
  case directory = 0o040000
  case blockDevice = 0o060000
  case regular = 0o100000
  case symbolicLink = 0o120000
  case socket = 0o140000
}

/// The kernel's 64-bit packing of a device's major and minor number (makedev(3)).
package enum DeviceNumber {
  package static func encode(major: UInt32, minor: UInt32) -> UInt64 {
    let (major, minor) = (UInt64(major), UInt64(minor))
    return (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & 0xFFFF_FF00) << 12 | (major & 0xFFFF_F000) << 32
  }

  package static func major(_ device: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: (device >> 8 & 0xFFF) | (device >> 32 & 0xFFFF_F000))
  }

  package static func minor(_ device: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: (device & 0xFF) | (device >> 12 & 0xFFFF_FF00))
  }
}

/// What the kernel knows of a file (stat(2)).
package struct FileStatus: Sendable {
  package let device: UInt64
  package let inode: UInt64
  /// Type and permission bits together.
  package let modeBits: UInt32
  package let linkCount: UInt64
  package let userID: UInt32
  package let groupID: UInt32
  /// The device that a device node stands for.
  package let specialDevice: UInt64
  package let sizeBytes: Int64
  /// Space taken, in units of 512 bytes.
  package let blocks: Int64
  package let modifiedSeconds: Int64
  package let modifiedNanoseconds: Int64

  /// Nil for a type that Linux does not have.
  package var type: FileType? { FileType(rawValue: modeBits & 0o170000) }
  /// The permission bits with setuid, setgid and sticky.
  package var permissions: UInt32 { modeBits & 0o7777 }
  package var major: UInt32 { DeviceNumber.major(specialDevice) }
  package var minor: UInt32 { DeviceNumber.minor(specialDevice) }

  init(_ raw: stat) {
    device = UInt64(raw.st_dev)
    inode = UInt64(raw.st_ino)
    modeBits = raw.st_mode
    linkCount = UInt64(raw.st_nlink)
    userID = raw.st_uid
    groupID = raw.st_gid
    specialDevice = UInt64(raw.st_rdev)
    sizeBytes = Int64(raw.st_size)
    blocks = Int64(raw.st_blocks)
    modifiedSeconds = Int64(raw.st_mtim.tv_sec)
    modifiedNanoseconds = Int64(raw.st_mtim.tv_nsec)
  }
}

/// Turns libc's -1 into what it left in errno.
@inline(__always)
@discardableResult
func checkedLibrary(_ answer: Int32) throws(Errno) -> Int32 {
  if answer < 0 { throw Errno(errno) }
  return answer
}

// Calls on a path beneath an open directory. `path` follows the kernel's rules: where it comes from outside, use `Root`.
extension Descriptor {
  /// Opens `path` relative to this directory (openat(2)).
  package func open(_ path: KernelPath, _ flags: OpenFlags, mode: UInt32 = 0) throws(Errno) -> FileDescriptor {
    let number = number
    let bits = UInt(UInt32(bitPattern: flags.rawValue | O_CLOEXEC))
    while true {
      let answer = path.withAddress { rawSystemCall(__NR_openat, number.register, $0, bits, mode.register) }
      if answer == -Int(EINTR) { continue }
      return FileDescriptor(adopting: Int32(try checked(answer)))
    }
  }

  /// What `path` names; a symbolic link is itself unless `follow` (fstatat(2)).
  package func status(_ path: KernelPath, follow: Bool = false) throws(Errno) -> FileStatus {
    var raw = stat()
    let answer = unsafe path.terminated.withUnsafeBytes { bytes in
      guard let address = bytes.baseAddress else { return Int32(-1) }
      return unsafe fstatat(
        number, address.assumingMemoryBound(to: CChar.self), &raw, follow ? 0 : AT_SYMLINK_NOFOLLOW)
    }
    try checkedLibrary(answer)
    return FileStatus(raw)
  }

  /// What the open file is (fstat(2)).
  package func status() throws(Errno) -> FileStatus {
    var raw = stat()
    try checkedLibrary(unsafe fstat(number, &raw))
    return FileStatus(raw)
  }

  /// Makes a directory (mkdirat(2)); the process's umask is taken off `mode`.
  package func makeDirectory(_ path: KernelPath, mode: UInt32) throws(Errno) {
    let number = number
    try checked(path.withAddress { rawSystemCall(__NR_mkdirat, number.register, $0, mode.register) })
  }

  /// Makes a file, device, FIFO or socket node (mknodat(2)).
  package func makeNode(
    _ path: KernelPath, type: FileType, mode: UInt32, major: UInt32 = 0, minor: UInt32 = 0
  ) throws(Errno) {
    let number = number
    let device = UInt(DeviceNumber.encode(major: major, minor: minor))
    try checked(
      path.withAddress {
        rawSystemCall(__NR_mknodat, number.register, $0, UInt(type.rawValue | mode), device)
      })
  }

  /// Makes `path` a symbolic link that holds `target` (symlinkat(2)).
  package func makeSymbolicLink(_ path: KernelPath, target: KernelPath) throws(Errno) {
    let number = number
    try checked(
      target.withAddress { target in
        path.withAddress { rawSystemCall(__NR_symlinkat, target, number.register, $0) }
      })
  }

  /// Makes `path` beneath `directory` another name of `source` beneath this one (linkat(2)).
  package func link(_ source: KernelPath, to path: KernelPath, in directory: Descriptor) throws(Errno) {
    let number = number
    try checked(
      source.withAddress { source in
        path.withAddress {
          rawSystemCall(__NR_linkat, number.register, source, directory.number.register, $0, 0)
        }
      })
  }

  /// Makes `path` beneath `directory` another name of this open file (linkat(2), AT_EMPTY_PATH; needs CAP_DAC_READ_SEARCH).
  package func link(to path: KernelPath, in directory: Descriptor) throws(Errno) {
    let number = number
    let empty: KernelPath = ""
    try checked(
      empty.withAddress { empty in
        path.withAddress {
          rawSystemCall(__NR_linkat, number.register, empty, directory.number.register, $0, 0x1000)
        }
      })
  }

  /// Removes a name that is not a directory (unlinkat(2)).
  package func unlink(_ path: KernelPath) throws(Errno) {
    let number = number
    try checked(path.withAddress { rawSystemCall(__NR_unlinkat, number.register, $0, 0) })
  }

  /// Removes an empty directory (unlinkat(2), AT_REMOVEDIR).
  package func removeDirectory(_ path: KernelPath) throws(Errno) {
    let number = number
    try checked(path.withAddress { rawSystemCall(__NR_unlinkat, number.register, $0, 0x200) })
  }

  /// Renames; `noReplace` refuses an existing target with EEXIST (renameat2(2)).
  package func rename(
    _ path: KernelPath, to target: KernelPath, in directory: Descriptor, noReplace: Bool = false
  ) throws(Errno) {
    let number = number
    try checked(
      path.withAddress { path in
        target.withAddress {
          rawSystemCall(
            __NR_renameat2, number.register, path, directory.number.register, $0, noReplace ? 1 : 0)
        }
      })
  }

  /// Gives two things of this directory each other's name, at one stroke (renameat2(2), RENAME_EXCHANGE).
  package func exchange(_ path: KernelPath, with other: KernelPath) throws(Errno) {
    let number = number
    try checked(
      path.withAddress { path in
        other.withAddress { rawSystemCall(__NR_renameat2, number.register, path, number.register, $0, 2) }
      })
  }

  /// What the symbolic link `path` holds, at most 4,095 bytes (readlinkat(2)). An empty path reads this open link.
  package func readLink(_ path: KernelPath) throws(Errno) -> KernelPath {
    let number = number
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = try checked(
      unsafe buffer.withUnsafeMutableBytes { buffer in
        let address = UInt(bitPattern: buffer.baseAddress)
        let size = UInt(buffer.count)
        return path.withAddress { rawSystemCall(__NR_readlinkat, number.register, $0, address, size) }
      })
    if count == buffer.count { throw .nameTooLong }
    return try KernelPath(bytes: buffer.prefix(count))
  }
}

// Calls on the open file itself.
extension Descriptor {
  /// Sets owner and group; 0xFFFFFFFF leaves one as it is (fchownat(2), AT_EMPTY_PATH: works on an O_PATH handle, never follows).
  package func changeOwner(userID: UInt32, groupID: UInt32) throws(Errno) {
    let number = number
    let empty: KernelPath = ""
    try checked(
      empty.withAddress {
        rawSystemCall(__NR_fchownat, number.register, $0, userID.register, groupID.register, 0x1000)
      })
  }

  /// Sets the permission bits (fchmod(2)); not for an O_PATH handle.
  package func changeMode(_ mode: UInt32) throws(Errno) {
    try systemCall(__NR_fchmod, number.register, mode.register)
  }

  /// Cuts or stretches the file (ftruncate(2)).
  package func setSize(_ sizeBytes: Int64) throws(Errno) {
    try systemCall(__NR_ftruncate, number.register, UInt(bitPattern: Int(sizeBytes)))
  }

  /// Puts data and metadata on the disk (fsync(2)).
  package func synchronize() throws(Errno) {
    try systemCall(__NR_fsync, number.register)
  }

  /// Puts everything of this file's file system on the disk (syncfs(2)).
  package func synchronizeFileSystem() throws(Errno) {
    try systemCall(__NR_syncfs, number.register)
  }

  /// Reads what is there, at most `buffer.count` bytes; 0 is the end (read(2)).
  package func read(into buffer: inout [UInt8]) throws(Errno) -> Int {
    let number = number
    let size = UInt(buffer.count)
    while true {
      let answer = unsafe buffer.withUnsafeMutableBytes {
        rawSystemCall(__NR_read, number.register, UInt(bitPattern: $0.baseAddress), size)
      }
      if answer == -Int(EINTR) { continue }
      return try checked(answer)
    }
  }

  /// Reads what is there at an offset, at most `buffer.count` bytes; 0 is the end (pread64(2)).
  package func read(into buffer: inout [UInt8], at offset: Int64) throws(Errno) -> Int {
    let number = number
    let size = UInt(buffer.count)
    while true {
      let answer = unsafe buffer.withUnsafeMutableBytes {
        rawSystemCall(
          __NR_pread64, number.register, UInt(bitPattern: $0.baseAddress), size, UInt(bitPattern: Int(offset)))
      }
      if answer == -Int(EINTR) { continue }
      return try checked(answer)
    }
  }

  /// Reads to the end; more than `limitBytes` is EFBIG.
  ///
  /// Into memory that was not touched before: most files are small, and each page of a buffer that is cleared first is paid for.
  package func readToEnd(limitBytes: Int) throws(Errno) -> [UInt8] {
    var content: [UInt8] = []
    var chunkBytes = 16_384
    let largestChunkBytes = 1 << 20
    while true {
      let chunk = try readChunk(min(limitBytes - content.count + 1, chunkBytes))
      if chunk.isEmpty { return content }
      if content.count + chunk.count > limitBytes { throw .fileTooLarge }
      if content.isEmpty { content = chunk } else { content.append(contentsOf: chunk) }
      if chunk.count == chunkBytes { chunkBytes = min(chunkBytes * 4, largestChunkBytes) }
    }
  }

  /// Reads once, at most so many bytes; none at the end.
  private func readChunk(_ limitBytes: Int) throws(Errno) -> [UInt8] {
    let number = number
    var failure: Errno?
    let chunk = unsafe [UInt8](unsafeUninitializedCapacity: limitBytes) { buffer, count in
      while true {
        let answer = rawSystemCall(
          __NR_read, number.register, UInt(bitPattern: buffer.baseAddress), UInt(buffer.count))
        if answer == -Int(EINTR) { continue }
        if answer < 0 { failure = Errno(Int32(truncatingIfNeeded: -answer)) } else { count = answer }
        return
      }
    }
    if let failure { throw failure }
    return chunk
  }

  /// Writes once; gives how many bytes went (write(2)).
  package func write(_ bytes: Span<UInt8>) throws(Errno) -> Int {
    let number = number
    let count = UInt(bytes.count)
    while true {
      let answer = unsafe bytes.withUnsafeBytes {
        rawSystemCall(__NR_write, number.register, UInt(bitPattern: $0.baseAddress), count)
      }
      if answer == -Int(EINTR) { continue }
      return try checked(answer)
    }
  }

  /// Writes all of `bytes`, in as many calls as it takes.
  package func writeAll(_ bytes: Span<UInt8>) throws(Errno) {
    var written = 0
    while written < bytes.count {
      written += try write(bytes.extracting(written..<bytes.count))
    }
  }

  /// Writes all bytes of an array.
  package func writeAll(_ bytes: [UInt8]) throws(Errno) {
    try writeAll(bytes.span)
  }

  /// Moves the offset (lseek(2)); `whence` as there (SEEK_SET 0, SEEK_CUR 1, SEEK_END 2, SEEK_DATA 3, SEEK_HOLE 4).
  @discardableResult
  package func seek(to offset: Int64, whence: Int32 = 0) throws(Errno) -> Int64 {
    Int64(try systemCall(__NR_lseek, number.register, UInt(bitPattern: Int(offset)), whence.register))
  }

  /// Takes the advisory lock of the open file (flock(2)); without `wait` a held lock is EAGAIN.
  package func lock(exclusive: Bool, wait: Bool) throws(Errno) {
    let operation: UInt = (exclusive ? 2 : 1) | (wait ? 0 : 4)
    try restartingSystemCall(__NR_flock, number.register, operation)
  }
}
