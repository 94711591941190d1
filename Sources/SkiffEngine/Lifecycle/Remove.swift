import SkiffKernel

extension Engine {
  /// Removes a container, and with `withVolumes` the volumes that were made for it alone.
  ///
  /// - Parameter force: end it first if it runs.
  public func remove(_ text: String, force: Bool = false, withVolumes: Bool = false) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    if let process = try openProcess(id, evenIfDamaged: force) {
      let name = recordIfReadable(directory)?.name ?? ContainerIdentity.short(id)
      guard force else { throw .containerRunning(name: name, act: "remove") }
      if recordIfReadable(directory) == nil {
        // Nobody knows what it is; that it ends is all that is wanted of it.
        try end(process.descriptor, directory)
      } else {
        do throws(EngineError) {
          try kill(id, signal: "KILL")
        } catch {
          // It ended by itself between the two looks. Whatever its policy did in the same moment is seen below.
          guard case .containerNotRunning = error else { throw error }
        }
      }
    } else if try directory.restartRecord()?.isDue == true {
      let record = recordIfReadable(directory)
      guard force else {
        throw .refused(
          "cannot remove container \(record?.name ?? ContainerIdentity.short(id)): it is restarting (stop it first)")
      }
      if let record { try directory.noteStop(record) }
    }
    do throws(EngineError) {
      try take(directory)
    } catch {
      // It removed itself at its end.
      if case .noSuchContainer = error, force { return }
      throw error
    }
    while let process = try openProcess(id, evenIfDamaged: force) {
      guard force else { throw .containerRunning(name: recordIfReadable(directory)?.name ?? id, act: "remove") }
      // Its policy had started it again in between.
      try end(process.descriptor, directory)
    }
    // Should this process not come to the end of it, the next one will.
    let lifeline = try lifelines.holdIfThereIsRoom(id)
    // A container whose record cannot be read can be removed all the same.
    try remove(directory, recordIfReadable(directory), withVolumes: withVolumes)
    _ = consume lifeline
  }

  /// The first process of a container that is to be removed. With `evenIfDamaged`, none where the runtime's record of it cannot be read:
  /// then what its control group holds is ended with the group.
  private func openProcess(_ id: String, evenIfDamaged: Bool) throws(EngineError) -> FileDescriptor? {
    do throws(EngineError) {
      return try openProcess(id)
    } catch {
      guard evenIfDamaged else { throw error }
      return nil
    }
  }
}
