import SkiffEngine
import SkiffKernel

/// A file that a command writes, and that must not be there yet.
enum NewFile {
  /// For what may hold passwords, in variables for one: nobody else reads it.
  static let privateMode: UInt32 = 0o600

  /// Writes it whole or not at all; its mode is this one, whatever the umask says.
  static func write(_ text: String, to path: String, mode: UInt32, act: String = "write to") throws(EngineError) {
    do throws(Errno) {
      let name = try KernelPath(path)
      let file = try Descriptor.workingDirectory.open(name, [.writeOnly, .create, .exclusive], mode: mode)
      do throws(Errno) {
        try file.descriptor.changeMode(mode)
        try file.descriptor.writeAll(Array(text.utf8))
      } catch {
        // The first error tells more than a failure to clean up after it.
        do throws(Errno) { try Descriptor.workingDirectory.unlink(name) } catch {}
        throw error
      }
    } catch {
      guard error == .exists else { throw .kernel(act: act, thing: path, cause: error) }
      throw .refused("cannot \(act) \(path): the file exists")
    }
  }
}
