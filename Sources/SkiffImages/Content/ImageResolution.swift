internal import SkiffSpec

// Finding the image that a person means.
extension ImageStore {
  /// The image with a name (docker's rules; a short name is looked for on localhost, too), a name and digest, an id, or the start of an
  /// id, four digits at least.
  package func resolve(_ text: String) throws(ImageStoreError) -> ImageRecord {
    try resolve(text, in: try readIndex())
  }

  func resolve(_ text: String, in index: ImageIndexFile) throws(ImageStoreError) -> ImageRecord {
    let meant = try Self.referencesMeant(by: text)
    for reference in meant {
      guard let entry = Self.entry(reference, in: index) else { continue }
      return try load(entry, in: index)
    }
    let matches = recordsByID(text, in: index)
    let ids = Set(matches.map(\.id))
    guard ids.count <= 1 else { throw .ambiguousID(text, candidates: ids.map(\.text).sorted()) }
    guard var record = matches.first else { throw .noSuchImage(text) }
    record.references = Set(matches.flatMap(\.references)).sorted()
    return record
  }

  private func load(
    _ entry: ImageIndexFile.Entry, in index: ImageIndexFile
  ) throws(ImageStoreError) -> ImageRecord {
    guard let descriptor = entry.descriptor else { throw Self.unreadableEntry(entry) }
    let names = index.entries.filter { $0.descriptor?.digest == descriptor.digest }.compactMap(\.name)
    do throws(ImageStoreError) {
      return try load(descriptor, names: names.sorted())
    } catch {
      throw .damagedImage(entry.name ?? descriptor.digest.text, why: "\(error)")
    }
  }

  /// The entry that a name leads to. With a digest the content counts: any name of the repository will do.
  static func entry(_ reference: ImageReference, in index: ImageIndexFile) -> ImageIndexFile.Entry? {
    guard let digest = reference.digest else {
      return index.entries.first { $0.name == reference.canonical }
    }
    return index.entries.first { entry in
      guard entry.descriptor?.digest == digest, let name = entry.name else { return false }
      return name.hasPrefix(reference.name + ":") || name.hasPrefix(reference.name + "@")
    }
  }

  /// What a text may mean as a name, the likeliest first. A text that can only be an id means none.
  static func referencesMeant(by text: String) throws(ImageStoreError) -> [ImageReference] {
    if text.hasPrefix("sha256:") { return [] }
    do throws(FormatError) {
      var references = [try ImageReference(parsing: text).withDefaultTag]
      if !text.utf8.contains(UInt8(ascii: "/")) {
        references.append(try ImageReference(parsing: "localhost/\(text)").withDefaultTag)
      }
      return references
    } catch {
      // Sixty-four digits are an id and no name.
      if idPrefix(text) != nil { return [] }
      throw .badName(text, why: error.message)
    }
  }

  /// The digits of an id or of its start; nil for anything else.
  static func idPrefix(_ text: String) -> String? {
    let digits = text.hasPrefix("sha256:") ? text.dropFirst("sha256:".count) : text[...]
    guard (4...64).contains(digits.utf8.count) else { return nil }
    let isHexadecimal = digits.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
    return isHexadecimal ? String(digits) : nil
  }

  /// Images whose id, or whose manifest's digest, starts so. Damaged images have no id.
  private func recordsByID(_ text: String, in index: ImageIndexFile) -> [ImageRecord] {
    guard let prefix = Self.idPrefix(text) else { return [] }
    return images(in: index).images.filter { record in
      [record.id, record.target.digest, record.manifestDigest].contains { $0.encoded.hasPrefix(prefix) }
    }
  }
}
