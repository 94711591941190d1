/// Leads to the manifests of an image for several platforms (image-spec, image-index.md; docker's manifest list).
public struct ImageIndex: Equatable, Sendable {
  /// Longer manifests and indexes of a registry are refused.
  public static let sizeLimit = 4 << 20
  /// More manifests are refused.
  public static let manifestLimit = 4096

  /// What the document says of itself; nil where it says nothing, as OCI's may.
  public var mediaType: String?
  public var manifests: [ContentDescriptor]
  public var annotations: [String: String] = [:]
  public var artifactType: String?
  public var subject: ContentDescriptor?

  public init(mediaType: String? = MediaType.imageIndex, manifests: [ContentDescriptor]) {
    self.mediaType = mediaType
    self.manifests = manifests
  }

  /// Reads an index; throws all problems at once.
  public static func parse(
    _ bytes: [UInt8], sizeLimit: Int = ImageIndex.sizeLimit
  ) throws(SpecProblems) -> ImageIndex {
    let document = try DocumentReader.document(bytes, sizeLimit: sizeLimit)
    var reader = DocumentReader()
    let type = reader.checkManifest(document, types: (MediaType.imageIndex, MediaType.dockerManifestList))
    if document["manifests"]?.array == nil { reader.refuse("manifests", "must be a list") }
    var index = ImageIndex(
      mediaType: type, manifests: reader.descriptors("manifests", of: document, limit: manifestLimit))
    index.annotations = reader.dictionary("annotations", of: document, at: "")
    index.artifactType = reader.string("artifactType", of: document, at: "")
    index.subject = reader.object("subject", of: document, at: "").flatMap { reader.descriptor($0, at: "subject") }
    return try reader.finished(index)
  }

  /// The manifest that runs best on `platform`: its own before that of kin. Those without a platform come last;
  /// attestations, which say "unknown", never.
  public func manifest(for platform: Platform) -> ContentDescriptor? {
    var best: (descriptor: ContentDescriptor, preference: Int)?
    for descriptor in manifests where descriptor.isManifest || descriptor.isIndex {
      let preference: Int
      if let own = descriptor.platform {
        guard let found = platform.preference(for: own) else { continue }
        preference = found
      } else {
        preference = .max
      }
      if preference < best?.preference ?? .max || best == nil { best = (descriptor, preference) }
    }
    return best?.descriptor
  }

  public var json: JSONValue {
    var document: JSONValue = ["schemaVersion": 2]
    if let mediaType { document["mediaType"] = .string(mediaType) }
    if let artifactType { document["artifactType"] = .string(artifactType) }
    document["manifests"] = .array(manifests.map(\.json))
    if let subject { document["subject"] = subject.json }
    if !annotations.isEmpty { document["annotations"] = JSONValue(annotations) }
    return document
  }

  public func serialized(pretty: Bool = false) -> [UInt8] {
    json.serialized(pretty: pretty)
  }
}
