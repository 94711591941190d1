internal import SkiffSpec

// Processors and block devices, as `events` tells of them.
extension CgroupReportFiles {
  /// How often the kernel's clock of older counters ticks: USER_HZ, on every architecture of 64 bits.
  private static let nanosecondsPerTick: UInt64 = 10_000_000

  func processor() throws(CgroupError) -> JSONValue {
    let controller = record.isUnified ? "cgroup" : "cpu"
    let stat = Self.table(try text(controller, "cpu.stat"))
    let value = { (key: String) in stat.first { $0.0 == key }?.1 }
    var usage: JSONObject
    let throttledTime: UInt64?
    if record.isUnified {
      usage = Self.object([("total", Self.scaled(value("usage_usec"), 1000))])
      usage["kernel"] = JSONValue(Self.scaled(value("system_usec"), 1000) ?? 0)
      usage["user"] = JSONValue(Self.scaled(value("user_usec"), 1000) ?? 0)
      throttledTime = Self.scaled(value("throttled_usec"), 1000)
    } else {
      usage = try legacyUsage()
      throttledTime = value("throttled_time")
    }
    let throttling = Self.object([
      ("periods", value("nr_periods")), ("throttledPeriods", value("nr_throttled")), ("throttledTime", throttledTime),
    ])
    var processor: JSONObject = ["usage": .object(usage), "throttling": .object(throttling)]
    if record.isUnified, let pressure = try pressure("cgroup", "cpu.pressure") { processor["psi"] = pressure }
    return .object(processor)
  }

  private func legacyUsage() throws(CgroupError) -> JSONObject {
    var usage = Self.object([("total", try number("cpuacct", "cpuacct.usage"))])
    let perProcessor = (try text("cpuacct", "cpuacct.usage_percpu") ?? "").split(separator: " ").compactMap {
      UInt64($0)
    }
    if !perProcessor.isEmpty { usage["percpu"] = .array(perProcessor.map { JSONValue($0) }) }
    // A heading, then: processor, user, kernel.
    let rows = (try text("cpuacct", "cpuacct.usage_all") ?? "").split(separator: "\n").dropFirst().map { line in
      line.split(separator: " ").compactMap { UInt64($0) }
    }.filter { $0.count == 3 }
    if !rows.isEmpty {
      usage["percpu_kernel"] = .array(rows.map { JSONValue($0[2]) })
      usage["percpu_user"] = .array(rows.map { JSONValue($0[1]) })
    }
    let ticks = Self.table(try text("cpuacct", "cpuacct.stat"))
    for (name, key) in [("kernel", "system"), ("user", "user")] {
      let counted = ticks.first { $0.0 == key }?.1
      usage[name] = JSONValue(Self.scaled(counted, Self.nanosecondsPerTick) ?? 0)
    }
    return usage
  }

  private static func scaled(_ value: UInt64?, _ factor: UInt64) -> UInt64? {
    guard let value else { return nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }

  func processorSet() throws(CgroupError) -> JSONValue {
    var set = JSONObject()
    let suffix = isUnified("cpuset") ? ".effective" : ""
    for (name, file) in [("cpus", "cpuset.cpus"), ("mems", "cpuset.mems")] {
      let numbers = Self.numbers(of: try text("cpuset", file + suffix) ?? "")
      if !numbers.isEmpty { set[name] = .array(numbers.map { JSONValue($0) }) }
      if name == "cpus" { set["cpu_exclusive"] = JSONValue(try number("cpuset", "cpuset.cpu_exclusive") ?? 0) }
    }
    for name in [
      "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab", "memory_pressure",
      "sched_load_balance",
    ] {
      set[name] = JSONValue(try number("cpuset", "cpuset." + name) ?? 0)
    }
    let level = Int64(try text("cpuset", "cpuset.sched_relax_domain_level") ?? "") ?? 0
    set["sched_relax_domain_level"] = .integer(level)
    return .object(set)
  }

  /// The numbers of a list such as `0-3,7`; no more than a machine can have.
  static func numbers(of list: String) -> [UInt64] {
    var numbers: [UInt64] = []
    for part in list.split(separator: ",") {
      let ends = part.split(separator: "-").compactMap { UInt16($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { continue }
      numbers.append(contentsOf: (first...last).map(UInt64.init))
    }
    return numbers
  }

  func blocks() throws(CgroupError) -> JSONValue {
    var blocks = JSONObject()
    if record.entry(of: "blkio").map({ !$0.isUnified }) == true {
      for (name, file) in try legacyBlockFiles() {
        let entries = Self.blockEntries(try text("blkio", file))
        if !entries.isEmpty { blocks[name] = .array(entries) }
      }
    } else {
      let text = try text("io", "io.stat")
      for (name, keys) in [
        ("ioServiceBytesRecursive", [("rbytes", "Read"), ("wbytes", "Write"), ("dbytes", "Discard")]),
        ("ioServicedRecursive", [("rios", "Read"), ("wios", "Write"), ("dios", "Discard")]),
      ] {
        let entries = Self.unifiedBlockEntries(text, keys)
        if !entries.isEmpty { blocks[name] = .array(entries) }
      }
      if let pressure = try pressure("io", "io.pressure") { blocks["psi"] = pressure }
    }
    return .object(blocks)
  }

  /// The schedulers that count came and went: bfq's files, those of the old one, at the least those of throttling.
  private func legacyBlockFiles() throws(CgroupError) -> [(String, String)] {
    let kinds = [
      ("sectorsRecursive", "sectors"), ("ioServiceBytesRecursive", "io_service_bytes"),
      ("ioServicedRecursive", "io_serviced"), ("ioQueueRecursive", "io_queued"),
      ("ioServiceTimeRecursive", "io_service_time"), ("ioWaitTimeRecursive", "io_wait_time"),
      ("ioMergedRecursive", "io_merged"), ("ioTimeRecursive", "time"),
    ]
    for prefix in ["blkio.bfq.", "blkio."] {
      let probe = try text("blkio", prefix + "io_serviced_recursive")
      if !Self.blockEntries(probe).isEmpty { return kinds.map { ($0.0, prefix + $0.1 + "_recursive") } }
    }
    let suffix = try text("blkio", "blkio.throttle.io_serviced_recursive") == nil ? "" : "_recursive"
    return [
      ("ioServiceBytesRecursive", "blkio.throttle.io_service_bytes" + suffix),
      ("ioServicedRecursive", "blkio.throttle.io_serviced" + suffix),
    ]
  }

  /// Lines as `8:0 Read 4096` or `8:0 12`; the sum at the end is left out.
  static func blockEntries(_ text: String?) -> [JSONValue] {
    (text ?? "").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard (2...3).contains(words.count), let device = device(words[0]), let value = UInt64(words[words.count - 1])
      else { return nil }
      return blockEntry(device, words.count == 3 ? String(words[1]) : nil, value)
    }
  }

  /// Lines as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0`.
  static func unifiedBlockEntries(_ text: String?, _ keys: [(key: String, operation: String)]) -> [JSONValue] {
    var entries: [JSONValue] = []
    for line in (text ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let first = words.first, let device = device(first) else { continue }
      for word in words.dropFirst() {
        let parts = word.split(separator: "=")
        guard parts.count == 2, let operation = keys.first(where: { $0.key == parts[0] })?.operation,
          let value = UInt64(parts[1])
        else { continue }
        entries.append(blockEntry(device, operation, value))
      }
    }
    return entries
  }

  private static func device(_ word: Substring) -> (major: UInt64, minor: UInt64)? {
    let parts = word.split(separator: ":")
    guard parts.count == 2, let major = UInt64(parts[0]), let minor = UInt64(parts[1]) else { return nil }
    return (major, minor)
  }

  private static func blockEntry(_ device: (major: UInt64, minor: UInt64), _ operation: String?, _ value: UInt64)
    -> JSONValue
  {
    var entry = object([("major", device.major), ("minor", device.minor)])
    if let operation { entry["op"] = .string(operation) }
    if value != 0 { entry["value"] = JSONValue(value) }
    return .object(entry)
  }
}
