internal import SkiffKernel
package import SkiffSpec

extension ContainerRuntime {
  /// Lets a created container's process become its program (runtime.md "Start").
  package func start(_ id: ContainerID) throws(RuntimeError) {
    guard let directory = try store.openDirectory(id), let record = ContainerStateStore.read(directory.descriptor)
    else {
      throw .missing(id.text)
    }
    switch record.status() {
    case .created: break
    case .stopped: throw .wrongState("cannot start a container that has stopped")
    case .creating: throw .wrongState("cannot start a container that is still being created")
    case .running, .paused: throw .wrongState("cannot start an already running container")
    }
    let spec = try ContainerStateStore.configuration(in: directory.descriptor, id: id.text)
    let refusal: RuntimeError?
    do throws(Errno) {
      let connection = try UnixSocket.connect(to: "\(directory.descriptor.path)/start.sock", type: .packet)
      try connection.descriptor.send(LaunchMessage.start)
      refusal = try serve(connection.descriptor, record, spec)
      try directory.descriptor.unlink("start.sock")
    } catch {
      if error == .connectionRefused || error == .notFound {
        throw .wrongState("cannot start an already running container")
      }
      throw .failed("cannot start container \(id.text): \(error)")
    }
    if let refusal { throw refusal }
    try runPoststart(record, spec)
  }

  /// Answers the starting process until its end of the line closes: then its program runs. What it could not do is given back.
  private func serve(
    _ connection: Descriptor, _ record: ContainerRecord, _ spec: RuntimeSpec
  ) throws(Errno) -> RuntimeError? {
    while let (message, payload, file) = try connection.receiveMessageAndFile() {
      let file = FileOrNothing(file)
      switch message {
      case .stateWanted: try connection.send(.goOn, record.stateJSON(.created, version: spec.version))
      case .listener:
        guard let agent = SeccompAgent(spec.linux.seccomp), let listener = file.descriptor else { throw .badMessage }
        do throws(LaunchError) {
          try agent.deliver(
            listener, processID: record.processID, state: record.stateJSON(.created, version: spec.version))
        } catch {
          return .launch(error)
        }
        try connection.send(.goOn)
      case .failed:
        let words = String(decoding: payload.dropFirst(), as: UTF8.self)
        let kind: LaunchError.Kind =
          switch payload.first {
          case 126: .notExecutable
          case 127: .notFound
          default: .failed
          }
        return .launch(LaunchError(words, kind: kind))
      default: throw .badMessage
      }
    }
    return nil
  }

  func runPoststart(_ record: ContainerRecord, _ spec: RuntimeSpec) throws(RuntimeError) {
    if spec.hooks.poststart.isEmpty { return }
    do throws(LaunchError) {
      try HookRunner.run(
        spec.hooks.poststart, moment: "poststart", state: record.stateJSON(.running, version: spec.version))
    } catch {
      throw .launch(error)
    }
  }
}
