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
    command(["container", "cleanup", id])
  }

  /// The command line by which this program does something in the same store.
  func command(_ words: [String]) -> [String] {
    var command = [
      configuration.ownProgram, "--root", configuration.root, "--run-root", configuration.runRoot,
    ]
    if let driver = configuration.storageDriver { command += ["--storage-driver", driver] }
    return command + words
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

  /// The same for a container that this process has taken and that does not run.
  func finish(_ directory: borrowing ContainerDirectory, _ record: ContainerRecord) throws(EngineError) {
    if record.request.removesItself {
      try remove(directory, record, withVolumes: true)
      return
    }
    try forgetRun(directory.id)
    if record.request.network == .bridge { try unplug(directory.id) }
    try lifelines.remove(directory.id)
  }

  /// Removes what a run has left in the runtime's state and in control groups: nothing, unless its monitor was killed.
  func forgetRun(_ id: String) throws(EngineError) {
    do throws(RuntimeError) {
      let id = try Self.runtimeID(id)
      // It is made before, and removed after, everything else of a run.
      guard try runtime.store.exists(id) else { return }
      try runtime.delete(id, force: true)
    } catch {
      throw EngineError(error)
    }
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
    try forgetRun(id)
    // Without a readable record it may have been in any network.
    if record == nil || record?.request.network == .bridge { try unplug(id) }
    let leases = IDRangeLeases(root: configuration.root, containers: containers)
    if let range = record?.idRange { try leases.release(range, of: id) }
    if record == nil {
      // What it had is found by its id.
      try leases.releaseAll(of: id)
      if withVolumes { try removeVolumes(madeFor: id) }
    }
    try removeSocket(id)
    try bury(try containers.sink(directory, withVolumes: withVolumes), record)
    try lifelines.remove(id)
    if let record { announce("destroy", record) }
  }

  /// Removes what is left of a container that exists no more. What is needed to know of it goes last.
  func bury(_ sunk: SunkContainer, _ record: ContainerRecord?) throws(EngineError) {
    if let record {
      try containers.dropName(record.name, of: sunk.id)
      if sunk.takesVolumes { try removeVolumes(of: record) }
    } else {
      try containers.dropNames(of: sunk.id)
    }
    try containers.remove(sunk)
  }

  func removeSocket(_ id: String) throws(EngineError) {
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
    try removeUnshared(names)
  }

  /// The same by the names that follow from the container's id.
  private func removeVolumes(madeFor id: String) throws(EngineError) {
    try removeUnshared(try VolumeStore(root: configuration.root).anonymousNames(of: id))
  }

  private func removeUnshared(_ names: [String]) throws(EngineError) {
    let volumes = try VolumeStore(root: configuration.root)
    for name in names {
      do throws(EngineError) {
        try volumes.remove(name) { () throws(EngineError) in
          // Another container may have taken it over.
          guard try volumes.isShared(name), isUsed(name) else { return }
          throw .volumeInUse(name: name, containerID: nil)
        }
      } catch {
        switch error {
        case .noSuchVolume, .volumeInUse: continue
        default: throw error
        }
      }
    }
  }

  /// Whether a container uses a volume, or may do so for all that can be known.
  private func isUsed(_ volume: String) -> Bool {
    do throws(EngineError) {
      return try usedVolumes()[volume] != nil
    } catch {
      return true
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
