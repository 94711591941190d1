internal import SkiffKernel

/// Keeps the host's copy of this program out of a container's reach.
///
/// A process of the container can get a handle on the program that joins it or starts its entry point (/proc/PID/exe, or a
/// `#!/proc/self/exe`), and could write to it once it has ended (CVE-2019-5736). So the program goes on from a read-only mount
/// of itself that is attached nowhere: a handle on that can never be written.
package enum SelfProtection {
  /// Set for the second start, so that a machine on which the protection does not hold is told, not looped on.
  private static let marker = "SKIFF_RUNTIME_PROTECTED"

  /// Comes back when this process already runs protected; otherwise starts the program anew, with the same arguments.
  package static func ensure(arguments: [String], environment: [String]) throws(LaunchError) {
    do throws(Errno) {
      if try isProtected() { return }
      if environment.contains("\(marker)=1") { throw .accessDenied }
      let image = try ExecImage(arguments: arguments, environment: environment + ["\(marker)=1"])
      do throws(Errno) {
        let tree = try Descriptor.workingDirectory.cloneTree("/proc/self/exe", recursive: false)
        try tree.descriptor.changeMount(set: .readOnly)
        throw image.execute("", beneath: tree.descriptor)
      } catch {
        // Without the right to mount, a sealed copy in memory does the same.
        guard error == .notPermitted || error == .noSystemCall else { throw error }
        let copy = try sealedCopy()
        throw image.execute("", beneath: copy.descriptor)
      }
    } catch {
      throw LaunchError("cannot protect the runtime's own program from the container: \(error)")
    }
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
