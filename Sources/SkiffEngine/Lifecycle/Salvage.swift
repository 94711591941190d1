import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

// What commands and monitors leave when they are killed: found by its loose lifeline, and cleared by the next command.
extension Engine {
  var lifelines: LifelineDirectory { LifelineDirectory(runRoot: configuration.runRoot) }

  /// Clears what killed commands and monitors have left. Commands that list, make or start containers do this first.
  ///
  /// What cannot be cleared is told to `warn` and stops nothing: it is tried again by the next command.
  public func salvage(warn: (String) -> Void = { _ in }) throws(EngineError) {
    guard let directory = try lifelines.openIfPresent() else {
      // The first command since the machine came up: no lifeline tells of what was there before.
      try sweep(warn: warn)
      _ = try StateDirectory.open(lifelines.path)
      return
    }
    var hasCleared = false
    for id in try lifelines.allIDs(in: directory.descriptor) {
      do throws(EngineError) {
        // Kept in hand until the end: nobody else clears the same.
        guard let lifeline = try lifelines.takeLoose(id, in: directory.descriptor) else { continue }
        hasCleared = true
        if try clear(lifeline.id) { try lifelines.remove(lifeline.id) }
      } catch {
        warn("cannot clean up after container \(ContainerIdentity.short(id)): \(error)")
      }
    }
    // What was half made, or half removed, for one of them.
    if hasCleared { try VolumeStore(root: configuration.root).sweep() }
  }

  /// Clears the remains of a container that nobody minds; false where there may be something to clear later.
  private func clear(_ id: String) throws(EngineError) -> Bool {
    guard containers.has(id) else {
      for sunk in try containers.sunk(id) { try bury(sunk, containers.record(of: sunk)) }
      return true
    }
    let directory = try containers.open(id: id)
    guard try isFree(directory) else { return false }
    guard try directory.hasRecord() else {
      try clearDraft(directory)
      return true
    }
    // Its monitor was killed, and it lives on: its end will leave something.
    if try runningProcess(id) != nil { return false }
    // A record that cannot be read is shown, not swept.
    guard let record = recordIfReadable(directory) else {
      try forgetRun(id)
      try unplug(id)
      return true
    }
    // One that was only made, and is not meant to be started yet, stays.
    if try directory.wasStarted() { try finish(directory, record) }
    return true
  }

  /// Takes a container that nobody has taken; false where somebody has, or it is gone.
  private func isFree(_ directory: borrowing ContainerDirectory) throws(EngineError) -> Bool {
    do throws(Errno) {
      try directory.lock(wait: false)
    } catch {
      guard error == .wouldBlock else { throw .kernel(act: "lock", thing: directory.path, cause: error) }
      return false
    }
    return containers.has(directory.id)
  }

  /// Removes a container that never came to be: its record would have been the last thing to be written. Or one whose record was lost
  /// to a power cut, which may have run before.
  private func clearDraft(_ directory: borrowing ContainerDirectory) throws(EngineError) {
    if try directory.wasStarted() {
      try forgetRun(directory.id)
      try unplug(directory.id)
      try removeSocket(directory.id)
    }
    try VolumeStore(root: configuration.root).removeAnonymous(of: directory.id)
    try IDRangeLeases(root: configuration.root, containers: containers).releaseAll(of: directory.id)
    try bury(try containers.sink(directory, withVolumes: true), nil)
  }

  /// Removes a container that this process could not finish to make, with the volumes that were made for it alone: one with a name
  /// may be in somebody's use already.
  func discardDraft(_ directory: borrowing ContainerDirectory) {
    do throws(EngineError) {
      try clearDraft(directory)
      try lifelines.remove(directory.id)
    } catch {
      // The error that led here tells more; the next command tries again.
    }
  }

  /// Removes the lifeline of a container that this process did not come to make.
  func letGo(_ id: String) {
    // One that was made may have left more than its lifeline: the next command will see.
    if containers.has(id) { return }
    do throws(EngineError) {
      try lifelines.remove(id)
    } catch {
      // The error that led here tells more; the next command tries again.
    }
  }

  /// Goes through the whole store for what interrupted commands and dead monitors left, lifeline or not.
  public func sweep(warn: (String) -> Void = { _ in }) throws(EngineError) {
    for sunk in try containers.sunk() { try bury(sunk, containers.record(of: sunk)) }
    try VolumeStore(root: configuration.root).sweep()
    try SecretStore.sweep(root: configuration.root)
    for id in try containers.allIDs() {
      do throws(EngineError) {
        try sweep(id)
      } catch {
        // Removed meanwhile.
        if case .noSuchContainer = error { continue }
        warn("cannot clean up after container \(ContainerIdentity.short(id)): \(error)")
      }
    }
    do throws(NetworkError) {
      _ = try networks.reconcile { id in !isInUse(id.text) }
    } catch {
      throw EngineError(error)
    }
  }

  private func sweep(_ id: String) throws(EngineError) {
    let directory = try containers.open(id: id)
    guard try isFree(directory) else { return }
    guard try directory.hasRecord() else {
      try clearDraft(directory)
      return
    }
    guard let record = recordIfReadable(directory), record.request.removesItself, try directory.wasStarted(),
      try belongsHere(directory), try runningProcess(id) == nil
    else { return }
    try finish(directory, record)
  }

  /// Whether a container was started beneath this run root: what others' run roots know of it is not seen from here.
  private func belongsHere(_ directory: borrowing ContainerDirectory) throws(EngineError) -> Bool {
    guard let bytes = try directory.content(ContainerDirectory.File.monitor) else { return true }
    do throws(JSONError) {
      return try JSONValue.parse(bytes)["runtimeRoot"]?.string == configuration.runtimeRoot
    } catch {
      // Cut short by a power failure, before the container could have begun.
      return true
    }
  }
}
