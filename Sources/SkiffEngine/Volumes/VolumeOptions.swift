import SkiffSpec

/// Directories that are laid over each other (overlayfs).
public struct OverlayLayers: Equatable, Sendable {
  /// The topmost first.
  public var lower: [String]
  /// Where what is written goes; nil for none that can be written.
  public var upper: String?
  public var work: String?

  public init(lower: [String], upper: String? = nil, work: String? = nil) {
    self.lower = lower
    self.upper = upper
    self.work = work
  }
}

extension OverlayLayers: FieldRecord, RecordValue {
  init() {
    self.init(lower: [])
  }

  static let fields: [RecordField<OverlayLayers>] = [
    RecordField("lower", { $0.lower }, { $0.lower = $1 }),
    RecordField("upper", { $0.upper }, { $0.upper = $1 }),
    RecordField("work", { $0.work }, { $0.work = $1 }),
  ]
}

/// A file system that is mounted in place of a volume's own directory, by each container for itself.
public struct VolumeFileSystem: Equatable, Sendable {
  public var type: String
  public var device: String
  /// As mount(8) writes them.
  public var options: [String]

  public init(type: String, device: String, options: [String]) {
    self.type = type
    self.device = device
    self.options = options
  }
}

extension VolumeFileSystem: FieldRecord, RecordValue {
  init() {
    self.init(type: "", device: "", options: [])
  }

  static let fields: [RecordField<VolumeFileSystem>] = [
    RecordField("type", { $0.type }, { $0.type = $1 }),
    RecordField("device", { $0.device }, { $0.device = $1 }),
    RecordField("options", { $0.options }, { $0.options = $1 }),
  ]
}

/// What the options of a volume (`--opt type=…,device=…,o=…`) have it be.
enum VolumeOptions: Equatable {
  /// A directory of the store.
  case directory
  /// A directory of the host.
  case bind(path: String, isReadOnly: Bool)
  case fileSystem(VolumeFileSystem)

  init(_ options: [String: String]) throws(EngineError) {
    func refuse(_ key: String, _ reason: String) -> EngineError {
      .invalidOption(name: "--opt", value: options[key].map { "\(key)=\($0)" } ?? key, reason: reason)
    }
    for key in options.keys.sorted() where !["type", "device", "o"].contains(key) {
      if key == "size" { throw .notBuilt("--opt size=\(options[key] ?? ""): quotas of volumes") }
      throw refuse(key, "the options of a volume are type, device and o")
    }
    guard !options.isEmpty else {
      self = .directory
      return
    }
    guard let device = options["device"], !device.isEmpty else { throw refuse("device", "missing required option") }
    let words = (options["o"] ?? "").split(separator: ",").map(String.init)
    let isBind = words.contains("bind") || words.contains("rbind")
    if isBind {
      guard device.hasPrefix("/") else { throw refuse("device", "the path of a directory starts with /") }
      if let other = words.first(where: { !["bind", "rbind", "ro", "rw"].contains($0) }) {
        throw refuse("o", "\"\(other)\" means nothing for a directory of the host")
      }
      self = .bind(path: device, isReadOnly: words.contains("ro"))
      return
    }
    guard let type = options["type"], !type.isEmpty, type != "none" else {
      throw refuse("type", "missing required option")
    }
    self = .fileSystem(VolumeFileSystem(type: type, device: device, options: words))
  }
}
