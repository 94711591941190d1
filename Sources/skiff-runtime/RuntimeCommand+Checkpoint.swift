import SkiffKernel
import SkiffRuntime
import SkiffSpec

// Saving containers and bringing them back.
extension RuntimeCommand {
  private static let sharedRules: [OptionRule] = [
    .value("image-path"), .value("work-path"), .flag("tcp-established"), .flag("ext-unix-sk"), .flag("shell-job"),
    .flag("file-locks"), .value("manage-cgroups-mode"), .value("empty-ns"), .flag("auto-dedup"), .flag("lazy-pages"),
  ]
  private static let checkpointRules: [OptionRule] =
    sharedRules + [
      .value("parent-path"), .flag("leave-running"), .flag("tcp-skip-in-flight"), .flag("link-remap"),
      .value("page-server"), .value("status-fd"), .flag("pre-dump"),
    ]
  private static let restoreRules: [OptionRule] =
    sharedRules + [
      .value("bundle", "b"), .flag("detach", "d"), .value("pid-file"), .value("console-socket"), .flag("no-subreaper"),
      .flag("no-pivot"), .flag("keep"), .value("lsm-profile"), .value("lsm-mount-context"), .value("config", "f"),
    ]

  func checkpoint(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, Self.checkpointRules)
    var request = CheckpointRequest(id: try containerID(arguments, "checkpoint"))
    if let path = arguments.value("image-path") { request.imagePath = path }
    request.workPath = arguments.value("work-path")
    request.parentPath = arguments.value("parent-path")
    request.flags = Self.flags(arguments)
    request.isPreDump = arguments.has("pre-dump")
    if request.parentPath?.hasPrefix("/") == true {
      throw UsageError(words: "--parent-path must be a path from the image path")
    }
    if let text = arguments.value("page-server") { request.pageServer = try Self.pageServer(text) }
    request.statusFile = try arguments.number("status-fd", Int32.self)
    if let mode = try Self.cgroupMode(arguments) { request.cgroupMode = mode }
    request.emptiesNetwork = try Self.emptiesNetwork(arguments)
    try runtime.checkpoint(request).forEach(report.warning)
    return 0
  }

  func restore(_ words: ArraySlice<String>) throws -> Int32 {
    try enterProtection()
    let arguments = try ParsedArguments(words, Self.restoreRules)
    if arguments.has("no-pivot") {
      throw UsageError(words: "restore --no-pivot: criu always changes the root by pivot_root")
    }
    var create = CreateRequest(
      id: try containerID(arguments, "restore"), bundlePath: try absolute(arguments.value("bundle") ?? "."))
    create.pidFilePath = arguments.value("pid-file")
    create.consoleSocketPath = arguments.value("console-socket")
    create.configurationPath = arguments.value("config")
    create.cgroupManager = cgroupManager
    create.isRootless = isRootless
    var request = RestoreRequest(create: create)
    if let path = arguments.value("image-path") { request.imagePath = path }
    request.workPath = arguments.value("work-path")
    request.flags = Self.flags(arguments)
    if let mode = try Self.cgroupMode(arguments) { request.cgroupMode = mode }
    request.emptiesNetwork = try Self.emptiesNetwork(arguments)
    request.detaches = arguments.has("detach")
    request.keeps = arguments.has("keep")
    request.securityProfile = arguments.value("lsm-profile")
    request.mountContext = arguments.value("lsm-mount-context")
    try closeOnExec(preserving: 0)
    return try runtime.restore(request, warn: report.warning)
  }

  private static func flags(_ arguments: ParsedArguments) -> CheckpointFlags {
    var flags = CheckpointFlags()
    flags.leavesRunning = arguments.has("leave-running")
    flags.establishedTCP = arguments.has("tcp-established")
    flags.skipsTCPInFlight = arguments.has("tcp-skip-in-flight")
    flags.linkRemap = arguments.has("link-remap")
    flags.externalUnixSockets = arguments.has("ext-unix-sk")
    flags.shellJob = arguments.has("shell-job")
    flags.fileLocks = arguments.has("file-locks")
    flags.lazyPages = arguments.has("lazy-pages")
    flags.removesDuplicates = arguments.has("auto-dedup")
    return flags
  }

  private static func cgroupMode(_ arguments: ParsedArguments) throws -> CriuCgroupMode? {
    guard let text = arguments.value("manage-cgroups-mode"), !text.isEmpty else { return nil }
    guard let mode = CriuCgroupMode(rawValue: text) else {
      throw UsageError(words: "invalid manage-cgroups-mode value \"\(text)\": it must be soft, full, strict or ignore")
    }
    return mode
  }

  private static func emptiesNetwork(_ arguments: ParsedArguments) throws -> Bool {
    for name in arguments.values("empty-ns") where name != "network" {
      throw UsageError(words: "namespace \"\(name)\" cannot be left empty: only network can")
    }
    return arguments.value("empty-ns") != nil
  }

  private static func pageServer(_ text: String) throws -> (address: String, port: UInt16) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0,
      colon != text.startIndex
    else { throw UsageError(words: "invalid value \"\(text)\" for flag --page-server: use ADDRESS:PORT") }
    return (String(text[..<colon]), port)
  }

  /// `checkpoint --help` is how engines ask whether checkpoints work here: the code tells.
  func checkpointHelp() throws -> Int32 {
    try ContainerRuntime.checkCheckpoints()
    try printBytes(Array((Help.text(of: "checkpoint") ?? "").utf8))
    return 0
  }

  // MARK: mounts

  /// `mounts add ID FILE`, `mounts remove ID FILE`: the file holds the section `mounts` of a configuration.
  /// `mounts resources ID`: a created container's own view of its resources.
  func mounts(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [])
    if arguments.positional.count == 2, arguments.positional[0] == "resources" {
      do {
        try runtime.showResources(try ContainerID(arguments.positional[1]))
      } catch let error as FormatError {
        throw UsageError(words: "invalid container ID format: \(arguments.positional[1]) (\(error))")
      }
      return 0
    }
    guard arguments.positional.count == 3, ["add", "remove"].contains(arguments.positional[0]) else {
      throw UsageError(words: "usage: mounts add|remove ID FILE, mounts resources ID")
    }
    let id: ContainerID
    do {
      id = try ContainerID(arguments.positional[1])
    } catch {
      throw UsageError(words: "invalid container ID format: \(arguments.positional[1]) (\(error))")
    }
    let path = arguments.positional[2]
    let bytes: [UInt8]
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      bytes = try file.descriptor.readToEnd(limitBytes: 1 << 20)
    } catch {
      throw RuntimeError.failed("cannot read the mounts \(path): \(error)")
    }
    if arguments.positional[0] == "add" {
      try runtime.addMounts(id, document: bytes)
    } else {
      try runtime.removeMounts(id, document: bytes)
    }
    return 0
  }
}
