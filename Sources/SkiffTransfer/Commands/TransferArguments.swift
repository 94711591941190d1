package import SkiffImages
package import SkiffSpec

/// What the program `skiff-transfer` was asked to do.
package enum TransferCommand: Sendable {
  case pull(ImageReference)
  case load(path: String)
  case save(images: [String], format: ImageSave.Format, target: ImageSave.Target)
  case importTree(source: String, reference: ImageReference?, changes: [ImageChange], message: String?)
  case copy(TreeCopyOrder)
  case commit(ImageCommit.Request)
  case help
  case version

  /// What could not be done, for the start of a report: `pull busybox`.
  package var act: String {
    switch self {
    case .pull(let reference): "pull \(reference.familiar)"
    case .load(let path): path == "-" ? "load from standard input" : "load \(path)"
    case .save(let images, _, _): "save \(images.joined(separator: " "))"
    case .importTree(let source, _, _, _): source == "-" ? "import from standard input" : "import \(source)"
    case .copy(let order): order.name
    case .commit: "commit the container"
    case .help, .version: "help"
    }
  }
}

/// The command line, taken apart.
package struct TransferArguments: Sendable {
  package var command: TransferCommand
  package var root = "/var/lib/skiff"
  package var storageDriver: StorageDriver?
  package var platform: Platform?
  package var isQuiet = false
  package var registry = RegistryOptions()

  /// Why a command line makes no sense.
  package struct Mistake: Error, Equatable, Sendable {
    package let words: String
  }

  package static let usage = """
    usage: skiff-transfer pull   [OPTIONS] IMAGE
           skiff-transfer load   [OPTIONS] [-i FILE]
           skiff-transfer save   [OPTIONS] [-o FILE] [--format docker-archive|oci-archive] IMAGE…
           skiff-transfer import [OPTIONS] [-c CHANGE]… [-m MESSAGE] FILE|DIRECTORY|- [IMAGE]
           skiff-transfer copy   [OPTIONS] [--from-fd FD] [--to-fd FD] [-o FILE] NAME
           skiff-transfer commit [OPTIONS] --tree-fd FD --config-fd FD [-c CHANGE]… [-m MESSAGE] [-a AUTHOR] [IMAGE]

    Moves images between registries, archives and skiff's store; skiff runs it where it is needed.

      --root DIR               the store (/var/lib/skiff)
      --storage-driver DRIVER  overlay, btrfs or copy; a store keeps the one that it was made with
      --platform OS/ARCH       the platform to choose, or to say of an import
      -q, --quiet              print the result only
      --insecure               pull: plain http and any certificate will do (the same as --tls-verify=false)
      --cert-dir DIR           pull: certificates for the registry: *.crt to trust, NAME.cert and NAME.key to show
                               (~/.config/containers/certs.d/REGISTRY, /etc/containers/certs.d/REGISTRY, /etc/docker/certs.d/REGISTRY)
      --connect-timeout SEC    pull: how long a connection may take (30)
      --stall-timeout SEC      pull: how long a server may be silent (30)
      --retry N                pull: how often a failure that may pass is tried again (4)
      --retry-delay SEC        pull: the pause before the first of them; it doubles each time (0.5)
      --from-fd FD             copy: the open directory that is read; without it, an archive on standard input
      --to-fd FD               copy: the open directory that is written to; without it, an archive on standard output
      --only NAME              copy: this of the directory, and what is beneath it
      --as PATH                copy: what that is called on the other side; without --only, where everything goes
      --crosses-mounts         copy: what is mounted in the directory, too
      --owner UID:GID          copy: whose everything is on the other side
      --from-uids, --from-gids, --to-uids, --to-gids IN:OUT:COUNT
                               copy, commit: ids of a user namespace, of what is read or of what is written
      --tree-fd FD             commit: the open directory that holds what a container changed
      --config-fd FD           commit: the image's configuration, without its layers
      --changes-fd FD          commit: what of a whole tree was changed, as diff tells it, with zero bytes for line ends
      --parent ID              commit: the image that the container was made of; without it, the tree is a whole one

    """
}

/// Reads options that may stand anywhere before `--`: `--name value`, `--name=value`, `-nvalue`, `-n value`.
struct OptionReader {
  private var words: ArraySlice<String>
  private(set) var operands: [String] = []

  init(_ words: ArraySlice<String>) {
    self.words = words
  }

  struct Option {
    let name: String
    /// What stood behind the equals sign.
    let attached: String?
  }

  /// The next option; operands on the way are collected.
  mutating func next() -> Option? {
    while let word = words.popFirst() {
      if word == "--" {
        operands += words
        words = []
        return nil
      }
      if word.hasPrefix("--") {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return Option(name: String(parts[0]), attached: parts.count > 1 ? String(parts[1]) : nil)
      }
      if word.hasPrefix("-"), word.count > 1 {
        var attached = word.dropFirst(2)
        if attached.hasPrefix("=") { attached = attached.dropFirst() }
        return Option(name: String(word.prefix(2)), attached: word.count > 2 ? String(attached) : nil)
      }
      operands.append(word)
    }
    return nil
  }

  mutating func value(of option: Option) throws(TransferArguments.Mistake) -> String {
    if let attached = option.attached { return attached }
    guard let next = words.popFirst() else {
      throw TransferArguments.Mistake(words: "option \(option.name) needs a value")
    }
    return next
  }

  func flag(_ option: Option) throws(TransferArguments.Mistake) -> Bool {
    switch option.attached {
    case nil, "true", "1": true
    case "false", "0": false
    default:
      throw TransferArguments.Mistake(words: "option \(option.name) is true or false, not \(option.attached ?? "")")
    }
  }
}

extension TransferArguments {
  /// What belongs to one command only.
  private struct Details {
    var input: String?
    var output: String?
    var format = ImageSave.Format.dockerArchive
    var changes: [ImageChange] = []
    var message: String?
    var copy = TreeCopyOrder()
    var author: String?
    var parent: String?
    var treeNumber: Int32?
    var configNumber: Int32?
    var changesNumber: Int32?
  }

  /// Reads the words after the program's name.
  package init(parsing words: [String]) throws(Mistake) {
    guard let verb = words.first else { throw Mistake(words: "no command was given") }
    command = .help
    if ["help", "-h", "--help"].contains(verb) { return }
    if verb == "--version" || verb == "version" {
      command = .version
      return
    }
    guard ["pull", "load", "save", "import", "copy", "commit"].contains(verb) else {
      throw Mistake(words: "unknown command \(verb)")
    }
    var details = Details()
    var reader = OptionReader(words.dropFirst())
    while let option = reader.next() {
      if option.name == "--help" || option.name == "-h" { return }
      if try takeCommon(option, &reader) { continue }
      let isKnown =
        switch verb {
        case "pull": try takePull(option, &reader)
        case "load": try Self.takeLoad(option, &reader, &details)
        case "save": try Self.takeSave(option, &reader, &details)
        case "copy": try Self.takeCopy(option, &reader, &details)
        case "commit": try Self.takeCommit(option, &reader, &details)
        default: try Self.takeImport(option, &reader, &details)
        }
      guard isKnown else { throw Mistake(words: "unknown option \(option.name) of \(verb)") }
    }
    command = try Self.command(verb, reader.operands, details)
  }

  private mutating func takeCommon(
    _ option: OptionReader.Option, _ reader: inout OptionReader
  ) throws(Mistake) -> Bool {
    switch option.name {
    case "--root":
      root = try reader.value(of: option)
      guard !root.isEmpty else { throw Mistake(words: "option --root needs a directory") }
    case "--quiet", "-q":
      isQuiet = try reader.flag(option)
    case "--platform":
      let text = try reader.value(of: option)
      platform = try Self.reading { () throws(FormatError) in try Platform(parsing: text) }
    case "--storage-driver":
      let name = try reader.value(of: option)
      guard let driver = StorageDriver(rawValue: name) else {
        let known = StorageDriver.allCases.map(\.rawValue).joined(separator: ", ")
        throw Mistake(words: "unknown storage driver \(name): known are \(known)")
      }
      storageDriver = driver
    default:
      return false
    }
    return true
  }

  private mutating func takePull(
    _ option: OptionReader.Option, _ reader: inout OptionReader
  ) throws(Mistake) -> Bool {
    switch option.name {
    case "--insecure": registry.isInsecure = try reader.flag(option)
    case "--tls-verify": registry.isInsecure = try !reader.flag(option)
    case "--cert-dir": registry.certificateDirectory = try reader.value(of: option)
    case "--connect-timeout": registry.timeouts.connectSeconds = try Self.number(option, &reader, 1...3600)
    case "--stall-timeout": registry.timeouts.stallSeconds = try Self.number(option, &reader, 1...3600)
    case "--retry": registry.tries = try Self.number(option, &reader, 0...100) + 1
    case "--retry-delay": registry.firstPauseMilliseconds = try Self.milliseconds(option, &reader)
    default: return false
    }
    return true
  }

  private static func takeLoad(
    _ option: OptionReader.Option, _ reader: inout OptionReader, _ details: inout Details
  ) throws(Mistake) -> Bool {
    guard option.name == "-i" || option.name == "--input" else { return false }
    details.input = try reader.value(of: option)
    return true
  }

  private static func takeSave(
    _ option: OptionReader.Option, _ reader: inout OptionReader, _ details: inout Details
  ) throws(Mistake) -> Bool {
    switch option.name {
    case "-o", "--output": details.output = try reader.value(of: option)
    case "--format":
      let name = try reader.value(of: option)
      guard let format = ImageSave.Format(rawValue: name) else {
        throw Mistake(words: "unknown format \(name): known are docker-archive and oci-archive")
      }
      details.format = format
    default: return false
    }
    return true
  }

  private static func takeImport(
    _ option: OptionReader.Option, _ reader: inout OptionReader, _ details: inout Details
  ) throws(Mistake) -> Bool {
    switch option.name {
    case "-c", "--change":
      let text = try reader.value(of: option)
      do throws(TransferError) {
        details.changes.append(try ImageChange(parsing: text))
      } catch {
        throw Mistake(words: "\(error)")
      }
    case "-m", "--message": details.message = try reader.value(of: option)
    default: return false
    }
    return true
  }

  private static func takeCopy(
    _ option: OptionReader.Option, _ reader: inout OptionReader, _ details: inout Details
  ) throws(Mistake) -> Bool {
    switch option.name {
    case "--from-fd": details.copy.source = .tree(try openFile(option, &reader))
    case "--to-fd": details.copy.target = .tree(try openFile(option, &reader))
    case "-o", "--output": details.copy.target = .file(try reader.value(of: option))
    case "--only": details.copy.only = try reader.value(of: option)
    case "--as": details.copy.prefix = try reader.value(of: option)
    case "--crosses-mounts": details.copy.crossesMounts = try reader.flag(option)
    case "--owner":
      let text = try reader.value(of: option)
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, let user = UInt32(parts[0]), let group = UInt32(parts[1]) else {
        throw Mistake(words: "option --owner takes UID:GID, not \(text)")
      }
      details.copy.targetOwners.everything = OwnerRules.Owner(userID: user, groupID: group)
    default: return try takeOwners(option, &reader, &details)
    }
    return true
  }

  private static func takeOwners(
    _ option: OptionReader.Option, _ reader: inout OptionReader, _ details: inout Details
  ) throws(Mistake) -> Bool {
    guard ["--from-uids", "--from-gids", "--to-uids", "--to-gids"].contains(option.name) else { return false }
    let text = try reader.value(of: option)
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
    guard numbers.count == 3, let inside = numbers[0], let outside = numbers[1], let count = numbers[2] else {
      throw Mistake(words: "option \(option.name) takes IN:OUT:COUNT, not \(text)")
    }
    let inward = OwnerRules.Range(from: outside, to: inside, count: count)
    let outward = OwnerRules.Range(from: inside, to: outside, count: count)
    switch option.name {
    case "--from-uids": details.copy.sourceOwners.users.append(inward)
    case "--from-gids": details.copy.sourceOwners.groups.append(inward)
    case "--to-uids": details.copy.targetOwners.users.append(outward)
    default: details.copy.targetOwners.groups.append(outward)
    }
    return true
  }

  private static func takeCommit(
    _ option: OptionReader.Option, _ reader: inout OptionReader, _ details: inout Details
  ) throws(Mistake) -> Bool {
    switch option.name {
    case "--tree-fd": details.treeNumber = try openFile(option, &reader)
    case "--config-fd": details.configNumber = try openFile(option, &reader)
    case "--changes-fd": details.changesNumber = try openFile(option, &reader)
    case "--parent": details.parent = try reader.value(of: option)
    case "-a", "--author": details.author = try reader.value(of: option)
    default:
      if try takeOwners(option, &reader, &details) { return true }
      return try takeImport(option, &reader, &details)
    }
    return true
  }

  private static func openFile(
    _ option: OptionReader.Option, _ reader: inout OptionReader
  ) throws(Mistake) -> Int32 {
    Int32(try number(option, &reader, 3...1023))
  }

  private static func command(
    _ verb: String, _ operands: [String], _ details: Details
  ) throws(Mistake) -> TransferCommand {
    switch verb {
    case "pull":
      guard operands.count == 1 else { throw Mistake(words: "pull takes one image") }
      return .pull(try reference(operands[0]))
    case "load":
      guard operands.isEmpty else { throw Mistake(words: "load takes no operand: the archive is named with -i") }
      return .load(path: details.input ?? "-")
    case "save":
      guard !operands.isEmpty else { throw Mistake(words: "save takes one image or more") }
      let target = details.output.flatMap { $0 == "-" ? nil : ImageSave.Target.file($0) } ?? .standardOutput
      return .save(images: operands, format: details.format, target: target)
    case "copy":
      guard operands.count == 1 else { throw Mistake(words: "copy takes one name, to speak of it by") }
      var order = details.copy
      order.name = operands[0]
      return .copy(order)
    case "commit":
      guard operands.count <= 1 else { throw Mistake(words: "commit takes one name for the image") }
      guard let tree = details.treeNumber, let config = details.configNumber else {
        throw Mistake(words: "commit needs --tree-fd and --config-fd")
      }
      var request = ImageCommit.Request(treeNumber: tree, configNumber: config)
      request.parent = details.parent
      request.changesNumber = details.changesNumber
      request.reference = try operands.first.map { (text) throws(Mistake) in try reference(text) }
      request.changes = details.changes
      request.message = details.message
      request.author = details.author
      request.owners = details.copy.sourceOwners
      return .commit(request)
    default:
      guard (1...2).contains(operands.count) else {
        throw Mistake(words: "import takes an archive or a directory, and the name of the image")
      }
      return .importTree(
        source: operands[0], reference: operands.count > 1 ? try reference(operands[1]) : nil,
        changes: details.changes, message: details.message)
    }
  }

  private static func reference(_ text: String) throws(Mistake) -> ImageReference {
    try reading { () throws(FormatError) in try ImageReference(parsing: text) }
  }

  private static func number(
    _ option: OptionReader.Option, _ reader: inout OptionReader, _ range: ClosedRange<Int>
  ) throws(Mistake) -> Int {
    let text = try reader.value(of: option)
    guard let number = Int(text), range.contains(number) else {
      throw Mistake(
        words: "option \(option.name) takes a number from \(range.lowerBound) to \(range.upperBound), not \(text)")
    }
    return number
  }

  /// `2`, `0.5`, `2s`, `500ms`, as podman takes a delay: up to an hour.
  private static func milliseconds(
    _ option: OptionReader.Option, _ reader: inout OptionReader
  ) throws(Mistake) -> Int {
    let text = try reader.value(of: option)
    let isSmall = text.hasSuffix("ms")
    let digits = isSmall ? text.dropLast(2) : text.hasSuffix("s") ? text.dropLast() : text[...]
    guard let number = Double(digits), number >= 0, number <= (isSmall ? 3_600_000 : 3600) else {
      throw Mistake(words: "option \(option.name) takes a number of seconds up to 3600, not \(text)")
    }
    return Int(isSmall ? number : number * 1000)
  }

  private static func reading<Value>(_ body: () throws(FormatError) -> Value) throws(Mistake) -> Value {
    do throws(FormatError) {
      return try body()
    } catch {
      throw Mistake(words: error.message)
    }
  }
}
