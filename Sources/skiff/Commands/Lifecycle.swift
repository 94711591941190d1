import SkiffCommandLine
import SkiffEngine
import SkiffKernel
import SkiffSpec

/// Does something to each of several things; goes on after a failure, and fails at the end.
enum Each {
  static func of(_ names: [String], _ act: (String) throws(EngineError) -> Void) throws {
    var code: Int32 = 0
    for name in names {
      do throws(EngineError) {
        try act(name)
      } catch {
        if !error.isAlreadyTold { Console.complain("\(error)") }
        code = max(code, ExitStatusCode.of(error))
      }
    }
    if code != 0 { throw Ending(code: code) }
  }

  /// Stops several at once; says of each in the order in which they were named what became of it.
  static func sideBySide(
    _ names: [String],
    _ act: ((Int, Result<StopOutcome, EngineError>) -> Void) throws(EngineError) -> Void
  ) throws {
    var results = [Result<StopOutcome, EngineError>?](repeating: nil, count: names.count)
    var told = 0
    var code: Int32 = 0
    try act { place, result in
      results[place] = result
      while told < names.count, let next = results[told] {
        switch next {
        case .success(let outcome):
          if case .killedAtOnce(let signal) = outcome {
            Console.warn(
              "\(names[told]) was killed at once: its first process does not catch \(signal), so waiting was in vain (see run --init)"
            )
          }
          Console.print(names[told])
        case .failure(let error):
          Console.complain("\(error)")
          code = max(code, ExitStatusCode.of(error))
        }
        told += 1
      }
    }
    if code != 0 { throw Ending(code: code) }
  }
}

/// skiff start
struct Start: Command {
  static let name = "start"
  static let abstract = "Start containers that were made or have ended."

  var attach = false
  var interactive = false
  var detachKeys: String?
  var sigProxy = true
  var explain = false
  var checkpoint: String?
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-a --attach", "Stay with it, show its output, and end with its exit code.") { $0.attach = $1 }
    form.flag("-i --interactive", "Give it standard input, too.") { $0.interactive = $1 }
    form.value("--detach-keys", "KEYS", "The keys that leave a terminal.") { $0.detachKeys = $1 }
    form.flag("--sig-proxy", "Pass signals on to the container.") { $0.sigProxy = $1 }
    form.flag("--explain", "Say how it is started, step by step.") { $0.explain = $1 }
    for name in ["--checkpoint", "--checkpoint-dir"] {
      form.value(name, "NAME", nil) { values, _ in values.checkpoint = name }
    }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func validate() throws(CommandLineMistake) {
    if attach || interactive, containers.count > 1 {
      throw CommandLineMistake("one can stay with one container only: name one, or leave out -a and -i")
    }
  }

  func run() throws {
    if let checkpoint { throw EngineError.notBuilt("\(checkpoint): checkpoints of containers") }
    let engine = try GlobalOptions.current.engine()
    var options = ForegroundOptions()
    options.detachKeys = try DetachKeysOption.parse(detachKeys)
    options.passesSignals = sigProxy
    options.explains = explain
    func show(_ steps: [ExplanationStep]) { if explain { ExplanationPrinter.print(steps) } }
    guard attach || interactive else {
      try Each.of(containers) { name throws(EngineError) in
        _ = try engine.start(
          name, attaches: false, sendsInput: false, options, warn: Console.warn, onStarted: show)
        Console.print(name)
      }
      return
    }
    let code = try ExitStatusCode.running { () throws(EngineError) in
      try engine.start(
        containers[0], attaches: true, sendsInput: interactive, options, warn: Console.warn, onStarted: show)
    }
    if let code { throw Ending(code: code) }
  }
}

/// skiff attach
struct Attach: Command {
  static let name = "attach"
  static let abstract = "Join the streams of a running container."

  var detachKeys: String?
  var noStdin = false
  var sigProxy = true
  var container: String = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--detach-keys", "KEYS", "The keys that leave it.") { $0.detachKeys = $1 }
    form.flag("--no-stdin", "Only watch.") { $0.noStdin = $1 }
    form.flag("--sig-proxy", "Pass signals on to the container.") { $0.sigProxy = $1 }
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    var options = ForegroundOptions()
    options.detachKeys = try DetachKeysOption.parse(detachKeys)
    options.passesSignals = sigProxy
    if let code = try engine.attach(container, sendsInput: !noStdin, options) { throw Ending(code: code) }
  }
}

/// skiff stop
struct Stop: Command {
  static let name = "stop"
  static let abstract = "Ask containers to end, and kill those that do not in time."

  var timeout: Int64?
  var signal: String?
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.number("-t --timeout --time", "SECONDS", "How long to wait (10); -1 for ever.") { (values, number: Int64) in
      values.timeout = number
    }
    form.value("-s --signal", "SIGNAL", "The signal that asks.") { $0.signal = $1 }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.sideBySide(containers) { tell throws(EngineError) in
      engine.stop(containers, signal: signal, timeoutSeconds: timeout, tell: tell)
    }
  }
}

/// skiff restart
struct Restart: Command {
  static let name = "restart"
  static let abstract = "Stop containers and start them again."

  var timeout: Int64?
  var signal: String?
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.number("-t --timeout --time", "SECONDS", "How long to wait for the end (10); -1 for ever.") {
      (values, number: Int64) in values.timeout = number
    }
    form.value("-s --signal", "SIGNAL", "The signal that asks it to end.") { $0.signal = $1 }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.sideBySide(containers) { tell throws(EngineError) in
      try engine.restart(containers, signal: signal, timeoutSeconds: timeout, warn: Console.warn, tell: tell)
    }
  }
}

/// skiff kill
struct Kill: Command {
  static let name = "kill"
  static let abstract = "Send a signal to containers."

  var signal = "KILL"
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-s --signal", "SIGNAL", "Which.") { $0.signal = $1 }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in
      try engine.kill(name, signal: signal)
      Console.print(name)
    }
  }
}

/// skiff wait
struct Wait: Command {
  static let name = "wait"
  static let abstract = "Wait until containers have ended, or something else is so, and print their exit codes."

  var conditions: [String] = []
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value(
      "--condition", "CONDITION", "not-running, next-exit, removed, running, paused, created, healthy, unhealthy."
    ) {
      $0.conditions.append($1)
    }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func run() throws {
    var wanted: [WaitCondition] = []
    for text in conditions.flatMap({ $0.split(separator: ",").map(String.init) }) {
      guard let condition = WaitCondition(rawValue: text) else {
        throw EngineError.invalidOption(
          name: "--condition", value: text,
          reason: "it is " + WaitCondition.allCases.map(\.rawValue).joined(separator: ", "))
      }
      wanted.append(condition)
    }
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in
      Console.print("\(try engine.wait(for: name, until: wanted))")
    }
  }
}

/// skiff rm
struct Remove: Command {
  static let name = "rm"
  static let abstract = "Remove containers."

  var force = false
  var volumes = false
  var link = false
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-f --force", "End those that run, first.") { $0.force = $1 }
    form.flag("-v --volumes", "Remove the volumes that were made for them alone, too.") { $0.volumes = $1 }
    form.flag("-l --link", nil) { $0.link = $1 }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func run() throws {
    if link { throw EngineError.notBuilt("--link: links between containers") }
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in
      do throws(EngineError) {
        try engine.remove(name, force: force, withVolumes: volumes)
      } catch {
        // With force, what is not there is as good as removed.
        guard case .noSuchContainer = error, force else { throw error }
        Console.complain("\(error)")
        return
      }
      Console.print(name)
    }
  }
}

/// skiff logs
struct Logs: Command {
  static let name = "logs"
  static let abstract = "Show what a container wrote."

  var follow = false
  var tail = "all"
  var since: String?
  var until: String?
  var timestamps = false
  var details = false
  var container: String = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Examples:
        skiff logs -f --tail 20 web
        skiff logs -t --since 10m web
      """
    form.flag("-f --follow", "Go on with what comes.") { $0.follow = $1 }
    form.value("-n --tail", "NUMBER|all", "Only the last lines.") { $0.tail = $1 }
    form.value("--since", "TIME", "From then on: a moment, or a span such as 10m.") { $0.since = $1 }
    form.value("--until", "TIME", "Up to then.") { $0.until = $1 }
    form.flag("-t --timestamps", "Show when each line was written.") { $0.timestamps = $1 }
    form.flag("--details", "Show what the log's options (labels, env, tag) say of each line.") { $0.details = $1 }
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    var options = LogOptions()
    options.follows = follow
    options.since = try TimeOption.parse(since, "--since")
    options.until = try TimeOption.parse(until, "--until")
    if tail != "all" {
      guard let count = Int(tail) else {
        throw EngineError.invalidOption(name: "--tail", value: tail, reason: "it is a number, or all")
      }
      options.tail = count < 0 ? nil : count
    }
    let (showsTimes, showsDetails) = (timestamps, details)
    var page = LogPage()
    try engine.logs(container, options) { entry throws(EngineError) in
      var text = entry.text
      if showsDetails { text = entry.details + " " + text }
      if showsTimes { text = entry.fixedTime + " " + text }
      page.add(text, to: entry.isError ? .standardError : .standardOutput)
    } rest: {
      page.show()
    }
  }
}

/// Lines that go to one stream, written together.
private struct LogPage {
  private var text = ""
  private var stream = Descriptor.standardOutput
  private static let limitBytes = 65_536

  mutating func add(_ line: String, to stream: Descriptor) {
    // What was said in turns on both streams is shown in turns.
    if stream != self.stream || text.utf8.count > Self.limitBytes { show() }
    self.stream = stream
    text += line
  }

  mutating func show() {
    if text.isEmpty { return }
    Console.write(text, to: stream)
    text = ""
  }
}

/// skiff exec
struct Exec: Command {
  static let name = "exec"
  static let abstract = "Run a further command in a running container."

  var detach = false
  var interactive = false
  var tty = false
  var env: [String] = []
  var envFile: [String] = []
  var workdir: String?
  var user: String?
  var privileged = false
  var detachKeys: String?
  var words: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.usage = ["skiff exec [OPTIONS] CONTAINER COMMAND [ARGUMENT…]"]
    form.discussion = """
      Examples:
        skiff exec -it web sh
        skiff exec -u www-data -e DEBUG=1 web ./check
      """
    form.flag("-d --detach", "Run in the background.") { $0.detach = $1 }
    form.flag("-i --interactive", "Keep standard input open.") { $0.interactive = $1 }
    form.flag("-t --tty", "Give it a terminal.") { $0.tty = $1 }
    form.value("-e --env", "NAME=VALUE", "Set a variable.") { $0.env.append($1) }
    form.value("--env-file", "FILE", "Read variables from a file.") { $0.envFile.append($1) }
    form.value("-w --workdir", "DIR", "The working directory.") { $0.workdir = $1 }
    form.value("-u --user", "USER[:GROUP]", "Who runs it.") { $0.user = $1 }
    form.flag("--privileged", "Give it every right that the caller has.") { $0.privileged = $1 }
    form.value("--detach-keys", "KEYS", "The keys that leave a terminal.") { $0.detachKeys = $1 }
    form.commandLine("CONTAINER COMMAND", "The container, the command and its arguments.", completes: .container) {
      $0.words.append($1)
    }
  }

  func run() throws {
    try ExitStatusCode.running { () throws(EngineError) in
      var words = words[...]
      if let first = words.first, first.hasPrefix("-"), first != "--" { throw RefusedOptions.refusal(first) }
      if words.first == "--" { words = words.dropFirst() }
      guard let container = words.popFirst() else {
        throw .refused("name a container and a command (see skiff exec --help)")
      }
      var request = ExecRequest()
      request.command = Array(words)
      for path in envFile { request.environment += try RequestBuilder.environment(inFile: path) }
      for text in env {
        request.environment.append(
          try EnvironmentOption.entry(text, option: "--env", caller: ProcessEnvironment.value(named:)))
      }
      request.workingDirectory = workdir
      request.user = user
      request.hasTerminal = tty
      request.isInteractive = interactive
      request.detaches = detach
      request.isPrivileged = privileged
      _ = try DetachKeysOption.parse(detachKeys)
      request.detachKeys = detachKeys
      if tty, interactive, !detach, !Descriptor.standardInput.isTerminal {
        throw .refused("the input device is not a terminal (leave out -t)")
      }
      try GlobalOptions.current.engine().exec(container, request, consoleSize: TerminalSize.current())
    }
  }
}
