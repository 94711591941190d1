package import SkiffSpec

/// What is known of an unpacked layer: `layer.json` beside its tree.
package struct LayerRecord: Equatable, Sendable {
  /// The layer with all below it: the name of its directory.
  package var chainID: Digest
  /// SHA-256 of the layer's archive.
  package var diffID: Digest
  /// The chain below; nil for the lowest layer.
  package var parent: Digest?
  /// Length of the archive.
  package var archiveSizeBytes: Int64
  /// Sum of the sizes of all files.
  package var contentBytes: Int64
  package var entryCount: Int
  /// A file of the layer gives its user more rights: no_new_privs would break it.
  package var hasPrivilegedFiles: Bool
  /// Nothing of the layers below shows through.
  package var hidesLowerLayers: Bool
  /// The layer says itself what its root directory is like.
  package var describesRoot: Bool
  /// What the layer asked for and did not get, in words.
  package var leftOut: [String]

  package init(
    chainID: Digest, diffID: Digest, parent: Digest?, archiveSizeBytes: Int64, contentBytes: Int64, entryCount: Int,
    hasPrivilegedFiles: Bool, hidesLowerLayers: Bool, describesRoot: Bool, leftOut: [String] = []
  ) {
    self.chainID = chainID
    self.diffID = diffID
    self.parent = parent
    self.archiveSizeBytes = archiveSizeBytes
    self.contentBytes = contentBytes
    self.entryCount = entryCount
    self.hasPrivilegedFiles = hasPrivilegedFiles
    self.hidesLowerLayers = hidesLowerLayers
    self.describesRoot = describesRoot
    self.leftOut = leftOut
  }
}

extension LayerRecord {
  var json: JSONValue {
    var value: JSONValue = [
      "chainID": .string(chainID.text), "diffID": .string(diffID.text), "parent": JSONValue(parent?.text),
      "archiveSizeBytes": .integer(archiveSizeBytes), "contentBytes": .integer(contentBytes),
      "entryCount": JSONValue(entryCount), "hasPrivilegedFiles": .bool(hasPrivilegedFiles),
      "hidesLowerLayers": .bool(hidesLowerLayers), "describesRoot": .bool(describesRoot),
    ]
    if !leftOut.isEmpty { value["leftOut"] = JSONValue(leftOut) }
    return value
  }

  /// Nil when something that must be there is not.
  init?(json: JSONValue) {
    guard let chainID = Self.digest(json["chainID"]), let diffID = Self.digest(json["diffID"]),
      let archiveSizeBytes = json["archiveSizeBytes"]?.integer, let contentBytes = json["contentBytes"]?.integer,
      let entryCount = json["entryCount"]?.integer, let hasPrivilegedFiles = json["hasPrivilegedFiles"]?.bool,
      let hidesLowerLayers = json["hidesLowerLayers"]?.bool, let describesRoot = json["describesRoot"]?.bool
    else { return nil }
    self.init(
      chainID: chainID, diffID: diffID, parent: Self.digest(json["parent"]), archiveSizeBytes: archiveSizeBytes,
      contentBytes: contentBytes, entryCount: Int(clamping: entryCount), hasPrivilegedFiles: hasPrivilegedFiles,
      hidesLowerLayers: hidesLowerLayers, describesRoot: describesRoot,
      leftOut: json["leftOut"]?.array?.compactMap(\.string) ?? [])
  }

  private static func digest(_ value: JSONValue?) -> Digest? {
    guard let text = value?.string else { return nil }
    return try? Digest(text)
  }
}
