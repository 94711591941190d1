package import SkiffImages
internal import SkiffKernel
internal import SkiffSpec

/// Writes images of the store into one archive.
///
/// Both formats are an OCI layout; docker's has a `manifest.json` beside it, as `docker save` has written since version 25, so that every
/// docker, podman and skopeo reads it. The same images give the same bytes.
package struct ImageSave: Sendable {
  package enum Format: String, Sendable, CaseIterable {
    case dockerArchive = "docker-archive"
    case ociArchive = "oci-archive"
  }

  private let images: ImageStore
  private let format: Format

  package init(images: ImageStore, format: Format) {
    self.images = images
    self.format = format
  }

  /// One image as it was asked for.
  private struct Wanted: Sendable {
    let record: ImageRecord
    let manifest: ContentDescriptor
    var names: [ImageReference]
  }

  /// Where the archive goes.
  package enum Target: Sendable {
    case standardOutput
    case file(String)
  }

  package func save(_ texts: [String], to target: Target) async throws(TransferError) {
    let images = images
    let hold = try stored("the store") { () throws(ImageStoreError) in try images.hold() }
    let wanted = try resolve(texts)
    let format = format
    try await blocking { (stop) throws(TransferError) in
      let output = try ArchiveOutput.open(target)
      do throws(LayerError) {
        try Self.write(wanted, format: format, images: images, to: output.descriptor, name: output.name, stop: stop)
      } catch {
        if stop.isRaised { throw .interrupted }
        throw TransferError(saving: error)
      }
      try output.commit()
    }
    _ = consume hold
  }

  /// The images that are meant, each once with all the names that it was asked for by.
  private func resolve(_ texts: [String]) throws(TransferError) -> [Wanted] {
    var wanted: [Wanted] = []
    for text in texts {
      let record = try found(text)
      let name = Self.name(text, of: record)
      if let index = wanted.firstIndex(where: { $0.record.manifestDigest == record.manifestDigest }) {
        if let name, !wanted[index].names.contains(name) { wanted[index].names.append(name) }
        continue
      }
      let bytes = try stored(text) { () throws(ImageStoreError) in try images.readBlob(record.manifestDigest) }
      let type = RegistryAnswers.parsed(bytes)?["mediaType"]?.string ?? MediaType.imageManifest
      let manifest = ContentDescriptor(mediaType: type, digest: record.manifestDigest, size: Int64(bytes.count))
      wanted.append(Wanted(record: record, manifest: manifest, names: name.map { [$0] } ?? []))
    }
    return wanted
  }

  private func found(_ text: String) throws(TransferError) -> ImageRecord {
    do throws(ImageStoreError) {
      return try images.resolve(text)
    } catch {
      if case .noSuchImage = error { throw .notFound(what: text, words: "no such image in the store") }
      throw .local(what: text, reason: "\(error)")
    }
  }

  /// The name that an image was asked for by; nil when it was an id.
  private static func name(_ text: String, of record: ImageRecord) -> ImageReference? {
    guard let typed = try? ImageReference(parsing: text).withDefaultTag, typed.digest == nil else { return nil }
    let local = try? ImageReference(parsing: "localhost/\(text)").withDefaultTag
    return [typed, local].compactMap { $0 }.first { record.references.contains($0.canonical) }
  }
}

// Writing.
extension ImageSave {
  private static func write(
    _ wanted: [Wanted], format: Format, images: ImageStore, to file: Descriptor, name: String, stop: StopFlag
  ) throws(LayerError) {
    var writer = TarWriter(sink: FileSink(file, name: name))
    try add("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#.utf8, to: &writer)
    try add("index.json", index(wanted).serialized(), to: &writer)
    if format == .dockerArchive { try add("manifest.json", dockerManifest(wanted).serialized(), to: &writer) }
    try addDirectory("blobs", to: &writer)
    try addDirectory("blobs/sha256", to: &writer)
    var blobs: Set<Digest> = []
    for image in wanted {
      blobs.insert(image.manifest.digest)
      blobs.insert(image.record.manifest.config.digest)
      for layer in image.record.manifest.layers { blobs.insert(layer.digest) }
    }
    for digest in blobs.sorted(by: { $0.encoded < $1.encoded }) {
      try addBlob(digest, from: images, to: &writer, stop: stop)
    }
    _ = try writer.finish()
  }

  private static func entry(_ path: String, _ type: TarEntryType) -> TarEntry {
    // No time and no owner of this machine: only the content tells one archive from another.
    var entry = TarEntry(type: type, path: Array(path.utf8))
    entry.mode = type == .directory ? 0o755 : 0o644
    return entry
  }

  private static func add(
    _ path: String, _ content: some Sequence<UInt8>, to writer: inout TarWriter<FileSink>
  ) throws(LayerError) {
    let bytes = Array(content)
    var entry = entry(path, .regular)
    entry.sizeBytes = Int64(bytes.count)
    try writer.begin(entry)
    try writer.write(bytes.span)
    try writer.end()
  }

  private static func addDirectory(_ path: String, to writer: inout TarWriter<FileSink>) throws(LayerError) {
    try writer.begin(entry(path, .directory))
    try writer.end()
  }

  /// Copies a blob, hashing it once more: a disk that changed it must not go unnoticed into an archive.
  private static func addBlob(
    _ digest: Digest, from images: ImageStore, to writer: inout TarWriter<FileSink>, stop: StopFlag
  ) throws(LayerError) {
    let blob: FileDescriptor
    do throws(ImageStoreError) {
      blob = try images.openBlob(digest)
    } catch {
      throw LayerError(error)
    }
    let name = "blob \(digest.text)"
    var entry = entry("blobs/sha256/\(digest.encoded)", .regular)
    var hash = SHA256Stream()
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    do throws(Errno) {
      entry.sizeBytes = try blob.descriptor.status().sizeBytes
    } catch {
      throw .kernel(act: "look at", entry: name, error)
    }
    try writer.begin(entry)
    while !stop.isRaised {
      let count: Int
      do throws(Errno) {
        count = try blob.descriptor.read(into: &buffer)
      } catch {
        throw .kernel(act: "read", entry: name, error)
      }
      if count == 0 { break }
      hash.update(buffer.span.extracting(0..<count))
      try writer.write(buffer.span.extracting(0..<count))
    }
    if stop.isRaised { throw .kernel(act: "go on with", entry: name, .interrupted) }
    try writer.end()
    let found = hash.finishHexadecimal()
    guard found == digest.encoded else {
      throw .wrongDigest(what: name, expected: digest.encoded, actual: found)
    }
  }

  private static func index(_ wanted: [Wanted]) -> JSONValue {
    var manifests: [JSONValue] = []
    for image in wanted {
      let platform = image.record.configuration.platform
      var value: JSONValue = [
        "mediaType": .string(image.manifest.mediaType), "digest": .string(image.manifest.digest.text),
        "size": .integer(image.manifest.size),
        "platform": ["architecture": .string(platform.architecture), "os": .string(platform.os)],
      ]
      if let variant = platform.variant { value["platform"]?["variant"] = .string(variant) }
      guard !image.names.isEmpty else {
        manifests.append(value)
        continue
      }
      for name in image.names {
        value["annotations"] = [
          "io.containerd.image.name": .string(name.canonical),
          "org.opencontainers.image.ref.name": .string(name.canonical),
        ]
        manifests.append(value)
      }
    }
    return [
      "schemaVersion": 2, "mediaType": .string(MediaType.imageIndex), "manifests": .array(manifests),
    ]
  }

  private static func dockerManifest(_ wanted: [Wanted]) -> JSONValue {
    .array(
      wanted.map { image in
        [
          "Config": .string("blobs/sha256/\(image.record.manifest.config.digest.encoded)"),
          "RepoTags": .array(image.names.map { .string($0.familiar) }),
          "Layers": .array(image.record.manifest.layers.map { .string("blobs/sha256/\($0.digest.encoded)") }),
        ]
      })
  }
}

extension TransferError {
  /// What went wrong while an archive was written.
  fileprivate init(saving error: LayerError) {
    switch error {
    case .kernel(let act, let entry, let errno): self = .local(what: "cannot \(act) \(entry)", reason: "\(errno)")
    case .wrongDigest(let what, let expected, let actual):
      self = .wrongDigest(what: what, expected: "sha256:\(expected)", found: "sha256:\(actual)")
    default: self = .invalid(what: "the archive", reason: "\(error)")
    }
  }
}
