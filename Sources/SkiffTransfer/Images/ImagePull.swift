internal import SkiffImages
internal import SkiffKernel
package import SkiffSpec

/// Brings an image from a registry into the store and unpacks its layers.
///
/// Order, and what a crash leaves at each point: blobs (garbage until named, found again by the next pull), layers (the same), the
/// name last. So an image that has a name is whole.
package struct ImagePull: Sendable {
  package struct Outcome: Sendable {
    package let reference: ImageReference
    /// The digest that the name leads to in the registry.
    package let digest: Digest
    /// False when the store had exactly this already.
    package let isNewer: Bool
  }

  private let installation: LayerInstallation
  private let options: RegistryOptions
  private let platform: Platform?
  private let board: ProgressBoard

  package init(
    installation: LayerInstallation, options: RegistryOptions, platform: Platform?, board: ProgressBoard
  ) {
    self.installation = installation
    self.options = options
    self.platform = platform
    self.board = board
  }

  package func pull(_ named: ImageReference) async throws(TransferError) -> Outcome {
    let reference = named.withDefaultTag
    guard let transport = HTTPTransport(timeouts: options.timeouts) else {
      throw .local(what: "libcurl", reason: Errno.noMemory.description)
    }
    defer { transport.close() }
    let client = try RegistryClient(
      registry: reference.registry, repository: reference.repository, transport: transport, options: options)
    try await client.connect()
    // From here on blobs arrive that no name refers to yet.
    let hold = try stored("the store") { () throws(ImageStoreError) in try installation.images.hold() }
    let outcome = try await bring(reference, client: client)
    _ = consume hold
    return outcome
  }

  private func bring(_ reference: ImageReference, client: RegistryClient) async throws(TransferError) -> Outcome {
    let images = installation.images
    let fetcher = ManifestFetcher(client: client, images: images, platform: platform ?? .current)
    let found = try await fetcher.find(reference)
    // Said once there is something to pull: a name that leads nowhere is told by the error alone.
    board.say("\(reference.tag ?? reference.digest?.text ?? ""): Pulling from \(reference.familiarName)")
    try found.manifest.requireImage(what: reference.familiar)
    let configuration = try await fetchConfiguration(found.manifest, client: client, what: reference.familiar)
    try checkPlatform(configuration, what: reference.familiar)
    let plans = try LayerPlan.plans(
      manifest: found.manifest, configuration: configuration, what: reference.familiar)
    try await bring(plans, client: client)
    return try stored(reference.familiar) { () throws(ImageStoreError) in
      try name(reference, found)
    }
  }

  private func bring(_ plans: [LayerPlan], client: RegistryClient) async throws(TransferError) {
    do throws(TransferError) {
      try await LayerPipeline(installation: installation, board: board).run(plans) {
        (plan, progress) async throws(TransferError) in
        try await fetchBlob(plan.blob, what: "layer \(plan.blob.digest.text)", client: client, progress: progress)
      }
    } catch {
      // The others were interrupted by the one that failed; what they have is of use only where that may pass.
      guard !error.leavesResumableBlob else { throw error }
      for plan in plans {
        // The failure that led here is told; what stays is found by a later sweep.
        do throws(ImageStoreError) { try installation.images.discardPartialBlob(plan.blob.digest) } catch {}
      }
      throw error
    }
  }

  /// The last step: the manifest and the indexes on the way to it become blobs, the name leads to them.
  private func name(_ reference: ImageReference, _ found: ManifestFetcher.Found) throws(ImageStoreError) -> Outcome {
    let images = installation.images
    for document in found.documents { _ = try images.writeBlob(document.bytes) }
    // With a platform of its own, the name must lead past an index that would lead this machine elsewhere.
    let target = platform == nil ? found.target : found.manifestDescriptor
    let before = try images.readIndex().entries.first { $0.name == reference.canonical }?.descriptor?.digest
    try images.tag(target, as: reference)
    return Outcome(reference: reference, digest: found.target.digest, isNewer: before != target.digest)
  }

  private func checkPlatform(_ configuration: ImageConfiguration, what: String) throws(TransferError) {
    let wanted = platform ?? .current
    let own = configuration.platform
    guard !wanted.runs(own) else { return }
    if platform != nil { throw .noSuchPlatform(wanted: wanted.description, available: [own.description]) }
    board.say("warning: \(what) is for \(own), this machine is \(wanted)")
  }

  // MARK: configuration

  private func fetchConfiguration(
    _ manifest: ImageManifest, client: RegistryClient, what: String
  ) async throws(TransferError) -> ImageConfiguration {
    let descriptor = manifest.config
    let images = installation.images
    guard descriptor.size <= Int64(ImageStore.smallBlobLimitBytes) else {
      throw .tooLong(what: "configuration of \(what)", declaredBytes: Int64(ImageStore.smallBlobLimitBytes))
    }
    try await fetchBlob(descriptor, what: "configuration \(descriptor.digest.text)", client: client) { _, _ in }
    let bytes = try stored(what) { () throws(ImageStoreError) in try images.readBlob(descriptor.digest) }
    return try ManifestFetcher.parsing("configuration of \(what)") { () throws(SpecProblems) in
      try ImageConfiguration.parse(bytes)
    }
  }

  // MARK: blobs

  /// Fetches a blob into the store, unless it is there; goes on where an earlier try stopped.
  private func fetchBlob(
    _ descriptor: ContentDescriptor, what: String, client: RegistryClient,
    progress: @escaping @Sendable (LayerPhase, Int64) -> Void
  ) async throws(TransferError) {
    let images = installation.images
    guard descriptor.digest.algorithm == .sha256, descriptor.size >= 0 else {
      throw .invalid(what: what, reason: "blobs are known by SHA-256 digests and sizes only")
    }
    let isHere = try stored(what) { () throws(ImageStoreError) in
      try images.hasBlob(descriptor.digest, sizeBytes: descriptor.size)
    }
    if isHere { return }
    let writer = try stored(what) { () throws(ImageStoreError) in try images.beginBlob(resuming: descriptor.digest) }
    let receiver = try BlobReceiver(writer: writer, what: what, declaredBytes: descriptor.size) {
      progress(.downloading, $0)
    }
    do throws(TransferError) {
      try await BlobFetch(client: client, descriptor: descriptor, what: what, options: options)
        .run(into: receiver) { progress(.retrying, $0) }
    } catch {
      if error.leavesResumableBlob { receiver.close() } else { receiver.discard() }
      throw error
    }
    try receiver.commit(descriptor.digest)
  }
}

extension TransferError {
  /// Whether what came of a blob is worth keeping: the connection failed or the person stopped, and nothing was wrong.
  var leavesResumableBlob: Bool {
    switch self {
    case .broken, .interrupted, .unreachable, .tooManyRequests: true
    case .refused(_, let status, _, _): status >= 500
    default: false
    }
  }
}

/// Fetches the bytes of one blob, in as many tries as it takes and are allowed.
private struct BlobFetch: Sendable {
  let client: RegistryClient
  let descriptor: ContentDescriptor
  let what: String
  let options: RegistryOptions

  /// What must come to be worth more tries.
  private static let stepBytes: Int64 = 1 << 20

  func run(
    into receiver: BlobReceiver, retrying: @Sendable (Int64) -> Void
  ) async throws(TransferError) {
    var patience = options.patience
    var reached = receiver.sizeBytes
    var hasRestarted = false
    while receiver.sizeBytes < descriptor.size || descriptor.size == 0 {
      do throws(TransferError) {
        return try await once(into: receiver)
      } catch {
        if case .refused(_, 416, _, _) = error, receiver.sizeBytes > 0, !hasRestarted {
          // The server has nothing from there on: what is here cannot be its beginning.
          try receiver.restart()
          (reached, hasRestarted) = (0, true)
          continue
        }
        if receiver.sizeBytes - reached >= Self.stepBytes {
          // It goes forward: only tries that bring next to nothing count.
          patience.renew()
          reached = receiver.sizeBytes
        }
        let pause = try patience.pause(after: error)
        retrying(receiver.sizeBytes)
        try await Patience.rest(milliseconds: pause)
      }
    }
  }

  private func once(into receiver: BlobReceiver) async throws(TransferError) {
    let head: HTTPHead
    do throws(TransferError) {
      head = try await client.stream(
        "blobs/\(descriptor.digest.text)", what: what, from: receiver.sizeBytes, receiver: receiver)
    } catch {
      // The receiver knows better why it stopped the exchange.
      throw receiver.fault ?? error
    }
    if let fault = receiver.fault { throw fault }
    let size = receiver.sizeBytes
    guard size == descriptor.size else {
      // Where a length was told and came, it is all that there is; otherwise nobody can tell an end from a broken connection.
      guard head.contentLength != nil else { throw .broken(what: what, .interrupted("the answer ended early")) }
      throw .truncated(what: what, gotBytes: size, declaredBytes: descriptor.size)
    }
  }
}
