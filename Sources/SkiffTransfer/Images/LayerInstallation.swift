internal import Glibc
package import SkiffImages
internal import SkiffKernel
package import SkiffSpec
internal import Synchronization

/// One layer of an image, as its manifest and its configuration tell of it together.
package struct LayerPlan: Sendable {
  /// The packed layer.
  package let blob: ContentDescriptor
  package let diffID: Digest
  package let chainID: Digest
  /// The chain below; nil for the lowest layer.
  package let parent: Digest?

  /// Most layers in an image (attacks.md: exhaustion).
  static let limit = 1024

  /// The layers of an image, lowest first; refuses a manifest and a configuration that do not belong together.
  package static func plans(
    manifest: ImageManifest, configuration: ImageConfiguration, what: String
  ) throws(TransferError) -> [LayerPlan] {
    let diffIDs = configuration.rootFileSystem.diffIDs
    guard manifest.layers.count <= limit else {
      throw .invalid(what: what, reason: "it has \(manifest.layers.count) layers, more than \(limit)")
    }
    guard manifest.layers.count == diffIDs.count else {
      throw .invalid(
        what: what, reason: "its manifest has \(manifest.layers.count) layers, its configuration \(diffIDs.count)")
    }
    let chainIDs = LayerChain.chainIDs(of: diffIDs)
    return manifest.layers.indices.map { index in
      LayerPlan(
        blob: manifest.layers[index], diffID: diffIDs[index], chainID: chainIDs[index],
        parent: index > 0 ? chainIDs[index - 1] : nil)
    }
  }
}

extension ImageManifest {
  /// Refuses what is no container image: registries keep other things too, under manifests of the same form.
  func requireImage(what: String) throws(TransferError) {
    let type = config.mediaType
    // The two last stand in old images of docker's: registries of that time did not tell types apart.
    guard MediaType.isConfiguration(type) || ["application/octet-stream", "text/html"].contains(type) else {
      let shown = printable(Array(type.utf8), limitCharacters: 100)
      throw .invalid(what: what, reason: "it is no container image: its configuration is of type \(shown)")
    }
    for layer in layers where !MediaType.isLayer(layer.mediaType) {
      let shown = printable(Array(layer.mediaType.utf8), limitCharacters: 100)
      throw .invalid(
        what: "layer \(layer.digest.text)",
        reason: layer.mediaType.hasSuffix("+encrypted")
          ? "it is encrypted, which is not supported" : "its type \(shown) is none of a layer")
    }
  }
}

/// Unpacks layers whose blobs are in the store.
package struct LayerInstallation: Sendable {
  package let images: ImageStore
  package let layers: LayerStore
  private let made = MadeLayers()

  package init(images: ImageStore, layers: LayerStore) {
    self.images = images
    self.layers = layers
  }

  /// How many layers are unpacked side by side.
  static var width: Int { max(2, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// Unpacks one layer, unless the store has it; `progress` is told how many packed bytes are through. A cancelled task stops soon.
  package func install(
    _ plan: LayerPlan, progress: @escaping @Sendable (Int64) -> Void
  ) async throws(TransferError) {
    try await blocking { (stop) throws(TransferError) in
      try unpack(plan, stop: stop, progress: progress)
    }
  }

  private func unpack(
    _ plan: LayerPlan, stop: StopFlag, progress: @Sendable (Int64) -> Void
  ) throws(TransferError) {
    let what = "layer \(plan.blob.digest.text)"
    guard !stop.isRaised else { throw .interrupted }
    let begun = try stored(what) { () throws(ImageStoreError) in try layers.begin(plan.chainID, on: plan.parent) }
    guard let draft = begun else { return }
    let blob = try stored(what) { () throws(ImageStoreError) in try images.openBlob(plan.blob.digest) }
    let tree = try stored(what) { () throws(ImageStoreError) in try draft.openTree() }
    let outcome: UnpackedLayer?
    do throws(LayerError) {
      outcome = try Self.unpack(blob.descriptor, into: tree, form: draft.form, stop: stop, progress: progress)
    } catch {
      throw TransferError(error, what: what)
    }
    guard let unpacked = outcome else { throw .interrupted }
    guard unpacked.packedHexadecimal == plan.blob.digest.encoded else {
      // It was right when it came: the disk has changed it.
      try stored(what) { () throws(ImageStoreError) in try images.quarantine(plan.blob.digest) }
      throw .wrongDigest(
        what: what, expected: plan.blob.digest.text, found: "sha256:\(unpacked.packedHexadecimal)")
    }
    guard unpacked.diffHexadecimal == plan.diffID.encoded else {
      throw .wrongDigest(
        what: "unpacked \(what)", expected: plan.diffID.text, found: "sha256:\(unpacked.diffHexadecimal)")
    }
    let record = LayerRecord(
      chainID: plan.chainID, diffID: plan.diffID, parent: plan.parent, archiveSizeBytes: unpacked.archiveSizeBytes,
      contentBytes: unpacked.contentBytes, entryCount: unpacked.entryCount,
      hasPrivilegedFiles: unpacked.hasPrivilegedFiles, hidesLowerLayers: unpacked.hidesLowerLayers,
      describesRoot: unpacked.describesRoot, leftOut: unpacked.leftOut)
    do throws(ImageStoreError) {
      try draft.commit(record, implied: plan.parent == nil ? [] : unpacked.impliedDirectories)
    } catch {
      throw .local(what: what, reason: "\(error)")
    }
    made.note(plan.chainID)
  }
}

/// The layers that one transfer has made.
private final class MadeLayers: Sendable {
  private let chainIDs = Mutex<Set<Digest>>([])

  func note(_ chainID: Digest) {
    chainIDs.withLock { _ = $0.insert(chainID) }
  }

  var all: Set<Digest> { chainIDs.withLock { $0 } }
}

extension LayerInstallation {
  /// After a transfer that came to nothing: removes the blobs that no image needs and the layers that it made.
  ///
  /// Other layers stay, for a container may use them that this room knows nothing of.
  package func removeRemains() {
    do throws(ImageStoreError) {
      let others = Set(try layers.chainIDs()).subtracting(made.all)
      _ = try images.sweep(layers, keeping: others)
    } catch {
      // The failure that led here is told; what stays is found by the next sweep.
    }
  }

  /// Unpacks an open blob; nil when it was stopped.
  private static func unpack(
    _ blob: Descriptor, into tree: consuming FileDescriptor, form: LayerForm, stop: StopFlag,
    progress: @Sendable (Int64) -> Void
  ) throws(LayerError) -> UnpackedLayer? {
    var unpacker = try LayerUnpacker(into: tree, form: form)
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    var position: Int64 = 0
    while !stop.isRaised {
      let count: Int
      do throws(Errno) {
        count = try blob.read(into: &buffer)
      } catch {
        throw .kernel(act: "read", entry: "the packed layer", error)
      }
      if count == 0 { return try unpacker.finish() }
      try unpacker.write(buffer.span.extracting(0..<count))
      position += Int64(count)
      progress(position)
    }
    return nil
  }
}

extension TransferError {
  /// What went wrong with a layer: the disk is the machine's affair, anything else the layer's.
  init(_ error: LayerError, what: String) {
    switch error {
    case .kernel(let act, let entry, let errno):
      self = .local(what: "cannot unpack \(what)", reason: "cannot \(act) \(entry): \(errno)")
    case .truncated(let entry):
      self = .invalid(what: what, reason: entry.map { "it ends in the middle of \($0)" } ?? "it ends too early")
    default:
      self = .invalid(what: what, reason: "\(error)")
    }
  }
}

/// Says of what the store complains.
func stored<Value: ~Copyable>(
  _ what: String, _ body: () throws(ImageStoreError) -> Value
) throws(TransferError) -> Value {
  do throws(ImageStoreError) {
    return try body()
  } catch {
    throw .local(what: what, reason: "\(error)")
  }
}
