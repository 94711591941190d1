/// What an image says about itself and the containers made of it (image-spec, config.md; docker's is the same with more members).
///
/// Members that are not known stay in the document when it is changed and written again.
public struct ImageConfiguration: Equatable, Sendable {
  /// Longer documents are refused.
  public static let sizeLimit = 8 << 20

  public var created: Timestamp?
  public var author: String?
  public var architecture: String
  public var os: String
  public var variant: String?
  public var osVersion: String?
  public var osFeatures: [String] = []
  /// How containers run.
  public var config = Execution()
  public var rootFileSystem = RootFileSystem()
  public var history: [HistoryEntry] = []
  /// The document that this was read from.
  private var document: JSONValue = [:]

  public init(platform: Platform) {
    os = platform.os
    architecture = platform.architecture
    variant = platform.variant
  }

  public var platform: Platform {
    var platform = Platform(os: os, architecture: architecture, variant: variant)
    platform.osVersion = osVersion
    platform.osFeatures = osFeatures
    return platform
  }

  /// How containers of the image run unless they are told otherwise.
  public struct Execution: Equatable, Sendable {
    public var user = ""
    /// `80/tcp`
    public var exposedPorts: [String] = []
    /// `NAME=value`
    public var environment: [String] = []
    /// Nil is not set, which differs from an empty one.
    public var entrypoint: [String]?
    public var command: [String]?
    /// Paths inside that want a volume.
    public var volumes: [String] = []
    public var workingDirectory = ""
    public var labels: [String: String] = [:]
    public var stopSignal: String?
    public var healthcheck: Healthcheck?
    /// Of the commands that a build file writes as text.
    public var shell: [String]?
    public var onBuild: [String] = []
    /// In seconds.
    public var stopTimeout: Int64?

    public init() {}
  }

  /// How to see whether a container is well; times in nanoseconds, 0 is the default.
  public struct Healthcheck: Equatable, Sendable {
    /// `NONE`, or `CMD` and arguments, or `CMD-SHELL` and a line.
    public var test: [String] = []
    public var interval: Int64 = 0
    public var timeout: Int64 = 0
    public var startPeriod: Int64 = 0
    public var startInterval: Int64 = 0
    public var retries: Int64 = 0

    public init() {}
  }

  public struct RootFileSystem: Equatable, Sendable {
    /// The digests of the unpacked layers, the lowest first.
    public var diffIDs: [Digest] = []

    public init() {}
  }

  /// How a layer came to be.
  public struct HistoryEntry: Equatable, Sendable {
    public var created: Timestamp?
    public var createdBy: String?
    public var author: String?
    public var comment: String?
    /// Whether the step changed no file, so that it has no layer.
    public var isEmptyLayer = false

    public init() {}
  }
}

// MARK: Reading

extension ImageConfiguration {
  /// Reads a configuration; throws all problems at once.
  public static func parse(_ bytes: [UInt8]) throws(SpecProblems) -> ImageConfiguration {
    let document = try DocumentReader.document(bytes, sizeLimit: sizeLimit)
    var reader = DocumentReader()
    let os = reader.string("os", of: document, at: "") ?? ""
    let architecture = reader.string("architecture", of: document, at: "") ?? ""
    var result = ImageConfiguration(platform: Platform(os: os, architecture: architecture))
    result.document = document
    result.created = reader.timestamp("created", of: document, at: "")
    result.author = reader.string("author", of: document, at: "")
    result.variant = reader.string("variant", of: document, at: "")
    if result.variant == "" { result.variant = nil }
    result.osVersion = reader.string("os.version", of: document, at: "")
    result.osFeatures = reader.strings("os.features", of: document, at: "") ?? []
    if let config = reader.object("config", of: document, at: "") {
      result.config = Execution(config, &reader)
    }
    if let rootfs = reader.object("rootfs", of: document, at: "") {
      result.rootFileSystem = RootFileSystem(rootfs, &reader)
    } else {
      reader.refuse("rootfs", "must be set")
    }
    result.history = (reader.list("history", of: document, at: "") ?? []).map {
      HistoryEntry($0.value, at: $0.keyPath, &reader)
    }
    return try reader.finished(result)
  }
}

extension ImageConfiguration.Execution {
  init(_ object: JSONValue, _ reader: inout DocumentReader) {
    let here = "config"
    user = reader.string("User", of: object, at: here) ?? ""
    exposedPorts = reader.names("ExposedPorts", of: object, at: here)
    environment = reader.strings("Env", of: object, at: here) ?? []
    entrypoint = reader.strings("Entrypoint", of: object, at: here)
    command = reader.strings("Cmd", of: object, at: here)
    volumes = reader.names("Volumes", of: object, at: here)
    workingDirectory = reader.string("WorkingDir", of: object, at: here) ?? ""
    labels = reader.dictionary("Labels", of: object, at: here)
    stopSignal = reader.string("StopSignal", of: object, at: here)
    shell = reader.strings("Shell", of: object, at: here)
    onBuild = reader.strings("OnBuild", of: object, at: here) ?? []
    stopTimeout = reader.integer("StopTimeout", of: object, at: here)
    if let check = reader.object("Healthcheck", of: object, at: here) {
      healthcheck = ImageConfiguration.Healthcheck(check, &reader)
    }
  }
}

extension ImageConfiguration.Healthcheck {
  init(_ object: JSONValue, _ reader: inout DocumentReader) {
    let here = "config.Healthcheck"
    test = reader.strings("Test", of: object, at: here) ?? []
    interval = reader.integer("Interval", of: object, at: here) ?? 0
    timeout = reader.integer("Timeout", of: object, at: here) ?? 0
    startPeriod = reader.integer("StartPeriod", of: object, at: here) ?? 0
    startInterval = reader.integer("StartInterval", of: object, at: here) ?? 0
    retries = reader.integer("Retries", of: object, at: here) ?? 0
  }
}

extension ImageConfiguration.RootFileSystem {
  init(_ object: JSONValue, _ reader: inout DocumentReader) {
    if let type = reader.string("type", of: object, at: "rootfs"), type != "layers" {
      reader.refuse("rootfs.type", "expected \"layers\", found \(SpecKeyPath.quoted(type))")
    }
    let texts = reader.list("diff_ids", of: object, at: "rootfs") ?? []
    guard texts.count <= ImageManifest.layerLimit else {
      reader.refuse("rootfs.diff_ids", "more than \(ImageManifest.layerLimit)")
      return
    }
    diffIDs = texts.compactMap { element in
      guard let text = element.value.string else {
        reader.refuse(element.keyPath, "expected a string, found \(element.value.kind.phrase)")
        return nil
      }
      return reader.digest(text, at: element.keyPath)
    }
  }
}

extension ImageConfiguration.HistoryEntry {
  init(_ object: JSONValue, at here: String, _ reader: inout DocumentReader) {
    guard object.object != nil else {
      reader.refuse(here, "expected an object, found \(object.kind.phrase)")
      return
    }
    created = reader.timestamp("created", of: object, at: here)
    createdBy = reader.string("created_by", of: object, at: here)
    author = reader.string("author", of: object, at: here)
    comment = reader.string("comment", of: object, at: here)
    isEmptyLayer = reader.bool("empty_layer", of: object, at: here) ?? false
  }
}

// MARK: Writing

extension ImageConfiguration {
  /// The document with what is known as it is now, and the rest as it was read.
  public var json: JSONValue {
    var document = document
    document["created"] = created.map { .string($0.text) }
    document["author"] = author.map { .string($0) }
    document["architecture"] = .string(architecture)
    document["os"] = .string(os)
    document["variant"] = variant.map { .string($0) }
    document["os.version"] = osVersion.map { .string($0) }
    document["os.features"] = osFeatures.isEmpty ? nil : JSONValue(osFeatures)
    document["config"] = config.json(in: document["config"] ?? [:])
    var rootfs = document["rootfs"] ?? [:]
    rootfs["type"] = "layers"
    rootfs["diff_ids"] = .array(rootFileSystem.diffIDs.map { .string($0.text) })
    document["rootfs"] = rootfs
    document["history"] = history.isEmpty ? nil : .array(history.map(\.json))
    return document
  }

  public func serialized(pretty: Bool = false) -> [UInt8] {
    json.serialized(pretty: pretty)
  }
}

extension ImageConfiguration.Execution {
  fileprivate func json(in old: JSONValue) -> JSONValue {
    func set(of names: [String]) -> JSONValue? {
      names.isEmpty ? nil : .object(JSONObject(names.map { ($0, [:]) }))
    }
    var object = old
    object["User"] = user.isEmpty ? nil : .string(user)
    object["ExposedPorts"] = set(of: exposedPorts)
    object["Env"] = environment.isEmpty ? nil : JSONValue(environment)
    object["Entrypoint"] = entrypoint.map { JSONValue($0) }
    object["Cmd"] = command.map { JSONValue($0) }
    object["Volumes"] = set(of: volumes)
    object["WorkingDir"] = workingDirectory.isEmpty ? nil : .string(workingDirectory)
    object["Labels"] = labels.isEmpty ? nil : JSONValue(labels)
    object["StopSignal"] = stopSignal.map { .string($0) }
    object["Healthcheck"] = healthcheck?.json
    object["Shell"] = shell.map { JSONValue($0) }
    object["OnBuild"] = onBuild.isEmpty ? nil : JSONValue(onBuild)
    object["StopTimeout"] = stopTimeout.map { .integer($0) }
    return object
  }
}

extension ImageConfiguration.Healthcheck {
  fileprivate var json: JSONValue {
    var object: JSONValue = [:]
    if !test.isEmpty { object["Test"] = JSONValue(test) }
    let times = [
      ("Interval", interval), ("Timeout", timeout), ("StartPeriod", startPeriod), ("StartInterval", startInterval),
      ("Retries", retries),
    ]
    for (name, value) in times where value != 0 {
      object[name] = .integer(value)
    }
    return object
  }
}

extension ImageConfiguration.HistoryEntry {
  fileprivate var json: JSONValue {
    var object: JSONValue = [:]
    if let created { object["created"] = .string(created.text) }
    if let createdBy { object["created_by"] = .string(createdBy) }
    if let author { object["author"] = .string(author) }
    if let comment { object["comment"] = .string(comment) }
    if isEmptyLayer { object["empty_layer"] = true }
    return object
  }
}
