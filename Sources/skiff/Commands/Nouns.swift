import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// skiff container inspect
struct InspectContainers: Command {
  static let name = "inspect"
  static let abstract = "Show all that is known of containers."

  var format: String?
  var size = false
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
    form.flag("-s --size", "What it takes on the disk, too.") { $0.size = $1 }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(containers, format: format) { name throws(EngineError) in
      try engine.inspect(name, withSize: size)
    }
  }
}

/// skiff container cleanup: what a monitor becomes at the end.
struct CleanUp: Command {
  static let name = "cleanup"
  static let abstract = "Clean up after a container that has ended."
  static let isHidden = true

  var restartLock: Int32?
  var container: String = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.number("--restart-lock", "NUMBER", nil) { (values, number: Int32) in values.restartLock = number }
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    guard let restartLock else { return try engine.cleanUp(container) }
    try engine.startAgain(container, lock: restartLock)
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
  var filter: [String] = []
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-q --quiet", "Print names only.") { $0.quiet = $1 }
    form.value("-f --filter", "KEY=VALUE", "dangling, driver, label or name.") { $0.filter.append($1) }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
  }

  func run() throws {
    let format = try RowFormat.parse(
      format,
      headings: [
        "Driver": "DRIVER", "Name": "VOLUME NAME", "Mountpoint": "MOUNTPOINT", "Labels": "LABELS", "Scope": "SCOPE",
      ])
    let engine = try GlobalOptions.current.engine()
    var volumes = try engine.volumes(warn: Console.warn)
    for text in filter { try Self.apply(text, &volumes, engine) }
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
    Console.show(try format.text(volumes.map(Self.row)))
  }

  private static func row(_ volume: Volume) -> JSONValue {
    var row = volume.document.object ?? JSONObject()
    row["Labels"] = .string(
      volume.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ","))
    return .object(row)
  }

  private static func apply(_ text: String, _ volumes: inout [Volume], _ engine: Engine) throws(EngineError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts[0], parts.count) {
    case ("dangling", 2):
      guard let isDangling = NumberOption.boolean(parts[1]) else {
        throw .invalidOption(name: "--filter", value: text, reason: "it is true or false")
      }
      let used = try engine.usedVolumes()
      volumes.removeAll { (used[$0.name] == nil) != isDangling }
    case ("driver", 2): volumes.removeAll { _ in parts[1] != "local" }
    case ("name", 2): volumes.removeAll { !$0.name.contains(parts[1]) }
    case ("label", 2):
      let label = parts[1].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      volumes.removeAll { volume in
        guard let value = volume.labels[label[0]] else { return true }
        return label.count > 1 && label[1] != value
      }
    default:
      throw .invalidOption(name: "--filter", value: text, reason: "the keys are dangling, driver, label and name")
    }
  }
}

/// skiff volume create
struct VolumeCreate: Command {
  static let name = "create"
  static let abstract = "Make a volume."

  var label: [String] = []
  var driver = "local"
  var options: [String] = []
  var name: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--label", "KEY=VALUE", "A label.") { $0.label.append($1) }
    form.value("-d --driver", "local", "Who keeps it.") { $0.driver = $1 }
    form.value("-o --opt", "KEY=VALUE", "What is mounted in its place: type, device, o.") { $0.options.append($1) }
    form.optionalWord("NAME", "Its name.", completes: .nothing) { $0.name = $1 }
  }

  func run() throws {
    guard driver == "local" else { throw EngineError.notBuilt("the volume driver \(driver)") }
    var chosen: [String: String] = [:]
    for text in options {
      let parsed = try EnvironmentOption.label(text, option: "--opt")
      chosen[parsed.key] = parsed.value
    }
    var labels: [String: String] = [:]
    for text in label {
      let parsed = try EnvironmentOption.label(text, option: "--label")
      labels[parsed.key] = parsed.value
    }
    Console.print(try GlobalOptions.current.engine().makeVolume(name, labels: labels, options: chosen))
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
