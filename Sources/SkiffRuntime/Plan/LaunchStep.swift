package import SkiffKernel
package import SkiffSpec

/// One thing that the kernel is asked to do on the way from a cloned process to a container.
///
/// A step is a value: it says what, never holds what is open. Numbers named `source` and the like are places in the plan's
/// list of what the parent opens beforehand.
package enum LaunchStep: Equatable, Sendable {
  // Where the process belongs.
  case takeStandardStreams
  case enterCgroup
  case startSession
  case enterNamespace(RuntimeSpec.NamespaceType, path: String)
  case enterNamespacesOfInit(NamespaceFlags)
  case awaitIDMaps
  case becomeNamespaceRoot
  case makeCgroupNamespace
  case makeIPCNamespace

  // What it sees of file systems.
  case isolateMounts
  case attachRoot(path: String)
  case mount(FileSystemMount)
  case bind(BindMount)
  case changeMount(String, MountOptions)
  case makeDirectory(String)
  case link(path: String, target: String)
  case makeDevice(DeviceNode)
  /// Lays what the parent has made over /dev for a moment: only nodes of a tree that is attached can be shown elsewhere.
  case attachDevices
  /// `source` is the node's place in the plan's list of devices.
  case showDevice(DeviceNode, source: Int)
  case detachDevices
  case replaceNullStreams
  case openConsole(ConsolePlan)
  case makeWorkingDirectory(String)
  case runHooksOutside
  case runHooksInside(HookMoment)
  case mask(String)
  case makeReadOnly(String)
  case sealMount(String)
  case pivotRoot
  case moveRoot
  case makeRootReadOnly
  case setRootPropagation(MountPropagation, recursive: Bool)

  // What it is called and may use.
  case setHostname(String)
  case setDomainname(String)
  case setSystemParameter(name: String, value: String)
  case setOOMScore(Int32)
  case setResourceLimit(RuntimeSpec.ResourceLimit, number: Int32)
  case setPersonality(UInt32)
  case setScheduling(SchedulingAttributes)
  case setDiskPriority(class: UInt32, level: UInt32)
  case setMemoryPolicy(MemoryPolicyPlan)
  case setAffinity([UInt64], text: String)
  case joinSessionKeyring(KeyringPlan)
  case setSecurityAttribute(SecurityAttribute)
  case receiveNetworkDevices([String])
  case switchOnLoopback

  // Waiting for others.
  case findExecutable(ExecutableSearch)
  case closeUnneeded(preserve: UInt32)
  case reportCreated
  case awaitStart

  // What it may do, last of all.
  case setUmask(UInt32)
  case giveStandardStreams(userID: UInt32, groupID: UInt32)
  case resetSignals
  case resetAffinity
  case setUser(UserPlan)
  case dropBoundingSet([Int])
  case setCapabilities(CapabilityPlan)
  case setNoNewPrivileges
  case makeLandlockRuleset(LandlockRules)
  case allowByLandlock(LandlockRules.Place)
  case restrictByLandlock
  case installFilter
  case enterWorkingDirectory(String)
  case endWithCaller
  case closeDescriptors(preserve: UInt32)
  case execute(String)
}

/// A file system that is made for the container.
package struct FileSystemMount: Equatable, Sendable {
  package var type: String
  package var source: String?
  package var target: String
  package var attributes: MountAttributes = []
  package var parameters: [MountParameter] = []
  /// What engines write for any mount; a new one is private without a word.
  package var propagation: MountPropagation?
  /// The last component of the target must not be a link, and must be new or a plain directory: for procfs and sysfs,
  /// which decide about security (CVE-2019-19921, CVE-2023-27561).
  package var refusesLinks = false
  /// Mounted on a link itself that stands in the target's place.
  package var keepsTargetLink = false
  /// What the target holds is copied into the new file system first.
  package var copiesUp = false
  /// What is in it from its start.
  package var files: [PlacedFile] = []
  /// For SELinux, where the file system takes the label of its root alone.
  package var rootLabel: String?
  /// The new root directory has the mode of the one that it covers.
  package var takesModeOfPlace = false
  /// The place of a prepared tree in the plan's list that is shown where the kernel does not let this process make the file
  /// system; nil has that be an error.
  package var substitute: Int?

  package init(type: String, target: String) {
    self.type = type
    self.target = target
  }
}

/// Something of the host that the container sees.
package struct BindMount: Equatable, Sendable {
  package var sourcePath: String
  package var target: String
  /// Place of the prepared tree in the plan's list.
  package var source: Int
  package var isRecursive: Bool
  package var options: MountOptions

  package init(sourcePath: String, target: String, source: Int, isRecursive: Bool, options: MountOptions) {
    self.sourcePath = sourcePath
    self.target = target
    self.source = source
    self.isRecursive = isRecursive
    self.options = options
  }
}

/// A node under the container's /dev.
package struct DeviceNode: Equatable, Sendable {
  package var path: String
  package var type: FileType
  package var major: UInt32
  package var minor: UInt32
  package var mode: UInt32
  package var userID: UInt32
  package var groupID: UInt32
  /// One that every container has, whatever its image put there. Another file in the place of one that the configuration names is
  /// an error (config-linux.md "Devices").
  package var replacesOthers = false

  package init(
    path: String, type: FileType = .characterDevice, major: UInt32, minor: UInt32, mode: UInt32 = 0o666,
    userID: UInt32 = 0, groupID: UInt32 = 0
  ) {
    self.path = path
    self.type = type
    self.major = major
    self.minor = minor
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
  }
}

/// The terminal of the container's process.
package struct ConsolePlan: Equatable, Sendable {
  package var size: RuntimeSpec.ConsoleSize?
  package var userID: UInt32
  /// Whether it is also shown as /dev/console (not for exec).
  package var isMountedOnConsole: Bool
  /// Whether lines end without a carriage return: for a reader that is a file or a pipe.
  package var hasPlainLineFeeds: Bool

  package init(
    size: RuntimeSpec.ConsoleSize?, userID: UInt32, isMountedOnConsole: Bool, hasPlainLineFeeds: Bool = false
  ) {
    self.size = size
    self.userID = userID
    self.isMountedOnConsole = isMountedOnConsole
    self.hasPlainLineFeeds = hasPlainLineFeeds
  }
}

/// Moments at which hooks run inside the container's namespaces (config.md "POSIX-platform Hooks").
package enum HookMoment: String, Equatable, Sendable {
  case createContainer, startContainer
}

/// How the program is found: a name with a slash is a path, any other is looked for in `searchPath`.
package struct ExecutableSearch: Equatable, Sendable {
  package var name: String
  package var searchPath: [String]

  package init(name: String, searchPath: [String]) {
    self.name = name
    self.searchPath = searchPath
  }
}

/// The session keyring of a container: its first process makes it, later ones join it.
package struct KeyringPlan: Equatable, Sendable {
  package var name: String
  /// Of a keyring that is made: who may do what, so that later processes find it; nil when one is only joined.
  package var permissions: UInt32?

  package init(name: String, permissions: UInt32? = nil) {
    self.name = name
    self.permissions = permissions
  }
}

/// Ids that the process takes.
package struct UserPlan: Equatable, Sendable {
  package var userID: UInt32
  package var groupID: UInt32
  /// Supplementary groups; nil where the user namespace does not let them be changed.
  package var groups: [UInt32]?
  /// Whether capabilities must survive the change of user until they are set.
  package var keepsCapabilities: Bool

  package init(userID: UInt32, groupID: UInt32, groups: [UInt32]?, keepsCapabilities: Bool) {
    self.userID = userID
    self.groupID = groupID
    self.groups = groups
    self.keepsCapabilities = keepsCapabilities
  }
}

/// Capability sets that the process takes; the bounding set is a step of its own.
package struct CapabilityPlan: Equatable, Sendable {
  package var sets: ThreadCapabilities
  package var ambient: [Int]

  package init(sets: ThreadCapabilities, ambient: [Int]) {
    self.sets = sets
    self.ambient = ambient
  }
}
