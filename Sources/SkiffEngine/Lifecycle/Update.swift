public import SkiffRuntime
import SkiffSpec

/// New limits for a container; nil leaves a limit as it is, `.some(.lifted)` takes it away.
public struct LimitChange: Equatable, Sendable {
  /// A limit's new value, or its end.
  public enum Value<Number: Equatable & Sendable>: Equatable, Sendable {
    case limit(Number)
    case lifted
  }

  public var memoryBytes: Value<Int64>?
  /// Memory and swap together.
  public var memorySwapBytes: Value<Int64>?
  public var memoryReservationBytes: Int64?
  public var nanoCPUs: Value<Int64>?
  public var cpuShares: UInt64?
  public var cpuPeriod: UInt64?
  public var cpuQuota: Value<Int64>?
  public var cpusetCPUs: String?
  public var cpusetMemoryNodes: String?
  public var pidsLimit: Value<Int64>?
  public var blockIOWeight: UInt16?

  public init() {}

  /// What a container asks for after the change.
  package func applied(to request: ResourceRequest) -> ResourceRequest {
    var changed = request
    func set<Number>(_ field: inout Number?, _ value: Value<Number>?) {
      switch value {
      case .limit(let number): field = number
      case .lifted: field = nil
      case nil: break
      }
    }
    set(&changed.memoryBytes, memoryBytes)
    // Without a limit on memory there is none on the sum of memory and swap.
    if memoryBytes == .lifted { changed.memorySwapBytes = nil }
    switch memorySwapBytes {
    case .limit(let bytes): changed.memorySwapBytes = bytes
    case .lifted: changed.memorySwapBytes = changed.memoryBytes == nil ? nil : -1
    case nil: break
    }
    if let memoryReservationBytes { changed.memoryReservationBytes = memoryReservationBytes }
    // One way to say it takes the place of the other.
    if nanoCPUs != nil { (changed.cpuPeriod, changed.cpuQuota) = (nil, nil) }
    if cpuPeriod != nil || cpuQuota != nil { changed.nanoCPUs = nil }
    set(&changed.nanoCPUs, nanoCPUs)
    set(&changed.cpuQuota, cpuQuota)
    if let cpuPeriod { changed.cpuPeriod = cpuPeriod }
    if let cpuShares { changed.cpuShares = cpuShares }
    if let cpusetCPUs { changed.cpusetCPUs = cpusetCPUs }
    if let cpusetMemoryNodes { changed.cpusetMemoryNodes = cpusetMemoryNodes }
    // Without a limit of its own a container has the default one.
    if let pidsLimit { changed.pidsLimit = pidsLimit == .lifted ? -1 : changed.pidsLimit }
    if case .limit(let count) = pidsLimit { changed.pidsLimit = count }
    if let blockIOWeight { changed.blockIOWeight = blockIOWeight }
    return changed
  }
}

extension Engine {
  /// Changes what a container may use, at once where it runs, and for every further start.
  ///
  /// - Parameter restart: its new restart policy, which holds from its next end on; nil leaves it.
  public func update(_ text: String, _ change: LimitChange, restart: RestartPolicy? = nil) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    try take(directory)
    var record = try directory.record()
    if let restart { try changePolicy(restart, of: &record, directory) }
    record.request.resources = change.applied(to: record.request.resources)
    var spec = try specification(in: directory)
    let old = spec.linux.resources ?? RuntimeSpec.Resources()
    var new = old
    try SpecComposer.takeLimits(of: record.request, id: id, into: &new)
    spec.linux.resources = new
    if try runningProcess(id) != nil { try updateLiving(id, from: old, to: new) }
    // The specification is what a start reads, the record what is shown and changed next: this order repeats well.
    try directory.replace(ContainerDirectory.File.spec, spec.serialized())
    try directory.replace(ContainerDirectory.File.record, record.serialized())
    announce("update", record)
  }

  private func changePolicy(
    _ restart: RestartPolicy, of record: inout ContainerRecord, _ directory: borrowing ContainerDirectory
  ) throws(EngineError) {
    if restart.name != .no, record.request.removesItself {
      throw .refused("Restart policy cannot be updated because AutoRemove is enabled for the container")
    }
    record.request.restart = restart
    try Self.checkThatHealthIsWatched(record)
    guard restart.name != .no, let bytes = try directory.content(ContainerDirectory.File.monitor) else { return }
    guard let document = try? JSONValue.parse(bytes), var members = document.object else {
      throw .damaged(thing: "\(directory.path)/monitor.json", reason: "it is not the order of a monitor")
    }
    // A monitor that was started without a policy reads what it needs for one when its container has ended.
    members["restartCommand"] = JSONValue(restartCommand)
    try directory.replace(ContainerDirectory.File.monitor, JSONValue.object(members).serialized(), isDurable: false)
  }

  private func updateLiving(
    _ id: String, from old: RuntimeSpec.Resources, to new: RuntimeSpec.Resources
  ) throws(EngineError) {
    do throws(RuntimeError) {
      var request = UpdateRequest(id: try Self.runtimeID(id))
      request.resources = LimitDifference.between(old, new)
      try runtime.update(request)
    } catch {
      throw EngineError(error)
    }
  }
}

/// What the runtime has to be told when limits change: there, what is nil stays, and -1 lifts.
package enum LimitDifference {
  package static func between(_ old: RuntimeSpec.Resources, _ new: RuntimeSpec.Resources) -> RuntimeSpec.Resources {
    var difference = RuntimeSpec.Resources()
    if old.memory != new.memory {
      var memory = new.memory ?? RuntimeSpec.Memory()
      if old.memory?.limit != nil, memory.limit == nil { memory.limit = -1 }
      if old.memory?.swap != nil, memory.swap == nil { memory.swap = -1 }
      // These can only be chosen when a container is made, and the kernel would refuse some of them now.
      memory.swappiness = nil
      memory.disableOOMKiller = nil
      difference.memory = memory
    }
    if old.cpu != new.cpu {
      var cpu = new.cpu ?? RuntimeSpec.CPU()
      if old.cpu?.quota != nil, cpu.quota == nil { cpu.quota = -1 }
      if old.cpu?.period != nil, cpu.period == nil { cpu.period = ContainerDefaults.cpuPeriodMicroseconds }
      difference.cpu = cpu
    }
    if old.pids != new.pids { difference.pids = new.pids }
    if old.blockIO?.weight != new.blockIO?.weight {
      var block = RuntimeSpec.BlockIO()
      block.weight = new.blockIO?.weight
      difference.blockIO = block
    }
    return difference
  }
}
