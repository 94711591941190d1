import SkiffCommandLine
import SkiffEngine
import SkiffRuntime
import SkiffSpec

/// How a container is minded while nobody looks.
struct SupervisionOptions: OptionGroup {
  var restart: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--restart", "no|always|unless-stopped|on-failure[:N]|unhealthy", "Whether it is started again.") {
      $0.restart = $1
    }
  }

  func apply(to request: inout RunRequest, removesItself: Bool) throws(EngineError) {
    if let restart { request.restart = try Self.restartPolicy(restart) }
    if request.restart.name != .no, removesItself {
      throw .refused("conflicting options: cannot specify both --restart and --rm")
    }
  }

  static func restartPolicy(_ text: String) throws(EngineError) -> RestartPolicy {
    let policy: RestartPolicy
    do throws(FormatError) {
      policy = try RestartPolicy(parsing: text)
    } catch {
      throw .invalidOption(name: "--restart", value: text, reason: error.message)
    }
    if policy.name == .unhealthy { throw .notBuilt("--restart unhealthy: health checks") }
    return policy
  }
}
