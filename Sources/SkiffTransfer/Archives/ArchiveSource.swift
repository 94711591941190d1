internal import SkiffKernel

/// What is read from, kept open: an archive, a directory, or standard input under the name `-`.
struct ArchiveSource: ~Copyable, Sendable {
  private let file: FileDescriptor
  let isDirectory: Bool

  init(_ path: String) throws(TransferError) {
    do throws(Errno) {
      if path == "-" {
        guard !Descriptor.standardInput.isTerminal else { throw .invalidArgument }
        file = try Descriptor.standardInput.duplicate()
        isDirectory = false
        return
      }
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      isDirectory = try file.descriptor.status().type == .directory
      self.file = file
    } catch {
      throw .local(
        what: path == "-" ? "standard input" : path,
        reason: path == "-" && error == .invalidArgument
          ? "it is a terminal, and an archive is expected" : error.description)
    }
  }

  var descriptor: Descriptor { file.descriptor }
}
