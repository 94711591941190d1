import SkiffImages
import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

// What is left when a container has ended, or is to go.
extension Engine {
  /// Takes a container out of its network.
  func unplug(_ id: String) throws(EngineError) {
    do throws(NetworkError) {
      try networks.detach(containerID: try Self.networkID(id))
    } catch {
      throw EngineError(error)
    }
  }

  static func networkID(_ id: String) throws(NetworkError) -> ContainerID {
    do {
      return try ContainerID(id)
    } catch {
      throw .badName(id)
    }
  }

  /// What the monitor becomes after a container that nobody waits for.
  func cleaningCommand(_ id: String) -> [String] {
    var command = [
      configuration.ownProgram, "--root", configuration.root, "--run-root", configuration.runRoot,
    ]
    if let driver = configuration.storageDriver { command += ["--storage-driver", driver] }
    return command + ["container", "cleanup", id]
  }

  /// Cleans up after a container that has ended: its place in the network, and itself where that was asked.
  public func cleanUp(_ text: String) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    try take(directory)
    // Started again meanwhile: then its end will be cleaned up after, not this one.
    if try runningProcess(id) != nil { return }
    let record = try directory.record()
    try finish(directory, record)
  }

  /// The same for a container that this process has taken.
  func finish(_ directory: borrowing ContainerDirectory, _ record: ContainerRecord) throws(EngineError) {
    if record.request.network == .bridge { try unplug(directory.id) }
    if record.request.removesItself { try remove(directory, record, withVolumes: true) }
  }

  func take(_ directory: borrowing ContainerDirectory) throws(EngineError) {
    do throws(Errno) {
      try directory.lock(wait: true)
    } catch {
      throw .kernel(act: "lock", thing: directory.path, cause: error)
    }
    // Removed while we waited?
    guard containers.has(directory.id) else {
      throw .noSuchContainer(ContainerIdentity.short(directory.id))
    }
  }

  /// Whether a container runs, or somebody is making, starting or removing it right now.
  func isInUse(_ id: String) -> Bool {
    do throws(EngineError) {
      let directory = try containers.open(id: id)
      do throws(Errno) {
        try directory.lock(wait: false)
      } catch {
        return true
      }
      return try runningProcess(id) != nil
    } catch {
      if case .noSuchContainer = error { return false }
      // What cannot be looked into is not taken for garbage.
      return true
    }
  }

  /// Removes a container that this process has taken and that does not run, with all that was made for it.
  func remove(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord?, withVolumes: Bool
  ) throws(EngineError) {
    let id = directory.id
    try forgetRun(directory)
    if record?.request.network == .bridge { try unplug(id) }
    if record?.imageID.isEmpty == false {
      let layers = try openLayers()
      do throws(ImageStoreError) {
        // A snapshot goes only with the driver's help.
        try ContainerTree(layers: layers, containerDirectory: directory.path).remove()
      } catch {
        throw EngineError(error)
      }
    }
    if let range = record?.idRange {
      try IDRangeLeases(root: configuration.root, containers: containers).release(range, of: id)
    }
    try removeSocket(id)
    try containers.remove(directory, name: record?.name)
    if withVolumes, let record { try removeVolumes(of: record) }
  }

  private func removeSocket(_ id: String) throws(EngineError) {
    let path = "\(configuration.attachDirectory)/\(id)"
    do throws(Errno) {
      try Descriptor.workingDirectory.unlink(try KernelPath(path))
    } catch {
      guard error == .notFound else { throw .kernel(act: "remove", thing: path, cause: error) }
    }
  }

  /// Volumes that were made for this container alone.
  private func removeVolumes(of record: ContainerRecord) throws(EngineError) {
    let names = record.mounts.filter(\.isAnonymous).compactMap(\.volume)
    guard !names.isEmpty else { return }
    let volumes = try VolumeStore(root: configuration.root)
    for name in names {
      do throws(EngineError) {
        try volumes.remove(name)
      } catch {
        guard case .noSuchVolume = error else { throw error }
      }
    }
  }

  /// Removes what interrupted commands and dead monitors left.
  public func sweep() throws(EngineError) {
    try containers.sweep()
    try VolumeStore(root: configuration.root).sweep()
    for id in try containers.allIDs() {
      let directory = try containers.open(id: id)
      do throws(Errno) {
        try directory.lock(wait: false)
      } catch {
        continue
      }
      // A damaged record is shown, not swept.
      guard let record = recordIfReadable(directory), try runningProcess(id) == nil else { continue }
      if record.request.removesItself, try directory.wasStarted() {
        try remove(directory, record, withVolumes: true)
      }
    }
    do throws(NetworkError) {
      _ = try networks.reconcile { id in !isInUse(id.text) }
    } catch {
      throw EngineError(error)
    }
  }

  func recordIfReadable(_ directory: borrowing ContainerDirectory) -> ContainerRecord? {
    do throws(EngineError) {
      return try directory.record()
    } catch {
      return nil
    }
  }
}
