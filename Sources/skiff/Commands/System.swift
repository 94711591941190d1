import SkiffCommandLine
import SkiffEngine
import SkiffKernel
import SkiffSpec

/// skiff system df
struct SystemDiskUsage: Command {
  static let name = "df"
  static let abstract = "Show what images, containers and volumes take on the disk."

  var verbose = false
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-v --verbose", "Each thing by itself.") { $0.verbose = $1 }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
  }

  func validate() throws(CommandLineMistake) {
    if verbose, format != nil { throw CommandLineMistake("--format shows the sums: leave out --verbose") }
  }

  private static let headings = [
    "Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE",
  ]

  func run() throws {
    let format = try RowFormat.parse(format, headings: Self.headings)
    let usage = try GlobalOptions.current.engine().diskUsage()
    if verbose {
      Console.show(usage.map(Self.items).joined(separator: "\n"))
      return
    }
    let rows = usage.map(Self.row)
    if let format {
      Console.show(try format.text(rows))
      return
    }
    let columns = ["Type", "TotalCount", "Active", "Size", "Reclaimable"]
    var table = Table(columns.map { Self.headings[$0] ?? $0 })
    for row in rows { table.add(columns.map { row[$0]?.string ?? "" }) }
    Console.show(table.text)
  }

  private static func row(_ usage: DiskUsage) -> JSONValue {
    let reclaimable = min(usage.reclaimableBytes, usage.bytes)
    let percent = usage.bytes > 0 ? " (\(Int(Double(reclaimable) / Double(usage.bytes) * 100))%)" : ""
    return [
      "Type": .string(usage.kind), "TotalCount": .string("\(usage.count)"), "Active": .string("\(usage.activeCount)"),
      "Size": .string(ByteSize(bytes: usage.bytes).decimalText),
      "Reclaimable": .string(ByteSize(bytes: reclaimable).decimalText + percent),
    ]
  }

  private static func items(_ usage: DiskUsage) -> String {
    var table = Table(["ID", "NAME", "SIZE", "IN USE"])
    for item in usage.items {
      let id = item.id.hasPrefix("sha256:") ? String(item.id.dropFirst(7).prefix(12)) : String(item.id.prefix(12))
      table.add([id, item.name, ByteSize(bytes: item.bytes).decimalText, item.isActive ? "yes" : "no"])
    }
    return "\(usage.kind) space usage:\n\n\(table.text)"
  }
}

/// What the commands that remove what is unused have in common.
struct PruneOptions: OptionGroup {
  var force = false
  var filter: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-f --force", "Do not ask.") { $0.force = $1 }
    form.value("--filter", "KEY=VALUE", "until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE].") { $0.filter.append($1) }
  }

  func filters() throws(EngineError) -> PruneFilter {
    var result = PruneFilter()
    for text in filter {
      if text.hasPrefix("label!=") {
        result.missingLabels.append(String(text.dropFirst(7)))
      } else if text.hasPrefix("label=") {
        result.labels.append(String(text.dropFirst(6)))
      } else if text.hasPrefix("until=") {
        result.until = try TimeOption.parse(String(text.dropFirst(6)), "--filter until")
      } else {
        throw .invalidOption(name: "--filter", value: text, reason: "the keys are until, label and label!")
      }
    }
    return result
  }

  /// Asks a person on a terminal; a script means what it says.
  func confirm(_ warning: String) throws {
    guard !force, Descriptor.standardInput.isTerminal else { return }
    Console.show("WARNING! This will remove \(warning).\nAre you sure you want to continue? [y/N] ")
    var answer = [UInt8](repeating: 0, count: 256)
    let count = try Descriptor.standardInput.read(into: &answer)
    let word = String(decoding: answer.prefix(count), as: UTF8.self).filter { !$0.isWhitespace }.lowercased()
    guard word == "y" || word == "yes" else { throw Ending(code: ExitStatusCode.failure) }
  }

  static func show(_ reports: [(title: String, report: PruneReport)]) {
    var total: Int64 = 0
    for (title, report) in reports {
      total &+= report.reclaimedBytes
      guard !report.removed.isEmpty else { continue }
      Console.show("Deleted \(title):\n" + report.removed.map { $0 + "\n" }.joined() + "\n")
    }
    Console.print("Total reclaimed space: \(ByteSize(bytes: total).decimalText)")
  }
}

/// skiff container prune
struct PruneContainers: Command {
  static let name = "prune"
  static let abstract = "Remove all containers that do not run."

  var options = PruneOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.group(nil, PruneOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws {
    let filter = try options.filters()
    try options.confirm("all containers that do not run")
    let report = try GlobalOptions.current.engine().pruneContainers(filter, warn: Console.warn)
    PruneOptions.show([("Containers", report)])
  }
}

/// skiff image prune
struct PruneImages: Command {
  static let name = "prune"
  static let abstract = "Remove images without a name that no container uses."

  var all = false
  var options = PruneOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-a --all", "Every image that no container uses.") { $0.all = $1 }
    form.group(nil, PruneOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws {
    let filter = try options.filters()
    try options.confirm(all ? "all images that no container uses" : "all images without a name that no container uses")
    let report = try GlobalOptions.current.engine().pruneImages(filter, all: all, warn: Console.warn)
    PruneOptions.show([("Images", report)])
  }
}

/// skiff volume prune
struct PruneVolumes: Command {
  static let name = "prune"
  static let abstract = "Remove volumes without a name that no container uses."

  var all = false
  var options = PruneOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-a --all", "Those with names, too.") { $0.all = $1 }
    form.group(nil, PruneOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws {
    let filter = try options.filters()
    try options.confirm((all ? "all volumes" : "all volumes without a name") + " that no container uses")
    let report = try GlobalOptions.current.engine().pruneVolumes(filter, all: all, warn: Console.warn)
    PruneOptions.show([("Volumes", report)])
  }
}

/// skiff system prune
struct PruneSystem: Command {
  static let name = "prune"
  static let abstract = "Remove what is not used: containers that do not run, images without a name."

  var all = false
  var volumes = false
  var options = PruneOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-a --all", "Every image that no container uses.") { $0.all = $1 }
    form.flag("--volumes", "Volumes without a name, too.") { $0.volumes = $1 }
    form.group(nil, PruneOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws {
    let filter = try options.filters()
    try options.confirm(
      "all containers that do not run, " + (volumes ? "all volumes without a name that none uses, " : "")
        + (all ? "all images that none uses" : "all images without a name that none uses"))
    let engine = try GlobalOptions.current.engine()
    var reports = [("Containers", try engine.pruneContainers(filter, warn: Console.warn))]
    if volumes { reports.append(("Volumes", try engine.pruneVolumes(filter, all: false, warn: Console.warn))) }
    reports.append(("Images", try engine.pruneImages(filter, all: all, warn: Console.warn)))
    PruneOptions.show(reports.map { (title: $0.0, report: $0.1) })
  }
}
