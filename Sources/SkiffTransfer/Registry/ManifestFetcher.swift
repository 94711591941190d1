internal import SkiffImages
internal import SkiffSpec

/// Finds the manifest of an image in a registry: through the index where there is one, every document checked against its digest.
struct ManifestFetcher: Sendable {
  let client: RegistryClient
  let images: ImageStore
  /// What the image must run on.
  let platform: Platform

  /// A document of the registry that is what its digest says.
  struct Document: Sendable {
    let bytes: [UInt8]
    let descriptor: ContentDescriptor
  }

  struct Found: Sendable {
    /// The way from the name to the manifest: the manifest alone, or the index that it was chosen from before it, or several.
    let documents: [Document]
    /// What the name leads to.
    let target: ContentDescriptor
    let manifestDescriptor: ContentDescriptor
    let manifest: ImageManifest
  }

  /// An index may lead to another one, as the specification has it; nobody needs more.
  static let depthLimit = 3

  func find(_ reference: ImageReference) async throws(TransferError) -> Found {
    let what = reference.familiar
    var document = try await fetchTarget(reference, what: what)
    let target = document.descriptor
    var documents = [document]
    for _ in 0..<Self.depthLimit {
      switch try Self.kind(of: document, what: what) {
      case .manifest:
        let manifest = try Self.parsing("manifest of \(what)") { () throws(SpecProblems) in
          try ImageManifest.parse(document.bytes)
        }
        return Found(
          documents: documents, target: target, manifestDescriptor: document.descriptor, manifest: manifest)
      case .index:
        let index = try Self.parsing("index of \(what)") { () throws(SpecProblems) in
          try ImageIndex.parse(document.bytes)
        }
        document = try await fetchChild(try choose(from: index), what: what)
        documents.append(document)
      }
    }
    throw .invalid(what: what, reason: "its indexes lead to more indexes")
  }

  // MARK: choosing

  private func choose(from index: ImageIndex) throws(TransferError) -> ContentDescriptor {
    guard let chosen = index.manifest(for: platform) else {
      let available = index.manifests.compactMap { $0.platform?.description }
      throw .noSuchPlatform(wanted: platform.description, available: Array(Set(available)).sorted())
    }
    return chosen
  }

  private enum Kind {
    case manifest
    case index
  }

  /// Tells a manifest from an index by the type that it came with; a document that could be read as both is refused (CVE-2021-41190).
  private static func kind(of document: Document, what: String) throws(TransferError) -> Kind {
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue.parse(document.bytes)
    } catch {
      let told = document.descriptor.mediaType
      guard told.isEmpty || told.hasSuffix("json") else {
        // A web page, most often: that of a proxy, or of a server that is no registry.
        throw .invalid(
          what: "manifest of \(what)", reason: "it came as \(printable(Array(told.utf8), limitCharacters: 100))")
      }
      throw .invalid(what: "manifest of \(what)", reason: "\(error)")
    }
    if json["schemaVersion"]?.integer == 1 {
      throw .invalid(what: "manifest of \(what)", reason: "it is of schema 1, which is no longer supported")
    }
    if json["layers"] != nil, json["manifests"] != nil {
      throw .invalid(what: "manifest of \(what)", reason: "it could be read as an index and as a manifest")
    }
    let told = document.descriptor.mediaType
    if let own = json["mediaType"]?.string, own != told {
      throw .invalid(
        what: "manifest of \(what)",
        reason: "it calls itself \(printable(Array(own.utf8), limitCharacters: 100)) and came as \(told)")
    }
    switch told {
    case MediaType.imageIndex, MediaType.dockerManifestList: return .index
    case MediaType.imageManifest, MediaType.dockerManifest: return .manifest
    default:
      let shown = printable(Array(told.utf8), limitCharacters: 100)
      throw .invalid(what: "manifest of \(what)", reason: "its type \(shown) is not known")
    }
  }

  // MARK: fetching

  private static let accepted = [
    MediaType.imageManifest, MediaType.imageIndex, MediaType.dockerManifest, MediaType.dockerManifestList,
  ]

  private func fetchTarget(_ reference: ImageReference, what: String) async throws(TransferError) -> Document {
    if let digest = reference.digest {
      guard digest.algorithm == .sha256 else {
        throw .invalid(what: what, reason: "images are known by SHA-256 digests only")
      }
      return try await fetch(digest.text, digest: digest, declaredBytes: nil, told: nil, what: what)
    }
    return try await fetch(reference.tag ?? "latest", digest: nil, declaredBytes: nil, told: nil, what: what)
  }

  private func fetchChild(_ child: ContentDescriptor, what: String) async throws(TransferError) -> Document {
    // What is in the store by this digest needs no second journey.
    let isHere = try stored(what) { () throws(ImageStoreError) in
      try images.hasBlob(child.digest, sizeBytes: child.size)
    }
    if isHere, child.size <= Int64(RegistryOptions.manifestLimitBytes) {
      let bytes = try stored(what) { () throws(ImageStoreError) in
        try images.readBlob(child.digest, limitBytes: RegistryOptions.manifestLimitBytes)
      }
      return Document(bytes: bytes, descriptor: child)
    }
    return try await fetch(
      child.digest.text, digest: child.digest, declaredBytes: child.size, told: child.mediaType, what: what)
  }

  private func fetch(
    _ name: String, digest: Digest?, declaredBytes: Int64?, told: String?, what: String
  ) async throws(TransferError) -> Document {
    if let declaredBytes, declaredBytes > Int64(RegistryOptions.manifestLimitBytes) {
      throw .tooLong(what: "manifest of \(what)", declaredBytes: Int64(RegistryOptions.manifestLimitBytes))
    }
    let (head, bytes) = try await client.document(
      "manifests/\(name)", what: what, accept: Self.accepted, limitBytes: RegistryOptions.manifestLimitBytes)
    var hash = SHA256Stream()
    hash.update(bytes.span)
    let found = Digest(sha256: hash.finishHexadecimal())
    // A digest of another algorithm in the header is a name that is not checked, and not used.
    let claimed = head.first("docker-content-digest").flatMap { $0.hasPrefix("sha256:") ? $0 : nil }
    if let expected = digest?.text ?? claimed, expected != found.text {
      throw .wrongDigest(what: "manifest of \(what)", expected: expected, found: found.text)
    }
    if let claimed, claimed != found.text {
      throw .wrongDigest(what: "manifest of \(what)", expected: claimed, found: found.text)
    }
    if let declaredBytes, declaredBytes != Int64(bytes.count) {
      throw .truncated(what: "manifest of \(what)", gotBytes: Int64(bytes.count), declaredBytes: declaredBytes)
    }
    let type = told ?? Self.type(of: bytes, head)
    return Document(
      bytes: bytes, descriptor: ContentDescriptor(mediaType: type, digest: found, size: Int64(bytes.count)))
  }

  /// The type that the registry tells, or the document's own where the registry tells nothing of use.
  private static func type(of bytes: [UInt8], _ head: HTTPHead) -> String {
    let told = head.contentType ?? ""
    guard ["", "application/json", "text/plain", "application/octet-stream"].contains(told) else { return told }
    return RegistryAnswers.parsed(bytes)?["mediaType"]?.string ?? told
  }

  static func parsing<Value>(
    _ what: String, _ body: () throws(SpecProblems) -> Value
  ) throws(TransferError) -> Value {
    do throws(SpecProblems) {
      return try body()
    } catch {
      throw .invalid(what: what, reason: printable(Array("\(error)".utf8), limitCharacters: 500))
    }
  }
}
