internal import SkiffKernel
package import SkiffSpec

extension ContainerRuntime {
  /// The container's state, as JSON for a person or a program (runtime.md "Query State").
  package func state(_ id: ContainerID) throws(RuntimeError) -> [UInt8] {
    let record = try store.load(id)
    return JSONValue.object(JSONObject(record.stateMembers(record.status(), version: "1.3.0"))).serialized(pretty: true)
  }

  /// Every container; those that are just being removed are passed over.
  ///
  /// - Parameters:
  ///   - rootMustExist: for a root that somebody named.
  ///   - warn: is told of each container whose state cannot be read.
  package func list(
    rootMustExist: Bool = false, warn: (String) -> Void = { _ in }
  ) throws(RuntimeError) -> [(record: ContainerRecord, status: ContainerStatus)] {
    var containers: [(record: ContainerRecord, status: ContainerStatus)] = []
    for id in try store.list(mustExist: rootMustExist) {
      do throws(RuntimeError) {
        let record = try store.load(id)
        containers.append((record, record.status()))
      } catch {
        if case .missing = error { continue }
        warn("\(error)")
      }
    }
    return containers
  }

  /// `list --format json`: an array of states.
  package static func json(_ containers: [(record: ContainerRecord, status: ContainerStatus)]) -> [UInt8] {
    JSONValue.array(
      containers.map { .object(JSONObject($0.record.stateMembers($0.status, version: "1.3.0"))) }
    ).serialized()
  }
}
