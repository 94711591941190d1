package import SkiffSpec

extension ContainerRuntime {
  /// Stops every process of the container where it stands; comes back when all have stopped.
  package func pause(_ id: ContainerID) throws(RuntimeError) {
    let record = try store.load(id)
    switch record.status() {
    case .created, .running: break
    case .paused: throw .wrongState("container already paused")
    case .creating, .stopped: throw .notRunning(id.text)
    }
    let cgroup = try controlGroup(of: record, to: "pause")
    do throws(CgroupError) {
      try cgroup.freeze()
    } catch {
      throw .failed("cannot pause container \(id.text): \(error)")
    }
  }

  /// Lets a paused container go on.
  package func resume(_ id: ContainerID) throws(RuntimeError) {
    let record = try store.load(id)
    guard record.status() == .paused else { throw .wrongState("container not paused") }
    let cgroup = try controlGroup(of: record, to: "resume")
    do throws(CgroupError) {
      try cgroup.thaw()
    } catch {
      throw .failed("cannot resume container \(id.text): \(error)")
    }
  }

  /// The container's group, without which some verbs are impossible.
  func controlGroup(of record: ContainerRecord, to act: String) throws(RuntimeError) -> CgroupRecord {
    guard let cgroup = record.cgroup else {
      throw .failed("cannot \(act) container \(record.id): it has no control group (--cgroup-manager disabled)")
    }
    return cgroup
  }
}
