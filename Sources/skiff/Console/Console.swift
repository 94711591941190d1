import SkiffKernel

/// What a person reads.
enum Console {
  /// Prints a line on standard output.
  static func print(_ text: String) {
    write(text + "\n", to: .standardOutput)
  }

  /// Writes on standard output what ends its lines itself.
  static func show(_ text: String) {
    write(text, to: .standardOutput)
  }

  static func write(_ text: String, to stream: Descriptor) {
    do throws(Errno) {
      try stream.writeAll(Array(text.utf8))
    } catch {
      // A reader that has seen enough, such as head(1), is no failure; a full disk is.
      if error != .brokenPipe, stream != .standardError { fail("cannot write: \(error)", code: 1) }
      exit(error == .brokenPipe ? 0 : 1)
    }
  }

  /// Says what went wrong, in one line.
  static func complain(_ sentence: String) {
    write("skiff: \(sentence)\n", to: .standardError)
  }

  static func warn(_ sentence: String) {
    write("skiff: warning: \(sentence)\n", to: .standardError)
  }

  static func fail(_ sentence: String, code: Int32) -> Never {
    if code != 0 { complain(sentence) }
    exit(code)
  }

  /// Ends at once: there is nothing that an orderly end would do, and it would take time.
  static func exit(_ code: Int32) -> Never {
    ProcessControl.exit(code)
  }
}
