import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What control groups tell of limits that were reached.
struct LimitFacts: Equatable {
  var memoryLimit: Int64?
  var outOfMemoryKills: Int64 = 0
  var pidsLimit: Int64?
  var pidsPresent: Int64?
  var pidsRefused: Int64 = 0
  var throttledPeriods: Int64 = 0

  /// Reads the files of a container's groups; what is not there is nothing reached.
  static func read(_ cgroup: CgroupRecord) -> LimitFacts {
    var facts = LimitFacts()
    if let memory = cgroup.entry(of: "memory") {
      let directory = memory.directory
      facts.memoryLimit =
        SmallFile.number("\(directory)/memory.max") ?? SmallFile.number("\(directory)/memory.limit_in_bytes")
      facts.outOfMemoryKills =
        value("oom_kill", "\(directory)/memory.events") ?? value("oom_kill", "\(directory)/memory.oom_control") ?? 0
    }
    if let pids = cgroup.entry(of: "pids") {
      facts.pidsLimit = SmallFile.number("\(pids.directory)/pids.max")
      facts.pidsPresent = SmallFile.number("\(pids.directory)/pids.current")
      facts.pidsRefused = value("max", "\(pids.directory)/pids.events") ?? 0
    }
    if let cpu = cgroup.entry(of: "cpu") {
      facts.throttledPeriods = value("nr_throttled", "\(cpu.directory)/cpu.stat") ?? 0
    }
    return facts
  }

  /// A number by its key in a flat keyed file.
  private static func value(_ key: String, _ file: String) -> Int64? {
    for line in (SmallFile.text(file) ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == key { return Int64(words[1]) }
    }
    return nil
  }

  /// The limits that were reached.
  func denials(_ request: RunRequest) -> [Denial] {
    var denials: [Denial] = []
    if outOfMemoryKills > 0 {
      denials.append(Self.outOfMemory(limit: memoryLimit ?? request.resources.memoryBytes))
    }
    if pidsRefused > 0, let pidsLimit {
      denials.append(
        Denial(
          .limit, .seen, "\(pidsRefused) times no further process or thread could be made",
          why: "the container may have \(pidsLimit) processes and threads", flags: ["--pids-limit \(pidsLimit &* 4)"]))
    }
    let resources = request.resources
    // A period of 0 is none.
    let period = resources.cpuPeriod.flatMap { $0 == 0 ? nil : $0 } ?? ContainerDefaults.cpuPeriodMicroseconds
    let quota = resources.nanoCPUs.map { Double($0) / 1e9 } ?? resources.cpuQuota.map { Double($0) / Double(period) }
    if throttledPeriods > 0, let quota {
      denials.append(
        Denial(
          .limit, .seen, "it was made to wait for CPU time in \(throttledPeriods) periods",
          why: "its processes may use \(Self.decimal(quota)) CPUs together",
          flags: ["--cpus \(Self.decimal(quota * 2))"]))
    }
    return denials
  }

  static func outOfMemory(limit: Int64?) -> Denial {
    let size = limit.map { ByteSize(bytes: $0).binaryText } ?? "the machine's"
    let wanted = limit.map { max(1, $0 / 1_048_576) &* 4 }
    return Denial(
      .limit, .seen, "the kernel killed it, or a process of it, for want of memory",
      why: "its limit of memory is \(size)",
      flags: wanted.map { ["--memory \($0)m"] } ?? [])
  }

  private static func decimal(_ value: Double) -> String {
    guard let hundredths = Int64(exactly: (value * 100).rounded()) else { return "\(value)" }
    let text = "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    var trimmed = Substring(text)
    while trimmed.last == "0" { trimmed = trimmed.dropLast() }
    return String(trimmed.last == "." ? trimmed.dropLast() : trimmed)
  }
}

extension Engine {
  /// What limits a running container has reached; nil where it does not run.
  func limitFacts(_ id: String) -> LimitFacts? {
    do throws(RuntimeError) {
      return try runtime.store.load(try Self.runtimeID(id)).cgroup.map(LimitFacts.read)
    } catch {
      return nil
    }
  }
}
