import SkiffKernel

/// What `path` is: type, permissions, owner, size, and numbers or link target; an error is told in place of it.
func statusValue(_ path: String, follow: Bool = false) -> ProbeValue {
  do throws(Errno) {
    let status = try Descriptor.workingDirectory.status(try KernelPath(path), follow: follow)
    var members: [(String, ProbeValue)] = [
      ("type", .text(status.type.map { "\($0)" } ?? "unknown")),
      ("mode", .integer(Int64(status.permissions))),
      ("uid", .integer(Int64(status.userID))),
      ("gid", .integer(Int64(status.groupID))),
      ("size", .integer(status.sizeBytes)),
      ("device", .integer(Int64(truncatingIfNeeded: status.device))),
      ("inode", .integer(Int64(truncatingIfNeeded: status.inode))),
    ]
    if status.type == .characterDevice || status.type == .blockDevice {
      members.append(("major", .integer(Int64(status.major))))
      members.append(("minor", .integer(Int64(status.minor))))
    }
    if status.type == .symbolicLink { members.append(("link", linkTarget(of: path).map { .text($0) } ?? .null)) }
    return .object(members)
  } catch {
    return failure(error)
  }
}

/// Acts on files and mounts.
func fileProbe(_ verb: String, _ arguments: [String]) -> ProbeValue? {
  let path = arguments.first ?? ""
  let second = arguments.dropFirst().first ?? ""
  switch verb {
  case "stat": return statusValue(path)
  case "follow": return statusValue(path, follow: true)
  case "tree": return treeProbe(path, leavingOut: Set(arguments.dropFirst()))
  case "list": return names(in: path).map { .texts($0) } ?? failure(.notFound)
  case "read": return outcome { () throws(Errno) in .text(try readText(path)) }
  case "write": return outcome { () throws(Errno) in try write(second, to: path, [.writeOnly, .nonBlocking]) }
  case "create": return outcome { () throws(Errno) in try write(second, to: path, [.writeOnly, .create, .truncate]) }
  case "copy-environment":
    let variables = contents(of: "/proc/self/environ") ?? []
    return outcome { () throws(Errno) in
      try write(String(decoding: variables, as: UTF8.self), to: path, [.writeOnly, .create, .truncate])
    }
  case "remove":
    return outcome { () throws(Errno) in
      try Descriptor.workingDirectory.unlink(try KernelPath(path))
      return .bool(true)
    }
  case "make-directory":
    return outcome { () throws(Errno) in
      try Descriptor.workingDirectory.makeDirectory(try KernelPath(path), mode: 0o755)
      return .bool(true)
    }
  case "change-mode":
    return outcome { () throws(Errno) in
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), .pathOnly)
      try file.descriptor.changeModeOfHandle(UInt32(second, radix: 8) ?? 0)
      return .bool(true)
    }
  case "make-device":
    return outcome { () throws(Errno) in
      try Descriptor.workingDirectory.makeNode(
        try KernelPath(path), type: .characterDevice, mode: 0o666, major: UInt32(second) ?? 0,
        minor: UInt32(arguments.dropFirst(2).first ?? "") ?? 0)
      return .bool(true)
    }
  case "umount":
    return outcome { () throws(Errno) in
      try detachMount(try KernelPath(path))
      return .bool(true)
    }
  case "mount":
    return outcome { () throws(Errno) in
      let mount = try FileSystemContext(type: try KernelPath(path)).mount([])
      try attach(mount.descriptor, to: second)
      return .bool(true)
    }
  case "bind":
    return outcome { () throws(Errno) in
      let tree = try Descriptor.workingDirectory.cloneTree(try KernelPath(path), recursive: true)
      try attach(tree.descriptor, to: second)
      return .bool(true)
    }
  default: return nil
  }
}

private func readText(_ path: String) throws(Errno) -> String {
  let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
  return String(decoding: try file.descriptor.readToEnd(limitBytes: 1 << 20), as: UTF8.self)
}

private func write(_ text: String, to path: String, _ flags: OpenFlags) throws(Errno) -> ProbeValue {
  let file = try Descriptor.workingDirectory.open(try KernelPath(path), flags, mode: 0o666)
  return .integer(Int64(try file.descriptor.write(Array(text.utf8).span)))
}

private func attach(_ mount: Descriptor, to path: String) throws(Errno) {
  let target = try Descriptor.workingDirectory.open(try KernelPath(path), [.pathOnly])
  try mount.attach(onto: target.descriptor)
}

/// The value of an act, or the error that it met.
func outcome(_ act: () throws(Errno) -> ProbeValue) -> ProbeValue {
  do throws(Errno) {
    return try act()
  } catch {
    return failure(error)
  }
}

/// An error as a value: its number and the kernel's words.
func failure(_ error: Errno) -> ProbeValue {
  .object([("errno", .integer(Int64(error.code))), ("error", .text("\(error)"))])
}
