/// The files that tell of a machine's resources, and tell a container of its own.
package enum ResourceFile: UInt64, CaseIterable, Sendable {
  case processors = 2
  case memory, statistics, uptime, load, swaps, onlineProcessors

  /// Its number in the file system.
  var node: UInt64 { rawValue }

  init?(node: UInt64) { self.init(rawValue: node) }

  var name: String {
    switch self {
    case .processors: "cpuinfo"
    case .memory: "meminfo"
    case .statistics: "stat"
    case .uptime: "uptime"
    case .load: "loadavg"
    case .swaps: "swaps"
    case .onlineProcessors: "online"
    }
  }

  /// Where a container finds it.
  package var path: String {
    self == .onlineProcessors ? "/sys/devices/system/cpu/online" : "/proc/\(name)"
  }
}

/// What a container has and uses, at one moment.
package struct ResourceSample: Equatable, Sendable {
  /// The numbers, on the host, of the CPUs that it is shown.
  package var processors: [Int] = [0]
  package var memoryLimitBytes: Int64 = 0
  package var memoryUsedBytes: Int64 = 0
  /// Of what is used: files, of them those not in use lately, memory that is shared, and of the kernel's what it can give back.
  package var fileBytes: Int64 = 0
  package var activeFileBytes: Int64 = 0
  package var inactiveFileBytes: Int64 = 0
  package var activeAnonymousBytes: Int64 = 0
  package var inactiveAnonymousBytes: Int64 = 0
  package var sharedBytes: Int64 = 0
  package var reclaimableBytes: Int64 = 0
  package var swapLimitBytes: Int64 = 0
  package var swapUsedBytes: Int64 = 0
  /// In hundredths of a second.
  package var userTicks: Int64 = 0
  package var systemTicks: Int64 = 0
  /// Since its first process began.
  package var uptimeMilliseconds: Int64 = 0
  package var threads = 0
  package var runningThreads = 0
  package var blockedThreads = 0
  /// Over one, five and fifteen minutes.
  package var loads: [Double] = [0, 0, 0]
  /// When it began, in seconds since 1970.
  package var bootSeconds: Int64 = 0

  package init() {}
}

/// Writes what the files say, as the kernel writes them (proc(5)). Pure.
package enum ResourceText {
  /// The blocks of the host's cpuinfo that are shown, numbered anew from 0.
  package static func processors(_ sample: ResourceSample, host: String) -> String {
    var text = ""
    var number = 0
    var block: [Substring] = []
    func isShown() -> Bool {
      for line in block where line.hasPrefix("processor") {
        guard let value = line.split(separator: ":").last,
          let id = Int(value.filter { !$0.isWhitespace })
        else { continue }
        return sample.processors.contains(id)
      }
      return false
    }
    for line in host.split(separator: "\n", omittingEmptySubsequences: false) + ["" as Substring] {
      guard line.isEmpty else {
        block.append(line)
        continue
      }
      if isShown() {
        for line in block {
          text += line.hasPrefix("processor") ? "processor\t: \(number)\n" : "\(line)\n"
        }
        text += "\n"
        number += 1
      }
      block = []
    }
    return text
  }

  /// The host's lines with the container's amounts in them; of what nobody counts for it there is nothing.
  package static func memory(_ sample: ResourceSample, host: String) -> String {
    let free = max(0, sample.memoryLimitBytes - sample.memoryUsedBytes)
    let available = min(
      sample.memoryLimitBytes,
      free + sample.inactiveFileBytes + sample.activeFileBytes + sample.reclaimableBytes)
    let known: [String: Int64] = [
      "MemTotal": sample.memoryLimitBytes, "MemFree": free, "MemAvailable": available,
      "Cached": sample.fileBytes, "Active": sample.activeAnonymousBytes + sample.activeFileBytes,
      "Inactive": sample.inactiveAnonymousBytes + sample.inactiveFileBytes,
      "Active(anon)": sample.activeAnonymousBytes,
      "Inactive(anon)": sample.inactiveAnonymousBytes, "Active(file)": sample.activeFileBytes,
      "Inactive(file)": sample.inactiveFileBytes, "SwapTotal": sample.swapLimitBytes,
      "SwapFree": max(0, sample.swapLimitBytes - sample.swapUsedBytes),
      "AnonPages": sample.activeAnonymousBytes + sample.inactiveAnonymousBytes,
      "Shmem": sample.sharedBytes,
      "KReclaimable": sample.reclaimableBytes, "SReclaimable": sample.reclaimableBytes,
      "Slab": sample.reclaimableBytes,
      "CommitLimit": sample.memoryLimitBytes + sample.swapLimitBytes,
    ]
    // Properties of the machine, the same for everybody.
    let machine: Set<String> = ["Hugepagesize", "VmallocTotal"]
    var text = ""
    for line in host.split(separator: "\n") {
      let name = String(line.prefix { $0 != ":" })
      if machine.contains(name) {
        text += "\(line)\n"
        continue
      }
      let isCount = !line.hasSuffix(" kB")
      let amount = String((known[name] ?? 0) / (isCount ? 1 : 1024))
      let label = name + ":"
      let padding = max(1, 24 - label.count - amount.count)
      text += label + String(repeating: " ", count: padding) + amount + (isCount ? "\n" : " kB\n")
    }
    return text
  }

  package static func statistics(_ sample: ResourceSample) -> String {
    let count = Int64(max(1, sample.processors.count))
    let wall = sample.uptimeMilliseconds / 10
    func line(_ name: String, _ user: Int64, _ system: Int64, _ idle: Int64) -> String {
      "\(name) \(user) 0 \(system) \(max(0, idle)) 0 0 0 0 0 0\n"
    }
    var text = line(
      "cpu ", sample.userTicks, sample.systemTicks,
      wall * count - sample.userTicks - sample.systemTicks)
    for number in 0..<count {
      // Nobody counts by container and CPU on both versions of control groups: each is shown its part.
      let user = sample.userTicks / count
      let system = sample.systemTicks / count
      text += line("cpu\(number)", user, system, wall - user - system)
    }
    text += "intr 0\nctxt 0\nbtime \(sample.bootSeconds)\nprocesses \(sample.threads)\n"
    return text
      + "procs_running \(sample.runningThreads)\nprocs_blocked \(sample.blockedThreads)\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n"
  }

  package static func uptime(_ sample: ResourceSample) -> String {
    let all = sample.uptimeMilliseconds * Int64(max(1, sample.processors.count))
    let idle = max(0, all - (sample.userTicks + sample.systemTicks) * 10)
    return "\(seconds(sample.uptimeMilliseconds)) \(seconds(idle))\n"
  }

  private static func seconds(_ milliseconds: Int64) -> String {
    let hundredths = milliseconds / 10
    return "\(hundredths / 100).\(twoDigits(hundredths % 100))"
  }

  private static func twoDigits(_ number: Int64) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }

  package static func load(_ sample: ResourceSample) -> String {
    let loads = sample.loads.map { load in
      let hundredths = Int64((load * 100).rounded())
      return "\(hundredths / 100).\(twoDigits(hundredths % 100))"
    }
    return
      "\(loads.joined(separator: " ")) \(sample.runningThreads)/\(sample.threads) \(sample.threads)\n"
  }

  package static func swaps(_ sample: ResourceSample) -> String {
    let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    guard sample.swapLimitBytes > 0 else { return heading }
    return heading
      + "none\t\t\t\t\tvirtual\t\t\(sample.swapLimitBytes / 1024)\t\t\(sample.swapUsedBytes / 1024)\t\t0\n"
  }

  package static func onlineProcessors(_ sample: ResourceSample) -> String {
    let count = max(1, sample.processors.count)
    return count == 1 ? "0\n" : "0-\(count - 1)\n"
  }
}
