internal import SkiffKernel

/// Reads a tar archive that comes in pieces of any size: POSIX ustar and pax, GNU (long names, sparse files, large numbers), v7.
///
/// A state machine without input of its own: `feed` it, then `finish`. Whatever stands after the end mark is ignored, as tar does.
package struct TarReader: ~Copyable {
  private enum State {
    /// The block of a header is filled.
    case header
    /// The content of an extended header is collected.
    case metadata(Metadata, remaining: Int, padding: Int)
    /// More of a GNU sparse map follows the header, block by block.
    case sparseExtension
    /// The map of a sparse file stands before its data.
    case sparseMap
    /// Data of the current entry.
    case body
    /// Something that nobody wants.
    case skip(remaining: Int64)
    /// One block of zeros was seen.
    case endMark
    case ended
  }

  private enum Metadata {
    case localRecords
    case globalRecords
    case longName
    case longLink
  }

  private let limits: LayerLimits
  private var state = State.header
  private var block: [UInt8] = []
  private var metadata: [UInt8] = []

  // What extended headers said of the entry that follows them.
  private var globalRecords = PaxRecords()
  private var localRecords = PaxRecords()
  private var longName: [UInt8]?
  private var longLink: [UInt8]?
  private var extendedHeaders = 0

  // The entry whose data comes.
  private var entry: TarEntry?
  private var oldSparseExtents: [SparseExtent] = []
  private var map = SparseMapReader()
  private var body = EntryBody()

  /// Entries begun so far.
  package private(set) var entryCount = 0
  /// What archives carry and layers do not take over, by key, at most one of each.
  package private(set) var leftOut: Set<String> = []

  package init(limits: LayerLimits = .standard) {
    self.limits = limits
    block.reserveCapacity(TarHeader.blockBytes)
  }

  /// Takes the next bytes and tells `consumer` what they hold.
  package mutating func feed<Consumer: TarConsumer & ~Copyable>(
    _ bytes: Span<UInt8>, to consumer: inout Consumer
  ) throws(LayerError) {
    var position = 0
    while position < bytes.count {
      let rest = bytes.extracting(position..<bytes.count)
      switch state {
      case .header, .endMark, .sparseExtension, .sparseMap:
        position += fillBlock(rest)
        guard block.count == TarHeader.blockBytes else { return }
        try takeBlock(&consumer)
        block.removeAll(keepingCapacity: true)
      case .metadata(let kind, let remaining, let padding):
        position += try takeMetadata(rest, kind, remaining, padding)
      case .body:
        position += try takeData(rest, &consumer)
      case .skip(let remaining):
        let count = Int(min(Int64(rest.count), remaining))
        position += count
        state = remaining > Int64(count) ? .skip(remaining: remaining - Int64(count)) : .header
      case .ended:
        return
      }
    }
  }

  /// Ends the archive; refuses one that stops in the middle. A missing end mark is accepted, as everyone does.
  package func finish() throws(LayerError) {
    switch state {
    case .header where block.isEmpty && extendedHeaders == 0, .endMark where block.isEmpty, .ended:
      return
    default:
      throw .truncated(entry: entry?.printablePath ?? longName.map { printableName($0) })
    }
  }

  private mutating func fillBlock(_ bytes: Span<UInt8>) -> Int {
    let count = min(TarHeader.blockBytes - block.count, bytes.count)
    block.append(copying: bytes.extracting(0..<count))
    return count
  }

  private mutating func takeBlock<Consumer: TarConsumer & ~Copyable>(
    _ consumer: inout Consumer
  ) throws(LayerError) {
    switch state {
    case .header:
      if block.allSatisfy({ $0 == 0 }) {
        state = .endMark
      } else {
        try takeHeader(&consumer)
      }
    case .endMark:
      guard block.allSatisfy({ $0 == 0 }) else { throw .notAnArchive("something follows half an end mark") }
      state = .ended
    case .sparseExtension:
      try takeSparseExtension(&consumer)
    case .sparseMap:
      try takeSparseMap(&consumer)
    default:
      break
    }
  }
}

// Headers.
extension TarReader {
  private mutating func takeHeader<Consumer: TarConsumer & ~Copyable>(
    _ consumer: inout Consumer
  ) throws(LayerError) {
    let header = try TarHeader(block)
    switch header.typeFlag {
    case UInt8(ascii: "x"), UInt8(ascii: "X"):
      try beginMetadata(.localRecords, header, limit: limits.extendedHeaderBytes)
    case UInt8(ascii: "g"):
      try beginMetadata(.globalRecords, header, limit: limits.extendedHeaderBytes)
    case UInt8(ascii: "L"):
      try beginMetadata(.longName, header, limit: limits.pathBytes)
    case UInt8(ascii: "K"):
      try beginMetadata(.longLink, header, limit: limits.pathBytes)
    case UInt8(ascii: "V"):
      // A volume's label: no entry.
      guard let size = TarNumber.parse(header.sizeField), size >= 0 else { throw Self.badNumber(header, "size") }
      clearPending()
      state = Self.skipping(size)
    default:
      try beginEntry(header, &consumer)
    }
  }

  private static func badNumber(_ header: TarHeader, _ field: String) -> LayerError {
    .refused(entry: printableName(header.name), reason: .badNumber(field: field))
  }

  private static func padding(_ size: Int64) -> Int64 { (512 - size % 512) % 512 }

  private static func skipping(_ size: Int64) -> State {
    let (total, overflow) = size.addingReportingOverflow(padding(size))
    // A size near 2^63 never ends; the stream does.
    return size == 0 ? .header : .skip(remaining: overflow ? Int64.max : total)
  }

  private mutating func beginMetadata(_ kind: Metadata, _ header: TarHeader, limit: Int) throws(LayerError) {
    guard let size = TarNumber.parse(header.sizeField), size >= 0 else { throw Self.badNumber(header, "size") }
    extendedHeaders += 1
    guard extendedHeaders <= 16 else {
      throw .limit(.extendedHeaders, entry: printableName(header.name))
    }
    // A long name counts its closing zero.
    guard size <= Int64(limit) + 1 else {
      switch kind {
      case .longName, .longLink: throw .limit(.pathBytes, entry: nil)
      case .localRecords, .globalRecords:
        throw .limit(.extendedHeaderBytes, entry: printableName(header.name))
      }
    }
    metadata.removeAll(keepingCapacity: true)
    if size == 0 {
      state = .header
      return
    }
    state = .metadata(kind, remaining: Int(size), padding: Int(Self.padding(size)))
  }

  private mutating func takeMetadata(
    _ bytes: Span<UInt8>, _ kind: Metadata, _ remaining: Int, _ padding: Int
  ) throws(LayerError) -> Int {
    let count = min(remaining, bytes.count)
    metadata.append(copying: bytes.extracting(0..<count))
    if count < remaining {
      state = .metadata(kind, remaining: remaining - count, padding: padding)
      return count
    }
    if count > 0 || remaining == 0 { try endMetadata(kind) }
    state = padding > 0 ? .skip(remaining: Int64(padding)) : .header
    return count
  }

  private mutating func endMetadata(_ kind: Metadata) throws(LayerError) {
    switch kind {
    case .longName: longName = Array(metadata.prefix { $0 != 0 })
    case .longLink: longLink = Array(metadata.prefix { $0 != 0 })
    case .localRecords: localRecords.merge(try records(of: metadata))
    case .globalRecords:
      globalRecords.merge(try records(of: metadata))
      // It belongs to no entry, so it does not count as one that waits for its entry.
      extendedHeaders -= 1
      guard globalRecords.byteCount <= limits.extendedHeaderBytes else {
        throw .limit(.extendedHeaderBytes, entry: nil)
      }
    }
  }

  private func records(of bytes: [UInt8]) throws(LayerError) -> PaxRecords {
    do throws(LayerRefusal) {
      return try PaxRecords(parsing: bytes)
    } catch {
      throw .refused(entry: longName.map { printableName($0) } ?? "after \(lastName)", reason: error)
    }
  }

  /// For a report on what has no name yet.
  private var lastName: String { entry?.printablePath ?? "the start" }

  private mutating func clearPending() {
    localRecords = PaxRecords()
    longName = nil
    longLink = nil
    extendedHeaders = 0
  }
}

// Entries.
extension TarReader {
  private mutating func beginEntry<Consumer: TarConsumer & ~Copyable>(
    _ header: TarHeader, _ consumer: inout Consumer
  ) throws(LayerError) {
    var fallback = localRecords.records.last { $0.key == "path" }?.value ?? longName ?? header.name
    if fallback.isEmpty { fallback = header.name }
    entryCount += 1
    guard entryCount <= limits.entries else { throw .limit(.entries, entry: printableName(fallback)) }
    let assembled: AssembledEntry
    do throws(LayerRefusal) {
      let facts = try PaxFacts(global: globalRecords, local: localRecords)
      leftOut.formUnion(facts.leftOut)
      assembled = try AssembledEntry(header, facts, longName: longName, longLink: longLink)
    } catch {
      throw .refused(entry: printableName(fallback), reason: error)
    }
    clearPending()
    let entry = assembled.entry
    guard entry.path.count <= limits.pathBytes, entry.linkTarget.count <= limits.pathBytes else {
      throw .limit(.pathBytes, entry: entry.printablePath)
    }
    self.entry = entry
    body = EntryBody(dataBytes: assembled.dataBytes)
    switch assembled.map {
    case .inHeader(let extents):
      try beginBody(extents, &consumer)
    case .continuesInBlocks(let extents):
      oldSparseExtents = extents
      state = .sparseExtension
    case .beforeData:
      map = SparseMapReader()
      state = .sparseMap
    }
  }

  /// The map is known: the consumer hears of the entry.
  private mutating func beginBody<Consumer: TarConsumer & ~Copyable>(
    _ extents: [SparseExtent]?, _ consumer: inout Consumer
  ) throws(LayerError) {
    guard var entry else { return }
    if let extents {
      guard extents.count <= limits.sparseExtents else {
        throw .limit(.sparseExtents, entry: entry.printablePath)
      }
      guard SparseMap.check(extents, sizeBytes: entry.sizeBytes, dataBytes: body.dataRemaining) else {
        throw .refused(entry: entry.printablePath, reason: .badSparseMap)
      }
    }
    entry.extents = extents
    self.entry = entry
    body.begin(extents)
    let isRegular = entry.type == .regular
    if isRegular || body.dataRemaining == 0 { try consumer.begin(entry) }
    if !isRegular, body.dataRemaining > 0 {
      // A directory of a GNU incremental archive lists its names as data.
      try consumer.begin(entry)
      try consumer.end()
      state = Self.skipping(body.dataRemaining)
    } else if body.dataRemaining == 0 {
      try consumer.end()
      state = body.padding > 0 ? .skip(remaining: body.padding) : .header
    } else {
      state = .body
    }
  }

  private mutating func takeData<Consumer: TarConsumer & ~Copyable>(
    _ bytes: Span<UInt8>, _ consumer: inout Consumer
  ) throws(LayerError) -> Int {
    let (offset, count) = body.next(limit: bytes.count)
    if count > 0 { try consumer.data(bytes.extracting(0..<count), at: offset) }
    body.advance(count)
    if body.dataRemaining == 0 {
      try consumer.end()
      state = body.padding > 0 ? .skip(remaining: body.padding) : .header
    }
    return count
  }

  private mutating func takeSparseExtension<Consumer: TarConsumer & ~Copyable>(
    _ consumer: inout Consumer
  ) throws(LayerError) {
    guard let entry else { return }
    guard let more = TarHeader.sparseExtents(block[0..<504]) else {
      throw .refused(entry: entry.printablePath, reason: .badSparseMap)
    }
    oldSparseExtents.append(contentsOf: more)
    guard oldSparseExtents.count <= limits.sparseExtents else {
      throw .limit(.sparseExtents, entry: entry.printablePath)
    }
    if block[504] == 0 { try beginBody(oldSparseExtents, &consumer) }
  }

  private mutating func takeSparseMap<Consumer: TarConsumer & ~Copyable>(
    _ consumer: inout Consumer
  ) throws(LayerError) {
    guard let entry else { return }
    let name = entry.printablePath
    guard body.dataRemaining >= Int64(TarHeader.blockBytes) else {
      throw .refused(entry: name, reason: .badSparseMap)
    }
    body.dataRemaining -= Int64(TarHeader.blockBytes)
    guard map.take(block) else { throw .refused(entry: name, reason: .badSparseMap) }
    guard map.extents.count <= limits.sparseExtents else { throw .limit(.sparseExtents, entry: name) }
    if map.isComplete { try beginBody(map.extents, &consumer) }
  }
}

/// Where the data of the current entry stands.
private struct EntryBody {
  /// Data in the archive still to come.
  var dataRemaining: Int64 = 0
  /// What fills the last block.
  private(set) var padding: Int64 = 0
  private var offset: Int64 = 0
  private var extents: [SparseExtent] = []
  private var isSparse = false
  private var extentIndex = 0

  init(dataBytes: Int64 = 0) {
    dataRemaining = dataBytes
    padding = (512 - dataBytes % 512) % 512
  }

  mutating func begin(_ extents: [SparseExtent]?) {
    isSparse = extents != nil
    self.extents = extents ?? []
    extentIndex = 0
    offset = self.extents.first?.offset ?? 0
    skipFinishedExtents()
  }

  /// Where the next bytes go, and how many of at most `limit` go there.
  func next(limit: Int) -> (offset: Int64, count: Int) {
    var count = min(Int64(limit), dataRemaining)
    if isSparse, extentIndex < extents.count {
      let extent = extents[extentIndex]
      count = min(count, extent.offset + extent.length - offset)
    }
    return (offset, Int(count))
  }

  mutating func advance(_ count: Int) {
    offset += Int64(count)
    dataRemaining -= Int64(count)
    skipFinishedExtents()
  }

  private mutating func skipFinishedExtents() {
    guard isSparse else { return }
    while extentIndex < extents.count, offset >= extents[extentIndex].offset + extents[extentIndex].length {
      extentIndex += 1
      if extentIndex < extents.count { offset = extents[extentIndex].offset }
    }
  }
}

/// Reads the map of GNU sparse format 1.0: a count, then offset and length of each extent, decimal numbers ended by line feeds.
private struct SparseMapReader {
  private(set) var extents: [SparseExtent] = []
  private var expected: Int64?
  private var offset: Int64?
  private var digits: [UInt8] = []

  /// The rest of the block in which the last number stands is filling.
  var isComplete: Bool { expected.map { Int64(extents.count) >= $0 } ?? false }

  /// False when a number is none.
  mutating func take(_ block: [UInt8]) -> Bool {
    for byte in block {
      if isComplete { return true }
      guard byte == UInt8(ascii: "\n") else {
        digits.append(byte)
        if digits.count > 20 { return false }
        continue
      }
      guard let number = TarNumber.parseDecimal(digits) else { return false }
      digits.removeAll(keepingCapacity: true)
      if expected == nil {
        expected = number
      } else if let start = offset {
        extents.append(SparseExtent(offset: start, length: number))
        offset = nil
      } else {
        offset = number
      }
    }
    return true
  }
}

extension [UInt8] {
  /// Appends the bytes of a span in one piece.
  mutating func append(copying span: Span<UInt8>) {
    unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}
