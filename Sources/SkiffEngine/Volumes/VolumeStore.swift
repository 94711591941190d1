import SkiffKernel
import SkiffSpec

/// What is known of a volume.
public struct Volume: Equatable, Sendable {
  public var name: String
  /// The path of its data on the host.
  public var mountpoint: String
  public var created: String
  public var labels: [String: String]
  /// What is mounted in place of a directory of its own: `type`, `device`, `o`.
  public var options: [String: String]
  /// Whether it was made for one container that did not name it.
  public var isAnonymous: Bool
}

/// The volumes of a store: `volumes/NAME/_data` holds what containers wrote, `volumes/NAME/volume.json` what is known of it.
///
/// A volume exists while its directory does; it is made complete beside its place and renamed in.
package struct VolumeStore: ~Copyable {
  private let path: String
  private let directory: FileDescriptor

  static let dataName: KernelPath = "_data"
  private static let recordName: KernelPath = "volume.json"
  private static let shareName: KernelPath = "shared"
  private static let limit = 1 << 17

  /// Opens the volumes beneath the engine's root.
  package init(root: String) throws(EngineError) {
    self.path = root + "/volumes"
    self.directory = try StateDirectory.open(root + "/volumes")
  }

  package func dataPath(_ name: String) -> String { "\(path)/\(name)/_data" }

  /// The volume of a name; nil where there is none.
  package func volume(_ name: String) throws(EngineError) -> Volume? {
    guard VolumeName.isValid(name),
      let record = try StateDirectory.record(
        Self.recordName, of: name, in: directory.descriptor, path: path, what: "volume")
    else { return nil }
    return Volume(
      name: name, mountpoint: dataPath(name), created: record["created"]?.string ?? "",
      labels: record["labels"].flatMap([String: String].init(recorded:)) ?? [:],
      options: record["options"].flatMap([String: String].init(recorded:)) ?? [:],
      isAnonymous: record["isAnonymous"]?.bool ?? false)
  }

  /// Makes a volume. `fill` is called with its empty data directory before anybody can see the volume; false when there is one of
  /// that name already.
  package func make(
    _ name: String, labels: [String: String] = [:], options: [String: String] = [:], isAnonymous: Bool = false,
    fill: (Descriptor) throws(EngineError) -> Void = { _ in }
  ) throws(EngineError) -> Bool {
    if try volume(name) != nil { return false }
    var record: JSONObject = JSONObject([
      ("created", .string("\(Timestamp.now())")), ("labels", JSONValue(labels)), ("isAnonymous", .bool(isAnonymous)),
    ])
    if !options.isEmpty { record["options"] = JSONValue(options) }
    let content = JSONValue.object(record).serialized()
    let directory = directory.descriptor
    let place = try naming("make", "volume \(name)") { () throws(Errno) in try DirectoryDraft.make(in: directory) }
    let draft = place.name
    do throws(EngineError) {
      let data = try naming("make", "volume \(name)") { () throws(Errno) in
        try place.descriptor.replaceFile(Self.recordName, with: content)
        try place.descriptor.makeDirectory(Self.dataName, mode: 0o755)
        let data = try place.descriptor.open(Self.dataName, [.readOnly, .directory, .noFollow])
        try data.descriptor.changeMode(0o755)
        return data
      }
      try fill(data.descriptor)
      do throws(Errno) {
        try directory.rename(draft, to: try KernelPath(name), in: directory, noReplace: true)
      } catch {
        // Somebody else was first: theirs is as good.
        guard error == .exists else { throw EngineError.kernel(act: "make", thing: "volume \(name)", cause: error) }
        remove(draft)
        return false
      }
    } catch {
      remove(draft)
      throw error
    }
    return true
  }

  /// Notes that a container other than the one that a volume was made for has it, too.
  package func share(_ name: String) throws(EngineError) {
    let directory = directory.descriptor
    try naming("share", "volume \(name)") { () throws(Errno) in
      let place = try directory.open(try KernelPath(name), [.readOnly, .directory, .noFollow])
      _ = try place.descriptor.open(Self.shareName, [.writeOnly, .create, .noFollow], mode: 0o600)
    }
  }

  /// Whether that was ever noted.
  package func isShared(_ name: String) throws(EngineError) -> Bool {
    let directory = directory.descriptor
    do throws(Errno) {
      _ = try directory.status(try KernelPath("\(name)/\(Self.shareName)"))
      return true
    } catch {
      if error == .notFound { return false }
      throw .kernel(act: "look at", thing: "volume \(name)", cause: error)
    }
  }

  private func remove(_ draft: KernelPath) {
    do throws(Errno) {
      try directory.descriptor.removeTree(draft)
    } catch {
      // Its name says that it is a leftover; the next sweep tries again.
    }
  }

  /// All volumes, by name. One whose record cannot be read is told to `warn` and left out.
  package func all(warn: (String) -> Void = { _ in }) throws(EngineError) -> [Volume] {
    var volumes: [Volume] = []
    for name in try names() where VolumeName.isValid(name) {
      do throws(EngineError) {
        // Gone meanwhile is no error.
        if let volume = try volume(name) { volumes.append(volume) }
      } catch {
        guard case .damaged = error else { throw error }
        warn("\(error)")
      }
    }
    return volumes
  }

  private func names() throws(EngineError) -> [String] {
    let directory = directory.descriptor
    return try naming("list", path) { () throws(Errno) in
      let listed = try directory.open(".", [.readOnly, .directory])
      return try listed.descriptor.sortedEntries(limit: Self.limit).map(\.name.text)
    }
  }

  /// Keeps a volume from being removed; nil where there is none of that name, any more.
  package func hold(_ name: String) throws(EngineError) -> VolumeHold? {
    let directory = directory.descriptor
    do throws(Errno) {
      let entry = try KernelPath(name)
      let place = try directory.open(entry, [.readOnly, .directory, .noFollow])
      // Whoever is removing it lets go when it is gone.
      try place.descriptor.lock(exclusive: false, wait: true)
      guard try directory.status(entry).inode == place.descriptor.status().inode else { return nil }
      return VolumeHold(place)
    } catch {
      if error == .notFound { return nil }
      throw .kernel(act: "hold", thing: "volume \(name)", cause: error)
    }
  }

  /// Removes a volume with its data: gone at one stroke, its content afterwards. One that is held is in use.
  ///
  /// - Parameter check: refuses by what it throws; from then on nobody can come to use the volume.
  package func remove(
    _ name: String, check: () throws(EngineError) -> Void = {}
  ) throws(EngineError) {
    guard VolumeName.isValid(name) else { throw .noSuchVolume(name) }
    // Taken to the end: it will look like a leftover.
    let place = try take(name)
    try check()
    let directory = directory.descriptor
    do throws(Errno) {
      let aside = try TemporaryName.make(prefix: DirectoryDraft.prefix)
      try directory.rename(try KernelPath(name), to: aside, in: directory)
      try directory.removeTree(aside)
    } catch {
      if error == .notFound { throw .noSuchVolume(name) }
      throw .kernel(act: "remove", thing: "volume \(name)", cause: error)
    }
    _ = consume place
  }

  private func take(_ name: String) throws(EngineError) -> FileDescriptor {
    let directory = directory.descriptor
    do throws(Errno) {
      let entry = try KernelPath(name)
      let place = try directory.open(entry, [.readOnly, .directory, .noFollow])
      try place.descriptor.lock(exclusive: true, wait: false)
      // Another one may have its name by now.
      guard try directory.status(entry).inode == place.descriptor.status().inode else { throw .wouldBlock }
      return place
    } catch {
      if error == .notFound { throw .noSuchVolume(name) }
      if error == .wouldBlock { throw .volumeInUse(name: name, containerID: nil) }
      throw .kernel(act: "remove", thing: "volume \(name)", cause: error)
    }
  }

  /// Removes the volumes that were made for one container alone, by the names that follow from its id.
  package func removeAnonymous(of containerID: String) throws(EngineError) {
    for name in try anonymousNames(of: containerID) { try remove(name) }
  }

  /// The names of volumes that were made for one container alone.
  package func anonymousNames(of containerID: String) throws(EngineError) -> [String] {
    try names().filter { $0.hasPrefix(VolumeName.anonymousPrefix(for: containerID)) }
  }

  /// Removes what interrupted commands left.
  package func sweep() throws(EngineError) {
    let directory = directory.descriptor
    for name in try names() where name.hasPrefix(DirectoryDraft.prefix) {
      try naming("clean up", path) { () throws(Errno) in
        try DirectoryDraft.removeLeftover(try KernelPath(name), in: directory)
      }
    }
  }
}

/// Keeps a volume from being removed while this lives: for a container that is being made, whose record does not say yet that it uses it.
package final class VolumeHold: Sendable {
  private let place: FileDescriptor

  init(_ place: consuming FileDescriptor) {
    self.place = place
  }
}
