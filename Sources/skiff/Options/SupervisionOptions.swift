import SkiffCommandLine
import SkiffEngine
import SkiffRuntime
import SkiffSpec

/// How a container is minded while nobody looks.
struct SupervisionOptions: OptionGroup {
  var restart: String?
  var healthCommand: String?
  var healthInterval: String?
  var healthTimeout: String?
  var healthStartPeriod: String?
  var healthStartInterval: String?
  var healthRetries: Int64?
  var healthAction: String?
  var startup = StartupHealthOptions()
  var healthLog = HealthLogOptions()
  var noHealthcheck = false
  var sdnotify: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--restart", "no|always|unless-stopped|on-failure[:N]|unhealthy", "Whether it is started again.") {
      $0.restart = $1
    }
    form.value("--health-cmd", "COMMAND", "What finds out whether it is well: a line for its shell, or a JSON list.") {
      $0.healthCommand = $1
    }
    form.value("--health-interval", "SPAN", "Between two checks (30s).") { $0.healthInterval = $1 }
    form.value("--health-timeout", "SPAN", "How long a check may take (30s).") { $0.healthTimeout = $1 }
    form.number("--health-retries", "NUMBER", "How many failures in a row make it unhealthy (3).") {
      (values, number: Int64) in values.healthRetries = number
    }
    form.value("--health-start-period", "SPAN", "How long failures do not count while it is starting (0s).") {
      $0.healthStartPeriod = $1
    }
    form.value("--health-start-interval", "SPAN", "Between two checks in that time (5s).") {
      $0.healthStartInterval = $1
    }
    form.value("--health-on-failure", "none|kill|restart|stop", "What is done about an unhealthy one.") {
      $0.healthAction = $1
    }
    form.group(nil, StartupHealthOptions.self) { values, lend in lend(&values.startup) }
    form.group(nil, HealthLogOptions.self) { values, lend in lend(&values.healthLog) }
    form.value(
      "--sdnotify", "ignore|container|conmon|healthy",
      "What systemd hears: nothing, its program's word, or that it is so."
    ) { $0.sdnotify = $1 }
    form.flag("--no-healthcheck", "Leave the image's check alone.") { $0.noHealthcheck = $1 }
  }

  func apply(to request: inout RunRequest, removesItself: Bool) throws(EngineError) {
    if let restart { request.restart = try Self.restartPolicy(restart) }
    request.health = try health()
    if let sdnotify {
      guard let notification = NotificationRequest(rawValue: sdnotify) else {
        throw .invalidOption(name: "--sdnotify", value: sdnotify, reason: "it is ignore, container, conmon or healthy")
      }
      request.notification = notification
    }
    if removesItself {
      if request.restart.name != .no { throw .refused("conflicting options: cannot specify both --restart and --rm") }
      if request.health.action == .restart {
        throw .refused("conflicting options: cannot specify both --health-on-failure restart and --rm")
      }
      if request.health.startupRetries > 0 {
        throw .refused("conflicting options: cannot specify both --health-startup-retries and --rm")
      }
    }
  }

  static func restartPolicy(_ text: String) throws(EngineError) -> RestartPolicy {
    do throws(FormatError) {
      return try RestartPolicy(parsing: text)
    } catch {
      throw .invalidOption(name: "--restart", value: text, reason: error.message)
    }
  }

  private func health() throws(EngineError) -> HealthRequest {
    var health = HealthRequest()
    health.interval = try Self.span(healthInterval, "--health-interval")
    health.timeout = try Self.span(healthTimeout, "--health-timeout")
    health.startPeriod = try Self.span(healthStartPeriod, "--health-start-period")
    health.startInterval = try Self.span(healthStartInterval, "--health-start-interval")
    if let healthRetries {
      guard healthRetries >= 0 else {
        throw .invalidOption(name: "--health-retries", value: "\(healthRetries)", reason: "it cannot be negative")
      }
      health.retries = healthRetries
    }
    if let text = healthAction {
      guard let action = HealthAction(rawValue: text) else {
        throw .invalidOption(name: "--health-on-failure", value: text, reason: "it is none, kill, restart or stop")
      }
      health.action = action
    }
    if let healthCommand { health.test = try Self.test(healthCommand, option: "--health-cmd") }
    try startup.apply(to: &health)
    try healthLog.apply(to: &health)
    guard noHealthcheck else { return health }
    guard health == HealthRequest() else { throw .refused("--no-healthcheck conflicts with --health-* options") }
    health.test = ["NONE"]
    return health
  }

  static func span(_ text: String?, _ option: String) throws(EngineError) -> Int64 {
    guard let text else { return 0 }
    if text.hasPrefix("-") { throw .invalidOption(name: option, value: text, reason: "it cannot be negative") }
    guard let span = NumberOption.nanoseconds(text) else {
      throw .invalidOption(name: option, value: text, reason: "expected a span such as 30s, 1m30s or 500ms")
    }
    guard span == 0 || span >= 1_000_000 else {
      throw .invalidOption(name: option, value: text, reason: "it cannot be less than 1ms")
    }
    return span
  }

  /// A line, as docker takes it, or a list of words, as podman takes it too.
  static func test(_ text: String, option: String) throws(EngineError) -> [String] {
    if text.hasPrefix("["), let list = try? JSONValue.parse(Array(text.utf8)).array {
      let words = list.compactMap(\.string)
      if words.count == list.count, !words.isEmpty {
        return ["CMD", "CMD-SHELL", "NONE"].contains(words[0]) ? words : ["CMD"] + words
      }
    }
    guard text.contains(where: { !$0.isWhitespace }) else {
      throw .invalidOption(name: option, value: text, reason: "it says nothing to run (see --no-healthcheck)")
    }
    return ["CMD-SHELL", text]
  }
}
