internal import SkiffKernel
package import SkiffSpec

/// `index.json` in memory: which names lead to which manifests.
///
/// An entry that cannot be read is kept as it is and reported; it never stops the others.
package struct ImageIndexFile: Sendable {
  /// One entry of `manifests`.
  package struct Entry: Sendable {
    /// As it stands in the file, with whatever other programs added.
    var value: JSONValue
    /// Nil when the entry cannot be read.
    package let descriptor: ContentDescriptor?

    /// The canonical reference; nil for an image that lost its name.
    package var name: String? { value["annotations"]?[ImageIndexFile.nameAnnotation]?.string }

    init(value: JSONValue) {
      self.value = value
      do throws(SpecProblems) {
        descriptor = try ContentDescriptor(json: value)
      } catch {
        descriptor = nil
      }
    }
  }

  /// The annotation that holds an image's name in a layout (OCI image specification, annotations.md).
  package static let nameAnnotation = "org.opencontainers.image.ref.name"
  /// Largest index that is read.
  static let limitBytes = 64 << 20

  private var document: JSONValue
  package private(set) var entries: [Entry]

  /// An index without images.
  init() {
    document = ["schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []]
    entries = []
  }

  init(parsing bytes: [UInt8]) throws(ImageStoreError) {
    do throws(JSONError) {
      document = try JSONValue.parse(bytes)
    } catch {
      throw .damagedIndex(why: "\(error)")
    }
    guard let manifests = document["manifests"]?.array else {
      throw .damagedIndex(why: "it has no list of manifests")
    }
    entries = manifests.map { Entry(value: $0) }
  }

  func serialized() -> [UInt8] {
    var document = document
    document["manifests"] = .array(entries.map(\.value))
    return document.serialized()
  }

  /// Makes `name` lead to `descriptor`. An image that loses its last name stays, without one.
  mutating func set(_ name: String, to descriptor: ContentDescriptor) {
    for index in entries.indices where entries[index].name == name {
      entries[index].value = Self.unnamed(entries[index].value)
    }
    var value = descriptor.json
    var annotations = value["annotations"] ?? .object(JSONObject())
    annotations[Self.nameAnnotation] = .string(name)
    value["annotations"] = annotations
    entries.append(Entry(value: value))
    tidy()
  }

  /// Keeps a manifest that has no name, unless it is there already.
  mutating func keep(_ descriptor: ContentDescriptor) {
    entries.append(Entry(value: descriptor.json))
    tidy()
  }

  /// Takes a name away; the image stays, without one, unless it has others. False when there is no such name.
  mutating func removeName(_ name: String) -> Bool {
    guard entries.contains(where: { $0.name == name }) else { return false }
    for index in entries.indices where entries[index].name == name {
      entries[index].value = Self.unnamed(entries[index].value)
    }
    tidy()
    return true
  }

  /// Removes all entries of a manifest.
  mutating func removeAll(of digest: Digest) {
    entries.removeAll { $0.descriptor?.digest == digest }
  }

  /// Removes the entries that `isMeant` says.
  mutating func remove(where isMeant: (Entry) -> Bool) {
    entries.removeAll(where: isMeant)
  }

  private static func unnamed(_ value: JSONValue) -> JSONValue {
    var value = value
    var annotations = value["annotations"] ?? .object(JSONObject())
    annotations[nameAnnotation] = nil
    value["annotations"] = annotations.object?.isEmpty == true ? nil : annotations
    return value
  }

  /// A manifest stands without a name only if it has none, and then once.
  private mutating func tidy() {
    let named = Set(entries.filter { $0.name != nil }.compactMap(\.descriptor?.digest))
    var seen: Set<Digest> = []
    entries.removeAll { entry in
      guard entry.name == nil, let digest = entry.descriptor?.digest else { return false }
      return named.contains(digest) || !seen.insert(digest).inserted
    }
  }
}

extension ImageStore {
  /// Reads the index as it is now.
  package func readIndex() throws(ImageStoreError) -> ImageIndexFile {
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try directory.descriptor.readFile("index.json", limitBytes: ImageIndexFile.limitBytes)
    } catch {
      if error == .notFound { return ImageIndexFile() }
      throw .kernel(act: "read", thing: "images/index.json", error)
    }
    return try ImageIndexFile(parsing: bytes)
  }

  /// Keeps others from changing the index while the descriptor is open.
  func lockIndex() throws(ImageStoreError) -> FileDescriptor {
    let directory = directory.descriptor
    return try storing("lock", "images/index.json") { () throws(Errno) in
      let file = try directory.open("index.lock", [.readWrite, .create, .noFollow], mode: 0o600)
      try file.descriptor.lock(exclusive: true, wait: true)
      return file
    }
  }

  /// Changes the index: no other change comes between reading and writing. Nothing slow may happen inside.
  func changeIndex(
    _ change: (inout ImageIndexFile) throws(ImageStoreError) -> Void
  ) throws(ImageStoreError) {
    let directory = directory.descriptor
    let lock = try lockIndex()
    var index = try readIndex()
    try change(&index)
    let bytes = index.serialized()
    try storing("write", "images/index.json") { () throws(Errno) in
      try directory.replaceFile("index.json", with: bytes, mode: 0o644)
    }
    _ = consume lock
  }
}
