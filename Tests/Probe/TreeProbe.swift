import SkiffKernel

/// `tree PATH [LEFT-OUT…]`: a line for every entry beneath a directory, in the order of names, with all that a layer can carry.
func treeProbe(_ path: String, leavingOut: Set<String>) -> ProbeValue {
  var walk = TreeWalk(leavingOut: leavingOut)
  walk.visit(path, depth: 0)
  return .integer(walk.count)
}

private struct TreeWalk {
  let leavingOut: Set<String>
  var count: Int64 = 0
  /// The first name that was seen of each file with several.
  private var firstNames: [UInt64: String] = [:]

  init(leavingOut: Set<String>) {
    self.leavingOut = leavingOut
  }

  mutating func visit(_ directory: String, depth: Int) {
    guard depth < 100, let entries = names(in: directory) else { return }
    for name in entries {
      let path = directory == "/" ? "/" + name : directory + "/" + name
      if leavingOut.contains(path) { continue }
      say(describe(path))
      count += 1
      do throws(Errno) {
        if try Descriptor.workingDirectory.status(try KernelPath(path)).type == .directory {
          visit(path, depth: depth + 1)
        }
      } catch {
        say(failure(error))
      }
    }
  }

  private mutating func describe(_ path: String) -> ProbeValue {
    do throws(Errno) {
      let status = try Descriptor.workingDirectory.status(try KernelPath(path))
      var members: [(String, ProbeValue)] = [
        ("path", .text(path)),
        ("type", .text(status.type.map { "\($0)" } ?? "unknown")),
        ("mode", .integer(Int64(status.permissions))),
        ("owner", .text("\(status.userID):\(status.groupID)")),
        ("modified", .text("\(status.modifiedSeconds).\(status.modifiedNanoseconds)")),
      ]
      switch status.type {
      case .regular:
        members.append(("size", .integer(status.sizeBytes)))
        members.append(("content", .text(try fingerprint(path))))
        if status.linkCount > 1 {
          members.append(("sameAs", .text(firstNames[status.inode, default: path])))
          if firstNames[status.inode] == nil { firstNames[status.inode] = path }
        }
      case .symbolicLink: members.append(("link", linkTarget(of: path).map { .text($0) } ?? .null))
      case .characterDevice, .blockDevice:
        members.append(("device", .text("\(status.major):\(status.minor)")))
      default: break
      }
      members.append(("attributes", .object(try attributes(path))))
      return .object(members)
    } catch {
      return .object([("path", .text(path)), ("error", .text("\(error)"))])
    }
  }

  /// FNV-1a of the content, which is enough to tell two files apart that nobody made alike on purpose.
  private func fingerprint(_ path: String) throws(Errno) -> String {
    let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .noFollow])
    var buffer = [UInt8](repeating: 0, count: 65536)
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    while true {
      let count = try file.descriptor.read(into: &buffer)
      if count == 0 { return String(hash, radix: 16) }
      for byte in buffer.prefix(count) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
  }

  private func attributes(_ path: String) throws(Errno) -> [(String, ProbeValue)] {
    let handle = try Descriptor.workingDirectory.open(try KernelPath(path), [.pathOnly, .noFollow])
    var found: [(String, ProbeValue)] = []
    do throws(Errno) {
      for name in try handle.descriptor.extendedAttributeNamesOfHandle() {
        guard let value = try handle.descriptor.extendedAttributeOfHandle(name) else { continue }
        found.append((name.text, .texts(value.map { String($0, radix: 16) })))
      }
    } catch {
      // A link or device of a file system without attributes has none.
      guard error == .notSupported || error == .noData || error == .notPermitted || error == .accessDenied else {
        throw error
      }
    }
    return found.sorted { $0.0 < $1.0 }
  }
}
