import SkiffKernel
import SkiffRuntime
import SkiffSpec

// The verbs that look at a living container, hold it, and change its limits.
extension RuntimeCommand {
  func pause(_ words: ArraySlice<String>) throws -> Int32 {
    try runtime.pause(try containerID(try ParsedArguments(words, []), "pause"))
    return 0
  }

  func resume(_ words: ArraySlice<String>) throws -> Int32 {
    try runtime.resume(try containerID(try ParsedArguments(words, []), "resume"))
    return 0
  }

  func processes(_ words: ArraySlice<String>) throws -> Int32 {
    // After the id everything belongs to ps(1).
    let arguments = try ParsedArguments(words, [.value("format", "f")], stopsAfterPositional: 1)
    let id = try containerID(arguments, "ps", furtherLimit: .max - 1)
    switch arguments.value("format") ?? "table" {
    case "json": try printBytes(JSONValue.array(try runtime.processIDs(id).map { JSONValue($0) }).serialized())
    case "table":
      try printBytes(try runtime.processTable(id, arguments: Array(arguments.positional.dropFirst())))
    default: throw UsageError(words: "invalid format option")
    }
    return 0
  }

  func events(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [.flag("stats"), .value("interval")])
    let id = try containerID(arguments, "events")
    let interval = try Self.milliseconds(arguments.value("interval") ?? "5s")
    if arguments.has("stats") {
      try printBytes(try runtime.statistics(id))
    } else {
      try runtime.events(id, intervalMilliseconds: interval, tell: printBytes)
    }
    return 0
  }

  /// A span as Go writes it: `5s`, `500ms`, `1m30s`.
  private static func milliseconds(_ text: String) throws -> Int64 {
    let bad = UsageError(words: "invalid value \"\(text)\" for flag --interval: not a duration such as 5s")
    var total = 0.0
    var rest = text[...]
    while !rest.isEmpty {
      let number = rest.prefix { $0.isNumber || $0 == "." }
      let unit = rest.dropFirst(number.count).prefix { $0.isLetter }
      let factors: [Substring: Double] = [
        "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1, "us": 0.001, "ns": 0.000_001,
      ]
      guard let value = Double(number), let factor = factors[unit] else { throw bad }
      total += value * factor
      rest = rest.dropFirst(number.count + unit.count)
    }
    let dayMilliseconds = 86_400_000.0
    guard total <= 365 * dayMilliseconds else { throw bad }
    guard total >= 1 else { throw UsageError(words: "duration interval must be greater than 0") }
    return Int64(total)
  }

  // MARK: update

  private static let updateRules: [OptionRule] = [
    .value("resources", "r"), .value("blkio-weight"), .value("cpu-period"), .value("cpu-quota"), .value("cpu-burst"),
    .value("cpu-share"), .value("cpu-rt-period"), .value("cpu-rt-runtime"), .value("cpuset-cpus"),
    .value("cpuset-mems"), .value("cpu-idle"), .value("kernel-memory"), .value("kernel-memory-tcp"), .value("memory"),
    .value("memory-reservation"), .value("memory-swap"), .value("pids-limit"), .value("l3-cache-schema"),
    .value("mem-bw-schema"),
  ]

  func update(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, Self.updateRules)
    var request = UpdateRequest(id: try containerID(arguments, "update"))
    if let path = arguments.value("resources"), !path.isEmpty {
      request.resources = try Self.readResources(path)
    } else {
      request.resources = try Self.resources(arguments)
    }
    request.l3CacheSchema = arguments.value("l3-cache-schema")
    request.memoryBandwidthSchema = arguments.value("mem-bw-schema")
    try runtime.update(request)
    return 0
  }

  /// A document like `linux.resources`; `-` is the standard input.
  private static func readResources(_ path: String) throws -> RuntimeSpec.Resources {
    let limitBytes = 16 << 20
    do {
      if path == "-" {
        return try RuntimeSpec.Resources.parse(try Descriptor.standardInput.readToEnd(limitBytes: limitBytes))
      }
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      return try RuntimeSpec.Resources.parse(try file.descriptor.readToEnd(limitBytes: limitBytes))
    } catch let error as Errno {
      throw RuntimeError.failed("cannot read the resources \(path): \(error)")
    } catch let problems as SpecProblems {
      throw RuntimeError.invalid(problems)
    }
  }

  private static func resources(_ arguments: ParsedArguments) throws -> RuntimeSpec.Resources {
    var resources = RuntimeSpec.Resources()
    var cpu = RuntimeSpec.CPU()
    cpu.shares = try arguments.number("cpu-share", UInt64.self)
    cpu.period = try arguments.number("cpu-period", UInt64.self)
    cpu.quota = try arguments.number("cpu-quota", Int64.self)
    cpu.burst = try arguments.number("cpu-burst", UInt64.self)
    cpu.realtimePeriod = try arguments.number("cpu-rt-period", UInt64.self)
    cpu.realtimeRuntime = try arguments.number("cpu-rt-runtime", Int64.self)
    cpu.idle = try arguments.number("cpu-idle", Int64.self)
    cpu.cpus = arguments.value("cpuset-cpus")
    cpu.mems = arguments.value("cpuset-mems")
    resources.cpu = cpu
    var memory = RuntimeSpec.Memory()
    memory.limit = try bytes(arguments, "memory")
    memory.reservation = try bytes(arguments, "memory-reservation")
    memory.swap = try bytes(arguments, "memory-swap")
    memory.kernel = try bytes(arguments, "kernel-memory")
    memory.kernelTCP = try bytes(arguments, "kernel-memory-tcp")
    resources.memory = memory
    if let limit = try arguments.number("pids-limit", Int64.self) {
      resources.pids = RuntimeSpec.Pids()
      resources.pids?.limit = limit
    }
    if let weight = try arguments.number("blkio-weight", UInt16.self) {
      resources.blockIO = RuntimeSpec.BlockIO()
      resources.blockIO?.weight = weight
    }
    return resources
  }

  /// A number of bytes, perhaps with a unit; -1 is unlimited.
  private static func bytes(_ arguments: ParsedArguments, _ name: String) throws -> Int64? {
    guard let text = arguments.value(name), !text.isEmpty else { return nil }
    if text == "-1" { return -1 }
    do {
      return try ByteSize(parsing: text).bytes
    } catch {
      throw UsageError(words: "invalid value for \(name): \(error)")
    }
  }
}
