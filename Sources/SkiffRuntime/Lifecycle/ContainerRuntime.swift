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
  /// An ordinary user goes into a user namespace for the container first: comes back where that is not needed or done already.
  package func enterUserNamespace(for request: CreateRequest, arguments: [String]) throws(RuntimeError) {
    guard UserNamespaceEntry.isNeeded else { return }
    let (_, spec) = try ContainerMaker(store: store, request: request).readConfiguration()
    do throws(LaunchError) {
      try UserNamespaceEntry.enter(spec.linux, arguments: arguments)
    } catch {
      throw .launch(error)
    }
  }

  /// Makes a container whose process waits to be started; gives what a person should know though it went well.
  package func create(_ request: CreateRequest) throws(RuntimeError) -> [String] {
    var handover = ContainerMaker.Handover()
    handover.waitsAtSocket = true
    let made = try ContainerMaker(store: store, request: request).make(handover)
    return made.warnings
  }
}
