package import SkiffImages
package import SkiffKernel

/// What was learned while a layer was unpacked.
package struct UnpackedLayer: Equatable, Sendable {
  /// SHA-256 of the bytes that came in (the blob's digest), 64 hexadecimal digits.
  package let packedHexadecimal: String
  package let packedSizeBytes: Int64
  package let format: CompressionFormat
  /// SHA-256 of the tar stream (the diff id), 64 hexadecimal digits.
  package let diffHexadecimal: String
  /// Length of the tar stream.
  package let archiveSizeBytes: Int64
  /// Sum of the sizes of all files.
  package let contentBytes: Int64
  package let entryCount: Int
  /// A set-user-id, set-group-id or capability-bearing file is in the layer.
  package let hasPrivilegedFiles: Bool
  /// Nothing of the layers below shows through.
  package let hidesLowerLayers: Bool
  /// The layer says itself what its root directory is like.
  package let describesRoot: Bool
  /// Directories that the layer has something in and says nothing of, as paths beneath its root, in order; none on a merged tree.
  package let impliedDirectories: [[UInt8]]
  /// What could not be taken over, in words; empty for nearly every layer.
  package let leftOut: [String]
}

/// Unpacks a layer that comes in pieces of any size: one pass decompresses, hashes both streams, reads the archive and makes the tree.
///
///     blob bytes ──► SHA-256 ──► gzip/zstd ──► SHA-256 ──► tar ──► files beneath the directory
///
/// A plain blob is its own archive, hashed once.
///
/// `write` as often as bytes come, then `finish`. After an error the directory holds a part: the caller removes it whole.
package struct LayerUnpacker: ~Copyable {
  private let limits: LayerLimits
  private var packed = SHA256Stream()
  /// Of the archive; unused for a plain blob.
  private var archive = SHA256Stream()
  private var archiveBytes: Int64 = 0
  private var decompressor: Decompressor
  private var reader: TarReader
  private var writer: LayerWriter
  private var buffer: [UInt8]

  /// Unpacks into the open, empty directory `root` (for `merged`: a private copy of the layers below). The format is told by the first
  /// bytes unless it is given. With `copy` the archive is no layer: its files are put among those that are there.
  package init(
    into root: consuming FileDescriptor, form: LayerForm, limits: LayerLimits = .standard,
    format: CompressionFormat? = nil, copy: OwnerRules? = nil
  ) throws(LayerError) {
    let decompressor = try Self.makeDecompressor(format)
    let writer = try LayerWriter(root: root, form: form, limits: limits, copy: copy)
    self.limits = limits
    self.decompressor = decompressor
    self.reader = TarReader(limits: limits)
    self.writer = writer
    buffer = [UInt8](repeating: 0, count: 256 << 10)
  }

  private static func makeDecompressor(_ format: CompressionFormat?) throws(LayerError) -> Decompressor {
    do throws(CompressionError) {
      return try Decompressor(format: format)
    } catch {
      throw .compression(error)
    }
  }

  /// Takes the next bytes of the blob.
  package mutating func write(_ bytes: Span<UInt8>) throws(LayerError) {
    packed.update(bytes)
    try decompress(bytes)
  }

  /// Takes the rest of an open file.
  package mutating func write(contentsOf file: Descriptor) throws(LayerError) {
    var input = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count: Int
      do throws(Errno) {
        count = try file.read(into: &input)
      } catch {
        throw .kernel(act: "read", entry: "the packed layer", error)
      }
      if count == 0 { return }
      try write(input.span.extracting(0..<count))
    }
  }

  private mutating func decompress(_ bytes: Span<UInt8>) throws(LayerError) {
    // Plain bytes need no copy.
    if decompressor.format == CompressionFormat.none, !decompressor.holdsBack {
      try take(bytes)
      return
    }
    var position = 0
    while true {
      let progress: Decompressor.Progress
      do throws(CompressionError) {
        progress = try decompressor.step(bytes.extracting(position..<bytes.count), into: &buffer)
      } catch {
        throw .compression(error)
      }
      position += progress.consumed
      if progress.produced > 0 {
        // The buffer is lent to the reader while the next step does not run.
        let output = buffer
        try take(output.span.extracting(0..<progress.produced))
      } else if progress.consumed == 0 {
        return
      }
    }
  }

  /// Known before the first bytes of the archive are there; a stream too short to have a format is plain.
  private var isPlain: Bool { decompressor.format == nil || decompressor.format == CompressionFormat.none }

  /// Takes the next bytes of the archive.
  private mutating func take(_ bytes: Span<UInt8>) throws(LayerError) {
    if !isPlain { archive.update(bytes) }
    archiveBytes += Int64(bytes.count)
    guard archiveBytes <= limits.unpackedBytes else { throw .limit(.unpackedBytes, entry: nil) }
    if archiveBytes > limits.ratioFreeBytes {
      let (allowed, overflow) = packed.byteCount.multipliedReportingOverflow(by: limits.ratio)
      guard overflow || archiveBytes <= allowed else { throw .limit(.ratio, entry: nil) }
    }
    try reader.feed(bytes, to: &writer)
  }

  /// Ends the layer: refuses one that stops in the middle, gives the directories their owners, modes and times.
  package consuming func finish() throws(LayerError) -> UnpackedLayer {
    try decompress([UInt8]().span)
    let rest: [UInt8]
    do throws(CompressionError) {
      rest = try decompressor.finish()
    } catch {
      throw .compression(error)
    }
    try take(rest.span)
    try reader.finish()
    try writer.finish()
    for key in reader.leftOut.sorted() { writer.noteLeftOut("records \(key)") }
    let packedHexadecimal = packed.finishHexadecimal()
    return UnpackedLayer(
      packedHexadecimal: packedHexadecimal, packedSizeBytes: packed.byteCount, format: decompressor.format ?? .none,
      diffHexadecimal: isPlain ? packedHexadecimal : archive.finishHexadecimal(), archiveSizeBytes: archiveBytes,
      contentBytes: writer.contentBytes, entryCount: reader.entryCount,
      hasPrivilegedFiles: writer.hasPrivilegedFiles, hidesLowerLayers: writer.hidesLowerLayers,
      describesRoot: writer.describesRoot,
      impliedDirectories: writer.impliedDirectories.sorted { $0.lexicographicallyPrecedes($1) },
      leftOut: writer.leftOut)
  }
}
