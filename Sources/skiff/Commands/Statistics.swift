import SkiffCommandLine
import SkiffEngine
import SkiffKernel
import SkiffSpec

/// skiff stats
struct Statistics: Command {
  static let name = "stats"
  static let abstract = "Show what containers use, as it goes on."

  var all = false
  var noStream = false
  var noTrunc = false
  var format: String?
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      PRESSURE is the part of the last ten seconds in which something in the container waited for CPU, memory, disks.

      Examples:
        skiff stats
        skiff stats --no-stream --format '{{.Name}}: {{.CPUPerc}} {{.MemUsage}}'
      """
    form.flag("-a --all", "Those that do not run, too.") { $0.all = $1 }
    form.flag("--no-stream", "Once, and no more.") { $0.noStream = $1 }
    form.flag("--no-trunc", "Shorten nothing.") { $0.noTrunc = $1 }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
    form.anyWords("CONTAINER", "Names or ids; without any, all.", completes: .container) { $0.containers.append($1) }
  }

  private static let headings = [
    "ID": "CONTAINER ID", "Container": "CONTAINER", "Name": "NAME", "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
    "Pressure": "PRESSURE CPU / MEM / I/O",
  ]
  private static let columns = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"]

  /// Between two readings; the first table comes after the first of them.
  private static let firstMilliseconds: Int64 = 500
  private static let milliseconds: Int64 = 1000

  func run() throws {
    let format = try RowFormat.parse(format, headings: Self.headings)
    let engine = try GlobalOptions.current.engine()
    var before = try readings(engine)
    ClockTime.sleep(milliseconds: Self.firstMilliseconds)
    // A terminal shows one table that changes.
    let redraws = !noStream && Descriptor.standardOutput.isTerminal
    while true {
      let now = try readings(engine)
      let text = try text(now, before, format)
      Console.show(redraws ? "\u{1B}[H" + text.replacingLineEnds() + "\u{1B}[J" : text)
      if noStream { return }
      before = now
      ClockTime.sleep(milliseconds: Self.milliseconds)
    }
  }

  private func readings(_ engine: Engine) throws(EngineError) -> [ContainerStatistics] {
    var names = containers
    if names.isEmpty {
      var filter = ContainerFilter()
      filter.includesStopped = all
      names = try engine.list(filter).map(\.id)
    }
    var readings: [ContainerStatistics] = []
    for name in names {
      do throws(EngineError) {
        readings.append(try engine.statistics(name))
      } catch {
        // Removed since it was listed.
        guard containers.isEmpty, case .noSuchContainer = error else { throw error }
      }
    }
    return readings
  }

  private func text(
    _ now: [ContainerStatistics], _ before: [ContainerStatistics], _ format: RowFormat?
  ) throws(EngineError) -> String {
    let rows = now.map { reading in row(reading, before.first { $0.id == reading.id } ?? reading) }
    if let format { return try format.text(rows) }
    // Only where the kernel tells of it.
    let columns = Self.columns + (now.contains { $0.cpuPressure != nil } ? ["Pressure"] : [])
    var table = Table(columns.map { Self.headings[$0] ?? $0 })
    for row in rows { table.add(columns.map { row[$0]?.string ?? "" }) }
    return table.text
  }

  private func row(_ now: ContainerStatistics, _ before: ContainerStatistics) -> JSONValue {
    var row = JSONObject()
    let id = noTrunc ? now.id : String(now.id.prefix(12))
    row["BlockIO"] = .string("\(Self.decimal(now.readBytes)) / \(Self.decimal(now.writtenBytes))")
    row["CPUPerc"] = .string(Self.percent(now.cpuHundredths(since: before)))
    row["Container"] = .string(containers.isEmpty ? id : now.name)
    row["ID"] = .string(id)
    row["MemPerc"] = .string(Self.percent(now.memoryHundredths))
    row["MemUsage"] = .string("\(Self.binary(now.memoryBytes)) / \(Self.binary(now.memoryLimitBytes))")
    row["Name"] = .string(now.name)
    row["NetIO"] = .string("\(Self.decimal(now.receivedBytes)) / \(Self.decimal(now.sentBytes))")
    row["PIDs"] = .string("\(now.processCount)")
    row["Pressure"] = .string(
      [now.cpuPressure, now.memoryPressure, now.ioPressure].map { $0.map(Self.percent) ?? "--" }
        .joined(separator: " / "))
    return .object(row)
  }

  private static func percent(_ hundredths: Int) -> String {
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)%"
  }

  private static func decimal(_ bytes: UInt64) -> String { ByteSize(bytes: Int64(clamping: bytes)).decimalText }
  private static func binary(_ bytes: UInt64) -> String { ByteSize(bytes: Int64(clamping: bytes)).binaryText }
}

extension String {
  /// Each line wipes what stood behind it.
  fileprivate func replacingLineEnds() -> String {
    split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\u{1B}[K\n")
  }
}
