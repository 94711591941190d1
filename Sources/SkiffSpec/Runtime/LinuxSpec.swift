extension RuntimeSpec {
  /// The part of the configuration that only Linux has (config-linux.md).
  public struct Linux: Equatable, Sendable {
    public var namespaces: [Namespace] = []
    public var uidMappings: [IDMapping] = []
    public var gidMappings: [IDMapping] = []
    /// By clock, `monotonic` or `boottime`.
    public var timeOffsets: [String: TimeOffset] = [:]
    public var devices: [Device] = []
    /// By the host's interface name.
    public var netDevices: [String: NetDevice] = [:]
    public var cgroupsPath: String?
    @Shared public var resources: Resources? = nil
    public var intelRdt: IntelRdt?
    /// By dotted or slashed name.
    public var sysctl: [String: String] = [:]
    @Shared public var seccomp: Seccomp? = nil
    public var rootfsPropagation: String?
    public var maskedPaths: [String] = []
    public var readonlyPaths: [String] = []
    public var mountLabel: String?
    public var personality: Personality?
    public var memoryPolicy: MemoryPolicy?

    public init() {}
  }

  public enum NamespaceType: String, CaseIterable, Equatable, Sendable {
    case pid, network, ipc, uts, mount, user, cgroup, time
  }

  /// A namespace of the container's own, or an existing one by the path of its handle.
  public struct Namespace: Equatable, Sendable {
    public var type: NamespaceType
    public var path: String?

    public init(type: NamespaceType, path: String? = nil) {
      self.type = type
      self.path = path
    }
  }

  public struct TimeOffset: Equatable, Sendable {
    public var seconds: Int64 = 0
    public var nanoseconds: UInt32 = 0

    public init() {}
  }

  /// A device node to make in the container.
  public struct Device: Equatable, Sendable {
    /// `c`, `u` (the same), `b` or `p`.
    public var type = "c"
    public var path = ""
    public var major: Int64 = 0
    public var minor: Int64 = 0
    public var fileMode: UInt32?
    public var userID: UInt32?
    public var groupID: UInt32?

    public init() {}
  }

  public struct NetDevice: Equatable, Sendable {
    /// The name inside; the host's where nil.
    public var name: String?

    public init() {}
  }

  public struct IntelRdt: Equatable, Sendable {
    public var closID: String?
    public var schemata: [String] = []
    public var l3CacheSchema: String?
    public var memBwSchema: String?
    public var enableMonitoring = false

    public init() {}
  }

  public struct Personality: Equatable, Sendable {
    public var domain = ""
    public var flags: [String] = []

    public init() {}
  }

  public struct MemoryPolicy: Equatable, Sendable {
    public var mode = ""
    public var nodes = ""
    public var flags: [String] = []

    public init() {}
  }

  /// A system call filter (config-linux.md, "Seccomp"); names as libseccomp writes them.
  public struct Seccomp: Equatable, Sendable {
    /// `SCMP_ACT_…`.
    public var defaultAction = ""
    public var defaultErrnoRet: UInt32?
    /// `SCMP_ARCH_…`; none means the machine's own.
    public var architectures: [String] = []
    /// `SECCOMP_FILTER_FLAG_…`; nil lets the runtime choose, which an empty list does not.
    public var flags: [String]?
    public var listenerPath: String?
    public var listenerMetadata: String?
    public var rules: [SeccompRule] = []

    public init() {}

    /// Neither a default nor a rule: no filter at all, as engines write it for "unconfined".
    public var isEmpty: Bool { defaultAction.isEmpty && rules.isEmpty }

    /// Whether a supervisor is asked about calls.
    public var notifies: Bool { rules.contains { $0.action == "SCMP_ACT_NOTIFY" } }
  }

  /// What happens to calls of `names` whose arguments satisfy every one of `conditions`.
  public struct SeccompRule: Equatable, Sendable {
    public var names: [String] = []
    public var action = ""
    public var errnoRet: UInt32?
    public var conditions: [SeccompCondition] = []

    public init() {}
  }

  /// A comparison of one argument; for `SCMP_CMP_MASKED_EQ`, `value` is the mask and `valueTwo` what remains.
  public struct SeccompCondition: Equatable, Sendable {
    /// 0 to 5.
    public var index: UInt32 = 0
    public var value: UInt64 = 0
    public var valueTwo: UInt64 = 0
    /// `SCMP_CMP_…`.
    public var op = ""

    public init() {}
  }
}
