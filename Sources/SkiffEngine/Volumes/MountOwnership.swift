import SkiffKernel
import SkiffSpec

/// Gives what is mounted to the user that the container runs as (the volume option `U`).
enum MountOwnership {
  /// Places whose owners the whole machine depends on.
  private static let refused: [KernelPath] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd", "/etc/pki", "/home", "/lib", "/lib64", "/media", "/opt",
    "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log",
  ]

  /// Changes everything beneath a path of the host, and the path itself.
  static func give(_ path: String, to composition: Composition) throws(EngineError) {
    let handle = try naming("give to the container's user", path) { () throws(Errno) in
      try Descriptor.workingDirectory.open(try KernelPath(path), [.pathOnly])
    }
    // By what was opened, not by its name: a link or a bind mount may lead there, too.
    guard try !isRefused(handle.descriptor, path) else {
      throw .refused("cannot give \(path) to the container's user: the host depends on who owns it")
    }
    let user = composition.user
    let owner = TreeOwnership(
      userID: hostID(user.userID, composition.userMappings), groupID: hostID(user.groupID, composition.groupMappings))
    try naming("give to the container's user", path) { () throws(Errno) in
      let status = try handle.descriptor.status()
      guard status.type == .directory else { return try owner.change(handle.descriptor, status) }
      let directory = try Descriptor.workingDirectory.open(
        try KernelPath(handle.descriptor.path), [.readOnly, .directory])
      try owner.give(directory.descriptor)
    }
  }

  private static func isRefused(_ handle: Descriptor, _ path: String) throws(EngineError) -> Bool {
    try naming("give to the container's user", path) { () throws(Errno) in
      let own = try handle.status()
      for place in refused {
        do throws(Errno) {
          let status = try Descriptor.workingDirectory.status(place, follow: true)
          if status.inode == own.inode, status.device == own.device { return true }
        } catch {
          // Not every machine has all of them.
          guard error == .notFound else { throw error }
        }
      }
      return false
    }
  }

  private static func hostID(_ id: UInt32, _ mappings: [RuntimeSpec.IDMapping]) -> UInt32 {
    guard let range = mappings.first(where: { $0.containerID <= id && id - $0.containerID < $0.size }) else {
      return id
    }
    return range.hostID + (id - range.containerID)
  }
}
