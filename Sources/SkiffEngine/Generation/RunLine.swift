import SkiffRuntime
import SkiffSpec

/// The words of a command line that asks for a container once more.
public struct RunLine {
  /// Of what was asked; not of what the image added. What no option can say is refused by its name.
  public static func words(_ request: RunRequest) throws(EngineError) -> [String] {
    var line = RunLine()
    line.addProcess(request)
    line.addNames(request)
    try line.addSight(request)
    line.addNamespaces(request)
    line.addNetwork(request)
    line.addRights(request)
    line.addLimits(request)
    line.addSupervision(request)
    guard let rootfs = request.rootfs else { return line.words + [request.image] + request.command }
    line.add("--rootfs", rootfs)
    // No image stands between the options and a command that looks like one.
    if request.command.first?.hasPrefix("-") == true { line.words.append("--") }
    return line.words + request.command
  }

  /// The words as a shell takes them.
  public static func quoted(_ words: [String]) -> String {
    words.map { word in
      let isPlain = word.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || "-_./:=,@%+".utf8.contains(byte)
      }
      return isPlain && !word.isEmpty
        ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
  }

  private var words: [String] = []

  private mutating func add(_ option: String, _ value: String?) {
    // A value that begins with a dash would be taken for an option of its own.
    if let value { words += value.hasPrefix("-") ? ["\(option)=\(value)"] : [option, value] }
  }

  private mutating func add(_ option: String, each values: [String]) {
    for value in values { add(option, value) }
  }

  private mutating func add(_ option: String, pairs: [String: String]) {
    for (key, value) in pairs.sorted(by: { $0.key < $1.key }) { add(option, "\(key)=\(value)") }
  }

  private mutating func add(flag option: String, _ isSet: Bool) {
    if isSet { words.append(option) }
  }

  private mutating func add(_ option: String, number: (some BinaryInteger)?) {
    if let number { add(option, "\(number)") }
  }

  private mutating func addProcess(_ request: RunRequest) {
    add(flag: "--interactive", request.isInteractive)
    add(flag: "--tty", request.hasTerminal)
    add("--env", each: request.environment)
    add("--workdir", request.workingDirectory)
    add("--user", request.user)
    add("--group-add", each: request.additionalGroups)
    if let entrypoint = request.entrypoint { add("--entrypoint", entrypoint.first ?? "") }
    add(flag: "--init", request.usesInit)
    if request.usesCallersLimits { add("--ulimit", "host") }
    for limit in request.resourceLimits {
      add("--ulimit", "\(limit.name)=\(Self.limit(limit.soft)):\(Self.limit(limit.hard))")
    }
    add("--stop-signal", request.stopSignal)
    add("--stop-timeout", number: request.stopTimeoutSeconds)
    if request.timeLimitSeconds != 0 { add("--timeout", number: request.timeLimitSeconds) }
    add("--oom-score-adj", number: request.oomScoreAdjustment)
    add("--umask", request.umask.map { String($0, radix: 8) })
    add("--tz", request.timeZone)
    add("--pidfile", request.pidFile)
  }

  private static func limit(_ value: UInt64) -> String { value == .max ? "-1" : "\(value)" }

  private mutating func addNames(_ request: RunRequest) {
    add("--name", request.name)
    add("--hostname", request.hostname)
    add("--domainname", request.domainname)
    add("--label", pairs: request.labels)
    add("--annotation", pairs: request.annotations)
  }

  private mutating func addSight(_ request: RunRequest) throws(EngineError) {
    for mount in request.mounts {
      let option = try mount.option()
      add(option.name, option.value)
    }
    add("--volumes-from", each: request.volumesFrom.map(\.text))
    add(flag: "--read-only", request.isReadOnly)
    add(flag: "--read-only-tmpfs", request.hasWritableTemporaries)
    add("--shm-size", number: request.shmSizeBytes)
    add("--device", each: request.devices.map { "\($0.hostPath):\($0.containerPath):\($0.access)" })
    add("--device", each: request.cdiDevices.map(\.text))
    add("--device-cgroup-rule", each: request.deviceRules.map(\.text))
    add("--secret", each: request.secrets.map(\.text))
  }

  private mutating func addNamespaces(_ request: RunRequest) {
    for (option, namespace) in [
      ("--pid", request.pidNamespace), ("--ipc", request.ipcNamespace), ("--uts", request.utsNamespace),
      ("--cgroupns", request.cgroupNamespace),
    ] where namespace != .private { add(option, namespace.text) }
    switch request.userNamespace {
    case .host: break
    case .automatic: add("--userns", "auto")
    case .keepID: add("--userns", request.userNamespace.keepIDText)
    case .container(let name): add("--userns", "container:\(name)")
    case .mapped(let users, let groups):
      add("--uidmap", each: users.map(\.text))
      add("--gidmap", each: groups.map(\.text))
    }
  }

  private mutating func addNetwork(_ request: RunRequest) {
    if request.network != .bridge { add("--network", request.network.text) }
    add("--ip", request.address)
    add("--mac-address", request.macAddress)
    add("--publish", each: request.publishedPorts.map(\.text))
    add(flag: "--publish-all", request.publishesAllPorts)
    add("--expose", each: request.exposedPorts.map(\.text))
    add("--dns", each: request.dnsServers)
    add("--dns-search", each: request.dnsSearch)
    add("--dns-option", each: request.dnsOptions)
    add("--add-host", each: request.extraHosts)
    add(flag: "--no-hosts", request.leavesHosts)
  }

  private mutating func addRights(_ request: RunRequest) {
    add("--cap-add", each: request.addedCapabilities)
    add("--cap-drop", each: request.droppedCapabilities)
    add(flag: "--privileged", request.isPrivileged)
    let security = request.security
    if let forbids = security.noNewPrivileges { add("--security-opt", "no-new-privileges=\(forbids)") }
    if let seccomp = security.seccomp { add("--security-opt", "seccomp=\(seccomp)") }
    if let apparmor = security.apparmor { add("--security-opt", "apparmor=\(apparmor)") }
    if security.systemPathsAreUnconfined { add("--security-opt", "systempaths=unconfined") }
    add("--landlock", each: request.landlockRules)
    add("--sysctl", pairs: request.sysctls)
  }

  private mutating func addLimits(_ request: RunRequest) {
    let limits = request.resources
    add("--memory", number: limits.memoryBytes)
    add("--memory-swap", number: limits.memorySwapBytes)
    add("--memory-reservation", number: limits.memoryReservationBytes)
    add("--memory-swappiness", number: limits.memorySwappiness)
    add(flag: "--oom-kill-disable", limits.oomKillIsDisabled)
    if let cpus = limits.nanoCPUs {
      let billion: Int64 = 1_000_000_000
      let fraction = String(String(cpus % billion + billion).dropFirst())
      add("--cpus", "\(cpus / billion).\(fraction)")
    }
    add("--cpu-shares", number: limits.cpuShares)
    add("--cpu-period", number: limits.cpuPeriod)
    add("--cpu-quota", number: limits.cpuQuota)
    add("--cpu-rt-period", number: limits.cpuRealtimePeriod)
    add("--cpu-rt-runtime", number: limits.cpuRealtimeRuntime)
    add("--cpuset-cpus", limits.cpusetCPUs)
    add("--cpuset-mems", limits.cpusetMemoryNodes)
    add("--pids-limit", number: limits.pidsLimit)
    add("--blkio-weight", number: limits.blockIOWeight)
    for (option, amounts) in [
      ("--blkio-weight-device", limits.blockIOWeightDevices), ("--device-read-bps", limits.readBytesPerSecond),
      ("--device-write-bps", limits.writeBytesPerSecond), ("--device-read-iops", limits.readOperationsPerSecond),
      ("--device-write-iops", limits.writeOperationsPerSecond),
    ] { add(option, each: amounts.map { "\($0.path):\($0.amount)" }) }
    add("--cgroup-conf", pairs: limits.cgroupSettings)
    add("--cgroup-parent", request.cgroupParent)
    add(flag: "--resource-view", request.showsOwnResources)
  }

  private mutating func addSupervision(_ request: RunRequest) {
    add("--platform", request.platform)
    add(flag: "--rm", request.removesItself)
    if request.restart.name != .no { add("--restart", request.restart.text) }
    if request.logDriver != .jsonFile { add("--log-driver", request.logDriver.rawValue) }
    add("--log-opt", pairs: request.logOptions)
    if request.notification != .ignore { add("--sdnotify", request.notification.rawValue) }
    addHealth(request.health)
  }

  /// A check as `--health-cmd` takes it; nil for none.
  private static func checkText(_ test: [String]) -> String? {
    switch test.first {
    case "CMD-SHELL" where test.count <= 2: test.dropFirst().first ?? ""
    case "CMD-SHELL": String(decoding: JSONValue(test).serialized(), as: UTF8.self)
    case "CMD": String(decoding: JSONValue(Array(test.dropFirst())).serialized(), as: UTF8.self)
    default: nil
    }
  }

  private mutating func addHealth(_ health: HealthRequest) {
    if health.test.first == "NONE" { words.append("--no-healthcheck") }
    add("--health-cmd", Self.checkText(health.test))
    add("--health-startup-cmd", Self.checkText(health.startupTest))
    for (option, nanoseconds) in [
      ("--health-interval", health.interval), ("--health-timeout", health.timeout),
      ("--health-start-period", health.startPeriod), ("--health-start-interval", health.startInterval),
      ("--health-startup-interval", health.startupInterval), ("--health-startup-timeout", health.startupTimeout),
    ] where nanoseconds != 0 { add(option, "\(nanoseconds)ns") }
    for (option, number) in [
      ("--health-retries", health.retries), ("--health-startup-retries", health.startupRetries),
      ("--health-startup-success", health.startupSuccesses),
    ] where number != 0 { add(option, number: number) }
    add("--health-log-destination", health.logDirectory)
    add("--health-max-log-count", number: health.logCount)
    add("--health-max-log-size", number: health.logBytes)
    if health.action != .none { add("--health-on-failure", health.action.rawValue) }
  }
}

extension SecretRequest {
  /// As `--secret` takes it.
  fileprivate var text: String {
    var parts = [name, "type=" + (isVariable ? "env" : "mount")]
    if let target { parts.append("target=\(target)") }
    if !isVariable { parts += ["uid=\(userID)", "gid=\(groupID)", "mode=" + String(mode, radix: 8)] }
    return parts.joined(separator: ",")
  }
}

extension MountRequest {
  /// The option that asks for it, and its value.
  fileprivate func option() throws(EngineError) -> (name: String, value: String) {
    // A colon ends a path in the short options.
    let hasColon = destination.contains(":")
    switch source {
    case .tmpfs where !hasColon: return ("--tmpfs", destination + shortOptions)
    case .tmpfs: return ("--mount", try fields("tmpfs", nil, tmpfsFields()))
    case .ramfs: return ("--mount", try fields("ramfs", nil, memoryFields()))
    case .devpts: return ("--mount", try fields("devpts", nil, memoryFields()))
    case .bind(let path, true) where !hasColon && !path.contains(":"):
      return ("--volume", "\(path):\(destination)\(shortOptions)")
    // The short form makes the directory where it is missing; the long one finds the directory that was made.
    case .bind(let path, _): return ("--mount", try fields("bind", path, longOptions()))
    case .volume(let name?) where !hasColon && volumeLabels.isEmpty && volumeOptions.isEmpty && subpath == nil:
      return ("--volume", "\(name):\(destination)\(shortOptions)")
    case .volume(let name): return ("--mount", try fields("volume", name, longOptions()))
    case .image(let name): return ("--mount", try fields("image", name, isOverlay ? ["readwrite"] : []))
    }
  }

  /// What follows the paths in `--volume` and `--tmpfs`, with its colon.
  private var shortOptions: String {
    var words = isReadOnly ? ["ro"] : []
    if let propagation { words.append(propagation) }
    if !isRecursive { words.append("bind") }
    if !copiesFromImage { words.append("nocopy") }
    if changesOwner { words.append("U") }
    if isOverlay, source != .tmpfs { words.append("O") }
    words += options
    return words.isEmpty ? "" : ":" + words.joined(separator: ",")
  }

  private func longOptions() throws(EngineError) -> [String] {
    var words = isReadOnly ? ["readonly"] : []
    if let propagation { words.append("bind-propagation=\(propagation)") }
    if !isRecursive { words.append("bind-nonrecursive") }
    if leavesInnerMountsWritable { words.append("bind-recursive=writable") }
    if !copiesFromImage { words.append("volume-nocopy") }
    if let subpath { words.append("volume-subpath=\(subpath)") }
    if changesOwner { words.append("U") }
    for (key, value) in volumeLabels.sorted(by: { $0.key < $1.key }) { words.append("volume-label=\(key)=\(value)") }
    for (key, value) in volumeOptions.sorted(by: { $0.key < $1.key }) { words.append("volume-opt=\(key)=\(value)") }
    for option in options {
      guard option == "idmap" || option.hasPrefix("idmap=") else { throw unwritable("option \(option)") }
      words.append(option)
    }
    if isOverlay { throw unwritable("option O") }
    return words
  }

  private func memoryFields() -> [String] { (isReadOnly ? ["readonly"] : []) + options }

  private func tmpfsFields() throws(EngineError) -> [String] {
    var words = isReadOnly ? ["readonly"] : []
    for option in options {
      if option == "tmpcopyup" {
        words.append(option)
        continue
      }
      guard option.hasPrefix("size=") || option.hasPrefix("mode=") else { throw unwritable("option \(option)") }
      words.append("tmpfs-\(option)")
    }
    return words
  }

  private func fields(_ type: String, _ source: String?, _ options: [String]) throws(EngineError) -> String {
    let fields = ["type=\(type)"] + (source.map { ["source=\($0)"] } ?? []) + ["target=\(destination)"] + options
    if fields.contains(where: { $0.contains("\"") }) { throw unwritable("quotes") }
    return fields.map { $0.contains(",") ? "\"\($0)\"" : $0 }.joined(separator: ",")
  }

  /// No option says all of it.
  private func unwritable(_ what: String) -> EngineError {
    .refused("cannot write the mount at \(destination) as an option: --mount has no way to say its \(what)")
  }
}
