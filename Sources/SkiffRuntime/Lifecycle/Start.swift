internal import SkiffKernel
package import SkiffSpec

/// Why a created process did not become its program.
private struct Refusal {
  var error: RuntimeError
  var isOfHook = false
}

extension ContainerRuntime {
  /// Lets a created container's process become its program (runtime.md "Start").
  ///
  /// - Parameter notifySocketPath: the service manager's socket: then this waits until the program says that it is ready, where the
  ///   container was created so that it can.
  package func start(_ id: ContainerID, notifySocketPath: String? = nil) throws(RuntimeError) {
    guard let directory = try store.openDirectory(id),
      let record = try ContainerStateStore.read(directory.descriptor, id)
    else {
      throw .missing(id.text)
    }
    switch record.status() {
    case .created: break
    case .stopped: throw .wrongState("cannot start a container that has stopped")
    case .creating: throw .wrongState("cannot start a container that is still being created")
    case .running: throw .wrongState("cannot start an already running container")
    case .paused: throw .wrongState("cannot start a container in the paused state")
    }
    let spec = try ContainerStateStore.configuration(in: directory.descriptor, id: id.text)
    let refusal: Refusal?
    var notify: NotifySocket?
    do throws(Errno) {
      if let notifySocketPath { notify = try NotifySocket(in: directory.descriptor, target: notifySocketPath) }
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
    if let refusal {
      if refusal.isOfHook { destroy(id) }
      throw refusal.error
    }
    try runPoststart(record, spec)
    if let notify, let process = try? record.openInit() {
      notify.wait(for: process.descriptor, processID: record.processID)
    }
  }

  /// Answers the starting process until its end of the line closes: then its program runs. What it could not do is given back.
  private func serve(
    _ connection: Descriptor, _ record: ContainerRecord, _ spec: RuntimeSpec
  ) throws(Errno) -> Refusal? {
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
          return Refusal(error: .launch(error))
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
        return Refusal(
          error: .launch(LaunchError(words, kind: kind)), isOfHook: payload.first == LaunchMessage.failedHook)
      default: throw .badMessage
      }
    }
    return nil
  }

  /// Runs the poststart hooks. One that fails is the container's end (runtime.md "Lifecycle", 9 and 12).
  func runPoststart(_ record: ContainerRecord, _ spec: RuntimeSpec) throws(RuntimeError) {
    if spec.hooks.poststart.isEmpty { return }
    do throws(LaunchError) {
      try HookRunner.outside(bundlePath: record.bundlePath) { surroundings throws(LaunchError) in
        try HookRunner.run(
          spec.hooks.poststart, moment: "poststart", state: record.stateJSON(.running, version: spec.version),
          surroundings)
      }
    } catch {
      if let id = try? ContainerID(record.id) { destroy(id) }
      throw .launch(error)
    }
  }

  /// Ends a container whose hook failed, and undoes what was made for it. What cannot be undone is found by `delete --force`:
  /// the hook's failure is what is reported.
  private func destroy(_ id: ContainerID) {
    _ = try? delete(id, force: true)
  }
}
