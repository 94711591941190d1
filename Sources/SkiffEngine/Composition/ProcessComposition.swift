import SkiffSpec

// The process: what runs, with which words, as whom.
extension SpecComposer {
  func process() throws(EngineError) -> RuntimeSpec.Process {
    var process = RuntimeSpec.Process()
    process.terminal = request.hasTerminal
    if request.hasTerminal { process.consoleSize = composition.consoleSize }
    process.user.userID = composition.user.userID
    process.user.groupID = composition.user.groupID
    process.user.additionalGroupIDs = composition.user.additionalGroupIDs
    process.user.umask = request.umask ?? ContainerDefaults.umask
    process.arguments = try arguments()
    process.environment = environment()
    process.workingDirectory = try workingDirectory()
    process.capabilities = try capabilitySets()
    process.rlimits = try resourceLimits()
    process.noNewPrivileges = noNewPrivileges
    process.apparmorProfile = try apparmorProfile()
    process.oomScoreAdjustment = request.oomScoreAdjustment
    return process
  }

  /// The entry point and its arguments. A new entry point drops the image's command, as the image wrote it for its own.
  public static func commandLine(_ request: RunRequest, _ image: ImageDefaults) -> [String] {
    if let entrypoint = request.entrypoint { return entrypoint + request.command }
    return image.entrypoint + (request.command.isEmpty ? image.command : request.command)
  }

  private func arguments() throws(EngineError) -> [String] {
    let command = Self.commandLine(request, composition.image)
    guard !command.isEmpty else {
      throw .refused("nothing to run: neither the image nor the command line names a program")
    }
    if command.contains(where: { $0.utf8.contains(0) }) {
      throw .refused("the command holds a zero byte, which no program can be given")
    }
    return request.usesInit ? [ContainerDefaults.initDestination, "--"] + command : command
  }

  /// The defaults, over them the image's, over them the caller's.
  private func environment() -> [String] {
    var variables = OrderedVariables()
    variables.set(ContainerDefaults.path)
    variables.set("HOSTNAME=\(hostname)")
    if request.hasTerminal { variables.set("TERM=xterm") }
    for entry in composition.image.environment where entry.contains("=") && !entry.hasPrefix("=") {
      variables.set(entry)
    }
    for entry in request.environment { variables.set(entry) }
    if !variables.contains("HOME") { variables.set("HOME=\(composition.user.home ?? "/")") }
    return variables.entries.filter { !$0.utf8.contains(0) }
  }

  private func workingDirectory() throws(EngineError) -> String {
    if let asked = request.workingDirectory {
      guard asked.hasPrefix("/") else {
        throw .invalidOption(name: "--workdir", value: asked, reason: "the working directory is an absolute path")
      }
      return asked
    }
    let image = composition.image.workingDirectory
    if image.isEmpty { return "/" }
    return image.hasPrefix("/") ? image : "/" + image
  }

  private func resourceLimits() throws(EngineError) -> [RuntimeSpec.ResourceLimit] {
    let host = composition.host
    var limits: [RuntimeSpec.ResourceLimit] = []
    if !request.usesCallersLimits, !request.resourceLimits.contains(where: { $0.name == "core" }) {
      // A core file could fill the disk, and hold what the process kept secret.
      limits.append(RuntimeSpec.ResourceLimit(type: "RLIMIT_CORE", soft: 0, hard: 0))
    }
    if !request.usesCallersLimits, !request.resourceLimits.contains(where: { $0.name == "nofile" }) {
      let hard =
        host.mayRaiseLimits
        ? ContainerDefaults.openFilesHard : min(ContainerDefaults.openFilesHard, host.openFilesHardLimit)
      limits.append(
        RuntimeSpec.ResourceLimit(
          type: "RLIMIT_NOFILE", soft: min(ContainerDefaults.openFilesSoft, hard), hard: hard))
    }
    for limit in request.resourceLimits {
      if limit.name == "nofile", !host.mayRaiseLimits, limit.hard > host.openFilesHardLimit {
        throw .refused(
          "cannot set --ulimit nofile to \(limit.hard): the caller's own hard limit is \(host.openFilesHardLimit) and raising it takes CAP_SYS_RESOURCE"
        )
      }
      // The last word on a limit counts.
      limits.removeAll { $0.type == limit.specName }
      limits.append(RuntimeSpec.ResourceLimit(type: limit.specName, soft: limit.soft, hard: limit.hard))
    }
    return limits
  }
}

/// Variables by name, in the order in which they first came.
private struct OrderedVariables {
  private(set) var entries: [String] = []

  func contains(_ name: String) -> Bool {
    entries.contains { $0.hasPrefix(name + "=") }
  }

  /// Sets `NAME=value`; a bare `NAME` removes the variable.
  mutating func set(_ entry: String) {
    let name = entry.prefix { $0 != "=" }
    let index = entries.firstIndex { $0.hasPrefix(name) && $0.dropFirst(name.count).first == "=" }
    guard name.count < entry.count else {
      if let index { entries.remove(at: index) }
      return
    }
    if let index {
      entries[index] = entry
    } else {
      entries.append(entry)
    }
  }
}
