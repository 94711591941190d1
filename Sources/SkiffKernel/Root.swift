internal import CLinux

/// How a path beneath an anchor is resolved (openat2(2), `resolve`).
package struct ResolveFlags: OptionSet, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Never crosses a mount point.
  package static let noCrossing = ResolveFlags(rawValue: 0x01)
  /// No magic links such as /proc/self/fd/N.
  package static let noMagicLinks = ResolveFlags(rawValue: 0x02)
  /// No symbolic links at all.
  package static let noSymbolicLinks = ResolveFlags(rawValue: 0x04)
  /// What leaves the anchor is EXDEV.
  package static let beneath = ResolveFlags(rawValue: 0x08)
  /// The anchor is `/`: absolute links and `..` stay inside.
  package static let inRoot = ResolveFlags(rawValue: 0x10)
}

extension Descriptor {
  /// Opens `path` beneath this directory under the rules of `resolve` (openat2(2)).
  package func open(
    _ path: KernelPath, _ flags: OpenFlags, mode: UInt32 = 0, resolve: ResolveFlags
  ) throws(Errno) -> FileDescriptor {
    let number = number
    let closeOnExec: UInt64 = 0o2000000
    var how = (
      flags: UInt64(UInt32(bitPattern: flags.rawValue)) | closeOnExec,
      // The kernel refuses a mode that will not be used.
      mode: flags.contains(.create) ? UInt64(mode) : 0,
      resolve: resolve.rawValue
    )
    // EAGAIN: a rename elsewhere disturbed the walk and nothing is wrong; the number of tries is bounded all the same.
    var triesLeft = 128
    while true {
      let answer = unsafe withUnsafeBytes(of: &how) { how in
        let address = UInt(bitPattern: how.baseAddress)
        return path.withAddress { rawSystemCall(__NR_openat2, number.register, $0, address, 24) }
      }
      if answer == -Int(Errno.interrupted.code) { continue }
      if answer == -Int(Errno.wouldBlock.code), triesLeft > 0 {
        triesLeft -= 1
        continue
      }
      return FileDescriptor(adopting: Int32(try checked(answer)))
    }
  }
}

/// A directory that is `/` for every path resolved beneath it: nothing outside can be reached, whatever links the tree holds.
///
/// Each path is resolved once, to a descriptor, and every later act is on that descriptor.
/// (CVE-2018-15664, CVE-2019-14271, CVE-2021-30465 and their kin came from resolving twice or by text.)
package struct Root: ~Copyable, Sendable {
  package let directory: FileDescriptor

  /// Takes an open directory as the anchor.
  package init(adopting directory: consuming FileDescriptor) {
    self.directory = directory
  }

  /// Anchors at a directory of the host, found by the kernel's ordinary rules.
  package init(opening path: KernelPath, beneath base: Descriptor = .workingDirectory) throws(Errno) {
    self.directory = try base.open(path, [.directory, .pathOnly])
  }

  package var descriptor: Descriptor { directory.descriptor }

  /// Opens what `path` names inside the tree; links are followed inside, magic links never.
  package func open(
    _ path: KernelPath, _ flags: OpenFlags, mode: UInt32 = 0, resolve: ResolveFlags = []
  ) throws(Errno) -> FileDescriptor {
    try descriptor.open(path, flags, mode: mode, resolve: resolve.union([.inRoot, .noMagicLinks]))
  }

  /// Opens the directory `path`, making what is missing of it, root's and with `mode`.
  package func openDirectory(_ path: KernelPath, creatingWithMode mode: UInt32) throws(Errno) -> FileDescriptor {
    try descriptor.openDirectoryInRoot(path, creatingWithMode: mode)
  }
}

extension Descriptor {
  /// Opens the directory `path` with this one as `/`, making what is missing of it, root's and with `mode`.
  ///
  /// Links that exist are followed inside the tree; a component that is missing is made as a plain directory beneath the
  /// descriptor of its parent, so a link that appears meanwhile is refused (ENOTDIR or ELOOP), not followed.
  package func openDirectoryInRoot(_ path: KernelPath, creatingWithMode mode: UInt32) throws(Errno) -> FileDescriptor {
    let rules: ResolveFlags = [.inRoot, .noMagicLinks]
    do throws(Errno) {
      return try open(path, [.directory, .pathOnly], resolve: rules)
    } catch {
      // What is missing is made below, component by component.
      guard error == .notFound else { throw error }
    }
    var current = try open(".", [.directory, .pathOnly], resolve: rules)
    var walked: [UInt8] = []
    for component in path.bytes.split(separator: UInt8(ascii: "/")) where !component.elementsEqual([UInt8(ascii: ".")])
    {
      walked.append(UInt8(ascii: "/"))
      walked.append(contentsOf: component)
      do throws(Errno) {
        // From the anchor, so that `..` and absolute links mean what they mean inside the tree.
        current = try open(try KernelPath(bytes: walked), [.directory, .pathOnly], resolve: rules)
        continue
      } catch {
        guard error == .notFound else { throw error }
        let name = try KernelPath(bytes: component)
        do throws(Errno) {
          try current.descriptor.makeDirectory(name, mode: mode)
        } catch {
          // Made by someone else meanwhile, or a link that leads nowhere: the next line tells.
          guard error == .exists else { throw error }
        }
        current = try current.descriptor.open(
          name, [.directory, .pathOnly, .noFollow], resolve: [.beneath, .noMagicLinks, .noSymbolicLinks])
      }
    }
    return current
  }
}
