public import SkiffRuntime
import SkiffSpec

/// How a container's health is checked, as a person or an image says it. What is empty or 0 is left to the image, then to docker's defaults.
public struct HealthRequest: Equatable, Sendable {
  /// `CMD` and arguments, `CMD-SHELL` and a line, or `NONE`.
  public var test: [String] = []
  /// In nanoseconds, as the next ones.
  public var interval: Int64 = 0
  public var timeout: Int64 = 0
  public var startPeriod: Int64 = 0
  public var startInterval: Int64 = 0
  /// So many failures in a row make a container unhealthy.
  public var retries: Int64 = 0
  /// What is done about one that is.
  public var action = HealthAction.none
  /// What a line is given to: the image's shell. Empty is `/bin/sh -c`.
  package var shell: [String] = []

  public init() {}

  /// Without any of it nothing was asked.
  var isEmpty: Bool { self == HealthRequest() }

  /// Nanoseconds.
  private enum Default {
    static let interval: Int64 = 30_000_000_000
    static let timeout: Int64 = 30_000_000_000
    static let startInterval: Int64 = 5_000_000_000
    static let retries: Int64 = 3
  }

  /// What holds for a container of an image; nil where its health is not checked.
  package func resolved(_ image: ImageDefaults) throws(EngineError) -> HealthRequest? {
    if isEmpty, image.healthcheck == nil { return nil }
    var resolved = self
    if let check = image.healthcheck {
      if resolved.test.isEmpty { resolved.test = check.test }
      if resolved.interval == 0 { resolved.interval = max(0, check.interval) }
      if resolved.timeout == 0 { resolved.timeout = max(0, check.timeout) }
      if resolved.startPeriod == 0 { resolved.startPeriod = max(0, check.startPeriod) }
      if resolved.startInterval == 0 { resolved.startInterval = max(0, check.startInterval) }
      if resolved.retries == 0 { resolved.retries = max(0, check.retries) }
    }
    if resolved.test.first == "NONE" { return nil }
    resolved.shell = image.shell
    guard resolved.command.isEmpty else { return resolved }
    // An image's word that cannot be understood is not worth a failure, a person's is.
    if isEmpty { return nil }
    throw .refused(
      "there is no health check that the options could be for: the image has none (give one with --health-cmd)")
  }

  /// The program and its arguments; empty where there is none.
  var command: [String] {
    switch test.first {
    case "CMD": Array(test.dropFirst())
    case "CMD-SHELL": test.count < 2 ? [] : (shell.isEmpty ? ["/bin/sh", "-c"] : shell) + test.dropFirst()
    default: []
    }
  }

  /// What the monitor is told.
  package func check(stopSignal: Int32, stopTimeoutSeconds: Int64) -> HealthCheck {
    func milliseconds(_ nanoseconds: Int64, _ standard: Int64) -> Int64 {
      max(1, (nanoseconds == 0 ? standard : nanoseconds) / 1_000_000)
    }
    var check = HealthCheck(
      command: command, intervalMilliseconds: milliseconds(interval, Default.interval),
      timeoutMilliseconds: milliseconds(timeout, Default.timeout), startPeriodMilliseconds: startPeriod / 1_000_000,
      startIntervalMilliseconds: milliseconds(startInterval, Default.startInterval),
      retries: retries == 0 ? Default.retries : retries, stopSignal: stopSignal,
      stopTimeoutMilliseconds: stopTimeoutSeconds < 0 ? -1 : Engine.milliseconds(stopTimeoutSeconds))
    check.action = action
    return check
  }

  /// As inspection shows it.
  var document: JSONValue {
    var document = JSONObject()
    document["Test"] = JSONValue(test)
    for (name, value) in [
      ("Interval", interval), ("Timeout", timeout), ("StartPeriod", startPeriod), ("StartInterval", startInterval),
      ("Retries", retries),
    ] where value != 0 {
      document[name] = .integer(value)
    }
    return .object(document)
  }
}

extension HealthRequest: FieldRecord, RecordValue {
  static let fields: [RecordField<HealthRequest>] = [
    RecordField("test", { $0.test }, { $0.test = $1 }),
    RecordField("interval", { $0.interval }, { $0.interval = $1 }),
    RecordField("timeout", { $0.timeout }, { $0.timeout = $1 }),
    RecordField("startPeriod", { $0.startPeriod }, { $0.startPeriod = $1 }),
    RecordField("startInterval", { $0.startInterval }, { $0.startInterval = $1 }),
    RecordField("retries", { $0.retries }, { $0.retries = $1 }),
    RecordField("action", { $0.action.rawValue }, { $0.action = HealthAction(rawValue: $1) ?? HealthAction.none }),
    RecordField("shell", { $0.shell }, { $0.shell = $1 }),
  ]
}
