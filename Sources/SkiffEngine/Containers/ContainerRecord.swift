import SkiffSpec

/// Where the root file system of a container comes from, as the monitor is told.
package enum RootfsRecord: Equatable, Sendable {
  /// A directory, used as it is.
  case directory(path: String)
  /// Layers, the top one first, under a writable directory.
  case overlay(lower: [String], upper: String, work: String)
  /// A file that holds a file system.
  case image(file: String, type: String)

  package var document: JSONValue {
    switch self {
    case .directory(let path): ["kind": "directory", "path": .string(path)]
    case .overlay(let lower, let upper, let work):
      ["kind": "overlay", "lower": JSONValue(lower), "upper": .string(upper), "work": .string(work)]
    case .image(let file, let type): ["kind": "image", "file": .string(file), "type": .string(type)]
    }
  }
}

extension RootfsRecord {
  /// The directory that the runtime mounts the tree on, in the container's own namespace; nil where none is at hand.
  var mountPoint: String? {
    switch self {
    case .directory(let path): path
    case .overlay(_, let upper, _): upper
    case .image: nil
    }
  }
}

extension RootfsRecord: RecordValue {
  var recorded: JSONValue { document }

  init?(recorded: JSONValue) {
    switch recorded["kind"]?.string {
    case "directory":
      guard let path = recorded["path"]?.string else { return nil }
      self = .directory(path: path)
    case "overlay":
      guard let lower = recorded["lower"].flatMap([String].init(recorded:)), let upper = recorded["upper"]?.string,
        let work = recorded["work"]?.string
      else { return nil }
      self = .overlay(lower: lower, upper: upper, work: work)
    case "image":
      guard let file = recorded["file"]?.string, let type = recorded["type"]?.string else { return nil }
      self = .image(file: file, type: type)
    default: return nil
    }
  }
}

/// A mount of a container as it was made: what was asked, and where it leads on the host.
package struct MountRecord: Equatable, Sendable {
  package var request = MountRequest(source: .tmpfs, destination: "")
  /// Nil where the source is not a place of the host.
  package var hostPath: String?
  package var overlay: OverlayLayers?
  package var fileSystem: VolumeFileSystem?
  /// The volume's name, for a volume.
  package var volume: String?
  /// Whether the volume was made for this container alone.
  package var isAnonymous = false

  package init() {}
}

extension MountRecord: FieldRecord, RecordValue {
  static let fields: [RecordField<MountRecord>] = [
    RecordField("request", { $0.request }, { $0.request = $1 }),
    RecordField("hostPath", { $0.hostPath }, { $0.hostPath = $1 }),
    RecordField("overlay", { $0.overlay }, { $0.overlay = $1 }),
    RecordField("fileSystem", { $0.fileSystem }, { $0.fileSystem = $1 }),
    RecordField("volume", { $0.volume }, { $0.volume = $1 }),
    RecordField("isAnonymous", { $0.isAnonymous }, { $0.isAnonymous = $1 }),
  ]
}

/// What container.json holds: what a container is, for as long as it exists. Nothing in it changes by running;
/// only `rename` and `update` replace it.
package struct ContainerRecord: Equatable, Sendable {
  package var id = ""
  package var name = ""
  /// RFC 3339.
  package var created = ""
  /// The image's id (the digest of its configuration); empty for a root file system of the caller's.
  package var imageID = ""
  /// The image as it was named.
  package var imageName = ""
  /// The chain ids of the layers that it stands on, the lowest first.
  package var layers: [String] = []
  /// The chain ids of the layers that mounted images stand on.
  package var mountedLayers: [String] = []
  /// The whole command line: entry point and arguments.
  package var command: [String] = []
  /// What the image says of the containers made of it, as far as inspection shows it.
  package var environment: [String] = []
  package var workingDirectory = "/"
  package var user = ""
  /// The image's labels with the caller's over them.
  package var labels: [String: String] = [:]
  package var stopSignal = ""
  package var hostname = ""
  package var rootfs = RootfsRecord.directory(path: "/")
  package var mounts: [MountRecord] = []
  /// The ports that it publishes, and those that it is known to listen on.
  package var ports: [PortBinding] = []
  package var exposedPorts: [ExposedPort] = []
  /// The number of the range of ids that belongs to this container's user namespace.
  package var idRange: UInt32?
  /// How its health is checked: what was asked over what the image says. Nil where it is not.
  package var health: HealthRequest?
  package var request = RunRequest()

  package init() {}
}

extension ContainerRecord: FieldRecord {
  static let fields: [RecordField<ContainerRecord>] = [
    RecordField("id", { $0.id }, { $0.id = $1 }),
    RecordField("name", { $0.name }, { $0.name = $1 }),
    RecordField("created", { $0.created }, { $0.created = $1 }),
    RecordField("imageID", { $0.imageID }, { $0.imageID = $1 }),
    RecordField("imageName", { $0.imageName }, { $0.imageName = $1 }),
    RecordField("layers", { $0.layers }, { $0.layers = $1 }),
    RecordField("mountedLayers", { $0.mountedLayers }, { $0.mountedLayers = $1 }),
    RecordField("command", { $0.command }, { $0.command = $1 }),
    RecordField("environment", { $0.environment }, { $0.environment = $1 }),
    RecordField("workingDirectory", { $0.workingDirectory }, { $0.workingDirectory = $1 }),
    RecordField("user", { $0.user }, { $0.user = $1 }),
    RecordField("labels", { $0.labels }, { $0.labels = $1 }),
    RecordField("stopSignal", { $0.stopSignal }, { $0.stopSignal = $1 }),
    RecordField("hostname", { $0.hostname }, { $0.hostname = $1 }),
    RecordField("rootfs", { $0.rootfs }, { $0.rootfs = $1 }),
    RecordField("mounts", { $0.mounts }, { $0.mounts = $1 }),
    RecordField("ports", { $0.ports }, { $0.ports = $1 }),
    RecordField("exposedPorts", { $0.exposedPorts }, { $0.exposedPorts = $1 }),
    RecordField("idRange", { $0.idRange }, { $0.idRange = $1 }),
    RecordField("health", { $0.health }, { $0.health = $1 }),
    RecordField("request", { $0.request }, { $0.request = $1 }),
  ]

  /// The bytes of container.json.
  package func serialized() -> [UInt8] {
    document().serialized()
  }

  /// Reads container.json; nil where it is not one.
  package static func parse(_ bytes: [UInt8]) -> ContainerRecord? {
    do throws(JSONError) {
      return ContainerRecord(document: try JSONValue.parse(bytes))
    } catch {
      return nil
    }
  }
}

extension ContainerRecord {
  /// The layers that the container stands on, the lowest first; one that is no digest is not left out but refused.
  package func chainIDs() throws(EngineError) -> [Digest] {
    try layers.map { text throws(EngineError) in
      do throws(FormatError) {
        return try Digest(text)
      } catch {
        throw .damaged(thing: "the record of container \(name)", reason: "layer \(text): \(error.message)")
      }
    }
  }
}

extension RunRequest: RecordValue {}

/// What exit.json holds: how a run of a container ended.
package struct ExitRecord: Equatable, Sendable {
  package var exitCode: Int32 = 0
  package var oomKilled = false
  /// RFC 3339.
  package var startedAt = ""
  package var finishedAt = ""
  package var error = ""

  package init() {}
}

extension ExitRecord: FieldRecord {
  static let fields: [RecordField<ExitRecord>] = [
    RecordField("exitCode", { $0.exitCode }, { $0.exitCode = $1 }),
    RecordField("oomKilled", { $0.oomKilled }, { $0.oomKilled = $1 }),
    RecordField("startedAt", { $0.startedAt }, { $0.startedAt = $1 }),
    RecordField("finishedAt", { $0.finishedAt }, { $0.finishedAt = $1 }),
    RecordField("error", { $0.error }, { $0.error = $1 }),
  ]

  /// Reads exit.json; nil where it is not one.
  package static func parse(_ bytes: [UInt8]) -> ExitRecord? {
    do throws(JSONError) {
      return ExitRecord(document: try JSONValue.parse(bytes))
    } catch {
      return nil
    }
  }
}
