package import SkiffSpec

/// What is done about a container that is not well (podman's `--health-on-failure`).
public enum HealthAction: String, Equatable, Sendable, CaseIterable {
  case none
  /// SIGKILL for all of it; then its restart policy decides.
  case kill
  /// Its stop signal, and a new start whatever its policy says.
  case restart
  /// Its stop signal, and no new start.
  case stop
}

/// How a monitor finds out whether its container is well: `health` in monitor.json.
package struct HealthCheck: Equatable, Sendable {
  /// The program and its arguments.
  package var command: [String]
  package var intervalMilliseconds: Int64
  package var timeoutMilliseconds: Int64
  /// While the container is starting, so long a failure does not count.
  package var startPeriodMilliseconds: Int64
  /// The interval in that time.
  package var startIntervalMilliseconds: Int64
  /// So many failures in a row make it unhealthy.
  package var retries: Int64
  package var action = HealthAction.none
  /// What is checked first, in place of all else, until it has succeeded; nil where nothing is.
  package var startup: StartupCheck?
  package var log = HealthLogSettings()
  package var stopSignal: Int32
  /// Below 0 waits for ever.
  package var stopTimeoutMilliseconds: Int64

  package init(
    command: [String], intervalMilliseconds: Int64, timeoutMilliseconds: Int64, startPeriodMilliseconds: Int64,
    startIntervalMilliseconds: Int64, retries: Int64, stopSignal: Int32, stopTimeoutMilliseconds: Int64
  ) {
    self.command = command
    self.intervalMilliseconds = intervalMilliseconds
    self.timeoutMilliseconds = timeoutMilliseconds
    self.startPeriodMilliseconds = startPeriodMilliseconds
    self.startIntervalMilliseconds = startIntervalMilliseconds
    self.retries = retries
    self.stopSignal = stopSignal
    self.stopTimeoutMilliseconds = stopTimeoutMilliseconds
  }

  package var document: JSONValue {
    var document: JSONValue = [
      "command": JSONValue(command), "interval": .integer(intervalMilliseconds),
      "timeout": .integer(timeoutMilliseconds),
      "startPeriod": .integer(startPeriodMilliseconds), "startInterval": .integer(startIntervalMilliseconds),
      "retries": .integer(retries), "action": .string(action.rawValue), "stopSignal": .integer(Int64(stopSignal)),
      "stopTimeout": .integer(stopTimeoutMilliseconds),
    ]
    guard startup != nil || log != HealthLogSettings(), var members = document.object else { return document }
    members["startup"] = startup?.document
    members["log"] = log.document
    document = .object(members)
    return document
  }

  /// Nil where a member is missing or makes no sense.
  package init?(_ json: JSONValue) {
    // No program can be given a word with a zero inside (execve(2)).
    guard let command = json["command"]?.array?.compactMap(\.string), !command.isEmpty,
      !command.contains(where: { $0.utf8.contains(0) }),
      let interval = json["interval"]?.integer, let timeout = json["timeout"]?.integer,
      let startPeriod = json["startPeriod"]?.integer, let startInterval = json["startInterval"]?.integer,
      let retries = json["retries"]?.integer, let action = json["action"]?.string.flatMap(HealthAction.init(rawValue:)),
      let signal = json["stopSignal"]?.integer.flatMap({ Int32(exactly: $0) }),
      let stopTimeout = json["stopTimeout"]?.integer, interval > 0, timeout > 0, startInterval > 0
    else { return nil }
    self.init(
      command: command, intervalMilliseconds: interval, timeoutMilliseconds: timeout,
      startPeriodMilliseconds: startPeriod, startIntervalMilliseconds: startInterval, retries: retries,
      stopSignal: signal, stopTimeoutMilliseconds: stopTimeout)
    self.action = action
    if let startup = json["startup"] {
      guard let check = StartupCheck(startup) else { return nil }
      self.startup = check
    }
    if let log = json["log"] {
      guard let settings = HealthLogSettings(log) else { return nil }
      self.log = settings
    }
  }
}

/// What one check found.
package struct HealthResult: Equatable, Sendable {
  /// RFC 3339.
  package var start: String
  package var end: String
  /// 0 is well; -1 where the check had to be ended, or could not be made.
  package var exitCode: Int32
  package var output: String

  package init(start: String, end: String, exitCode: Int32, output: String) {
    self.start = start
    self.end = end
    self.exitCode = exitCode
    self.output = output
  }
}

/// How a container is, as its checks have found since its start: `health.json` in its directory, in the shape of docker's
/// `State.Health`.
package struct HealthState: Equatable, Sendable {
  package enum Status: String, Equatable, Sendable {
    case starting
    case healthy
    case unhealthy
  }

  package var status = Status.starting
  package var failingStreak: Int64 = 0
  /// The newest last.
  package var log: [HealthResult] = []

  package static let fileName = "health.json"
  /// What all results together may say; the oldest go first.
  package static let totalLimitBytes = 1 << 20
  /// More than the log can come to, each byte of it written as six.
  package static let fileLimitBytes = 8 << 20

  package init() {}

  /// Takes what a check found; true where the status is another one now (docker's handleProbeResult).
  ///
  /// - Parameter milliseconds: from the container's start to the check's.
  package mutating func take(_ result: HealthResult, _ check: HealthCheck, sinceStart milliseconds: Int64) -> Bool {
    let before = status
    note(result, check.log)
    if result.exitCode == 0 {
      failingStreak = 0
      status = .healthy
    } else if status != .starting || milliseconds >= check.startPeriodMilliseconds {
      if failingStreak < .max { failingStreak += 1 }
      if failingStreak >= check.retries { status = .unhealthy }
    }
    return status != before
  }

  /// Takes a result into the log, which says nothing of how the container is.
  package mutating func note(_ result: HealthResult, _ settings: HealthLogSettings) {
    log.append(result)
    if log.count > settings.count { log.removeFirst(log.count - settings.count) }
    var bytes = log.reduce(0) { $0 + $1.output.utf8.count }
    while bytes > Self.totalLimitBytes, log.count > 1 { bytes -= log.removeFirst().output.utf8.count }
  }

  package var document: JSONValue {
    [
      "Status": .string(status.rawValue), "FailingStreak": .integer(failingStreak),
      "Log": .array(
        log.map {
          [
            "Start": .string($0.start), "End": .string($0.end), "ExitCode": .integer(Int64($0.exitCode)),
            "Output": .string($0.output),
          ]
        }),
    ]
  }

  /// Nil for a document of another kind.
  package init?(_ json: JSONValue) {
    guard let status = json["Status"]?.string.flatMap(Status.init(rawValue:)) else { return nil }
    self.status = status
    failingStreak = json["FailingStreak"]?.integer ?? 0
    log = (json["Log"]?.array ?? []).map { entry in
      HealthResult(
        start: entry["Start"]?.string ?? "", end: entry["End"]?.string ?? "",
        exitCode: entry["ExitCode"]?.integer.flatMap { Int32(exactly: $0) } ?? -1, output: entry["Output"]?.string ?? ""
      )
    }
  }
}

/// A span of time as Go writes it: `1m30s`, `2s`, `1.5s`, `250ms`.
package enum GoDuration {
  package static func text(milliseconds: Int64) -> String {
    if milliseconds == 0 { return "0s" }
    if milliseconds < 1000 { return "\(milliseconds)ms" }
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000)
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60)
    var fraction = ""
    if rest > 0 {
      fraction = "." + String(repeating: "0", count: rest < 10 ? 2 : rest < 100 ? 1 : 0) + String(rest)
      while fraction.hasSuffix("0") { fraction.removeLast() }
    }
    let tail = "\(seconds % 60)\(fraction)s"
    if hours > 0 { return "\(hours)h\(minutes)m\(tail)" }
    return minutes > 0 ? "\(minutes)m\(tail)" : tail
  }
}
