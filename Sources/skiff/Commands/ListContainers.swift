import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// skiff ps
struct ListContainers: Command {
  static let name = "ps"
  static let abstract = "List containers."
  static let aliases = ["ls", "list"]

  var all = false
  var quiet = false
  var noTrunc = false
  var size = false
  var latest = false
  var last: Int?
  var filter: [String] = []
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Examples:
        skiff ps -a
        skiff ps -a --filter status=exited --format '{{.Names}}: {{.Status}}'
        skiff rm $(skiff ps -aq --filter label=job)
      """
    form.flag("-a --all", "Those that do not run, too.") { $0.all = $1 }
    form.flag("-q --quiet", "Print ids only.") { $0.quiet = $1 }
    form.flag("--no-trunc", "Shorten nothing.") { $0.noTrunc = $1 }
    form.flag("-s --size", "What they take on the disk.") { $0.size = $1 }
    form.flag("-l --latest", "Only the newest, whatever it does.") { $0.latest = $1 }
    form.number("-n --last", "NUMBER", "Only the newest so many.") { (values, number: Int) in values.last = number }
    form.value(
      "-f --filter", "KEY=VALUE",
      "name, id, status, label, ancestor, before, since, exited, network, volume, publish, expose, health."
    ) {
      $0.filter.append($1)
    }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
  }

  private static let headings = [
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT", "RunningFor": "CREATED",
    "Status": "STATUS", "State": "STATE", "Ports": "PORTS", "Names": "NAMES", "Labels": "LABELS", "Mounts": "MOUNTS",
    "Networks": "NETWORKS", "Size": "SIZE",
  ]

  func run() throws {
    var filter = ContainerFilter()
    filter.includesStopped = all || latest || last != nil
    for text in self.filter { try filter.add(text) }
    let format = try RowFormat.parse(format, headings: Self.headings)
    let engine = try GlobalOptions.current.engine()
    var containers = try engine.list(filter, warn: Console.warn)
    if let count = latest ? 1 : last, count >= 0 { containers = Array(containers.prefix(count)) }
    if quiet {
      Console.show(containers.map { shown($0.id) + "\n" }.joined())
      return
    }
    // Measuring takes its time: only where it is asked for.
    let measures = size || (self.format?.contains(".Size") ?? false)
    var rows: [JSONValue] = []
    for container in containers { rows.append(try row(container, measuredBy: measures ? engine : nil)) }
    guard let format else {
      let columns =
        ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"] + (size ? ["Size"] : [])
      var table = Table(columns.map { Self.headings[$0] ?? $0 })
      for row in rows { table.add(columns.map { row[$0]?.string ?? "" }) }
      Console.show(table.text)
      return
    }
    Console.show(try format.text(rows))
  }

  private func shown(_ id: String) -> String {
    noTrunc ? id : String(id.prefix(12))
  }

  private static func size(_ container: ContainerSummary, _ engine: Engine) throws(EngineError) -> String {
    do throws(EngineError) {
      let size = try engine.size(of: container.id)
      let written = ByteSize(bytes: size.writableBytes).decimalText
      return "\(written) (virtual \(ByteSize(bytes: size.rootBytes).decimalText))"
    } catch {
      // Removed since it was listed.
      guard case .noSuchContainer = error else { throw error }
      return "0B"
    }
  }

  private func row(_ container: ContainerSummary, measuredBy engine: Engine?) throws(EngineError) -> JSONValue {
    let command = container.command.joined(separator: " ")
    var row = JSONObject()
    row["Command"] = .string("\"\(noTrunc ? command : HumanText.shortened(command, to: 20))\"")
    row["CreatedAt"] = .string(container.created.spoken)
    row["ID"] = .string(shown(container.id))
    row["Image"] = .string(container.image)
    row["Labels"] = .string(
      container.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ","))
    row["LocalVolumes"] = .string("0")
    row["Mounts"] = .string(
      container.mounts.map { noTrunc ? $0 : HumanText.shortened($0, to: 15) }.joined(separator: ","))
    row["Names"] = .string(container.name)
    row["Networks"] = .string(container.network)
    row["Ports"] = .string(container.ports)
    row["RunningFor"] = .string(HumanText.ago(container.created))
    row["Size"] = .string(try engine.map { engine throws(EngineError) in try Self.size(container, engine) } ?? "0B")
    row["State"] = .string(container.status.word)
    row["Status"] = .string(HumanText.status(container))
    return .object(row)
  }
}
