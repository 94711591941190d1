internal import SkiffKernel

/// The directories that criu works in, and its log there.
struct CriuDirectories: ~Copyable {
  private static let logLimitBytes = 64 << 20
  private static let quotedLines = 4

  let images: FileDescriptor
  private let work: FileDescriptor
  private let hasWork: Bool
  private let logPath: String

  /// - Parameter makes: the directories are made where they are not there.
  init(images imagePath: String, work workPath: String?, makes: Bool, log: String) throws(RuntimeError) {
    let images = try Self.open(imagePath, makes: makes)
    let work = try Self.open(workPath ?? imagePath, makes: workPath != nil)
    self.images = images
    self.work = work
    hasWork = workPath != nil
    logPath = "\(workPath ?? imagePath)/\(log)"
  }

  /// The number of the work directory; nil where criu works among the images.
  var workNumber: Int32? { hasWork ? work.number : nil }

  private static func open(_ path: String, makes: Bool) throws(RuntimeError) -> FileDescriptor {
    do throws(Errno) {
      let path = try KernelPath(path)
      if makes {
        do throws(Errno) {
          try Descriptor.workingDirectory.makeDirectory(path, mode: 0o700)
        } catch {
          guard error == .exists else { throw error }
        }
      }
      return try Descriptor.workingDirectory.open(path, [.directory])
    } catch {
      throw .failed("cannot open the checkpoint directory \(path): \(error)")
    }
  }

  /// Why criu failed: its response, and the last errors of its log.
  func failure(_ verb: String, _ response: CriuResponse) -> RuntimeError {
    var words = "criu failed: type \(verb) errno \(response.errorNumber)"
    if let message = response.message { words += ": \(message)" }
    return .failed(words + quotedErrors())
  }

  func quotedErrors() -> String {
    guard let path = try? KernelPath(logPath), let file = try? Descriptor.workingDirectory.open(path, .readOnly),
      let bytes = try? file.descriptor.readToEnd(limitBytes: Self.logLimitBytes)
    else { return "" }
    let errors = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
      .filter { $0.contains("Error (") }
    return " (see \(logPath)" + errors.suffix(Self.quotedLines).map { "; \($0)" }.joined() + ")"
  }
}
