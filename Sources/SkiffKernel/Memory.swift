internal import CLinux

/// Memory of 64-bit words that a process shares with the children it clones (mmap(2), MAP_SHARED | MAP_ANONYMOUS).
package struct SharedWords: ~Copyable {
  private let address: UInt
  package let count: Int

  /// All zero.
  package init(count: Int) throws(Errno) {
    precondition(count > 0, "shared memory holds something")
    let readWrite: UInt = 3
    let sharedAnonymous: UInt = 0x21
    let (size, _) = count.multipliedReportingOverflow(by: 8)
    self.address = UInt(
      bitPattern: try systemCall(
        __NR_mmap, 0, UInt(bitPattern: size), readWrite, sharedAnonymous, UInt(bitPattern: -1), 0))
    self.count = count
  }

  deinit {
    _ = rawSystemCall(__NR_munmap, address, UInt(bitPattern: count &* 8))
  }

  package subscript(index: Int) -> UInt64 {
    get {
      precondition(index >= 0 && index < count, "a word outside the shared memory")
      return UInt64(skiff_load_shared(address &+ UInt(bitPattern: index &* 8)))
    }
    nonmutating set {
      precondition(index >= 0 && index < count, "a word outside the shared memory")
      skiff_store_shared(address &+ UInt(bitPattern: index &* 8), UInt(newValue))
    }
  }
}

/// Files that live in memory only (memfd_create(2)).
package enum MemoryFile {
  /// An empty file; `allowSealing` lets `seal()` freeze it later.
  package static func make(name: KernelPath, allowSealing: Bool = false) throws(Errno) -> FileDescriptor {
    let closeOnExec: UInt = 1
    let flags = closeOnExec | (allowSealing ? 2 : 0)
    return FileDescriptor(
      adopting: Int32(try checked(name.withAddress { rawSystemCall(__NR_memfd_create, $0, flags) })))
  }
}

extension Descriptor {
  /// Freezes a memory file: no writing, growing, shrinking, unsealing (F_ADD_SEALS).
  package func seal() throws(Errno) {
    let addSeals: UInt = 1033
    try systemCall(__NR_fcntl, number.register, addSeals, 0xF)
  }

  /// Whether a memory file can no longer be written (F_GET_SEALS); false for any other file.
  package var isSealed: Bool {
    let getSeals: UInt = 1034
    let writeSeal = 8
    let answer = rawSystemCall(__NR_fcntl, number.register, getSeals)
    return answer > 0 && answer & writeSeal != 0
  }

  /// Moves up to `count` bytes from this file's offset to another open file inside the kernel (sendfile(2)); 0 at the end.
  package func sendFile(to target: Descriptor, count: Int) throws(Errno) -> Int {
    try restartingSystemCall(
      __NR_sendfile, target.number.register, number.register, 0, UInt(bitPattern: count))
  }
}
