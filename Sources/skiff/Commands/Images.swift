import ArgumentParser
import SkiffEngine
import SkiffSpec

/// How images are listed.
struct ImageListOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Print ids only.")
  var quiet = false

  @Flag(name: .customLong("no-trunc"), help: "Shorten nothing.")
  var noTrunc = false

  @Flag(help: "Show digests.")
  var digests = false

  // Every image of the store is a whole one: there are no others to show.
  @Flag(name: .shortAndLong, help: .hidden)
  var all = false

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("reference, label or dangling.", valueName: "KEY=VALUE"))
  var filter: [String] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("table, json, or a template.", valueName: "FORMAT"))
  var format: String?

  @Argument(help: ArgumentHelp("Only this repository, with a tag if wanted.", valueName: "NAME"))
  var name: String?

  private static let headings = [
    "Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT",
    "Size": "SIZE", "Digest": "DIGEST",
  ]

  func show() throws {
    let format = try RowFormat.parse(format, headings: Self.headings)
    var images = try GlobalOptions.current.engine().images(warn: Console.warn)
    if let name { images.removeAll { !Self.fits($0, name) } }
    for text in filter { try Self.apply(text, &images) }
    if quiet {
      var seen: Set<String> = []
      let ids = images.filter { seen.insert($0.id).inserted }.map { shown($0.id) + "\n" }
      Console.show(ids.joined())
      return
    }
    let rows = images.map(row)
    guard let format else {
      let columns =
        ["Repository", "Tag"] + (digests ? ["Digest"] : []) + ["ID", "CreatedSince", "Size"]
      var table = Table(columns.map { Self.headings[$0] ?? $0 })
      for row in rows { table.add(columns.map { row[$0]?.string ?? "" }) }
      Console.show(table.text)
      return
    }
    Console.show(try format.text(rows))
  }

  private func shown(_ id: String) -> String {
    noTrunc ? id : String(id.drop { $0 != ":" }.dropFirst().prefix(12))
  }

  private func row(_ image: ImageSummary) -> JSONValue {
    var row = JSONObject()
    row["Containers"] = "N/A"
    row["CreatedAt"] = .string(image.created?.spoken ?? "")
    row["CreatedSince"] = .string(image.created.map { HumanText.ago($0) } ?? "N/A")
    row["Digest"] = .string(image.digest)
    row["ID"] = .string(shown(image.id))
    row["Repository"] = .string(image.repository ?? "<none>")
    row["Size"] = .string(ByteSize(bytes: image.sizeBytes).decimalText)
    row["Tag"] = .string(image.tag ?? "<none>")
    return .object(row)
  }

  private static func fits(_ image: ImageSummary, _ name: String) -> Bool {
    guard let repository = image.repository else { return false }
    return repository == name || "\(repository):\(image.tag ?? "")" == name
  }

  private static func apply(_ text: String, _ images: inout [ImageSummary]) throws(EngineError) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    switch (parts.first, parts.count) {
    case ("dangling", 2): images.removeAll { ($0.repository == nil) != (parts[1] == "true") }
    case ("reference", 2): images.removeAll { !fits($0, parts[1]) }
    case ("label", 2):
      let label = parts[1].split(separator: "=", maxSplits: 1).map(String.init)
      images.removeAll { image in
        guard let value = image.labels[label[0]] else { return true }
        return label.count > 1 && label[1] != value
      }
    default:
      throw .invalidOption(name: "--filter", value: text, reason: "the keys are dangling, label and reference")
    }
  }
}

/// How images are removed.
struct ImageRemovalOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Even when containers were made of it, or it has several names.")
  var force = false

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "IMAGE"))
  var images: [String]

  func remove() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(images) { name throws(EngineError) in
      for line in try engine.removeImage(name, force: force) { Console.print(line) }
    }
  }
}

/// skiff images
struct ListImages: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "images", abstract: "List images.")

  @OptionGroup var options: ImageListOptions

  func run() throws { try options.show() }
}

/// skiff rmi
struct RemoveImages: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images.")

  @OptionGroup var options: ImageRemovalOptions

  func run() throws { try options.remove() }
}

/// skiff tag
struct Tag: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "tag", abstract: "Give an image a further name.")

  @Argument(help: ArgumentHelp("The image.", valueName: "IMAGE"))
  var source: String

  @Argument(help: ArgumentHelp("Its new name.", valueName: "NAME[:TAG]"))
  var target: String

  func run() throws { try GlobalOptions.current.engine().tag(source, as: target) }
}

/// skiff pull
struct Pull: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Fetch images from their registries.",
    discussion: """
      Examples:
        skiff pull debian:bookworm
        skiff pull localhost:5000/app        a registry on this machine may speak plain http
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("The platform to choose.", valueName: "OS/ARCH"))
  var platform: String?

  @Flag(name: .shortAndLong, help: "Print the name only.")
  var quiet = false

  @Option(
    name: .customLong("tls-verify"), parsing: .unconditional,
    help: ArgumentHelp("false: plain http and any certificate will do.", valueName: "true|false"))
  var tlsVerify: String?

  @Option(
    name: .customLong("cert-dir"), parsing: .unconditional,
    help: ArgumentHelp("Certificates for the registry: *.crt to trust, a .cert and its .key to show.", valueName: "DIR")
  )
  var certDir: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How often a failure that may pass is tried again (4).", valueName: "N"))
  var retry: String?

  @Option(
    name: .customLong("retry-delay"), parsing: .unconditional,
    help: ArgumentHelp("The pause before that, doubled each time (0.5s).", valueName: "TIME"))
  var retryDelay: String?

  @Argument(help: ArgumentHelp("Names.", valueName: "IMAGE"))
  var images: [String]

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    var options: [String] = []
    if let tlsVerify { options.append("--tls-verify=\(tlsVerify)") }
    if let certDir { options += ["--cert-dir", certDir] }
    if let retry { options.append("--retry=\(retry)") }
    if let retryDelay { options.append("--retry-delay=\(retryDelay)") }
    try Each.of(images) { name throws(EngineError) in
      try engine.pull(name, platform: platform, isQuiet: quiet, options: options)
    }
  }
}

/// skiff load
struct Load: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load", abstract: "Take images from an archive or a layout.",
    discussion: """
      Reads docker's archives and OCI's, packed or not, and OCI layouts in a directory.

      Examples:
        skiff load -i images.tar
        docker save app | skiff load
      """)

  @Option(
    name: [.customShort("i", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Where from (standard input).", valueName: "FILE|DIR"))
  var input: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("The platform to choose.", valueName: "OS/ARCH"))
  var platform: String?

  @Flag(name: .shortAndLong, help: "Print the names only.")
  var quiet = false

  func run() throws {
    var words: [String] = []
    if let input { words += ["--input", input] }
    if let platform { words += ["--platform", platform] }
    if quiet { words.append("--quiet") }
    try GlobalOptions.current.engine().transfer(verb: "load", words)
  }
}

/// skiff save
struct Save: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "save", abstract: "Write images to an archive.",
    discussion: """
      Example:
        skiff save -o app.tar app:1 app:2
      """)

  @Option(
    name: [.customShort("o", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Where to (standard output).", valueName: "FILE"))
  var output: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Docker's format or OCI's.", valueName: "docker-archive|oci-archive"))
  var format: String?

  @Argument(help: ArgumentHelp("Names or ids.", valueName: "IMAGE"))
  var images: [String]

  func run() throws {
    var words: [String] = []
    if let output { words += ["--output", output] }
    if let format { words += ["--format", format] }
    try GlobalOptions.current.engine().transfer(verb: "save", words + ["--"] + images)
  }
}

/// skiff import
struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Make an image of a root file system.",
    discussion: """
      Examples:
        debootstrap --variant=minbase stable root && skiff import root debian:mine
        skiff import -c 'CMD ["/bin/sh"]' -c 'ENV LANG=C.UTF-8' rootfs.tar.gz box
      """)

  @Option(
    name: [.customShort("c", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A line as in a Dockerfile: CMD, ENTRYPOINT, ENV, USER, WORKDIR, VOLUME, LABEL, …", valueName: "LINE"))
  var change: [String] = []

  @Option(
    name: [.customShort("m", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("A comment.", valueName: "TEXT"))
  var message: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("The platform that it is for.", valueName: "OS/ARCH"))
  var platform: String?

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  @Argument(help: ArgumentHelp("An archive, a directory, or - for standard input.", valueName: "SOURCE"))
  var source: String

  @Argument(help: ArgumentHelp("The image's name.", valueName: "NAME[:TAG]"))
  var name: String?

  func run() throws {
    var words: [String] = []
    for line in change { words += ["--change", line] }
    if let message { words += ["--message", message] }
    if let platform { words += ["--platform", platform] }
    if quiet { words.append("--quiet") }
    try GlobalOptions.current.engine().transfer(verb: "import", words + ["--", source] + (name.map { [$0] } ?? []))
  }
}
