import ArgumentParser
import SkiffEngine
import SkiffSpec

/// skiff container …
struct ContainerCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "container", abstract: "Everything about containers.",
    subcommands: [
      Run.self, Create.self, Start.self, Stop.self, Restart.self, Kill.self, Wait.self, Remove.self, Exec.self,
      Attach.self, Logs.self, ListContainers.self, InspectContainers.self, PruneContainers.self, CleanUp.self,
    ])
}

/// skiff container inspect
struct InspectContainers: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all that is known of containers.")

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("json, or a template.", valueName: "FORMAT"))
  var format: String?

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "CONTAINER"))
  var containers: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(containers, format: format) { name throws(EngineError) in try engine.inspect(name) }
  }
}

/// skiff container prune
struct PruneContainers: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove all containers that do not run.")

  // There is nothing to ask a person twice: whoever types this means it.
  @Flag(name: .shortAndLong, help: .hidden)
  var force = false

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try engine.sweep()
    var filter = ContainerFilter()
    filter.includesStopped = true
    let containers = try engine.list(filter, warn: Console.warn).filter { $0.status != .running }
    try Each.of(containers.map(\.id)) { id throws(EngineError) in
      try engine.remove(id, withVolumes: true)
      Console.print(id)
    }
  }
}

/// skiff container cleanup: what a monitor becomes at the end.
struct CleanUp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cleanup", abstract: "Clean up after a container that has ended.", shouldDisplay: false)

  @Flag(help: "Wait for its end first.")
  var wait = false

  @Argument(help: ArgumentHelp("Name or id.", valueName: "CONTAINER"))
  var container: String

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    if wait { _ = try engine.wait(for: container) }
    try engine.cleanUp(container)
  }
}

/// skiff image …
struct ImageCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "image", abstract: "Everything about images.",
    subcommands: [
      ImageList.self, ImageRemove.self, ImageInspect.self, Pull.self, Tag.self, Load.self, Save.self, Import.self,
    ])
}

/// skiff image ls
struct ImageList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List images.", aliases: ["list"])

  @OptionGroup var options: ImageListOptions

  func run() throws { try options.show() }
}

/// skiff image rm
struct ImageRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove images.", aliases: ["remove"])

  @OptionGroup var options: ImageRemovalOptions

  func run() throws { try options.remove() }
}

/// skiff image inspect
struct ImageInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all that is known of images.")

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("json, or a template.", valueName: "FORMAT"))
  var format: String?

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "IMAGE"))
  var images: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(images, format: format) { name throws(EngineError) in try engine.inspectImage(name) }
  }
}

/// skiff volume …
struct VolumeCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volume", abstract: "Everything about volumes.",
    subcommands: [VolumeList.self, VolumeCreate.self, VolumeRemove.self, VolumeInspect.self])
}

/// skiff volume ls
struct VolumeList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List volumes.", aliases: ["list"])

  @Flag(name: .shortAndLong, help: "Print names only.")
  var quiet = false

  @Option(parsing: .unconditional, help: ArgumentHelp("table, json, or a template.", valueName: "FORMAT"))
  var format: String?

  func run() throws {
    let format = try RowFormat.parse(
      format, headings: ["Driver": "DRIVER", "Name": "VOLUME NAME", "Mountpoint": "MOUNTPOINT"])
    let volumes = try GlobalOptions.current.engine().volumes()
    if quiet {
      Console.show(volumes.map { $0.name + "\n" }.joined())
      return
    }
    guard let format else {
      var table = Table(["DRIVER", "VOLUME NAME"])
      for volume in volumes { table.add(["local", volume.name]) }
      Console.show(table.text)
      return
    }
    Console.show(try format.text(volumes.map(\.document)))
  }
}

/// skiff volume create
struct VolumeCreate: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a volume.")

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("A label.", valueName: "KEY=VALUE"))
  var label: [String] = []

  @Argument(help: ArgumentHelp("Its name.", valueName: "NAME"))
  var name: String?

  func run() throws {
    var labels: [String: String] = [:]
    for text in label {
      let parsed = try EnvironmentOption.label(text, option: "--label")
      labels[parsed.key] = parsed.value
    }
    Console.print(try GlobalOptions.current.engine().makeVolume(name, labels: labels))
  }
}

/// skiff volume rm
struct VolumeRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove volumes with what is in them.", aliases: ["remove"])

  @Flag(name: .shortAndLong, help: "Volumes that are not there are no failure.")
  var force = false

  @Argument(help: ArgumentHelp("Names.", valueName: "VOLUME"))
  var volumes: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(volumes) { name throws(EngineError) in
      do throws(EngineError) {
        try engine.removeVolume(name)
      } catch {
        guard case .noSuchVolume = error, force else { throw error }
      }
      Console.print(name)
    }
  }
}

/// skiff volume inspect
struct VolumeInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all that is known of volumes.")

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("json, or a template.", valueName: "FORMAT"))
  var format: String?

  @Argument(help: ArgumentHelp("Names.", valueName: "VOLUME"))
  var volumes: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(volumes, format: format) { name throws(EngineError) in try engine.inspectVolume(name) }
  }
}

/// skiff network …
struct NetworkCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network", abstract: "Everything about networks.",
    subcommands: [NetworkList.self, NetworkInspect.self])
}

/// skiff network ls
struct NetworkList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List networks.", aliases: ["list"])

  @Flag(name: .shortAndLong, help: "Print names only.")
  var quiet = false

  func run() throws {
    let networks = try GlobalOptions.current.engine().networkDocuments()
    if quiet {
      for network in networks { Console.print(network["Name"]?.string ?? "") }
      return
    }
    var table = Table(["NETWORK ID", "NAME", "DRIVER", "SUBNET"])
    for network in networks {
      table.add(["Id", "Name", "Driver", "Subnet"].map { network[$0]?.string ?? "" })
    }
    Console.show(table.text)
  }
}

/// skiff network inspect
struct NetworkInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all that is known of networks.")

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("json, or a template.", valueName: "FORMAT"))
  var format: String?

  @Argument(help: ArgumentHelp("Names.", valueName: "NETWORK"))
  var networks: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    let known = try engine.networkDocuments()
    try Inspection.show(networks, format: format) { name throws(EngineError) in
      guard let document = known.first(where: { $0["Name"]?.string == name }) else { throw .noSuchNetwork(name) }
      return document
    }
  }
}
