import SkiffCommandLine
import SkiffEngine

/// skiff healthcheck run
struct HealthcheckRun: Command {
  static let name = "run"
  static let abstract = "Check a container's health now; fails, and says so, where it is not well."

  var container = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    let found = try ExitStatusCode.running { () throws(EngineError) in
      try GlobalOptions.current.engine().checkHealth(container)
    }
    if found == "healthy" { return }
    Console.print(found)
    throw Ending(code: ExitStatusCode.failure)
  }
}
