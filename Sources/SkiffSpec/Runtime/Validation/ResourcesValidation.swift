extension SpecValidator {
  mutating func check(_ resources: RuntimeSpec.Resources, at keyPath: @autoclosure () -> String) {
    func path(_ member: String) -> String { keyPath().isEmpty ? member : "\(keyPath()).\(member)" }

    for (index, rule) in resources.devices.enumerated() {
      check(rule, at: "\(path("devices"))[\(index)]")
    }
    if let memory = resources.memory { check(memory, at: path("memory")) }
    if let cpu = resources.cpu { check(cpu, at: path("cpu")) }
    if let limit = resources.pids?.limit {
      require(limit >= -1, path("pids.limit"), "must be -1 (unlimited) or more")
    }
    if let blockIO = resources.blockIO { check(blockIO, at: path("blockIO")) }
    checkHugepages(resources.hugepageLimits, at: path("hugepageLimits"))
    for (index, priority) in (resources.network?.priorities ?? []).enumerated() {
      require(
        Self.isInterfaceName(priority.name), "\(path("network.priorities"))[\(index)].name",
        "invalid network device name \(SpecKeyPath.quoted(priority.name))")
    }
    for name in resources.rdma.keys.sorted() {
      require(
        !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "=") },
        SpecKeyPath.joined(path("rdma"), name), "invalid rdma device name")
    }
    checkUnified(resources.unified, at: path("unified"))
  }

  private mutating func check(_ rule: RuntimeSpec.DeviceRule, at keyPath: @autoclosure () -> String) {
    let type = rule.type ?? "a"
    require(
      ["", "a", "b", "c"].contains(type), "\(keyPath()).type", "invalid device type: \(SpecKeyPath.quoted(type))")
    // -1 is written for "every one" too.
    require(rule.major.map { (-1...0xFFF).contains($0) } ?? true, "\(keyPath()).major", "must be between 0 and 4095")
    require(
      rule.minor.map { (-1...0xFFFFF).contains($0) } ?? true, "\(keyPath()).minor", "must be between 0 and 1048575")
    let access = rule.access ?? ""
    // In a denial "a" is understood as all of them: what was meant to be closed must not stay open.
    let letters = rule.allow ? "rwm" : "rwma"
    require(
      access.utf8.allSatisfy { letters.utf8.contains($0) }, "\(keyPath()).access",
      "invalid access \(SpecKeyPath.quoted(access)): must be made of r, w and m")
  }

  private mutating func check(_ memory: RuntimeSpec.Memory, at keyPath: @autoclosure () -> String) {
    for (value, name) in [
      (memory.limit, "limit"), (memory.reservation, "reservation"), (memory.swap, "swap"), (memory.kernel, "kernel"),
      (memory.kernelTCP, "kernelTCP"),
    ] {
      require((value ?? 0) >= -1, "\(keyPath()).\(name)", "must be -1 (unlimited) or more")
    }
    // swap counts memory and swap together; 0 is "unset".
    if let limit = memory.limit, let swap = memory.swap, swap > 0 {
      require(limit != -1, "\(keyPath()).swap", "memory+swap cannot be limited where memory is not")
      require(limit <= 0 || swap >= limit, "\(keyPath()).swap", "memory+swap limit should be >= memory limit")
    }
    if let swappiness = memory.swappiness {
      // Older engines send -1 as an unsigned number for "unset".
      require(
        swappiness <= 100 || swappiness == .max, "\(keyPath()).swappiness",
        "invalid memory swappiness value: \(swappiness) (valid range is 0-100)")
    }
  }

  private mutating func check(_ cpu: RuntimeSpec.CPU, at keyPath: @autoclosure () -> String) {
    require((cpu.quota ?? 0) >= -1, "\(keyPath()).quota", "must be -1 (unlimited) or more")
    // cpu.cfs_period_us takes 1 ms to 1 s; 0 is "unset".
    if let period = cpu.period, period != 0 {
      require(
        (1000...1_000_000).contains(period), "\(keyPath()).period", "must be between 1000 and 1000000 microseconds")
    }
    require((cpu.realtimeRuntime ?? 0) >= -1, "\(keyPath()).realtimeRuntime", "must be -1 (unlimited) or more")
    require(
      (cpu.realtimePeriod ?? 0) <= UInt64(Int64.max), "\(keyPath()).realtimePeriod", "is too large")
    require((cpu.burst ?? 0) <= UInt64(Int64.max), "\(keyPath()).burst", "is too large")
    requireCPUList(cpu.cpus, "\(keyPath()).cpus")
    requireCPUList(cpu.mems, "\(keyPath()).mems")
    require((0...1).contains(cpu.idle ?? 0), "\(keyPath()).idle", "must be 0 or 1")
  }

  private mutating func check(_ blockIO: RuntimeSpec.BlockIO, at keyPath: @autoclosure () -> String) {
    checkWeight(blockIO.weight, at: "\(keyPath()).weight")
    checkWeight(blockIO.leafWeight, at: "\(keyPath()).leafWeight")
    for (index, device) in blockIO.weightDevice.enumerated() {
      func here() -> String { "\(keyPath()).weightDevice[\(index)]" }
      checkNumbers(device.major, device.minor, at: here())
      checkWeight(device.weight, at: "\(here()).weight")
      checkWeight(device.leafWeight, at: "\(here()).leafWeight")
    }
    for (devices, name) in [
      (blockIO.throttleReadBpsDevice, "throttleReadBpsDevice"),
      (blockIO.throttleWriteBpsDevice, "throttleWriteBpsDevice"),
      (blockIO.throttleReadIOPSDevice, "throttleReadIOPSDevice"),
      (blockIO.throttleWriteIOPSDevice, "throttleWriteIOPSDevice"),
    ] {
      for (index, device) in devices.enumerated() {
        checkNumbers(device.major, device.minor, at: "\(keyPath()).\(name)[\(index)]")
      }
    }
  }

  private mutating func checkNumbers(_ major: Int64, _ minor: Int64, at keyPath: @autoclosure () -> String) {
    require((0...0xFFF).contains(major), "\(keyPath()).major", "must be between 0 and 4095")
    require((0...0xFFFFF).contains(minor), "\(keyPath()).minor", "must be between 0 and 1048575")
  }

  private mutating func checkWeight(_ weight: UInt16?, at keyPath: @autoclosure () -> String) {
    guard let weight, weight != 0 else { return }
    require((10...1000).contains(weight), keyPath(), "must be 0 (unset) or between 10 and 1000")
  }

  private mutating func checkHugepages(_ limits: [RuntimeSpec.HugepageLimit], at keyPath: @autoclosure () -> String) {
    var seen: Set<String> = []
    for (index, limit) in limits.enumerated() {
      func here() -> String { "\(keyPath())[\(index)].pageSize" }
      let size = limit.pageSize.utf8
      let digits = size.prefix(while: \.isDigit)
      let isSize =
        (1...9).contains(digits.count) && digits.first != UInt8(ascii: "0")
        && ["KB", "MB", "GB"].contains { $0.utf8.elementsEqual(size.dropFirst(digits.count)) }
      require(isSize, here(), "invalid page size \(SpecKeyPath.quoted(limit.pageSize)): such as 2MB")
      require(seen.insert(limit.pageSize).inserted, here(), "stands twice")
    }
  }

  /// The names become file names in the container's cgroup.
  private mutating func checkUnified(_ files: [String: String], at keyPath: @autoclosure () -> String) {
    for (name, value) in files.sorted(by: { $0.key < $1.key }) {
      func here() -> String { SpecKeyPath.joined(keyPath(), name) }
      func quoted() -> String { SpecKeyPath.quoted(name) }
      require(
        !name.utf8.contains(UInt8(ascii: "/")), here(), "unified resource \(quoted()) must be a file name (no slashes)")
      let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      require(
        parts.count >= 2 && parts.allSatisfy { !$0.isEmpty }, here(),
        "unified resource \(quoted()) must be in the form CONTROLLER.PARAMETER")
      require(value.utf8.count <= 4096, here(), "the value is longer than 4096 bytes")
    }
  }
}
