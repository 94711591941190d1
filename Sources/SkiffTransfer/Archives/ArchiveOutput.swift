internal import SkiffKernel

/// The file that an archive is written to: beside its place until it is whole, so that a failure leaves nothing.
struct ArchiveOutput: ~Copyable {
  /// What a person calls it.
  let name: String
  private let file: FileDescriptor
  /// Nil for what cannot be replaced: a pipe, a device, standard output.
  private let place: Place?
  private var isCommitted = false

  /// The directory, the file's name for now and its name when it is whole.
  private final class Place: Sendable {
    let directory: FileDescriptor
    let temporary: KernelPath
    let final: KernelPath

    init(directory: consuming FileDescriptor, temporary: KernelPath, final: KernelPath) {
      self.directory = directory
      self.temporary = temporary
      self.final = final
    }
  }

  private init(name: String, file: consuming FileDescriptor, place: Place?) {
    self.name = name
    self.file = file
    self.place = place
  }

  deinit {
    guard let place, !isCommitted else { return }
    // The failure before this one tells more.
    do throws(Errno) { try place.directory.descriptor.unlink(place.temporary) } catch {}
  }

  var descriptor: Descriptor { file.descriptor }

  static func open(_ target: ImageSave.Target) throws(TransferError) -> ArchiveOutput {
    switch target {
    case .standardOutput:
      guard !Descriptor.standardOutput.isTerminal else {
        throw .local(what: "standard output", reason: "it is a terminal: name a file with -o, or redirect")
      }
      return try writing("standard output") { () throws(Errno) in
        ArchiveOutput(name: "standard output", file: try Descriptor.standardOutput.duplicate(), place: nil)
      }
    case .file(let path):
      return try writing(path) { () throws(Errno) in try open(path) }
    }
  }

  private static func open(_ path: String) throws(Errno) -> ArchiveOutput {
    let here = Descriptor.workingDirectory
    if let type = try existingType(path), type != .regular {
      return ArchiveOutput(name: path, file: try here.open(try KernelPath(path), [.writeOnly]), place: nil)
    }
    let cut = path.lastIndex(of: "/")
    let directory = try here.open(
      try KernelPath(cut.map { String(path[...$0]) } ?? "."), [.readOnly, .directory])
    let place = Place(
      directory: directory, temporary: try TemporaryName.make(prefix: ".skiff-save-"),
      final: try KernelPath(cut.map { String(path[path.index(after: $0)...]) } ?? path))
    let file = try place.directory.descriptor.open(
      place.temporary, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o644)
    return ArchiveOutput(name: path, file: file, place: place)
  }

  private static func existingType(_ path: String) throws(Errno) -> FileType? {
    do throws(Errno) {
      return try Descriptor.workingDirectory.status(try KernelPath(path), follow: true).type
    } catch {
      if error == .notFound { return nil }
      throw error
    }
  }

  /// Puts the whole archive in its place.
  consuming func commit() throws(TransferError) {
    guard let place else { return }
    let file = file.descriptor
    try Self.writing(name) { () throws(Errno) in
      try file.synchronize()
      try place.directory.descriptor.rename(place.temporary, to: place.final, in: place.directory.descriptor)
      try place.directory.descriptor.synchronize()
    }
    isCommitted = true
  }

  private static func writing<Value: ~Copyable>(
    _ name: String, _ body: () throws(Errno) -> Value
  ) throws(TransferError) -> Value {
    do throws(Errno) {
      return try body()
    } catch {
      throw .local(what: "cannot write \(name)", reason: error.description)
    }
  }
}
