package import SkiffSpec

/// One thing to write to one control file of a group.
package struct CgroupSetting: Equatable, Sendable {
  /// Settings that limit each other: which of them must go first depends on what the kernel holds, so the kernel is asked.
  package enum Knot: Equatable, Sendable {
    case memory
    case cpuBandwidth
    case realtime
  }

  package let controller: String
  package let file: String
  package let value: String
  /// The key path in the document, for a report.
  package let setting: String
  package var knot: Knot?
  /// Where the kernel has no such file: another file and value that mean the same.
  package var alternative: Alternative?
  /// A missing file says that there is nothing to limit.
  package var mayBeMissing = false

  package struct Alternative: Equatable, Sendable {
    package let file: String
    package let value: String
  }
}

/// Turns the document's resources into control files and their contents. Pure: the same for every machine of the same layout.
///
/// Nil and, where engines use it so, 0 leave a thing as it is. What is asked for and has no controller, or no counterpart in the
/// generation at hand, is an error that names it: a limit is never dropped without a word.
package struct CgroupSettings {
  var settings: [CgroupSetting] = []
  let version: (String) -> CgroupVersion?
  /// Whether the group has values from before, so that "0" and "false" may have something to undo.
  let isUpdate: Bool

  /// - Parameters:
  ///   - version: which generation controls a controller here; nil for none.
  ///   - isUpdate: the group exists and is being changed.
  package static func make(
    _ resources: RuntimeSpec.Resources, isUpdate: Bool = false, version: (String) -> CgroupVersion?
  ) throws(CgroupError) -> [CgroupSetting] {
    try withoutActuallyEscaping(version) { (version) throws(CgroupError) in
      var maker = CgroupSettings(version: version, isUpdate: isUpdate)
      if let cpu = resources.cpu { try maker.add(cpu) }
      if let memory = resources.memory { try maker.add(memory) }
      if let pids = resources.pids { try maker.add(pids) }
      if let blockIO = resources.blockIO { try maker.add(blockIO) }
      for limit in resources.hugepageLimits { try maker.add(limit) }
      if let network = resources.network { try maker.add(network) }
      if !resources.rdma.isEmpty { try maker.add(rdma: resources.rdma) }
      if !resources.unified.isEmpty { try maker.add(unified: resources.unified) }
      return maker.settings
    }
  }

  /// The same where one generation controls everything.
  package static func make(
    _ resources: RuntimeSpec.Resources, isUpdate: Bool = false, version: CgroupVersion
  ) throws(CgroupError) -> [CgroupSetting] {
    try make(resources, isUpdate: isUpdate) { _ in version }
  }

  // MARK: What every kind of resource needs

  /// The generation of a controller that a setting needs.
  func required(_ controller: String, for setting: String) throws(CgroupError) -> CgroupVersion {
    guard let version = version(controller) else {
      throw .missingController(controller, setting: "linux.resources." + setting)
    }
    return version
  }

  mutating func add(
    _ controller: String, _ file: String, _ value: String, _ setting: String, knot: CgroupSetting.Knot? = nil,
    alternative: CgroupSetting.Alternative? = nil, mayBeMissing: Bool = false
  ) {
    settings.append(
      CgroupSetting(
        controller: controller, file: file, value: value, setting: "linux.resources." + setting, knot: knot,
        alternative: alternative, mayBeMissing: mayBeMissing))
  }

  func unsupported(_ setting: String, _ reason: String) -> CgroupError {
    .unsupported(setting: "linux.resources." + setting, reason: reason)
  }

  func bad(_ setting: String, _ reason: String) -> CgroupError {
    .badValue(setting: "linux.resources." + setting, reason: reason)
  }
}

// MARK: Memory, processes

extension CgroupSettings {
  /// The kernel's own memory is part of the limit on every kernel of today: `kernel` and `kernelTCP` are taken and not used,
  /// as the specification asks.
  fileprivate mutating func add(_ memory: RuntimeSpec.Memory) throws(CgroupError) {
    let limit = try bytes(memory.limit, "memory.limit")
    let swap = try bytes(memory.swap, "memory.swap")
    let reservation = try bytes(memory.reservation, "memory.reservation")
    if let limit, let swap, limit > 0, swap > 0, swap < limit {
      throw bad("memory.swap", "memory and swap together (\(swap)) are less than memory alone (\(limit))")
    }
    let disablesKiller = memory.disableOOMKiller == true
    let needs: [(Bool, String)] = [
      (limit != nil, "limit"), (swap != nil, "swap"), (reservation != nil, "reservation"),
      (memory.swappiness != nil, "swappiness"), (disablesKiller, "disableOOMKiller"),
    ]
    guard let first = needs.first(where: { $0.0 }) else { return }
    switch try required("memory", for: "memory." + first.1) {
    case .v1:
      if let limit {
        add("memory", "memory.limit_in_bytes", "\(limit)", "memory.limit", knot: .memory)
      }
      if let swap {
        add("memory", "memory.memsw.limit_in_bytes", "\(swap)", "memory.swap", knot: .memory)
      } else if limit == -1 {
        // Without a limit for memory none is meant for both together; a kernel that does not count swap has nothing to lift.
        add(
          "memory", "memory.memsw.limit_in_bytes", "-1", "memory.limit", knot: .memory, mayBeMissing: true)
      }
      if let reservation {
        add("memory", "memory.soft_limit_in_bytes", "\(reservation)", "memory.reservation")
      }
      if let swappiness = memory.swappiness {
        guard swappiness <= 200 else { throw bad("memory.swappiness", "\(swappiness) is not in 0…200") }
        add("memory", "memory.swappiness", "\(swappiness)", "memory.swappiness")
      }
      if disablesKiller {
        add("memory", "memory.oom_control", "1", "memory.disableOOMKiller")
      } else if isUpdate, memory.disableOOMKiller == false {
        add("memory", "memory.oom_control", "0", "memory.disableOOMKiller")
      }
    case .v2:
      try addUnified(memory, limit: limit, swap: swap, reservation: reservation)
    }
  }

  private mutating func addUnified(
    _ memory: RuntimeSpec.Memory, limit: Int64?, swap: Int64?, reservation: Int64?
  ) throws(CgroupError) {
    if memory.swappiness != nil { throw unsupported("memory.swappiness", "cgroup v2 has no swappiness of a group") }
    if memory.disableOOMKiller == true {
      throw unsupported("memory.disableOOMKiller", "cgroup v2 cannot switch the killer off")
    }
    // The document counts memory and swap together, v2 counts swap alone.
    var swapAlone: String?
    switch (limit, swap) {
    case (_, -1), (-1, nil): swapAlone = "max"
    case (_, nil): break
    case (let limit?, let swap?) where limit > 0: swapAlone = "\(swap - limit)"
    default: throw bad("memory.swap", "a limit on memory and swap together needs a limit on memory")
    }
    if let swapAlone {
      // A kernel without swap has no such file, and nothing to limit.
      add(
        "memory", "memory.swap.max", swapAlone, "memory.swap",
        mayBeMissing: swapAlone == "max" || swapAlone == "0")
    }
    if let limit { add("memory", "memory.max", limit < 0 ? "max" : "\(limit)", "memory.limit") }
    if let reservation {
      add("memory", "memory.low", reservation < 0 ? "max" : "\(reservation)", "memory.reservation")
    }
  }

  /// 0 is "unset", -1 "unlimited".
  private func bytes(_ value: Int64?, _ setting: String) throws(CgroupError) -> Int64? {
    guard let value, value != 0 else { return nil }
    if value < -1 { throw bad(setting, "\(value) is neither a number of bytes nor -1") }
    return value
  }

  /// Only -1 is "no limit". 0 is one: the first process alone, which is what 1 says, too, and systemd knows no 0.
  fileprivate mutating func add(_ pids: RuntimeSpec.Pids) throws(CgroupError) {
    guard let limit = pids.limit else { return }
    if limit < 0, version("pids") == nil { return }
    _ = try required("pids", for: "pids.limit")
    add("pids", "pids.max", limit < 0 ? "max" : "\(max(limit, 1))", "pids.limit")
  }
}
