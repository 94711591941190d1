import SkiffRuntime
import SkiffSpec

// How what was asked is kept in container.json.
extension RunRequest: FieldRecord {
  static let fields: [RecordField<RunRequest>] = [
    RecordField("image", { $0.image }, { $0.image = $1 }),
    RecordField("rootfs", { $0.rootfs }, { $0.rootfs = $1 }),
    RecordField("command", { $0.command }, { $0.command = $1 }),
    RecordField("entrypoint", { $0.entrypoint }, { $0.entrypoint = $1 }),
    RecordField("name", { $0.name }, { $0.name = $1 }),
    RecordField("platform", { $0.platform }, { $0.platform = $1 }),
    RecordField("environment", { $0.environment }, { $0.environment = $1 }),
    RecordField("workingDirectory", { $0.workingDirectory }, { $0.workingDirectory = $1 }),
    RecordField("user", { $0.user }, { $0.user = $1 }),
    RecordField("additionalGroups", { $0.additionalGroups }, { $0.additionalGroups = $1 }),
    RecordField("umask", { $0.umask }, { $0.umask = $1 }),
    RecordField("isInteractive", { $0.isInteractive }, { $0.isInteractive = $1 }),
    RecordField("hasTerminal", { $0.hasTerminal }, { $0.hasTerminal = $1 }),
    RecordField("usesInit", { $0.usesInit }, { $0.usesInit = $1 }),
    RecordField("showsOwnResources", { $0.showsOwnResources }, { $0.showsOwnResources = $1 }),
    RecordField("stopSignal", { $0.stopSignal }, { $0.stopSignal = $1 }),
    RecordField("stopTimeoutSeconds", { $0.stopTimeoutSeconds }, { $0.stopTimeoutSeconds = $1 }),
    RecordField("timeLimitSeconds", { $0.timeLimitSeconds }, { $0.timeLimitSeconds = $1 }),
    RecordField("oomScoreAdjustment", { $0.oomScoreAdjustment }, { $0.oomScoreAdjustment = $1 }),
    RecordField("resourceLimits", { $0.resourceLimits }, { $0.resourceLimits = $1 }),
    RecordField("usesCallersLimits", { $0.usesCallersLimits }, { $0.usesCallersLimits = $1 }),
    RecordField("timeZone", { $0.timeZone }, { $0.timeZone = $1 }),
    RecordField("pidFile", { $0.pidFile }, { $0.pidFile = $1 }),
    RecordField("hostname", { $0.hostname }, { $0.hostname = $1 }),
    RecordField("domainname", { $0.domainname }, { $0.domainname = $1 }),
    RecordField("labels", { $0.labels }, { $0.labels = $1 }),
    RecordField("annotations", { $0.annotations }, { $0.annotations = $1 }),
    RecordField("removesItself", { $0.removesItself }, { $0.removesItself = $1 }),
    RecordField("restart", { $0.restart }, { $0.restart = $1 }),
    RecordField("health", { $0.health }, { $0.health = $1 }),
    RecordField("notification", { $0.notification }, { $0.notification = $1 }),
    RecordField("logDriver", { $0.logDriver }, { $0.logDriver = $1 }),
    RecordField("logOptions", { $0.logOptions }, { $0.logOptions = $1 }),
    RecordField("isReadOnly", { $0.isReadOnly }, { $0.isReadOnly = $1 }),
    RecordField("hasWritableTemporaries", { $0.hasWritableTemporaries }, { $0.hasWritableTemporaries = $1 }),
    RecordField("volumesFrom", { $0.volumesFrom }, { $0.volumesFrom = $1 }),
    RecordField("mounts", { $0.mounts }, { $0.mounts = $1 }),
    RecordField("secrets", { $0.secrets }, { $0.secrets = $1 }),
    RecordField("shmSizeBytes", { $0.shmSizeBytes }, { $0.shmSizeBytes = $1 }),
    RecordField("devices", { $0.devices }, { $0.devices = $1 }),
    RecordField("deviceRules", { $0.deviceRules }, { $0.deviceRules = $1 }),
    RecordField("cdiDevices", { $0.cdiDevices }, { $0.cdiDevices = $1 }),
    RecordField("landlockRules", { $0.landlockRules }, { $0.landlockRules = $1 }),
    RecordField("sysctls", { $0.sysctls }, { $0.sysctls = $1 }),
    RecordField("pidNamespace", { $0.pidNamespace }, { $0.pidNamespace = $1 }),
    RecordField("ipcNamespace", { $0.ipcNamespace }, { $0.ipcNamespace = $1 }),
    RecordField("utsNamespace", { $0.utsNamespace }, { $0.utsNamespace = $1 }),
    RecordField("cgroupNamespace", { $0.cgroupNamespace }, { $0.cgroupNamespace = $1 }),
    RecordField("userNamespace", { $0.userNamespace }, { $0.userNamespace = $1 }),
    RecordField("network", { $0.network }, { $0.network = $1 }),
    RecordField("address", { $0.address }, { $0.address = $1 }),
    RecordField("macAddress", { $0.macAddress }, { $0.macAddress = $1 }),
    RecordField("publishedPorts", { $0.publishedPorts }, { $0.publishedPorts = $1 }),
    RecordField("publishesAllPorts", { $0.publishesAllPorts }, { $0.publishesAllPorts = $1 }),
    RecordField("exposedPorts", { $0.exposedPorts }, { $0.exposedPorts = $1 }),
    RecordField("dnsServers", { $0.dnsServers }, { $0.dnsServers = $1 }),
    RecordField("dnsSearch", { $0.dnsSearch }, { $0.dnsSearch = $1 }),
    RecordField("dnsOptions", { $0.dnsOptions }, { $0.dnsOptions = $1 }),
    RecordField("leavesHosts", { $0.leavesHosts }, { $0.leavesHosts = $1 }),
    RecordField("extraHosts", { $0.extraHosts }, { $0.extraHosts = $1 }),
    RecordField("addedCapabilities", { $0.addedCapabilities }, { $0.addedCapabilities = $1 }),
    RecordField("droppedCapabilities", { $0.droppedCapabilities }, { $0.droppedCapabilities = $1 }),
    RecordField("isPrivileged", { $0.isPrivileged }, { $0.isPrivileged = $1 }),
    RecordField("security", { $0.security }, { $0.security = $1 }),
    RecordField("resources", { $0.resources }, { $0.resources = $1 }),
    RecordField("cgroupParent", { $0.cgroupParent }, { $0.cgroupParent = $1 }),
  ]
}

extension SecurityRequest: FieldRecord, RecordValue {
  static let fields: [RecordField<SecurityRequest>] = [
    RecordField("noNewPrivileges", { $0.noNewPrivileges }, { $0.noNewPrivileges = $1 }),
    RecordField("seccomp", { $0.seccomp }, { $0.seccomp = $1 }),
    RecordField("apparmor", { $0.apparmor }, { $0.apparmor = $1 }),
    RecordField("systemPathsAreUnconfined", { $0.systemPathsAreUnconfined }, { $0.systemPathsAreUnconfined = $1 }),
  ]
}

extension ResourceRequest: FieldRecord, RecordValue {
  static let fields: [RecordField<ResourceRequest>] = [
    RecordField("memoryBytes", { $0.memoryBytes }, { $0.memoryBytes = $1 }),
    RecordField("memorySwapBytes", { $0.memorySwapBytes }, { $0.memorySwapBytes = $1 }),
    RecordField("memoryReservationBytes", { $0.memoryReservationBytes }, { $0.memoryReservationBytes = $1 }),
    RecordField("memorySwappiness", { $0.memorySwappiness }, { $0.memorySwappiness = $1 }),
    RecordField("oomKillIsDisabled", { $0.oomKillIsDisabled }, { $0.oomKillIsDisabled = $1 }),
    RecordField("nanoCPUs", { $0.nanoCPUs }, { $0.nanoCPUs = $1 }),
    RecordField("cpuShares", { $0.cpuShares }, { $0.cpuShares = $1 }),
    RecordField("cpuPeriod", { $0.cpuPeriod }, { $0.cpuPeriod = $1 }),
    RecordField("cpuQuota", { $0.cpuQuota }, { $0.cpuQuota = $1 }),
    RecordField("cpuRealtimePeriod", { $0.cpuRealtimePeriod }, { $0.cpuRealtimePeriod = $1 }),
    RecordField("cpuRealtimeRuntime", { $0.cpuRealtimeRuntime }, { $0.cpuRealtimeRuntime = $1 }),
    RecordField("cpusetCPUs", { $0.cpusetCPUs }, { $0.cpusetCPUs = $1 }),
    RecordField("cpusetMemoryNodes", { $0.cpusetMemoryNodes }, { $0.cpusetMemoryNodes = $1 }),
    RecordField("pidsLimit", { $0.pidsLimit }, { $0.pidsLimit = $1 }),
    RecordField("blockIOWeight", { $0.blockIOWeight }, { $0.blockIOWeight = $1 }),
    RecordField("cgroupSettings", { $0.cgroupSettings }, { $0.cgroupSettings = $1 }),
    RecordField("blockIOWeightDevices", { $0.blockIOWeightDevices }, { $0.blockIOWeightDevices = $1 }),
    RecordField("readBytesPerSecond", { $0.readBytesPerSecond }, { $0.readBytesPerSecond = $1 }),
    RecordField("writeBytesPerSecond", { $0.writeBytesPerSecond }, { $0.writeBytesPerSecond = $1 }),
    RecordField("readOperationsPerSecond", { $0.readOperationsPerSecond }, { $0.readOperationsPerSecond = $1 }),
    RecordField("writeOperationsPerSecond", { $0.writeOperationsPerSecond }, { $0.writeOperationsPerSecond = $1 }),
  ]
}

extension MountRequest: FieldRecord, RecordValue {
  init() {
    self.init(source: .tmpfs, destination: "")
  }

  static let fields: [RecordField<MountRequest>] = [
    RecordField("source", { $0.source }, { $0.source = $1 }),
    RecordField("destination", { $0.destination }, { $0.destination = $1 }),
    RecordField("isReadOnly", { $0.isReadOnly }, { $0.isReadOnly = $1 }),
    RecordField("isRecursive", { $0.isRecursive }, { $0.isRecursive = $1 }),
    RecordField("leavesInnerMountsWritable", { $0.leavesInnerMountsWritable }, { $0.leavesInnerMountsWritable = $1 }),
    RecordField("isOverlay", { $0.isOverlay }, { $0.isOverlay = $1 }),
    RecordField("subpath", { $0.subpath }, { $0.subpath = $1 }),
    RecordField("changesOwner", { $0.changesOwner }, { $0.changesOwner = $1 }),
    RecordField("volumeLabels", { $0.volumeLabels }, { $0.volumeLabels = $1 }),
    RecordField("volumeOptions", { $0.volumeOptions }, { $0.volumeOptions = $1 }),
    RecordField("propagation", { $0.propagation }, { $0.propagation = $1 }),
    RecordField("copiesFromImage", { $0.copiesFromImage }, { $0.copiesFromImage = $1 }),
    RecordField("options", { $0.options }, { $0.options = $1 }),
  ]
}

extension MountRequest.Source: RecordValue {
  var recorded: JSONValue {
    switch self {
    case .bind(let path, let createsMissing): ["bind": .string(path), "createsMissing": .bool(createsMissing)]
    case .volume(let name): ["volume": JSONValue(name)]
    case .image(let name): ["image": .string(name)]
    case .tmpfs: ["tmpfs": true]
    case .ramfs: ["ramfs": true]
    case .devpts: ["devpts": true]
    }
  }

  init?(recorded: JSONValue) {
    if let path = recorded["bind"]?.string {
      self = .bind(path: path, createsMissing: recorded["createsMissing"]?.bool ?? false)
    } else if let volume = recorded["volume"] {
      self = .volume(name: volume.string)
    } else if let image = recorded["image"]?.string {
      self = .image(name: image)
    } else if recorded["tmpfs"] != nil {
      self = .tmpfs
    } else if recorded["ramfs"] != nil {
      self = .ramfs
    } else if recorded["devpts"] != nil {
      self = .devpts
    } else {
      return nil
    }
  }
}

extension ResourceLimitRequest: RecordValue {
  var recorded: JSONValue {
    ["name": .string(name), "soft": JSONValue(soft), "hard": JSONValue(hard)]
  }

  init?(recorded: JSONValue) {
    guard let name = recorded["name"]?.string, let soft = recorded["soft"]?.unsigned,
      let hard = recorded["hard"]?.unsigned
    else { return nil }
    self.init(name: name, soft: soft, hard: hard)
  }
}

extension DeviceRequest: RecordValue {
  var recorded: JSONValue {
    ["hostPath": .string(hostPath), "containerPath": .string(containerPath), "access": .string(access)]
  }

  init?(recorded: JSONValue) {
    guard let host = recorded["hostPath"]?.string, let inside = recorded["containerPath"]?.string,
      let access = recorded["access"]?.string
    else { return nil }
    self.init(hostPath: host, containerPath: inside, access: access)
  }
}

extension DeviceAmount: RecordValue {
  var recorded: JSONValue { ["path": .string(path), "amount": JSONValue(amount)] }

  init?(recorded: JSONValue) {
    guard let path = recorded["path"]?.string, let amount = recorded["amount"]?.unsigned else { return nil }
    self.init(path: path, amount: amount)
  }
}

/// A value that is kept as the text that the command line reads.
private protocol TextRecordValue: RecordValue {
  var text: String { get }
  init?(reading text: String)
}

extension TextRecordValue {
  var recorded: JSONValue { .string(text) }
  init?(recorded: JSONValue) {
    guard let text = recorded.string else { return nil }
    self.init(reading: text)
  }
}

extension NamespaceRequest: TextRecordValue {
  init?(reading text: String) { self.init(parsing: text) }
}

extension NetworkRequest: TextRecordValue {
  init?(reading text: String) { self.init(parsing: text) }
}

extension PortRequest: TextRecordValue {
  init?(reading text: String) {
    do throws(EngineError) {
      try self.init(parsing: text)
    } catch {
      return nil
    }
  }
}

extension ExposedPort: TextRecordValue {
  init?(reading text: String) {
    do throws(EngineError) {
      guard let port = try ExposedPort.parse(text).first else { return nil }
      self = port
    } catch {
      return nil
    }
  }
}

extension CDIDeviceName: TextRecordValue {
  init?(reading text: String) { self.init(parsing: text) }
}

extension VolumesFromRequest: TextRecordValue {
  init?(reading text: String) {
    do throws(EngineError) {
      try self.init(parsing: text)
    } catch {
      return nil
    }
  }
}

extension LogDriver: TextRecordValue {
  var text: String { rawValue }
  init?(reading text: String) { self.init(rawValue: text) }
}

extension NotificationRequest: TextRecordValue {
  var text: String { rawValue }
  init?(reading text: String) { self.init(rawValue: text) }
}

extension RestartPolicy: TextRecordValue {
  init?(reading text: String) {
    do throws(FormatError) {
      try self.init(parsing: text)
    } catch {
      return nil
    }
  }
}

extension DeviceRuleRequest: TextRecordValue {
  init?(reading text: String) {
    do throws(EngineError) {
      try self.init(parsing: text)
    } catch {
      return nil
    }
  }
}

extension UserNamespaceRequest: RecordValue {
  var recorded: JSONValue {
    switch self {
    case .host: "host"
    case .automatic: "auto"
    case .keepID: .string(keepIDText)
    case .container(let name): .string("container:\(name)")
    case .mapped(let users, let groups):
      ["users": JSONValue(users.map(\.text)), "groups": JSONValue(groups.map(\.text))]
    }
  }

  init?(recorded: JSONValue) {
    if let text = recorded.string {
      self.init(parsing: text)
      return
    }
    guard let users = Self.ranges(recorded["users"]), let groups = Self.ranges(recorded["groups"]) else { return nil }
    self = .mapped(users: users, groups: groups)
  }

  private static func ranges(_ list: JSONValue?) -> [IDRange]? {
    guard let list = list?.array else { return nil }
    let ranges = list.compactMap { $0.string.flatMap(IDRange.init(parsing:)) }
    return ranges.count == list.count ? ranges : nil
  }
}

extension FieldRecord where Self: RecordValue {
  var recorded: JSONValue { document() }
  init?(recorded: JSONValue) { self.init(document: recorded) }
}
