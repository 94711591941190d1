import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// How images are listed.
struct ImageListOptions: OptionGroup {
  var quiet = false
  var noTrunc = false
  var digests = false
  var all = false
  var filter: [String] = []
  var format: String?
  var name: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-q --quiet", "Print ids only.") { $0.quiet = $1 }
    form.flag("--no-trunc", "Shorten nothing.") { $0.noTrunc = $1 }
    form.flag("--digests", "Show digests.") { $0.digests = $1 }
    // Every image of the store is a whole one: there are no others to show.
    form.flag("-a --all", nil) { $0.all = $1 }
    form.value("-f --filter", "KEY=VALUE", "reference, label or dangling.") { $0.filter.append($1) }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
    form.optionalWord("NAME", "Only this repository, with a tag if wanted.", completes: .nothing) { $0.name = $1 }
  }

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
struct ImageRemovalOptions: OptionGroup {
  var force = false
  var images: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-f --force", "Even when containers were made of it, or it has several names.") { $0.force = $1 }
    form.list("IMAGE", "Names or ids.", completes: .image) { $0.images.append($1) }
  }

  func remove() throws {
    let engine = try GlobalOptions.current.engine()
    try Each.of(images) { name throws(EngineError) in
      for line in try engine.removeImage(name, force: force, warn: Console.warn) { Console.print(line) }
    }
  }
}

/// skiff images
struct ListImages: Command {
  static let name = "images"
  static let abstract = "List images."

  var options = ImageListOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.group(nil, ImageListOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws { try options.show() }
}

/// skiff rmi
struct RemoveImages: Command {
  static let name = "rmi"
  static let abstract = "Remove images."

  var options = ImageRemovalOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.group(nil, ImageRemovalOptions.self) { values, lend in lend(&values.options) }
  }

  func run() throws { try options.remove() }
}

/// skiff tag
struct Tag: Command {
  static let name = "tag"
  static let abstract = "Give an image a further name."

  var source: String = ""
  var target: String = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.word("IMAGE", "The image.", completes: .image) { $0.source = $1 }
    form.word("NAME[:TAG]", "Its new name.", completes: .nothing) { $0.target = $1 }
  }

  func run() throws { try GlobalOptions.current.engine().tag(source, as: target) }
}

/// skiff pull
struct Pull: Command {
  static let name = "pull"
  static let abstract = "Fetch images from their registries."

  var platform: String?
  var quiet = false
  var tlsVerify: String?
  var certDir: String?
  var retry: String?
  var retryDelay: String?
  var images: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Examples:
        skiff pull debian:bookworm
        skiff pull localhost:5000/app        a registry on this machine may speak plain http
      """
    form.value("--platform", "OS/ARCH", "The platform to choose.") { $0.platform = $1 }
    form.flag("-q --quiet", "Print the name only.") { $0.quiet = $1 }
    form.value("--tls-verify", "true|false", "false: plain http and any certificate will do.") { $0.tlsVerify = $1 }
    form.value("--cert-dir", "DIR", "Certificates for the registry: *.crt to trust, a .cert and its .key to show.") {
      $0.certDir = $1
    }
    form.value("--retry", "N", "How often a failure that may pass is tried again (4).") { $0.retry = $1 }
    form.value("--retry-delay", "TIME", "The pause before that, doubled each time (0.5s).") { $0.retryDelay = $1 }
    form.list("IMAGE", "Names.", completes: .image) { $0.images.append($1) }
  }

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
struct Load: Command {
  static let name = "load"
  static let abstract = "Take images from an archive or a layout."

  var input: String?
  var platform: String?
  var quiet = false

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Reads docker's archives and OCI's, packed or not, and OCI layouts in a directory.

      Examples:
        skiff load -i images.tar
        docker save app | skiff load
      """
    form.value("-i --input", "FILE|DIR", "Where from (standard input).") { $0.input = $1 }
    form.value("--platform", "OS/ARCH", "The platform to choose.") { $0.platform = $1 }
    form.flag("-q --quiet", "Print the names only.") { $0.quiet = $1 }
  }

  func run() throws {
    var words: [String] = []
    if let input { words += ["--input", input] }
    if let platform { words += ["--platform", platform] }
    if quiet { words.append("--quiet") }
    try GlobalOptions.current.engine().transfer(verb: "load", words)
  }
}

/// skiff save
struct Save: Command {
  static let name = "save"
  static let abstract = "Write images to an archive."

  var output: String?
  var format: String?
  var images: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Example:
        skiff save -o app.tar app:1 app:2
      """
    form.value("-o --output", "FILE", "Where to (standard output).") { $0.output = $1 }
    form.value("--format", "docker-archive|oci-archive", "Docker's format or OCI's.") { $0.format = $1 }
    form.list("IMAGE", "Names or ids.", completes: .image) { $0.images.append($1) }
  }

  func run() throws {
    var words: [String] = []
    if let output { words += ["--output", output] }
    if let format { words += ["--format", format] }
    try GlobalOptions.current.engine().transfer(verb: "save", words + ["--"] + images)
  }
}

/// skiff import
struct Import: Command {
  static let name = "import"
  static let abstract = "Make an image of a root file system."

  var change: [String] = []
  var message: String?
  var platform: String?
  var quiet = false
  var source: String = ""
  var name: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Examples:
        debootstrap --variant=minbase stable root && skiff import root debian:mine
        skiff import -c 'CMD ["/bin/sh"]' -c 'ENV LANG=C.UTF-8' rootfs.tar.gz box
      """
    form.value(
      "-c --change", "LINE", "A line as in a Dockerfile: CMD, ENTRYPOINT, ENV, USER, WORKDIR, VOLUME, LABEL, …"
    ) { $0.change.append($1) }
    form.value("-m --message", "TEXT", "A comment.") { $0.message = $1 }
    form.value("--platform", "OS/ARCH", "The platform that it is for.") { $0.platform = $1 }
    form.flag("-q --quiet", "Show no progress.") { $0.quiet = $1 }
    form.word("SOURCE", "An archive, a directory, or - for standard input.") { $0.source = $1 }
    form.optionalWord("NAME[:TAG]", "The image's name.", completes: .nothing) { $0.name = $1 }
  }

  func run() throws {
    var words: [String] = []
    for line in change { words += ["--change", line] }
    if let message { words += ["--message", message] }
    if let platform { words += ["--platform", platform] }
    if quiet { words.append("--quiet") }
    try GlobalOptions.current.engine().transfer(verb: "import", words + ["--", source] + (name.map { [$0] } ?? []))
  }
}
