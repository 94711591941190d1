internal import SkiffImages
internal import SkiffSpec

/// Loads the images of an OCI layout (image-spec, "Image Layout").
struct OCILayoutLoad<Layout: ImageLayout>: Sendable {
  let layout: Layout
  let installation: LayerInstallation
  let platform: Platform
  let board: ProgressBoard

  private static var imageLimit: Int { 1000 }

  /// A document of the layout that is what its digest says.
  private struct Document {
    let bytes: [UInt8]
    let descriptor: ContentDescriptor
  }

  func load(index bytes: [UInt8]) async throws(TransferError) -> [ImageLoad.Loaded] {
    let index = try ManifestFetcher.parsing("index.json") { () throws(SpecProblems) in try ImageIndex.parse(bytes) }
    guard !index.manifests.isEmpty else { throw .invalid(what: "index.json", reason: "it names no image") }
    guard index.manifests.count <= Self.imageLimit else {
      throw .invalid(what: "index.json", reason: "it names more than \(Self.imageLimit) images")
    }
    let dockerNames = try DockerArchiveManifest.namesByConfiguration(in: layout)
    var loaded: [ImageLoad.Loaded] = []
    for descriptor in index.manifests where isMeant(descriptor, among: index.manifests) {
      loaded += try await loadImage(descriptor, dockerNames: dockerNames)
    }
    guard !loaded.isEmpty else {
      throw .noSuchPlatform(
        wanted: platform.description, available: index.manifests.compactMap { $0.platform?.description })
    }
    return loaded
  }

  /// Of an index that names one image for several platforms, only that for ours; one that names several images, all.
  private func isMeant(_ descriptor: ContentDescriptor, among all: [ContentDescriptor]) -> Bool {
    guard let own = descriptor.platform else { return true }
    return all.count == 1 || platform.runs(own)
  }

  private func loadImage(
    _ target: ContentDescriptor, dockerNames: [Digest: [String]]
  ) async throws(TransferError) -> [ImageLoad.Loaded] {
    let (documents, document) = try resolve(target)
    let what = "manifest \(document.descriptor.digest.text)"
    let manifest = try ManifestFetcher.parsing(what) { () throws(SpecProblems) in
      try ImageManifest.parse(document.bytes)
    }
    try manifest.requireImage(what: what)
    try take(manifest.config, what: "configuration \(manifest.config.digest.text)", stop: StopFlag())
    let images = installation.images
    let configurationBytes = try stored(what) { () throws(ImageStoreError) in
      try images.readBlob(manifest.config.digest)
    }
    let configuration = try ManifestFetcher.parsing("configuration of \(what)") { () throws(SpecProblems) in
      try ImageConfiguration.parse(configurationBytes)
    }
    let plans = try LayerPlan.plans(manifest: manifest, configuration: configuration, what: what)
    let pipeline = LayerPipeline(installation: installation, board: board)
    try await pipeline.run(plans) { (plan, _) async throws(TransferError) in
      try await blocking { (stop) throws(TransferError) in
        try take(plan.blob, what: "layer \(plan.blob.digest.text)", stop: stop)
      }
    }
    return try stored(what) { () throws(ImageStoreError) in
      for document in documents { _ = try images.writeBlob(document.bytes) }
      return try name(
        target, id: manifest.config.digest,
        names: names(of: target) ?? dockerNames[manifest.config.digest] ?? [])
    }
  }

  private func name(
    _ target: ContentDescriptor, id: Digest, names: [String]
  ) throws(ImageStoreError) -> [ImageLoad.Loaded] {
    try ImageNaming(images: installation.images).name(target, id: id, names: names)
  }

  /// The names that the layout gives to an image: in docker's annotation in full, in the specification's as its maker pleased.
  private func names(of descriptor: ContentDescriptor) -> [String]? {
    if let full = descriptor.annotations["io.containerd.image.name"] { return [full] }
    guard let name = descriptor.annotations["org.opencontainers.image.ref.name"], !name.isEmpty else { return nil }
    // A tag alone names nothing; who wants it can tag what was loaded.
    return name.contains("/") || name.contains(":") ? [name] : nil
  }

  /// The way to the manifest, through indexes where there are some, and the manifest.
  private func resolve(_ target: ContentDescriptor) throws(TransferError) -> ([Document], Document) {
    var document = try read(target)
    var documents = [document]
    for _ in 0..<ManifestFetcher.depthLimit {
      guard document.descriptor.isIndex else { return (documents, document) }
      let what = "index \(document.descriptor.digest.text)"
      let index = try ManifestFetcher.parsing(what) { () throws(SpecProblems) in try ImageIndex.parse(document.bytes) }
      guard let chosen = index.manifest(for: platform) else {
        throw .noSuchPlatform(
          wanted: platform.description, available: index.manifests.compactMap { $0.platform?.description })
      }
      document = try read(chosen)
      documents.append(document)
    }
    throw .invalid(what: "index.json", reason: "its indexes lead to more indexes")
  }

  private func path(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.encoded)" }

  private func read(_ descriptor: ContentDescriptor) throws(TransferError) -> Document {
    let what = "blob \(descriptor.digest.text)"
    guard descriptor.digest.algorithm == .sha256 else {
      throw .invalid(what: what, reason: "blobs are known by SHA-256 digests only")
    }
    guard let bytes = try layout.document(path(descriptor.digest), limitBytes: RegistryOptions.manifestLimitBytes)
    else {
      throw .notFound(what: "\(what) in the archive", words: "")
    }
    var hash = SHA256Stream()
    hash.update(bytes.span)
    let found = hash.finishHexadecimal()
    guard found == descriptor.digest.encoded else {
      throw .wrongDigest(what: what, expected: descriptor.digest.text, found: "sha256:\(found)")
    }
    return Document(bytes: bytes, descriptor: descriptor)
  }

  /// Makes a blob of the layout one of the store, when it is what its descriptor says.
  private func take(_ descriptor: ContentDescriptor, what: String, stop: StopFlag) throws(TransferError) {
    let images = installation.images
    guard descriptor.digest.algorithm == .sha256, descriptor.size >= 0 else {
      throw .invalid(what: what, reason: "blobs are known by SHA-256 digests and sizes only")
    }
    let isHere = try stored(what) { () throws(ImageStoreError) in
      try images.hasBlob(descriptor.digest, sizeBytes: descriptor.size)
    }
    if isHere { return }
    guard let blob = try layout.intake(path(descriptor.digest), stop: stop) else {
      throw .notFound(what: "\(what) in the archive", words: "")
    }
    guard blob.digest == descriptor.digest else {
      throw .wrongDigest(what: what, expected: descriptor.digest.text, found: blob.digest.text)
    }
    guard blob.sizeBytes == descriptor.size else {
      throw .truncated(what: what, gotBytes: blob.sizeBytes, declaredBytes: descriptor.size)
    }
  }
}

/// Gives names to an image that is whole.
struct ImageNaming: Sendable {
  let images: ImageStore

  func name(_ target: ContentDescriptor, id: Digest, names: [String]) throws(ImageStoreError) -> [ImageLoad.Loaded] {
    var loaded: [ImageLoad.Loaded] = []
    for name in names {
      // A name that is none does not stop the image: it is there by its id.
      guard let reference = try? ImageReference(parsing: name).withDefaultTag else { continue }
      try images.tag(target, as: reference)
      loaded.append(.named(reference))
    }
    guard loaded.isEmpty else { return loaded }
    try images.keep(target)
    return [.nameless(id)]
  }
}
