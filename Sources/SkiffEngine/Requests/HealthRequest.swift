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
  /// What is checked until it has succeeded, before all else, written as `test`; empty where nothing is.
  public var startupTest: [String] = []
  /// In nanoseconds, as the next one.
  public var startupInterval: Int64 = 0
  public var startupTimeout: Int64 = 0
  /// So many failures of it in a row have the container started again; 0 never.
  public var startupRetries: Int64 = 0
  /// So many successes of it in a row are wanted; 0 is one.
  public var startupSuccesses: Int64 = 0
  /// A directory of the host that gets what checks find, too.
  public var logDirectory: String?
  /// How many results are kept, and how many bytes of what each says; 0 as many as can be.
  public var logCount: Int64?
  public var logBytes: Int64?
  /// The most that can be asked of these two.
  public static let logCountLimit = Int64(HealthLogSettings.countLimit)
  public static let logBytesLimit = Int64(HealthLogSettings.outputCeilingBytes)
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
  var command: [String] { command(test) }

  private func command(_ test: [String]) -> [String] {
    switch test.first {
    case "CMD": Array(test.dropFirst())
    case "CMD-SHELL": test.count < 2 ? [] : (shell.isEmpty ? ["/bin/sh", "-c"] : shell) + test.dropFirst()
    default: []
    }
  }

  /// Whether the monitor may have to start the container again, whatever its policy.
  var mayRestart: Bool { action == .restart || startupRetries > 0 }

  private var logSettings: HealthLogSettings {
    var settings = HealthLogSettings()
    func limit(_ asked: Int64?, _ standard: Int, _ ceiling: Int) -> Int {
      asked.map { $0 == 0 ? ceiling : Int(min($0, Int64(ceiling))) } ?? standard
    }
    settings.count = limit(logCount, settings.count, HealthLogSettings.countLimit)
    settings.outputLimitBytes = limit(
      logBytes, settings.outputLimitBytes, HealthLogSettings.outputCeilingBytes)
    settings.directory = logDirectory
    return settings
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
    check.log = logSettings
    let startupCommand = command(startupTest)
    if !startupCommand.isEmpty {
      check.startup = StartupCheck(
        command: startupCommand, intervalMilliseconds: milliseconds(startupInterval, Default.interval),
        timeoutMilliseconds: milliseconds(startupTimeout, Default.timeout), retries: startupRetries,
        successes: max(1, startupSuccesses))
    }
    return check
  }

  /// As inspection shows it.
  var document: JSONValue {
    Self.document(
      test,
      [
        ("Interval", interval), ("Timeout", timeout), ("StartPeriod", startPeriod), ("StartInterval", startInterval),
        ("Retries", retries),
      ])
  }

  /// The check of the start as podman shows it; nil where there is none.
  var startupDocument: JSONValue? {
    guard !startupTest.isEmpty else { return nil }
    return Self.document(
      startupTest,
      [
        ("Interval", startupInterval), ("Timeout", startupTimeout), ("Retries", startupRetries),
        ("Successes", startupSuccesses),
      ])
  }

  private static func document(_ test: [String], _ numbers: [(String, Int64)]) -> JSONValue {
    var document = JSONObject()
    document["Test"] = JSONValue(test)
    for (name, value) in numbers where value != 0 { document[name] = .integer(value) }
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
    RecordField("startupTest", { $0.startupTest }, { $0.startupTest = $1 }),
    RecordField("startupInterval", { $0.startupInterval }, { $0.startupInterval = $1 }),
    RecordField("startupTimeout", { $0.startupTimeout }, { $0.startupTimeout = $1 }),
    RecordField("startupRetries", { $0.startupRetries }, { $0.startupRetries = $1 }),
    RecordField("startupSuccesses", { $0.startupSuccesses }, { $0.startupSuccesses = $1 }),
    RecordField("logDirectory", { $0.logDirectory }, { $0.logDirectory = $1 }),
    RecordField("logCount", { $0.logCount }, { $0.logCount = $1 }),
    RecordField("logBytes", { $0.logBytes }, { $0.logBytes = $1 }),
    RecordField("shell", { $0.shell }, { $0.shell = $1 }),
  ]
}
