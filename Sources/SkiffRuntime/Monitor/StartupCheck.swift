package import SkiffSpec

/// A check of a container's start (podman's `--health-startup-cmd`): until it succeeds the other one is not made.
package struct StartupCheck: Equatable, Sendable {
  /// The program and its arguments.
  package var command: [String]
  package var intervalMilliseconds: Int64
  package var timeoutMilliseconds: Int64
  /// So many failures in a row have the container started again; 0 never.
  package var retries: Int64
  /// So many successes in a row end it.
  package var successes: Int64

  package init(
    command: [String], intervalMilliseconds: Int64, timeoutMilliseconds: Int64, retries: Int64, successes: Int64
  ) {
    self.command = command
    self.intervalMilliseconds = intervalMilliseconds
    self.timeoutMilliseconds = timeoutMilliseconds
    self.retries = retries
    self.successes = successes
  }

  package var document: JSONValue {
    [
      "command": JSONValue(command), "interval": .integer(intervalMilliseconds),
      "timeout": .integer(timeoutMilliseconds), "retries": .integer(retries), "successes": .integer(successes),
    ]
  }

  /// Nil where a member is missing or makes no sense.
  package init?(_ json: JSONValue) {
    guard let command = json["command"]?.array?.compactMap(\.string), !command.isEmpty,
      let interval = json["interval"]?.integer, let timeout = json["timeout"]?.integer,
      let retries = json["retries"]?.integer, let successes = json["successes"]?.integer, interval > 0, timeout > 0
    else { return nil }
    self.init(
      command: command, intervalMilliseconds: interval, timeoutMilliseconds: timeout, retries: retries,
      successes: successes)
  }
}

/// How much is kept of what checks find, and where else than with the container.
package struct HealthLogSettings: Equatable, Sendable {
  /// Results.
  package var count = 5
  /// Of what a check says.
  package var outputLimitBytes = 4096
  /// A directory that gets a file `ID-healthcheck.log` too; nil for none.
  package var directory: String?

  /// More than these is not kept, whatever was asked.
  package static let countLimit = 1000
  package static let outputCeilingBytes = 65_536

  package init() {}

  package var document: JSONValue {
    var members = JSONObject([("count", .integer(Int64(count))), ("outputLimit", .integer(Int64(outputLimitBytes)))])
    if let directory { members["directory"] = .string(directory) }
    return .object(members)
  }

  /// Nil where a member is missing or makes no sense.
  package init?(_ json: JSONValue) {
    guard let count = json["count"]?.integer.flatMap({ Int(exactly: $0) }), (1...Self.countLimit).contains(count),
      let output = json["outputLimit"]?.integer.flatMap({ Int(exactly: $0) }),
      (1...Self.outputCeilingBytes).contains(output)
    else { return nil }
    self.count = count
    outputLimitBytes = output
    directory = json["directory"]?.string
  }
}
