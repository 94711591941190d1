internal import SkiffSpec

extension CgroupSettings {
  /// Processor time and the choice of processors.
  mutating func add(_ cpu: RuntimeSpec.CPU) throws(CgroupError) {
    try addRealtime(cpu)
    try addWeight(cpu)
    try addBandwidth(cpu)
    try addProcessors(cpu)
  }

  private mutating func addWeight(_ cpu: RuntimeSpec.CPU) throws(CgroupError) {
    let shares = cpu.shares == 0 ? nil : cpu.shares
    var idle = cpu.idle
    if idle == 0, !isUpdate { idle = nil }
    if let idle, idle != 0, idle != 1 { throw bad("cpu.idle", "\(idle) is neither 0 nor 1") }
    if let idle {
      _ = try required("cpu", for: "cpu.idle")
      add("cpu", "cpu.idle", "\(idle)", "cpu.idle")
    }
    // An idle group has the least weight there is; the kernel refuses to give it another.
    guard let shares, idle != 1 else { return }
    switch try required("cpu", for: "cpu.shares") {
    case .v1:
      // The kernel would take any number and use another.
      guard (2...262144).contains(shares) else { throw bad("cpu.shares", "\(shares) is not in 2…262144") }
      add("cpu", "cpu.shares", "\(shares)", "cpu.shares")
    case .v2:
      add("cpu", "cpu.weight", "\(CgroupWeight.cpuWeight(shares: shares))", "cpu.shares")
    }
  }

  /// 0 is "unset" for the period and the quota, a negative quota is "unlimited".
  private mutating func addBandwidth(_ cpu: RuntimeSpec.CPU) throws(CgroupError) {
    let quota = cpu.quota == 0 ? nil : cpu.quota
    let period = cpu.period == 0 ? nil : cpu.period
    let burst = cpu.burst == 0 && !isUpdate ? nil : cpu.burst
    if let period {
      guard (1000...1_000_000).contains(period) else {
        throw bad("cpu.period", "\(period) is not in 1000…1000000 microseconds")
      }
    }
    if let quota, (1..<1000).contains(quota) {
      throw bad("cpu.quota", "\(quota) is less than 1000 microseconds")
    }
    let names: [(Bool, String)] = [(period != nil, "period"), (quota != nil, "quota"), (burst != nil, "burst")]
    guard let first = names.first(where: { $0.0 }) else { return }
    switch try required("cpu", for: "cpu." + first.1) {
    case .v1:
      if let period { add("cpu", "cpu.cfs_period_us", "\(period)", "cpu.period", knot: .cpuBandwidth) }
      if let quota { add("cpu", "cpu.cfs_quota_us", "\(max(quota, -1))", "cpu.quota", knot: .cpuBandwidth) }
      if let burst {
        add(
          "cpu", "cpu.cfs_burst_us", "\(burst)", "cpu.burst", knot: .cpuBandwidth, mayBeMissing: burst == 0)
      }
    case .v2:
      if let quota {
        let quotaText = quota < 0 ? "max" : "\(quota)"
        // Without a period the kernel keeps the one it has, 100000 from the start.
        let value = period.map { "\(quotaText) \($0)" } ?? quotaText
        add("cpu", "cpu.max", value, "cpu.quota", knot: .cpuBandwidth)
      } else if let period {
        add("cpu", "cpu.max", "\(Self.presentQuota) \(period)", "cpu.period", knot: .cpuBandwidth)
      }
      if let burst {
        add("cpu", "cpu.max.burst", "\(burst)", "cpu.burst", knot: .cpuBandwidth, mayBeMissing: burst == 0)
      }
    }
  }

  /// Stands for the first word that `cpu.max` holds: v2 cannot set a period alone.
  static let presentQuota = "="

  private mutating func addRealtime(_ cpu: RuntimeSpec.CPU) throws(CgroupError) {
    let period = cpu.realtimePeriod == 0 ? nil : cpu.realtimePeriod
    let runtime = cpu.realtimeRuntime == 0 ? nil : cpu.realtimeRuntime
    guard period != nil || runtime != nil else { return }
    let setting = period != nil ? "cpu.realtimePeriod" : "cpu.realtimeRuntime"
    if try required("cpu", for: setting) == .v2 {
      throw unsupported(setting, "cgroup v2 does not control real-time processes")
    }
    if let period { add("cpu", "cpu.rt_period_us", "\(period)", "cpu.realtimePeriod", knot: .realtime) }
    if let runtime { add("cpu", "cpu.rt_runtime_us", "\(runtime)", "cpu.realtimeRuntime", knot: .realtime) }
  }

  private mutating func addProcessors(_ cpu: RuntimeSpec.CPU) throws(CgroupError) {
    for (list, file, setting) in [
      (cpu.cpus, "cpuset.cpus", "cpu.cpus"), (cpu.mems, "cpuset.mems", "cpu.mems"),
    ] {
      guard let list, !list.isEmpty else { continue }
      guard list.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == 0x2C || $0 == 0x2D })
      else { throw bad(setting, "\"\(list)\" is not a list of numbers and ranges") }
      _ = try required("cpuset", for: setting)
      add("cpuset", file, list, setting)
    }
  }
}
