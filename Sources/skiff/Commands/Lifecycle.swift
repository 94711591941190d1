import ArgumentParser
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
}

/// skiff start
struct Start: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start containers that were made or have ended.")

  @Flag(name: .shortAndLong, help: "Stay with it, show its output, and end with its exit code.")
  var attach = false

  @Flag(name: .shortAndLong, help: "Give it standard input, too.")
  var interactive = false

  @Option(
    name: .customLong("detach-keys"), parsing: .unconditional,
    help: ArgumentHelp("The keys that leave a terminal.", valueName: "KEYS"))
  var detachKeys: String?

  @Flag(name: .customLong("sig-proxy"), inversion: .prefixedNo, help: "Pass signals on to the container.")
  var sigProxy = true

  @Flag(help: "Say how it is started, step by step.")
  var explain = false

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "CONTAINER"))
  var containers: [String]

  func validate() throws {
    if attach || interactive, containers.count > 1 {
      throw ValidationError("one can stay with one container only: name one, or leave out -a and -i")
    }
  }

  func run() throws {
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
struct Attach: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attach", abstract: "Join the streams of a running container.")

  @Option(
    name: .customLong("detach-keys"), parsing: .unconditional,
    help: ArgumentHelp("The keys that leave it.", valueName: "KEYS"))
  var detachKeys: String?

  @Flag(name: .customLong("no-stdin"), help: "Only watch.")
  var noStdin = false

  @Flag(name: .customLong("sig-proxy"), inversion: .prefixedNo, help: "Pass signals on to the container.")
  var sigProxy = true

  @Argument(help: ArgumentHelp("Name or id.", valueName: "CONTAINER"))
  var container: String

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    var options = ForegroundOptions()
    options.detachKeys = try DetachKeysOption.parse(detachKeys)
    options.passesSignals = sigProxy
    if let code = try engine.attach(container, sendsInput: !noStdin, options) { throw Ending(code: code) }
  }
}

/// skiff stop
struct Stop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Ask containers to end, and kill those that do not in time.")

  @Option(
    name: [.customShort("t", allowingJoined: true), .customLong("timeout"), .customLong("time")],
    parsing: .unconditional,
    help: ArgumentHelp("How long to wait (10); -1 for ever.", valueName: "SECONDS"))
  var timeout: Int64?

  @Option(
    name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("The signal that asks.", valueName: "SIGNAL"))
  var signal: String?

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "CONTAINER"))
  var containers: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in
      let outcome = try engine.stop(name, signal: signal, timeoutSeconds: timeout)
      if case .killedAtOnce(let signal) = outcome {
        Console.warn(
          "\(name) was killed at once: its first process does not catch \(signal), so waiting was in vain (see run --init)"
        )
      }
      Console.print(name)
    }
  }
}

/// skiff restart
struct Restart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "Stop containers and start them again.")

  @Option(
    name: [.customShort("t", allowingJoined: true), .customLong("timeout"), .customLong("time")],
    parsing: .unconditional,
    help: ArgumentHelp("How long to wait for the end (10).", valueName: "SECONDS"))
  var timeout: Int64?

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "CONTAINER"))
  var containers: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in
      _ = try engine.stop(name, timeoutSeconds: timeout)
      _ = try engine.start(name, attaches: false, sendsInput: false, ForegroundOptions(), warn: Console.warn)
      Console.print(name)
    }
  }
}

/// skiff kill
struct Kill: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill", abstract: "Send a signal to containers.")

  @Option(name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("Which.", valueName: "SIGNAL"))
  var signal = "KILL"

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "CONTAINER"))
  var containers: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in
      try engine.kill(name, signal: signal)
      Console.print(name)
    }
  }
}

/// skiff wait
struct Wait: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until containers have ended, and print their exit codes.")

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "CONTAINER"))
  var containers: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in Console.print("\(try engine.wait(for: name))") }
  }
}

/// skiff rm
struct Remove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove containers.")

  @Flag(name: .shortAndLong, help: "End those that run, first.")
  var force = false

  @Flag(name: .shortAndLong, help: "Remove the volumes that were made for them alone, too.")
  var volumes = false

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "CONTAINER"))
  var containers: [String]

  func run() throws {
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
struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Show what a container wrote.",
    discussion: """
      Examples:
        skiff logs -f --tail 20 web
        skiff logs -t --since 10m web
      """)

  @Flag(name: .shortAndLong, help: "Go on with what comes.")
  var follow = false

  @Option(
    name: [.customShort("n", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Only the last lines.", valueName: "NUMBER|all"))
  var tail = "all"

  @Option(
    parsing: .unconditional, help: ArgumentHelp("From then on: a moment, or a span such as 10m.", valueName: "TIME"))
  var since: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Up to then.", valueName: "TIME"))
  var until: String?

  @Flag(name: .shortAndLong, help: "Show when each line was written.")
  var timestamps = false

  @Argument(help: ArgumentHelp("Name or id.", valueName: "CONTAINER"))
  var container: String

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
    let showsTimes = timestamps
    try engine.logs(container, options) { entry throws(EngineError) in
      Console.write(
        showsTimes ? "\(entry.time) \(entry.text)" : entry.text, to: entry.isError ? .standardError : .standardOutput)
    }
  }
}

/// skiff exec
struct Exec: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Run a further command in a running container.",
    usage: "skiff exec [OPTIONS] CONTAINER COMMAND [ARGUMENT…]",
    discussion: """
      Examples:
        skiff exec -it web sh
        skiff exec -u www-data -e DEBUG=1 web ./check
      """)

  @Flag(name: .shortAndLong, help: "Run in the background.")
  var detach = false

  @Flag(name: .shortAndLong, help: "Keep standard input open.")
  var interactive = false

  @Flag(name: .shortAndLong, help: "Give it a terminal.")
  var tty = false

  @Option(
    name: [.customShort("e", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Set a variable.", valueName: "NAME=VALUE"))
  var env: [String] = []

  @Option(
    name: .customLong("env-file"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Read variables from a file.", valueName: "FILE"))
  var envFile: [String] = []

  @Option(
    name: [.customShort("w", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("The working directory.", valueName: "DIR"))
  var workdir: String?

  @Option(
    name: [.customShort("u", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Who runs it.", valueName: "USER[:GROUP]"))
  var user: String?

  @Flag(help: "Give it every right that the caller has.")
  var privileged = false

  @Option(
    name: .customLong("detach-keys"), parsing: .unconditional,
    help: ArgumentHelp("The keys that leave a terminal.", valueName: "KEYS"))
  var detachKeys: String?

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The container, the command and its arguments.", valueName: "CONTAINER COMMAND"))
  var words: [String] = []

  func run() throws {
    if words.first == "--help" { throw CleanExit.helpRequest(self) }
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
