import SkiffKernel

extension Engine {
  /// Removes a container, and with `withVolumes` the volumes that were made for it alone.
  ///
  /// - Parameter force: end it first if it runs.
  public func remove(_ text: String, force: Bool = false, withVolumes: Bool = false) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    if try runningProcess(id) != nil {
      let name = recordIfReadable(directory)?.name ?? ContainerIdentity.short(id)
      guard force else { throw .containerRunning(name: name, act: "remove") }
      do throws(EngineError) {
        try kill(id, signal: "KILL")
      } catch {
        // It ended by itself between the two looks. Whatever its policy did in the same moment is seen below.
        guard case .containerNotRunning = error else { throw error }
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
    while let process = try openProcess(id) {
      guard force else { throw .containerRunning(name: recordIfReadable(directory)?.name ?? id, act: "remove") }
      // Its policy had started it again in between.
      try end(process.descriptor, directory)
    }
    // Should this process not come to the end of it, the next one will.
    let lifeline = try lifelines.hold(id)
    // A container whose record cannot be read can be removed all the same.
    try remove(directory, recordIfReadable(directory), withVolumes: withVolumes)
    _ = consume lifeline
  }
}
