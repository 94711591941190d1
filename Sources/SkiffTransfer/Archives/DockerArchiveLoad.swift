internal import SkiffImages
internal import SkiffKernel
internal import SkiffSpec

/// `manifest.json` of an archive by `docker save`: which files make which image.
struct DockerArchiveManifest: Sendable {
  struct Item: Sendable {
    let configuration: String
    let layers: [String]
    let names: [String]
  }

  let items: [Item]

  private static let imageLimit = 1000

  init(parsing bytes: [UInt8]) throws(TransferError) {
    let what = "manifest.json"
    guard let values = RegistryAnswers.parsed(bytes)?.array else {
      throw .invalid(what: what, reason: "it is no list of images")
    }
    guard values.count <= Self.imageLimit else {
      throw .invalid(what: what, reason: "it names more than \(Self.imageLimit) images")
    }
    items = try values.map { (value) throws(TransferError) in
      guard let configuration = value["Config"]?.string, let layers = value["Layers"]?.array?.map(\.string) else {
        throw .invalid(what: what, reason: "an image of it has no configuration or no layers")
      }
      guard layers.count <= LayerPlan.limit, !layers.contains(nil) else {
        throw .invalid(what: what, reason: "the layers of an image are not a list of at most \(LayerPlan.limit) names")
      }
      return Item(
        configuration: configuration, layers: layers.compactMap { $0 },
        names: value["RepoTags"]?.array?.compactMap(\.string) ?? [])
    }
  }

  /// The names that `manifest.json` gives beside an OCI layout, by the digest of the configuration. Empty where there is none of it.
  static func namesByConfiguration(in layout: some ImageLayout) throws(TransferError) -> [Digest: [String]] {
    guard let bytes = try layout.document("manifest.json", limitBytes: 64 << 20) else { return [:] }
    var names: [Digest: [String]] = [:]
    for item in try DockerArchiveManifest(parsing: bytes).items {
      // `blobs/sha256/HEX` or `HEX.json`.
      let file = item.configuration.split(separator: "/").last ?? ""
      let digits = file.hasSuffix(".json") ? file.dropLast(5) : file
      guard let digest = try? Digest(.sha256, encoded: String(digits)) else { continue }
      names[digest, default: []] += item.names
    }
    return names
  }
}

/// Loads the images of an archive by `docker save`.
struct DockerArchiveLoad<Layout: ImageLayout>: Sendable {
  let layout: Layout
  let installation: LayerInstallation
  let board: ProgressBoard

  func load(manifest bytes: [UInt8]) async throws(TransferError) -> [ImageLoad.Loaded] {
    let manifest = try DockerArchiveManifest(parsing: bytes)
    guard !manifest.items.isEmpty else { throw .invalid(what: "manifest.json", reason: "it names no image") }
    var loaded: [ImageLoad.Loaded] = []
    for item in manifest.items { loaded += try await load(item) }
    return loaded
  }

  private func load(_ item: DockerArchiveManifest.Item) async throws(TransferError) -> [ImageLoad.Loaded] {
    let images = installation.images
    let what = item.names.first ?? "image \(printable(Array(item.configuration.utf8), limitCharacters: 80))"
    guard let bytes = try layout.document(item.configuration, limitBytes: ImageStore.smallBlobLimitBytes) else {
      throw .notFound(what: "the configuration of \(what) in the archive", words: "")
    }
    let configuration = try ManifestFetcher.parsing("configuration of \(what)") { () throws(SpecProblems) in
      try ImageConfiguration.parse(bytes)
    }
    let config = try stored(what) { () throws(ImageStoreError) in
      let digest = try images.writeBlob(bytes)
      return ContentDescriptor(mediaType: MediaType.imageConfiguration, digest: digest, size: Int64(bytes.count))
    }
    var layers: [ContentDescriptor] = []
    for name in item.layers { layers.append(try await layer(name, what: what)) }
    let manifest = ImageManifest(config: config, layers: layers)
    let plans = try LayerPlan.plans(manifest: manifest, configuration: configuration, what: what)
    try await LayerPipeline(installation: installation, board: board).run(plans) { _, _ in }
    return try stored(what) { () throws(ImageStoreError) in
      let document = manifest.json.serialized()
      let target = ContentDescriptor(
        mediaType: MediaType.imageManifest, digest: try images.writeBlob(document), size: Int64(document.count))
      return try ImageNaming(images: images).name(target, id: config.digest, names: item.names)
    }
  }

  private func layer(_ name: String, what: String) async throws(TransferError) -> ContentDescriptor {
    let layout = layout
    let images = installation.images
    return try await blocking { (stop) throws(TransferError) in
      guard let blob = try layout.intake(name, stop: stop) else {
        let shown = printable(Array(name.utf8), limitCharacters: 120)
        throw .notFound(what: "layer \(shown) of \(what) in the archive", words: "")
      }
      let type = try stored(what) { () throws(ImageStoreError) in try LayerType.mediaType(of: blob.digest, in: images) }
      return ContentDescriptor(mediaType: type, digest: blob.digest, size: blob.sizeBytes)
    }
  }
}

/// The media type of a layer, by what it begins with.
enum LayerType {
  static func mediaType(of digest: Digest, in images: ImageStore) throws(ImageStoreError) -> String {
    let blob = try images.openBlob(digest)
    var start = [UInt8](repeating: 0, count: CompressionFormat.magicBytes)
    let count: Int
    do throws(Errno) {
      count = try blob.descriptor.read(into: &start, at: 0)
    } catch {
      throw .kernel(act: "read", thing: "blob \(digest)", error)
    }
    return mediaType(of: CompressionFormat.detect(start.prefix(count)))
  }

  static func mediaType(of format: CompressionFormat) -> String {
    switch format {
    // What is packed otherwise is refused by who unpacks it.
    case .none, .bzip2, .xz, .lz4: return MediaType.layer
    case .gzip: return MediaType.layerGzip
    case .zstd: return MediaType.layerZstd
    }
  }
}
