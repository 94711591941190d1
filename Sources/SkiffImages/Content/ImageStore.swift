package import SkiffKernel
package import SkiffSpec

/// The images of a store: `ROOT/images`, a valid OCI image layout that other programs can read.
///
///     images/oci-layout   index.json   blobs/sha256/HEX       as the specification has it
///     images/partial/     blobs on their way in; `HEX` without ending is kept to be resumed
///     images/quarantine/  blobs that are not what their name says
///     images/index.lock   held while index.json is rewritten, for no longer
///     images/hold.lock    held (shared) while something is in use that no name refers to yet
///
/// `index.json` is the truth of names. Readers take no lock: it changes by being replaced.
package final class ImageStore: Sendable {
  /// `ROOT/images`.
  let directory: FileDescriptor
  /// `blobs/sha256`.
  let blobs: FileDescriptor
  let partial: FileDescriptor

  /// Opens the store beneath `root`, making what is missing of it, mode 0700.
  package init(root: KernelPath) throws(ImageStoreError) {
    let images = try StoreDirectory.open(root, "images")
    let content = try StoreDirectory.open(images.descriptor, "blobs")
    blobs = try StoreDirectory.open(content.descriptor, "sha256")
    partial = try StoreDirectory.open(images.descriptor, "partial")
    directory = images
    try writeLayoutFile()
  }

  private func writeLayoutFile() throws(ImageStoreError) {
    let directory = directory.descriptor
    try storing("write", "images/oci-layout") { () throws(Errno) in
      do throws(Errno) {
        _ = try directory.status("oci-layout")
      } catch {
        guard error == .notFound else { throw error }
        let layout: JSONValue = ["imageLayoutVersion": "1.0.0"]
        try directory.replaceFile("oci-layout", with: layout.serialized(), mode: 0o644)
      }
    }
  }
}

/// Directories of the store, made where they are missing.
enum StoreDirectory {
  /// Opens `root` and `name` beneath it. Only `root` may be reached through links: what is beneath is the store's own.
  static func open(_ root: KernelPath, _ name: KernelPath) throws(ImageStoreError) -> FileDescriptor {
    let top = try storing("open", "the store \(root)") { () throws(Errno) in
      do throws(Errno) {
        return try Descriptor.workingDirectory.open(root, [.readOnly, .directory])
      } catch {
        guard error == .notFound else { throw error }
      }
      try makeTop(root)
      return try Descriptor.workingDirectory.open(root, [.readOnly, .directory])
    }
    return try open(top.descriptor, name)
  }

  /// Opens a directory in `base`.
  static func open(_ base: Descriptor, _ name: KernelPath) throws(ImageStoreError) -> FileDescriptor {
    try storing("open", "\(name) of the store") { () throws(Errno) in
      do throws(Errno) {
        return try base.open(name, [.readOnly, .directory, .noFollow])
      } catch {
        guard error == .notFound else { throw error }
      }
      do throws(Errno) {
        try base.makeDirectory(name, mode: 0o700)
      } catch {
        guard error == .exists else { throw error }
      }
      return try base.open(name, [.readOnly, .directory, .noFollow])
    }
  }

  private static func makeTop(_ root: KernelPath) throws(Errno) {
    var walked: [UInt8] = root.bytes.first == UInt8(ascii: "/") ? [UInt8(ascii: "/")] : []
    for component in root.bytes.split(separator: UInt8(ascii: "/")) {
      walked.append(contentsOf: component)
      do throws(Errno) {
        try Descriptor.workingDirectory.makeDirectory(try KernelPath(bytes: walked), mode: 0o700)
      } catch {
        guard error == .exists || error == .readOnlyFileSystem || error == .accessDenied else { throw error }
      }
      walked.append(UInt8(ascii: "/"))
    }
  }
}

// Blobs.
extension ImageStore {
  /// Largest object that is read into memory whole: a configuration (attacks.md: manifest 4 MiB, configuration 8 MiB).
  package static let smallBlobLimitBytes = 8 << 20

  /// The file name of a blob; only SHA-256 is kept.
  func blobName(_ digest: Digest) throws(ImageStoreError) -> KernelPath {
    guard digest.algorithm == .sha256 else {
      throw .damagedBlob(digest, why: "skiff keeps blobs by SHA-256 only")
    }
    return try storing("name", "blob \(digest)") { () throws(Errno) in try KernelPath(digest.encoded) }
  }

  /// The size of a blob; nil when the store does not have it.
  package func blobSize(_ digest: Digest) throws(ImageStoreError) -> Int64? {
    let name = try blobName(digest)
    do throws(Errno) {
      let status = try blobs.descriptor.status(name)
      return status.type == .regular ? status.sizeBytes : nil
    } catch {
      if error == .notFound { return nil }
      throw .kernel(act: "look at", thing: "blob \(digest)", error)
    }
  }

  /// True when the store has the blob; with a size, when it has it whole.
  package func hasBlob(_ digest: Digest, sizeBytes: Int64? = nil) throws(ImageStoreError) -> Bool {
    guard let actual = try blobSize(digest) else { return false }
    guard let sizeBytes, sizeBytes != actual else { return true }
    try quarantine(digest)
    return false
  }

  /// Opens a blob to read it.
  package func openBlob(_ digest: Digest) throws(ImageStoreError) -> FileDescriptor {
    let name = try blobName(digest)
    do throws(Errno) {
      let file = try blobs.descriptor.open(name, [.readOnly, .noFollow, .nonBlocking])
      guard try file.descriptor.status().type == .regular else { throw Errno.invalidArgument }
      return file
    } catch {
      if error == .notFound { throw .missingBlob(digest) }
      throw .kernel(act: "open", thing: "blob \(digest)", error)
    }
  }

  /// Reads a small blob whole and checks that it is what its name says; what is not is moved aside.
  package func readBlob(
    _ digest: Digest, limitBytes: Int = smallBlobLimitBytes
  ) throws(ImageStoreError) -> [UInt8] {
    let file = try openBlob(digest)
    let content: [UInt8]
    do throws(Errno) {
      content = try file.descriptor.readToEnd(limitBytes: limitBytes)
    } catch {
      guard error == .fileTooLarge else { throw .kernel(act: "read", thing: "blob \(digest)", error) }
      throw .damagedBlob(digest, why: "it is larger than \(limitBytes) bytes")
    }
    guard SHA256.hexadecimal(of: content) == digest.encoded else {
      try quarantine(digest)
      throw .damagedBlob(digest, why: "its content has another digest")
    }
    return content
  }

  /// Moves a blob that is not what its name says out of the way, so that the next pull fetches it anew.
  package func quarantine(_ digest: Digest) throws(ImageStoreError) {
    let name = try blobName(digest)
    let quarantine = try StoreDirectory.open(directory.descriptor, "quarantine")
    do throws(Errno) {
      try blobs.descriptor.rename(name, to: name, in: quarantine.descriptor)
    } catch {
      if error == .notFound { return }
      throw .kernel(act: "move aside", thing: "blob \(digest)", error)
    }
  }

  /// Begins a blob that, if it does not become whole, leaves nothing.
  package func beginBlob() throws(ImageStoreError) -> BlobWriter {
    let partial = partial.descriptor
    return try storing("make", "a blob") { () throws(Errno) in
      for _ in 0..<100 {
        let name = try TemporaryName.make(prefix: ".tmp-")
        let file = try partial.open(name, [.readWrite, .create, .exclusive, .noFollow], mode: 0o600)
        do throws(Errno) {
          // Held for as long as it is written: a sweep leaves it alone, and takes one that nobody holds.
          try file.descriptor.lock(exclusive: true, wait: false)
          if try file.descriptor.status().linkCount > 0 {
            return BlobWriter(store: self, file: file, name: name, resumedBytes: 0, isKept: false)
          }
        } catch {
          // Between making and locking, a sweep took it for a leftover.
          guard error == .wouldBlock else { throw error }
        }
      }
      throw .busy
    }
  }

  /// Begins a blob that is kept as far as it came, or goes on with what an earlier try left.
  ///
  /// While another process fetches the same blob, this one gets a file of its own.
  package func beginBlob(resuming digest: Digest) throws(ImageStoreError) -> BlobWriter {
    let name = try blobName(digest)
    let partial = partial.descriptor
    do throws(Errno) {
      let file = try partial.open(name, [.readWrite, .create, .noFollow], mode: 0o600)
      try file.descriptor.lock(exclusive: true, wait: false)
      let status = try file.descriptor.status()
      // Between open and lock another one may have made it a blob: then this file is not the partial one any more.
      let named = try partial.status(name)
      if status.type == .regular, status.inode == named.inode, status.device == named.device {
        return BlobWriter(
          store: self, file: file, name: name, resumedBytes: status.sizeBytes, isKept: true)
      }
    } catch {
      guard error == .wouldBlock || error == .notFound else {
        throw .kernel(act: "make", thing: "blob \(digest)", error)
      }
    }
    return try beginBlob()
  }

  /// Throws away what came of a blob so far, unless another process is about to go on with it.
  package func discardPartialBlob(_ digest: Digest) throws(ImageStoreError) {
    let name = try blobName(digest)
    do throws(Errno) {
      let file = try partial.descriptor.open(name, [.readWrite, .noFollow])
      try file.descriptor.lock(exclusive: true, wait: false)
      let inode = try file.descriptor.status().inode
      if try partial.descriptor.status(name).inode == inode { try partial.descriptor.unlink(name) }
    } catch {
      guard error == .notFound || error == .wouldBlock else {
        throw .kernel(act: "remove", thing: "part of blob \(digest)", error)
      }
    }
  }

  /// Stores a small object; gives its digest.
  package func writeBlob(_ content: [UInt8]) throws(ImageStoreError) -> Digest {
    let digest = Digest(sha256: SHA256.hexadecimal(of: content))
    if try hasBlob(digest, sizeBytes: Int64(content.count)) { return digest }
    var writer = try beginBlob()
    try writer.write(content.span)
    try writer.commit(digest: digest)
    return digest
  }
}
