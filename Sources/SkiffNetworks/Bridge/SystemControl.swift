internal import SkiffKernel

/// Settings of the calling thread's network namespace beneath /proc/sys/net (sysctl(8)).
enum SystemControl {
  private static let valueLimitBytes = 64

  /// The setting's value without the closing newline; nil where the kernel does not have it.
  static func read(_ name: String) throws(NetworkError) -> String? {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(KernelPath("/proc/sys/net/\(name)"), .readOnly)
      let bytes = try file.descriptor.readToEnd(limitBytes: valueLimitBytes)
      return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    } catch {
      guard error == .notFound else { throw .refused("read", "net/\(name)", error) }
      return nil
    }
  }

  /// Writes the setting; gives false where the kernel does not have it.
  @discardableResult
  static func write(_ value: String, to name: String) throws(NetworkError) -> Bool {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(KernelPath("/proc/sys/net/\(name)"), .writeOnly)
      try file.descriptor.writeAll(Array(value.utf8))
      return true
    } catch {
      guard error == .notFound else { throw .refused("write \(value) to", "net/\(name)", error) }
      return false
    }
  }
}
