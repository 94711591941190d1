package import SkiffSpec

/// An image of the store: its names, its manifest, its configuration.
package struct ImageRecord: Sendable {
  /// The names that lead to it, canonical (`docker.io/library/busybox:latest`), sorted; none for an image that lost its name.
  package internal(set) var references: [String]
  /// What the names lead to: a manifest, or the index that it was chosen from.
  package let target: ContentDescriptor
  /// The manifest for this machine's platform.
  package let manifestDigest: Digest
  package let manifest: ImageManifest
  package let configuration: ImageConfiguration

  /// The image's id: the digest of its configuration.
  package var id: Digest { manifest.config.digest }

  /// The packed size of all layers and the configuration.
  package var packedSizeBytes: Int64 {
    manifest.layers.reduce(manifest.config.size) { sum, layer in
      let (total, overflow) = sum.addingReportingOverflow(layer.size)
      return overflow ? Int64.max : total
    }
  }

  /// The chain ids of the layers, lowest first.
  package var chainIDs: [Digest] { LayerChain.chainIDs(of: configuration.rootFileSystem.diffIDs) }
}

/// Names of stacks of layers (OCI image specification, config.md: chain id).
package enum LayerChain {
  /// The chain id of each layer together with all below it, lowest first.
  package static func chainIDs(of diffIDs: [Digest]) -> [Digest] {
    var chain: [Digest] = []
    for diffID in diffIDs {
      guard let below = chain.last else {
        chain.append(diffID)
        continue
      }
      chain.append(Digest(sha256: SHA256.hexadecimal(of: "\(below.text) \(diffID.text)".utf8)))
    }
    return chain
  }
}

/// The images of a store, and those that cannot be read.
package struct ImageListing: Sendable {
  package internal(set) var images: [ImageRecord] = []
  /// For each image that is damaged, which and why.
  package internal(set) var damaged: [ImageStoreError] = []
}

// Reading images.
extension ImageStore {
  /// Largest manifest that is read.
  package static let manifestLimitBytes = 4 << 20
  /// An index may lead to an index; this many times.
  private static let indexDepthLimit = 2

  /// All images, each once with all its names, in the order of the index.
  package func images() throws(ImageStoreError) -> ImageListing {
    images(in: try readIndex())
  }

  func images(in index: ImageIndexFile) -> ImageListing {
    var listing = ImageListing()
    var positions: [Digest: Int] = [:]
    for entry in index.entries {
      guard let descriptor = entry.descriptor else {
        listing.damaged.append(Self.unreadableEntry(entry))
        continue
      }
      if let position = positions[descriptor.digest] {
        if let name = entry.name { listing.images[position].references.append(name) }
        continue
      }
      do throws(ImageStoreError) {
        let record = try load(descriptor, names: entry.name.map { [$0] } ?? [])
        positions[descriptor.digest] = listing.images.count
        listing.images.append(record)
      } catch {
        listing.damaged.append(.damagedImage(entry.name ?? descriptor.digest.text, why: "\(error)"))
      }
    }
    for index in listing.images.indices { listing.images[index].references.sort() }
    return listing
  }

  static func unreadableEntry(_ entry: ImageIndexFile.Entry) -> ImageStoreError {
    .damagedImage(entry.name ?? "without a name", why: "its entry in index.json cannot be read")
  }

  /// Reads manifest and configuration of what a name leads to.
  package func load(_ target: ContentDescriptor, names: [String] = []) throws(ImageStoreError) -> ImageRecord {
    let (digest, manifest) = try manifest(of: target)
    let bytes = try readBlob(manifest.config.digest)
    let configuration = try Self.reading(manifest.config.digest) { () throws(SpecProblems) in
      try ImageConfiguration.parse(bytes)
    }
    return ImageRecord(
      references: names, target: target, manifestDigest: digest, manifest: manifest, configuration: configuration)
  }

  /// The manifest that a target is, or that its index has for this machine.
  private func manifest(of target: ContentDescriptor) throws(ImageStoreError) -> (Digest, ImageManifest) {
    var current = target
    for _ in 0...Self.indexDepthLimit {
      let bytes = try readBlob(current.digest, limitBytes: Self.manifestLimitBytes)
      guard try isIndex(current, bytes) else {
        let manifest = try Self.reading(current.digest) { () throws(SpecProblems) in
          try ImageManifest.parse(bytes)
        }
        return (current.digest, manifest)
      }
      let index = try Self.reading(current.digest) { () throws(SpecProblems) in try ImageIndex.parse(bytes) }
      current = try choose(from: index, current.digest)
    }
    throw .damagedBlob(target.digest, why: "its index leads to an index, and so on")
  }

  /// Told by the media type; where that says nothing, what has manifests of its own is an index.
  private func isIndex(_ descriptor: ContentDescriptor, _ bytes: [UInt8]) throws(ImageStoreError) -> Bool {
    if descriptor.isManifest { return false }
    if descriptor.isIndex { return true }
    do throws(JSONError) {
      return try JSONValue.parse(bytes)["manifests"] != nil
    } catch {
      throw .damagedBlob(descriptor.digest, why: "\(error)")
    }
  }

  /// This machine's manifest, or the only one that is in the store (pulled for another platform on purpose).
  private func choose(from index: ImageIndex, _ digest: Digest) throws(ImageStoreError) -> ContentDescriptor {
    let chosen = index.manifest(for: .current)
    if let chosen, try hasBlob(chosen.digest) { return chosen }
    var present: [ContentDescriptor] = []
    for child in index.manifests where try hasBlob(child.digest) { present.append(child) }
    if let only = present.first, present.count == 1 { return only }
    guard let chosen else { throw .damagedBlob(digest, why: "its index has nothing for this machine") }
    throw .missingBlob(chosen.digest)
  }

  private static func reading<Value>(
    _ digest: Digest, _ body: () throws(SpecProblems) -> Value
  ) throws(ImageStoreError) -> Value {
    do throws(SpecProblems) {
      return try body()
    } catch {
      throw .damagedBlob(digest, why: "\(error)")
    }
  }
}
