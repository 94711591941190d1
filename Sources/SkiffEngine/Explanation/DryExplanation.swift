import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

extension Engine {
  /// How a container would be made: the steps of the storage, the network and the runtime, in order. Nothing of it is left or run.
  public func explain(_ request: RunRequest, pull: PullPolicy = .missing) throws(EngineError) -> [ExplanationStep] {
    try salvage()
    let lifeline = try lifelines.hold(try ContainerIdentity.makeID())
    let id = lifeline.id
    do throws(EngineError) {
      return try explain(request, pull, lifeline)
    } catch {
      letGo(id)
      throw error
    }
  }

  private func explain(
    _ request: RunRequest, _ pull: PullPolicy, _ lifeline: consuming Lifeline
  ) throws(EngineError) -> [ExplanationStep] {
    var creation = try ContainerCreation(
      engine: self, request: request, pull: pull, lifeline: lifeline, explains: true)
    _ = try creation.perform()
    let record = creation.finished
    do throws(EngineError) {
      let steps =
        try creation.log.steps + networkPlan(record)
        + launchPlan(try specification(in: creation.directory), creation.directory)
      try remove(creation.directory, record, withVolumes: true)
      // What was timed was the making of a container that does not run: times would tell a story that is not true.
      return steps.map { step in
        ExplanationStep(what: step.what, kernelCall: step.kernelCall, command: step.command)
      }
    } catch {
      creation.discard()
      throw error
    }
  }

  private func networkPlan(_ record: ContainerRecord) throws(EngineError) -> [ExplanationStep] {
    let name = "/run/netns/" + ContainerIdentity.short(record.id)
    let made = ExplanationStep(
      what: "make a network namespace for the container", kernelCall: "unshare(CLONE_NEWNET)",
      command: "ip netns add \(ContainerIdentity.short(record.id))  # \(name)")
    switch record.request.network {
    case .host, .container: return []
    case .none:
      return [
        made,
        ExplanationStep(
          what: "switch its loopback on", kernelCall: "ioctl(SIOCSIFFLAGS, lo, IFF_UP)", command: "ip link set lo up"),
      ]
    case .bridge: break
    }
    do throws(NetworkError) {
      let networks = networks
      let network = try networks.defaultNetwork()
      return [made]
        + networks.plannedExplanation(
          containerID: try Self.networkID(record.id), network: network, wishes: record.request.endpointWishes)
    } catch {
      throw EngineError(error)
    }
  }

  private func launchPlan(
    _ spec: RuntimeSpec, _ directory: borrowing ContainerDirectory
  ) throws(EngineError) -> [ExplanationStep] {
    var circumstances = LaunchCircumstances(
      id: directory.id, rootPath: spec.root?.path ?? directory.path, bundlePath: directory.path)
    circumstances.start = .whenTold
    circumstances.grantable = try naming("read", "the caller's capabilities") { () throws(Errno) in
      try ThreadCapabilities.current().permitted
    }
    try placeInGroups(&circumstances, spec)
    do throws(LaunchError) {
      return try LaunchPlanner.plan(spec, circumstances).explanation
    } catch {
      throw .report("\(error)")
    }
  }

  /// What the runtime will find out about control groups.
  private func placeInGroups(
    _ circumstances: inout LaunchCircumstances, _ spec: RuntimeSpec
  ) throws(EngineError) {
    do throws(CgroupError) {
      let path = spec.linux.cgroupsPath ?? circumstances.id
      let record = try CgroupHierarchy.detect().record(for: CgroupPath(path))
      circumstances.hasCgroup = record.entries.contains { !$0.isUnified }
      circumstances.cgroupMounts = CgroupMountPlan.make(
        record, cgroupNamespace: spec.linux.namespaces.contains { $0.type == .cgroup && ($0.path ?? "").isEmpty })
    } catch {
      throw .report("\(error)")
    }
  }
}
