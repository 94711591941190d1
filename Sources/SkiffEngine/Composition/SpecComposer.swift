import SkiffSpec

/// A device of the host, looked up.
public struct DeviceNode: Equatable, Sendable {
  /// `b` or `c`.
  public var type: String
  public var major: UInt32
  public var minor: UInt32
  public var mode: UInt32
  public var userID: UInt32
  public var groupID: UInt32

  public init(
    type: String, major: UInt32, minor: UInt32, mode: UInt32 = 0o600, userID: UInt32 = 0, groupID: UInt32 = 0
  ) {
    self.type = type
    self.major = major
    self.minor = minor
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
  }
}

/// A mount whose source has been found: for a volume, the path of its data.
public struct ResolvedMount: Equatable, Sendable {
  public var request: MountRequest
  /// Nil where the source is not a place of the host.
  public var hostPath: String?
  /// The directories that are laid over each other, for what is an overlay.
  public var overlay: OverlayLayers?
  /// The file system that a volume's options describe.
  public var fileSystem: VolumeFileSystem?

  public init(
    request: MountRequest, hostPath: String?, overlay: OverlayLayers? = nil, fileSystem: VolumeFileSystem? = nil
  ) {
    self.request = request
    self.hostPath = hostPath
    self.overlay = overlay
    self.fileSystem = fileSystem
  }
}

/// Files of the engine that the container sees under /etc and elsewhere; nil leaves the image's.
public struct ProvidedFiles: Equatable, Sendable {
  public var hosts: String?
  public var hostname: String?
  public var resolvConf: String?
  /// The zone of time, for /etc/localtime.
  public var localTime: String?
  /// The init program on the host.
  public var initProgram: String?

  public init() {}
}

/// Everything that a container's specification is made of. A value: nothing is looked up while composing.
public struct Composition: Sendable {
  /// 64 hexadecimal digits.
  public var containerID: String
  /// The mount point of the root file system on the host.
  public var rootPath: String
  public var request: RunRequest
  public var image = ImageDefaults()
  /// Whether a file of the image raises rights when executed (setuid, setgid or file capabilities); nil is unknown.
  public var imageRaisesRights: Bool?
  public var user: ResolvedUser
  public var host = HostFacts()
  public var files = ProvidedFiles()
  public var mounts: [ResolvedMount] = []
  /// The handles of other containers' namespaces, by kind.
  public var joinedNamespaces: [RuntimeSpec.NamespaceType: String] = [:]
  /// Every device that the request names, by its path on the host.
  public var deviceNodes: [String: DeviceNode] = [:]
  /// What a privileged container gets: the devices of the host, by path.
  public var hostDevices: [String: DeviceNode] = [:]
  public var userMappings: [RuntimeSpec.IDMapping] = []
  public var groupMappings: [RuntimeSpec.IDMapping] = []
  /// The system call filter; may be nil only where the request wants none.
  public var seccomp: RuntimeSpec.Seccomp?
  public var consoleSize: RuntimeSpec.ConsoleSize?

  public init(containerID: String, rootPath: String, request: RunRequest, user: ResolvedUser) {
    self.containerID = containerID
    self.rootPath = rootPath
    self.request = request
    self.user = user
  }
}

/// Turns what was asked, what the image says and what the machine is into a runtime specification. Pure.
public struct SpecComposer: Sendable {
  let composition: Composition
  var request: RunRequest { composition.request }

  public init(_ composition: Composition) {
    self.composition = composition
  }

  /// The specification; throws where the request contradicts itself or cannot be met on this machine.
  public func compose() throws(EngineError) -> RuntimeSpec {
    try refuseContradictions()
    var spec = RuntimeSpec()
    spec.root = RuntimeSpec.Root(path: composition.rootPath, isReadOnly: request.isReadOnly)
    if request.utsNamespace == .private {
      spec.hostname = hostname
      spec.domainname = request.domainname
    }
    spec.annotations = request.annotations
    spec.process = try process()
    spec.mounts = try mounts()
    spec.linux.namespaces = try namespaces()
    if hasUserNamespace {
      spec.linux.uidMappings = composition.userMappings
      spec.linux.gidMappings = composition.groupMappings
    }
    spec.linux.devices = try devices()
    spec.linux.resources = try resources()
    spec.linux.cgroupsPath = cgroupPath
    spec.linux.sysctl = try sysctls()
    spec.linux.seccomp = try seccomp()
    if !hasOpenSystemPaths {
      spec.linux.maskedPaths = maskedPaths
      spec.linux.readonlyPaths = ContainerDefaults.readOnlyPaths
    }
    spec.linux.rootfsPropagation = rootPropagation
    return spec
  }

  var hasUserNamespace: Bool {
    request.userNamespace != .host
  }

  var hasOpenSystemPaths: Bool {
    request.isPrivileged || request.security.systemPathsAreUnconfined
  }

  /// The name that the container has for itself: the first twelve digits of its id where none was given.
  var hostname: String {
    if let hostname = request.hostname { return hostname }
    switch (request.utsNamespace, request.network) {
    case (.host, _), (_, .host): return composition.host.hostname
    default: return String(composition.containerID.prefix(12))
    }
  }

  private var cgroupPath: String {
    var parent = request.cgroupParent ?? "/skiff"
    if !parent.hasPrefix("/") { parent = "/" + parent }
    while parent.count > 1, parent.hasSuffix("/") { parent.removeLast() }
    return (parent == "/" ? "" : parent) + "/" + composition.containerID
  }

  private var maskedPaths: [String] {
    var paths = ContainerDefaults.maskedPaths
    for cpu in 0..<composition.host.thermalThrottleCPUs {
      paths.append("/sys/devices/system/cpu/cpu\(cpu)/thermal_throttle")
    }
    return paths
  }

  private func refuseContradictions() throws(EngineError) {
    if request.hostname != nil, request.utsNamespace != .private {
      throw .refused(
        "--hostname needs a UTS namespace of the container's own: leave out --uts \(request.utsNamespace.text)")
    }
    if let hostname = request.hostname, hostname.utf8.count > 64 || hostname.isEmpty || hostname.contains("/") {
      throw .invalidOption(name: "--hostname", value: hostname, reason: "a host name has 1 to 64 characters and no /")
    }
    if request.domainname != nil, request.utsNamespace != .private {
      throw .refused("--domainname needs a UTS namespace of the container's own")
    }
    if hasUserNamespace, request.isPrivileged {
      throw .refused("--privileged gives the rights of the host's root, which --userns takes away: choose one of them")
    }
    for kind in [request.pidNamespace, request.ipcNamespace, request.utsNamespace, request.cgroupNamespace] {
      guard hasUserNamespace, case .container(let other) = kind else { continue }
      // With the other's user namespace, the other's further namespaces are within reach.
      if request.userNamespace != .container(other) {
        throw .refused(
          "a container with a user namespace of its own cannot join a namespace of another (\(kind.text)): the kernel forbids it"
        )
      }
    }
  }
}
