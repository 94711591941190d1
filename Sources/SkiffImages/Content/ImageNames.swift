package import SkiffSpec

/// What removing an image did.
package struct ImageRemoval: Equatable, Sendable {
  /// Names that are gone, canonical.
  package internal(set) var untagged: [String] = []
  /// The image's id when nothing of it is left but what containers use.
  package internal(set) var deleted: Digest?
}

// Giving and taking names.
extension ImageStore {
  /// Makes a name lead to what is in the store. An image that had the name before keeps none, if it was its only one.
  package func tag(_ target: ContentDescriptor, as reference: ImageReference) throws(ImageStoreError) {
    guard try hasBlob(target.digest) else { throw .missingBlob(target.digest) }
    let name = reference.withDefaultTag.canonical
    try changeIndex { index throws(ImageStoreError) in index.set(name, to: target) }
  }

  /// Keeps an image that has no name: it is found by its id.
  package func keep(_ target: ContentDescriptor) throws(ImageStoreError) {
    guard try hasBlob(target.digest) else { throw .missingBlob(target.digest) }
    try changeIndex { index throws(ImageStoreError) in index.keep(target) }
  }

  /// Takes a name away; the image stays, if need be without one.
  package func untag(_ reference: ImageReference) throws(ImageStoreError) {
    let name = reference.withDefaultTag.canonical
    try changeIndex { index throws(ImageStoreError) in
      guard index.removeName(name) else { throw .noSuchImage(reference.familiar) }
    }
  }

  /// Removes what a person means: a name, and the image itself with its last one; by id the image with all its names.
  ///
  /// `containers` gives the names of the containers that were made from an image; without `force` such an image stays. What no name
  /// leads to any more goes with the next `sweep`. An image that is damaged can be removed by its name.
  package func remove(
    _ text: String, force: Bool = false, containers: (Digest) -> [String] = { _ in [] }
  ) throws(ImageStoreError) -> ImageRemoval {
    var removal = ImageRemoval()
    // Under the lock of the index, so that what is checked is what is removed. All that is read is small.
    try changeIndex { index throws(ImageStoreError) in
      removal = try remove(text, from: &index, force: force, containers: containers)
    }
    return removal
  }

  private func remove(
    _ text: String, from index: inout ImageIndexFile, force: Bool, containers: (Digest) -> [String]
  ) throws(ImageStoreError) -> ImageRemoval {
    for reference in try Self.referencesMeant(by: text) {
      guard let entry = Self.entry(reference, in: index) else { continue }
      return try remove(entry, as: reference, from: &index, force: force, containers: containers)
    }
    let record = try resolve(text, in: index)
    guard record.references.count <= 1 || force else {
      throw .severalNames(id: record.id.short, names: record.references)
    }
    try refuseUsed(record.id, text, force: force, containers)
    let digests = Set(
      images(in: index).images.filter { $0.id == record.id }.map(\.target.digest) + [record.target.digest])
    for digest in digests { index.removeAll(of: digest) }
    return ImageRemoval(untagged: record.references, deleted: record.id)
  }

  private func remove(
    _ entry: ImageIndexFile.Entry, as reference: ImageReference, from index: inout ImageIndexFile, force: Bool,
    containers: (Digest) -> [String]
  ) throws(ImageStoreError) -> ImageRemoval {
    let name = entry.name ?? reference.canonical
    let target = entry.descriptor
    let others = index.entries.filter { $0.name != name && $0.name != nil && $0.descriptor?.digest == target?.digest }
    guard others.isEmpty else {
      _ = index.removeName(name)
      return ImageRemoval(untagged: [name], deleted: nil)
    }
    // The last name: the image goes with it. One that cannot be read has no containers that could be asked for.
    var id: Digest?
    if let target {
      do throws(ImageStoreError) { id = try load(target).id } catch {}
    }
    if let id { try refuseUsed(id, reference.familiar, force: force, containers) }
    index.remove { $0.name == name }
    if let target { index.removeAll(of: target.digest) }
    return ImageRemoval(untagged: [name], deleted: id)
  }

  private func refuseUsed(
    _ id: Digest, _ image: String, force: Bool, _ containers: (Digest) -> [String]
  ) throws(ImageStoreError) {
    if force { return }
    let users = containers(id)
    guard users.isEmpty else { throw .inUse(image: image, containers: users) }
  }
}
