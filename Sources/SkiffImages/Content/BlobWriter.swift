internal import SkiffKernel
package import SkiffSpec

/// A blob on its way into the store: a file beside the blobs until it is whole.
///
/// Whoever writes hashes; `commit` is told the digest that came out. Dropped without it, the file goes — unless it was begun as
/// one to be resumed: then what came so far is kept for the next try.
package struct BlobWriter: ~Copyable {
  private let store: ImageStore
  private let file: FileDescriptor
  private let name: KernelPath
  /// What is written so far, what an earlier try left included.
  package private(set) var sizeBytes: Int64
  /// What an earlier try left: to be read back and hashed before more is written.
  package let resumedBytes: Int64
  private let isKept: Bool
  private var isCommitted = false

  init(store: ImageStore, file: consuming FileDescriptor, name: KernelPath, resumedBytes: Int64, isKept: Bool) {
    self.store = store
    self.file = file
    self.name = name
    self.sizeBytes = resumedBytes
    self.resumedBytes = resumedBytes
    self.isKept = isKept
  }

  deinit {
    // Kept when there is something to keep; a failure to remove leaves a file that the next sweep removes.
    if !isCommitted, !isKept || sizeBytes == 0 {
      do throws(Errno) { try store.partial.descriptor.unlink(name) } catch {}
    }
  }

  /// Writes the next bytes.
  package mutating func write(_ bytes: Span<UInt8>) throws(ImageStoreError) {
    let (file, sizeBytes) = (file.descriptor, sizeBytes)
    do throws(Errno) {
      try file.writeAll(bytes, at: sizeBytes)
    } catch {
      throw .kernel(act: "write", thing: "a blob", error)
    }
    self.sizeBytes += Int64(bytes.count)
  }

  /// Reads back what was written: at most a buffer full from `offset` on; 0 is the end.
  package func read(into buffer: inout [UInt8], at offset: Int64) throws(ImageStoreError) -> Int {
    do throws(Errno) {
      return try file.descriptor.read(into: &buffer, at: offset)
    } catch {
      throw .kernel(act: "read", thing: "a blob", error)
    }
  }

  /// Throws away what was written: the server cannot resume, or sent something else.
  package mutating func restart() throws(ImageStoreError) {
    let file = file.descriptor
    try storing("empty", "a blob") { () throws(Errno) in try file.setSize(0) }
    sizeBytes = 0
  }

  /// Makes the blob part of the store, durable before it has its name. `digest` is that of what was written.
  package consuming func commit(digest: Digest, sizeBytes announced: Int64? = nil) throws(ImageStoreError) {
    if let announced, announced != sizeBytes {
      let actual = sizeBytes
      // What is too long or too short is not worth keeping.
      try restart()
      throw .wrongSize(digest, announced: announced, actual: actual)
    }
    let (store, name) = (store, name)
    let file = file.descriptor
    let target = try store.blobName(digest)
    try storing("store", "blob \(digest)") { () throws(Errno) in
      try file.changeMode(0o644)
      try file.synchronize()
      try store.partial.descriptor.rename(name, to: target, in: store.blobs.descriptor)
      try store.blobs.descriptor.synchronize()
    }
    isCommitted = true
  }
}
