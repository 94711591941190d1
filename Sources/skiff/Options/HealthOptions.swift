import SkiffCommandLine
import SkiffEngine
import SkiffKernel

/// A health check of a container's start.
struct StartupHealthOptions: OptionGroup {
  var command: String?
  var interval: String?
  var timeout: String?
  var retries: UInt32?
  var successes: UInt32?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--health-startup-cmd", "COMMAND", "What must succeed before its health is checked at all.") {
      $0.command = $1
    }
    form.value("--health-startup-interval", "SPAN", "Between two of these checks (30s).") { $0.interval = $1 }
    form.value("--health-startup-timeout", "SPAN", "How long one of them may take (30s).") { $0.timeout = $1 }
    form.number("--health-startup-retries", "NUMBER", "How many failures in a row have it started again (0: none).") {
      (values, number: UInt32) in values.retries = number
    }
    form.number("--health-startup-success", "NUMBER", "How many successes in a row it takes (1).") {
      (values, number: UInt32) in values.successes = number
    }
  }

  func apply(to health: inout HealthRequest) throws(EngineError) {
    guard let command else {
      for (option, isSet) in [
        ("--health-startup-interval", interval != nil), ("--health-startup-timeout", timeout != nil),
        ("--health-startup-retries", retries != nil), ("--health-startup-success", successes != nil),
      ] where isSet { throw .refused("\(option) needs --health-startup-cmd") }
      return
    }
    health.startupTest = try SupervisionOptions.test(command, option: "--health-startup-cmd")
    health.startupInterval = try SupervisionOptions.span(interval, "--health-startup-interval")
    health.startupTimeout = try SupervisionOptions.span(timeout, "--health-startup-timeout")
    health.startupRetries = Int64(retries ?? 0)
    health.startupSuccesses = Int64(successes ?? 0)
  }
}

/// What is kept of what health checks find.
struct HealthLogOptions: OptionGroup {
  var destination: String?
  var count: UInt32?
  var bytes: UInt32?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--health-log-destination", "local|DIR", "Where else than with the container results are kept.") {
      $0.destination = $1
    }
    form.number("--health-max-log-count", "NUMBER", "How many results are kept (5); 0 for as many as can be.") {
      (values, number: UInt32) in values.count = number
    }
    form.number("--health-max-log-size", "BYTES", "How much of what each says is kept (4096); 0 for as much as can be.")
    {
      (values, number: UInt32) in values.bytes = number
    }
  }

  func apply(to health: inout HealthRequest) throws(EngineError) {
    let option = "--health-log-destination"
    switch destination {
    case nil, "local": break
    case "events_logger": throw .notBuilt("\(option) events_logger")
    case .some(let text):
      let path = text.hasPrefix("/") ? text : try EngineConfiguration.workingDirectoryPath() + "/" + text
      do throws(Errno) {
        let status = try Descriptor.workingDirectory.status(try KernelPath(path), follow: true)
        guard status.type == .directory else { throw .notDirectory }
      } catch {
        throw .invalidOption(name: option, value: text, reason: "it is local, or a directory: \(error)")
      }
      health.logDirectory = path
    }
    for (option, number, limit) in [
      ("--health-max-log-count", count, HealthRequest.logCountLimit),
      ("--health-max-log-size", bytes, HealthRequest.logBytesLimit),
    ] {
      guard let number, Int64(number) > limit else { continue }
      throw .invalidOption(name: option, value: "\(number)", reason: "no more than \(limit) are kept")
    }
    health.logCount = count.map { Int64($0) }
    health.logBytes = bytes.map { Int64($0) }
  }
}
