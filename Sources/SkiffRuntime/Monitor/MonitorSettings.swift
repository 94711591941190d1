internal import SkiffKernel
internal import SkiffSpec

/// What the engine asks of a monitor: `monitor.json` in the container's directory.
package struct MonitorSettings: Equatable, Sendable {
  package var id: String
  package var runtimeRoot: String
  package var rootfs: RootfsSource
  package var log = LogSettings()
  package var exitFile: String
  package var attachSocket: String
  package var keepsStdinOpen = false
  /// What the monitor becomes at the end when its first client, who would do the same, is not there to hear of it.
  package var exitCommand: [String] = []
  /// What the monitor becomes to have the container started again, before the number of the restart's lock and the id.
  package var restartCommand: [String] = []
  /// The service manager that hears of it, and what makes the container ready.
  package var notify: Notification?
  /// How its health is checked.
  package var health: HealthCheck?
  /// So long after its start it is killed; 0 for never.
  package var timeLimitSeconds: UInt32 = 0
  package var explains = false
  package var secrets: [SecretOrder] = []
  /// False for a container that is removed with its end: no power failure will find its record wanting.
  package var keepsExit = true
  /// Where the journal of events is, and what an event says of the container; nil tells of nothing.
  package var events: Events?

  package struct Notification: Equatable, Sendable {
    /// Podman's `--sdnotify`.
    package enum Mode: String, Equatable, Sendable {
      /// Its program says so.
      case container
      /// It runs.
      case conmon
      /// Its first check that finds it well.
      case healthy
    }

    package var mode: Mode
    package var socket: String
  }

  package struct Events: Equatable, Sendable {
    package var runRoot: String
    package var attributes: [String: String]
  }

  private static let limitBytes = 1 << 20

  /// Reads the file; every fault is named.
  static func read(in containerPath: String) throws(RuntimeError) -> MonitorSettings {
    let path = "\(containerPath)/monitor.json"
    let bytes: [UInt8]
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
      bytes = try file.descriptor.readToEnd(limitBytes: limitBytes)
    } catch {
      throw .failed("cannot read \(path): \(error)")
    }
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue.parse(bytes)
    } catch {
      throw .failed("cannot read \(path): \(error)")
    }
    guard let settings = MonitorSettings(json) else {
      throw .failed("\(path) lacks a member or has one of the wrong kind")
    }
    return settings
  }

  private init?(_ json: JSONValue) {
    guard let id = json["id"]?.string, let runtimeRoot = json["runtimeRoot"]?.string,
      let rootfs = json["rootfs"].flatMap({ Self.rootfs($0, isVolatile: json["keepExit"]?.bool == false) }),
      let exitFile = json["exitFile"]?.string,
      let attachSocket = json["attachSocket"]?.string
    else { return nil }
    self.id = id
    self.runtimeRoot = runtimeRoot
    self.rootfs = rootfs
    self.exitFile = exitFile
    self.attachSocket = attachSocket
    if let log = json["log"] {
      guard let settings = LogSettings(log) else { return nil }
      self.log = settings
    }
    keepsStdinOpen = json["keepStdinOpen"]?.bool ?? false
    exitCommand = (json["exitCommand"]?.array ?? []).compactMap(\.string)
    restartCommand = (json["restartCommand"]?.array ?? []).compactMap(\.string)
    if let notify = json["notify"] {
      guard let mode = notify["mode"]?.string.flatMap(Notification.Mode.init(rawValue:)),
        let socket = notify["socket"]?.string
      else { return nil }
      self.notify = Notification(mode: mode, socket: socket)
    }
    if let health = json["health"] {
      guard let check = HealthCheck(health) else { return nil }
      self.health = check
    }
    if let limit = json["timeLimitSeconds"] {
      guard let seconds = limit.integer.flatMap({ UInt32(exactly: $0) }) else { return nil }
      timeLimitSeconds = seconds
    }
    explains = json["explain"]?.bool ?? false
    let orders = json["secrets"]?.array ?? []
    secrets = orders.compactMap { SecretOrder($0) }
    if secrets.count < orders.count { return nil }
    keepsExit = json["keepExit"]?.bool ?? true
    if let events = json["events"] {
      guard let runRoot = events["runRoot"]?.string else { return nil }
      var attributes: [String: String] = [:]
      for member in events["attributes"]?.object?.members ?? [] { attributes[member.key] = member.value.string }
      self.events = Events(runRoot: runRoot, attributes: attributes)
    }
  }

  private static func rootfs(_ json: JSONValue, isVolatile: Bool) -> RootfsSource? {
    switch json["kind"]?.string {
    case "directory": json["path"]?.string.map { .directory(path: $0) }
    case "overlay":
      if let upper = json["upper"]?.string, let work = json["work"]?.string, let lower = json["lower"]?.array {
        .overlay(lower: lower.compactMap(\.string), upper: upper, work: work, isVolatile: isVolatile)
      } else {
        nil
      }
    case "image":
      json["file"]?.string.map {
        .image(file: $0, type: json["type"]?.string ?? "ext4", isReadOnly: json["readOnly"]?.bool ?? false)
      }
    default: nil
    }
  }
}
