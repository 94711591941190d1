internal import SkiffKernel

/// Reads a tar archive, plain or packed, from an open file: a regular file, a pipe or standard input.
struct ArchiveStream: ~Copyable {
  private let limits: LayerLimits
  private var reader: TarReader
  private var decompressor: Decompressor
  private var packedBytes: Int64 = 0
  private var plainBytes: Int64 = 0

  init(limits: LayerLimits = .standard) throws(LayerError) {
    self.limits = limits
    reader = TarReader(limits: limits)
    do throws(CompressionError) {
      decompressor = try Decompressor()
    } catch {
      throw .compression(error)
    }
  }

  /// Reads `file` to its end and tells `consumer` what it holds. False when it was stopped.
  mutating func read<Consumer: TarConsumer & ~Copyable>(
    _ file: Descriptor, stop: StopFlag, to consumer: inout Consumer
  ) throws(LayerError) -> Bool {
    var input = [UInt8](repeating: 0, count: 256 << 10)
    var output = [UInt8](repeating: 0, count: 256 << 10)
    while !stop.isRaised {
      let count: Int
      do throws(Errno) {
        count = try file.read(into: &input)
      } catch {
        throw .kernel(act: "read", entry: "the archive", error)
      }
      if count == 0 {
        try unpack([UInt8]().span, &output, to: &consumer)
        try finish(to: &consumer)
        return true
      }
      packedBytes += Int64(count)
      try unpack(input.span.extracting(0..<count), &output, to: &consumer)
    }
    return false
  }

  private mutating func unpack<Consumer: TarConsumer & ~Copyable>(
    _ bytes: Span<UInt8>, _ output: inout [UInt8], to consumer: inout Consumer
  ) throws(LayerError) {
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
        try take(output.span.extracting(0..<progress.produced), to: &consumer)
      } else if progress.consumed == 0 {
        return
      }
    }
  }

  private mutating func take<Consumer: TarConsumer & ~Copyable>(
    _ bytes: Span<UInt8>, to consumer: inout Consumer
  ) throws(LayerError) {
    plainBytes += Int64(bytes.count)
    guard plainBytes <= limits.unpackedBytes else { throw .limit(.unpackedBytes, entry: nil) }
    if plainBytes > limits.ratioFreeBytes {
      let (allowed, overflow) = packedBytes.multipliedReportingOverflow(by: limits.ratio)
      guard overflow || plainBytes <= allowed else { throw .limit(.ratio, entry: nil) }
    }
    try reader.feed(bytes, to: &consumer)
  }

  private mutating func finish<Consumer: TarConsumer & ~Copyable>(to consumer: inout Consumer) throws(LayerError) {
    let rest: [UInt8]
    do throws(CompressionError) {
      rest = try decompressor.finish()
    } catch {
      throw .compression(error)
    }
    try take(rest.span, to: &consumer)
    try reader.finish()
    guard reader.entryCount > 0 else { throw .notAnArchive("it holds nothing") }
  }
}
