import SkiffKernel
import SkiffSpec

/// Where a container's output is kept.
public enum LogDriver: String, Equatable, Sendable, CaseIterable {
  /// A file of one JSON object a line, as docker's.
  case jsonFile = "json-file"
  /// A file of messages of docker's protocol: smaller, and nothing in it needs escapes.
  case local
  /// A file as Kubernetes' and podman's.
  case k8sFile = "k8s-file"
  /// systemd's journal.
  case journald
  /// Nowhere.
  case none
  /// The container writes to the streams of the command that starts it.
  case passthrough

  /// Reads a name as `--log-driver` takes it.
  public init(named name: String) throws(EngineError) {
    if let driver = LogDriver(rawValue: name) {
      self = driver
      return
    }
    let others = ["syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs", "etwlogs", "passthrough-tty"]
    if others.contains(name) { throw .notBuilt("the log driver \(name)") }
    let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
    throw .refused("logger: no log driver named '\(name)' is registered (there are \(known))")
  }

  /// Whether it keeps files of its own beside the container.
  var hasFiles: Bool { self == .jsonFile || self == .local || self == .k8sFile }

  /// Whether its file is one that other programs read, and inspection names it.
  var isShown: Bool { self == .jsonFile || self == .k8sFile }
}

extension RunRequest {
  /// Whether input that its caller has goes to it through the engine.
  var takesInput: Bool { isInteractive && logDriver != .passthrough }
}

/// What `--log-opt` says, with docker's names and rules.
public enum LogOption {
  /// docker's bounds of its driver `local`: a container's log takes 100 MB at most, much less once it is packed.
  static let standardSizeBytes: Int64 = 20_000_000
  static let standardFileCount = 5
  /// docker's limit of what waits in mode non-blocking.
  static let standardBufferBytes: Int64 = 1 << 20

  /// `name=value`.
  public static func parse(_ text: String) throws(EngineError) -> (key: String, value: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw .refused("invalid argument \"\(text)\" for \"--log-opt\": expected NAME=VALUE")
    }
    return (String(parts[0]), String(parts[1]))
  }

  /// How files are bounded.
  struct Bounds: Equatable {
    /// 0 is no bound.
    var sizeBytes = standardSizeBytes
    var fileCount = standardFileCount
    var compresses = true
  }

  /// Refuses what the driver does not know or cannot do, in docker's words.
  static func check(_ request: RunRequest) throws(EngineError) {
    let driver = request.logDriver
    if driver == .passthrough { try checkPassthrough(request) }
    let options = request.logOptions
    if options.isEmpty { return }
    guard driver.hasFiles || driver == .journald else {
      throw .refused("invalid logging opts for driver \(driver.rawValue)")
    }
    _ = try bufferBytes(options)
    for key in options.keys.sorted() where !isKnown(key, of: driver) {
      switch driver {
      case .local: throw .refused("unknown log opt '\(key)' for log driver local")
      default: throw .refused("unknown log opt '\(key)' for \(driver.rawValue) log driver")
      }
    }
    if driver.hasFiles { _ = try bounds(options) }
    for name in ["labels-regex", "env-regex"] {
      if let pattern = options[name], RegularExpression.matches(pattern, in: "") == nil {
        throw .refused("error parsing \(name): \"\(pattern)\" is no regular expression")
      }
    }
    if let tag = options["tag"] { _ = try template(tag) }
  }

  /// Refuses a terminal: the container would share it with whoever works there.
  static func checkPassthrough(_ request: RunRequest) throws(EngineError) {
    if request.hasTerminal { throw .refused("cannot use --tty with the log driver passthrough") }
    let streams = [Descriptor.standardInput, .standardOutput, .standardError]
    guard !streams.contains(where: \.isTerminal) else {
      throw .refused(
        "the '--log-driver passthrough' option cannot be used on a TTY (redirect standard input, output and error)")
    }
  }

  private static func isKnown(_ key: String, of driver: LogDriver) -> Bool {
    switch key {
    case "mode", "max-buffer-size": true
    case "max-size", "max-file", "compress": driver.hasFiles
    case "labels", "labels-regex", "env", "env-regex", "tag": driver != .k8sFile
    default: false
    }
  }

  /// How much may wait, in mode non-blocking; nil where the container waits for its log.
  static func bufferBytes(_ options: [String: String]) throws(EngineError) -> Int64? {
    let mode = options["mode"] ?? ""
    guard ["", "blocking", "non-blocking"].contains(mode) else {
      throw .refused("logger: logging mode not supported: \(mode)")
    }
    guard let text = options["max-buffer-size"] else { return mode == "non-blocking" ? standardBufferBytes : nil }
    guard mode == "non-blocking" else {
      throw .refused("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    }
    guard let bytes = NumberOption.bytes(text), bytes > 0 else {
      throw .refused("error parsing option max-buffer-size: invalid size: '\(text)'")
    }
    return bytes
  }

  static func bounds(_ options: [String: String]) throws(EngineError) -> Bounds {
    var bounds = Bounds()
    if let text = options["max-size"] {
      guard let bytes = decimalBytes(text) else {
        throw .refused("invalid value for max-size: invalid size: '\(text)'")
      }
      guard bytes != 0 else { throw .refused("max-size must be a positive number (or -1 for no bound)") }
      bounds.sizeBytes = max(0, bytes)
    }
    if let text = options["max-file"] {
      guard let count = Int(text) else { throw .refused("invalid value for max-file: \"\(text)\" is no number") }
      guard count >= 1 else { throw .refused("max-file cannot be less than 1") }
      guard count <= 1000 else { throw .refused("max-file cannot be more than 1000") }
      bounds.fileCount = count
    }
    let rotates = bounds.fileCount > 1 && bounds.sizeBytes > 0
    if let text = options["compress"] {
      guard let wanted = NumberOption.boolean(text) else {
        throw .refused("invalid value for compress: \"\(text)\" is neither true nor false")
      }
      guard !wanted || rotates else {
        throw .refused("compress cannot be true when max-file is less than 2 or max-size is not set")
      }
      bounds.compresses = wanted
    }
    if !rotates { bounds.compresses = false }
    return bounds
  }

  /// A size as docker reads those of logs: `10m` is ten million; -1 is no bound.
  static func decimalBytes(_ text: String) -> Int64? {
    if text == "-1" { return -1 }
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), number >= 0 else { return nil }
    var unit = text.dropFirst(digits.count).lowercased()
    if unit.hasPrefix(" ") { unit.removeFirst() }
    if unit.hasSuffix("b") { unit.removeLast() }
    let powers = ["": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5]
    guard let power = powers[unit] else { return nil }
    let bytes = (0..<power).reduce(number) { bytes, _ in bytes * 1000 }
    return bytes < 9e18 ? Int64(bytes) : nil
  }

  // MARK: What entries say

  /// Labels and variables of the container that the options name, in the order of their names.
  static func attributes(_ record: ContainerRecord) -> [(key: String, value: String)] {
    let options = record.request.logOptions
    var found: [String: String] = [:]
    func take(_ all: [String: String], _ names: String?, _ pattern: String?) {
      for name in (names ?? "").split(separator: ",").map(String.init) {
        if let value = all[name] { found[name] = value }
      }
      guard let pattern, !pattern.isEmpty else { return }
      for (name, value) in all where RegularExpression.matches(pattern, in: name) == true { found[name] = value }
    }
    take(record.labels, options["labels"], options["labels-regex"])
    if options["env"] != nil || options["env-regex"] != nil {
      var variables: [String: String] = [:]
      for entry in record.environment {
        let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        variables[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
      }
      take(variables, options["env"], options["env-regex"])
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The tag, filled in; nil where it names a thing that there is not.
  static func tag(_ text: String, _ record: ContainerRecord) throws(EngineError) -> String {
    let imageID = record.imageID.hasPrefix("sha256:") ? String(record.imageID.dropFirst(7)) : record.imageID
    let values: JSONValue = [
      "ID": .string(ContainerIdentity.short(record.id)), "FullID": .string(record.id), "Name": .string(record.name),
      "ImageID": .string(String(imageID.prefix(12))), "ImageFullID": .string(record.imageID),
      "ImageName": .string(record.imageName), "DaemonName": "skiff",
      "Command": .string(record.command.joined(separator: " ")),
    ]
    let template = try template(text)
    do throws(Template.Mistake) {
      return try template.render(values)
    } catch {
      throw .refused("error parsing log tag: \(error)")
    }
  }

  private static func template(_ text: String) throws(EngineError) -> Template {
    do throws(Template.Mistake) {
      return try Template(parsing: text)
    } catch {
      throw .refused("error parsing log tag: \(error)")
    }
  }
}

extension LogOption {
  /// A name as journald takes it: capitals, digits and `_`, no digit or `_` first.
  static func journalName(_ text: String) -> String {
    let letters = text.uppercased().unicodeScalars.map { letter -> Character in
      ("A"..."Z").contains(letter) || ("0"..."9").contains(letter) ? Character(letter) : "_"
    }
    return String(String(letters).drop { $0 == "_" })
  }
}

extension Engine {
  static let logName = "container.log"

  /// What the monitor is told of the log.
  func logOrder(of record: ContainerRecord, in directory: String) throws(EngineError) -> JSONValue {
    let request = record.request
    var order = JSONObject([("driver", .string(request.logDriver.rawValue))])
    if request.logDriver.hasFiles {
      let bounds = request.logOptions.isEmpty ? LogOption.Bounds() : try LogOption.bounds(request.logOptions)
      order["path"] = .string("\(directory)/\(Self.logName)")
      order["maxSize"] = .integer(bounds.sizeBytes)
      order["maxFile"] = .integer(Int64(bounds.fileCount))
      order["compress"] = .bool(bounds.compresses)
      order["packer"] = .string(configuration.transferProgram)
    }
    if let bytes = try LogOption.bufferBytes(request.logOptions) { order["buffer"] = .integer(bytes) }
    var attributes = request.logOptions.isEmpty ? [] : LogOption.attributes(record)
    if request.logDriver == .journald {
      let tag = try LogOption.tag(request.logOptions["tag"] ?? "{{.ID}}", record)
      var fields: [(String, JSONValue)] = [
        ("CONTAINER_ID", .string(ContainerIdentity.short(record.id))), ("CONTAINER_ID_FULL", .string(record.id)),
        ("CONTAINER_NAME", .string(record.name)), ("CONTAINER_TAG", .string(tag)),
        ("IMAGE_NAME", .string(record.imageName)), ("SYSLOG_IDENTIFIER", .string(tag)),
      ]
      fields += attributes.map { (LogOption.journalName($0.key), .string($0.value)) }.filter { !$0.0.isEmpty }
      order["fields"] = .object(JSONObject(fields))
      attributes = []
    } else if let tag = request.logOptions["tag"], !tag.isEmpty {
      attributes.append(("tag", try LogOption.tag(tag, record)))
    }
    if !attributes.isEmpty {
      order["attributes"] = .object(JSONObject(attributes.map { ($0.key, .string($0.value)) }))
    }
    return .object(order)
  }
}
