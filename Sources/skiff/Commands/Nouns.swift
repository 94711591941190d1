import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// skiff container inspect
struct InspectContainers: Command {
  static let name = "inspect"
  static let abstract = "Show all that is known of containers."

  var format: String?
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(containers, format: format) { name throws(EngineError) in try engine.inspect(name) }
  }
}

/// skiff container prune
struct PruneContainers: Command {
  static let name = "prune"
  static let abstract = "Remove all containers that do not run."

  var force = false

  static func declare(_ form: inout CommandForm<Self>) {
    // There is nothing to ask a person twice: whoever types this means it.
    form.flag("-f --force", nil) { $0.force = $1 }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try engine.sweep(warn: Console.warn)
    var filter = ContainerFilter()
    filter.includesStopped = true
    let containers = try engine.list(filter, warn: Console.warn).filter { !$0.status.isAlive }
    try Each.of(containers.map(\.id)) { id throws(EngineError) in
      try engine.remove(id, withVolumes: true)
      Console.print(id)
    }
  }
}

/// skiff container cleanup: what a monitor becomes at the end.
struct CleanUp: Command {
  static let name = "cleanup"
  static let abstract = "Clean up after a container that has ended."
  static let isHidden = true

  var container: String = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    try GlobalOptions.current.engine().cleanUp(container)
  }
}

/// skiff image ls
struct ImageList: Command {
  static let name = "ls"
  static let abstract = "List images."
  static let aliases = ["list"]

  var options = ImageListOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.group(nil, ImageListOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws { try options.show() }
}

/// skiff image rm
struct ImageRemove: Command {
  static let name = "rm"
  static let abstract = "Remove images."
  static let aliases = ["remove"]

  var options = ImageRemovalOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.group(nil, ImageRemovalOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws { try options.remove() }
}

/// skiff image inspect
struct ImageInspect: Command {
  static let name = "inspect"
  static let abstract = "Show all that is known of images."

  var format: String?
  var images: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
    form.list("IMAGE", "Names or ids.", completes: .image) { $0.images.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(images, format: format) { name throws(EngineError) in try engine.inspectImage(name) }
  }
}

/// skiff volume ls
struct VolumeList: Command {
  static let name = "ls"
  static let abstract = "List volumes."
  static let aliases = ["list"]

  var quiet = false
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-q --quiet", "Print names only.") { $0.quiet = $1 }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
  }

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
struct VolumeCreate: Command {
  static let name = "create"
  static let abstract = "Make a volume."

  var label: [String] = []
  var name: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--label", "KEY=VALUE", "A label.") { $0.label.append($1) }
    form.optionalWord("NAME", "Its name.", completes: .nothing) { $0.name = $1 }
  }

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
struct VolumeRemove: Command {
  static let name = "rm"
  static let abstract = "Remove volumes with what is in them."
  static let aliases = ["remove"]

  var force = false
  var volumes: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-f --force", "Volumes that are not there are no failure.") { $0.force = $1 }
    form.list("VOLUME", "Names.", completes: .volume) { $0.volumes.append($1) }
  }

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
struct VolumeInspect: Command {
  static let name = "inspect"
  static let abstract = "Show all that is known of volumes."

  var format: String?
  var volumes: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
    form.list("VOLUME", "Names.", completes: .volume) { $0.volumes.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(volumes, format: format) { name throws(EngineError) in try engine.inspectVolume(name) }
  }
}

/// skiff network ls
struct NetworkList: Command {
  static let name = "ls"
  static let abstract = "List networks."
  static let aliases = ["list"]

  var quiet = false

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-q --quiet", "Print names only.") { $0.quiet = $1 }
  }

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
struct NetworkInspect: Command {
  static let name = "inspect"
  static let abstract = "Show all that is known of networks."

  var format: String?
  var networks: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
    form.list("NETWORK", "Names.", completes: .network) { $0.networks.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    let known = try engine.networkDocuments()
    try Inspection.show(networks, format: format) { name throws(EngineError) in
      guard let document = known.first(where: { $0["Name"]?.string == name }) else { throw .noSuchNetwork(name) }
      return document
    }
  }
}
