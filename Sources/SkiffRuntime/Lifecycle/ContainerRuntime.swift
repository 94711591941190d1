internal import SkiffKernel
internal import SkiffSpec

/// The verbs of an OCI runtime over one state directory; one file each.
package struct ContainerRuntime: Sendable {
  package let store: ContainerStateStore

  /// - Parameter root: where states live, `/run/skiff` by default.
  package init(root: String) {
    store = ContainerStateStore(root: root)
  }
}

extension ContainerRuntime {
  /// Makes a container whose process waits to be started; gives what a person should know though it went well.
  package func create(_ request: CreateRequest) throws(RuntimeError) -> [String] {
    var handover = ContainerMaker.Handover()
    handover.waitsAtSocket = true
    let made = try ContainerMaker(store: store, request: request).make(handover)
    return made.warnings
  }
}
