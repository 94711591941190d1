internal import SkiffKernel
package import SkiffSpec

extension ContainerRuntime {
  /// What a container has used by now, as one event of type `stats`.
  package func statistics(_ id: ContainerID) throws(RuntimeError) -> [UInt8] {
    let record = try store.load(id)
    return try Self.statistics(of: try livingGroup(of: record), id)
  }

  /// Tells of a container until it ends: its statistics at every interval, and when the kernel killed for lack of memory.
  ///
  /// - Parameter tell: gets each event, one JSON document.
  package func events(
    _ id: ContainerID, intervalMilliseconds: Int64, tell: ([UInt8]) throws(RuntimeError) -> Void
  ) throws(RuntimeError) {
    let record = try store.load(id)
    let cgroup = try livingGroup(of: record)
    do throws(Errno) {
      let process = try record.openInit()
      let watch = try OutOfMemoryWatch(cgroup)
      try Self.follow(id, process.descriptor, watch, cgroup, intervalMilliseconds, tell)
    } catch {
      if error == .noSuchProcess { throw .failed("container with id \(id.text) is not running") }
      throw .failed("cannot watch container \(id.text): \(error)")
    }
  }

  private static func follow(
    _ id: ContainerID, _ process: Descriptor, _ watch: OutOfMemoryWatch, _ cgroup: CgroupRecord,
    _ intervalMilliseconds: Int64, _ tell: ([UInt8]) throws(RuntimeError) -> Void
  ) throws(Errno) {
    // What the listener could not take ends the watch as well as the container's end does.
    var next = milliseconds() + intervalMilliseconds
    while true {
      var entries = [PollEntry(process, .readable), watch.pollEntry]
      let ready = try poll(&entries, timeoutMilliseconds: max(0, next - milliseconds()))
      do throws(RuntimeError) {
        if ready > 0, !entries[1].events.isEmpty {
          for _ in 0..<watch.takeNew() { try tell(event("oom", id, nil)) }
        }
        if ready > 0, !entries[0].events.isEmpty { return }
        if milliseconds() >= next {
          next = milliseconds() + intervalMilliseconds
          try tell(try statistics(of: cgroup, id))
        }
      } catch {
        throw .brokenPipe
      }
    }
  }

  private static func milliseconds() -> Int64 { ClockTime.monotonic().totalNanoseconds / 1_000_000 }

  private func livingGroup(of record: ContainerRecord) throws(RuntimeError) -> CgroupRecord {
    switch record.status() {
    case .created, .running, .paused: break
    case .creating, .stopped: throw .failed("container with id \(record.id) is not running")
    }
    return try controlGroup(of: record, to: "watch")
  }

  private static func statistics(of cgroup: CgroupRecord, _ id: ContainerID) throws(RuntimeError) -> [UInt8] {
    do throws(CgroupError) {
      return event("stats", id, try cgroup.report())
    } catch {
      throw .failed("cannot read the statistics of container \(id.text): \(error)")
    }
  }

  private static func event(_ type: String, _ id: ContainerID, _ data: JSONValue?) -> [UInt8] {
    var members: [(String, JSONValue)] = [("type", .string(type)), ("id", .string(id.text))]
    if let data { members.append(("data", data)) }
    return JSONValue.object(JSONObject(members)).serialized()
  }
}

/// Hears of the kernel's kills for lack of memory in one group.
final class OutOfMemoryWatch {
  private static let killLimit: UInt64 = 1000

  private let cgroup: CgroupRecord
  private var files = DescriptorTable()
  /// v1: a counter of kills (cgroup-v1/memory.rst, "OOM Control"). v2: `memory.events`, which poll(2) watches.
  private var watched: Descriptor?
  private var isUnified = false
  private var seen: UInt64 = 0

  /// A group without the memory controller is never heard of.
  init(_ cgroup: CgroupRecord) throws(Errno) {
    self.cgroup = cgroup
    guard let entry = cgroup.entry(of: "memory") else { return }
    isUnified = entry.isUnified
    if isUnified {
      watched = keep(
        try Descriptor.workingDirectory.open(try KernelPath(entry.directory + "/memory.events"), .readOnly))
    } else {
      let counter = keep(try EventCounter.make())
      let control = keep(
        try Descriptor.workingDirectory.open(try KernelPath(entry.directory + "/memory.oom_control"), .readOnly))
      try CgroupFiles.write("\(counter.number) \(control.number)", to: entry.directory + "/cgroup.event_control")
      watched = counter
    }
    _ = takeNew()
  }

  private func keep(_ file: consuming FileDescriptor) -> Descriptor {
    let descriptor = file.descriptor
    files.add(file)
    return descriptor
  }

  var pollEntry: PollEntry { PollEntry(watched, isUnified ? .priority : .readable) }

  /// How many kills there were since the last time.
  func takeNew() -> UInt64 {
    // A file that has gone with its group has nothing new to tell.
    guard let watched, let now = try? cgroup.oomKillCount() else { return 0 }
    var buffer = [UInt8](repeating: 0, count: isUnified ? 4096 : 8)
    if isUnified {
      // Read, so that poll(2) speaks of what comes after.
      _ = try? watched.seek(to: 0)
      _ = try? watched.read(into: &buffer)
      defer { seen = max(seen, now) }
      return now > seen ? min(now - seen, Self.killLimit) : 0
    }
    // v1 tells before it kills: its counter, not the number of the dead, says how often.
    guard let count = try? watched.read(into: &buffer), count == buffer.count else { return 0 }
    return min(buffer.reversed().reduce(0) { $0 << 8 | UInt64($1) }, Self.killLimit)
  }
}
