import SkiffCommandLine
import SkiffEngine

/// skiff system boot
struct SystemBoot: Command {
  static let name = "boot"
  static let abstract = "Start the containers that should run after a reboot."

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Those with --restart always, unless-stopped (but for those that were stopped by hand), and on-failure that went down with the
      machine; side by side, and who joins another's namespaces after it. skiff-boot.service calls this.
      """
  }

  func run() throws {
    var hasFailed = false
    try GlobalOptions.current.engine().boot(
      warn: Console.warn,
      tell: { name, isStarted in
        if isStarted { Console.print(name) } else { hasFailed = true }
      })
    if hasFailed { throw Ending(code: ExitStatusCode.failure) }
  }
}

/// skiff system shutdown
struct SystemShutdown: Command {
  static let name = "shutdown"
  static let abstract = "End all containers before the machine goes down; skiff system boot starts them again."

  var timeout: Int64?

  static func declare(_ form: inout CommandForm<Self>) {
    form.number("-t --timeout --time", "SECONDS", "How long to wait (10); -1 for ever.") { (values, number: Int64) in
      values.timeout = number
    }
  }

  func run() throws {
    var code: Int32 = 0
    try GlobalOptions.current.engine().shutDown(
      timeoutSeconds: timeout, warn: Console.warn,
      tell: { name, result in
        switch result {
        case .success: Console.print(name)
        case .failure(let error):
          Console.complain("\(error)")
          code = max(code, ExitStatusCode.of(error))
        }
      })
    if code != 0 { throw Ending(code: code) }
  }
}
