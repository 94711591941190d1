import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What a container has used by a moment; everything is 0 for one that does not run.
public struct ContainerStatistics: Equatable, Sendable {
  public var id = ""
  public var name = ""
  public var isAlive = false
  /// When it was read, by the monotonic clock.
  public var nanoseconds: Int64 = 0
  public var cpuNanoseconds: UInt64 = 0
  /// Without the page cache that can be dropped at once.
  public var memoryBytes: UInt64 = 0
  /// The machine's memory where the container has no limit of its own.
  public var memoryLimitBytes: UInt64 = 0
  public var processCount: UInt64 = 0
  public var receivedBytes: UInt64 = 0
  public var sentBytes: UInt64 = 0
  public var readBytes: UInt64 = 0
  public var writtenBytes: UInt64 = 0
  /// In which part of the last ten seconds somebody waited, in hundredths of a percent (accounting/psi.rst, `some avg10`); nil where the
  /// kernel does not say.
  public var cpuPressure: Int?
  public var memoryPressure: Int?
  public var ioPressure: Int?

  public init() {}

  /// CPU time since an earlier reading, in hundredths of a percent of one CPU.
  public func cpuHundredths(since earlier: ContainerStatistics) -> Int {
    let elapsed = nanoseconds - earlier.nanoseconds
    guard elapsed > 0, cpuNanoseconds > earlier.cpuNanoseconds else { return 0 }
    let used = Double(cpuNanoseconds - earlier.cpuNanoseconds) / Double(elapsed)
    return Int(min(used * 10_000, 1e12).rounded())
  }

  /// The part of the limit that is used, in hundredths of a percent.
  public var memoryHundredths: Int {
    guard memoryLimitBytes > 0 else { return 0 }
    return Int(min(Double(memoryBytes) / Double(memoryLimitBytes) * 10_000, 1e12).rounded())
  }
}

extension Engine {
  /// What a container has used by now.
  public func statistics(_ text: String) throws(EngineError) -> ContainerStatistics {
    let id = try containers.find(text)
    let record = try containers.open(id: id).record()
    var statistics = ContainerStatistics()
    statistics.id = id
    statistics.name = record.name
    let state: SkiffRuntime.ContainerRecord
    do throws(RuntimeError) {
      state = try runtime.store.load(try Self.runtimeID(id))
    } catch {
      if case .missing = error { return statistics }
      throw EngineError(error)
    }
    guard try runningProcess(id) == state.processID, let cgroup = state.cgroup else { return statistics }
    statistics.isAlive = true
    do throws(CgroupError) {
      try Self.read(cgroup, into: &statistics)
    } catch {
      // Its group goes with it, in any moment.
      if try runningProcess(id) == nil {
        var gone = ContainerStatistics()
        (gone.id, gone.name) = (id, record.name)
        return gone
      }
      throw .report("cannot read the statistics of container \(record.name): \(error)")
    }
    if statistics.memoryLimitBytes == 0 { statistics.memoryLimitBytes = Self.machineMemoryBytes() }
    if record.request.network != .host {
      (statistics.receivedBytes, statistics.sentBytes) = NetworkCounters.sum(
        Self.content("/proc/\(state.processID)/net/dev"))
    }
    return statistics
  }

  private static func read(
    _ cgroup: CgroupRecord, into statistics: inout ContainerStatistics
  ) throws(CgroupError) {
    let counted = try cgroup.statistics()
    statistics.nanoseconds = ClockTime.monotonic().totalNanoseconds
    statistics.cpuNanoseconds = counted.cpuNanoseconds ?? 0
    let usage = counted.memoryUsageBytes ?? 0
    statistics.memoryBytes = usage - min(usage, counted.inactiveFileBytes ?? 0)
    statistics.memoryLimitBytes = counted.memoryLimitBytes ?? 0
    statistics.processCount = counted.processCount ?? 0
    for entry in try cgroup.report()["blkio"]?["ioServiceBytesRecursive"]?.array ?? [] {
      let value = entry["value"]?.unsigned ?? 0
      switch entry["op"]?.string?.lowercased() {
      case "read": statistics.readBytes &+= value
      case "write": statistics.writtenBytes &+= value
      default: break
      }
    }
    guard let group = cgroup.unified?.directory else { return }
    statistics.cpuPressure = PressureText.hundredths(content("\(group)/cpu.pressure"))
    statistics.memoryPressure = PressureText.hundredths(content("\(group)/memory.pressure"))
    statistics.ioPressure = PressureText.hundredths(content("\(group)/io.pressure"))
  }

  private static func machineMemoryBytes() -> UInt64 {
    for line in content("/proc/meminfo").split(separator: "\n") where line.hasPrefix("MemTotal:") {
      let words = line.split(separator: " ")
      guard words.count > 1, let kibibytes = UInt64(words[1]) else { return 0 }
      let (bytes, overflowed) = kibibytes.multipliedReportingOverflow(by: 1024)
      return overflowed ? 0 : bytes
    }
    return 0
  }

  /// What the kernel tells in a file; nothing where it does not.
  private static func content(_ path: String) -> String {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
      return String(decoding: try file.descriptor.readToEnd(limitBytes: 1 << 20), as: UTF8.self)
    } catch {
      return ""
    }
  }
}

/// /proc/PID/net/dev (proc_pid_net(5)).
package enum NetworkCounters {
  /// The bytes that came and went over all interfaces but the loopback.
  package static func sum(_ text: String) -> (received: UInt64, sent: UInt64) {
    var sum: (received: UInt64, sent: UInt64) = (0, 0)
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].drop(while: { $0 == " " }) != "lo" else { continue }
      let numbers = parts[1].split(separator: " ").compactMap { UInt64($0) }
      guard numbers.count >= 9 else { continue }
      sum.received &+= numbers[0]
      sum.sent &+= numbers[8]
    }
    return sum
  }
}

/// `some avg10=1.23 avg60=… total=…` (accounting/psi.rst).
package enum PressureText {
  package static func hundredths(_ text: String) -> Int? {
    for line in text.split(separator: "\n") where line.hasPrefix("some ") {
      for word in line.split(separator: " ") where word.hasPrefix("avg10=") {
        return NumberOption.decimal(word.dropFirst(6), places: 2).flatMap { Int(exactly: $0) }
      }
    }
    return nil
  }
}
