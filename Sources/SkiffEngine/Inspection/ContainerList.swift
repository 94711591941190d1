import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

/// A container as a listing shows it.
public struct ContainerSummary: Equatable, Sendable {
  public var id: String
  public var name: String
  public var image: String
  public var imageID: String
  public var command: [String]
  public var created: Timestamp
  public var status: ContainerStatus
  /// `starting`, `healthy` or `unhealthy`; nil where its health is not checked.
  public var health: String?
  /// When the last run began and ended.
  public var started: Timestamp?
  public var finished: Timestamp?
  public var labels: [String: String]
  public var network: String
  public var mounts: [String]
  /// `0.0.0.0:8080->80/tcp`; empty where it does not run.
  public var ports: String
  /// `8080/tcp`: the host's ports that lead to it, and those that it is known to listen on.
  public var publishedPorts: [String]
  public var exposedPorts: [String]
}

/// Which containers are wanted. Within a list any one may fit; all lists must.
public struct ContainerFilter: Equatable, Sendable {
  /// Those that do not run, too.
  public var includesStopped = false
  public var names: [String] = []
  public var ids: [String] = []
  /// Docker's words.
  public var statuses: [String] = []
  /// `key` or `key=value`.
  public var labels: [String] = []
  /// An image by name or the start of its id.
  public var ancestors: [String] = []
  public var exitCodes: [Int32] = []
  public var volumes: [String] = []
  public var networks: [String] = []
  /// `80`, `80-90/udp`.
  public var published: [ExposedPort] = []
  public var exposed: [ExposedPort] = []
  /// Those that were made before, or after, another container.
  public var before: [String] = []
  public var since: [String] = []
  /// `starting`, `healthy`, `unhealthy`, or `none` for those that are not checked.
  public var healths: [String] = []
  /// Those of which no container is, as none is a task of a swarm.
  public var wantsNone = false

  public init() {}

  /// Reads `KEY=VALUE` as `--filter` has it.
  public mutating func add(_ text: String) throws(EngineError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      throw .invalidOption(name: "--filter", value: text, reason: "expected KEY=VALUE")
    }
    switch parts[0] {
    case "name": names.append(parts[1])
    case "id": ids.append(parts[1])
    case "label": labels.append(parts[1])
    case "ancestor": ancestors.append(parts[1])
    case "volume": volumes.append(parts[1])
    case "network": networks.append(parts[1])
    case "before": before.append(parts[1])
    case "since": since.append(parts[1])
    case "health":
      guard ["starting", "healthy", "unhealthy", "none"].contains(parts[1]) else {
        throw .invalidOption(name: "--filter", value: text, reason: "it is starting, healthy, unhealthy or none")
      }
      healths.append(parts[1])
    case "is-task":
      guard let isTask = NumberOption.boolean(parts[1]) else {
        throw .invalidOption(name: "--filter", value: text, reason: "it is true or false")
      }
      if isTask { wantsNone = true }
    case "publish": published += try ExposedPort.parse(parts[1], option: "--filter")
    case "expose": exposed += try ExposedPort.parse(parts[1], option: "--filter")
    case "exited":
      guard let code = Int32(parts[1]) else {
        throw .invalidOption(name: "--filter", value: text, reason: "an exit code is a number")
      }
      exitCodes.append(code)
      includesStopped = true
    case "status":
      guard ["created", "running", "exited", "dead", "paused", "restarting", "removing"].contains(parts[1]) else {
        throw .invalidOption(
          name: "--filter", value: text, reason: "a container is created, running, paused, exited or dead")
      }
      statuses.append(parts[1])
      includesStopped = true
    default:
      throw .invalidOption(
        name: "--filter", value: text,
        reason:
          "the keys are ancestor, before, exited, expose, health, id, is-task, label, name, network, publish, since, status and volume"
      )
    }
  }

  /// Whether a container is wanted.
  public func matches(_ container: ContainerSummary) -> Bool {
    if wantsNone { return false }
    if !includesStopped, !container.status.isAlive { return false }
    if !networks.isEmpty, !networks.contains(container.network) { return false }
    if !statuses.isEmpty, !statuses.contains(container.status.word) { return false }
    if !names.isEmpty, !names.contains(where: { container.name.contains($0) }) { return false }
    if !healths.isEmpty, !healths.contains(container.health ?? "none") { return false }
    if !ids.isEmpty, !ids.contains(where: { container.id.hasPrefix($0) }) { return false }
    if !volumes.isEmpty, !volumes.contains(where: { container.mounts.contains($0) }) { return false }
    if !published.isEmpty, !published.contains(where: { container.publishedPorts.contains($0.text) }) { return false }
    if !exposed.isEmpty, !exposed.contains(where: { container.exposedPorts.contains($0.text) }) { return false }
    if !exitCodes.isEmpty {
      guard case .exited(let code) = container.status, exitCodes.contains(code) else { return false }
    }
    if !ancestors.isEmpty, !ancestors.contains(where: { isAncestor($0, of: container) }) { return false }
    return labels.allSatisfy { wanted in
      let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let value = container.labels[parts[0]] else { return false }
      return parts.count == 1 || value == parts[1]
    }
  }

  private func isAncestor(_ text: String, of container: ContainerSummary) -> Bool {
    if container.image == text || container.image == text + ":latest" { return true }
    let digits = container.imageID.split(separator: ":").last ?? ""
    let prefix = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
    return prefix.count >= 4 && digits.hasPrefix(prefix)
  }
}

extension Engine {
  /// The containers that a filter wants, the newest first. Those that cannot be read are told to `warn` and stop nothing.
  public func list(_ filter: ContainerFilter, warn: (String) -> Void = { _ in }) throws(EngineError)
    -> [ContainerSummary]
  {
    try salvage(warn: warn)
    var later: [(Timestamp, String)] = []
    for name in filter.before { later.append(try birth(name)) }
    var earlier: [(Timestamp, String)] = []
    for name in filter.since { earlier.append(try birth(name)) }
    var found: [ContainerSummary] = []
    for id in try containers.allIDs() {
      do throws(EngineError) {
        let summary = try summary(id)
        let birth = (summary.created, summary.id)
        guard filter.matches(summary), later.allSatisfy({ birth < $0 }), earlier.allSatisfy({ birth > $0 }) else {
          continue
        }
        found.append(summary)
      } catch {
        // Being made, or removed meanwhile.
        if case .noSuchContainer = error { continue }
        if case .kernel(_, _, .notFound) = error { continue }
        warn("\(error)")
      }
    }
    found.sort { ($0.created, $0.id) > ($1.created, $1.id) }
    return found
  }

  /// By what containers are ordered in time.
  private func birth(_ text: String) throws(EngineError) -> (Timestamp, String) {
    let found = try summary(try containers.find(text))
    return (found.created, found.id)
  }

  /// A container as a listing shows it.
  package func summary(_ id: String) throws(EngineError) -> ContainerSummary {
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let state = try state(of: directory)
    // What is published stands in a file of the start; who publishes nothing has no need to look.
    let published = state.processID == nil || record.ports.isEmpty ? [] : publishedPorts(directory)
    return ContainerSummary(
      id: id, name: record.name, image: record.imageName, imageID: record.imageID, command: record.command,
      created: Timestamp(recordedAs: record.created) ?? Timestamp(seconds: 0), status: state.status,
      health: record.health == nil ? nil : try directory.healthState()?.status.rawValue,
      started: state.startedAt.flatMap(Timestamp.init(recordedAs:)),
      finished: (state.restart?.finishedAt ?? state.exit?.finishedAt).flatMap(Timestamp.init(recordedAs:)),
      labels: record.labels,
      network: record.request.network.text,
      mounts: record.mounts.map { $0.volume ?? $0.hostPath ?? $0.request.destination },
      ports: state.processID == nil ? "" : PortText.column(published, exposed: record.exposedPorts),
      publishedPorts: published.map { "\($0.hostPort)/\($0.transport.rawValue)" },
      exposedPorts: Set(
        record.exposedPorts.map(\.text) + record.ports.map { "\($0.containerPort)/\($0.transport.rawValue)" }
      ).sorted())
  }

  /// What a container is doing, and what is known of its last run.
  func state(of directory: borrowing ContainerDirectory) throws(EngineError) -> ContainerState {
    var state = ContainerState()
    let living = try livingProcess(directory.id)
    state.processID = living?.processID
    state.exit = state.processID == nil ? try directory.exitRecord() : nil
    if let bytes = try directory.content(ContainerDirectory.File.started) {
      let intended = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
      state.startedAt = state.exit.flatMap { $0.startedAt.isEmpty ? nil : $0.startedAt } ?? intended
    }
    if living == nil, let restart = try directory.restartRecord(), restart.isDue { state.restart = restart }
    state.status = ContainerStatus.compute(
      isAlive: living != nil, isPaused: living?.isPaused ?? false, restartCode: state.restart?.exitCode,
      exitCode: state.exit?.exitCode,
      wasStarted: state.startedAt != nil)
    return state
  }
}

/// What a container is doing.
struct ContainerState {
  var status = ContainerStatus.created
  var processID: Int32?
  var exit: ExitRecord?
  /// The restart that is due.
  var restart: RestartRecord?
  var startedAt: String?
}
