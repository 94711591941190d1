internal import CLinux

/// Properties of one mount (mount_setattr(2), MOUNT_ATTR_*).
package struct MountAttributes: OptionSet, Sendable, Hashable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// A list of these. The standard library's way is generic, and is put together anew in every process.
  package init(arrayLiteral elements: Self...) {
    self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue })
  }

  package static let readOnly = MountAttributes(rawValue: 0x01)
  package static let noSetUserID = MountAttributes(rawValue: 0x02)
  package static let noDevices = MountAttributes(rawValue: 0x04)
  package static let noExecute = MountAttributes(rawValue: 0x08)
  /// The access time field: relatime is its zero.
  package static let accessTimeMask = MountAttributes(rawValue: 0x70)
  package static let noAccessTime = MountAttributes(rawValue: 0x10)
  package static let strictAccessTime = MountAttributes(rawValue: 0x20)
  package static let noDirectoryAccessTime = MountAttributes(rawValue: 0x80)
  package static let idMapped = MountAttributes(rawValue: 0x0010_0000)
  package static let noFollowLinks = MountAttributes(rawValue: 0x0020_0000)
}

/// What a mount passes on to and takes from its peers (mount_namespaces(7)).
package enum MountPropagation: UInt64, Sendable {
  case unbindable = 0x0002_0000
  case `private` = 0x0004_0000
  case slave = 0x0008_0000
  case shared = 0x0010_0000
}

/// A file system that is being set up (fsopen(2)).
package struct FileSystemContext: ~Copyable {
  private let context: FileDescriptor

  /// Begins a file system of `type`, such as `tmpfs`.
  package init(type: KernelPath) throws(Errno) {
    let closeOnExec: UInt = 1
    let answer = type.withAddress { rawSystemCall(__NR_fsopen, $0, closeOnExec) }
    self.context = FileDescriptor(adopting: Int32(try checked(answer)))
  }

  /// Begins a change of the file system that a mount shows (fspick(2)).
  package init(of mount: Descriptor) throws(Errno) {
    let empty: KernelPath = ""
    let closeOnExec: UInt = 1
    let emptyPath: UInt = 8
    let number = mount.number
    let answer = empty.withAddress { rawSystemCall(__NR_fspick, number.register, $0, closeOnExec | emptyPath) }
    self.context = FileDescriptor(adopting: Int32(try checked(answer)))
  }

  /// Makes the change (FSCONFIG_CMD_RECONFIGURE).
  package func reconfigure() throws(Errno) {
    let reconfigure: UInt = 7
    try systemCall(__NR_fsconfig, context.number.register, reconfigure, 0, 0, 0)
  }

  /// Sets a parameter that is a word alone, such as `ro` (FSCONFIG_SET_FLAG).
  package func set(flag key: KernelPath) throws(Errno) {
    let number = context.number
    try checked(key.withAddress { rawSystemCall(__NR_fsconfig, number.register, 0, $0, 0, 0) })
  }

  /// Sets a parameter (FSCONFIG_SET_STRING).
  package func set(_ key: KernelPath, to value: KernelPath) throws(Errno) {
    let number = context.number
    try checked(
      key.withAddress { key in
        value.withAddress { rawSystemCall(__NR_fsconfig, number.register, 1, key, $0, 0) }
      })
  }

  /// Sets a parameter to an open file (FSCONFIG_SET_FD).
  package func set(_ key: KernelPath, to file: Descriptor) throws(Errno) {
    let number = context.number
    try checked(key.withAddress { rawSystemCall(__NR_fsconfig, number.register, 5, $0, 0, file.number.register) })
  }

  /// Has an overlay that is being configured neither follow nor make attributes by which a file of one layer stands for a file elsewhere:
  /// layers may come from anybody, and such attributes reach beyond their directory (overlayfs.rst, "Renaming directories",
  /// "Metadata only copy up").
  package func distrustLayers() throws(Errno) {
    try set("redirect_dir", to: "nofollow")
    try set("metacopy", to: "off")
  }

  /// Makes the file system and a mount of it that is attached nowhere (FSCONFIG_CMD_CREATE, fsmount(2)).
  package consuming func mount(_ attributes: MountAttributes) throws(Errno) -> FileDescriptor {
    let number = context.number
    let create: UInt = 6
    let closeOnExec: UInt = 1
    try systemCall(__NR_fsconfig, number.register, create, 0, 0, 0)
    return FileDescriptor(
      adopting: Int32(try systemCall(__NR_fsmount, number.register, closeOnExec, UInt(attributes.rawValue))))
  }

  /// What the kernel has to say about the last refusal: lines such as `e overlay: …` read from the context; empty where nothing.
  package func messages() -> [String] {
    var lines: [String] = []
    let limit = 16
    var buffer = [UInt8](repeating: 0, count: 1024)
    while lines.count < limit {
      do throws(Errno) {
        let count = try context.descriptor.read(into: &buffer)
        if count == 0 { break }
        lines.append(String(decoding: buffer.prefix(count), as: UTF8.self))
      } catch {
        // ENODATA: nothing more to say.
        break
      }
    }
    return lines
  }
}

extension Descriptor {
  /// A copy of the mount at `path` that is attached nowhere, with everything mounted beneath it if `recursive` (open_tree(2), OPEN_TREE_CLONE).
  package func cloneTree(_ path: KernelPath, recursive: Bool, follow: Bool = true) throws(Errno) -> FileDescriptor {
    let number = number
    let emptyPath: UInt = 0x1000
    let recursiveFlag: UInt = 0x8000
    let noFollow: UInt = 0x100
    let flags: UInt = 0o2000000 | 1 | emptyPath | (recursive ? recursiveFlag : 0) | (follow ? 0 : noFollow)
    return FileDescriptor(
      adopting: Int32(try checked(path.withAddress { rawSystemCall(__NR_open_tree, number.register, $0, flags) })))
  }

  /// A copy of the mount that this open file lies on, from this file downwards.
  package func cloneTree(recursive: Bool) throws(Errno) -> FileDescriptor {
    try cloneTree("", recursive: recursive)
  }

  /// Attaches this mount on the open file or directory `target` (move_mount(2), both by descriptor).
  package func attach(onto target: Descriptor) throws(Errno) {
    let number = number
    let empty: KernelPath = ""
    let fromEmptyPath: UInt = 0x04
    let toEmptyPath: UInt = 0x40
    try checked(
      empty.withAddress {
        rawSystemCall(
          __NR_move_mount, number.register, $0, target.number.register, $0, fromEmptyPath | toEmptyPath)
      })
  }

  /// Changes the mount at `path` ("" is this one), and all beneath it if `recursive` (mount_setattr(2)).
  package func changeMount(
    _ path: KernelPath = "", set: MountAttributes = [], clear: MountAttributes = [],
    propagation: MountPropagation? = nil, userNamespace: Descriptor? = nil, recursive: Bool = false
  ) throws(Errno) {
    let number = number
    let emptyPath: UInt = 0x1000
    let recursiveFlag: UInt = 0x8000
    var attributes = (
      set: set.rawValue, clear: clear.rawValue, propagation: propagation?.rawValue ?? 0,
      userNamespace: UInt64(UInt32(bitPattern: userNamespace?.number ?? 0))
    )
    try checked(
      unsafe withUnsafeBytes(of: &attributes) { attributes in
        let address = UInt(bitPattern: attributes.baseAddress)
        return path.withAddress {
          rawSystemCall(
            __NR_mount_setattr, number.register, $0, emptyPath | (recursive ? recursiveFlag : 0), address, 32)
        }
      })
  }

  /// Magic number of the file system that a path of the host's leads to.
  package func fileSystemMagic(of path: String) throws(Errno) -> UInt64 {
    let file = try open(try KernelPath(path), .pathOnly)
    return try file.descriptor.fileSystemStatus().magic
  }

  /// Magic number of the file system and flags of the mount that this open file lies on (fstatfs(2)).
  package func fileSystemStatus() throws(Errno) -> FileSystemStatus {
    let number = number
    // struct statfs: type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags, spare[4].
    var words = [UInt64](repeating: 0, count: 16)
    try checked(
      unsafe words.withUnsafeMutableBytes {
        rawSystemCall(__NR_fstatfs, number.register, UInt(bitPattern: $0.baseAddress))
      })
    return FileSystemStatus(
      magic: words[0], blockSizeBytes: words[1], blocks: words[2], freeBlocks: words[3], availableBlocks: words[4],
      flags: words[10])
  }
}

/// What the kernel tells about a file system and the mount it was reached by (statfs(2)).
package struct FileSystemStatus: Sendable {
  package let magic: UInt64
  package let blockSizeBytes: UInt64
  package let blocks: UInt64
  package let freeBlocks: UInt64
  package let availableBlocks: UInt64
  package let flags: UInt64

  package var isReadOnly: Bool { flags & 1 != 0 }

  package static let proc: UInt64 = 0x9FA0
  package static let sysfs: UInt64 = 0x6265_6572
  package static let devpts: UInt64 = 0x1CD1
  package static let tmpfs: UInt64 = 0x0102_1994
  package static let overlay: UInt64 = 0x794C_7630
  package static let btrfs: UInt64 = 0x9123_683E
  package static let cgroup: UInt64 = 0x0027_E0EB
  package static let cgroup2: UInt64 = 0x6367_7270
  package static let ramfs: UInt64 = 0x8584_58F6
  package static let selinux: UInt64 = 0xF97C_FF8C
  package static let resctrl: UInt64 = 0x0765_5821
}

/// Detaches the mount at `path` at once; it goes when nothing uses it any more (umount2(2), MNT_DETACH). A symbolic link is refused.
package func detachMount(_ path: KernelPath) throws(Errno) {
  let detach: UInt = 2
  let noFollow: UInt = 8
  try checked(path.withAddress { rawSystemCall(__NR_umount2, $0, detach | noFollow) })
}

/// Makes the working directory the root and stacks the old root on it (pivot_root(2) of "." on "."), then lets go of the old root.
package func pivotIntoWorkingDirectory() throws(Errno) {
  let here: KernelPath = "."
  try checked(here.withAddress { rawSystemCall(__NR_pivot_root, $0, $0) })
  try detachMount(".")
  try changeWorkingDirectory("/")
}

/// Makes the working directory the root for path look-ups (chroot(2)).
package func changeRootToWorkingDirectory() throws(Errno) {
  let here: KernelPath = "."
  try checked(here.withAddress { rawSystemCall(__NR_chroot, $0) })
}
