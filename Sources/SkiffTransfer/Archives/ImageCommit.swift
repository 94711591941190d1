internal import SkiffImages
internal import SkiffKernel
package import SkiffSpec

/// Makes an image of what a container changed, on top of the image that it was made of.
package struct ImageCommit: Sendable {
  package struct Request: Sendable {
    /// An open directory: overlayfs's upper one where there is a parent, a whole tree otherwise.
    package var treeNumber: Int32
    /// An open file with the configuration that the image is to have, but for layers and history.
    package var configNumber: Int32
    /// An open file that says what of a whole tree was changed: a letter, a blank, a path from the root on, and a zero byte for each.
    /// Without it the tree holds only what was changed.
    package var changesNumber: Int32?
    /// The id of the image that the container was made of.
    package var parent: String?
    package var reference: ImageReference?
    package var changes: [ImageChange] = []
    package var message: String?
    package var author: String?
    package var owners = OwnerRules()
    package var created = Timestamp(seconds: 0)

    package init(treeNumber: Int32, configNumber: Int32) {
      self.treeNumber = treeNumber
      self.configNumber = configNumber
    }
  }

  private let assembly: ImageAssembly

  package init(_ assembly: ImageAssembly) {
    self.assembly = assembly
  }

  /// Makes the image and gives its id.
  package func run(_ request: Request) async throws(TransferError) -> Digest {
    let images = assembly.installation.images
    let hold = try stored("the store") { () throws(ImageStoreError) in try images.hold() }
    let parent = try request.parent.map { (id) throws(TransferError) in
      try stored("the container's image") { () throws(ImageStoreError) in try images.resolve(id) }
    }
    let layer = try await blocking { (stop) throws(TransferError) in
      try Self.pack(request, into: images, isWhole: parent == nil, stop: stop)
    }
    var configuration = try Self.configuration(request)
    configuration.rootFileSystem.diffIDs = (parent?.configuration.rootFileSystem.diffIDs ?? []) + [layer.digest]
    configuration.history = (parent?.configuration.history ?? []) + [Self.entry(request)]
    let layers = (parent?.manifest.layers ?? []).map(Self.plain) + [layer]
    let id = try await assembly.finish(configuration, layers: layers, as: request.reference, what: "the image")
    _ = consume hold
    return id
  }

  private static func pack(
    _ request: Request, into images: ImageStore, isWhole: Bool, stop: StopFlag
  ) throws(TransferError) -> ContentDescriptor {
    do throws(LayerError) {
      let sink = SharedBlobSink(try BlobSink(store: images), stop: stop)
      let directory: FileDescriptor
      do throws(Errno) {
        directory = try Descriptor(request.treeNumber).open(".", [.readOnly, .directory])
      } catch {
        throw .kernel(act: "open", entry: "the container's files", error)
      }
      var rules = PackingRules()
      rules.tree = isWhole ? .whole : .overlayChanges
      if !isWhole, let number = request.changesNumber { rules.tree = try chosen(number) }
      rules.owners = request.owners
      _ = try LayerPacker(root: directory.descriptor, rules: rules, sink: sink).pack()
      let (digest, size) = try sink.commit()
      return ContentDescriptor(mediaType: MediaType.layer, digest: digest, size: size)
    } catch {
      if stop.isRaised { throw .interrupted }
      if case .kernel(let act, let entry, let errno) = error {
        throw .local(what: "cannot \(act) \(entry)", reason: "\(errno)")
      }
      throw .local(what: "the container's files", reason: "\(error)")
    }
  }

  private static let changesLimitBytes = 1 << 30

  private static func chosen(_ number: Int32) throws(LayerError) -> PackedTree {
    let bytes: [UInt8]
    do throws(Errno) {
      let file = Descriptor(number)
      try file.seek(to: 0)
      bytes = try file.readToEnd(limitBytes: changesLimitBytes)
    } catch {
      throw .kernel(act: "read", entry: "the list of changes", error)
    }
    var paths: Set<[UInt8]> = []
    var gone: Set<[UInt8]> = []
    for line in bytes.split(separator: 0) where line.count > 3 {
      let path = Array(line.dropFirst(3))
      if line.first == UInt8(ascii: "D") { gone.insert(path) } else { paths.insert(path) }
    }
    return .changes(paths, gone: gone)
  }

  private static func configuration(_ request: Request) throws(TransferError) -> ImageConfiguration {
    let bytes: [UInt8]
    do throws(Errno) {
      let file = Descriptor(request.configNumber)
      try file.seek(to: 0)
      bytes = try file.readToEnd(limitBytes: ImageConfiguration.sizeLimit)
    } catch {
      throw .local(what: "cannot read the configuration", reason: "\(error)")
    }
    var configuration: ImageConfiguration
    do throws(SpecProblems) {
      configuration = try ImageConfiguration.parse(bytes)
    } catch {
      throw .invalid(what: "the configuration", reason: "\(error)")
    }
    configuration.created = request.created
    if let author = request.author { configuration.author = author }
    for change in request.changes { configuration.config.apply(change) }
    return configuration
  }

  private static func entry(_ request: Request) -> ImageConfiguration.HistoryEntry {
    var entry = ImageConfiguration.HistoryEntry()
    entry.created = request.created
    entry.createdBy = "skiff commit"
    entry.author = request.author
    entry.comment = request.message
    return entry
  }

  /// The same layer by the type that stands in an OCI manifest.
  private static func plain(_ layer: ContentDescriptor) -> ContentDescriptor {
    var layer = layer
    switch layer.mediaType {
    case MediaType.dockerLayer: layer.mediaType = MediaType.layer
    case MediaType.dockerLayerGzip: layer.mediaType = MediaType.layerGzip
    case MediaType.dockerLayerZstd: layer.mediaType = MediaType.layerZstd
    default: break
    }
    return layer
  }
}
