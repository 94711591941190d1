/// The name of an image: registry, repository, and a tag or a digest or both (the grammar of the distribution project's references).
///
/// Short names mean what they mean to docker: `busybox` is `docker.io/library/busybox`.
public struct ImageReference: Hashable, Sendable {
  /// Of a repository, in bytes.
  public static let repositoryLengthLimit = 255
  /// Of a tag, in bytes.
  public static let tagLengthLimit = 128

  /// Host and port: `docker.io`, `localhost:5000`, `[::1]:5000`.
  public let registry: String
  /// Without the registry: `library/busybox`.
  public let repository: String
  public private(set) var tag: String?
  public private(set) var digest: Digest?

  /// Reads what a person types. The tag stays nil when none was given: see `withDefaultTag`.
  public init(parsing text: String) throws(FormatError) {
    // The longest: a host name of 253 and a port, a repository, a tag, a digest.
    guard text.utf8.count <= 1024 else { throw FormatError("invalid reference format: too long") }
    guard text.utf8.count != 64 || !text.utf8.allSatisfy(Self.isLowerHexadecimal) else {
      throw FormatError(
        "invalid repository name (\(text)), cannot specify 64-byte hexadecimal strings")
    }
    let (named, digest) = try Self.splitDigest(text)
    let (registry, rest) = Self.splitRegistry(named)
    let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var repository = String(parts[0])
    let tag = parts.count > 1 ? String(parts[1]) : nil
    if registry == Self.dockerHub, !repository.utf8.contains(UInt8(ascii: "/")) {
      repository = "library/" + repository
    }
    guard !repository.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
      throw FormatError("invalid reference format: repository name (\(parts[0])) must be lowercase")
    }
    try self.init(registry: registry, repository: repository, tag: tag, digest: digest)
  }

  /// Puts together what is known exactly; nothing is completed.
  public init(registry: String, repository: String, tag: String? = nil, digest: Digest? = nil) throws(FormatError) {
    guard Self.isRegistry(registry), Self.isRepository(repository), tag.map(Self.isTag) ?? true else {
      let whole = "\(registry)/\(repository)" + (tag.map { ":\($0)" } ?? "")
      throw FormatError("invalid reference format: \(SpecKeyPath.quoted(whole))")
    }
    guard repository.utf8.count <= Self.repositoryLengthLimit else {
      throw FormatError("repository name must not be more than \(Self.repositoryLengthLimit) characters")
    }
    self.registry = registry
    self.repository = repository
    self.tag = tag
    self.digest = digest
  }
}

extension ImageReference {
  /// The registry that short names mean.
  public static let dockerHub = "docker.io"

  /// Where the registry answers: docker.io's is named otherwise.
  public var registryEndpoint: String {
    registry == Self.dockerHub ? "registry-1.docker.io" : registry
  }

  /// The same image with the tag `latest` where neither a tag nor a digest was given.
  public var withDefaultTag: ImageReference {
    guard tag == nil, digest == nil else { return self }
    var reference = self
    reference.tag = "latest"
    return reference
  }

  /// The same repository with exactly this digest, as a pin in a document.
  public func pinned(to digest: Digest) -> ImageReference {
    var reference = self
    reference.digest = digest
    return reference
  }

  /// The same repository with another tag and no digest.
  public func tagged(_ tag: String) throws(FormatError) -> ImageReference {
    try ImageReference(registry: registry, repository: repository, tag: tag)
  }

  /// Registry and repository in full: `docker.io/library/busybox`.
  public var name: String { "\(registry)/\(repository)" }

  /// Registry and repository as short as they may be typed: `busybox`.
  public var familiarName: String {
    guard registry == Self.dockerHub else { return name }
    let library = "library/"
    let isLibrary = repository.hasPrefix(library) && !repository.dropFirst(library.count).contains("/")
    return isLibrary ? String(repository.dropFirst(library.count)) : repository
  }

  /// Everything in full: `docker.io/library/busybox:latest`.
  public var canonical: String { name + suffix }

  /// As short as it may be typed: `busybox:latest`.
  public var familiar: String { familiarName + suffix }

  private var suffix: String {
    (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0.text)" } ?? "")
  }
}

extension ImageReference: CustomStringConvertible {
  public var description: String { canonical }
}

// MARK: Grammar

extension ImageReference {
  private static func splitDigest(_ text: String) throws(FormatError) -> (Substring, Digest?) {
    guard let at = text.utf8.firstIndex(of: UInt8(ascii: "@")) else { return (text[...], nil) }
    return (text[..<at], try Digest(String(text[text.utf8.index(after: at)...])))
  }

  /// A first part with a dot, a colon or an upper-case letter is a host; so is `localhost`. All else is on docker.io.
  private static func splitRegistry(_ text: Substring) -> (String, Substring) {
    guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else { return (dockerHub, text) }
    let first = text[..<slash]
    let rest = text[text.utf8.index(after: slash)...]
    let looksLikeHost = first.utf8.contains {
      $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
    }
    guard looksLikeHost || first == "localhost" else { return (dockerHub, text) }
    return (first == "index.docker.io" ? dockerHub : String(first), rest)
  }

  private static func isLowerHexadecimal(_ byte: UInt8) -> Bool {
    byte.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  static func isRegistry(_ text: String) -> Bool {
    var host = text[...]
    if text.utf8.first == UInt8(ascii: "[") {
      guard let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let address = text[text.utf8.index(after: text.startIndex)..<end]
      guard case .v6 = IPAddress(String(address)) else { return false }
      let after = text[text.utf8.index(after: end)...]
      return after.isEmpty || (after.utf8.first == UInt8(ascii: ":") && isPort(after.dropFirst()))
    }
    if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
      guard isPort(text[text.utf8.index(after: colon)...]) else { return false }
      host = text[..<colon]
    }
    guard host.utf8.count <= 253 else { return false }
    return host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
      label.first?.isLetterOrDigit == true && label.last?.isLetterOrDigit == true
        && label.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
    }
  }

  private static func isPort(_ text: Substring) -> Bool {
    let port: UInt16? = Decimal.value(text)
    return port != nil
  }

  static func isRepository(_ text: String) -> Bool {
    text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy(isPathComponent)
  }

  /// Runs of lower-case letters and digits with single separators between: `.`, `_`, `__` or any number of `-`.
  private static func isPathComponent(_ bytes: Substring.UTF8View) -> Bool {
    func isWord(_ byte: UInt8) -> Bool { byte.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    guard let first = bytes.first, isWord(first), let last = bytes.last, isWord(last) else { return false }
    var rest = bytes[...]
    while !rest.isEmpty {
      rest = rest.drop(while: isWord)
      let separator = rest.prefix { !isWord($0) }
      let isDashes = separator.allSatisfy { $0 == UInt8(ascii: "-") }
      let isOther =
        separator.elementsEqual(".".utf8) || separator.elementsEqual("_".utf8) || separator.elementsEqual("__".utf8)
      guard isDashes || isOther else { return false }
      rest = rest.dropFirst(separator.count)
    }
    return true
  }

  /// A letter, digit or underscore, then up to 127 of these and dots and dashes.
  public static func isTag(_ text: String) -> Bool {
    guard (1...tagLengthLimit).contains(text.utf8.count), let first = text.utf8.first,
      first.isLetterOrDigit || first == UInt8(ascii: "_")
    else { return false }
    return text.utf8.allSatisfy { $0.isLetterOrDigit || "_.-".utf8.contains($0) }
  }
}
