internal import SkiffKernel

/// What an administrator keeps for one registry in a directory: certificates to trust beside the system's, and one to show.
///
///     DIR/HOST:PORT/*.crt           authorities
///     DIR/HOST:PORT/NAME.cert .key  a certificate of our own and its key
///
/// As containers-certs.d(5) and docker's "Verify repository client with certificates" have it.
struct RegistryCertificates: Sendable {
  /// As one PEM text; empty when there are none.
  private(set) var authorities: [UInt8] = []
  private(set) var client: ClientCertificate?

  /// Where directories of registries are looked for: the person's own, podman's and docker's.
  static var usualDirectories: [String] {
    let own = ProcessEnvironment.value(named: "HOME").map { ["\($0)/.config/containers/certs.d"] } ?? []
    return own + ["/etc/containers/certs.d", "/etc/docker/certs.d"]
  }

  private static let fileLimitBytes = 1 << 20
  private static let fileLimit = 64

  /// All that is kept for `registry` (host, and port where the reference has one): in the directory that the person named, which must be
  /// there, or in the first of the usual ones that is.
  static func find(registry: String, _ options: RegistryOptions) throws(TransferError) -> RegistryCertificates {
    if let named = options.certificateDirectory {
      guard let certificates = try read(named) else {
        throw .local(what: "certificates in \(named)", reason: Errno.notFound.description)
      }
      return certificates
    }
    // A registry is a host name; what could climb out of the directory is none.
    guard !registry.isEmpty, !registry.hasPrefix("."), !registry.contains("/") else { return RegistryCertificates() }
    for directory in options.certificateDirectories {
      if let certificates = try read("\(directory)/\(registry)") { return certificates }
    }
    return RegistryCertificates()
  }

  /// Nil when there is no such directory.
  private static func read(_ path: String) throws(TransferError) -> RegistryCertificates? {
    let files: [String: [UInt8]]
    do throws(Errno) {
      files = try contents(of: path)
    } catch {
      if error == .notFound || error == .notDirectory { return nil }
      // Failing closed: without its certificate the registry would be refused for a reason that misleads.
      throw .local(what: "certificates in \(path)", reason: error.description)
    }
    var certificates = RegistryCertificates()
    for name in files.keys.sorted() where name.hasSuffix(".crt") {
      certificates.authorities += files[name] ?? []
      certificates.authorities.append(UInt8(ascii: "\n"))
    }
    certificates.client = try client(among: files, in: path)
    return certificates
  }

  private static func contents(of path: String) throws(Errno) -> [String: [UInt8]] {
    let directory = try Descriptor.workingDirectory.open(KernelPath(path), [.readOnly, .directory])
    var files: [String: [UInt8]] = [:]
    for entry in try directory.descriptor.sortedEntries(limit: fileLimit)
    where [".crt", ".cert", ".key"].contains(where: entry.name.text.hasSuffix) {
      // Links are followed: the directory is the administrator's own.
      let file = try directory.descriptor.open(entry.name, [.readOnly, .nonBlocking])
      guard try file.descriptor.status().type == .regular else { continue }
      files[entry.name.text] = try file.descriptor.readToEnd(limitBytes: fileLimitBytes)
    }
    return files
  }

  /// The one pair of certificate and key; half a pair is refused, as docker does, and so is a choice.
  private static func client(
    among files: [String: [UInt8]], in path: String
  ) throws(TransferError) -> ClientCertificate? {
    func stems(_ ending: String) -> Set<String> {
      Set(files.keys.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) })
    }
    let (certificates, keys) = (stems(".cert"), stems(".key"))
    if let lonely = certificates.subtracting(keys).min() {
      throw .local(what: "certificates in \(path)", reason: "\(lonely).cert has no key, \(lonely).key")
    }
    if let lonely = keys.subtracting(certificates).min() {
      throw .local(what: "certificates in \(path)", reason: "\(lonely).key has no certificate, \(lonely).cert")
    }
    guard certificates.count <= 1 else {
      throw .local(
        what: "certificates in \(path)",
        reason: "there is more than one to show: \(certificates.sorted().map { $0 + ".cert" }.joined(separator: ", "))")
    }
    guard let name = certificates.first, let certificate = files[name + ".cert"], let key = files[name + ".key"] else {
      return nil
    }
    return ClientCertificate(certificate: certificate, key: key)
  }
}
