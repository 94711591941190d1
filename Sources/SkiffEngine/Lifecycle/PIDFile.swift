import SkiffKernel

/// The file that `--pidfile` names.
enum PIDFile {
  /// Puts the number of a process into a file that appears whole, in place of the one of an earlier start.
  static func write(_ processID: Int32, to path: String) throws(EngineError) {
    try naming("write", path) { () throws(Errno) in
      guard let slash = path.lastIndex(of: "/") else { throw .invalidArgument }
      let directory = try Descriptor.workingDirectory.open(
        try KernelPath(String(path[...slash])), [.readOnly, .directory])
      try directory.descriptor.replaceFile(
        try KernelPath(String(path[path.index(after: slash)...])), with: Array(String(processID).utf8), mode: 0o644,
        isDurable: false)
    }
  }
}
