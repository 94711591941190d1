import SkiffEngine
import SkiffKernel

/// `--preserve-fds`
enum PreservedFiles {
  private static let limit: UInt32 = 256

  /// The number of files that are passed on. Each must have been given to this process: a number that the caller left free is one
  /// of the engine's own files by now, or would be soon.
  static func count(_ asked: UInt32?) throws(EngineError) -> UInt32 {
    guard let asked, asked > 0 else { return 0 }
    guard asked <= limit else {
      throw .invalidOption(name: "--preserve-fds", value: "\(asked)", reason: "at most \(limit) files are passed on")
    }
    for number in 3..<Int32(3 + asked) where !Descriptor(number).isInherited {
      throw .refused(
        "file descriptor \(number) is not available - the preserve-fds option requires that file descriptors must be passed"
      )
    }
    return asked
  }
}
