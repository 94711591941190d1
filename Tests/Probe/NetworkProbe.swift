import SkiffKernel
import SkiffNetworks
import SkiffSpec

/// `network DIRECTORY ID`: attaches and detaches containers in the store beneath DIRECTORY until it is killed.
func networkProbe(_ verb: String, _ arguments: [String]) -> ProbeValue? {
  guard verb == "network" else { return nil }
  guard arguments.count == 2, let directory = arguments.first, let name = arguments.last else {
    return .object([("error", .text("network DIRECTORY ID"))])
  }
  let store = NetworkStore(rootDirectory: directory + "/root", runDirectory: directory + "/run")
  do {
    var turn = 0
    while true {
      let container = try ContainerID("\(name)-\(turn)")
      let namespace = try NetworkNamespace.make()
      _ = try store.attach(
        containerID: container, to: store.defaultNetwork(), namespace: namespace.descriptor, isStale: { _ in false })
      try store.detach(containerID: container)
      turn += 1
    }
  } catch {
    return .object([("error", .text("\(error)"))])
  }
}
