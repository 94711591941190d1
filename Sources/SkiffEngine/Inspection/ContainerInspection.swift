import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

extension Engine {
  /// All that is known of a container, in the shape that Docker's API gives it.
  ///
  /// - Parameter withSize: what it takes on the disk as well, which takes its time.
  public func inspect(_ text: String, withSize: Bool = false) throws(EngineError) -> JSONValue {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let state = try state(of: directory)
    var document = JSONObject()
    document["Id"] = .string(id)
    document["Created"] = .string(record.created)
    document["Path"] = .string(record.command.first ?? "")
    document["Args"] = JSONValue(Array(record.command.dropFirst()))
    document["State"] = Self.document(state, health: record.health == nil ? nil : try directory.healthState())
    document["Image"] = .string(record.imageID)
    document["ResolvConfPath"] = .string("\(directory.path)/resolv.conf")
    document["HostnamePath"] = .string("\(directory.path)/hostname")
    document["HostsPath"] = .string("\(directory.path)/hosts")
    document["LogPath"] = .string(record.request.logDriver.isShown ? "\(directory.path)/container.log" : "")
    document["Name"] = .string("/" + record.name)
    document["RestartCount"] = .integer(try directory.restartRecord()?.count ?? 0)
    document["Driver"] = .string(Self.driverName(record.rootfs))
    document["Platform"] = "linux"
    document["GraphDriver"] = ["Name": .string(Self.driverName(record.rootfs)), "Data": record.rootfs.document]
    document["Mounts"] = .array(record.mounts.map(Self.document))
    document["Config"] = Self.configuration(record)
    document["HostConfig"] = Self.hostConfiguration(record)
    document["NetworkSettings"] = try networkSettings(directory, record, isRunning: state.processID != nil)
    if withSize {
      let size = try self.size(of: id)
      document["SizeRw"] = .integer(size.writableBytes)
      document["SizeRootFs"] = .integer(size.rootBytes)
    }
    return .object(document)
  }

  private static func driverName(_ rootfs: RootfsRecord) -> String {
    switch rootfs {
    case .overlay: "overlay"
    case .directory: "directory"
    case .image: "image"
    }
  }

  private static func document(_ state: ContainerState, health: HealthState?) -> JSONValue {
    var document = JSONObject()
    document["Status"] = .string(state.status.word)
    document["Running"] = .bool(state.status.isAlive)
    document["Paused"] = .bool(state.status == .paused)
    if case .restarting = state.status { document["Restarting"] = true } else { document["Restarting"] = false }
    document["OOMKilled"] = .bool(state.exit?.oomKilled ?? false)
    document["Dead"] = .bool(state.status == .dead)
    document["Pid"] = JSONValue(state.processID ?? 0)
    document["ExitCode"] = JSONValue(
      state.restart?.exitCode ?? state.exit?.exitCode ?? (state.status == .dead ? 255 : 0))
    document["Error"] = .string(state.exit?.error ?? "")
    document["StartedAt"] = .string(state.startedAt ?? Timestamp.never.text)
    document["FinishedAt"] = .string(state.exit?.finishedAt ?? Timestamp.never.text)
    if let health { document["Health"] = health.document }
    return .object(document)
  }

  private static func document(_ mount: MountRecord) -> JSONValue {
    var document = JSONObject()
    switch mount.request.source {
    case .bind: document["Type"] = "bind"
    case .volume:
      document["Type"] = "volume"
      document["Name"] = JSONValue(mount.volume)
      document["Driver"] = "local"
    case .image(let name):
      document["Type"] = "image"
      document["Name"] = .string(name)
    case .tmpfs: document["Type"] = "tmpfs"
    case .ramfs: document["Type"] = "ramfs"
    case .devpts: document["Type"] = "devpts"
    }
    document["Source"] = .string(mount.hostPath ?? mount.overlay?.lower.first ?? mount.fileSystem?.device ?? "")
    if let subpath = mount.request.subpath { document["SubPath"] = .string(subpath) }
    document["Destination"] = .string(mount.request.destination)
    document["Mode"] = .string(mount.request.options.joined(separator: ","))
    document["RW"] = .bool(!mount.request.isReadOnly)
    document["Propagation"] = .string(mount.request.propagation ?? (mount.hostPath == nil ? "" : "rprivate"))
    return .object(document)
  }

  private static func configuration(_ record: ContainerRecord) -> JSONValue {
    let request = record.request
    var document = JSONObject()
    document["Hostname"] = .string(record.hostname)
    document["Domainname"] = .string(request.domainname ?? "")
    document["User"] = .string(record.user)
    document["AttachStdin"] = .bool(request.isInteractive)
    document["AttachStdout"] = true
    document["AttachStderr"] = true
    if !record.exposedPorts.isEmpty {
      document["ExposedPorts"] = .object(JSONObject(record.exposedPorts.map { ($0.text, [:]) }))
    }
    document["Tty"] = .bool(request.hasTerminal)
    document["OpenStdin"] = .bool(request.isInteractive)
    document["StdinOnce"] = .bool(request.isInteractive)
    document["Env"] = JSONValue(record.environment)
    document["Cmd"] = JSONValue(request.command.isEmpty && request.entrypoint == nil ? record.command : request.command)
    document["Image"] = .string(record.imageName)
    document["Volumes"] = .null
    document["WorkingDir"] = .string(record.workingDirectory)
    document["Entrypoint"] = request.entrypoint.map { JSONValue($0) } ?? .null
    document["Labels"] = JSONValue(record.labels)
    document["Annotations"] = JSONValue(request.annotations)
    if let health = record.health {
      document["Healthcheck"] = health.document
      if let startup = health.startupDocument { document["StartupHealthCheck"] = startup }
      if let place = health.logDirectory { document["HealthLogDestination"] = .string(place) }
      if let count = health.logCount { document["HealthcheckMaxLogCount"] = .integer(count) }
      if let bytes = health.logBytes { document["HealthcheckMaxLogSize"] = .integer(bytes) }
      if health.action != .none { document["HealthcheckOnFailureAction"] = .string(health.action.rawValue) }
    }
    if !request.secrets.isEmpty {
      document["Secrets"] = .array(
        request.secrets.map {
          [
            "Name": .string($0.name), "UID": JSONValue($0.userID), "GID": JSONValue($0.groupID),
            "Mode": JSONValue($0.mode),
          ]
        })
    }
    document["StopSignal"] = .string(record.stopSignal)
    document["Timeout"] = JSONValue(request.timeLimitSeconds)
    document["StopTimeout"] = request.stopTimeoutSeconds.map { .integer($0) } ?? .null
    return .object(document)
  }

  private func networkSettings(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, isRunning: Bool
  ) throws(EngineError) -> JSONValue {
    var endpoint = isRunning ? try Self.endpoint(directory) : JSONObject()
    var document = JSONObject()
    let names = ["IPAddress", "IPPrefixLen", "Gateway", "MacAddress"]
    for name in names { document[name] = endpoint[name] ?? (name == "IPPrefixLen" ? 0 : "") }
    document["Ports"] =
      isRunning
      ? PortBinding.document(Self.published(endpoint), exposed: record.exposedPorts) : [:]
    endpoint["PublishedPorts"] = nil
    if let address = record.request.address { endpoint["IPAMConfig"] = ["IPv4Address": .string(address)] }
    if let macAddress = record.request.macAddress { endpoint["MacAddress"] = .string(macAddress) }
    if let processID = try runningProcess(directory.id) {
      document["SandboxKey"] = .string("/proc/\(processID)/ns/net")
    } else {
      document["SandboxKey"] = ""
    }
    document["Networks"] = .object(JSONObject([(record.request.network.text, .object(endpoint))]))
    return .object(document)
  }
}

extension Engine {
  /// How a container is connected. In the moment in which it is started again that is being written.
  fileprivate static func endpoint(_ directory: borrowing ContainerDirectory) throws(EngineError) -> JSONObject {
    var looksLeft = 20
    while true {
      guard let bytes = try directory.content(ContainerDirectory.File.network) else { return JSONObject() }
      do throws(JSONError) {
        return try JSONValue.parse(bytes).object ?? JSONObject()
      } catch {
        looksLeft -= 1
        if looksLeft == 0 { throw .damaged(thing: "\(directory.path)/network.json", reason: "\(error)") }
      }
      ClockTime.sleep(milliseconds: 5)
    }
  }

  /// The ports that a container's last start published.
  fileprivate static func published(_ endpoint: JSONObject) -> [PublishedPort] {
    (endpoint["PublishedPorts"]?.array ?? []).compactMap { $0.string.flatMap { PublishedPort(text: $0[...]) } }
  }

  /// The same for a container that runs.
  func publishedPorts(_ directory: borrowing ContainerDirectory) -> [PublishedPort] {
    guard let bytes = try? directory.content(ContainerDirectory.File.network),
      let endpoint = (try? JSONValue.parse(bytes))?.object
    else { return [] }
    return Self.published(endpoint)
  }
}

// What was asked of the host.
extension Engine {
  private static func hostConfiguration(_ record: ContainerRecord) -> JSONValue {
    let request = record.request
    var document = JSONObject()
    document["Binds"] = JSONValue(
      record.mounts.compactMap { mount -> String? in
        guard let path = mount.volume ?? mount.hostPath, !mount.isAnonymous else { return nil }
        return "\(path):\(mount.request.destination)" + (mount.request.isReadOnly ? ":ro" : "")
      })
    document["LogConfig"] = ["Type": .string(request.logDriver.rawValue), "Config": JSONValue(request.logOptions)]
    document["NetworkMode"] = .string(request.network.text)
    document["PortBindings"] = PortBinding.document(record.ports)
    document["PublishAllPorts"] = .bool(request.publishesAllPorts)
    document["RestartPolicy"] = [
      "Name": .string(request.restart.name.rawValue), "MaximumRetryCount": .integer(request.restart.maximumRetryCount),
    ]
    document["AutoRemove"] = .bool(request.removesItself)
    document["CapAdd"] = JSONValue(request.addedCapabilities)
    document["CapDrop"] = JSONValue(request.droppedCapabilities)
    document["CgroupnsMode"] = .string(request.cgroupNamespace.text)
    document["Dns"] = JSONValue(request.dnsServers)
    document["DnsOptions"] = JSONValue(request.dnsOptions)
    document["DnsSearch"] = JSONValue(request.dnsSearch)
    document["ExtraHosts"] = JSONValue(request.extraHosts)
    document["GroupAdd"] = JSONValue(request.additionalGroups)
    document["IpcMode"] = .string(request.ipcNamespace.text)
    document["PidMode"] = .string(request.pidNamespace == .private ? "" : request.pidNamespace.text)
    document["UTSMode"] = .string(request.utsNamespace == .private ? "" : request.utsNamespace.text)
    document["UsernsMode"] = .string(request.userNamespace.mode)
    let maps = idMaps(record)
    document["IDMappings"] =
      maps.users.isEmpty
      ? .null : ["UidMap": JSONValue(maps.users.map(\.text)), "GidMap": JSONValue(maps.groups.map(\.text))]
    document["Privileged"] = .bool(request.isPrivileged)
    document["ReadonlyRootfs"] = .bool(request.isReadOnly)
    document["SecurityOpt"] = JSONValue(securityOptions(request.security))
    document["ShmSize"] = .integer(request.shmSizeBytes ?? ContainerDefaults.shmSizeBytes)
    document["Sysctls"] = JSONValue(request.sysctls)
    document["Runtime"] = "skiff-runtime"
    document["Init"] = .bool(request.usesInit)
    document["OomScoreAdj"] = JSONValue(request.oomScoreAdjustment ?? 0)
    document["CgroupParent"] = .string(request.cgroupParent ?? "")
    document["VolumesFrom"] = request.volumesFrom.isEmpty ? .null : JSONValue(request.volumesFrom.map(\.text))
    document["Tmpfs"] = JSONValue(tmpfs(record.mounts))
    document["Devices"] = .array(
      request.devices.map {
        [
          "PathOnHost": .string($0.hostPath), "PathInContainer": .string($0.containerPath),
          "CgroupPermissions": .string($0.access),
        ]
      })
    document["DeviceRequests"] =
      request.cdiDevices.isEmpty
      ? .null
      : [["Driver": "cdi", "Count": 0, "DeviceIDs": JSONValue(request.cdiDevices.map(\.text)), "Capabilities": .null]]
    document["DeviceCgroupRules"] = JSONValue(request.deviceRules.map(\.text))
    document["Ulimits"] = .array(
      request.resourceLimits.map {
        ["Name": .string($0.name), "Soft": limit($0.soft), "Hard": limit($0.hard)]
      })
    for member in resources(request.resources).members { document[member.key] = member.value }
    return .object(document)
  }

  /// As podman shows them: `INSIDE:OUTSIDE:COUNT`.
  private static func idMaps(_ record: ContainerRecord) -> (users: [IDRange], groups: [IDRange]) {
    switch record.request.userNamespace {
    case .host, .container: return ([], [])
    case .mapped(let users, let groups): return (users, groups)
    case .keepID: return ((try? KeptIDs.users()) ?? [], (try? KeptIDs.groups()) ?? [])
    case .automatic:
      let ranges = record.idRange.map { [IDRangeLeases.range($0)] } ?? []
      return (ranges, ranges)
    }
  }

  private static func limit(_ value: UInt64) -> JSONValue {
    value == .max ? -1 : JSONValue(value)
  }

  private static func tmpfs(_ mounts: [MountRecord]) -> [String: String] {
    var entries: [String: String] = [:]
    for mount in mounts where mount.request.source == .tmpfs {
      entries[mount.request.destination] = mount.request.options.joined(separator: ",")
    }
    return entries
  }

  private static func securityOptions(_ security: SecurityRequest) -> [String] {
    var options: [String] = []
    if let forbids = security.noNewPrivileges { options.append("no-new-privileges=\(forbids)") }
    if let seccomp = security.seccomp { options.append("seccomp=\(seccomp)") }
    if let apparmor = security.apparmor { options.append("apparmor=\(apparmor)") }
    if security.systemPathsAreUnconfined { options.append("systempaths=unconfined") }
    return options
  }

  private static func resources(_ request: ResourceRequest) -> JSONObject {
    var document = JSONObject()
    document["Memory"] = .integer(request.memoryBytes ?? 0)
    document["MemorySwap"] = .integer(request.memorySwapBytes ?? 0)
    document["MemoryReservation"] = .integer(request.memoryReservationBytes ?? 0)
    document["MemorySwappiness"] = request.memorySwappiness.map { JSONValue($0) } ?? .null
    document["OomKillDisable"] = .bool(request.oomKillIsDisabled)
    document["NanoCpus"] = .integer(request.nanoCPUs ?? 0)
    document["CpuShares"] = JSONValue(request.cpuShares ?? 0)
    document["CpuPeriod"] = JSONValue(request.cpuPeriod ?? 0)
    document["CpuQuota"] = .integer(request.cpuQuota ?? 0)
    document["CpuRealtimePeriod"] = JSONValue(request.cpuRealtimePeriod ?? 0)
    document["CpuRealtimeRuntime"] = .integer(request.cpuRealtimeRuntime ?? 0)
    document["CpusetCpus"] = .string(request.cpusetCPUs ?? "")
    document["CpusetMems"] = .string(request.cpusetMemoryNodes ?? "")
    document["PidsLimit"] = .integer(request.pidsLimit ?? ContainerDefaults.pidsLimit)
    document["CgroupConf"] = request.cgroupSettings.isEmpty ? .null : JSONValue(request.cgroupSettings)
    document["BlkioWeight"] = JSONValue(request.blockIOWeight ?? 0)
    return document
  }
}
