import SkiffKernel
import SkiffRuntime
import SkiffSpec

// One function a verb: its options, then the call.
extension RuntimeCommand {
  private static let createRules: [OptionRule] = [
    .value("bundle", "b"), .value("pid-file"), .value("console-socket"), .flag("no-pivot"), .flag("no-new-keyring"),
    .value("preserve-fds"), .flag("no-subreaper"), .flag("detach", "d"), .flag("keep"), .value("pidfd-socket"),
    .value("config", "f"),
  ]

  private func createRequest(_ words: ArraySlice<String>, _ verb: String) throws -> (CreateRequest, ParsedArguments) {
    let arguments = try ParsedArguments(words, Self.createRules)
    let id = try containerID(arguments, verb)
    var request = CreateRequest(id: id, bundlePath: try absolute(arguments.value("bundle") ?? "."))
    request.configurationPath = arguments.value("config")
    try runtime.enterUserNamespace(for: request, arguments: self.arguments)
    try enterProtection()
    request.pidFilePath = arguments.value("pid-file")
    request.consoleSocketPath = arguments.value("console-socket")
    request.usesPivot = !arguments.has("no-pivot")
    request.joinsNewKeyring = !arguments.has("no-new-keyring")
    request.preservedDescriptors = try preservedDescriptors(arguments)
    request.activation = SocketActivation.ofCaller()
    request.notifySocketPath = ServiceManager.notifySocketOfCaller()
    request.cgroupManager = cgroupManager
    request.isRootless = isRootless
    if isDebugging { request.tell = report.debug }
    request.pidfdSocketPath = arguments.value("pidfd-socket")
    try closeOnExec(preserving: request.inheritedDescriptors)
    return (request, arguments)
  }

  func absolute(_ path: String) throws -> String {
    if path.hasPrefix("/") { return path }
    let here = try workingDirectory().text
    return path == "." ? here : "\(here)/\(path)"
  }

  /// Before anything of a container is near: the program itself out of reach, and no stray open file that travels on.
  /// The first may start the program anew, so it comes before anything is read from an inherited file.
  func enterProtection() throws {
    try SelfProtection.ensure(arguments: self.arguments, environment: ProcessEnvironment.all())
  }

  /// `--preserve-fds`: how many open files, from number 3 on, the container's process gets beside the standard streams.
  func preservedDescriptors(_ arguments: ParsedArguments) throws(UsageError) -> UInt32 {
    let limit: UInt32 = 1024
    let count = try arguments.number("preserve-fds", UInt32.self) ?? 0
    guard count <= limit else {
      throw UsageError(
        words: "invalid value \"\(count)\" for flag --preserve-fds: at most \(limit) files are passed on")
    }
    return count
  }

  func closeOnExec(preserving count: UInt32) throws {
    let (first, overflow) = count.addingReportingOverflow(3)
    if !overflow { try ProcessControl.closeDescriptors(from: first, onExec: true) }
  }

  func create(_ words: ArraySlice<String>) throws -> Int32 {
    let (request, _) = try createRequest(words, "create")
    try runtime.create(request).forEach(report.warning)
    return 0
  }

  func run(verb words: ArraySlice<String>) throws -> Int32 {
    let (request, arguments) = try createRequest(words, "run")
    return try runtime.run(
      request, detaches: arguments.has("detach"), keeps: arguments.has("keep"), warn: report.warning)
  }

  func start(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [])
    try runtime.start(
      try containerID(arguments, "start"), notifySocketPath: ServiceManager.notifySocketOfCaller())
    return 0
  }

  func state(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [])
    try printBytes(try runtime.state(try containerID(arguments, "state")))
    return 0
  }

  func kill(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [.flag("all", "a"), .flag("regex", "r")])
    let name = arguments.positional.dropFirst().first ?? "TERM"
    // 0 is no signal: it only asks whether there is somebody to send one to (kill(2)).
    guard let signal = name == "0" ? 0 : Signal.number(named: name) else {
      throw UsageError(words: "unknown signal \"\(name)\"")
    }
    try forEach(arguments, "kill") { id in
      try runtime.kill(id, signal: signal, all: arguments.has("all"))
    }
    return 0
  }

  func delete(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [.flag("force", "f"), .flag("regex", "r")])
    try forEach(arguments, "delete") { id in
      try runtime.delete(id, force: arguments.has("force"), cgroupManager: cgroupManager).forEach(report.warning)
    }
    return 0
  }

  /// Acts on the named container, or with `--regex` on all whose ids hold a match; the first failure ends it after all had their turn.
  private func forEach(_ arguments: ParsedArguments, _ verb: String, _ act: (ContainerID) throws -> Void) throws {
    guard arguments.has("regex") else {
      return try act(try containerID(arguments, verb, furtherLimit: verb == "kill" ? 1 : 0))
    }
    guard let text = arguments.positional.first else {
      throw UsageError(words: "\"\(verb) --regex\" requires an expression as its argument")
    }
    guard RegularExpression.matches(text, in: "") != nil else {
      throw UsageError(words: "\"\(text)\" is not a regular expression")
    }
    var failure: (any Error)?
    for id in try runtime.store.list() where RegularExpression.matches(text, in: id.text) == true {
      do {
        try act(id)
      } catch {
        if failure == nil { failure = error }
      }
    }
    if let failure { throw failure }
  }

  func list(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [.value("format", "f"), .flag("quiet", "q")])
    let containers = try runtime.list(rootMustExist: namesRoot, warn: report.warning)
    if arguments.has("quiet") {
      if !containers.isEmpty { try printBytes(Array(containers.map(\.record.id).joined(separator: "\n").utf8)) }
      return 0
    }
    switch arguments.value("format") ?? "table" {
    case "json": try printBytes(ContainerRuntime.json(containers))
    case "table": try printBytes(Array(Self.table(containers).utf8))
    default: throw UsageError(words: "invalid format option \(arguments.value("format") ?? "")")
    }
    return 0
  }

  private static func table(_ containers: [(record: ContainerRecord, status: ContainerStatus)]) -> String {
    var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
    for (record, status) in containers {
      rows.append([
        record.id, String(status == .stopped ? 0 : record.processID), status.rawValue, record.bundlePath,
        record.created, record.ownerID == 0 ? "root" : String(record.ownerID),
      ])
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.enumerated().map { index, cell in
        index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count + 3)
      }.joined()
    }.joined(separator: "\n")
  }

  func writeSpec(_ words: ArraySlice<String>) throws -> Int32 {
    let arguments = try ParsedArguments(words, [.value("bundle", "b"), .flag("rootless")])
    let directory = try Descriptor.workingDirectory.open(
      try KernelPath(arguments.value("bundle") ?? "."), [.directory])
    do throws(Errno) {
      let file = try directory.descriptor.open("config.json", [.writeOnly, .create, .exclusive], mode: 0o666)
      try file.descriptor.writeAll(
        RuntimeSpec.example(
          rootless: arguments.has("rootless"), userID: Credentials.effectiveUserID,
          groupID: Credentials.effectiveGroupID, hasCgroupNamespace: CgroupHierarchy.isOneTree
        ).serialized(pretty: true) + [0x0A])
    } catch {
      if error == .exists { throw RuntimeError.failed("File config.json exists. Remove it first") }
      throw RuntimeError.failed("cannot write config.json: \(error)")
    }
    return 0
  }
}
