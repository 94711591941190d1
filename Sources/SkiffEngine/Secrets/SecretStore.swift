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

  /// Nil where no secret was ever kept: nothing is made then.
  static func openIfPresent(root: String) throws(EngineError) -> SecretStore? {
    guard SmallFile.exists(root + "/secrets") else { return nil }
    return try SecretStore(root: root)
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
    guard Self.isValid(name),
      let record = try StateDirectory.record(
        Self.recordName, of: name, in: directory.descriptor, path: path, what: "secret")
    else { return nil }
    return Secret(
      id: record["id"]?.string ?? "", name: name, created: record["created"]?.string ?? "",
      updated: record["updated"]?.string ?? "",
      labels: record["labels"].flatMap([String: String].init(recorded:)) ?? [:], path: "\(path)/\(name)")
  }

  /// All secrets, by name. One whose record cannot be read is told to `warn` and left out.
  package func all(warn: (String) -> Void = { _ in }) throws(EngineError) -> [Secret] {
    var secrets: [Secret] = []
    for name in try entries() {
      do throws(EngineError) {
        if let secret = try secret(name) { secrets.append(secret) }
      } catch {
        guard case .damaged = error else { throw error }
        warn("\(error)")
      }
    }
    return secrets
  }

  private func entries() throws(EngineError) -> [String] {
    let own = directory.descriptor
    return try naming("list", "the secrets") { () throws(Errno) in
      // A description of its own, so that two listings do not share one offset.
      let listed = try own.open(".", [.readOnly, .directory])
      return try listed.descriptor.sortedEntries(limit: Self.limit).map(\.name.text)
    }
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
    if !replaces, try has(name) { throw .refused("\(name): secret name in use") }
    let id = String(try ContainerIdentity.makeID().prefix(25))
    let now = "\(Timestamp.now())"
    let record: JSONValue = [
      "id": .string(id), "created": .string(now), "updated": .string(now), "labels": JSONValue(labels),
    ]
    do throws(Errno) {
      let draft = try DirectoryDraft.make(in: directory.descriptor)
      let draftName = draft.name
      // What was not put in its place, or what was there before.
      defer { drop(draftName) }
      try draft.descriptor.replaceFile(Self.dataName, with: data, mode: 0o600)
      try draft.descriptor.replaceFile(Self.recordName, with: record.serialized(), mode: 0o600)
      try put(draftName, at: try KernelPath(name), replaces: replaces)
      _ = consume draft
    } catch {
      // Somebody else was first.
      if error == .exists { throw .refused("\(name): secret name in use") }
      throw .kernel(act: "make", thing: "secret \(name)", cause: error)
    }
    return id
  }

  /// Gives a whole secret its name. Whoever is killed meanwhile leaves the old secret or the new one.
  private func put(_ draft: KernelPath, at name: KernelPath, replaces: Bool) throws(Errno) {
    let own = directory.descriptor
    for _ in 0..<8 {
      do throws(Errno) {
        try own.rename(draft, to: name, in: own, noReplace: true)
        return
      } catch {
        guard error == .exists, replaces else { throw error }
      }
      do throws(Errno) {
        try own.exchange(draft, with: name)
        return
      } catch {
        // The old one was removed in between.
        guard error == .notFound else { throw error }
      }
    }
    throw .busy
  }

  private func drop(_ draft: KernelPath) {
    do throws(Errno) {
      try directory.descriptor.removeTree(draft)
    } catch {
      // Its name says that it is a leftover; the next sweep tries again.
    }
  }

  /// Removes a secret; gives its id.
  package func remove(_ text: String) throws(EngineError) -> String {
    let secret: Secret
    do throws(EngineError) {
      secret = try find(text)
    } catch {
      // One whose record is damaged has no id any more; it goes by its name.
      guard case .damaged = error, try has(text) else { throw error }
      try removeDirectory(text)
      return text
    }
    try removeDirectory(secret.name)
    return secret.id
  }

  /// Whether there is a secret of this name, be its record readable or not.
  private func has(_ name: String) throws(EngineError) -> Bool {
    guard Self.isValid(name) else { return false }
    let own = directory.descriptor
    return try naming("look at", "secret \(name)") { () throws(Errno) in
      do throws(Errno) {
        return try own.status(try KernelPath(name)).type == .directory
      } catch {
        guard error == .notFound else { throw error }
        return false
      }
    }
  }

  private func removeDirectory(_ name: String) throws(EngineError) {
    let own = directory.descriptor
    try naming("remove", "secret \(name)") { () throws(Errno) in
      // Out of sight first: a secret is there whole, or not at all.
      let place = try own.open(try KernelPath(name), [.readOnly, .directory, .noFollow])
      try place.descriptor.lock(exclusive: true, wait: true)
      let gone = try TemporaryName.make(prefix: DirectoryDraft.prefix)
      try own.rename(try KernelPath(name), to: gone, in: own)
      try own.removeTree(gone)
      _ = consume place
    }
  }

  // MARK: Leftovers

  /// What interrupted commands left and nobody holds, by the names of the directories.
  func leftovers() throws(EngineError) -> [String] {
    let own = directory.descriptor
    let drafts = try entries().filter(Self.isDraft)
    return try naming("list", "the secrets") { () throws(Errno) in
      var found: [String] = []
      for name in drafts {
        guard let place = try DirectoryDraft.takeLeftover(try KernelPath(name), in: own) else { continue }
        found.append(name)
        _ = consume place
      }
      return found
    }
  }

  /// Removes what interrupted commands left.
  func sweep() throws(EngineError) {
    let own = directory.descriptor
    let drafts = try entries().filter(Self.isDraft)
    try naming("clean up", path) { () throws(Errno) in
      for name in drafts { try DirectoryDraft.removeLeftover(try KernelPath(name), in: own) }
    }
  }

  /// The same in a store where there may be no secrets.
  static func sweep(root: String) throws(EngineError) {
    guard let store = try openIfPresent(root: root) else { return }
    try store.sweep()
  }

  private static func isDraft(_ name: String) -> Bool {
    // Replaced secrets were called .old- once.
    name.hasPrefix(DirectoryDraft.prefix) || name.hasPrefix(".old-")
  }
}

extension Engine {
  /// The secrets of the store, by name. One whose record cannot be read is told to `warn` and left out.
  public func secrets(warn: (String) -> Void = { _ in }) throws(EngineError) -> [Secret] {
    let store = try SecretStore(root: configuration.root)
    try store.sweep()
    return try store.all(warn: warn)
  }

  public func secret(_ text: String) throws(EngineError) -> Secret {
    try SecretStore(root: configuration.root).find(text)
  }

  /// Keeps a secret; gives its id.
  public func makeSecret(
    _ name: String, _ data: [UInt8], labels: [String: String] = [:], replaces: Bool = false
  ) throws(EngineError) -> String {
    let store = try SecretStore(root: configuration.root)
    try store.sweep()
    return try store.make(name, data, labels: labels, replaces: replaces)
  }

  /// Forgets a secret; gives its id.
  public func removeSecret(_ text: String) throws(EngineError) -> String {
    let store = try SecretStore(root: configuration.root)
    try store.sweep()
    return try store.remove(text)
  }
}
