internal import SkiffImages
internal import SkiffSpec

/// Where an image that is made here, not fetched, comes together: its configuration, its layers, its name.
package struct ImageAssembly: Sendable {
  let installation: LayerInstallation
  private let board: ProgressBoard

  package init(installation: LayerInstallation, board: ProgressBoard) {
    self.installation = installation
    self.board = board
  }

  /// Writes configuration and manifest, unpacks the layers that are not unpacked yet, and names the image; gives its id.
  ///
  /// The caller holds the store, so that nothing of what it wrote is swept meanwhile.
  func finish(
    _ configuration: ImageConfiguration, layers: [ContentDescriptor], as reference: ImageReference?, what: String
  ) async throws(TransferError) -> Digest {
    let images = installation.images
    let bytes = configuration.serialized()
    let config = try stored("the image's configuration") { () throws(ImageStoreError) in
      ContentDescriptor(
        mediaType: MediaType.imageConfiguration, digest: try images.writeBlob(bytes), size: Int64(bytes.count))
    }
    let manifest = ImageManifest(config: config, layers: layers)
    let plans = try LayerPlan.plans(manifest: manifest, configuration: configuration, what: what)
    try await LayerPipeline(installation: installation, board: board).run(plans) { _, _ in }
    try stored("the image") { () throws(ImageStoreError) in
      let manifestBytes = manifest.json.serialized()
      let target = ContentDescriptor(
        mediaType: MediaType.imageManifest, digest: try images.writeBlob(manifestBytes),
        size: Int64(manifestBytes.count))
      if let reference {
        try images.tag(target, as: reference.withDefaultTag)
      } else {
        try images.keep(target)
      }
    }
    return config.digest
  }
}
