internal import SkiffKernel

/// The records of a POSIX.1-2001 extended header: `length key=value\n`, one after the other, in their order.
package struct PaxRecords {
  package private(set) var records: [(key: String, value: [UInt8])] = []
  /// What the records take, for limits.
  private(set) var byteCount = 0

  init() {}

  /// Reads all records; throws what is wrong in words for a report.
  package init(parsing bytes: [UInt8]) throws(LayerRefusal) {
    var rest = bytes[...]
    while !rest.isEmpty {
      // Some programs fill the header up with zeros.
      if rest.allSatisfy({ $0 == 0 }) { break }
      guard let space = rest.prefix(20).firstIndex(of: UInt8(ascii: " ")),
        let length = TarNumber.parseDecimal(rest[..<space]), length > 0, length <= Int64(rest.count)
      else { throw .badExtendedHeader("a record's length") }
      let end = rest.startIndex + Int(length)
      guard end > space + 1, rest[end - 1] == UInt8(ascii: "\n") else {
        throw .badExtendedHeader("a record's end")
      }
      let record = rest[(space + 1)..<(end - 1)]
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")), equals > record.startIndex else {
        throw .badExtendedHeader("a record without a key")
      }
      records.append((String(decoding: record[..<equals], as: UTF8.self), Array(record[(equals + 1)...])))
      rest = rest[end...]
    }
    byteCount = bytes.count
  }

  /// Adds the records of a later header, which win.
  mutating func merge(_ later: PaxRecords) {
    let laterKeys = Set(later.records.map(\.key))
    records.removeAll { laterKeys.contains($0.key) }
    records.append(contentsOf: later.records)
    byteCount = records.reduce(0) { $0 + $1.key.utf8.count + $1.value.count }
  }
}

/// What the extended headers say of one entry, read out of global and local records.
struct PaxFacts {
  var path: [UInt8]?
  var linkPath: [UInt8]?
  var sizeBytes: Int64?
  var userID: UInt32?
  var groupID: UInt32?
  var modified: FileTime?
  var accessed: FileTime?
  var deviceMajor: UInt32?
  var deviceMinor: UInt32?
  var attributes: [TarAttribute] = []
  var sparse = PaxSparse()
  /// Keys of what is not taken over (access control lists as text), for the report.
  var leftOut: [String] = []

  /// Global records hold for every entry; what names or measures one entry is taken from its own header alone.
  init(global: PaxRecords, local: PaxRecords) throws(LayerRefusal) {
    for record in global.records where !Self.ownKeys.contains(record.key) && !record.key.hasPrefix("GNU.sparse.") {
      try take(record.key, record.value)
    }
    for record in local.records {
      try take(record.key, record.value)
    }
  }

  private static let ownKeys: Set<String> = ["path", "linkpath", "size"]

  private mutating func take(_ key: String, _ value: [UInt8]) throws(LayerRefusal) {
    switch key {
    case "path": path = try Self.path(value)
    case "linkpath": linkPath = try Self.path(value)
    case "size": sizeBytes = try Self.number(value, field: "size")
    case "uid": userID = try Self.identity(value, field: "owner")
    case "gid": groupID = try Self.identity(value, field: "group")
    case "mtime": modified = try Self.time(value, field: "modification time")
    case "atime": accessed = try Self.time(value, field: "access time")
    case "SCHILY.devmajor": deviceMajor = try Self.device(value)
    case "SCHILY.devminor": deviceMinor = try Self.device(value)
    case "SCHILY.acl.access", "SCHILY.acl.default", "SCHILY.acl.ace": leftOut.append(key)
    default:
      if key.hasPrefix("SCHILY.xattr.") {
        try setAttribute(Array(key.utf8.dropFirst("SCHILY.xattr.".utf8.count)), value, replacing: true)
      } else if key.hasPrefix("LIBARCHIVE.xattr.") {
        try takeLibarchiveAttribute(key, value)
      } else if key.hasPrefix("GNU.sparse.") {
        try sparse.take(key, value)
      }
    // Anything else says nothing that a file system holds: comment, uname, gname, ctime, charset, hdrcharset …
    }
  }

  /// libarchive's form: the name percent-encoded, the value in base 64. Where both forms are there, the plain one wins.
  private mutating func takeLibarchiveAttribute(_ key: String, _ value: [UInt8]) throws(LayerRefusal) {
    guard let name = Base64.percentDecoded(key.utf8.dropFirst("LIBARCHIVE.xattr.".utf8.count)),
      let value = Base64.decode(value)
    else { throw .badExtendedHeader(key) }
    try setAttribute(name, value, replacing: false)
  }

  /// The kernel itself holds fewer attributes of one file; without a limit the search below would be slow by intent.
  private static let attributeLimit = 1024

  private mutating func setAttribute(_ name: [UInt8], _ value: [UInt8], replacing: Bool) throws(LayerRefusal) {
    if let index = attributes.firstIndex(where: { $0.name == name }) {
      if replacing { attributes[index].value = value }
    } else {
      guard attributes.count < Self.attributeLimit else { throw .badExtendedHeader("too many attributes") }
      attributes.append(TarAttribute(name: name, value: value))
    }
  }

  /// An empty value takes an earlier one back.
  private static func path(_ value: [UInt8]) throws(LayerRefusal) -> [UInt8]? {
    if value.contains(0) { throw .zeroInPath }
    return value.isEmpty ? nil : value
  }

  private static func number(_ value: [UInt8], field: String) throws(LayerRefusal) -> Int64? {
    if value.isEmpty { return nil }
    guard let number = TarNumber.parseDecimal(value) else { throw .badNumber(field: field) }
    return number
  }

  private static func identity(_ value: [UInt8], field: String) throws(LayerRefusal) -> UInt32? {
    guard let number = try number(value, field: field) else { return nil }
    guard let identity = TarNumber.identity(number) else { throw .badNumber(field: field) }
    return identity
  }

  private static func device(_ value: [UInt8]) throws(LayerRefusal) -> UInt32? {
    guard let number = try number(value, field: "device number") else { return nil }
    guard let device = UInt32(exactly: number) else { throw .badNumber(field: "device number") }
    return device
  }

  private static func time(_ value: [UInt8], field: String) throws(LayerRefusal) -> FileTime? {
    if value.isEmpty { return nil }
    guard let time = TarNumber.parseTime(value) else { throw .badNumber(field: field) }
    return time
  }
}

/// GNU's sparse files in POSIX archives: versions 0.0 and 0.1 keep the map in the header, 1.0 before the data.
struct PaxSparse {
  var name: [UInt8]?
  var sizeBytes: Int64?
  var extents: [SparseExtent] = []
  /// True for version 1.0: the map stands before the data.
  var hasMapInData = false
  private(set) var isPresent = false
  private var pendingOffset: Int64?

  mutating func take(_ key: String, _ value: [UInt8]) throws(LayerRefusal) {
    isPresent = true
    switch key {
    case "GNU.sparse.name":
      if value.contains(0) { throw .zeroInPath }
      name = value
    case "GNU.sparse.size", "GNU.sparse.realsize":
      sizeBytes = try number(value)
    case "GNU.sparse.major":
      switch try number(value) {
      case 0: hasMapInData = false
      case 1: hasMapInData = true
      default: throw .badSparseMap
      }
    case "GNU.sparse.offset":
      guard pendingOffset == nil else { throw .badSparseMap }
      pendingOffset = try number(value)
    case "GNU.sparse.numbytes":
      guard let offset = pendingOffset else { throw .badSparseMap }
      extents.append(SparseExtent(offset: offset, length: try number(value)))
      pendingOffset = nil
    case "GNU.sparse.map":
      try takeMap(value)
    default:
      // numblocks and minor say nothing that the map does not.
      break
    }
  }

  private mutating func takeMap(_ value: [UInt8]) throws(LayerRefusal) {
    extents = []
    if value.isEmpty { return }
    var offset: Int64?
    for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let number = TarNumber.parseDecimal(part) else { throw .badSparseMap }
      if let start = offset {
        extents.append(SparseExtent(offset: start, length: number))
        offset = nil
      } else {
        offset = number
      }
    }
    guard offset == nil else { throw .badSparseMap }
  }

  private func number(_ value: [UInt8]) throws(LayerRefusal) -> Int64 {
    guard let number = TarNumber.parseDecimal(value) else { throw .badSparseMap }
    return number
  }
}

/// The encodings of libarchive's attributes.
package enum Base64 {
  /// Base 64 with or without its filling (RFC 4648); nil for any other byte.
  package static func decode(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer: UInt32 = 0
    var bits = 0
    for digit in text {
      if digit == UInt8(ascii: "=") || digit == UInt8(ascii: "\n") { continue }
      guard let value = value(digit) else { return nil }
      buffer = (buffer << 6 | value) & 0xFFFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
      }
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }

  /// `%41` becomes `A`.
  package static func percentDecoded(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = Array(text)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
