import Glibc
import SkiffKernel
import Testing

/// A throw-away directory.
final class TreeScratch: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/skiff-kernel-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, mkdtemp(base) != nil else { return "" }
      return String(cString: base)
    }
    #expect(!path.isEmpty)
  }

  deinit {
    run("cd / && rm -rf --one-file-system \(path)")
  }

  func open(_ name: String = ".") throws -> FileDescriptor {
    try Descriptor.workingDirectory.open(try KernelPath("\(path)/\(name)"), [.readOnly, .directory])
  }

  func exists(_ name: String) -> Bool {
    var status = stat()
    return lstat("\(path)/\(name)", &status) == 0
  }

  /// Runs a shell command in the directory.
  func run(_ command: String, sourceLocation: SourceLocation = #_sourceLocation) {
    var pid: pid_t = 0
    let whole = "cd '\(path)' && { \(command)\n} >/dev/null"
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(whole), nil]
    defer { for argument in arguments { free(argument) } }
    var status: Int32 = -1
    if posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0 {
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }
    #expect(status == 0, "\(command)", sourceLocation: sourceLocation)
  }
}
