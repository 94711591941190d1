import SkiffCommandLine
import SkiffEngine
import SkiffKernel
import SkiffSpec

/// skiff run
struct Run: Command {
  static let name = "run"
  static let abstract = "Make a container of an image, and run it."

  var detach = false
  var detachKeys: String?
  var sigProxy = true
  var attach: [String] = []
  var preserveFds: UInt32?
  var explain = false
  var explainDry = false
  var quiet = false
  var options = ContainerOptions()
  var words: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.usage = [
      "skiff run [OPTIONS] IMAGE [COMMAND [ARGUMENT…]]",
      "skiff run [OPTIONS] --rootfs DIR|FILE COMMAND [ARGUMENT…]",
    ]
    form.discussion = """
      Examples:
        skiff run --rm busybox echo aye                     print and go
        skiff run --rm -it -v "$PWD:/src" -w /src debian bash
        skiff run -d --name web -m 256m --cpus 0.5 nginx    in the background, with limits
        skiff run --rm --network none --read-only busybox id
        skiff run --explain=dry busybox true                how it would be made; nothing runs

      The exit code is the container's own; 125 says that the engine failed, 126 that the command cannot be executed,
      127 that it was not found, 128 and more that a signal ended it.
      """
    form.flag("-d --detach", "Run in the background, and print the container's id.") { $0.detach = $1 }
    form.value("-a --attach", "STREAM", "Stay with these streams alone: stdin, stdout, stderr.") {
      $0.attach.append($1)
    }
    form.number("--preserve-fds", "NUMBER", "So many further open files of the caller's, from number 3 on.") {
      (values, number: UInt32) in values.preserveFds = number
    }
    form.value("--detach-keys", "KEYS", "The keys that leave a terminal (ctrl-p,ctrl-q).") { $0.detachKeys = $1 }
    form.flag("--sig-proxy", "Pass signals on to the container.") { $0.sigProxy = $1 }
    form.flag("--explain", orOneOf: ["dry"], "Say how it is made, step by step; --explain=dry only says it.") {
      ($0.explain, $0.explainDry) = ($1 && $2 == nil, $2 == "dry")
    }
    form.flag("-q --quiet", "Do not show how an image is fetched.") { $0.quiet = $1 }
    form.group(nil, ContainerOptions.self) { values, lend in lend(&values.options) }
    form.commandLine("IMAGE COMMAND", "The image, the command and its arguments.", completes: .image) {
      $0.words.append($1)
    }
  }

  func run() throws {
    let outcome = try ExitStatusCode.running { () throws(EngineError) in try perform() }
    if let code = outcome?.exitCode { throw Ending(code: code) }
  }

  private func perform() throws(EngineError) -> RunOutcome? {
    // Before anything is opened here.
    let preserved = try PreservedFiles.count(preserveFds)
    var builder = RequestBuilder(options, words: words)
    let request = try builder.build()
    let engine = try GlobalOptions.current.engine()
    let pull = try options.pullPolicy()
    if explainDry {
      Console.show(ExplanationPrinter.text(try engine.explain(request, pull: pull)))
      return nil
    }
    if request.hasTerminal, request.isInteractive, !detach, !Descriptor.standardInput.isTerminal {
      throw .refused("the input device is not a terminal (leave out -t)")
    }
    var foreground = ForegroundOptions()
    foreground.detaches = detach
    foreground.detachKeys = try DetachKeysOption.parse(detachKeys)
    foreground.passesSignals = sigProxy
    foreground.preservedDescriptors = preserved
    foreground.explains = explain
    try AttachedStreams(attach, detaches: detach).apply(to: &foreground)
    foreground.consoleSize = TerminalSize.current()
    let cidfile = try CIDFile(options.names.cidfile)
    try options.removeReplaced(engine)
    let outcome = try engine.run(
      request, pull: pull, foreground, warn: Console.warn,
      onCreated: { created throws(EngineError) in try cidfile.write(created.id) },
      onStarted: { steps in if explain { ExplanationPrinter.print(steps) } })
    if detach { Console.print(outcome.id) }
    return outcome
  }
}

/// skiff create
struct Create: Command {
  static let name = "create"
  static let abstract = "Make a container of an image, to be started later."

  var options = ContainerOptions()
  var words: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.usage = ["skiff create [OPTIONS] IMAGE [COMMAND [ARGUMENT…]]"]
    form.discussion = """
      Examples:
        skiff create --name job busybox sh -c 'date; sleep 5'
        skiff start -a job
      """
    form.group(nil, ContainerOptions.self) { values, lend in lend(&values.options) }
    form.commandLine("IMAGE COMMAND", "The image, the command and its arguments.", completes: .image) {
      $0.words.append($1)
    }
  }

  func run() throws {
    try ExitStatusCode.running { () throws(EngineError) in
      var builder = RequestBuilder(options, words: words)
      let request = try builder.build()
      let engine = try GlobalOptions.current.engine()
      let cidfile = try CIDFile(options.names.cidfile)
      try options.removeReplaced(engine)
      let created = try engine.create(request, pull: try options.pullPolicy())
      created.warnings.forEach(Console.warn)
      do throws(EngineError) {
        try cidfile.write(created.id)
      } catch {
        try engine.remove(created.id, withVolumes: true)
        throw error
      }
      Console.print(created.id)
    }
  }
}

extension ContainerOptions {
  func pullPolicy() throws(EngineError) -> PullPolicy {
    guard let policy = PullPolicy(rawValue: image.pull) else {
      throw .invalidOption(name: "--pull", value: image.pull, reason: "it is missing, always, newer or never")
    }
    return policy
  }

  /// Makes room for the name where that was asked for.
  func removeReplaced(_ engine: Engine) throws(EngineError) {
    guard names.replace else { return }
    guard let name = names.name else { throw .refused("cannot replace container without --name being set") }
    do throws(EngineError) {
      try engine.remove(name, force: true)
    } catch {
      guard case .noSuchContainer = error else { throw error }
    }
  }
}

/// `--attach`
struct AttachedStreams {
  private let streams: Set<String>

  init(_ words: [String], detaches: Bool) throws(EngineError) {
    streams = Set(words.map { $0.lowercased() })
    if detaches, !streams.isEmpty {
      throw .refused("conflicting options: cannot specify both --attach and --detach")
    }
    if let other = streams.first(where: { !["stdin", "stdout", "stderr"].contains($0) }) {
      throw .invalidOption(name: "--attach", value: other, reason: "valid streams are STDIN, STDOUT and STDERR")
    }
  }

  func apply(to options: inout ForegroundOptions) {
    guard !streams.isEmpty else { return }
    options.sendsInput = streams.contains("stdin")
    options.showsOutput = streams.contains("stdout")
    options.showsErrors = streams.contains("stderr")
  }
}

/// The file that a new container's id is written to. It must not exist: two containers would share it.
struct CIDFile {
  private let path: String?

  init(_ path: String?) throws(EngineError) {
    self.path = path
    guard let path else { return }
    do throws(Errno) {
      _ = try Descriptor.workingDirectory.status(try KernelPath(path))
    } catch {
      if error == .notFound { return }
      throw .kernel(act: "write", thing: path, cause: error)
    }
    throw .refused("cannot write the id to \(path): the file exists (remove it, or name another)")
  }

  func write(_ id: String) throws(EngineError) {
    guard let path else { return }
    try NewFile.write(id, to: path, mode: 0o644, act: "write the id to")
  }
}

/// `--detach-keys`
enum DetachKeysOption {
  static func parse(_ text: String?) throws(EngineError) -> [UInt8]? {
    guard let text else { return nil }
    guard let keys = DetachKeys.parse(text) else {
      throw .invalidOption(name: "--detach-keys", value: text, reason: "expected keys such as ctrl-p,ctrl-q")
    }
    return keys
  }
}

/// The size of the caller's terminal.
enum TerminalSize {
  static func current() -> RuntimeSpec.ConsoleSize? {
    do throws(Errno) {
      let size = try Descriptor.standardInput.windowSize()
      return RuntimeSpec.ConsoleSize(height: size.rows, width: size.columns)
    } catch {
      return nil
    }
  }
}
