internal import SkiffKernel
package import SkiffSpec

/// A unit's property with its value.
package struct SystemdProperty: Equatable, Sendable {
  package let name: String
  package let value: BusValue

  package init(_ name: String, _ value: BusValue) {
    self.name = name
    self.value = value
  }

  /// As a method takes it: `(sv)`.
  var argument: BusValue { .structure([.string(name), .variant(value)]) }
}

/// Turns the document's resources into properties of a unit, so that systemd, which writes a unit's limits again whenever it sees fit,
/// writes ours (systemd.resource-control(5)). Pure.
///
/// What systemd has no property for is written to the group alone; everything that stands here is written there too.
package enum SystemdProperties {
  /// The machine's character and block drivers: `4 tty`, from /proc/devices.
  package struct Drivers: Equatable, Sendable {
    var character: [UInt32: String] = [:]
    var block: [UInt32: String] = [:]

    package init() {}

    package init(parsing text: String) {
      var isBlock = false
      for line in text.split(separator: "\n") {
        if line.hasPrefix("Block") { isBlock = true }
        let words = line.split(separator: " ")
        guard words.count == 2, let major = UInt32(words[0]) else { continue }
        if isBlock {
          block[major] = String(words[1])
        } else {
          character[major] = String(words[1])
        }
      }
    }
  }

  /// - Parameter version: of systemd, 252; what came later is left to the group's files.
  package static func limits(
    _ resources: RuntimeSpec.Resources, isUnified: Bool, version: Int
  ) throws(CgroupError) -> [SystemdProperty] {
    var properties: [SystemdProperty] = []
    func add(_ name: String, _ value: UInt64?) {
      if let value { properties.append(SystemdProperty(name, .uint64(value))) }
    }
    if let memory = resources.memory {
      add(isUnified ? "MemoryMax" : "MemoryLimit", bytes(memory.limit))
      if isUnified {
        add("MemoryLow", bytes(memory.reservation))
        switch (memory.limit ?? 0, memory.swap ?? 0) {
        case (_, -1), (-1, 0): add("MemorySwapMax", .max)
        case (let limit, let swap) where limit > 0 && swap >= limit: add("MemorySwapMax", UInt64(swap - limit))
        default: break
        }
      }
    }
    if let cpu = resources.cpu {
      if let shares = cpu.shares, shares != 0, cpu.idle != 1 {
        if isUnified {
          add("CPUWeight", CgroupWeight.cpuWeight(shares: shares))
        } else {
          add("CPUShares", shares)
        }
      }
      // systemd has no idle group before 252; the group's own file says it then.
      if isUnified, cpu.idle == 1, version >= 252 { add("CPUWeight", 0) }
      add("CPUQuotaPerSecUSec", quotaPerSecond(cpu))
      if let period = cpu.period, period != 0, version >= 242 { add("CPUQuotaPeriodUSec", period) }
      if isUnified, version >= 244 {
        for (name, list) in [("AllowedCPUs", cpu.cpus), ("AllowedMemoryNodes", cpu.mems)] {
          guard let list, !list.isEmpty else { continue }
          properties.append(SystemdProperty(name, try bits(list)))
        }
      }
    }
    if let limit = resources.pids?.limit { add("TasksMax", limit < 0 ? .max : UInt64(max(limit, 1))) }
    if let weight = resources.blockIO?.weight, weight != 0 {
      if isUnified {
        add("IOWeight", CgroupWeight.ioWeight(blockWeight: weight))
      } else {
        add("BlockIOWeight", UInt64(weight))
      }
    }
    if isUnified { properties += try unified(resources.unified, version: version) }
    return properties
  }

  /// 0 is "unset", -1 "unlimited".
  private static func bytes(_ value: Int64?) -> UInt64? {
    guard let value, value != 0 else { return nil }
    return value < 0 ? .max : UInt64(value)
  }

  /// Microseconds in a second; systemd counts in steps of 10 ms, and less than was asked for would be too little.
  private static func quotaPerSecond(_ cpu: RuntimeSpec.CPU) -> UInt64? {
    guard let quota = cpu.quota, quota != 0 else { return nil }
    guard quota > 0 else { return .max }
    let period = UInt64(cpu.period.flatMap { $0 == 0 ? nil : $0 } ?? 100_000)
    let (product, overflow) = UInt64(quota).multipliedReportingOverflow(by: 1_000_000)
    if overflow { return .max }
    let exact = product / period
    let step: UInt64 = 10_000
    let (above, carries) = exact.addingReportingOverflow(step - 1)
    return carries ? .max : above / step * step
  }

  /// A set of numbers as bytes, the lowest bit first.
  static func bits(_ list: String) throws(CgroupError) -> BusValue {
    var bytes: [UInt8] = []
    for part in list.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last else {
        throw .badValue(setting: "linux.resources.cpu", reason: "\"\(list)\" is not a list of numbers and ranges")
      }
      for number in first...last {
        let index = Int(number / 8)
        while bytes.count <= index { bytes.append(0) }
        bytes[index] |= 1 << UInt8(number % 8)
      }
    }
    return .array(of: "y", bytes.map { .byte($0) })
  }

  private static func unified(_ files: [String: String], version: Int) throws(CgroupError) -> [SystemdProperty] {
    let numbers = [
      "memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
      "memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax", "cpu.weight": "CPUWeight",
    ]
    var properties: [SystemdProperty] = []
    for (file, content) in files.sorted(by: { $0.key < $1.key }) {
      let text = CgroupFiles.trimmed(content)
      if let name = numbers[file] {
        guard let value = text == "max" ? UInt64.max : UInt64(text) else { continue }
        properties.append(SystemdProperty(name, .uint64(value)))
      } else if version >= 244, file == "cpuset.cpus" || file == "cpuset.mems" {
        properties.append(
          SystemdProperty(file == "cpuset.cpus" ? "AllowedCPUs" : "AllowedMemoryNodes", try bits(text)))
      } else if file == "cpu.max" {
        let words = text.split(separator: " ")
        var cpu = RuntimeSpec.CPU()
        cpu.quota = words.first.flatMap { $0 == "max" ? -1 : Int64($0) }
        cpu.period = words.dropFirst().first.flatMap { UInt64($0) }
        if let value = quotaPerSecond(cpu) { properties.append(SystemdProperty("CPUQuotaPerSecUSec", .uint64(value))) }
        if let period = cpu.period, version >= 242 {
          properties.append(SystemdProperty("CPUQuotaPeriodUSec", .uint64(period)))
        }
      }
    }
    return properties
  }

  // MARK: Devices

  /// The same devices for systemd, whose lists only allow; where everything but a few is allowed, the group's own rules stand alone.
  package static func devices(
    _ rules: [RuntimeSpec.DeviceRule], drivers: Drivers
  ) throws(CgroupError) -> [SystemdProperty] {
    let policy = try DevicePolicy(DeviceDefaults.complete(rules))
    let list = { (entries: [BusValue]) in SystemdProperty("DeviceAllow", .array(of: "(ss)", entries)) }
    // An empty list takes away what was allowed before.
    if policy.allowsByDefault { return [SystemdProperty("DevicePolicy", .string("auto")), list([])] }
    var entries: [BusValue] = []
    for exception in policy.exceptions {
      for name in names(exception.device, drivers) {
        entries.append(.structure([.string(name), .string(exception.access.text)]))
      }
    }
    return [SystemdProperty("DevicePolicy", .string("strict")), list([]), list(entries)]
  }

  /// How systemd calls a kind of device; none for one that it has no words for.
  private static func names(_ device: DevicePolicy.Device, _ drivers: Drivers) -> [String] {
    let kind = device.isBlock ? "block" : "char"
    switch (device.major, device.minor) {
    case (nil, nil): return ["\(kind)-*"]
    case (let major?, let minor?): return ["/dev/\(kind)/\(major):\(minor)"]
    case (let major?, nil):
      return [(device.isBlock ? drivers.block : drivers.character)[major]].compactMap { name in
        name.map { "\(kind)-\($0)" }
      }
    case (nil, _?): return []
    }
  }

  // MARK: Annotations

  private static let annotationPrefix = "org.systemd.property."

  /// Properties that the document asks for by name; a value that cannot be understood is refused.
  package static func annotations(_ annotations: [String: String]) throws(CgroupError) -> [SystemdProperty] {
    var properties: [SystemdProperty] = []
    for (key, text) in annotations.sorted(by: { $0.key < $1.key }) where key.hasPrefix(annotationPrefix) {
      var name = String(key.dropFirst(annotationPrefix.count))
      let letters = name.utf8.allSatisfy { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }
      guard name.utf8.count > 1, letters, name.utf8.first.map({ $0 < UInt8(ascii: "a") }) == true else {
        throw .badValue(setting: "annotations[\"\(key)\"]", reason: "\"\(name)\" is not the name of a property")
      }
      guard var value = VariantText.parse(text) else {
        throw .badValue(
          setting: "annotations[\"\(key)\"]", reason: "\"\(text)\" is not a value such as true, 'text' or uint64 5")
      }
      // Units' files speak of seconds, D-Bus of microseconds.
      if name.hasSuffix("Sec"), !name.hasSuffix("USec") {
        guard let microseconds = Self.microseconds(value) else {
          throw .badValue(setting: "annotations[\"\(key)\"]", reason: "\"\(text)\" is not a number of seconds")
        }
        name = name.dropLast(3) + "USec"
        value = .uint64(microseconds)
      }
      properties.append(SystemdProperty(name, value))
    }
    return properties
  }

  private static func microseconds(_ value: BusValue) -> UInt64? {
    let seconds: Double
    switch value {
    case .int32(let number): seconds = Double(number)
    case .uint32(let number): seconds = Double(number)
    case .int64(let number): seconds = Double(number)
    case .uint64(let number): seconds = Double(number)
    case .double(let number): seconds = number
    default: return nil
    }
    return seconds >= 0 && seconds < 1e12 ? UInt64(seconds * 1_000_000) : nil
  }
}
