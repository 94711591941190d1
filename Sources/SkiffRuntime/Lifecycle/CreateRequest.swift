package import SkiffSpec

/// What a container is made from, beyond its configuration.
package struct CreateRequest {
  package var id: ContainerID
  package var bundlePath: String
  /// A root file system other than the directory that the configuration names.
  package var rootfs: RootfsSource?
  package var usesPivot = true
  package var joinsNewKeyring = true
  package var preservedDescriptors: UInt32 = 0
  package var pidFilePath: String?
  /// Where the terminal's master is sent (SCM_RIGHTS).
  package var consoleSocketPath: String?
  package var cgroupManager = CgroupManager.cgroupfs
  /// The caller is not the machine's root: a group that cannot be made is done without where nothing is limited.
  package var isRootless = false
  /// A configuration other than the bundle's `config.json`; beneath the bundle unless absolute.
  package var configurationPath: String?
  /// Where a handle on the container's first process is sent (SCM_RIGHTS).
  package var pidfdSocketPath: String?
  /// A network namespace that the caller has made, in place of a new one.
  package var networkNamespacePath: String?
  /// Sockets that the caller's service manager opened for the container.
  package var activation: SocketActivation?
  /// The service manager's socket, which hears of it when the container's program says that it is ready (sd_notify(3)).
  package var notifySocketPath: String?
  /// What the container is to know; see there.
  package var secrets = ContainerSecrets()
  package var explains = false
  /// Gets what a person who looks for a fault wants to know, while the container is made.
  package var tell: ((String) -> Void)?

  package init(id: ContainerID, bundlePath: String) {
    self.id = id
    self.bundlePath = bundlePath
  }
}
