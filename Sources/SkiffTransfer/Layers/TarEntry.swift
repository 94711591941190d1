package import SkiffKernel

/// What kind of thing an archive's entry is.
package enum TarEntryType: Equatable, Sendable {
  case regular
  case hardLink
  case symbolicLink
  case characterDevice
  case blockDevice
  case directory
  case fifo
}

/// An extended attribute as an archive carries it.
package struct TarAttribute: Equatable, Sendable {
  package var name: [UInt8]
  package var value: [UInt8]

  package init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// A stretch of a sparse file that holds data.
package struct SparseExtent: Equatable, Sendable {
  package var offset: Int64
  package var length: Int64

  package init(offset: Int64, length: Int64) {
    self.offset = offset
    self.length = length
  }
}

/// One entry of a tar archive, all its headers put together.
package struct TarEntry: Equatable, Sendable {
  package var type: TarEntryType
  /// The path as the archive has it: not cleaned, not trusted.
  package var path: [UInt8]
  /// Target of a symbolic link, other name of a hard link.
  package var linkTarget: [UInt8] = []
  /// Permission bits with setuid, setgid and sticky.
  package var mode: UInt32 = 0o644
  package var userID: UInt32 = 0
  package var groupID: UInt32 = 0
  /// Size of the file as a reader sees it: with the holes of a sparse file.
  package var sizeBytes: Int64 = 0
  package var modified = FileTime(seconds: 0)
  /// Nil when the archive does not say.
  package var accessed: FileTime?
  package var deviceMajor: UInt32 = 0
  package var deviceMinor: UInt32 = 0
  package var attributes: [TarAttribute] = []
  /// Where the data of a sparse file goes, ascending; nil for a file without holes.
  package var extents: [SparseExtent]?

  package init(type: TarEntryType, path: [UInt8]) {
    self.type = type
    self.path = path
  }

  /// The path for a report.
  package var printablePath: String { printableName(path) }
}

/// Takes the entries of an archive in their order: `begin`, `data` as often as there is some, `end`.
package protocol TarConsumer: ~Copyable {
  mutating func begin(_ entry: TarEntry) throws(LayerError)
  /// Data of the current entry, for `offset` in the file. Offsets ascend.
  mutating func data(_ bytes: Span<UInt8>, at offset: Int64) throws(LayerError)
  mutating func end() throws(LayerError)
}
