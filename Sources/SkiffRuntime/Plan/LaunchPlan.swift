package import SkiffKernel
package import SkiffSpec

/// A container as a flat list of what the kernel is asked, in order, with everything the parent must open beforehand.
///
/// The plan is a value: made by `LaunchPlanner` from a spec without touching the system, performed by `Launcher`, printed by
/// `--explain`. Order is a security property; the planner says beside each step why it may not move.
package struct LaunchPlan: Sendable {
  /// What the child does.
  package var steps: [LaunchStep] = []
  /// Made together with the child.
  package var newNamespaces: NamespaceFlags = []
  /// Namespaces that a process can only be born into: the parent enters them for its children before it clones.
  package var namespacesForChildren: [RuntimeSpec.Namespace] = []
  /// Whether a process between the parent and the child enters `namespacesForChildren`: for a parent that has no right to come back.
  package var goesBetween = false
  /// A user namespace to join, before anything else.
  package var userNamespacePath: String?
  package var uidMappings: [RuntimeSpec.IDMapping] = []
  package var gidMappings: [RuntimeSpec.IDMapping] = []
  package var timeOffsets: [String: RuntimeSpec.TimeOffset] = [:]
  /// Handles of namespaces that steps enter, by path.
  package var namespaceFiles: [String] = []
  /// Trees of the host that steps attach; the place in the list is the step's `source`.
  package var sources: [BindSource] = []
  /// Device nodes that the parent makes, because the child may not; their ids are the host's.
  package var devices: [DeviceNode] = []
  package var arguments: [String] = []
  package var environment: [String] = []
  /// The user whose home directory becomes HOME; nil where HOME is set.
  package var homeOfUserID: UInt32?
  /// Whether the environment gets LISTEN_PID, the process's own number (sd_listen_fds(3)).
  package var tellsOwnNumber = false
  package var filter: RuntimeSpec.Seccomp?
  /// Whether a call of the filter that no architecture has is an error; else it is left out, for it may be a newer kernel's.
  package var refusesUnknownCalls = false
  /// Links of the host that the parent moves into the container's network, by their names there.
  package var networkDevices: [String: RuntimeSpec.NetDevice] = [:]
  /// The network that they are moved to, where the container joins one.
  package var networkNamespacePath: String?
  /// CPUs for the parent itself before it makes the process, as bits in words; nil leaves them.
  package var initialAffinity: [UInt64]?
  package var hooks = RuntimeSpec.Hooks()
  /// Where hooks on the host run.
  package var bundlePath = "/"
  /// What the parent does before the child exists, told for `--explain`.
  package var preparation: [ExplanationStep] = []
  /// What a person should know though the launch goes on.
  package var warnings: [String] = []

  package init() {}
}

/// A tree of the host, opened and made ready by the parent while it still sees it with its own rights.
package struct BindSource: Equatable, Sendable {
  package var path: String
  package var isRecursive: Bool
  package var options: MountOptions
  package var uidMappings: [RuntimeSpec.IDMapping]
  package var gidMappings: [RuntimeSpec.IDMapping]
  /// Shown under the ids of the user namespace that the container joins.
  package var takesUserNamespace = false
  /// The path from the container's root, where the source is what an earlier mount of the same container shows there.
  package var pathInContainer: String?
  /// Nothing but procfs may lie on /proc.
  package var mustBeProcfs = false
  /// The key path in the spec, for errors: `mounts[3]`.
  package var keyPath: String

  package init(
    path: String, isRecursive: Bool, options: MountOptions, uidMappings: [RuntimeSpec.IDMapping] = [],
    gidMappings: [RuntimeSpec.IDMapping] = [], keyPath: String
  ) {
    self.path = path
    self.isRecursive = isRecursive
    self.options = options
    self.uidMappings = uidMappings
    self.gidMappings = gidMappings
    self.keyPath = keyPath
  }
}

/// Why a container was not launched, as a sentence for a person: act, thing, cause.
public struct LaunchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What a shell or an engine sees: 125 for our own trouble, 126 for a program that cannot be executed, 127 for one that is not there.
  public enum Kind: Equatable, Sendable {
    case failed, notExecutable, notFound
  }

  public var kind: Kind
  public var description: String
  /// The container was made, and its program alone could not be run.
  public var isOfProgram = false

  public init(_ description: String, kind: Kind = .failed) {
    self.kind = kind
    self.description = description
  }
}
