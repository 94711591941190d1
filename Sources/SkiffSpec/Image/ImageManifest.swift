/// What one image is made of: a configuration and layers (image-spec, manifest.md; docker's version 2, schema 2).
public struct ImageManifest: Equatable, Sendable {
  /// Longer documents are refused.
  public static let sizeLimit = ImageIndex.sizeLimit
  /// More layers are refused; overlayfs takes fewer still.
  public static let layerLimit = 1024

  /// What the document says of itself; nil where it says nothing, as OCI's may.
  public var mediaType: String?
  public var config: ContentDescriptor
  /// The lowest first.
  public var layers: [ContentDescriptor]
  public var annotations: [String: String] = [:]
  public var artifactType: String?
  public var subject: ContentDescriptor?

  public init(
    mediaType: String? = MediaType.imageManifest, config: ContentDescriptor, layers: [ContentDescriptor]
  ) {
    self.mediaType = mediaType
    self.config = config
    self.layers = layers
  }

  /// Reads a manifest; throws all problems at once.
  public static func parse(_ bytes: [UInt8]) throws(SpecProblems) -> ImageManifest {
    let document = try DocumentReader.document(bytes, sizeLimit: sizeLimit)
    var reader = DocumentReader()
    let type = reader.checkManifest(document, types: (MediaType.imageManifest, MediaType.dockerManifest))
    let config = reader.object("config", of: document, at: "").flatMap { reader.descriptor($0, at: "config") }
    if document["config"] == nil { reader.refuse("config", "must be set") }
    if document["layers"]?.array == nil { reader.refuse("layers", "must be a list") }
    let layers = reader.descriptors("layers", of: document, limit: layerLimit)
    let annotations = reader.dictionary("annotations", of: document, at: "")
    let artifactType = reader.string("artifactType", of: document, at: "")
    let subject = reader.object("subject", of: document, at: "").flatMap { reader.descriptor($0, at: "subject") }
    guard let config else { return try reader.finished(nil) }
    var manifest = ImageManifest(mediaType: type, config: config, layers: layers)
    manifest.annotations = annotations
    manifest.artifactType = artifactType
    manifest.subject = subject
    return try reader.finished(manifest)
  }

  public var json: JSONValue {
    var document: JSONValue = ["schemaVersion": 2]
    if let mediaType { document["mediaType"] = .string(mediaType) }
    if let artifactType { document["artifactType"] = .string(artifactType) }
    document["config"] = config.json
    document["layers"] = .array(layers.map(\.json))
    if let subject { document["subject"] = subject.json }
    if !annotations.isEmpty { document["annotations"] = JSONValue(annotations) }
    return document
  }

  public func serialized(pretty: Bool = false) -> [UInt8] {
    json.serialized(pretty: pretty)
  }

  /// What all blobs together weigh; at most the largest number, whatever they claim.
  public var totalSize: Int64 {
    layers.reduce(config.size) { total, layer in
      let (sum, overflows) = total.addingReportingOverflow(layer.size)
      return overflows ? .max : sum
    }
  }
}
