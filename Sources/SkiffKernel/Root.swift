internal import CLinux

/// How a path beneath an anchor is resolved (openat2(2), `resolve`).
package struct ResolveFlags: OptionSet, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// A list of these. The standard library's way is generic, and is put together anew in every process.
  package init(arrayLiteral elements: Self...) {
    self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue })
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
  /// Links are followed inside the tree, those that lead to nothing yet too: what they name is made. Each component is opened
  /// beneath the descriptor of its parent without following, so one that is swapped meanwhile is refused (ENOTDIR or ELOOP).
  package func openDirectoryInRoot(_ path: KernelPath, creatingWithMode mode: UInt32) throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      return try open(path, [.directory, .pathOnly], resolve: [.inRoot, .noMagicLinks])
    } catch {
      // What is missing is made below, component by component.
      guard error == .notFound else { throw error }
    }
    if let made = try makeLastComponent(of: path, mode: mode) { return made }
    let slash = UInt8(ascii: "/")
    let plain: ResolveFlags = [.inRoot, .noMagicLinks, .noSymbolicLinks]
    var linksLeft = 40
    var walked: [ArraySlice<UInt8>] = []
    var rest = Array(path.bytes.split(separator: slash).reversed())
    var current = try open(".", [.directory, .pathOnly], resolve: plain)
    while let component = rest.popLast() {
      if component.elementsEqual(".".utf8) { continue }
      if component.elementsEqual("..".utf8) {
        _ = walked.popLast()
        let above = try KernelPath(bytes: [slash] + walked.joined(separator: [slash]))
        current = try open(above, [.directory, .pathOnly], resolve: plain)
        continue
      }
      let name = try KernelPath(bytes: component)
      if let target = try current.descriptor.linkTarget(name, mode: mode) {
        linksLeft -= 1
        if linksLeft == 0 { throw .tooManyLinks }
        if target.bytes.first == slash {
          walked = []
          current = try open(".", [.directory, .pathOnly], resolve: plain)
        }
        rest.append(contentsOf: target.bytes.split(separator: slash).reversed())
        continue
      }
      current = try current.descriptor.open(
        name, [.directory, .pathOnly, .noFollow], resolve: [.beneath, .noMagicLinks, .noSymbolicLinks])
      walked.append(component)
    }
    return current
  }

  /// Makes a directory in one that is there and reached without symbolic links, which is what most are; nil for every other.
  private func makeLastComponent(of path: KernelPath, mode: UInt32) throws(Errno) -> FileDescriptor? {
    let slash = UInt8(ascii: "/")
    var components = path.bytes.split(separator: slash)
    guard let last = components.popLast(), !last.elementsEqual(".".utf8), !last.elementsEqual("..".utf8) else {
      return nil
    }
    let name = try KernelPath(bytes: last)
    let above = try KernelPath(bytes: [slash] + components.joined(separator: [slash]))
    do throws(Errno) {
      let parent = try open(above, [.directory, .pathOnly], resolve: [.inRoot, .noMagicLinks, .noSymbolicLinks])
      try parent.descriptor.makeDirectory(name, mode: mode)
      return try parent.descriptor.open(
        name, [.directory, .pathOnly, .noFollow], resolve: [.beneath, .noMagicLinks, .noSymbolicLinks])
    } catch {
      // Several are missing, or a link is on the way or leads nowhere.
      return nil
    }
  }

  /// What the symbolic link `name` holds; nil for anything else, and for what was missing and is a new directory now.
  private func linkTarget(_ name: KernelPath, mode: UInt32) throws(Errno) -> KernelPath? {
    do throws(Errno) {
      guard try status(name).type == .symbolicLink else { return nil }
      return try readLink(name)
    } catch {
      guard error == .notFound else { throw error }
    }
    do throws(Errno) {
      try makeDirectory(name, mode: mode)
    } catch {
      // Made by someone else meanwhile.
      guard error == .exists else { throw error }
    }
    return nil
  }
}
