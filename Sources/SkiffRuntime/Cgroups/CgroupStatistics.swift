/// What a container has used, and what it may use; nil where the machine does not count it.
package struct CgroupStatistics: Equatable, Sendable {
  package var memoryUsageBytes: UInt64?
  /// Nil also where there is no limit.
  package var memoryLimitBytes: UInt64?
  package var memoryPeakBytes: UInt64?
  /// Page cache that can be dropped at once; engines show usage without it.
  package var inactiveFileBytes: UInt64?
  package var swapUsageBytes: UInt64?
  package var processCount: UInt64?
  package var processLimit: UInt64?
  package var cpuNanoseconds: UInt64?
  package var cpuUserNanoseconds: UInt64?
  package var cpuSystemNanoseconds: UInt64?
  package var cpuPeriods: UInt64?
  package var cpuThrottledPeriods: UInt64?
  package var cpuThrottledNanoseconds: UInt64?
  package var oomKillCount: UInt64?

  package init() {}
}

extension CgroupRecord {
  /// How many processes the kernel killed because the container was out of memory; nil where it does not count them.
  package func oomKillCount() throws(CgroupError) -> UInt64? {
    guard let entry = entry(of: "memory") else { return nil }
    let file = entry.isUnified ? "/memory.events" : "/memory.oom_control"
    guard let text = try CgroupFiles.readIfPresent(entry.directory + file) else { return nil }
    return CgroupFiles.value(of: "oom_kill", in: text)
  }

  /// What the container has used by now.
  package func statistics() throws(CgroupError) -> CgroupStatistics {
    var statistics = CgroupStatistics()
    statistics.oomKillCount = try oomKillCount()
    if let entry = entry(of: "memory") {
      try entry.isUnified ? addUnifiedMemory(entry, to: &statistics) : addLegacyMemory(entry, to: &statistics)
    }
    if let entry = entry(of: "pids") {
      statistics.processCount = try number(entry, "pids.current")
      statistics.processLimit = try number(entry, "pids.max")
    }
    if isUnified {
      try addUnifiedProcessor(to: &statistics)
    } else {
      try addLegacyProcessor(to: &statistics)
    }
    return statistics
  }

  private func addUnifiedMemory(_ entry: Entry, to statistics: inout CgroupStatistics) throws(CgroupError) {
    statistics.memoryUsageBytes = try number(entry, "memory.current")
    statistics.memoryLimitBytes = try number(entry, "memory.max")
    statistics.memoryPeakBytes = try number(entry, "memory.peak")
    statistics.swapUsageBytes = try number(entry, "memory.swap.current")
    statistics.inactiveFileBytes = try number(entry, "memory.stat", "inactive_file")
  }

  private func addLegacyMemory(_ entry: Entry, to statistics: inout CgroupStatistics) throws(CgroupError) {
    statistics.memoryUsageBytes = try number(entry, "memory.usage_in_bytes")
    statistics.memoryPeakBytes = try number(entry, "memory.max_usage_in_bytes")
    statistics.inactiveFileBytes = try number(entry, "memory.stat", "total_inactive_file")
    statistics.swapUsageBytes = try number(entry, "memory.stat", "total_swap")
    // No limit is written as the greatest number of whole pages.
    if let limit = try number(entry, "memory.limit_in_bytes"), limit < 1 << 62 { statistics.memoryLimitBytes = limit }
  }

  private func addUnifiedProcessor(to statistics: inout CgroupStatistics) throws(CgroupError) {
    guard let entry = unified, let text = try CgroupFiles.readIfPresent(entry.directory + "/cpu.stat") else { return }
    let nanoseconds = { (key: String) in Self.scaled(CgroupFiles.value(of: key, in: text), by: 1000) }
    statistics.cpuNanoseconds = nanoseconds("usage_usec")
    statistics.cpuUserNanoseconds = nanoseconds("user_usec")
    statistics.cpuSystemNanoseconds = nanoseconds("system_usec")
    statistics.cpuPeriods = CgroupFiles.value(of: "nr_periods", in: text)
    statistics.cpuThrottledPeriods = CgroupFiles.value(of: "nr_throttled", in: text)
    statistics.cpuThrottledNanoseconds = nanoseconds("throttled_usec")
  }

  private func addLegacyProcessor(to statistics: inout CgroupStatistics) throws(CgroupError) {
    if let entry = entry(of: "cpuacct") {
      statistics.cpuNanoseconds = try number(entry, "cpuacct.usage")
      statistics.cpuUserNanoseconds = try number(entry, "cpuacct.usage_user")
      statistics.cpuSystemNanoseconds = try number(entry, "cpuacct.usage_sys")
    }
    guard let entry = entry(of: "cpu"), let text = try CgroupFiles.readIfPresent(entry.directory + "/cpu.stat")
    else { return }
    statistics.cpuPeriods = CgroupFiles.value(of: "nr_periods", in: text)
    statistics.cpuThrottledPeriods = CgroupFiles.value(of: "nr_throttled", in: text)
    statistics.cpuThrottledNanoseconds = CgroupFiles.value(of: "throttled_time", in: text)
  }

  /// The number that a file holds, or the one after `key` in it; nil for `max` and for a file that is not there.
  private func number(_ entry: Entry, _ file: String, _ key: String? = nil) throws(CgroupError) -> UInt64? {
    guard let text = try CgroupFiles.readIfPresent(entry.directory + "/" + file) else { return nil }
    guard let key else { return UInt64(text) }
    return CgroupFiles.value(of: key, in: text)
  }

  private static func scaled(_ value: UInt64?, by factor: UInt64) -> UInt64? {
    guard let value else { return nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }
}
