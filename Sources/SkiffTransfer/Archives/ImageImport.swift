internal import SkiffImages
internal import SkiffKernel
package import SkiffSpec

/// Makes an image of one layer out of an archive of a root file system, or out of a directory.
package struct ImageImport: Sendable {
  package struct Request: Sendable {
    /// A tar archive (plain, gzip or zstd), a directory, or `-` for an archive on standard input.
    package var source: String
    package var reference: ImageReference?
    package var changes: [ImageChange] = []
    package var message: String?
    package var platform: Platform
    package var created: Timestamp

    package init(source: String, platform: Platform, created: Timestamp) {
      self.source = source
      self.platform = platform
      self.created = created
    }
  }

  private let assembly: ImageAssembly

  package init(_ assembly: ImageAssembly) {
    self.assembly = assembly
  }

  /// Imports and gives the image's id.
  package func run(_ request: Request) async throws(TransferError) -> Digest {
    let images = assembly.installation.images
    let hold = try stored("the store") { () throws(ImageStoreError) in try images.hold() }
    let layer = try await blocking { (stop) throws(TransferError) in
      try ImportedLayer.make(request.source, into: images, stop: stop)
    }
    var configuration = ImageConfiguration(request)
    configuration.rootFileSystem.diffIDs = [layer.diffID]
    let id = try await assembly.finish(
      configuration, layers: [layer.descriptor], as: request.reference, what: request.source)
    _ = consume hold
    return id
  }
}

/// The layer of an import, as a blob of the store.
private struct ImportedLayer: Sendable {
  let descriptor: ContentDescriptor
  let diffID: Digest

  /// Reads the source. What comes packed is kept as it came: packing it anew would take long and give other bytes.
  static func make(_ source: String, into images: ImageStore, stop: StopFlag) throws(TransferError) -> ImportedLayer {
    let input = try ArchiveSource(source)
    let layer: ImportedLayer?
    do throws(LayerError) {
      layer =
        input.isDirectory
        ? try pack(input.descriptor, into: images, stop: stop) : try copy(input.descriptor, into: images, stop: stop)
    } catch {
      throw TransferError(error, what: source == "-" ? "the archive" : source)
    }
    _ = consume input
    guard let layer else { throw .interrupted }
    return layer
  }

  /// Copies an archive into the store, hashing what comes and what it holds in one pass. Nil when it was stopped.
  private static func copy(
    _ file: Descriptor, into images: ImageStore, stop: StopFlag
  ) throws(LayerError) -> ImportedLayer? {
    var sink = try BlobSink(store: images)
    var archive = try ArchiveDigest()
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while !stop.isRaised {
      let count: Int
      do throws(Errno) {
        count = try file.read(into: &buffer)
      } catch {
        throw .kernel(act: "read", entry: "the archive", error)
      }
      if count > 0 {
        try sink.write(buffer.span.extracting(0..<count))
        try archive.update(buffer.span.extracting(0..<count))
        continue
      }
      guard sink.sizeBytes > 0 else { throw .notAnArchive("it is empty") }
      let (format, diff) = try archive.finish()
      let (digest, size) = try sink.commit()
      return ImportedLayer(
        descriptor: ContentDescriptor(mediaType: LayerType.mediaType(of: format), digest: digest, size: size),
        diffID: diff.map { Digest(sha256: $0) } ?? digest)
    }
    return nil
  }

  private static func pack(
    _ directory: Descriptor, into images: ImageStore, stop: StopFlag
  ) throws(LayerError) -> ImportedLayer? {
    let sink = SharedBlobSink(try BlobSink(store: images), stop: stop)
    _ = try LayerPacker(root: directory, sink: sink).pack()
    guard !stop.isRaised else { return nil }
    let (digest, size) = try sink.commit()
    return ImportedLayer(
      descriptor: ContentDescriptor(mediaType: LayerType.mediaType(of: .none), digest: digest, size: size),
      diffID: digest)
  }
}

/// A sink that is still at hand when its user is done with it; it stops when it is told to.
struct SharedBlobSink: ByteSink {
  private final class Box {
    var sink: BlobSink?

    init(_ sink: consuming BlobSink) {
      self.sink = consume sink
    }
  }

  private let box: Box
  private let stop: StopFlag

  init(_ sink: consuming BlobSink, stop: StopFlag) {
    box = Box(sink)
    self.stop = stop
  }

  mutating func write(_ bytes: Span<UInt8>) throws(LayerError) {
    guard !stop.isRaised else { throw .kernel(act: "go on with", entry: "the directory", .interrupted) }
    try box.sink?.write(bytes)
  }

  func commit() throws(LayerError) -> (digest: Digest, sizeBytes: Int64) {
    guard let sink = box.sink.take() else { throw .kernel(act: "store", entry: "the archive", .invalidArgument) }
    return try sink.commit()
  }
}

/// The digest of what a stream holds when it is unpacked. That of a plain stream is the stream's own: nothing is hashed twice.
private struct ArchiveDigest: ~Copyable {
  private var decompressor: Decompressor
  private var hash = SHA256Stream()
  private var output = [UInt8](repeating: 0, count: 256 << 10)
  private var packedBytes: Int64 = 0

  init() throws(LayerError) {
    do throws(CompressionError) {
      decompressor = try Decompressor()
    } catch {
      throw .compression(error)
    }
  }

  mutating func update(_ bytes: Span<UInt8>) throws(LayerError) {
    packedBytes += Int64(bytes.count)
    var position = 0
    while true {
      let progress: Decompressor.Progress
      do throws(CompressionError) {
        progress = try decompressor.step(bytes.extracting(position..<bytes.count), into: &output)
      } catch {
        throw .compression(error)
      }
      position += progress.consumed
      if progress.produced > 0 {
        if decompressor.format != CompressionFormat.none {
          let filled = output
          hash.update(filled.span.extracting(0..<progress.produced))
        }
        try checkGrowth()
      } else if progress.consumed == 0 {
        return
      }
    }
  }

  /// The unpacker would refuse it anyway: no need to hash a bomb to its end.
  private func checkGrowth() throws(LayerError) {
    let limits = LayerLimits.standard
    guard hash.byteCount > limits.ratioFreeBytes else { return }
    let (allowed, overflow) = packedBytes.multipliedReportingOverflow(by: limits.ratio)
    guard overflow || hash.byteCount <= allowed else { throw .limit(.ratio, entry: nil) }
  }

  /// No digest for a plain stream.
  consuming func finish() throws(LayerError) -> (format: CompressionFormat, hexadecimal: String?) {
    try update([UInt8]().span)
    do throws(CompressionError) {
      _ = try decompressor.finish()
    } catch {
      throw .compression(error)
    }
    let format = decompressor.format ?? .none
    return (format, format == .none ? nil : hash.finishHexadecimal())
  }
}

extension ImageConfiguration {
  /// What an import says of its image. The same request for the same archive gives the same document.
  fileprivate init(_ request: ImageImport.Request) {
    self.init(platform: request.platform)
    created = request.created
    var entry = HistoryEntry()
    entry.created = request.created
    entry.createdBy = "skiff import"
    entry.comment = request.message ?? "Imported from \(request.source)"
    history = [entry]
    for change in request.changes { config.apply(change) }
  }
}

extension ImageConfiguration.Execution {
  /// Of what is said twice the last word counts.
  package mutating func apply(_ change: ImageChange) {
    switch change {
    case .command(let words): command = words
    case .entrypoint(let words): entrypoint = words
    case .environment(let pairs):
      for pair in pairs {
        let entry = "\(pair.name)=\(pair.value)"
        if let index = environment.firstIndex(where: { $0.hasPrefix("\(pair.name)=") }) {
          environment[index] = entry
        } else {
          environment.append(entry)
        }
      }
    case .labels(let pairs):
      for pair in pairs { labels[pair.name] = pair.value }
    case .workingDirectory(let path): workingDirectory = path
    case .user(let name): user = name
    case .ports(let ports): exposedPorts += ports.filter { !exposedPorts.contains($0) }
    case .volumes(let paths): volumes += paths.filter { !volumes.contains($0) }
    case .stopSignal(let signal): stopSignal = signal
    }
  }
}
