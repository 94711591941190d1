internal import SkiffKernel
package import SkiffSpec

/// What a sweep removed.
package struct SweepReport: Equatable, Sendable {
  package internal(set) var blobs: [Digest] = []
  package internal(set) var layers: [Digest] = []
  /// Packed bytes of the blobs that are gone.
  package internal(set) var blobBytes: Int64 = 0
  /// Left for a later sweep: something is being brought into the store, or used, just now.
  package internal(set) var isPostponed = false
}

extension ImageStore {
  /// Removes what no name leads to: marked from the index, swept from the disk. Nothing is counted, so nothing can be miscounted.
  ///
  /// `keeping` are the chain ids of layers that containers use. Under the lock garbage is only moved aside; its removal, which takes
  /// time, comes after.
  package func sweep(_ layers: LayerStore, keeping: Set<Digest> = []) throws(ImageStoreError) -> SweepReport {
    var report = SweepReport()
    var aside: [KernelPath] = []
    do {
      guard let hold = try holdAlone() else {
        report.isPostponed = true
        return report
      }
      let marks = try mark()
      for digest in try blobDigests() where !marks.blobs.contains(digest) {
        report.blobBytes += try blobSize(digest) ?? 0
        try removeBlob(digest)
        report.blobs.append(digest)
      }
      try removeLeftovers()
      for chainID in try layers.chainIDs() where !marks.chains.contains(chainID) && !keeping.contains(chainID) {
        guard let name = try layers.moveAside(chainID) else { continue }
        aside.append(name)
        report.layers.append(chainID)
      }
      _ = consume hold
    }
    for name in aside { try layers.discard(name) }
    try layers.sweepLeftovers()
    return report
  }

  private struct Marks {
    var blobs: Set<Digest> = []
    var chains: Set<Digest> = []
  }

  /// Everything that the index leads to. What is damaged leads nowhere; what cannot be read for another reason stops the sweep.
  private func mark() throws(ImageStoreError) -> Marks {
    var marks = Marks()
    var pending = try readIndex().entries.compactMap(\.descriptor?.digest)
    while let digest = pending.popLast() {
      guard marks.blobs.insert(digest).inserted else { continue }
      do throws(ImageStoreError) {
        pending.append(contentsOf: try markManifest(digest, &marks))
      } catch {
        switch error {
        case .missingBlob, .damagedBlob: continue
        default: throw error
        }
      }
    }
    return marks
  }

  /// Marks what a manifest leads to; gives what an index leads to.
  private func markManifest(_ digest: Digest, _ marks: inout Marks) throws(ImageStoreError) -> [Digest] {
    let bytes = try readBlob(digest, limitBytes: Self.manifestLimitBytes)
    let json = try parsing(digest, bytes)
    if let children = json["manifests"]?.array { return children.compactMap { Self.digest($0) } }
    for layer in json["layers"]?.array ?? [] {
      if let layer = Self.digest(layer) { marks.blobs.insert(layer) }
    }
    guard let config = json["config"].flatMap({ Self.digest($0) }) else { return [] }
    marks.blobs.insert(config)
    let diffIDs = try parsing(config, try readBlob(config))["rootfs"]?["diff_ids"]?.array ?? []
    marks.chains.formUnion(
      LayerChain.chainIDs(
        of: try diffIDs.map { value throws(ImageStoreError) in
          // Left out, it would make the layers above it look like those of another image.
          guard let text = value.string, let diffID = try? Digest(text) else {
            throw .damagedBlob(config, why: "the layer \(value) is no digest")
          }
          return diffID
        }))
    return []
  }

  private func parsing(_ digest: Digest, _ bytes: [UInt8]) throws(ImageStoreError) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue.parse(bytes)
    } catch {
      throw .damagedBlob(digest, why: "\(error)")
    }
  }

  /// The digest of a descriptor; nil when it has none that is well-formed.
  private static func digest(_ descriptor: JSONValue) -> Digest? {
    descriptor["digest"]?.string.flatMap { try? Digest($0) }
  }
}

// What lies on the disk.
extension ImageStore {
  /// Removes what a crash left half written, when nobody is bringing anything in just now. Parts of blobs that can be gone on with stay.
  package func sweepLeftovers() throws(ImageStoreError) {
    guard let hold = try holdAlone() else { return }
    for name in try names(in: partial.descriptor, "blobs on their way") where name.bytes.first == UInt8(ascii: ".") {
      try storing("remove", "leftover \(name)") { () throws(Errno) in try partial.descriptor.removeTree(name) }
    }
    // The index is rewritten without a hold, but never without its own lock.
    let lock = try lockIndex()
    for name in try names(in: directory.descriptor, "the images") where name.bytes.starts(with: ".new-".utf8) {
      try storing("remove", "leftover \(name)") { () throws(Errno) in try directory.descriptor.unlink(name) }
    }
    _ = consume lock
    _ = consume hold
  }

  /// Blobs that came in part are kept so long to be resumed.
  private static let partialSeconds: Int64 = 7 * 86400

  private func blobDigests() throws(ImageStoreError) -> [Digest] {
    try names(in: blobs.descriptor, "the blobs").compactMap { try? Digest("sha256:\($0.text)") }
  }

  private func names(in directory: Descriptor, _ what: String) throws(ImageStoreError) -> [KernelPath] {
    try storing("list", what) { () throws(Errno) in
      let opened = try directory.open(".", [.readOnly, .directory])
      var listing = DirectoryListing(opened.descriptor)
      var names: [KernelPath] = []
      while let entry = try listing.next() { names.append(entry.name) }
      return names
    }
  }

  private func removeBlob(_ digest: Digest) throws(ImageStoreError) {
    let name = try blobName(digest)
    try storing("remove", "blob \(digest)") { () throws(Errno) in try blobs.descriptor.removeTree(name) }
  }

  /// Blobs on their way in that nobody writes any more (a crash left them), and those that were moved aside as damaged.
  private func removeLeftovers() throws(ImageStoreError) {
    let now = ClockTime.now().seconds
    for name in try names(in: partial.descriptor, "blobs on their way") {
      do throws(Errno) {
        let file = try partial.descriptor.open(name, [.readOnly, .noFollow, .nonBlocking])
        try file.descriptor.lock(exclusive: true, wait: false)
        let isTemporary = name.bytes.first == UInt8(ascii: ".")
        let age = now - (try file.descriptor.status().modifiedSeconds)
        if isTemporary || age > Self.partialSeconds { try partial.descriptor.removeTree(name) }
      } catch {
        // Somebody writes it, or has just finished.
        guard error == .wouldBlock || error == .notFound else {
          throw .kernel(act: "remove", thing: "leftover \(name)", error)
        }
      }
    }
    let directory = directory.descriptor
    try storing("remove", "what was moved aside") { () throws(Errno) in try directory.removeTree("quarantine") }
  }
}
