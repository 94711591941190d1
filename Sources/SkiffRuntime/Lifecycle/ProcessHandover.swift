internal import SkiffKernel

/// The socket of a caller that wants a handle on a process, not its number.
enum PidfdSocket {
  /// - Parameter kind: the payload, `standard` for a first process and `setns` for a further one, as runc names them.
  static func send(_ process: Descriptor, as kind: String, to path: String) throws(RuntimeError) {
    do throws(Errno) {
      let socket = try UnixSocket.connect(to: path, type: .stream)
      try socket.descriptor.send(Array(kind.utf8), file: process)
    } catch {
      throw .failed("cannot send the process's handle to the pidfd socket \(path): \(error)")
    }
  }
}

/// The file in which a caller finds the number of a process.
enum PidFile {
  /// The number alone, in decimal; a reader sees all of it or nothing.
  static func write(_ processID: Int32, to path: String) throws(RuntimeError) {
    do throws(Errno) {
      let slash = path.lastIndex(of: "/")
      let parent = slash.map { String(path[..<$0]) } ?? "."
      let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
      let directory = try Descriptor.workingDirectory.open(
        try KernelPath(parent.isEmpty ? "/" : parent), [.directory])
      try directory.descriptor.replaceFile(
        try KernelPath(name), with: Array("\(processID)".utf8), mode: 0o644,
        isDurable: false)
    } catch {
      throw .failed("cannot write the pid file \(path): \(error)")
    }
  }
}
