import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// Where errors and warnings go: the standard error stream, and the engine's log file if it named one.
struct Report {
  var logPath: String?
  var isJSON = false

  /// Before anything is done: an engine that names a log looks for every error there, and must hear of one that cannot be.
  mutating func openLog() throws(RuntimeError) {
    guard let logPath else { return }
    do throws(Errno) {
      _ = try Self.open(logPath)
    } catch {
      // It would be missed a second time when this is told.
      self.logPath = nil
      throw .failed("cannot open the log \(logPath): \(error)")
    }
  }

  private static func open(_ path: String) throws(Errno) -> FileDescriptor {
    try Descriptor.workingDirectory.open(try KernelPath(path), [.writeOnly, .create, .append], mode: 0o600)
  }

  func error(_ words: String) {
    write("skiff-runtime: \(words)\n", to: .standardError)
    log("error", words)
  }

  /// The container was made and its program could not be run: as a shell says it, for whoever started the program.
  func failureOfProgram(_ words: String) {
    write("\(words)\n", to: .standardError)
    log("error", words)
  }

  /// Where an engine named a log, only there: its error stream is the container's, too.
  func warning(_ words: String) {
    if logPath == nil { write("skiff-runtime: warning: \(words)\n", to: .standardError) }
    log("warning", words)
  }

  func debug(_ words: String) {
    // With the error stream gone there is nobody left to tell.
    if logPath == nil { try? Descriptor.standardError.writeAll(line("debug", words) + [0x0A]) }
    log("debug", words)
  }

  private func line(_ level: String, _ words: String) -> [UInt8] {
    let now = ClockTime.now()
    let time = Timestamp(seconds: now.seconds, nanoseconds: now.nanoseconds).text
    if isJSON {
      return JSONValue.object(
        JSONObject([("level", .string(level)), ("msg", .string(words)), ("time", .string(time))])
      ).serialized()
    }
    return Array("time=\"\(time)\" level=\(level) msg=".utf8) + JSONValue.string(words).serialized()
  }

  private func log(_ level: String, _ words: String) {
    guard let logPath else { return }
    do throws(Errno) {
      let file = try Self.open(logPath)
      try file.descriptor.writeAll(line(level, words) + [0x0A])
    } catch {
      write("skiff-runtime: cannot write the log \(logPath): \(error)\n", to: .standardError)
    }
  }

  private func write(_ text: String, to stream: Descriptor) {
    // With the error stream gone there is nobody left to tell.
    try? stream.writeAll(Array(text.utf8))
  }
}

/// Prints what was asked for on the standard output.
func printBytes(_ bytes: [UInt8]) throws(RuntimeError) {
  do throws(Errno) {
    try Descriptor.standardOutput.writeAll(bytes + [0x0A])
  } catch {
    throw .failed("cannot write to the standard output: \(error)")
  }
}
