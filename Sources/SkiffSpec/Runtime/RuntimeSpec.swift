/// What a container is: the content of an OCI bundle's `config.json` (runtime-spec 1.3, config.md).
///
/// A value of this type may still ask for things that do not fit together; `validate()` tells.
/// An absent list and an empty one mean the same, except where an optional says otherwise.
public struct RuntimeSpec: Equatable, Sendable {
  public var version = "1.0.2"
  public var root: Root?
  public var hostname: String?
  public var domainname: String?
  @Shared public var process: Process? = nil
  public var mounts: [Mount] = []
  public var hooks = Hooks()
  public var annotations: [String: String] = [:]
  @Shared public var linux = Linux()

  public init() {}
}

extension RuntimeSpec {
  /// The container's root file system (config.md, "Root").
  public struct Root: Equatable, Sendable {
    /// Absolute, or relative to the bundle.
    public var path: String
    public var isReadOnly = false

    public init(path: String, isReadOnly: Bool = false) {
      self.path = path
      self.isReadOnly = isReadOnly
    }
  }

  /// A mount inside the container (config.md, "Mounts"); they are made in the order of the list.
  public struct Mount: Equatable, Sendable {
    public var destination: String
    public var type: String?
    public var source: String?
    public var options: [String] = []
    public var uidMappings: [IDMapping] = []
    public var gidMappings: [IDMapping] = []

    public init(destination: String, type: String? = nil, source: String? = nil, options: [String] = []) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
    }
  }

  /// A range of ids inside (`containerID`…) and what they are outside (`hostID`…), `size` of them.
  public struct IDMapping: Equatable, Sendable {
    public var containerID: UInt32
    public var hostID: UInt32
    public var size: UInt32

    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      self.containerID = containerID
      self.hostID = hostID
      self.size = size
    }
  }

  /// The process that the container runs (config.md, "Process"); also the content of exec's `process.json`.
  public struct Process: Equatable, Sendable {
    public var terminal = false
    public var consoleSize: ConsoleSize?
    public var user = User()
    public var arguments: [String] = []
    /// `NAME=value`, as execve(2) takes them.
    public var environment: [String] = []
    public var workingDirectory = "/"
    /// Nil leaves the sets of the caller.
    public var capabilities: Capabilities?
    public var rlimits: [ResourceLimit] = []
    public var noNewPrivileges = false
    public var apparmorProfile: String?
    public var selinuxLabel: String?
    public var oomScoreAdjustment: Int32?
    public var scheduler: Scheduler?
    public var ioPriority: IOPriority?
    public var execCPUAffinity: ExecCPUAffinity?

    public init() {}
  }

  /// In characters.
  public struct ConsoleSize: Equatable, Sendable {
    public var height: UInt16
    public var width: UInt16

    public init(height: UInt16, width: UInt16) {
      self.height = height
      self.width = width
    }
  }

  /// Ids as seen inside the container's user namespace.
  public struct User: Equatable, Sendable {
    public var userID: UInt32 = 0
    public var groupID: UInt32 = 0
    public var umask: UInt32?
    public var additionalGroupIDs: [UInt32] = []

    public init() {}
  }

  /// The five sets, by name (`CAP_NET_RAW`), in the order written (capabilities(7)).
  public struct Capabilities: Equatable, Sendable {
    public var bounding: [String] = []
    public var effective: [String] = []
    public var inheritable: [String] = []
    public var permitted: [String] = []
    public var ambient: [String] = []

    public init() {}
  }

  /// One resource limit (setrlimit(2)), `type` as `RLIMIT_NOFILE`; 2^64-1 is unlimited.
  public struct ResourceLimit: Equatable, Sendable {
    public var type: String
    public var soft: UInt64
    public var hard: UInt64

    public init(type: String, soft: UInt64, hard: UInt64) {
      self.type = type
      self.soft = soft
      self.hard = hard
    }
  }

  /// Scheduling attributes (sched_setattr(2)); times in nanoseconds.
  public struct Scheduler: Equatable, Sendable {
    public var policy = ""
    public var nice: Int32?
    public var priority: Int32?
    public var flags: [String] = []
    public var runtime: UInt64?
    public var deadline: UInt64?
    public var period: UInt64?

    public init() {}
  }

  /// I/O class and level (ioprio_set(2)).
  public struct IOPriority: Equatable, Sendable {
    public var `class` = ""
    public var priority: Int32 = 0

    public init() {}
  }

  /// CPU lists for exec, before and after the move into the container's cgroup.
  public struct ExecCPUAffinity: Equatable, Sendable {
    public var initial: String?
    public var final: String?

    public init() {}
  }

  /// Programs run at moments of the life cycle (config.md, "POSIX-platform Hooks").
  public struct Hooks: Equatable, Sendable {
    public var prestart: [Hook] = []
    public var createRuntime: [Hook] = []
    public var createContainer: [Hook] = []
    public var startContainer: [Hook] = []
    public var poststart: [Hook] = []
    public var poststop: [Hook] = []

    public init() {}
  }

  public struct Hook: Equatable, Sendable {
    public var path = ""
    public var arguments: [String] = []
    public var environment: [String] = []
    /// In seconds, more than zero; nil waits for ever.
    public var timeoutSeconds: Int64?

    public init() {}
  }
}
