extension RuntimeSpec {
  /// What a container may use (config-linux.md, "Control groups"). Nil leaves a thing as it is; engines send 0 for "unset" too.
  public struct Resources: Equatable, Sendable {
    public var devices: [DeviceRule] = []
    public var memory: Memory?
    public var cpu: CPU?
    public var pids: Pids?
    public var blockIO: BlockIO?
    public var hugepageLimits: [HugepageLimit] = []
    public var network: NetworkClass?
    /// By device name.
    public var rdma: [String: RdmaLimit] = [:]
    /// cgroup v2 file name to content.
    public var unified: [String: String] = [:]

    public init() {}
  }

  /// Allows or denies a kind of device; nil numbers mean every one.
  public struct DeviceRule: Equatable, Sendable {
    public var allow = false
    /// `a`, `c` or `b`; nil is `a`.
    public var type: String?
    public var major: Int64?
    public var minor: Int64?
    /// Some of `r`, `w`, `m`; nil is all.
    public var access: String?

    public init() {}
  }

  /// Bytes; -1 is unlimited.
  public struct Memory: Equatable, Sendable {
    public var limit: Int64?
    public var reservation: Int64?
    /// Memory and swap together, as on cgroup v1.
    public var swap: Int64?
    public var kernel: Int64?
    public var kernelTCP: Int64?
    public var swappiness: UInt64?
    public var disableOOMKiller: Bool?
    public var useHierarchy: Bool?
    public var checkBeforeUpdate: Bool?

    public init() {}
  }

  /// Times in microseconds.
  public struct CPU: Equatable, Sendable {
    public var shares: UInt64?
    public var quota: Int64?
    public var burst: UInt64?
    public var period: UInt64?
    public var realtimeRuntime: Int64?
    public var realtimePeriod: UInt64?
    /// CPU list, as `0-3,7`.
    public var cpus: String?
    /// Memory node list.
    public var mems: String?
    public var idle: Int64?

    public init() {}
  }

  public struct Pids: Equatable, Sendable {
    /// -1 is unlimited.
    public var limit: Int64?

    public init() {}
  }

  public struct BlockIO: Equatable, Sendable {
    public var weight: UInt16?
    public var leafWeight: UInt16?
    public var weightDevice: [WeightDevice] = []
    public var throttleReadBpsDevice: [ThrottleDevice] = []
    public var throttleWriteBpsDevice: [ThrottleDevice] = []
    public var throttleReadIOPSDevice: [ThrottleDevice] = []
    public var throttleWriteIOPSDevice: [ThrottleDevice] = []

    public init() {}
  }

  public struct WeightDevice: Equatable, Sendable {
    public var major: Int64 = 0
    public var minor: Int64 = 0
    public var weight: UInt16?
    public var leafWeight: UInt16?

    public init() {}
  }

  public struct ThrottleDevice: Equatable, Sendable {
    public var major: Int64 = 0
    public var minor: Int64 = 0
    public var rate: UInt64 = 0

    public init() {}
  }

  public struct HugepageLimit: Equatable, Sendable {
    /// As the kernel names it: `2MB`, `1GB`, `64KB`.
    public var pageSize = ""
    public var limit: UInt64 = 0

    public init() {}
  }

  public struct NetworkClass: Equatable, Sendable {
    public var classID: UInt32?
    public var priorities: [InterfacePriority] = []

    public init() {}
  }

  public struct InterfacePriority: Equatable, Sendable {
    public var name = ""
    public var priority: UInt32 = 0

    public init() {}
  }

  public struct RdmaLimit: Equatable, Sendable {
    public var hcaHandles: UInt32?
    public var hcaObjects: UInt32?

    public init() {}
  }
}
