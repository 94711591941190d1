internal import SkiffKernel

/// One 512-byte header block, its fields where POSIX.1-1988, POSIX.1-2001 and GNU tar put them.
struct TarHeader {
  static let blockBytes = 512

  let block: [UInt8]

  /// Takes a block whose checksum is right.
  init(_ block: [UInt8]) throws(LayerError) {
    guard block.count == Self.blockBytes else { throw .notAnArchive("a header is not whole") }
    self.block = block
    guard let stored = TarNumber.parse(block[148..<156]) else { throw .notAnArchive("a checksum is not a number") }
    // The checksum counts its own field as spaces; some old programs summed signed bytes.
    let ownField = block[148..<156]
    let spaces = 8 * Int64(UInt8(ascii: " "))
    var unsignedSum = spaces
    for byte in block { unsignedSum &+= Int64(byte) }
    for byte in ownField { unsignedSum -= Int64(byte) }
    if stored == unsignedSum { return }
    var signedSum = spaces
    for byte in block { signedSum += Int64(Int8(bitPattern: byte)) }
    for byte in ownField { signedSum -= Int64(Int8(bitPattern: byte)) }
    guard stored == signedSum else { throw .notAnArchive("a header's checksum is wrong") }
  }

  var typeFlag: UInt8 { block[156] }
  var modeField: ArraySlice<UInt8> { block[100..<108] }
  var userIDField: ArraySlice<UInt8> { block[108..<116] }
  var groupIDField: ArraySlice<UInt8> { block[116..<124] }
  var sizeField: ArraySlice<UInt8> { block[124..<136] }
  var modifiedField: ArraySlice<UInt8> { block[136..<148] }
  var deviceMajorField: ArraySlice<UInt8> { block[329..<337] }
  var deviceMinorField: ArraySlice<UInt8> { block[337..<345] }
  var linkName: [UInt8] { Self.text(block[157..<257]) }

  /// `ustar` and a zero: the fields of POSIX; `ustar` and two spaces: GNU's, which has other things where POSIX has the prefix.
  var isPosix: Bool { block[257..<263].elementsEqual(Array("ustar".utf8) + [0]) }
  var isGNU: Bool { block[257..<265].elementsEqual(Array("ustar  ".utf8) + [0]) }

  /// The name, with POSIX's prefix before it.
  var name: [UInt8] {
    let name = Self.text(block[0..<100])
    guard isPosix else { return name }
    // star keeps times in the last part of the prefix.
    let isStar = block[508..<512].elementsEqual(Array("tar".utf8) + [0])
    let prefix = Self.text(block[345..<(isStar ? 476 : 500)])
    return prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
  }

  /// Fields before the first zero.
  private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] {
    Array(field.prefix { $0 != 0 })
  }

  /// The sparse map in a GNU header: up to four extents; `realsize` is the size with holes.
  var oldSparse: (extents: [SparseExtent], isContinued: Bool, sizeBytes: Int64)? {
    guard let extents = Self.sparseExtents(block[386..<482]), let size = TarNumber.parse(block[483..<495]) else {
      return nil
    }
    return (extents, block[482] != 0, size)
  }

  /// Extents as GNU headers write them, 24 bytes each; a length field that is empty ends the map.
  static func sparseExtents(_ area: ArraySlice<UInt8>) -> [SparseExtent]? {
    var extents: [SparseExtent] = []
    var start = area.startIndex
    while start + 24 <= area.endIndex {
      if area[start + 12] == 0 { break }
      guard let offset = TarNumber.parse(area[start..<(start + 12)]),
        let length = TarNumber.parse(area[(start + 12)..<(start + 24)])
      else { return nil }
      extents.append(SparseExtent(offset: offset, length: length))
      start += 24
    }
    return extents
  }
}

/// A sparse map that was checked: extents ascend, do not overlap, lie within the file, and their lengths add up to the data.
enum SparseMap {
  static func check(_ extents: [SparseExtent], sizeBytes: Int64, dataBytes: Int64) -> Bool {
    guard sizeBytes >= 0 else { return false }
    var end: Int64 = 0
    var sum: Int64 = 0
    for extent in extents {
      guard extent.offset >= end, extent.length >= 0 else { return false }
      let (extentEnd, overflow) = extent.offset.addingReportingOverflow(extent.length)
      guard !overflow, extentEnd <= sizeBytes else { return false }
      end = extentEnd
      sum += extent.length
    }
    return sum == dataBytes
  }
}
