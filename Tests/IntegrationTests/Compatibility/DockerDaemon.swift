import Foundation
import SkiffKernel

/// A dockerd of a test's own on an island, with our runtime as its default.
final class DockerDaemon {
  let island: Island
  private let name: String
  private let socket: String
  /// Debian's client; another version may lie elsewhere.
  private static let client = "/usr/bin/docker"
  static let image = "base"

  /// - Parameters:
  ///   - wrapper: words before dockerd: for one that is to live in a further namespace.
  ///   - path: directories that its programs are looked for in first.
  init(
    _ island: Island, name: String = "docker", options: [String] = [], wrapper: [String] = [], path: String = "",
    storageDriver: String = "overlay2"
  ) throws {
    self.island = island
    self.name = name
    let harbour = island.harbour
    socket = harbour.path("\(name).sock")
    let group = "\(harbour.mark)-\(name)"
    island.expectGroup(group)
    // Its builder's, where it was used.
    island.expectGroup("\(group)/buildkit")
    let words = [
      "dockerd", "--data-root", harbour.path("\(name)-data"), "--exec-root", harbour.path("\(name)-exec"), "--pidfile",
      harbour.path("\(name).pid"), "--host", "unix://\(socket)", "--add-runtime", "skiff=\(Programs.runtime)",
      "--default-runtime", "skiff", "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", "/\(group)",
      // Root without CAP_SYS_RESOURCE cannot raise limits.
      "--default-ulimit", "nofile=1024:4096", "--storage-driver", storageDriver,
    ]
    var environment: [String: String] = [:]
    if !path.isEmpty {
      environment["PATH"] = "\(path):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
    }
    try island.daemon(name, wrapper + words + options, environment: environment) {
      try attempt(["version"]).code == 0
    }
    harbour.atEnd { [self] in
      // Before the island sinks, so that containers end as their engine ends them.
      guard let all = try? attempt(["ps", "--all", "--quiet"]), !all.lines.isEmpty else { return }
      _ = try? attempt(["rm", "--force"] + all.lines)
    }
    try docker("import", "--change", #"CMD ["sh"]"#, Store.archive(), Self.image)
  }

  private var environment: [String: String] { ["DOCKER_CONFIG": island.harbour.path("docker-client")] }

  func attempt(_ arguments: [String], input: String = "", seconds: Double = 120) throws -> Outcome {
    try IntegrationTests.run(
      [Self.client, "--host", "unix://\(socket)"] + arguments, input: input,
      environment: environment.merging(["DOCKER_BUILDKIT": "0"]) { $1 }, seconds: seconds)
  }

  func attempt(_ arguments: String...) throws -> Outcome { try attempt(arguments) }

  /// Runs docker, which must succeed; gives what it printed, without the last line's end.
  @discardableResult
  func docker(_ arguments: String...) throws -> String {
    try attempt(arguments).expecting(0).output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// `docker run --rm` with options and a command in the image.
  func run(_ options: [String] = [], _ command: String...) throws -> Outcome {
    try attempt(["run", "--rm"] + options + [Self.image] + command)
  }

  /// Starts a container in the background; `command` is the shell's.
  func start(_ name: String, _ options: [String] = [], _ command: String = "sleep 1000") throws {
    try attempt(["run", "--detach", "--name", name] + options + [Self.image, "sh", "-c", command]).expecting(0)
  }

  func session(_ arguments: [String], terminal: WindowSize? = nil) throws -> Session {
    try Session(
      [Self.client, "--host", "unix://\(socket)"] + arguments, terminal: terminal, environment: environment)
  }

  func inspect(_ container: String, _ template: String) throws -> String {
    try docker("inspect", "--format", template, container)
  }

  /// Runs docker with the builder of BuildKit.
  func buildKit(_ arguments: [String]) throws -> Outcome {
    try IntegrationTests.run(
      [Self.client, "--host", "unix://\(socket)"] + arguments,
      environment: environment.merging(["DOCKER_BUILDKIT": "1"]) { $1 })
  }
}
