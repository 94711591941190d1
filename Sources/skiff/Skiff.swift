import SkiffCommandLine
import SkiffEngine
import SkiffKernel

/// The engine's command line.
enum Skiff {
  static var program: CommandLineProgram {
    CommandLineProgram(
      name: "skiff",
      abstract: "A small, fast vessel for Linux containers.",
      discussion: """
        A first voyage:
          skiff run --rm -it debian bash          a shell in a container of its own
          skiff run -d --name web nginx           a server in the background
          skiff logs -f web                       what it says
          skiff exec -it web sh                   a look inside
          skiff run --explain busybox true        every step by which a container is made

        When something fails:
          skiff doctor                            what this machine lacks for containers
          skiff explain web -- mount /mnt         why that is denied in it, and what allows it
          skiff system check                      whether the store is sound

        Before the command:
          --root DIR             images, containers and volumes (/var/lib/skiff; SKIFF_ROOT)
          --run-root DIR         what a reboot may forget (/run/skiff; SKIFF_RUN_ROOT)
          --storage-driver NAME  overlay, btrfs or copy (SKIFF_STORAGE_DRIVER)
        """,
      CommandEntry.group("Containers", ofContainers + [CommandEntry(ListContainers.self), CommandEntry(Inspect.self)])
        + CommandEntry.group(
          "Images",
          [CommandEntry(Pull.self), CommandEntry(ListImages.self), CommandEntry(RemoveImages.self)] + ofImages)
        + CommandEntry.group("By kind", nouns)
        + CommandEntry.group(
          "Engine", [CommandEntry(Version.self), CommandEntry(Info.self), CommandEntry(Examine.self)]))
  }

  private static var ofContainers: [CommandEntry] {
    [
      CommandEntry(Run.self), CommandEntry(Create.self), CommandEntry(Start.self), CommandEntry(Stop.self),
      CommandEntry(Restart.self), CommandEntry(Kill.self), CommandEntry(Pause.self), CommandEntry(Unpause.self),
      CommandEntry(Wait.self), CommandEntry(Remove.self), CommandEntry(Rename.self), CommandEntry(Update.self),
      CommandEntry(Exec.self), CommandEntry(Attach.self), CommandEntry(Logs.self), CommandEntry(Top.self),
      CommandEntry(Statistics.self), CommandEntry(Events.self), CommandEntry(ExplainDenial.self),
      CommandEntry(Port.self), CommandEntry(CopyFiles.self), CommandEntry(Difference.self), CommandEntry(Export.self),
      CommandEntry(Commit.self),
    ]
  }

  private static var ofImages: [CommandEntry] {
    [CommandEntry(Tag.self), CommandEntry(Load.self), CommandEntry(Save.self), CommandEntry(Import.self)]
  }

  private static var nouns: [CommandEntry] {
    [
      CommandEntry(
        noun: "container", abstract: "Everything about containers.",
        ofContainers + [
          CommandEntry(ListContainers.self), CommandEntry(InspectContainers.self), CommandEntry(PruneContainers.self),
          CommandEntry(CleanUp.self),
        ]),
      CommandEntry(
        noun: "image", abstract: "Everything about images.",
        [
          CommandEntry(ImageList.self), CommandEntry(ImageRemove.self), CommandEntry(ImageInspect.self),
          CommandEntry(PruneImages.self), CommandEntry(Pull.self),
        ] + ofImages),
      CommandEntry(
        noun: "volume", abstract: "Everything about volumes.",
        [
          CommandEntry(VolumeList.self), CommandEntry(VolumeCreate.self), CommandEntry(VolumeRemove.self),
          CommandEntry(VolumeInspect.self), CommandEntry(PruneVolumes.self),
        ]),
      CommandEntry(
        noun: "secret", abstract: "Everything about secrets.",
        [
          CommandEntry(SecretCreate.self), CommandEntry(SecretList.self), CommandEntry(SecretInspect.self),
          CommandEntry(SecretRemove.self), CommandEntry(SecretExists.self),
        ]),
      CommandEntry(
        noun: "generate", abstract: "Write down how a container is made.",
        [CommandEntry(GenerateRun.self), CommandEntry(GenerateSystemd.self), CommandEntry(GenerateKube.self)]),
      CommandEntry(
        noun: "system", abstract: "Everything about the engine itself.",
        [
          CommandEntry(SystemBoot.self), CommandEntry(SystemShutdown.self), CommandEntry(SystemDiskUsage.self),
          CommandEntry(PruneSystem.self), CommandEntry(Events.self), CommandEntry(CheckStore.self),
          CommandEntry(Info.self),
          CommandEntry(Examine.self),
        ]),
      CommandEntry(
        noun: "healthcheck", abstract: "Everything about the health of containers.", [CommandEntry(HealthcheckRun.self)]
      ),
      CommandEntry(
        noun: "network", abstract: "Everything about networks.",
        [CommandEntry(NetworkList.self), CommandEntry(NetworkInspect.self)]),
    ]
  }
}

@main enum Program {
  static func main() {
    let globals = GlobalOptions.current
    if let mistake = globals.mistake { Console.fail(mistake, code: ExitStatusCode.usage) }
    do {
      if let text = try ShellCompletion.answer(globals.remainder) {
        Console.show(text)
      } else {
        switch try Skiff.program.read(globals.remainder) {
        case .text(let text): Console.show(text)
        case .command(var command): try command.run()
        }
      }
    } catch let mistake as CommandLineMistake {
      Console.complain("\(mistake)" + (mistake.path.isEmpty ? "" : " (see \(mistake.path) --help)"))
      Console.exit(ExitStatusCode.usage)
    } catch let error as EngineError {
      if !error.isAlreadyTold { Console.complain("\(error)") }
      Console.exit(ExitStatusCode.of(error))
    } catch let ending as Ending {
      Console.exit(ending.code)
    } catch {
      Console.fail("\(error)", code: ExitStatusCode.failure)
    }
    Console.exit(0)
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
