/// Files about processes in a procfs that is known to be one.
package enum ProcessFiles {
  /// The directory of a process in this machine's /proc, refused if something else is mounted there (ENODEV).
  package static func open(_ processID: Int32) throws(Errno) -> FileDescriptor {
    let directory = try Descriptor.workingDirectory.open(
      try KernelPath("/proc/\(processID)"), [.directory, .pathOnly], resolve: [.noSymbolicLinks, .noMagicLinks])
    if try directory.descriptor.fileSystemStatus().magic != FileSystemStatus.proc { throw .noSuchDevice }
    return directory
  }

  /// Opens a file beneath `directory`, which is procfs, and checks that the file is of procfs too (ENODEV).
  package static func openFile(
    _ path: KernelPath, beneath directory: Descriptor, _ flags: OpenFlags
  ) throws(Errno) -> FileDescriptor {
    let file = try directory.open(path, flags, resolve: [.beneath, .noSymbolicLinks, .noMagicLinks, .noCrossing])
    if try file.descriptor.fileSystemStatus().magic != FileSystemStatus.proc { throw .noSuchDevice }
    return file
  }

  /// A procfs of the caller's PID namespace that is attached nowhere, so that nothing can be mounted over its files (CVE-2025-52881).
  package static func privateHandle() throws(Errno) -> FileDescriptor {
    try FileSystemContext(type: "proc").mount([.noSetUserID, .noDevices, .noExecute])
  }
}
