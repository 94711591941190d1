import SkiffSpec

// Limits and devices.
extension SpecComposer {
  func resources() throws(EngineError) -> RuntimeSpec.Resources {
    var resources = RuntimeSpec.Resources()
    resources.devices = try deviceRules()
    resources.memory = try memory()
    resources.cpu = try cpu()
    resources.blockIO = try blockIO()
    resources.pids = pids()
    resources.unified = request.resources.cgroupSettings
    return resources
  }

  /// Puts the limits that a request asks for by number, and nothing that is about devices, in the place of those that stand.
  static func takeLimits(
    of request: RunRequest, id: String, into resources: inout RuntimeSpec.Resources
  ) throws(EngineError) {
    let user = ResolvedUser(userID: 0, groupID: 0, additionalGroupIDs: [])
    var plain = request
    plain.resources.blockIOWeightDevices = []
    plain.resources.readBytesPerSecond = []
    plain.resources.writeBytesPerSecond = []
    plain.resources.readOperationsPerSecond = []
    plain.resources.writeOperationsPerSecond = []
    let composer = SpecComposer(Composition(containerID: id, rootPath: "/", request: plain, user: user))
    resources.memory = try composer.memory()
    resources.cpu = try composer.cpu()
    resources.pids = composer.pids()
    if let weight = try composer.blockIO()?.weight {
      var block = resources.blockIO ?? RuntimeSpec.BlockIO()
      block.weight = weight
      resources.blockIO = block
    }
  }

  private func pids() -> RuntimeSpec.Pids {
    var pids = RuntimeSpec.Pids()
    let limit = request.resources.pidsLimit ?? ContainerDefaults.pidsLimit
    pids.limit = limit <= 0 ? -1 : limit
    return pids
  }

  private func memory() throws(EngineError) -> RuntimeSpec.Memory? {
    let asked = request.resources
    var memory = RuntimeSpec.Memory()
    let limit = asked.memoryBytes.flatMap { $0 == 0 ? nil : $0 }
    memory.limit = limit
    if let swap = asked.memorySwapBytes, swap != 0 {
      guard let limit else {
        throw .refused("--memory-swap needs --memory: it is the sum of memory and swap")
      }
      guard swap == -1 || swap >= limit else {
        throw .refused("--memory-swap is the sum of memory and swap: it cannot be below --memory")
      }
      memory.swap = swap
    } else if let limit {
      // As much swap as memory, unless the sum would not fit.
      let (sum, overflowed) = limit.addingReportingOverflow(limit)
      memory.swap = overflowed ? -1 : sum
    }
    if let reservation = asked.memoryReservationBytes, reservation != 0 {
      if let limit, reservation > limit {
        throw .refused("--memory-reservation cannot be above --memory")
      }
      memory.reservation = reservation
    }
    if let swappiness = asked.memorySwappiness {
      guard swappiness <= 100 else {
        throw .invalidOption(name: "--memory-swappiness", value: "\(swappiness)", reason: "it goes from 0 to 100")
      }
      memory.swappiness = swappiness
    }
    if asked.oomKillIsDisabled { memory.disableOOMKiller = true }
    return memory == RuntimeSpec.Memory() ? nil : memory
  }

  private func cpu() throws(EngineError) -> RuntimeSpec.CPU? {
    let asked = request.resources
    var cpu = RuntimeSpec.CPU()
    cpu.shares = asked.cpuShares.flatMap { $0 == 0 ? nil : $0 }
    if let nanoCPUs = asked.nanoCPUs, nanoCPUs != 0 {
      guard asked.cpuPeriod == nil, asked.cpuQuota == nil else {
        throw .refused("--cpus says what --cpu-period and --cpu-quota say: choose one way")
      }
      let quota = nanoCPUs / 10_000
      // The kernel takes no quota below a millisecond.
      guard quota >= 1000 else {
        throw .invalidOption(name: "--cpus", value: "\(nanoCPUs)e-9", reason: "the smallest share of a CPU is 0.01")
      }
      cpu.period = ContainerDefaults.cpuPeriodMicroseconds
      cpu.quota = quota
    }
    if let period = asked.cpuPeriod, period != 0 {
      guard (1000...1_000_000).contains(period) else {
        throw .invalidOption(
          name: "--cpu-period", value: "\(period)", reason: "it goes from 1000 to 1000000 microseconds")
      }
      cpu.period = period
    }
    if let quota = asked.cpuQuota, quota != 0 {
      guard quota == -1 || quota >= 1000 else {
        throw .invalidOption(name: "--cpu-quota", value: "\(quota)", reason: "it is 1000 microseconds or more, or -1")
      }
      cpu.quota = quota
    }
    cpu.realtimePeriod = asked.cpuRealtimePeriod.flatMap { $0 == 0 ? nil : $0 }
    cpu.realtimeRuntime = asked.cpuRealtimeRuntime.flatMap { $0 == 0 ? nil : $0 }
    if let runtime = cpu.realtimeRuntime, let period = cpu.realtimePeriod, runtime > 0, UInt64(runtime) > period {
      throw .refused("--cpu-rt-runtime cannot be above --cpu-rt-period")
    }
    for (option, list) in [("--cpuset-cpus", asked.cpusetCPUs), ("--cpuset-mems", asked.cpusetMemoryNodes)] {
      guard let list, !NumberOption.isNumberList(list) else { continue }
      throw .invalidOption(name: option, value: list, reason: "expected numbers and ranges such as 0-2,5")
    }
    cpu.cpus = asked.cpusetCPUs
    cpu.mems = asked.cpusetMemoryNodes
    return cpu == RuntimeSpec.CPU() ? nil : cpu
  }

  private func blockIO() throws(EngineError) -> RuntimeSpec.BlockIO? {
    let asked = request.resources
    var block = RuntimeSpec.BlockIO()
    if let weight = asked.blockIOWeight, weight != 0 {
      guard (10...1000).contains(weight) else {
        throw .invalidOption(name: "--blkio-weight", value: "\(weight)", reason: "it goes from 10 to 1000")
      }
      block.weight = weight
    }
    for entry in asked.blockIOWeightDevices {
      guard (10...1000).contains(entry.amount) else {
        throw .invalidOption(
          name: "--blkio-weight-device", value: "\(entry.path):\(entry.amount)", reason: "a weight goes from 10 to 1000"
        )
      }
      let node = try node(entry.path)
      var weight = RuntimeSpec.WeightDevice()
      weight.major = Int64(node.major)
      weight.minor = Int64(node.minor)
      weight.weight = UInt16(entry.amount)
      block.weightDevice.append(weight)
    }
    block.throttleReadBpsDevice = try throttles(asked.readBytesPerSecond)
    block.throttleWriteBpsDevice = try throttles(asked.writeBytesPerSecond)
    block.throttleReadIOPSDevice = try throttles(asked.readOperationsPerSecond)
    block.throttleWriteIOPSDevice = try throttles(asked.writeOperationsPerSecond)
    return block == RuntimeSpec.BlockIO() ? nil : block
  }

  private func throttles(_ amounts: [DeviceAmount]) throws(EngineError) -> [RuntimeSpec.ThrottleDevice] {
    try amounts.map { entry throws(EngineError) in
      let node = try node(entry.path)
      guard node.type == "b" else { throw .refused("\(entry.path) is no block device") }
      var throttle = RuntimeSpec.ThrottleDevice()
      throttle.major = Int64(node.major)
      throttle.minor = Int64(node.minor)
      throttle.rate = entry.amount
      return throttle
    }
  }

  private func node(_ path: String) throws(EngineError) -> DeviceNode {
    guard let node = composition.deviceNodes[path] else {
      throw .report("the device \(path) was not looked up")
    }
    return node
  }

  /// Everything is denied first: an empty list must never mean "allow" (GHSA-g54h).
  private func deviceRules() throws(EngineError) -> [RuntimeSpec.DeviceRule] {
    if request.isPrivileged {
      var everything = RuntimeSpec.DeviceRule()
      everything.allow = true
      everything.access = "rwm"
      return [everything]
    }
    var nothing = RuntimeSpec.DeviceRule()
    nothing.access = "rwm"
    var rules = [nothing]
    func allow(_ type: String, _ major: Int64?, _ minor: Int64?, _ access: String) {
      var rule = RuntimeSpec.DeviceRule()
      rule.allow = true
      rule.type = type
      rule.major = major
      rule.minor = minor
      rule.access = access
      rules.append(rule)
    }
    for device in ContainerDefaults.devices { allow("c", device.major, device.minor, "rwm") }
    for device in request.devices {
      let node = try node(device.hostPath)
      allow(node.type, Int64(node.major), Int64(node.minor), device.access)
    }
    for rule in request.deviceRules { allow(rule.type, rule.major, rule.minor, rule.access) }
    return rules
  }

  /// The nodes beyond those that every container has.
  func devices() throws(EngineError) -> [RuntimeSpec.Device] {
    var devices: [RuntimeSpec.Device] = []
    func add(_ path: String, _ node: DeviceNode) {
      var device = RuntimeSpec.Device()
      device.path = path
      device.type = node.type
      device.major = Int64(node.major)
      device.minor = Int64(node.minor)
      device.fileMode = node.mode
      // The host's owner means nothing under another id mapping.
      device.userID = hasUserNamespace ? 0 : node.userID
      device.groupID = hasUserNamespace ? 0 : node.groupID
      devices.append(device)
    }
    if request.isPrivileged {
      for (path, node) in composition.hostDevices.sorted(by: { $0.key < $1.key }) { add(path, node) }
    }
    for device in request.devices {
      let path = Self.cleaned(device.containerPath)
      devices.removeAll { $0.path == path }
      add(path, try node(device.hostPath))
    }
    return devices
  }
}
