import SkiffSpec

// How what was asked is kept in container.json.
extension RunRequest: FieldRecord {
  static let fields: [RecordField<RunRequest>] = [
    RecordField("image", \.image),
    RecordField("rootfs", \.rootfs),
    RecordField("command", \.command),
    RecordField("entrypoint", \.entrypoint),
    RecordField("name", \.name),
    RecordField("platform", \.platform),
    RecordField("environment", \.environment),
    RecordField("workingDirectory", \.workingDirectory),
    RecordField("user", \.user),
    RecordField("additionalGroups", \.additionalGroups),
    RecordField("umask", \.umask),
    RecordField("isInteractive", \.isInteractive),
    RecordField("hasTerminal", \.hasTerminal),
    RecordField("usesInit", \.usesInit),
    RecordField("stopSignal", \.stopSignal),
    RecordField("stopTimeoutSeconds", \.stopTimeoutSeconds),
    RecordField("oomScoreAdjustment", \.oomScoreAdjustment),
    RecordField("resourceLimits", \.resourceLimits),
    RecordField("hostname", \.hostname),
    RecordField("domainname", \.domainname),
    RecordField("labels", \.labels),
    RecordField("annotations", \.annotations),
    RecordField("removesItself", \.removesItself),
    RecordField("logDriver", \.logDriver),
    RecordField("isReadOnly", \.isReadOnly),
    RecordField("mounts", \.mounts),
    RecordField("shmSizeBytes", \.shmSizeBytes),
    RecordField("devices", \.devices),
    RecordField("deviceRules", \.deviceRules),
    RecordField("sysctls", \.sysctls),
    RecordField("pidNamespace", \.pidNamespace),
    RecordField("ipcNamespace", \.ipcNamespace),
    RecordField("utsNamespace", \.utsNamespace),
    RecordField("cgroupNamespace", \.cgroupNamespace),
    RecordField("userNamespace", \.userNamespace),
    RecordField("network", \.network),
    RecordField("dnsServers", \.dnsServers),
    RecordField("dnsSearch", \.dnsSearch),
    RecordField("dnsOptions", \.dnsOptions),
    RecordField("extraHosts", \.extraHosts),
    RecordField("addedCapabilities", \.addedCapabilities),
    RecordField("droppedCapabilities", \.droppedCapabilities),
    RecordField("isPrivileged", \.isPrivileged),
    RecordField("security", \.security),
    RecordField("resources", \.resources),
    RecordField("cgroupParent", \.cgroupParent),
  ]
}

extension SecurityRequest: FieldRecord, RecordValue {
  static let fields: [RecordField<SecurityRequest>] = [
    RecordField("noNewPrivileges", \.noNewPrivileges),
    RecordField("seccomp", \.seccomp),
    RecordField("apparmor", \.apparmor),
    RecordField("systemPathsAreUnconfined", \.systemPathsAreUnconfined),
  ]
}

extension ResourceRequest: FieldRecord, RecordValue {
  static let fields: [RecordField<ResourceRequest>] = [
    RecordField("memoryBytes", \.memoryBytes),
    RecordField("memorySwapBytes", \.memorySwapBytes),
    RecordField("memoryReservationBytes", \.memoryReservationBytes),
    RecordField("memorySwappiness", \.memorySwappiness),
    RecordField("oomKillIsDisabled", \.oomKillIsDisabled),
    RecordField("nanoCPUs", \.nanoCPUs),
    RecordField("cpuShares", \.cpuShares),
    RecordField("cpuPeriod", \.cpuPeriod),
    RecordField("cpuQuota", \.cpuQuota),
    RecordField("cpusetCPUs", \.cpusetCPUs),
    RecordField("cpusetMemoryNodes", \.cpusetMemoryNodes),
    RecordField("pidsLimit", \.pidsLimit),
    RecordField("blockIOWeight", \.blockIOWeight),
    RecordField("blockIOWeightDevices", \.blockIOWeightDevices),
    RecordField("readBytesPerSecond", \.readBytesPerSecond),
    RecordField("writeBytesPerSecond", \.writeBytesPerSecond),
    RecordField("readOperationsPerSecond", \.readOperationsPerSecond),
    RecordField("writeOperationsPerSecond", \.writeOperationsPerSecond),
  ]
}

extension MountRequest: FieldRecord, RecordValue {
  init() {
    self.init(source: .tmpfs, destination: "")
  }

  static let fields: [RecordField<MountRequest>] = [
    RecordField("source", \.source),
    RecordField("destination", \.destination),
    RecordField("isReadOnly", \.isReadOnly),
    RecordField("isRecursive", \.isRecursive),
    RecordField("propagation", \.propagation),
    RecordField("copiesFromImage", \.copiesFromImage),
    RecordField("options", \.options),
  ]
}

extension MountRequest.Source: RecordValue {
  var recorded: JSONValue {
    switch self {
    case .bind(let path, let createsMissing): ["bind": .string(path), "createsMissing": .bool(createsMissing)]
    case .volume(let name): ["volume": JSONValue(name)]
    case .tmpfs: ["tmpfs": true]
    }
  }

  init?(recorded: JSONValue) {
    if let path = recorded["bind"]?.string {
      self = .bind(path: path, createsMissing: recorded["createsMissing"]?.bool ?? false)
    } else if let volume = recorded["volume"] {
      self = .volume(name: volume.string)
    } else if recorded["tmpfs"] != nil {
      self = .tmpfs
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

extension LogDriver: TextRecordValue {
  var text: String { rawValue }
  init?(reading text: String) { self.init(rawValue: text) }
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
