public import SkiffRuntime

/// Everything that a person may ask of a new container: what `run` and `create` say, as a value.
///
/// Nothing in it depends on the machine or the image; what is nil or empty is left to the image, then to the defaults.
public struct RunRequest: Equatable, Sendable {
  /// The image as it was named; empty where `rootfs` stands in its place.
  public var image = ""
  /// A directory, or an ext4 image file, that is the root file system instead of an image's layers.
  public var rootfs: String?
  /// What runs, after the entry point; empty leaves it to the image.
  public var command: [String] = []
  /// Replaces the image's entry point; an empty list removes it. Nil leaves it.
  public var entrypoint: [String]?
  public var name: String?
  public var platform: String?

  // The process.
  /// `NAME=value`; a bare `NAME` removes the image's variable.
  public var environment: [String] = []
  public var workingDirectory: String?
  /// `USER`, `USER:GROUP`, by name or number.
  public var user: String?
  public var additionalGroups: [String] = []
  public var umask: UInt32?
  public var isInteractive = false
  public var hasTerminal = false
  public var usesInit = false
  public var stopSignal: String?
  public var stopTimeoutSeconds: Int64?
  /// So long after each start it is killed; 0 for never.
  public var timeLimitSeconds: UInt32 = 0
  public var oomScoreAdjustment: Int32?
  public var resourceLimits: [ResourceLimitRequest] = []
  /// Leaves the limits that are not named as the caller has them, none of the engine's in their place.
  public var usesCallersLimits = false
  /// A zone of the host's database (`Europe/Berlin`), or `local` for the host's own.
  public var timeZone: String?
  /// Where the number of the first process is written at each start; absolute.
  public var pidFile: String?

  // What it is called and what it says of itself.
  public var hostname: String?
  public var domainname: String?
  public var labels: [String: String] = [:]
  public var annotations: [String: String] = [:]
  public var removesItself = false
  public var restart = RestartPolicy()
  public var health = HealthRequest()
  public var notification = NotificationRequest.ignore
  public var logDriver = LogDriver.jsonFile
  /// The log driver's options, as `--log-opt` names them.
  public var logOptions: [String: String] = [:]

  // What it sees.
  public var isReadOnly = false
  /// With a read-only root, memory at /run, /tmp and /var/tmp.
  public var hasWritableTemporaries = false
  public var mounts: [MountRequest] = []
  /// Containers whose volumes and directories of the host appear at the same places here.
  public var volumesFrom: [VolumesFromRequest] = []
  public var secrets: [SecretRequest] = []
  public var shmSizeBytes: Int64?
  public var devices: [DeviceRequest] = []
  public var deviceRules: [DeviceRuleRequest] = []
  /// Devices by the names that specifications on the host give them.
  public var cdiDevices: [CDIDeviceName] = []
  public var sysctls: [String: String] = [:]
  /// What the container's processes may reach: `ro=/usr`, `rw=/data`, `connect=443`, `bind=none`.
  public var landlockRules: [String] = []

  // Namespaces.
  public var pidNamespace = NamespaceRequest.private
  public var ipcNamespace = NamespaceRequest.private
  public var utsNamespace = NamespaceRequest.private
  public var cgroupNamespace = NamespaceRequest.private
  public var userNamespace = UserNamespaceRequest.host

  // The network.
  public var network = NetworkRequest.bridge
  /// The IPv4 address that it wants in there; nil takes a free one.
  public var address: String?
  /// The address of its card in there; nil takes one that follows from the other address.
  public var macAddress: String?
  public var publishedPorts: [PortRequest] = []
  /// Publishes every exposed port on a free one of the host.
  public var publishesAllPorts = false
  /// Beside those that the image exposes.
  public var exposedPorts: [ExposedPort] = []
  public var dnsServers: [String] = []
  public var dnsSearch: [String] = []
  public var dnsOptions: [String] = []
  /// Leaves the image's /etc/hosts.
  public var leavesHosts = false
  /// `name:address`.
  public var extraHosts: [String] = []

  // Rights.
  public var addedCapabilities: [String] = []
  public var droppedCapabilities: [String] = []
  public var isPrivileged = false
  public var security = SecurityRequest()

  // Limits.
  public var resources = ResourceRequest()
  public var cgroupParent: String?
  /// Whether /proc/meminfo, cpuinfo and their kin tell of the container instead of the machine.
  public var showsOwnResources = false

  public init() {}
}

/// What a service manager hears of a container, where one has started skiff (podman's `--sdnotify`).
public enum NotificationRequest: String, Equatable, Sendable, CaseIterable {
  /// Nothing.
  case ignore
  /// That its program says that it is ready.
  case container
  /// That it runs.
  case conmon
  /// That it is healthy.
  case healthy
}

/// What `--security-opt` asks for; nil leaves the default.
public struct SecurityRequest: Equatable, Sendable {
  /// Forbids (or, false, allows) gaining rights by executing setuid programs.
  public var noNewPrivileges: Bool?
  /// `unconfined`, or the path of a profile.
  public var seccomp: String?
  /// `unconfined`, or the name of a loaded profile.
  public var apparmor: String?
  /// Leaves /proc and /sys unmasked and writable as the kernel has them.
  public var systemPathsAreUnconfined = false

  public init() {}

  /// Reads one `--security-opt`: `no-new-privileges[=BOOL]`, `seccomp=…`, `apparmor=…`, `systempaths=unconfined`, `label=disable`;
  /// a colon will do for the equals sign.
  public mutating func take(_ text: String) throws(EngineError) {
    func refuse(_ reason: String) -> EngineError {
      .invalidOption(name: "--security-opt", value: text, reason: reason)
    }
    let mark = text.firstIndex { $0 == "=" || $0 == ":" }
    let key = String(text[..<(mark ?? text.endIndex)])
    let value = mark.map { String(text[text.index(after: $0)...]) }
    switch key {
    case "no-new-privileges":
      guard let flag = value.map(NumberOption.boolean) ?? true else { throw refuse("it is true or false") }
      noNewPrivileges = flag
    case "seccomp":
      guard let value, !value.isEmpty else { throw refuse("it is unconfined, or the path of a profile") }
      seccomp = value
    case "apparmor":
      guard let value, !value.isEmpty else { throw refuse("it is unconfined, or the name of a profile") }
      apparmor = value
    case "systempaths":
      guard value == "unconfined" else { throw refuse("only systempaths=unconfined is known") }
      systemPathsAreUnconfined = true
    case "label":
      // Nothing is labelled anyway.
      guard value == "disable" else { throw .notBuilt("--security-opt \(text): labels of SELinux") }
    default: throw refuse("the options are no-new-privileges, seccomp, apparmor, systempaths and label")
    }
  }
}

/// Limits on what a container uses; nil leaves a thing unlimited, or at its default.
public struct ResourceRequest: Equatable, Sendable {
  public var memoryBytes: Int64?
  /// Memory and swap together; -1 is unlimited.
  public var memorySwapBytes: Int64?
  public var memoryReservationBytes: Int64?
  public var memorySwappiness: UInt64?
  public var oomKillIsDisabled = false
  /// In billionths of a CPU.
  public var nanoCPUs: Int64?
  public var cpuShares: UInt64?
  /// In microseconds.
  public var cpuPeriod: UInt64?
  /// In microseconds.
  public var cpuQuota: Int64?
  /// In microseconds; of control groups of version 1.
  public var cpuRealtimePeriod: UInt64?
  /// In microseconds.
  public var cpuRealtimeRuntime: Int64?
  public var cpusetCPUs: String?
  public var cpusetMemoryNodes: String?
  /// -1 is unlimited.
  public var pidsLimit: Int64?
  /// Files of a control group of version 2 and what is written into them.
  public var cgroupSettings: [String: String] = [:]
  public var blockIOWeight: UInt16?
  public var blockIOWeightDevices: [DeviceAmount] = []
  public var readBytesPerSecond: [DeviceAmount] = []
  public var writeBytesPerSecond: [DeviceAmount] = []
  public var readOperationsPerSecond: [DeviceAmount] = []
  public var writeOperationsPerSecond: [DeviceAmount] = []

  public init() {}
}

/// An amount for one block device of the host.
public struct DeviceAmount: Equatable, Sendable {
  public var path: String
  public var amount: UInt64

  public init(path: String, amount: UInt64) {
    self.path = path
    self.amount = amount
  }
}
