import SkiffCommandLine
import SkiffEngine
import SkiffRuntime
import SkiffSpec

/// What `pause` and `unpause` take: containers, one after the other.
private struct PausedContainers: OptionGroup {
  var names: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.names.append($1) }
  }

  func each(_ act: (Engine, String) throws(EngineError) -> Void) throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(names) { name throws(EngineError) in
      try act(engine, name)
      Console.print(name)
    }
  }
}

/// skiff pause
struct Pause: Command {
  static let name = "pause"
  static let abstract = "Let all processes of containers stand still."

  private var containers = PausedContainers()

  init() {}

  static func declare(_ form: inout CommandForm<Self>) {
    form.group(nil, PausedContainers.self) { values, lend in lend(&values.containers) }
  }

  func run() throws {
    try containers.each { engine, name throws(EngineError) in try engine.pause(name) }
  }
}

/// skiff unpause
struct Unpause: Command {
  static let name = "unpause"
  static let abstract = "Let paused containers go on."

  private var containers = PausedContainers()

  init() {}

  static func declare(_ form: inout CommandForm<Self>) {
    form.group(nil, PausedContainers.self) { values, lend in lend(&values.containers) }
  }

  func run() throws {
    try containers.each { engine, name throws(EngineError) in try engine.unpause(name) }
  }
}

/// skiff rename
struct Rename: Command {
  static let name = "rename"
  static let abstract = "Give a container another name."

  var container = ""
  var newName = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
    form.word("NAME", "Its new name.", completes: .nothing) { $0.newName = $1 }
  }

  func run() throws {
    try GlobalOptions.current.engine().rename(container, to: newName)
  }
}

/// skiff top
struct Top: Command {
  static let name = "top"
  static let abstract = "Show the processes of a container as the host sees them."

  var words: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.usage = ["skiff top CONTAINER [OPTIONS OF PS…]"]
    form.discussion = """
      The numbers are the host's: kill and gdb take them. A column headed PID has to be among those that are chosen.

      Examples:
        skiff top web
        skiff top web -o pid,pcpu,rss,args
      """
    form.commandLine("CONTAINER PS-OPTIONS", "The container, and options of ps(1).", completes: .container) {
      $0.words.append($1)
    }
  }

  func validate() throws(CommandLineMistake) {
    guard let first = words.first else { throw CommandLineMistake("CONTAINER is missing") }
    if first.hasPrefix("-") {
      throw CommandLineMistake("there is no option \(first) of top: options of ps stand behind the container")
    }
  }

  func run() throws {
    let rows = try GlobalOptions.current.engine().processes(words[0], arguments: Array(words.dropFirst()))
    guard let titles = rows.first else { return }
    // As wide as docker's.
    var table = Table(titles, leastWidth: 20)
    for row in rows.dropFirst() { table.add(row) }
    Console.show(table.text)
  }
}

/// skiff port
struct Port: Command {
  static let name = "port"
  static let abstract = "Show which ports of the host lead to a container."

  var container = ""
  var port: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
    form.optionalWord("PORT[/PROTOCOL]", "Only this port of the container's.", completes: .nothing) { $0.port = $1 }
  }

  func run() throws {
    let document = try GlobalOptions.current.engine().inspect(container)
    let ports = document["NetworkSettings"]?["Ports"]?.object?.members ?? []
    guard let wanted = try port.map(Self.key) else {
      for member in ports {
        for address in Self.addresses(member.value) { Console.print("\(member.key) -> \(address)") }
      }
      return
    }
    let addresses = ports.first { $0.key == wanted }.map { Self.addresses($0.value) } ?? []
    guard !addresses.isEmpty else { throw EngineError.report("no public port '\(wanted)' published for \(container)") }
    for address in addresses { Console.print(address) }
  }

  /// `80` as `80/tcp`.
  private static func key(_ text: String) throws(EngineError) -> String {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let kind = parts.count == 2 ? parts[1].lowercased() : "tcp"
    guard let number = UInt16(parts[0]), number > 0, ["tcp", "udp", "sctp"].contains(kind) else {
      throw .invalidOption(name: "the port", value: text, reason: "expected a number such as 80, or 53/udp")
    }
    return "\(number)/\(kind)"
  }

  private static func addresses(_ bindings: JSONValue) -> [String] {
    (bindings.array ?? []).compactMap { binding in
      guard let address = binding["HostIp"]?.string, let port = binding["HostPort"]?.string else { return nil }
      return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
  }
}

/// skiff update
struct Update: Command {
  static let name = "update"
  static let abstract = "Change the limits of containers, at once and for every further start."

  var change = LimitChange()
  var restart: RestartPolicy?
  var mistake: EngineError?
  var containers: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      -1 takes a limit away.

      Examples:
        skiff update -m 512m --cpus 1.5 web
        skiff update --pids-limit -1 web worker
      """
    form.value("-m --memory", "BYTES", "Memory: 500m, 1.5g.") { $0.take("--memory", $1, \.memoryBytes) }
    form.value("--memory-swap", "BYTES", "Memory and swap together.") {
      $0.take("--memory-swap", $1, \.memorySwapBytes)
    }
    form.value("--memory-reservation", "BYTES", "What it is left when memory is short.") {
      $0.takeReservation($1)
    }
    form.value("--cpus", "NUMBER", "CPUs: 0.5, 2.") { $0.takeCPUs($1) }
    form.number("-c --cpu-shares", "NUMBER", "Its weight among others (1024).") { (values, number: UInt64) in
      values.change.cpuShares = number
      values.refuse(number == 0, "--cpu-shares", "0", "a weight is 2 or more")
    }
    form.number("--cpu-period", "MICROSECONDS", "The period of the quota.") { (values, number: UInt64) in
      values.change.cpuPeriod = number
      values.refuse(number == 0, "--cpu-period", "0", "it goes from 1000 to 1000000 microseconds")
    }
    form.number("--cpu-quota", "MICROSECONDS", "CPU time in each period.") { (values, number: Int64) in
      values.change.cpuQuota = number == -1 ? .lifted : .limit(number)
      values.refuse(number == 0, "--cpu-quota", "0", "it is 1000 microseconds or more, or -1")
    }
    form.value("--cpuset-cpus", "LIST", "The CPUs it runs on: 0-2,5.") { $0.change.cpusetCPUs = $1 }
    form.value("--cpuset-mems", "LIST", "The memory nodes it uses.") { $0.change.cpusetMemoryNodes = $1 }
    form.number("--pids-limit", "NUMBER", "Processes and threads.") { (values, number: Int64) in
      values.change.pidsLimit = number < 0 ? .lifted : .limit(number)
      values.refuse(number == 0, "--pids-limit", "0", "it is 1 or more, or -1 for no limit")
    }
    form.number("--blkio-weight", "NUMBER", "Its weight at block devices, 10 to 1000.") { (values, number: UInt16) in
      values.change.blockIOWeight = number
      values.refuse(number == 0, "--blkio-weight", "0", "it goes from 10 to 1000")
    }
    form.value("--restart", "no|always|unless-stopped|on-failure[:N]|unhealthy", "Whether it is started again.") {
      $0.takeRestart($1)
    }
    for name in ["--cpu-rt-period", "--cpu-rt-runtime", "--kernel-memory"] {
      form.value(name, "VALUE", nil) { values, _ in values.mistake = values.mistake ?? RefusedOptions.refusal(name) }
    }
    form.list("CONTAINER", "Names or ids.", completes: .container) { $0.containers.append($1) }
  }

  private mutating func refuse(_ isWrong: Bool, _ option: String, _ text: String, _ reason: String) {
    if isWrong { mistake = mistake ?? .invalidOption(name: option, value: text, reason: reason) }
  }

  private mutating func take(
    _ option: String, _ text: String, _ field: WritableKeyPath<LimitChange, LimitChange.Value<Int64>?>
  ) {
    if text == "-1" {
      change[keyPath: field] = .lifted
      return
    }
    guard let bytes = NumberOption.bytes(text), bytes > 0 else {
      return refuse(true, option, text, "expected a size such as 500m or 1.5g, or -1 for no limit")
    }
    change[keyPath: field] = .limit(bytes)
  }

  private mutating func takeReservation(_ text: String) {
    guard let bytes = NumberOption.bytes(text), bytes > 0 else {
      return refuse(true, "--memory-reservation", text, "expected a size such as 500m or 1.5g")
    }
    change.memoryReservationBytes = bytes
  }

  private mutating func takeRestart(_ text: String) {
    do throws(EngineError) {
      restart = try SupervisionOptions.restartPolicy(text)
    } catch {
      mistake = mistake ?? error
    }
  }

  private mutating func takeCPUs(_ text: String) {
    if text == "-1" {
      change.nanoCPUs = .lifted
      return
    }
    guard let cpus = NumberOption.nanoCPUs(text), cpus > 0 else {
      return refuse(true, "--cpus", text, "expected a number such as 1.5, or -1 for no limit")
    }
    change.nanoCPUs = .limit(cpus)
  }

  func validate() throws(CommandLineMistake) {
    if mistake == nil, restart == nil, change == LimitChange() {
      throw CommandLineMistake("say which limit is to change")
    }
    if change.nanoCPUs != nil, change.cpuPeriod != nil || change.cpuQuota != nil {
      throw CommandLineMistake("--cpus says what --cpu-period and --cpu-quota say: choose one way")
    }
  }

  func run() throws {
    if let mistake { throw mistake }
    let engine = try GlobalOptions.current.engine()
    try Each.of(containers) { name throws(EngineError) in
      try engine.update(name, change, restart: restart)
      Console.print(name)
    }
  }
}
