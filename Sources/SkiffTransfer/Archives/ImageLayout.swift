internal import SkiffImages
internal import SkiffKernel
internal import SkiffSpec

/// Images as files under known names: an archive that was taken in, or a directory.
protocol ImageLayout: Sendable {
  /// A small document; nil when there is none of that name.
  func document(_ name: String, limitBytes: Int) throws(TransferError) -> [UInt8]?
  /// Makes the file a blob of the store, whatever is in it; nil when there is none of that name.
  func intake(_ name: String, stop: StopFlag) throws(TransferError) -> StoredBlob?
}

/// A blob that is in the store.
struct StoredBlob: Sendable, Equatable {
  let digest: Digest
  let sizeBytes: Int64
}

/// An archive whose large files are in the store already.
struct ArchiveLayout: ImageLayout {
  let store: ImageStore
  let files: IncomingFiles

  func document(_ name: String, limitBytes: Int) throws(TransferError) -> [UInt8]? {
    switch files.file(name) {
    case nil:
      return nil
    case .small(let bytes):
      guard bytes.count <= limitBytes else { throw .tooLong(what: name, declaredBytes: Int64(limitBytes)) }
      return bytes
    case .stored(let digest, let sizeBytes):
      guard sizeBytes <= Int64(limitBytes) else { throw .tooLong(what: name, declaredBytes: Int64(limitBytes)) }
      return try stored(name) { () throws(ImageStoreError) in try store.readBlob(digest, limitBytes: limitBytes) }
    }
  }

  func intake(_ name: String, stop: StopFlag) throws(TransferError) -> StoredBlob? {
    switch files.file(name) {
    case nil:
      return nil
    case .small(let bytes):
      let digest = try stored(name) { () throws(ImageStoreError) in try store.writeBlob(bytes) }
      return StoredBlob(digest: digest, sizeBytes: Int64(bytes.count))
    case .stored(let digest, let sizeBytes):
      return StoredBlob(digest: digest, sizeBytes: sizeBytes)
    }
  }
}

/// A layout that lies unpacked in a directory. Links in it are not followed: they could lead to anything that root may read.
struct DirectoryLayout: ImageLayout {
  let store: ImageStore
  /// Kept open by who uses this.
  let directory: Descriptor

  private func open(_ name: String) throws(TransferError) -> FileDescriptor? {
    do throws(Errno) {
      let file = try directory.open(
        try KernelPath(name), [.readOnly, .noFollow, .nonBlocking],
        resolve: [.beneath, .noSymbolicLinks, .noMagicLinks])
      guard try file.descriptor.status().type == .regular else { throw .invalidArgument }
      return file
    } catch {
      if error == .notFound { return nil }
      throw .local(what: "cannot open \(name)", reason: error == .tooManyLinks ? "it is a link" : error.description)
    }
  }

  func document(_ name: String, limitBytes: Int) throws(TransferError) -> [UInt8]? {
    guard let file = try open(name) else { return nil }
    do throws(Errno) {
      return try file.descriptor.readToEnd(limitBytes: limitBytes)
    } catch {
      if error == .fileTooLarge { throw .tooLong(what: name, declaredBytes: Int64(limitBytes)) }
      throw .local(what: "cannot read \(name)", reason: error.description)
    }
  }

  func intake(_ name: String, stop: StopFlag) throws(TransferError) -> StoredBlob? {
    guard let file = try open(name) else { return nil }
    let copied: StoredBlob?
    do throws(LayerError) {
      copied = try copy(file.descriptor, name: name, stop: stop)
    } catch {
      throw TransferError(error, what: name)
    }
    guard let copied else { throw .interrupted }
    return copied
  }

  private func copy(_ file: Descriptor, name: String, stop: StopFlag) throws(LayerError) -> StoredBlob? {
    var sink = try BlobSink(store: store)
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while !stop.isRaised {
      let count: Int
      do throws(Errno) {
        count = try file.read(into: &buffer)
      } catch {
        throw .kernel(act: "read", entry: name, error)
      }
      if count == 0 {
        let (digest, size) = try sink.commit()
        return StoredBlob(digest: digest, sizeBytes: size)
      }
      try sink.write(buffer.span.extracting(0..<count))
    }
    return nil
  }
}
