/// Names content by type, digest and size (image-spec, descriptor.md).
public struct ContentDescriptor: Hashable, Sendable {
  public var mediaType: String
  public var digest: Digest
  /// In bytes, never negative.
  public var size: Int64
  /// Where else the content may be; skiff does not follow them.
  public var urls: [String] = []
  public var annotations: [String: String] = [:]
  public var platform: Platform?
  public var artifactType: String?

  public init(mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil) {
    self.mediaType = mediaType
    self.digest = digest
    self.size = max(0, size)
    self.platform = platform
  }

  /// Reads a descriptor; throws all of its problems.
  public init(json: JSONValue) throws(SpecProblems) {
    var reader = DocumentReader()
    let descriptor = reader.descriptor(json, at: "")
    self = try reader.finished(descriptor)
  }

  /// The descriptor as it stands in a document.
  public var json: JSONValue {
    var object: JSONValue = [
      "mediaType": .string(mediaType), "digest": .string(digest.text), "size": .integer(size),
    ]
    if !urls.isEmpty { object["urls"] = JSONValue(urls) }
    if !annotations.isEmpty { object["annotations"] = JSONValue(annotations) }
    if let platform { object["platform"] = platform.json }
    if let artifactType { object["artifactType"] = .string(artifactType) }
    return object
  }

  public var isIndex: Bool { MediaType.isIndex(mediaType) }
  public var isManifest: Bool { MediaType.isManifest(mediaType) }
}

extension Platform {
  /// The platform as it stands in a descriptor.
  public var json: JSONValue {
    var object: JSONValue = ["architecture": .string(architecture), "os": .string(os)]
    if let variant { object["variant"] = .string(variant) }
    if let osVersion { object["os.version"] = .string(osVersion) }
    if !osFeatures.isEmpty { object["os.features"] = JSONValue(osFeatures) }
    return object
  }
}

extension DocumentReader {
  mutating func descriptor(_ value: JSONValue, at keyPath: String) -> ContentDescriptor? {
    guard value.object != nil else {
      refuse(keyPath, "expected an object, found \(value.kind.phrase)")
      return nil
    }
    let mediaType = string("mediaType", of: value, at: keyPath)
    if mediaType == nil || mediaType == "" { refuse(path(keyPath, "mediaType"), "must be set") }
    let digestText = string("digest", of: value, at: keyPath)
    var digest: Digest?
    if let digestText {
      digest = self.digest(digestText, at: path(keyPath, "digest"))
    } else {
      refuse(path(keyPath, "digest"), "must be set")
    }
    let size = integer("size", of: value, at: keyPath)
    if size == nil { refuse(path(keyPath, "size"), "must be set") }
    if let size, size < 0 { refuse(path(keyPath, "size"), "must not be negative") }
    guard let mediaType, let digest, let size, size >= 0 else { return nil }

    var descriptor = ContentDescriptor(mediaType: mediaType, digest: digest, size: size)
    descriptor.urls = strings("urls", of: value, at: keyPath) ?? []
    descriptor.annotations = dictionary("annotations", of: value, at: keyPath)
    descriptor.artifactType = string("artifactType", of: value, at: keyPath)
    if let platform = object("platform", of: value, at: keyPath) {
      descriptor.platform = self.platform(platform, at: path(keyPath, "platform"))
    }
    return descriptor
  }

  mutating func platform(_ value: JSONValue, at keyPath: String) -> Platform {
    var platform = Platform(
      os: string("os", of: value, at: keyPath) ?? "",
      architecture: string("architecture", of: value, at: keyPath) ?? "",
      variant: string("variant", of: value, at: keyPath))
    if platform.variant == "" { platform.variant = nil }
    platform.osVersion = string("os.version", of: value, at: keyPath)
    platform.osFeatures = strings("os.features", of: value, at: keyPath) ?? []
    return platform
  }

  mutating func descriptors(
    _ name: String, of object: JSONValue, limit: Int
  ) -> [ContentDescriptor] {
    guard let elements = list(name, of: object, at: "") else { return [] }
    guard elements.count <= limit else {
      refuse(name, "more than \(limit)")
      return []
    }
    return elements.compactMap { descriptor($0.value, at: $0.keyPath) }
  }

  /// What index and manifest have in common: version 2, and a type of their own that is the expected one.
  /// A document that could be read as both is refused (CVE-2021-41190): two programs would see two images.
  mutating func checkManifest(_ document: JSONValue, types: (oci: String, docker: String)) -> String? {
    let version = integer("schemaVersion", of: document, at: "")
    if version == 1 {
      refuse("schemaVersion", "docker's image format of version 1 is not supported")
    } else if version != 2 {
      refuse("schemaVersion", "must be 2")
    }
    let hasImage = document["layers"] != nil || document["config"] != nil || document["fsLayers"] != nil
    if document["manifests"] != nil, hasImage {
      refuse("", "the document is both a manifest and an index")
    }
    guard let type = string("mediaType", of: document, at: ""), !type.isEmpty else { return nil }
    if type != types.oci, type != types.docker {
      refuse("mediaType", "expected \(types.oci) or \(types.docker), found \(SpecKeyPath.quoted(type))")
    }
    return type
  }
}
