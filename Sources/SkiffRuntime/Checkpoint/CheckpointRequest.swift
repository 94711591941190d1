package import SkiffSpec

/// What `checkpoint` and `restore` pass on to criu as it is.
package struct CheckpointFlags: Equatable, Sendable {
  package var leavesRunning = false
  package var establishedTCP = false
  package var skipsTCPInFlight = false
  package var linkRemap = false
  package var externalUnixSockets = false
  package var shellJob = false
  package var fileLocks = false
  package var lazyPages = false
  package var removesDuplicates = false

  package init() {}
}

/// A container to be saved to files.
package struct CheckpointRequest {
  package var id: ContainerID
  package var imagePath = "checkpoint"
  package var workPath: String?
  /// Of the images that an earlier `--pre-dump` wrote; from `imagePath`.
  package var parentPath: String?
  package var flags = CheckpointFlags()
  /// Only the memory, for a later checkpoint to be quick; the container goes on.
  package var isPreDump = false
  package var pageServer: (address: String, port: UInt16)?
  /// Gets a zero byte when pages can be fetched.
  package var statusFile: Int32?
  package var cgroupMode = CriuCgroupMode.soft
  package var emptiesNetwork = false

  package init(id: ContainerID) {
    self.id = id
  }
}

/// A container to be made from such files.
package struct RestoreRequest {
  package var create: CreateRequest
  package var imagePath = "checkpoint"
  package var workPath: String?
  package var flags = CheckpointFlags()
  package var cgroupMode = CriuCgroupMode.soft
  package var emptiesNetwork = false
  package var detaches = false
  package var keeps = false
  /// `apparmor:NAME`, `selinux:LABEL`.
  package var securityProfile: String?
  package var mountContext: String?

  package init(create: CreateRequest) {
    self.create = create
  }
}
