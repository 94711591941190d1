import SkiffKernel
import SkiffRuntime
import SkiffSpec

extension ContainerDirectory {
  /// What the checks of the last run have found; nil where none were made.
  func healthState() throws(EngineError) -> HealthState? {
    let descriptor = descriptor
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try descriptor.readFile(try KernelPath(HealthState.fileName), limitBytes: HealthState.fileLimitBytes)
    } catch {
      guard error == .notFound else {
        throw .kernel(act: "read", thing: "\(path)/\(HealthState.fileName)", cause: error)
      }
      return nil
    }
    // What a power cut has emptied says as much as none.
    return (try? JSONValue.parse(bytes)).flatMap(HealthState.init)
  }
}

extension Engine {
  /// Has a container's monitor check its health now, and waits for what it finds.
  ///
  /// - Returns: `healthy`, or `unhealthy` where this check failed, whatever those before it have found; `starting` where it failed in
  ///   a time in which that does not count.
  public func checkHealth(_ text: String) throws(EngineError) -> String {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    guard record.health != nil else { throw .refused("container \(record.name) has no defined healthcheck") }
    guard try runningProcess(id) != nil else {
      throw .containerNotRunning(name: record.name, act: "check the health of")
    }
    if try livingProcess(id)?.isPaused == true {
      throw .refused("cannot check the health of container \(record.name): it is paused (see skiff unpause)")
    }
    let connection = try connect(id, name: record.name)
    let isWell = try naming("check the health of", "container \(record.name)") { () throws(Errno) in
      try connection.descriptor.send([AttachPacket.healthCheck.rawValue])
      return try Self.readPackets(connection.descriptor) { type, payload in
        type == .healthResult ? payload.first == 0 : nil
      }
    }
    guard let isWell else { throw .containerNotRunning(name: record.name, act: "check the health of") }
    if isWell { return HealthState.Status.healthy.rawValue }
    let isStarting = try directory.healthState()?.status == .starting
    return (isStarting ? HealthState.Status.starting : .unhealthy).rawValue
  }

  /// Refuses what rests on health checks for a container that has none.
  static func checkThatHealthIsWatched(_ record: ContainerRecord) throws(EngineError) {
    guard record.health == nil else { return }
    let option: String
    if record.request.restart.name == .unhealthy {
      option = "--restart unhealthy"
    } else if record.request.notification == .healthy {
      option = "--sdnotify healthy"
    } else {
      return
    }
    throw .refused("\(option) needs a health check: the image has none (give one with --health-cmd)")
  }
}
