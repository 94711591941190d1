internal import SkiffImages
internal import SkiffKernel
internal import SkiffSpec

/// A file that came in an archive.
enum IncomingFile: Sendable {
  /// Small enough to be kept in memory until somebody wants it.
  case small([UInt8])
  /// In the store, by its digest.
  case stored(Digest, sizeBytes: Int64)
}

/// The files of an image archive, by name.
///
/// No name of an archive ever becomes a path: the names are only compared with each other, and contents go into memory or, by
/// their digest, into the store. What leads out of the archive leads nowhere.
struct IncomingFiles: Sendable {
  private var files: [String: IncomingFile] = [:]
  private var links: [String: String] = [:]

  /// Most entries of an archive; an image has three or four for each layer.
  static let entryLimit = 100_000
  static let linkLimit = 16

  var count: Int { files.count + links.count }

  mutating func put(_ name: String, _ file: IncomingFile) {
    links[name] = nil
    files[name] = file
  }

  mutating func link(_ name: String, to target: String) {
    files[name] = nil
    links[name] = target
  }

  /// The file that a name leads to, through links of the archive.
  func file(_ name: String) -> IncomingFile? {
    guard var current = Self.normalized(name) else { return nil }
    for _ in 0..<Self.linkLimit {
      if let file = files[current] { return file }
      guard let target = links[current] else { return nil }
      current = target
    }
    return nil
  }

  /// `./a//b/../c` as `a/c`; nil for what leads out.
  static func normalized(_ name: some StringProtocol) -> String? {
    var parts: [Substring] = []
    for part in String(name).split(separator: "/") {
      switch part {
      case ".": continue
      case "..":
        guard parts.popLast() != nil else { return nil }
      default: parts.append(part)
      }
    }
    return parts.isEmpty ? nil : parts.joined(separator: "/")
  }
}

/// Takes an image archive apart: large files go straight into the store, small ones into memory.
struct ArchiveIntake: ~Copyable, TarConsumer {
  private let store: ImageStore
  private(set) var files = IncomingFiles()
  private var current: Current = .nothing
  private var memoryBytes = 0

  /// A file up to this size is kept in memory.
  private static let smallBytes: Int64 = 256 << 10
  /// All small files together; further ones go into the store.
  private static let memoryLimitBytes = 64 << 20

  private enum Current: ~Copyable {
    case nothing
    case small(name: String, bytes: [UInt8])
    case large(name: String, BlobSink)
  }

  init(store: ImageStore) {
    self.store = store
  }

  mutating func begin(_ entry: TarEntry) throws(LayerError) {
    current = .nothing
    guard files.count < IncomingFiles.entryLimit else { throw .limit(.entries, entry: entry.printablePath) }
    // What is no text cannot be named by the documents that lead to an image's parts.
    guard let path = String(validating: entry.path, as: UTF8.self), let name = IncomingFiles.normalized(path) else {
      return
    }
    switch entry.type {
    case .regular:
      if entry.sizeBytes <= Self.smallBytes, memoryBytes + Int(entry.sizeBytes) <= Self.memoryLimitBytes {
        memoryBytes += Int(entry.sizeBytes)
        current = .small(name: name, bytes: [])
      } else {
        current = .large(name: name, try BlobSink(store: store))
      }
    case .symbolicLink, .hardLink:
      guard let text = String(validating: entry.linkTarget, as: UTF8.self) else { return }
      let isRelative = entry.type == .symbolicLink && !text.hasPrefix("/")
      let directory = isRelative ? name.split(separator: "/").dropLast().joined(separator: "/") : ""
      guard let target = IncomingFiles.normalized("\(directory)/\(text)") else { return }
      files.link(name, to: target)
    case .directory, .characterDevice, .blockDevice, .fifo:
      break
    }
  }

  mutating func data(_ bytes: Span<UInt8>, at offset: Int64) throws(LayerError) {
    var now = Current.nothing
    swap(&now, &current)
    switch consume now {
    case .nothing:
      break
    case .small(let name, var content):
      try Self.requireDense(name, offset, Int64(content.count))
      content.append(copying: bytes)
      current = .small(name: name, bytes: content)
    case .large(let name, var sink):
      try Self.requireDense(name, offset, sink.sizeBytes)
      try sink.write(bytes)
      current = .large(name: name, sink)
    }
  }

  /// An image's parts have no holes: filling them in would be a way to fill the disk with nothing.
  private static func requireDense(_ name: String, _ offset: Int64, _ expected: Int64) throws(LayerError) {
    guard offset == expected else { throw .refused(entry: printableName(name.utf8), reason: .badSparseMap) }
  }

  mutating func end() throws(LayerError) {
    var now = Current.nothing
    swap(&now, &current)
    switch consume now {
    case .nothing:
      break
    case .small(let name, let bytes):
      files.put(name, .small(bytes))
    case .large(let name, let sink):
      let (digest, size) = try sink.commit()
      files.put(name, .stored(digest, sizeBytes: size))
    }
  }
}

/// Writes into the store, hashing.
struct BlobSink: ~Copyable, ByteSink {
  private var writer: BlobWriter
  private var hash = SHA256Stream()

  init(store: ImageStore) throws(LayerError) {
    do throws(ImageStoreError) {
      writer = try store.beginBlob()
    } catch {
      throw LayerError(error)
    }
  }

  var sizeBytes: Int64 { writer.sizeBytes }

  mutating func write(_ bytes: Span<UInt8>) throws(LayerError) {
    hash.update(bytes)
    do throws(ImageStoreError) {
      try writer.write(bytes)
    } catch {
      throw LayerError(error)
    }
  }

  /// Makes what was written a blob; gives its digest and size.
  consuming func commit() throws(LayerError) -> (digest: Digest, sizeBytes: Int64) {
    let digest = Digest(sha256: hash.finishHexadecimal())
    let size = writer.sizeBytes
    do throws(ImageStoreError) {
      try writer.commit(digest: digest, sizeBytes: size)
    } catch {
      throw LayerError(error)
    }
    return (digest, size)
  }
}

extension LayerError {
  /// What the store said, in the words of those who write archives and layers.
  init(_ error: ImageStoreError) {
    switch error {
    case .kernel(let act, let thing, let errno): self = .kernel(act: act, entry: thing, errno)
    default: self = .kernel(act: "store", entry: "\(error)", .inputOutput)
    }
  }
}
