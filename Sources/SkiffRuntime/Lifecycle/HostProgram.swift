package import SkiffKernel

/// A program of the host that a verb needs: ps(1), criu(8).
package enum HostProgram {
  /// Where a program without a path is looked for when the caller has no PATH.
  private static let usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// Opens the first program of that name on the caller's PATH; nil where there is none. A name with a slash is a path.
  package static func find(_ name: String) -> FileDescriptor? {
    let candidates: [String]
    if name.contains("/") {
      candidates = [name]
    } else {
      let path = ProcessEnvironment.value(named: "PATH") ?? usualPath
      candidates = path.split(separator: ":").filter { $0.first == "/" }.map { "\($0)/\(name)" }
    }
    for candidate in candidates {
      guard let path = try? KernelPath(candidate), let file = try? Descriptor.workingDirectory.open(path, .readOnly),
        let status = try? file.descriptor.status(), status.type == .regular, status.permissions & 0o111 != 0
      else { continue }
      return file
    }
    return nil
  }

  /// Runs the program to its end; what it said on both streams is given as one text.
  package static func run(
    _ program: Descriptor, _ arguments: [String], limitBytes: Int
  ) throws(Errno) -> (status: ExitStatus, words: [UInt8]) {
    // A file, not a pipe: nobody has to read while the program writes.
    let output = try MemoryFile.make(name: "output")
    let input = try Descriptor.workingDirectory.open("/dev/null", .readOnly)
    var request = SpawnRequest(arguments: arguments, environment: ProcessEnvironment.all())
    request.files = [(input.descriptor, 0), (output.descriptor, 1), (output.descriptor, 2)]
    let process = try spawn(program, request)
    try process.confirmStarted()
    let status = try process.wait()
    try output.descriptor.seek(to: 0)
    return (status, try output.descriptor.readToEnd(limitBytes: limitBytes))
  }
}
