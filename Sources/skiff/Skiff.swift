import ArgumentParser
import SkiffEngine
import SkiffKernel

/// The engine's command line.
struct Skiff: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skiff",
    abstract: "A small, fast vessel for Linux containers.",
    discussion: """
      A first voyage:
        skiff run --rm -it debian bash          a shell in a container of its own
        skiff run -d --name web nginx           a server in the background
        skiff logs -f web                       what it says
        skiff exec -it web sh                   a look inside
        skiff run --explain busybox true        every step by which a container is made

      Before the command:
        --root DIR             images, containers and volumes (/var/lib/skiff; SKIFF_ROOT)
        --run-root DIR         what a reboot may forget (/run/skiff; SKIFF_RUN_ROOT)
        --storage-driver NAME  overlay, btrfs or copy (SKIFF_STORAGE_DRIVER)
      """,
    groupedSubcommands: [
      CommandGroup(
        name: "Container",
        subcommands: [
          Run.self, Create.self, Start.self, Stop.self, Restart.self, Kill.self, Wait.self, Remove.self, Exec.self,
          Attach.self, Logs.self, ListContainers.self, Inspect.self,
        ]),
      CommandGroup(
        name: "Image",
        subcommands: [
          Pull.self, ListImages.self, RemoveImages.self, Tag.self, Load.self, Save.self, Import.self,
        ]),
      CommandGroup(
        name: "Noun",
        subcommands: [ContainerCommands.self, ImageCommands.self, VolumeCommands.self, NetworkCommands.self]),
      CommandGroup(name: "Engine", subcommands: [Version.self, Info.self]),
    ])
}

@main enum Program {
  static func main() {
    let globals = GlobalOptions.current
    if let mistake = globals.mistake { Console.fail(mistake, code: ExitStatusCode.usage) }
    do {
      var command = try Skiff.parseAsRoot(ArgumentNormalizer.normalize(globals.remainder))
      try command.run()
    } catch let error as EngineError {
      if !error.isAlreadyTold { Console.complain("\(error)") }
      Console.exit(ExitStatusCode.of(error))
    } catch let ending as Ending {
      Console.exit(ending.code)
    } catch {
      finish(error)
    }
    Console.exit(0)
  }

  /// Help goes to standard output; a command line that makes no sense is one sentence and a pointer.
  private static func finish(_ error: any Error) -> Never {
    let code = Skiff.exitCode(for: error)
    let text = Skiff.fullMessage(for: error)
    if code == .success {
      Console.print(text)
      Console.exit(0)
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var first = lines.first ?? ""
    if first.hasPrefix("Error: ") { first = String(first.dropFirst(7)) }
    let hint = lines.last { $0.contains("--help") }?.split(separator: "'")
    let pointer = hint.flatMap { $0.count > 1 ? " (see \($0[1]))" : nil } ?? ""
    Console.complain(first.prefix(1).lowercased() + first.dropFirst() + pointer)
    Console.exit(ExitStatusCode.usage)
  }
}

/// The end of the program with a code that is not its own, such as a container's.
struct Ending: Error {
  let code: Int32
}

/// Docker's exit codes.
enum ExitStatusCode {
  /// The engine failed, or the command line makes no sense.
  static let usage: Int32 = 125
  static let failure: Int32 = 1

  static func of(_ error: EngineError) -> Int32 {
    switch error {
    case .runtime(_, let exitCode), .helperFailed(let exitCode): exitCode
    case .invalidOption, .notBuilt: usage
    default: failure
    }
  }

  /// Of the commands that give a container's own code: everything that is not the container's is 125.
  static func ofRun(_ error: EngineError) -> Int32 {
    switch error {
    case .runtime(_, let exitCode): exitCode
    default: usage
    }
  }

  /// Runs the body of such a command.
  static func running<Result>(_ body: () throws(EngineError) -> Result) throws -> Result {
    do throws(EngineError) {
      return try body()
    } catch {
      if !error.isAlreadyTold { Console.complain("\(error)") }
      throw Ending(code: ofRun(error))
    }
  }
}
