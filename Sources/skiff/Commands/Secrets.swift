import SkiffCommandLine
import SkiffEngine
import SkiffKernel
import SkiffSpec

/// skiff secret create
struct SecretCreate: Command {
  static let name = "create"
  static let abstract = "Keep a secret that containers may know."

  var fromEnvironment = false
  var driver = "file"
  var options: [String] = []
  var label: [String] = []
  var replace = false
  var words: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.usage = ["skiff secret create [OPTIONS] NAME FILE|-"]
    form.discussion = """
      Examples:
        skiff secret create db-password ./password
        printf %s "$TOKEN" | skiff secret create token -
        skiff run --rm --secret token --secret db-password,type=env,target=PGPASSWORD postgres
      """
    form.flag("--env", "Take the value of the variable that stands in the file's place.") { $0.fromEnvironment = $1 }
    form.value("-d --driver", "file", "Who keeps it.") { $0.driver = $1 }
    form.value("--driver-opts", "KEY=VALUE", nil) { $0.options.append($1) }
    form.value("-l --label", "KEY=VALUE", "A label.") { $0.label.append($1) }
    form.flag("--replace", "Replace one of that name.") { $0.replace = $1 }
    form.list("NAME FILE", "Its name, and a file, or - for standard input.") { $0.words.append($1) }
  }

  func run() throws {
    guard words.count == 2 else {
      throw CommandLineMistake("name the secret, and the file that holds it, or - for standard input")
    }
    guard driver == "file" else { throw EngineError.notBuilt("the secret driver \(driver)") }
    if let option = options.first { throw EngineError.notBuilt("--driver-opts \(option): options of secret drivers") }
    var labels: [String: String] = [:]
    for text in label {
      let parsed = try EnvironmentOption.label(text, option: "--label")
      labels[parsed.key] = parsed.value
    }
    let data = try Self.data(words[1], fromEnvironment: fromEnvironment)
    let engine = try GlobalOptions.current.engine()
    Console.print(try engine.makeSecret(words[0], data, labels: labels, replaces: replace))
  }

  private static func data(_ source: String, fromEnvironment: Bool) throws(EngineError) -> [UInt8] {
    if fromEnvironment {
      guard let value = ProcessEnvironment.value(named: source) else {
        throw .refused("cannot create store secret data: environment variable \(source) is not set")
      }
      return Array(value.utf8)
    }
    if source == "-", Descriptor.standardInput.isTerminal {
      throw .refused("if `-` is used, data must be passed into stdin")
    }
    let limitBytes = 1 << 20
    do throws(Errno) {
      if source == "-" {
        return try Descriptor.standardInput.readToEnd(limitBytes: limitBytes)
      }
      let file = try Descriptor.workingDirectory.open(try KernelPath(source), [.readOnly])
      return try file.descriptor.readToEnd(limitBytes: limitBytes)
    } catch {
      throw .kernel(act: "read", thing: source == "-" ? "standard input" : source, cause: error)
    }
  }
}

/// skiff secret ls
struct SecretList: Command {
  static let name = "ls"
  static let abstract = "List secrets."
  static let aliases = ["list"]

  var quiet = false
  var noHeading = false
  var filter: [String] = []
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-q --quiet", "Print ids only.") { $0.quiet = $1 }
    form.flag("-n --noheading", "Without the line above the table.") { $0.noHeading = $1 }
    form.value("-f --filter", "KEY=VALUE", "name or id.") { $0.filter.append($1) }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
  }

  func run() throws {
    let format = try RowFormat.parse(
      format,
      headings: ["ID": "ID", "Name": "NAME", "Driver": "DRIVER", "CreatedAt": "CREATED", "UpdatedAt": "UPDATED"])
    var secrets = try GlobalOptions.current.engine().secrets(warn: Console.warn)
    for text in filter {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      switch (parts[0], parts.count) {
      case ("name", 2): secrets.removeAll { !$0.name.contains(parts[1]) }
      case ("id", 2): secrets.removeAll { !$0.id.hasPrefix(parts[1]) }
      default:
        throw EngineError.invalidOption(name: "--filter", value: text, reason: "the keys are id and name")
      }
    }
    if quiet {
      Console.show(secrets.map { $0.id + "\n" }.joined())
      return
    }
    let rows = secrets.map(Self.row)
    guard let format else {
      var table = Table(["ID", "NAME", "DRIVER", "CREATED", "UPDATED"])
      for row in rows {
        table.add(["ID", "Name", "Driver", "CreatedAt", "UpdatedAt"].map { row[$0]?.string ?? "" })
      }
      let text = table.text
      Console.show(noHeading ? String(text.drop { $0 != "\n" }.dropFirst()) : text)
      return
    }
    Console.show(try format.text(rows))
  }

  private static func row(_ secret: Secret) -> JSONValue {
    func ago(_ text: String) -> String {
      Timestamp(recordedAs: text).map { HumanText.ago($0) } ?? text
    }
    return [
      "ID": .string(secret.id), "Name": .string(secret.name), "Driver": "file",
      "CreatedAt": .string(ago(secret.created)), "UpdatedAt": .string(ago(secret.updated)),
    ]
  }
}

/// skiff secret inspect
struct SecretInspect: Command {
  static let name = "inspect"
  static let abstract = "Show all that is known of secrets, but what they hold."

  var format: String?
  var secrets: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
    form.list("SECRET", "Names or ids.", completes: .secret) { $0.secrets.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(secrets, format: format) { name throws(EngineError) in try engine.secret(name).document }
  }
}

/// skiff secret rm
struct SecretRemove: Command {
  static let name = "rm"
  static let abstract = "Forget secrets."
  static let aliases = ["remove"]

  var all = false
  var ignore = false
  var secrets: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-a --all", "All of them.") { $0.all = $1 }
    form.flag("-i --ignore", "Those that are not there are no failure.") { $0.ignore = $1 }
    form.anyWords("SECRET", "Names or ids.", completes: .secret) { $0.secrets.append($1) }
  }

  func run() throws {
    guard all == secrets.isEmpty else { throw CommandLineMistake("name secrets, or give --all") }
    let engine = try GlobalOptions.current.engine()
    let known = try engine.secrets()
    let names = all ? known.map(\.name) : secrets
    try Each.of(names) { name throws(EngineError) in
      let isKnown = known.contains { $0.name == name || $0.id.hasPrefix(name) }
      if ignore, !isKnown { return }
      Console.print(try engine.removeSecret(name))
    }
  }
}

/// skiff secret exists
struct SecretExists: Command {
  static let name = "exists"
  static let abstract = "Say by the exit code whether there is a secret: 0, or 1."

  var secret = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.word("SECRET", "Name or id.", completes: .secret) { $0.secret = $1 }
  }

  func run() throws {
    let known = try GlobalOptions.current.engine().secrets()
    let isKnown = known.contains { $0.name == secret || ($0.id.hasPrefix(secret) && !secret.isEmpty) }
    if !isKnown { throw Ending(code: 1) }
  }
}
