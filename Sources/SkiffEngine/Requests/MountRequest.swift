import SkiffRuntime
import SkiffSpec

/// Something that the container sees at a path of its own (`--volume`, `--mount`, `--tmpfs`).
public struct MountRequest: Equatable, Sendable {
  public enum Source: Equatable, Sendable {
    /// A path of the host.
    case bind(path: String, createsMissing: Bool)
    /// A volume by name; nil is one of the container's own.
    case volume(name: String?)
    /// The files of an image, by its name.
    case image(name: String)
    /// Memory.
    case tmpfs
    /// Memory without a limit of its own (ramfs).
    case ramfs
    /// Terminals (devpts), none of them anybody else's.
    case devpts
  }

  public var source: Source
  /// Absolute.
  public var destination: String
  public var isReadOnly = false
  /// Whether, read-only, what is mounted beneath the source can still be written.
  public var leavesInnerMountsWritable = false
  /// Whether the source shows through and stays as it is: what is written goes with the container.
  public var isOverlay = false
  /// What of a volume is shown, found with the volume as its `/`; nil for all of it.
  public var subpath: String?
  /// Whether the source is given to the user that the container runs as.
  public var changesOwner = false
  /// What a volume that does not exist yet is made with.
  public var volumeLabels: [String: String] = [:]
  public var volumeOptions: [String: String] = [:]
  /// With the mounts beneath the source.
  public var isRecursive = true
  /// `private`, `rshared` and so on (mount_namespaces(7)).
  public var propagation: String?
  /// Whether a fresh volume is filled with what the image has there.
  public var copiesFromImage = true
  /// Mount options as mount(8) writes them: `noexec`, `size=64m`.
  public var options: [String] = []

  public init(source: Source, destination: String) {
    self.source = source
    self.destination = destination
  }

  static let propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]
  static let plainOptions = ["exec", "noexec", "suid", "nosuid", "dev", "nodev"]
}

// --volume
extension MountRequest {
  /// Reads `SOURCE:DESTINATION[:OPTIONS]`, `NAME:DESTINATION[:OPTIONS]` or `DESTINATION`. A source that starts with `.` is
  /// beneath `workingDirectory`.
  public init(parsingVolume text: String, workingDirectory: String) throws(EngineError) {
    let option = "--volume"
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count), !parts.contains("") else {
      throw .invalidOption(name: option, value: text, reason: "expected [SOURCE:]DESTINATION[:OPTIONS]")
    }
    let destination = parts.count == 1 ? parts[0] : parts[1]
    guard destination.hasPrefix("/"), destination != "/" else {
      throw .invalidOption(
        name: option, value: text, reason: "\"\(destination)\" is no absolute path below / inside the container")
    }
    if parts.count == 1 {
      self.init(source: .volume(name: nil), destination: destination)
      return
    }
    let source = parts[0]
    if source.hasPrefix("/") {
      self.init(source: .bind(path: source, createsMissing: true), destination: destination)
    } else if source == "." || source == ".." || source.hasPrefix("./") || source.hasPrefix("../") {
      self.init(
        source: .bind(path: workingDirectory + "/" + source, createsMissing: true), destination: destination)
    } else {
      try VolumeName.check(source, option: option)
      self.init(source: .volume(name: source), destination: destination)
    }
    guard parts.count == 3 else { return }
    for word in parts[2].split(separator: ",") {
      try apply(volumeOption: String(word), of: text)
    }
    if isOverlay {
      guard !isReadOnly else {
        throw .invalidOption(name: option, value: text, reason: "O and ro contradict each other")
      }
    }
  }

  private mutating func apply(volumeOption word: String, of text: String) throws(EngineError) {
    switch word {
    case "rw": isReadOnly = false
    case "ro": isReadOnly = true
    case "nocopy": copiesFromImage = false
    // Hints for machines that share files with a virtual one; they change nothing on Linux.
    case "cached", "delegated", "consistent": break
    // A label of SELinux, where the kernel runs it; the composer refuses it there.
    case "z", "Z": options.append(word)
    case _ where Self.propagations.contains(word): propagation = word
    case _ where Self.plainOptions.contains(word): options.append(word)
    case "copy": copiesFromImage = true
    case "rbind": isRecursive = true
    case "bind": isRecursive = false
    case "U": changesOwner = true
    case "O": isOverlay = true
    case "idmap": options.append(word)
    case _ where word.hasPrefix("idmap="): options.append(try Self.idMap(word, "--volume", text))
    case _ where word.hasPrefix("upperdir=") || word.hasPrefix("workdir="):
      throw .notBuilt("the option \(word) of --volume \(text)")
    default: throw .invalidOption(name: "--volume", value: text, reason: "there is no option \"\(word)\"")
    }
  }
}

extension MountRequest {
  /// An `idmap=uids=…;gids=…`, which the runtime reads, as it is.
  fileprivate static func idMap(_ word: String, _ option: String, _ text: String) throws(EngineError) -> String {
    if let problem = IDMapOption(String(word.dropFirst(6))).problem {
      throw .invalidOption(name: option, value: text, reason: problem)
    }
    return word
  }
}

// --tmpfs
extension MountRequest {
  /// Reads `DESTINATION[:OPTIONS]`.
  public init(parsingTmpfs text: String) throws(EngineError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let destination = parts.first, destination.hasPrefix("/"), destination != "/" else {
      throw .invalidOption(name: "--tmpfs", value: text, reason: "expected an absolute path below /")
    }
    self.init(source: .tmpfs, destination: destination)
    guard parts.count == 2 else { return }
    for word in parts[1].split(separator: ",").map(String.init) {
      let name = String(word.prefix { $0 != "=" })
      switch name {
      case "ro": isReadOnly = true
      case "rw": isReadOnly = false
      case "size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "huge", "mpol": options.append(word)
      case _ where Self.plainOptions.contains(word): options.append(word)
      case _ where Self.propagations.contains(word): propagation = word
      case "tmpcopyup", "notmpcopyup":
        options.removeAll { $0 == "tmpcopyup" }
        if word == "tmpcopyup" { options.append(word) }
      case "noatime", "relatime", "strictatime", "nodiratime", "sync", "async", "dirsync": options.append(word)
      default: throw .invalidOption(name: "--tmpfs", value: text, reason: "there is no option \"\(word)\"")
      }
    }
  }
}

// --mount
extension MountRequest {
  /// Reads `type=bind|volume|tmpfs,source=…,target=…[,…]`.
  public init(parsingMount text: String, workingDirectory: String) throws(EngineError) {
    var fields = MountFields()
    for field in try CommaFields.split(text, option: "--mount") {
      let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      try fields.set(parts[0], to: parts.count == 2 ? parts[1] : nil, of: text)
    }
    self = try fields.request(of: text, workingDirectory: workingDirectory)
  }
}

extension MountRequest {
  /// Reads one `--mount`, which may be several mounts: `type=glob,source=PATTERN[,target=DIRECTORY]` is a bind mount for each path of
  /// the host that fits, in the directory under its own name, or where it is on the host.
  public static func mounts(parsing text: String, workingDirectory: String) throws(EngineError) -> [MountRequest] {
    let fields = try CommaFields.split(text, option: "--mount")
    guard fields.contains("type=glob") else {
      return [try MountRequest(parsingMount: text, workingDirectory: workingDirectory)]
    }
    func value(_ keys: [String]) -> String? {
      for field in fields {
        if let key = keys.first(where: { field.hasPrefix($0 + "=") }) { return String(field.dropFirst(key.count + 1)) }
      }
      return nil
    }
    let (sources, targets) = (["source", "src"], ["target", "destination", "dst"])
    guard let pattern = value(sources), !pattern.isEmpty else {
      throw .invalidOption(name: "--mount", value: text, reason: "a glob mount needs a source")
    }
    let rest = fields.filter { field in
      field != "type=glob" && !(sources + targets).contains { field.hasPrefix($0 + "=") }
    }
    let paths = try PathPattern(pattern.hasPrefix("/") ? pattern : workingDirectory + "/" + pattern).paths()
    guard !paths.isEmpty else {
      throw .invalidOption(name: "--mount", value: text, reason: "no file paths matching glob \"\(pattern)\"")
    }
    return try paths.map { path throws(EngineError) in
      let name = path[(path.lastIndex(of: "/") ?? path.startIndex)...]
      let place = value(targets).map { ($0.hasSuffix("/") ? String($0.dropLast()) : $0) + name } ?? path
      let words = ["type=bind", "source=\(path)", "target=\(place)"] + rest
      let quoted = words.map { $0.contains(",") ? "\"\($0)\"" : $0 }.joined(separator: ",")
      return try MountRequest(parsingMount: quoted, workingDirectory: workingDirectory)
    }
  }
}

/// What the fields of one `--mount` said.
private struct MountFields {
  var type = "volume"
  var source: String?
  var destination: String?
  var isReadOnly = false
  var isWritableImage = false
  var propagation: String?
  var isRecursive = true
  var copiesFromImage = true
  var leavesInnerMountsWritable = false
  var needsReadOnly: String?
  var changesOwner = false
  var idMap: String?
  var volumeLabels: [String: String] = [:]
  var volumeOptions: [String: String] = [:]
  var fileSystemOptions: [String] = []
  var subpath: String?
  /// Fields that mean something for mounts of some types only.
  var givenFor: [(key: String, types: [String])] = []

  mutating func set(_ key: String, to value: String?, of text: String) throws(EngineError) {
    func refuse(_ reason: String) -> EngineError { .invalidOption(name: "--mount", value: text, reason: reason) }
    func flag() throws(EngineError) -> Bool {
      guard let value else { return true }
      guard let flag = NumberOption.boolean(value) else { throw refuse("\(key) is true or false") }
      return flag
    }
    func word() throws(EngineError) -> String {
      guard let value, !value.isEmpty else { throw refuse("\(key) needs a value") }
      return value
    }
    if let dash = key.firstIndex(of: "-"), ["bind", "volume", "tmpfs", "image"].contains(key[..<dash]) {
      givenFor.append((key, [String(key[..<dash])]))
    }
    switch key {
    case "type": type = try word()
    case "source", "src": source = try word()
    case "target", "destination", "dst": destination = try word()
    case "readonly", "ro":
      isReadOnly = try flag()
      isWritableImage = !isReadOnly
    case "rw", "readwrite":
      isWritableImage = try flag()
      isReadOnly = !isWritableImage
    case "bind-propagation":
      propagation = try word()
      guard MountRequest.propagations.contains(propagation ?? "") else {
        throw refuse("bind-propagation is one of " + MountRequest.propagations.joined(separator: ", "))
      }
    case "bind-nonrecursive": isRecursive = try !flag()
    case "bind-recursive":
      switch try word() {
      case "enabled", "true": isRecursive = true
      case "disabled", "false": isRecursive = false
      case "writable":
        leavesInnerMountsWritable = true
        needsReadOnly = "bind-recursive=writable"
      case "readonly":
        // What read-only means here anyway.
        needsReadOnly = "bind-recursive=readonly"
      default: throw refuse("bind-recursive is enabled, disabled, writable or readonly")
      }
    case "U", "chown": changesOwner = try flag()
    case "idmap":
      idMap =
        try value.map { value throws(EngineError) in
          try MountRequest.idMap("idmap=" + value, "--mount", text)
        } ?? "idmap"
    case "volume-driver":
      guard try word() == "local" else { throw .notBuilt("the volume driver \(value ?? "") of --mount \(text)") }
    case "volume-label":
      let label = try EnvironmentOption.label(try word(), option: "--mount")
      volumeLabels[label.key] = label.value
    case "volume-opt":
      let option = try EnvironmentOption.label(try word(), option: "--mount")
      volumeOptions[option.key] = option.value
    case "volume-nocopy": copiesFromImage = try !flag()
    case "tmpfs-size":
      let size = try word()
      guard let bytes = NumberOption.bytes(size), bytes >= 0 else { throw refuse("tmpfs-size is a number of bytes") }
      fileSystemOptions.append("size=\(bytes)")
    case "tmpfs-mode":
      let mode = try word()
      guard let bits = UInt32(mode, radix: 8), bits <= 0o7777 else { throw refuse("tmpfs-mode is octal") }
      fileSystemOptions.append("mode=" + String(bits, radix: 8))
    case "tmpcopyup":
      givenFor.append((key, ["tmpfs"]))
      if try flag() { fileSystemOptions.append(key) }
    case "notmpcopyup":
      givenFor.append((key, ["tmpfs"]))
      fileSystemOptions.removeAll { $0 == "tmpcopyup" }
    case "mode":
      givenFor.append((key, ["devpts", "ramfs"]))
      guard let bits = UInt32(try word(), radix: 8), bits <= 0o7777 else { throw refuse("mode is octal") }
      fileSystemOptions.append("mode=" + String(bits, radix: 8))
    case "uid", "gid", "max":
      givenFor.append((key, ["devpts"]))
      guard let number = UInt32(try word()) else { throw refuse("\(key) is a number") }
      fileSystemOptions.append("\(key)=\(number)")
    case "volume-subpath", "subpath":
      givenFor.append((key, ["volume"]))
      subpath = try Self.subpath(try word(), refuse)
    case "consistency": _ = try word()
    case "image-subpath", "bind-create-src":
      throw .notBuilt("the field \(key) of --mount \(text)")
    default: throw refuse("there is no field \"\(key)\"")
    }
  }

  /// A place in a volume: whatever is there, it is looked for in there only, but what is meant to lead out is a slip.
  private static func subpath(
    _ text: String, _ refuse: (String) -> EngineError
  ) throws(EngineError) -> String {
    let parts = text.split(separator: "/")
    guard !text.hasPrefix("/"), !parts.contains(".."), parts.contains(where: { $0 != "." }) else {
      throw refuse("the subpath is a relative path within the volume")
    }
    return parts.filter { $0 != "." }.joined(separator: "/")
  }

  mutating func request(of text: String, workingDirectory: String) throws(EngineError) -> MountRequest {
    func refuse(_ reason: String) -> EngineError { .invalidOption(name: "--mount", value: text, reason: reason) }
    guard let destination else { throw refuse("the field target is missing") }
    guard destination.hasPrefix("/"), destination != "/" else {
      throw refuse("the target is an absolute path below /")
    }
    if let given = givenFor.first(where: { !$0.types.contains(type) }) {
      throw refuse("\(given.key) is for mounts of type \(given.types.joined(separator: " and "))")
    }
    if let needsReadOnly, !isReadOnly { throw refuse("\(needsReadOnly) needs readonly") }
    if needsReadOnly != nil, !isRecursive { throw refuse("bind-recursive is given twice") }
    var request: MountRequest
    switch type {
    case "bind":
      guard let source else { throw refuse("a bind mount needs a source") }
      let path = source.hasPrefix("/") ? source : workingDirectory + "/" + source
      request = MountRequest(source: .bind(path: path, createsMissing: false), destination: destination)
    case "volume":
      if let source { try VolumeName.check(source, option: "--mount") }
      request = MountRequest(source: .volume(name: source), destination: destination)
    case "tmpfs":
      guard source == nil else { throw refuse("a tmpfs has no source") }
      request = MountRequest(source: .tmpfs, destination: destination)
    case "image":
      guard let source else { throw refuse("a mount of an image needs a source") }
      request = MountRequest(source: .image(name: source), destination: destination)
      // What is written goes with the container, never into the image.
      request.isOverlay = isWritableImage
      isReadOnly = !isWritableImage
    case "ramfs", "devpts":
      guard source == nil else { throw refuse("a \(type) has no source") }
      request = MountRequest(source: type == "ramfs" ? .ramfs : .devpts, destination: destination)
    case "npipe", "cluster":
      throw .notBuilt("--mount type=\(type)")
    default: throw refuse("the type is bind, volume, tmpfs, ramfs, devpts or image")
    }
    request.isReadOnly = isReadOnly
    request.propagation = propagation
    request.isRecursive = isRecursive
    request.copiesFromImage = copiesFromImage
    request.leavesInnerMountsWritable = leavesInnerMountsWritable
    request.changesOwner = changesOwner
    request.volumeLabels = volumeLabels
    request.volumeOptions = volumeOptions
    request.options = fileSystemOptions
    request.subpath = subpath
    if subpath != nil, changesOwner { throw .notBuilt("--mount \(text): U and volume-subpath together") }
    if let idMap {
      guard type == "bind" || type == "volume" else { throw refuse("idmap is for mounts of type bind and volume") }
      request.options.append(idMap)
    }
    if changesOwner, type != "bind", type != "volume" { throw refuse("U is for mounts of type bind and volume") }
    return request
  }
}

/// The names of volumes.
enum VolumeName {
  /// Letters, digits, `_`, `.` and `-`, the first a letter or a digit, at most 255: a name is one component of a path.
  static func isValid(_ name: String) -> Bool {
    (try? ObjectName(name, kind: "volume")) != nil
  }

  /// A name for a volume that is made for one container alone: half of it is the container's, so that whoever finds the remains of
  /// a container that never came to be finds its volumes, too.
  static func makeAnonymous(for containerID: String) throws(EngineError) -> String {
    anonymousPrefix(for: containerID) + (try ContainerIdentity.makeID()).suffix(32)
  }

  static func anonymousPrefix(for containerID: String) -> String {
    String(containerID.prefix(32))
  }

  static func check(_ name: String, option: String) throws(EngineError) {
    guard isValid(name) else {
      throw .invalidOption(
        name: option, value: name,
        reason: "a volume's name has letters, digits, _ . and -; the path of a directory starts with / or ./")
    }
  }
}
