internal import SkiffKernel

/// Measures what a container has and uses, by its control groups.
struct ResourceMeter {
  private let cgroup: CgroupRecord
  private let bootSeconds: Int64
  private let beganNanoseconds: Int64
  private var loads: [Double] = [0, 0, 0]

  private static let limitBytes = 4 << 20
  private static let threadLimit = 4096
  /// Of groups that the container has made beneath its own.
  private static let groupLimit = 1024
  private static let ticksPerSecond: Int64 = 100

  /// - Parameter ageMilliseconds: for how long the container's first process has been there.
  init(cgroup: CgroupRecord, ageMilliseconds: Int64) {
    self.cgroup = cgroup
    beganNanoseconds = ClockTime.monotonic().totalNanoseconds &- ageMilliseconds &* 1_000_000
    bootSeconds = ClockTime.now().seconds - ageMilliseconds / 1000
  }

  func content(of file: ResourceFile) -> String {
    let sample = measure(file)
    return switch file {
    case .processors: ResourceText.processors(sample, host: Self.text("/proc/cpuinfo"))
    case .memory: ResourceText.memory(sample, host: Self.text("/proc/meminfo"))
    case .statistics: ResourceText.statistics(sample)
    case .uptime: ResourceText.uptime(sample)
    case .load: ResourceText.load(sample)
    case .swaps: ResourceText.swaps(sample)
    case .onlineProcessors: ResourceText.onlineProcessors(sample)
    }
  }

  /// Takes the next sample for the averages: each forgets in its own time (kernel/sched/loadavg.c).
  mutating func sampleLoad() {
    var sample = ResourceSample()
    countThreads(&sample)
    let active = Double(sample.runningThreads + sample.blockedThreads)
    // e^(-5s/1min), e^(-5s/5min), e^(-5s/15min).
    let decays = [0.920044, 0.983471, 0.994459]
    for index in loads.indices {
      loads[index] = loads[index] * decays[index] + active * (1 - decays[index])
    }
  }

  // MARK: Measuring

  private func measure(_ file: ResourceFile) -> ResourceSample {
    var sample = ResourceSample()
    sample.uptimeMilliseconds = max(
      0, (ClockTime.monotonic().totalNanoseconds &- beganNanoseconds) / 1_000_000)
    sample.bootSeconds = bootSeconds
    sample.loads = loads
    switch file {
    case .memory, .swaps: measureMemory(&sample)
    case .load: countThreads(&sample)
    case .statistics, .uptime, .processors, .onlineProcessors:
      sample.processors = processors()
      if file == .statistics || file == .uptime { measureTime(&sample) }
      if file == .statistics { countThreads(&sample) }
    }
    return sample
  }

  /// The container's group in the tree of a controller, and those above it: the narrowest limit counts.
  private func directories(_ controller: String) -> (isUnified: Bool, paths: [String]) {
    guard let entry = cgroup.entry(of: controller) else { return (false, []) }
    var paths: [String] = []
    var path = entry.path[...]
    while !path.isEmpty, path != "/" {
      paths.append(entry.mountPoint + path)
      path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
    }
    return (entry.isUnified, paths)
  }

  private func processors() -> [Int] {
    let sets = directories("cpuset")
    var list = ""
    if let own = sets.paths.first {
      list = Self.text(own + (sets.isUnified ? "/cpuset.cpus.effective" : "/cpuset.effective_cpus"))
    }
    var numbers = Self.list(list)
    if numbers.isEmpty { numbers = Self.list(Self.text("/sys/devices/system/cpu/online")) }
    var most = Double(numbers.count)
    let quotas = directories("cpu")
    for path in quotas.paths {
      let words: [Substring]
      if quotas.isUnified {
        words = Self.text(path + "/cpu.max").split { $0 == " " || $0 == "\n" }
      } else {
        words =
          Self.text(path + "/cpu.cfs_quota_us").split(separator: "\n")
          + Self.text(path + "/cpu.cfs_period_us").split(separator: "\n")
      }
      guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]),
        quota > 0, period > 0
      else {
        continue
      }
      most = min(most, quota / period)
    }
    let count = max(1, min(numbers.count, Int(most.rounded(.up))))
    return numbers.isEmpty ? [0] : Array(numbers.prefix(count))
  }

  private func measureTime(_ sample: inout ResourceSample) {
    let groups = directories("cpuacct")
    if let own = groups.paths.first, !groups.isUnified {
      let values = Self.values(own + "/cpuacct.stat")
      sample.userTicks = values["user"] ?? 0
      sample.systemTicks = values["system"] ?? 0
    } else if let own = directories("cpu").paths.first {
      let values = Self.values(own + "/cpu.stat")
      sample.userTicks = (values["user_usec"] ?? 0) / (1_000_000 / Self.ticksPerSecond)
      sample.systemTicks = (values["system_usec"] ?? 0) / (1_000_000 / Self.ticksPerSecond)
    }
  }

  private func measureMemory(_ sample: inout ResourceSample) {
    let host = Self.hostMemory()
    let (isUnified, paths) = directories("memory")
    func least(_ file: String, _ start: Int64) -> Int64 {
      paths.reduce(start) { min($0, Self.number($1 + file) ?? .max) }
    }
    sample.memoryLimitBytes = least(
      isUnified ? "/memory.max" : "/memory.limit_in_bytes", host.total)
    guard let own = paths.first else { return }
    sample.memoryUsedBytes =
      Self.number(own + (isUnified ? "/memory.current" : "/memory.usage_in_bytes")) ?? 0
    let values = Self.values(own + "/memory.stat")
    let prefix = isUnified ? "" : "total_"
    func value(_ name: String) -> Int64 { values[prefix + name] ?? 0 }
    sample.fileBytes = value(isUnified ? "file" : "cache")
    sample.activeFileBytes = value("active_file")
    sample.inactiveFileBytes = value("inactive_file")
    sample.activeAnonymousBytes = value("active_anon")
    sample.inactiveAnonymousBytes = value("inactive_anon")
    sample.sharedBytes = value("shmem")
    sample.reclaimableBytes = value("slab_reclaimable")
    if isUnified {
      sample.swapLimitBytes = least("/memory.swap.max", host.swap)
      sample.swapUsedBytes = Self.number(own + "/memory.swap.current") ?? 0
    } else if let both = Self.number(own + "/memory.memsw.limit_in_bytes") {
      sample.swapLimitBytes = min(host.swap, max(0, both - sample.memoryLimitBytes))
      sample.swapUsedBytes = max(
        0, (Self.number(own + "/memory.memsw.usage_in_bytes") ?? 0) - sample.memoryUsedBytes)
    }
  }

  private static func hostMemory() -> (total: Int64, swap: Int64) {
    var (total, swap): (Int64, Int64) = (.max, 0)
    for line in text("/proc/meminfo").split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 1, let amount = Int64(words[1]) else { continue }
      if words[0] == "MemTotal:" { total = amount * 1024 }
      if words[0] == "SwapTotal:" { swap = amount * 1024 }
    }
    return (total, swap)
  }

  private func countThreads(_ sample: inout ResourceSample) {
    guard let entry = cgroup.entry(of: "pids") ?? cgroup.entries.first else { return }
    let name = entry.isUnified ? "/cgroup.threads" : "/tasks"
    var counted = ResourceSample()
    var groups = 0
    do throws(CgroupError) {
      // A container that runs a service manager has its threads in groups beneath its own.
      try CgroupMembers.walk(entry.directory) { (path) throws(CgroupError) in
        groups += 1
        Self.count(Self.text(path + name), in: &counted)
        return counted.threads < Self.threadLimit && groups < Self.groupLimit
      }
    } catch {
      // Those that were found are told of.
    }
    sample.threads = counted.threads
    sample.runningThreads = counted.runningThreads
    sample.blockedThreads = counted.blockedThreads
  }

  /// Adds the threads that a group lists.
  private static func count(_ list: String, in sample: inout ResourceSample) {
    for word in list.split(separator: "\n").prefix(max(0, threadLimit - sample.threads)) {
      sample.threads += 1
      let status = text("/proc/\(word)/stat")
      // The name, in brackets, may hold anything; the state follows the last bracket.
      guard let bracket = status.lastIndex(of: ")") else { continue }
      switch status[bracket...].dropFirst(2).first {
      case "R": sample.runningThreads += 1
      case "D": sample.blockedThreads += 1
      default: continue
      }
    }
  }

  // MARK: Reading

  private static func text(_ path: String) -> String {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly)
      return String(decoding: try file.descriptor.readToEnd(limitBytes: limitBytes), as: UTF8.self)
    } catch {
      // Not there, or not any more: then there is nothing to tell.
      return ""
    }
  }

  private static func number(_ path: String) -> Int64? {
    Int64(text(path).prefix { $0 != "\n" })
  }

  private static func values(_ path: String) -> [String: Int64] {
    var values: [String: Int64] = [:]
    for line in text(path).split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 { values[String(words[0])] = Int64(words[1]) }
    }
    return values
  }

  /// `0-3,8` as numbers.
  private static func list(_ text: String) -> [Int] {
    text.prefix { $0 != "\n" }.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last, last - first < 1 << 16
      else { return [] }
      return Array(first...last)
    }
  }
}
