import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What is known of a secret; not what it holds.
public struct Secret: Equatable, Sendable {
  /// 25 hexadecimal digits, as podman's.
  public var id: String
  public var name: String
  /// RFC 3339.
  public var created: String
  public var updated: String
  public var labels: [String: String]
  /// The directory that keeps it.
  public var path: String

  /// As podman shows it.
  public var document: JSONValue {
    [
      "ID": .string(id), "CreatedAt": .string(created), "UpdatedAt": .string(updated),
      "Spec": [
        "Name": .string(name), "Driver": ["Name": "file", "Options": ["path": .string(path)]],
        "Labels": JSONValue(labels),
      ],
    ]
  }
}

/// The secrets of a store: `secrets/NAME/secret.json` and `secrets/NAME/data`, for root alone. A secret is made whole beside its place
/// and renamed in.
package struct SecretStore: ~Copyable {
  private let path: String
  private let directory: FileDescriptor

  private static let dataName: KernelPath = "data"
  private static let recordName: KernelPath = "secret.json"
  private static let limit = 1 << 16

  package init(root: String) throws(EngineError) {
    path = root + "/secrets"
    directory = try StateDirectory.open(root + "/secrets")
  }

  func dataPath(_ name: String) -> String { "\(path)/\(name)/data" }

  /// podman's rule.
  package static func isValid(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    func isPlain(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
    guard let first = bytes.first, let last = bytes.last, bytes.count <= 64, isPlain(first), isPlain(last) else {
      return false
    }
    return bytes.allSatisfy { isPlain($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
  }

  /// The secret of a name; nil where there is none.
  package func secret(_ name: String) throws(EngineError) -> Secret? {
    guard Self.isValid(name) else { return nil }
    let bytes: [UInt8]
    do throws(Errno) {
      let place = try directory.descriptor.open(try KernelPath(name), [.readOnly, .directory, .noFollow])
      bytes = try place.descriptor.readFile(Self.recordName, limitBytes: 1 << 20)
    } catch {
      if error == .notFound { return nil }
      throw .kernel(act: "read", thing: "secret \(name)", cause: error)
    }
    do throws(JSONError) {
      let record = try JSONValue.parse(bytes)
      return Secret(
        id: record["id"]?.string ?? "", name: name, created: record["created"]?.string ?? "",
        updated: record["updated"]?.string ?? "",
        labels: record["labels"].flatMap([String: String].init(recorded:)) ?? [:], path: "\(path)/\(name)")
    } catch {
      throw .damaged(thing: "\(path)/\(name)/secret.json", reason: "\(error)")
    }
  }

  /// All secrets, by name.
  package func all() throws(EngineError) -> [Secret] {
    let own = directory.descriptor
    let entries = try naming("list", "the secrets") { () throws(Errno) in try own.sortedEntries(limit: Self.limit) }
    var secrets: [Secret] = []
    for entry in entries { if let secret = try secret(entry.name.text) { secrets.append(secret) } }
    return secrets
  }

  /// The secret of a name, or of an id or the beginning of one.
  package func find(_ text: String) throws(EngineError) -> Secret {
    if let secret = try secret(text) { return secret }
    let found = text.isEmpty ? [] : try all().filter { $0.id.hasPrefix(text) }
    guard found.count < 2 else { throw .refused("more than one secret's id starts with \(text): give more of it") }
    guard let secret = found.first else { throw .refused("no secret with name or id \"\(text)\": no such secret") }
    return secret
  }

  /// Makes a secret; gives its id.
  package func make(
    _ name: String, _ data: [UInt8], labels: [String: String], replaces: Bool
  ) throws(EngineError) -> String {
    guard Self.isValid(name) else {
      throw .refused(
        "secret name \"\(name)\" can not include '=', '/', ',', or the NULL ('\\0') and be 64 [a-zA-Z0-9-_.] characters at most, the first and the last one of [a-zA-Z0-9]"
      )
    }
    guard !data.isEmpty, data.count < ContainerSecrets.limitBytes else {
      throw .refused("secret data must be larger than 0 and less than \(ContainerSecrets.limitBytes) bytes")
    }
    let old = try secret(name)
    guard old == nil || replaces else { throw .refused("\(name): secret name in use") }
    let id = String(try ContainerIdentity.makeID().prefix(25))
    let now = "\(Timestamp.now())"
    let record: JSONValue = [
      "id": .string(id), "created": .string(now), "updated": .string(now), "labels": JSONValue(labels),
    ]
    let own = directory.descriptor
    try naming("make", "secret \(name)") { () throws(Errno) in
      let draft = try TemporaryName.make(prefix: ".new-")
      try own.makeDirectory(draft, mode: 0o700)
      do throws(Errno) {
        let place = try own.open(draft, [.readOnly, .directory, .noFollow])
        try place.descriptor.replaceFile(Self.dataName, with: data, mode: 0o600)
        try place.descriptor.replaceFile(Self.recordName, with: record.serialized(), mode: 0o600)
        let replaced = try TemporaryName.make(prefix: ".old-")
        if old != nil { try own.rename(try KernelPath(name), to: replaced, in: own) }
        try own.rename(draft, to: try KernelPath(name), in: own, noReplace: true)
        try own.removeTree(replaced)
      } catch {
        do throws(Errno) { try own.removeTree(draft) } catch {}
        throw error
      }
    }
    return id
  }

  /// Removes a secret; gives its id.
  package func remove(_ text: String) throws(EngineError) -> String {
    let secret = try find(text)
    let own = directory.descriptor
    try naming("remove", "secret \(secret.name)") { () throws(Errno) in
      // Out of sight first: a secret is there whole, or not at all.
      let gone = try TemporaryName.make(prefix: ".old-")
      try own.rename(try KernelPath(secret.name), to: gone, in: own)
      try own.removeTree(gone)
    }
    return secret.id
  }
}

extension Engine {
  /// The secrets of the store, by name.
  public func secrets() throws(EngineError) -> [Secret] { try SecretStore(root: configuration.root).all() }

  public func secret(_ text: String) throws(EngineError) -> Secret {
    try SecretStore(root: configuration.root).find(text)
  }

  /// Keeps a secret; gives its id.
  public func makeSecret(
    _ name: String, _ data: [UInt8], labels: [String: String] = [:], replaces: Bool = false
  ) throws(EngineError) -> String {
    try SecretStore(root: configuration.root).make(name, data, labels: labels, replaces: replaces)
  }

  /// Forgets a secret; gives its id.
  public func removeSecret(_ text: String) throws(EngineError) -> String {
    try SecretStore(root: configuration.root).remove(text)
  }
}
