internal import SkiffKernel

/// An entry put together from its header and what extended headers said before it.
struct AssembledEntry {
  /// Where the map of a sparse file is.
  enum Map {
    /// All of it is known; nil for a file without holes.
    case inHeader([SparseExtent]?)
    /// GNU: blocks that follow have the rest.
    case continuesInBlocks([SparseExtent])
    /// POSIX 1.0: it stands before the data.
    case beforeData
  }

  var entry: TarEntry
  /// What follows in the archive.
  let dataBytes: Int64
  let map: Map

  init(
    _ header: TarHeader, _ facts: PaxFacts, longName: [UInt8]?, longLink: [UInt8]?
  ) throws(LayerRefusal) {
    let path = facts.sparse.name ?? facts.path ?? longName ?? header.name
    let type = try Self.type(header.typeFlag, path)
    var entry = TarEntry(type: type, path: path)
    if type == .hardLink || type == .symbolicLink {
      entry.linkTarget = facts.linkPath ?? longLink ?? header.linkName
    }
    try Self.takeNumbers(header, facts, into: &entry)
    entry.attributes = facts.attributes

    guard let size = facts.sizeBytes ?? TarNumber.parse(header.sizeField), size >= 0 else {
      throw .badNumber(field: "size")
    }
    // Links, devices and directories have no data whatever their size field says; GNU's directory lists do.
    let hasData = type == .regular || header.typeFlag == UInt8(ascii: "D")
    dataBytes = hasData ? size : 0
    entry.sizeBytes = type == .regular ? size : 0
    map = try Self.map(header, facts, &entry)
    self.entry = entry
  }

  private static func type(_ flag: UInt8, _ path: [UInt8]) throws(LayerRefusal) -> TarEntryType {
    switch flag {
    // Before POSIX a directory was a file whose name ends with a slash.
    case 0: path.last == UInt8(ascii: "/") ? .directory : .regular
    case UInt8(ascii: "0"), UInt8(ascii: "7"), UInt8(ascii: "S"): .regular
    case UInt8(ascii: "1"): .hardLink
    case UInt8(ascii: "2"): .symbolicLink
    case UInt8(ascii: "3"): .characterDevice
    case UInt8(ascii: "4"): .blockDevice
    case UInt8(ascii: "5"), UInt8(ascii: "D"): .directory
    case UInt8(ascii: "6"): .fifo
    default: throw .unknownType(flag)
    }
  }

  private static func takeNumbers(
    _ header: TarHeader, _ facts: PaxFacts, into entry: inout TarEntry
  ) throws(LayerRefusal) {
    guard let mode = TarNumber.parse(header.modeField) else { throw .badNumber(field: "mode") }
    entry.mode = UInt32(truncatingIfNeeded: mode) & 0o7777
    entry.userID = try identity(facts.userID, header.userIDField, field: "owner")
    entry.groupID = try identity(facts.groupID, header.groupIDField, field: "group")
    if let modified = facts.modified {
      entry.modified = modified
    } else {
      guard let seconds = TarNumber.parse(header.modifiedField) else {
        throw .badNumber(field: "modification time")
      }
      entry.modified = FileTime(seconds: seconds)
    }
    entry.accessed = facts.accessed
    guard entry.type == .characterDevice || entry.type == .blockDevice else { return }
    entry.deviceMajor = try device(facts.deviceMajor, header.deviceMajorField)
    entry.deviceMinor = try device(facts.deviceMinor, header.deviceMinorField)
  }

  private static func identity(
    _ known: UInt32?, _ field: ArraySlice<UInt8>, field name: String
  ) throws(LayerRefusal) -> UInt32 {
    if let known { return known }
    guard let number = TarNumber.parse(field), let identity = TarNumber.identity(number) else {
      throw .badNumber(field: name)
    }
    return identity
  }

  private static func device(_ known: UInt32?, _ field: ArraySlice<UInt8>) throws(LayerRefusal) -> UInt32 {
    if let known { return known }
    guard let number = TarNumber.parse(field), let device = UInt32(exactly: number) else {
      throw .badNumber(field: "device number")
    }
    return device
  }

  private static func map(
    _ header: TarHeader, _ facts: PaxFacts, _ entry: inout TarEntry
  ) throws(LayerRefusal) -> Map {
    if header.typeFlag == UInt8(ascii: "S") {
      guard let old = header.oldSparse, old.sizeBytes >= 0 else { throw .badSparseMap }
      entry.sizeBytes = old.sizeBytes
      return old.isContinued ? .continuesInBlocks(old.extents) : .inHeader(old.extents)
    }
    guard facts.sparse.isPresent, entry.type == .regular else { return .inHeader(nil) }
    guard let size = facts.sparse.sizeBytes else { throw .badSparseMap }
    entry.sizeBytes = size
    return facts.sparse.hasMapInData ? .beforeData : .inHeader(facts.sparse.extents)
  }
}
