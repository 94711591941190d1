import SkiffKernel

/// The paths that system calls name.
enum CallPaths {
  private static let plain: [String: Int] = {
    var table: [String: Int] = [:]
    let first =
      "open creat mkdir mknod chown lchown unlink rmdir chmod utime utimes truncate execve chdir chroot umount2 swapon acct"
      + " setxattr lsetxattr removexattr lremovexattr"
    for name in first.split(separator: " ") { table[String(name)] = 0 }
    for name in ["symlink", "link", "rename", "mount"] { table[name] = 1 }
    return table
  }()

  /// By the directory's place; the path's is the next.
  private static let beneath: [String: Int] = {
    var table: [String: Int] = [:]
    let first =
      "openat openat2 mkdirat mknodat fchownat unlinkat fchmodat fchmodat2 utimensat execveat"
    for name in first.split(separator: " ") { table[String(name)] = 0 }
    for name in ["linkat", "renameat", "renameat2"] { table[name] = 2 }
    table["symlinkat"] = 1
    return table
  }()

  /// What a call names, absolute, as the container has it; read before the kernel acts on it.
  static func path(of call: RefusedCall, _ threadID: Int32) -> String? {
    let (place, base): (Int, String)
    if let found = plain[call.name] {
      (place, base) = (found, "cwd")
    } else if let found = beneath[call.name] {
      guard call.arguments.count > found + 1 else { return nil }
      let directory = Int32(truncatingIfNeeded: Int64(bitPattern: call.arguments[found]))
      (place, base) = (found + 1, directory == -100 ? "cwd" : "fd/\(directory)")
    } else {
      return nil
    }
    guard call.arguments.count > place, let bytes = Trace.text(of: threadID, at: call.arguments[place]) else {
      return nil
    }
    let text = String(decoding: bytes, as: UTF8.self)
    if text.hasPrefix("/") { return SpecComposer.cleaned(text) }
    guard let start = link(threadID, base), start.hasPrefix("/") else { return nil }
    return SpecComposer.cleaned("\(start)/\(text)")
  }

  private static func link(_ threadID: Int32, _ name: String) -> String? {
    do throws(Errno) {
      return try Descriptor.workingDirectory.readLink(try KernelPath("/proc/\(threadID)/\(name)")).text
    } catch {
      return nil
    }
  }

  /// What lies on the way to a path inside the container, as far as it exists, and the path without links on the way.
  static func places(_ path: String, _ threadID: Int32) -> (path: String, places: [PathPlace]) {
    var resolved = path
    var places: [PathPlace] = []
    do throws(Errno) {
      let root = try Root(opening: try KernelPath("/proc/\(threadID)/root"))
      places.append(PathPlace(path: "/", status: try root.descriptor.status()))
      let components = path.split(separator: "/")
      var walked = ""
      for (index, component) in components.enumerated() {
        let whole = "\(walked)/\(component)"
        let handle = try root.open(try KernelPath(whole), .pathOnly)
        let there = try Descriptor.workingDirectory.readLink(try KernelPath(handle.descriptor.path)).text
        // Of what cannot be reached from here the kernel gives no path.
        walked = there.hasPrefix("/") && !there.hasSuffix(" (deleted)") ? there : whole
        places.append(PathPlace(path: walked, status: try handle.descriptor.status()))
        let rest = components.dropFirst(index + 1).map { "/\($0)" }.joined()
        resolved = walked == "/" ? (rest.isEmpty ? "/" : rest) : walked + rest
        if walked == "/" { walked = "" }
      }
    } catch {
      // What is missing, or made to be unreadable, ends the walk.
    }
    return (resolved, places)
  }

  /// The path of the open file that a call writes to.
  static func openFile(of call: RefusedCall, _ threadID: Int32) -> String? {
    guard ["write", "pwrite64", "writev", "fallocate", "ftruncate"].contains(call.name),
      let number = call.arguments.first
    else { return nil }
    return link(threadID, "fd/\(Int32(truncatingIfNeeded: Int64(bitPattern: number)))")
  }

  /// Whether the call's file is a netlink socket (/proc/net/netlink).
  static func isNetlink(_ call: RefusedCall, _ threadID: Int32) -> Bool {
    guard let number = call.arguments.first,
      let target = link(threadID, "fd/\(Int32(truncatingIfNeeded: Int64(bitPattern: number)))"),
      target.hasPrefix("socket:[")
    else { return false }
    let inode = target.dropFirst(8).dropLast()
    return (SmallFile.text("/proc/\(threadID)/net/netlink") ?? "").split(separator: "\n").contains { line in
      line.split(separator: " ").last.map { $0 == inode } ?? false
    }
  }
}
