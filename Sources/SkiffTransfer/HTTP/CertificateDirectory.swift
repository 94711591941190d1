internal import SkiffKernel

/// Certificates that an administrator trusts for one registry: `DIR/HOST:PORT/*.crt`, as docker's and podman's users keep them.
package enum CertificateDirectory {
  /// Where they are looked for unless a directory is given.
  package static let usual = ["/etc/containers/certs.d", "/etc/docker/certs.d"]

  static let fileLimitBytes = 1 << 20
  static let fileLimit = 64

  /// All certificates for `registry` (host, and port where the reference has one) as one PEM text; empty when there are none.
  package static func authorities(
    registry: String, in directories: [String]
  ) throws(TransferError) -> [UInt8] {
    // A registry is a host name; what could climb out of the directory is none.
    guard !registry.isEmpty, !registry.hasPrefix("."), !registry.contains("/") else { return [] }
    var text: [UInt8] = []
    for directory in directories {
      let path = "\(directory)/\(registry)"
      do throws(Errno) {
        try append(directory: path, to: &text)
      } catch {
        if error == .notFound || error == .notDirectory { continue }
        // Failing closed: without its certificate the registry would be refused for a reason that misleads.
        throw .local(what: "certificates in \(path)", reason: error.description)
      }
    }
    return text
  }

  private static func append(directory path: String, to text: inout [UInt8]) throws(Errno) {
    let directory = try Descriptor.workingDirectory.open(KernelPath(path), [.readOnly, .directory])
    for entry in try directory.descriptor.sortedEntries(limit: fileLimit)
    where entry.name.bytes.suffix(4).elementsEqual(".crt".utf8) {
      // Links are followed: the directory is the administrator's own.
      let file = try directory.descriptor.open(entry.name, [.readOnly, .nonBlocking])
      guard try file.descriptor.status().type == .regular else { continue }
      text.append(contentsOf: try file.descriptor.readToEnd(limitBytes: fileLimitBytes))
      text.append(UInt8(ascii: "\n"))
    }
  }
}
