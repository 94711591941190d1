package import SkiffKernel

/// Why a layer cannot be unpacked or packed. Wherever one entry is at fault, its name is told.
package enum LayerError: Error, Equatable, Sendable {
  /// The bytes are no tar archive, or break its rules where no entry has a name yet.
  case notAnArchive(String)
  /// The archive ends in the middle of an entry (or of its first header, when there is no name).
  case truncated(entry: String?)
  /// One entry asks for what a layer may not have.
  case refused(entry: String, reason: LayerRefusal)
  /// The layer is larger than what is allowed.
  case limit(LayerLimitKind, entry: String?)
  /// The packed bytes are damaged.
  case compression(CompressionError)
  /// What was unpacked is not what was announced.
  case wrongDigest(what: String, expected: String, actual: String)
  /// The kernel refused `act` on an entry.
  case kernel(act: String, entry: String, Errno)
}

/// What a layer may not ask for.
package enum LayerRefusal: Error, Equatable, Sendable {
  /// The name leads out of the layer.
  case escapes
  /// A directory on the way is a symbolic link of the same layer.
  case parentIsLink
  /// A directory on the way is a file of the same layer.
  case parentIsNotDirectory
  /// The other name of a hard link leads out of the layer, or through a link.
  case linkEscapes
  /// The other name of a hard link is not in the layer.
  case linkTargetMissing(String)
  /// A whiteout of nothing, of `.` or of `..`.
  case badWhiteout
  /// A name that the whiteouts reserve (`.wh.…`) is used as a directory.
  case reservedName
  /// The root of the layer must be a directory.
  case rootNotDirectory
  /// A number in the header cannot be read or is out of its range.
  case badNumber(field: String)
  /// An extended header breaks its rules.
  case badExtendedHeader(String)
  /// The map of a sparse file breaks its rules.
  case badSparseMap
  /// A kind of entry that is not known.
  case unknownType(UInt8)
  /// A symbolic link that leads nowhere.
  case emptyLink
  /// A path with a zero byte.
  case zeroInPath
  /// A copy would put a file in the place of a directory.
  case directoryInTheWay
  /// A copy would put a directory in the place of what is none.
  case noDirectoryInTheWay
  /// The user namespace has no id for the owner.
  case ownerHasNoID(String, UInt32)
  /// When packing: something else took the file's place.
  case changedMeanwhile
  /// When packing: overlayfs keeps the directory's content under another name below.
  case redirected
}

/// The limits that a layer can run into.
package enum LayerLimitKind: String, Error, Equatable, Sendable {
  case entries = "too many entries"
  case unpackedBytes = "too large when unpacked"
  case ratio = "grows too much when unpacked (a decompression bomb?)"
  case pathBytes = "a path too long"
  case extendedHeaderBytes = "an extended header too large"
  case sparseExtents = "a sparse map too long"
  case extendedHeaders = "too many extended headers before one entry"
  case depth = "directories nested too deep"
}

/// How much a layer may ask for before it is refused. What is counted is what the layer says, before it is done.
package struct LayerLimits: Sendable {
  /// Longest path, as the kernel has it (PATH_MAX).
  package var pathBytes = 4096
  /// Largest extended header.
  package var extendedHeaderBytes = 1 << 20
  /// Most extents of a sparse file.
  package var sparseExtents = 1 << 20
  /// Most entries.
  package var entries = 2_000_000
  /// Largest sum of all file sizes, and largest tar stream.
  package var unpackedBytes: Int64 = 1 << 40
  /// Largest growth against the packed bytes, once `ratioFreeBytes` are passed. An honest layer stays below twenty.
  package var ratio: Int64 = 200
  /// So much may come out at any ratio: a file of zeros packs a thousand to one and is no attack.
  package var ratioFreeBytes: Int64 = 4 << 30

  package init() {}

  package static let standard = LayerLimits()
}

extension LayerRefusal: CustomStringConvertible {
  package var description: String {
    switch self {
    case .escapes: "its name leads out of the layer"
    case .parentIsLink: "its directory is a symbolic link"
    case .parentIsNotDirectory: "its directory is a file"
    case .linkEscapes: "its link target leads out of the layer or through a link"
    case .linkTargetMissing(let target): "its link target \(target) is not in the layer"
    case .badWhiteout: "it is a whiteout of no name, \".\" or \"..\""
    case .reservedName: "its directory has a name reserved for whiteouts"
    case .rootNotDirectory: "the root of a layer must be a directory"
    case .badNumber(let field): "its \(field) is not a number in range"
    case .badExtendedHeader(let what): "its extended header is broken (\(what))"
    case .badSparseMap: "its sparse map is broken"
    case .unknownType(let type): "its type \(type) is not known"
    case .emptyLink: "it is a symbolic link to nothing"
    case .zeroInPath: "a path holds a zero byte"
    case .directoryInTheWay: "a directory of that name is there"
    case .noDirectoryInTheWay: "something of that name is there that is no directory"
    case .ownerHasNoID(let kind, let id): "the container has no id for \(kind) \(id)"
    case .changedMeanwhile: "something else took its place while it was read"
    case .redirected: "overlayfs keeps its content under another name below"
    }
  }
}

extension LayerError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notAnArchive(let why): "not a tar archive: \(why)"
    case .truncated(.none): "the layer ends too early"
    case .truncated(.some(let entry)): "the layer ends in the middle of \(entry)"
    case .refused(let entry, let reason): "layer entry \(entry) refused: \(reason)"
    case .limit(let kind, .none): "layer refused: \(kind.rawValue)"
    case .limit(let kind, .some(let entry)): "layer refused at \(entry): \(kind.rawValue)"
    case .compression(let error): "\(error)"
    case .wrongDigest(let what, let expected, let actual): "\(what) is \(actual), not \(expected) as announced"
    case .kernel(let act, let entry, let error): "cannot \(act) \(entry): \(error)"
    }
  }
}

/// Bytes of a name as a person reads them: what is not printable is shown escaped, so that a report stays one line.
package func printableName(_ bytes: some Sequence<UInt8>) -> String {
  var text: [UInt8] = []
  for byte in bytes.prefix(512) {
    if byte < 0x20 || byte == 0x7F {
      text.append(contentsOf: "\\x".utf8)
      text.append(contentsOf: SHA256Stream.hexadecimal([byte]).utf8)
    } else {
      text.append(byte)
    }
  }
  let name = String(decoding: text, as: UTF8.self)
  return name.isEmpty ? "\"\"" : name
}
