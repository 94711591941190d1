import SkiffEngine
import SkiffKernel

/// Turns what was typed into a request. Every value is read by the engine's own readers; here it is only handed over.
struct RequestBuilder {
  private let options: ContainerOptions
  private let words: [String]
  private var request = RunRequest()

  init(_ options: ContainerOptions, words: [String]) {
    self.options = options
    self.words = words
  }

  mutating func build() throws(EngineError) -> RunRequest {
    try takeWords()
    try takeProcess(options.process)
    try takeNames(options.names)
    try takeSight(options.sight)
    try takeNamespaces(options.namespaces)
    try takeNetwork(options.network)
    try takeRights(options.rights)
    try takeLimits(options.limits)
    try options.supervision.apply(to: &request, removesItself: options.image.removes)
    request.platform = options.image.platform
    request.removesItself = options.image.removes
    if let name = options.image.logDriver { request.logDriver = try LogDriver(named: name) }
    for text in options.image.logOpt {
      let option = try LogOption.parse(text)
      request.logOptions[option.key] = option.value
    }
    return request
  }

  private mutating func takeWords() throws(EngineError) {
    var words = words[...]
    if let first = words.first, first.hasPrefix("-"), first != "--" { throw RefusedOptions.refusal(first) }
    if words.first == "--" { words = words.dropFirst() }
    if options.sight.rootfs == nil {
      guard let image = words.popFirst() else {
        throw .refused("name an image, or a root file system by --rootfs (see skiff run --help)")
      }
      request.image = image
    }
    request.rootfs = options.sight.rootfs
    request.command = Array(words)
  }

  private mutating func takeProcess(_ options: ProcessOptions) throws(EngineError) {
    request.isInteractive = options.interactive
    request.hasTerminal = options.tty
    if options.envHost { request.environment += ProcessEnvironment.all().filter { !$0.hasPrefix("=") } }
    for path in options.envFile { request.environment += try Self.environment(inFile: path) }
    for text in options.env {
      request.environment.append(
        try EnvironmentOption.entry(text, option: "--env", caller: ProcessEnvironment.value(named:)))
    }
    request.workingDirectory = options.workdir
    request.user = options.user
    request.additionalGroups = options.groupAdd
    if options.groupAdd.contains("keep-groups") {
      guard options.groupAdd.count == 1 else {
        throw .refused("the '--group-add keep-groups' option is not allowed with any other --group-add options")
      }
      request.additionalGroups = []
      request.annotations["run.oci.keep_original_groups"] = "1"
    }
    request.timeZone = options.timeZone
    request.entrypoint = options.entrypoint.map { $0.isEmpty ? [] : [$0] }
    request.usesInit = options.usesInit
    request.usesCallersLimits = options.ulimit.contains("host")
    for text in options.ulimit where text != "host" {
      request.resourceLimits.append(try ResourceLimitRequest(parsing: text))
    }
    request.stopSignal = options.stopSignal
    request.stopTimeoutSeconds = options.stopTimeout
    request.timeLimitSeconds = options.timeout
    if let score = options.oomScoreAdj, !(-1000...1000).contains(score) {
      throw .invalidOption(name: "--oom-score-adj", value: "\(score)", reason: "it goes from -1000 to 1000")
    }
    request.oomScoreAdjustment = options.oomScoreAdj
    if let text = options.umask {
      guard let mask = UInt32(text, radix: 8), mask <= 0o777 else {
        throw .invalidOption(name: "--umask", value: text, reason: "it is octal, 000 to 777")
      }
      request.umask = mask
    }
  }

  static func environment(inFile path: String) throws(EngineError) -> [String] {
    let content = try file(path, limitBytes: EnvironmentOption.fileLimitBytes)
    return try EnvironmentOption.entries(ofFile: content, path: path, caller: ProcessEnvironment.value(named:))
  }

  private static func file(_ path: String, limitBytes: Int) throws(EngineError) -> [UInt8] {
    do throws(Errno) {
      // A pipe will do, as from <(command).
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      return try file.descriptor.readToEnd(limitBytes: limitBytes)
    } catch {
      throw .kernel(act: "read", thing: path, cause: error)
    }
  }

  private mutating func takeNames(_ options: NameOptions) throws(EngineError) {
    request.name = options.name
    request.hostname = options.hostname
    if let path = options.pidfile {
      request.pidFile = path.hasPrefix("/") ? path : try EngineConfiguration.workingDirectoryPath() + "/" + path
    }
    request.domainname = options.domainname
    for path in options.labelFile {
      let content = String(decoding: try Self.file(path, limitBytes: 1 << 20), as: UTF8.self)
      // Of another system a line ends with "\r\n", which is one Character.
      for line in content.split(whereSeparator: { $0 == "\n" || $0 == "\r\n" }) where !line.hasPrefix("#") {
        let label = try EnvironmentOption.label(String(line), option: "--label-file")
        request.labels[label.key] = label.value
      }
    }
    for text in options.label {
      let label = try EnvironmentOption.label(text, option: "--label")
      request.labels[label.key] = label.value
    }
    for text in options.annotation {
      let annotation = try EnvironmentOption.label(text, option: "--annotation")
      request.annotations[annotation.key] = annotation.value
    }
  }

  private mutating func takeSight(_ options: SightOptions) throws(EngineError) {
    let directory =
      options.volume.isEmpty && options.mount.isEmpty ? "/" : try EngineConfiguration.workingDirectoryPath()
    for text in options.volume {
      request.mounts.append(try MountRequest(parsingVolume: text, workingDirectory: directory))
    }
    for text in options.mount {
      request.mounts += try MountRequest.mounts(parsing: text, workingDirectory: directory)
    }
    for text in options.tmpfs { request.mounts.append(try MountRequest(parsingTmpfs: text)) }
    for text in options.secret { request.secrets.append(try SecretRequest(parsing: text)) }
    request.isReadOnly = options.readOnly
    request.hasWritableTemporaries = options.readOnlyTmpfs
    for text in options.volumesFrom { request.volumesFrom.append(try VolumesFromRequest(parsing: text)) }
    request.shmSizeBytes = try Self.bytes(options.shmSize, "--shm-size")
    for text in options.gpus { request.cdiDevices += try GPUOption.devices(text) }
    for text in options.device {
      if let name = CDIDeviceName(parsing: text) {
        request.cdiDevices.append(name)
        continue
      }
      request.devices.append(try DeviceRequest(parsing: text))
    }
    for text in options.deviceRule { request.deviceRules.append(try DeviceRuleRequest(parsing: text)) }
  }

  private mutating func takeNamespaces(_ options: NamespaceOptions) throws(EngineError) {
    func namespace(_ text: String?, _ option: String) throws(EngineError) -> NamespaceRequest {
      guard let text else { return .private }
      guard let request = NamespaceRequest(parsing: text) else {
        throw .invalidOption(name: option, value: text, reason: "it is host, private or container:NAME")
      }
      return request
    }
    request.pidNamespace = try namespace(options.pid, "--pid")
    // "shareable" is what every IPC namespace is here: whoever may join, can.
    request.ipcNamespace = try namespace(options.ipc == "shareable" ? "private" : options.ipc, "--ipc")
    request.utsNamespace = try namespace(options.uts, "--uts")
    request.cgroupNamespace = try namespace(options.cgroupns, "--cgroupns")
    if options.userns == "nomap" { throw .refused("nomap is only supported in rootless mode") }
    if let text = options.userns {
      guard let user = UserNamespaceRequest(parsing: text) else {
        throw .invalidOption(
          name: "--userns", value: text,
          reason: "it is host, auto, keep-id[:uid=N,gid=N], container:NAME or map:INSIDE:OUTSIDE:COUNT")
      }
      request.userNamespace = user
    }
    guard !options.uidmap.isEmpty || !options.gidmap.isEmpty else { return }
    guard options.userns == nil else {
      throw .refused("--userns says what --uidmap and --gidmap say: choose one way")
    }
    let users = try Self.ranges(options.uidmap, "--uidmap")
    let groups = try Self.ranges(options.gidmap, "--gidmap")
    request.userNamespace = .mapped(
      users: users.isEmpty ? groups : users, groups: groups.isEmpty ? users : groups)
  }

  private static func ranges(_ texts: [String], _ option: String) throws(EngineError) -> [IDRange] {
    var ranges: [IDRange] = []
    for text in texts {
      guard let range = IDRange(parsing: text) else {
        throw .invalidOption(name: option, value: text, reason: "expected INSIDE:OUTSIDE:COUNT")
      }
      ranges.append(range)
    }
    return ranges
  }

  private mutating func takeNetwork(_ options: NetworkOptions) throws(EngineError) {
    if let text = options.network {
      let option = try NetworkOption(parsing: text)
      request.network = option.network
      request.address = option.address
      request.macAddress = option.macAddress
    }
    if let text = options.ip {
      guard request.address == nil else { throw .refused("--ip says what --network says: choose one way") }
      request.address = try NetworkOption.address(text, option: "--ip")
    }
    if let text = options.macAddress {
      guard request.macAddress == nil else {
        throw .refused("--mac-address says what --network says: choose one way")
      }
      request.macAddress = try NetworkOption.macAddress(text, option: "--mac-address")
    }
    try NetworkOption.check(request.network, address: request.address, macAddress: request.macAddress)
    for text in options.publish { request.publishedPorts.append(try PortRequest(parsing: text)) }
    request.publishesAllPorts = options.publishAll
    for text in options.expose { request.exposedPorts += try ExposedPort.parse(text) }
    request.dnsServers = options.dns
    request.dnsSearch = options.dnsSearch
    request.dnsOptions = options.dnsOption
    request.extraHosts = options.addHost
    request.leavesHosts = options.noHosts
    if options.noHosts, !options.addHost.isEmpty {
      throw .refused("--no-hosts and --add-host cannot be set together")
    }
  }

  private mutating func takeRights(_ options: RightsOptions) throws(EngineError) {
    request.addedCapabilities = options.capAdd
    request.droppedCapabilities = options.capDrop
    request.isPrivileged = options.privileged
    for text in options.securityOpt { try request.security.take(text) }
    request.landlockRules = options.landlock
    for text in options.sysctl {
      let setting = try EnvironmentOption.label(text, option: "--sysctl")
      request.sysctls[setting.key] = setting.value
    }
  }

  private mutating func takeLimits(_ options: LimitOptions) throws(EngineError) {
    var limits = ResourceRequest()
    limits.memoryBytes = try Self.bytes(options.memory, "--memory")
    limits.memorySwapBytes = options.memorySwap == "-1" ? -1 : try Self.bytes(options.memorySwap, "--memory-swap")
    limits.memoryReservationBytes = try Self.bytes(options.memoryReservation, "--memory-reservation")
    if let swappiness = options.memorySwappiness, swappiness != -1 {
      guard let value = UInt64(exactly: swappiness) else {
        throw .invalidOption(name: "--memory-swappiness", value: "\(swappiness)", reason: "it goes from 0 to 100")
      }
      limits.memorySwappiness = value
    }
    limits.oomKillIsDisabled = options.oomKillDisable
    if let text = options.cpus {
      guard let cpus = NumberOption.nanoCPUs(text) else {
        throw .invalidOption(name: "--cpus", value: text, reason: "expected a number such as 1.5")
      }
      limits.nanoCPUs = cpus
    }
    limits.cpuShares = options.cpuShares
    limits.cpuPeriod = options.cpuPeriod
    limits.cpuQuota = options.cpuQuota
    limits.cpuRealtimePeriod = options.cpuRtPeriod
    limits.cpuRealtimeRuntime = options.cpuRtRuntime
    limits.cpusetCPUs = options.cpusetCpus
    limits.cpusetMemoryNodes = options.cpusetMems
    limits.pidsLimit = options.pidsLimit
    limits.blockIOWeight = options.blkioWeight
    limits.blockIOWeightDevices = try Self.amounts(options.blkioWeightDevice, "--blkio-weight-device", inBytes: false)
    limits.readBytesPerSecond = try Self.amounts(options.deviceReadBps, "--device-read-bps", inBytes: true)
    limits.writeBytesPerSecond = try Self.amounts(options.deviceWriteBps, "--device-write-bps", inBytes: true)
    limits.readOperationsPerSecond = try Self.amounts(options.deviceReadIops, "--device-read-iops", inBytes: false)
    limits.writeOperationsPerSecond = try Self.amounts(options.deviceWriteIops, "--device-write-iops", inBytes: false)
    for text in options.cgroupConf { try limits.setCgroup(text) }
    request.resources = limits
    request.cgroupParent = options.cgroupParent
    switch options.cgroups {
    // The monitor never had a control group of its own.
    case nil, "enabled", "no-conmon": break
    case "disabled", "split": throw .notBuilt("--cgroups \(options.cgroups ?? "")")
    case .some(let text): throw .invalidOption(name: "--cgroups", value: text, reason: "it is enabled or no-conmon")
    }
    request.showsOwnResources = options.resourceView
  }

  private static func bytes(_ text: String?, _ option: String) throws(EngineError) -> Int64? {
    guard let text else { return nil }
    guard let bytes = NumberOption.bytes(text) else {
      throw .invalidOption(name: option, value: text, reason: "expected a size such as 500m or 1.5g")
    }
    return bytes
  }

  private static func amounts(
    _ texts: [String], _ option: String, inBytes: Bool
  ) throws(EngineError) -> [DeviceAmount] {
    var amounts: [DeviceAmount] = []
    for text in texts { amounts.append(try DeviceAmount(parsing: text, option: option, inBytes: inBytes)) }
    return amounts
  }
}
