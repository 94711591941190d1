internal import SkiffImages
internal import SkiffKernel
package import SkiffSpec

/// Brings images from an archive or a layout into the store: what `docker save`, skopeo, podman and buildah write.
package struct ImageLoad: Sendable {
  package enum Loaded: Sendable, Equatable {
    case named(ImageReference)
    /// An image without a name, by its id.
    case nameless(Digest)
  }

  private let installation: LayerInstallation
  private let platform: Platform?
  private let board: ProgressBoard

  private static let indexLimitBytes = 64 << 20

  package init(installation: LayerInstallation, platform: Platform?, board: ProgressBoard) {
    self.installation = installation
    self.platform = platform
    self.board = board
  }

  /// Loads everything that `path` holds: an archive, a directory with an OCI layout, or `-` for an archive on standard input.
  package func load(_ path: String) async throws(TransferError) -> [Loaded] {
    let hold = try stored("the store") { () throws(ImageStoreError) in try installation.images.hold() }
    let source = try ArchiveSource(path)
    let what = path == "-" ? "the archive" : path
    let loaded: [Loaded]
    if source.isDirectory {
      loaded = try await load(DirectoryLayout(store: installation.images, directory: source.descriptor), what: what)
    } else {
      let images = installation.images
      let descriptor = source.descriptor
      let files = try await blocking { (stop) throws(TransferError) in
        try Self.takeIn(descriptor, named: what, store: images, stop: stop)
      }
      loaded = try await load(ArchiveLayout(store: images, files: files), what: what)
    }
    _ = consume source
    _ = consume hold
    return loaded
  }

  private static func takeIn(
    _ file: Descriptor, named what: String, store: ImageStore, stop: StopFlag
  ) throws(TransferError) -> IncomingFiles {
    let files: IncomingFiles?
    do throws(LayerError) {
      var intake = ArchiveIntake(store: store)
      var stream = try ArchiveStream()
      files = try stream.read(file, stop: stop, to: &intake) ? intake.files : nil
    } catch {
      throw TransferError(error, what: what)
    }
    guard let files else { throw .interrupted }
    return files
  }

  private func load(_ layout: some ImageLayout, what: String) async throws(TransferError) -> [Loaded] {
    if let index = try layout.document("index.json", limitBytes: Self.indexLimitBytes) {
      return try await OCILayoutLoad(
        layout: layout, installation: installation, platform: platform ?? .current, board: board
      ).load(index: index)
    }
    if let manifest = try layout.document("manifest.json", limitBytes: Self.indexLimitBytes) {
      return try await DockerArchiveLoad(layout: layout, installation: installation, board: board)
        .load(manifest: manifest)
    }
    throw .invalid(what: what, reason: "it holds no image: neither index.json nor manifest.json is in it")
  }
}
