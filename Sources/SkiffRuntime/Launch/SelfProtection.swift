internal import SkiffKernel

/// Keeps the host's copy of this program out of a container's reach.
///
/// A process of the container can get a handle on the program that joins it or starts its entry point (/proc/PID/exe, or a
/// `#!/proc/self/exe`), and could write to it once it has ended (CVE-2019-5736). So the program goes on from a read-only mount
/// of itself that is attached nowhere: a handle on that can never be written. Where the kernel lets it, the running process is moved
/// to that mount with all its pages; otherwise the program is started anew from there.
package enum SelfProtection {
  /// Set for the second start, so that a machine on which the protection does not hold is told, not looped on.
  private static let marker = "SKIFF_RUNTIME_PROTECTED"

  /// Comes back when this process already runs protected; otherwise starts the program anew, with the same arguments.
  package static func ensure(arguments: [String], environment: [String]) throws(LaunchError) {
    do throws(Errno) {
      if try isProtected() || rehome() {
        // In a user namespace a container's root may have power over this process: it must not look into it (CVE-2016-9962).
        if try UserNamespace.isOuter() { try ProcessControl.setDumpable(false) }
        return
      }
      if environment.contains("\(marker)=1") { throw .accessDenied }
      try startAnew(arguments: arguments, environment: environment)
    } catch {
      throw LaunchError("cannot protect the runtime's own program from the container: \(error)")
    }
  }

  /// Starts the program anew, protected.
  static func startAnew(arguments: [String], environment: [String]) throws(Errno) -> Never {
    let others = environment.filter { $0 != "\(marker)=1" }
    let image = try ExecImage(arguments: arguments, environment: others + ["\(marker)=1"])
    do throws(Errno) {
      let tree = try ownTree()
      try tree.descriptor.changeMount(set: .readOnly)
      throw image.execute("", beneath: tree.descriptor)
    } catch {
      // Without the right to mount, or out of sight of its own file, a sealed copy in memory does the same.
      guard [.notPermitted, .noSystemCall, .notFound, .accessDenied].contains(error) else { throw error }
      let copy = try sealedCopy()
      throw image.execute("", beneath: copy.descriptor)
    }
  }

  /// Has this process come from a read-only mount of its program from here on, at the cost of a few system calls; false where that is not
  /// to be had, and the program has to be started anew.
  private static func rehome() -> Bool {
    do throws(Errno) {
      let tree = try ownTree()
      try tree.descriptor.changeMount(set: .readOnly)
      let program = try Descriptor.workingDirectory.open(try KernelPath(tree.descriptor.path), .readOnly)
      try ProcessControl.rehomeProgram(to: program.descriptor)
      return try isProtected()
    } catch {
      return false
    }
  }

  /// A mount of the program's file alone.
  private static func ownTree() throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      return try Descriptor.workingDirectory.cloneTree("/proc/self/exe", recursive: false)
    } catch {
      guard error == .invalidArgument else { throw error }
    }
    // The file lies in a mount namespace that this process has left: what has its name here must be the same file.
    let path = try Descriptor.workingDirectory.readLink("/proc/self/exe")
    let tree = try Descriptor.workingDirectory.cloneTree(path, recursive: false)
    let (found, own) = (
      try tree.descriptor.status(), try Descriptor.workingDirectory.status("/proc/self/exe", follow: true)
    )
    guard found.device == own.device, found.inode == own.inode else { throw .notFound }
    return tree
  }

  private static func isProtected() throws(Errno) -> Bool {
    let program = try Descriptor.workingDirectory.open("/proc/self/exe", .readOnly)
    if try program.descriptor.fileSystemStatus().isReadOnly { return true }
    return program.descriptor.isSealed
  }

  private static func sealedCopy() throws(Errno) -> FileDescriptor {
    let program = try Descriptor.workingDirectory.open("/proc/self/exe", .readOnly)
    let copy = try MemoryFile.make(name: "skiff-runtime", allowSealing: true)
    let chunkBytes = 1 << 24
    while try program.descriptor.sendFile(to: copy.descriptor, count: chunkBytes) > 0 {}
    try copy.descriptor.seal()
    return copy
  }
}
