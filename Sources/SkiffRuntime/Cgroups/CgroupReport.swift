internal import SkiffKernel
package import SkiffSpec

// Everything that a container's controllers count, in the shape in which `events` tells it (the field's: runc's). A member that is
// 0 is left out where runc leaves it out.
extension CgroupRecord {
  /// The `data` of a `stats` event: nanoseconds, bytes, numbers.
  package func report() throws(CgroupError) -> JSONValue {
    let files = CgroupReportFiles(record: self)
    var report: JSONObject = [
      "cpu": try files.processor(), "cpuset": try files.processorSet(), "memory": try files.memory(),
      "pids": try files.processes(), "blkio": try files.blocks(), "hugetlb": try files.hugePages(),
    ]
    if let rdma = try files.rdma() { report["rdma"] = rdma }
    report["intel_rdt"] = [:]
    report["network_interfaces"] = .null
    return .object(report)
  }
}

/// Reads a group's files for a report. What the machine does not count is not there, and no error.
struct CgroupReportFiles {
  let record: CgroupRecord

  func text(_ controller: String, _ file: String) throws(CgroupError) -> String? {
    guard let entry = record.entry(of: controller) ?? (controller == "cgroup" ? record.unified : nil) else {
      return nil
    }
    return try CgroupFiles.readIfPresent(entry.directory + "/" + file, limitBytes: CgroupFiles.largestLimitBytes)
  }

  /// The number that a file holds; nil where it is not there, the greatest where it says `max`.
  func number(_ controller: String, _ file: String) throws(CgroupError) -> UInt64? {
    guard let text = try text(controller, file) else { return nil }
    return text == "max" ? .max : UInt64(text)
  }

  func isUnified(_ controller: String) -> Bool { record.entry(of: controller)?.isUnified ?? record.isUnified }

  /// Lines of a word and a number.
  static func table(_ text: String?) -> [(String, UInt64)] {
    (text ?? "").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 2, let number = UInt64(words[1]) else { return nil }
      return (String(words[0]), number)
    }
  }

  /// An object of those numbers that are there and not 0.
  static func object(_ members: [(String, UInt64?)]) -> JSONObject {
    JSONObject(members.compactMap { name, value in value.flatMap { $0 == 0 ? nil : (name, JSONValue($0)) } })
  }

  /// How long processes waited (`cpu.pressure` and its like, accounting/psi.rst); nil where the kernel does not say.
  func pressure(_ controller: String, _ file: String) throws(CgroupError) -> JSONValue? {
    guard isUnified(controller) else { return nil }
    let text: String?
    do throws(CgroupError) {
      text = try self.text(controller, file)
    } catch {
      // The file is there, and the kernel was started with `psi=0`.
      if case .failed(_, _, .notSupported) = error { return nil }
      throw error
    }
    var kinds = JSONObject()
    for line in (text ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let kind = words.first, kind == "some" || kind == "full" else { continue }
      var values = JSONObject()
      for word in words.dropFirst() {
        let parts = word.split(separator: "=")
        guard parts.count == 2 else { continue }
        values[String(parts[0])] =
          parts[0] == "total" ? UInt64(parts[1]).map { JSONValue($0) } : Double(parts[1]).map { .number($0) }
      }
      kinds[String(kind)] = .object(values)
    }
    return kinds.isEmpty ? nil : .object(kinds)
  }
}

// MARK: Memory, processes, huge pages, RDMA

extension CgroupReportFiles {
  func memory() throws(CgroupError) -> JSONValue {
    let isUnified = isUnified("memory")
    let raw = Self.table(try text("memory", "memory.stat"))
    let cache = raw.first { $0.0 == (isUnified ? "file" : "cache") }?.1
    var memory = Self.object([("cache", cache)])
    if isUnified {
      let usage = try unifiedUsage("memory.")
      let failures = CgroupFiles.value(of: "max", in: try text("memory", "memory.events") ?? "")
      memory["usage"] = Self.entry(usage.limit, usage.usage, usage.peak, failures)
      let swap = try unifiedUsage("memory.swap.")
      // As on v1: memory and swap together.
      memory["swap"] = Self.entry(
        Self.sum(swap.limit, usage.limit), Self.sum(swap.usage, usage.usage), Self.sum(swap.peak, usage.peak), nil)
      memory["kernel"] = Self.entry(nil, nil, nil, nil)
      memory["kernelTCP"] = Self.entry(nil, nil, nil, nil)
    } else {
      for (name, prefix) in [
        ("usage", "memory."), ("swap", "memory.memsw."), ("kernel", "memory.kmem."), ("kernelTCP", "memory.kmem.tcp."),
      ] {
        memory[name] = Self.entry(
          try number("memory", prefix + "limit_in_bytes"), try number("memory", prefix + "usage_in_bytes"),
          try number("memory", prefix + "max_usage_in_bytes"), try number("memory", prefix + "failcnt"))
      }
    }
    if !raw.isEmpty { memory["raw"] = .object(JSONObject(raw.map { ($0.0, JSONValue($0.1)) })) }
    if let pressure = try pressure("memory", "memory.pressure") { memory["psi"] = pressure }
    return .object(memory)
  }

  private func unifiedUsage(
    _ prefix: String
  ) throws(CgroupError) -> (limit: UInt64?, usage: UInt64?, peak: UInt64?) {
    (
      try number("memory", prefix + "max"), try number("memory", prefix + "current"),
      try number("memory", prefix + "peak")
    )
  }

  /// "No limit" stays that.
  private static func sum(_ left: UInt64?, _ right: UInt64?) -> UInt64? {
    guard let left, let right else { return nil }
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  private static func entry(_ limit: UInt64?, _ usage: UInt64?, _ peak: UInt64?, _ failures: UInt64?) -> JSONValue {
    var entry: JSONObject = ["limit": JSONValue(limit ?? 0)]
    if let usage, usage != 0 { entry["usage"] = JSONValue(usage) }
    if let peak, peak != 0 { entry["max"] = JSONValue(peak) }
    entry["failcnt"] = JSONValue(failures ?? 0)
    return .object(entry)
  }

  func processes() throws(CgroupError) -> JSONValue {
    let limit = try number("pids", "pids.max")
    return .object(
      Self.object([("current", try number("pids", "pids.current")), ("limit", limit == .max ? nil : limit)]))
  }

  func hugePages() throws(CgroupError) -> JSONValue {
    guard let entry = record.entry(of: "hugetlb") else { return [:] }
    var sizes = JSONObject()
    for size in try HugePageSizes.known() {
      let prefix = "hugetlb.\(size)."
      if entry.isUnified {
        guard let usage = try number("hugetlb", prefix + "current") else { continue }
        let failures = CgroupFiles.value(of: "max", in: try text("hugetlb", prefix + "events") ?? "")
        var values = Self.object([("usage", usage)])
        values["failcnt"] = JSONValue(failures ?? 0)
        sizes[size] = .object(values)
      } else {
        guard let usage = try number("hugetlb", prefix + "usage_in_bytes") else { continue }
        var values = Self.object([
          ("usage", usage), ("max", try number("hugetlb", prefix + "max_usage_in_bytes")),
        ])
        values["failcnt"] = JSONValue(try number("hugetlb", prefix + "failcnt") ?? 0)
        sizes[size] = .object(values)
      }
    }
    return .object(sizes)
  }

  /// Nil where no device has been used or limited.
  func rdma() throws(CgroupError) -> JSONValue? {
    let current = Self.rdmaEntries(try text("rdma", "rdma.current"))
    let limit = Self.rdmaEntries(try text("rdma", "rdma.max"))
    if current.isEmpty, limit.isEmpty { return nil }
    return ["current": .array(current), "limit": .array(limit)]
  }

  /// Lines as `mlx4_0 hca_handle=2 hca_object=max`.
  static func rdmaEntries(_ text: String?) -> [JSONValue] {
    (text ?? "").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard let device = words.first else { return nil }
      var entry: JSONObject = ["device": .string(String(device))]
      for word in words.dropFirst() {
        let parts = word.split(separator: "=")
        guard parts.count == 2, let number = parts[1] == "max" ? UInt64(UInt32.max) : UInt64(parts[1]) else { continue }
        entry[parts[0] == "hca_handle" ? "hcaHandles" : "hcaObjects"] = JSONValue(number)
      }
      return .object(entry)
    }
  }
}

/// The sizes of huge pages that the kernel has, as its control files name them: `2MB`.
enum HugePageSizes {
  private static let directory = "/sys/kernel/mm/hugepages"

  static func known() throws(CgroupError) -> [String] {
    try CgroupMembers.subdirectories(of: directory).compactMap(name).sorted()
  }

  /// `2MB` for `hugepages-2048kB`.
  static func name(_ directory: String) -> String? {
    guard directory.hasPrefix("hugepages-"), directory.hasSuffix("kB"),
      let size = UInt64(directory.dropFirst(10).dropLast(2)), size > 0
    else { return nil }
    if size % (1 << 20) == 0 { return "\(size >> 20)GB" }
    if size % (1 << 10) == 0 { return "\(size >> 10)MB" }
    return "\(size)KB"
  }
}
