internal import SkiffKernel
package import SkiffSpec

extension ContainerRuntime {
  /// Sends a signal to the container's first process, or to all of them (runtime.md "Kill").
  package func kill(_ id: ContainerID, signal: Int32, all: Bool) throws(RuntimeError) {
    let record = try store.load(id)
    if all, let cgroup = record.cgroup {
      do throws(CgroupError) {
        try cgroup.kill(signal: signal)
        return
      } catch {
        throw .failed("cannot signal the processes of container \(id.text): \(error)")
      }
    }
    if signal == Signal.kill, try killSharedProcesses(record) { return }
    switch record.status() {
    case .created, .running, .paused: break
    case .creating, .stopped:
      // All of none.
      if all { return }
      throw .notRunning(id.text)
    }
    do throws(Errno) {
      let process = try record.openInit()
      try process.descriptor.sendSignal(signal)
      // A frozen process of v1 does not even die.
      if signal == Signal.kill, let cgroup = record.cgroup, (try? cgroup.isFrozen()) == true { try? cgroup.thaw() }
    } catch {
      if error == .noSuchProcess { throw .notRunning(id.text) }
      throw .failed("cannot send signal \(signal) to container \(id.text): \(error)")
    }
  }

  /// Kills every process of a container that has no PID namespace of its own: with its first process the kernel ends only that.
  /// The others may have outlived the first, too. False where there is nothing of that kind.
  private func killSharedProcesses(_ record: ContainerRecord) throws(RuntimeError) -> Bool {
    guard let cgroup = record.cgroup, !record.ownsProcessNumbers else { return false }
    do throws(CgroupError) {
      guard try cgroup.isPopulated() else { return false }
      try cgroup.kill(signal: Signal.kill)
      return true
    } catch {
      throw .failed("cannot kill the processes of container \(record.id): \(error)")
    }
  }

  /// Removes a stopped container and everything that was made for it (runtime.md "Delete").
  ///
  /// - Parameter force: end it first if it runs; a container that does not exist is no error then.
  /// - Returns: what to warn of: poststop hooks that failed.
  @discardableResult
  package func delete(
    _ id: ContainerID, force: Bool, cgroupManager: CgroupManager = .cgroupfs
  ) throws(RuntimeError) -> [String] {
    guard let directory = try store.openDirectory(id) else {
      if !force { throw .missing(id.text) }
      // Even with no state at all: the default group is known from the id.
      ContainerPlacement.removeDefaults(id, cgroupManager)
      return []
    }
    guard let record = try ContainerStateStore.read(directory.descriptor, id, passesDamage: force) else {
      // Its creation was cut short before anything but the directory was made; or nothing else is known of it.
      ContainerPlacement.removeDefaults(id, cgroupManager)
      try store.remove(id)
      return []
    }
    let status = record.status()
    switch status {
    case .stopped, .creating: break
    // A created container has not run anything yet: nothing is lost with it.
    case .created: break
    case .running, .paused:
      if !force { throw .wrongState("cannot delete container \(id.text) that is not stopped: \(status.rawValue)") }
    }
    if status != .stopped { try end(record) }
    let warnings = try cleanUp(record, directory.descriptor)
    try store.remove(id)
    return warnings
  }

  /// Kills the first process, and waits for it to be gone: the kernel ends the others of its PID namespace with it.
  private func end(_ record: ContainerRecord) throws(RuntimeError) {
    do throws(Errno) {
      if record.processID == 0 { return }
      let process = try record.openInit()
      try process.descriptor.sendSignal(Signal.kill)
      if let cgroup = record.cgroup, (try? cgroup.isFrozen()) == true { try? cgroup.thaw() }
      var entries = [PollEntry(process.descriptor, .readable)]
      let limitMilliseconds: Int64 = 10_000
      if try poll(&entries, timeoutMilliseconds: limitMilliseconds) == 0 { throw .timedOut }
    } catch {
      if error == .noSuchProcess { return }
      throw .failed("cannot end container \(record.id): \(error)")
    }
  }

  /// Takes away what outlives the first process: processes of a shared PID namespace, the control group; then the poststop hooks.
  func cleanUp(_ record: ContainerRecord, _ directory: Descriptor) throws(RuntimeError) -> [String] {
    if let cgroup = record.cgroup {
      do throws(CgroupError) {
        // Mostly nothing is left, and asking who is would take longer than trying.
        let isGone = try cgroup.removeAtOnce()
        if !isGone, try cgroup.isPopulated() { try cgroup.kill(signal: Signal.kill) }
        try record.unit?.stop()
        if !isGone { try cgroup.remove() }
      } catch {
        throw .failed("cannot remove the control group of container \(record.id): \(error)")
      }
    }
    try Self.leaveResourceControl(record)
    guard record.hasPoststopHooks,
      let spec = try? ContainerStateStore.configuration(in: directory, id: record.id)
    else { return [] }
    return Self.runPoststop(record, spec)
  }

  /// A failing poststop hook keeps neither the container nor the other hooks (runtime.md "Lifecycle", 13).
  static func runPoststop(_ record: ContainerRecord, _ spec: RuntimeSpec) -> [String] {
    if spec.hooks.poststop.isEmpty { return [] }
    var warnings: [String] = []
    HookRunner.outside(bundlePath: record.bundlePath) { surroundings in
      warnings = HookRunner.runAll(
        spec.hooks.poststop, moment: "poststop", state: record.stateJSON(.stopped, version: spec.version),
        surroundings)
    }
    return warnings
  }

  static func leaveResourceControl(_ record: ContainerRecord) throws(RuntimeError) {
    guard let place = record.resourceControl else { return }
    do throws(LaunchError) {
      try ResourceControl.find().remove(place)
    } catch {
      throw .launch(error)
    }
  }
}
