import SkiffSpec

/// A file that describes devices of one kind and what a container needs to use them (CDI, SPEC.md).
struct CDISpecification {
  let path: String
  let kind: String
  /// What every container with any device of the file gets.
  let common: CDIEdits
  let devices: [(name: String, edits: CDIEdits)]

  /// What is wrong with a file, with the place in it.
  struct Fault: Error {
    let words: String
  }

  /// Reads a file's content, JSON or YAML by the name's ending.
  init(path: String, content: [UInt8]) throws(Fault) {
    let document: JSONValue
    if path.hasSuffix(".json") {
      do throws(JSONError) {
        document = try JSONValue.parse(content)
      } catch {
        throw Fault(words: "\(error)")
      }
    } else {
      guard let text = String(validating: content, as: UTF8.self) else { throw Fault(words: "it is not UTF-8") }
      do throws(SimpleYAML.Fault) {
        document = try SimpleYAML.parse(text)
      } catch {
        throw Fault(words: "line \(error.line): \(error.words)")
      }
    }
    try self.init(path: path, document: document)
  }

  private init(path: String, document: JSONValue) throws(Fault) {
    var fields = try CDIFields(document, at: "the document")
    let version = try fields.text("cdiVersion") ?? ""
    guard version.hasPrefix("0.") || version.hasPrefix("1.") else {
      throw Fault(words: version.isEmpty ? "cdiVersion is missing" : "cdiVersion \(version) is not known")
    }
    guard let kind = try fields.text("kind"), CDIDeviceName.isKind(kind) else {
      throw Fault(words: "kind is missing, or not of the form vendor.com/class")
    }
    fields.pass("annotations")
    let common = try fields.take("containerEdits").map { value throws(Fault) in
      try CDIEdits(value, at: "containerEdits")
    }
    var devices: [(name: String, edits: CDIEdits)] = []
    for (index, value) in try fields.list("devices").enumerated() {
      let place = "devices[\(index)]"
      var device = try CDIFields(value, at: place)
      guard let name = try device.text("name"), CDIDeviceName.isDevice(name) else {
        throw Fault(words: "\(place).name is missing, or no name of a device")
      }
      guard !devices.contains(where: { $0.name == name }) else { throw Fault(words: "two devices are called \(name)") }
      device.pass("annotations")
      guard let edits = device.take("containerEdits") else { throw Fault(words: "\(place).containerEdits is missing") }
      devices.append((name, try CDIEdits(edits, at: place + ".containerEdits")))
      try device.finish()
    }
    try fields.finish()
    self.path = path
    self.kind = kind
    self.common = common ?? CDIEdits()
    self.devices = devices
  }
}

/// What changes in a container that gets a device.
struct CDIEdits {
  struct Node {
    var path = ""
    var hostPath: String?
    var type: String?
    var major: Int64?
    var minor: Int64?
    var fileMode: UInt32?
    var permissions = "rwm"
    var userID: UInt32?
    var groupID: UInt32?
  }

  var environment: [String] = []
  var nodes: [Node] = []
  var networkDevices: [(host: String, name: String?)] = []
  var mounts: [RuntimeSpec.Mount] = []
  var hooks: [(name: String, hook: RuntimeSpec.Hook)] = []
  var additionalGroupIDs: [UInt32] = []
  var resourceControl: RuntimeSpec.IntelRdt?

  static let hookNames = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]

  init() {}

  init(_ value: JSONValue, at place: String) throws(CDISpecification.Fault) {
    var fields = try CDIFields(value, at: place)
    environment = try fields.texts("env")
    if let entry = environment.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
      throw .init(words: "\(place).env: \"\(entry)\" is not of the form NAME=value")
    }
    for (index, value) in try fields.list("deviceNodes").enumerated() {
      nodes.append(try Self.node(value, at: "\(place).deviceNodes[\(index)]"))
    }
    for (index, value) in try fields.list("netDevices").enumerated() {
      var device = try CDIFields(value, at: "\(place).netDevices[\(index)]")
      networkDevices.append((try device.needed("hostInterfaceName"), try device.text("name")))
      try device.finish()
    }
    for (index, value) in try fields.list("mounts").enumerated() {
      mounts.append(try Self.mount(value, at: "\(place).mounts[\(index)]"))
    }
    for (index, value) in try fields.list("hooks").enumerated() {
      hooks.append(try Self.hook(value, at: "\(place).hooks[\(index)]"))
    }
    for (index, value) in try fields.list("additionalGids").enumerated() {
      guard let id = value.integer.flatMap({ UInt32(exactly: $0) }), id != .max else {
        throw .init(words: "\(place).additionalGids[\(index)] is no id of a group")
      }
      // As the specification has it, root's group is passed over.
      if id != 0 { additionalGroupIDs.append(id) }
    }
    if let value = fields.take("intelRdt") {
      resourceControl = try Self.resourceControl(value, at: "\(place).intelRdt")
    }
    try fields.finish()
  }

  private static func node(_ value: JSONValue, at place: String) throws(CDISpecification.Fault) -> Node {
    var fields = try CDIFields(value, at: place)
    var node = Node()
    node.path = try fields.needed("path")
    node.hostPath = try fields.text("hostPath")
    node.type = try fields.text("type")
    if let type = node.type, !["", "b", "c", "u", "p"].contains(type) {
      throw .init(words: "\(place).type is b, c, u or p")
    }
    node.major = try fields.number("major", 0...Int64(UInt32.max))
    node.minor = try fields.number("minor", 0...Int64(UInt32.max))
    node.fileMode = try fields.number("fileMode", 0...0o7_777).map { UInt32(truncatingIfNeeded: $0) }
    node.permissions = try fields.text("permissions") ?? "rwm"
    guard node.permissions.isEmpty || DeviceRuleRequest.isAccess(node.permissions) else {
      throw .init(words: "\(place).permissions is some of rwm")
    }
    if node.permissions.isEmpty { node.permissions = "rwm" }
    node.userID = try fields.number("uid", 0...0xFFFF_FFFE).map { UInt32(truncatingIfNeeded: $0) }
    node.groupID = try fields.number("gid", 0...0xFFFF_FFFE).map { UInt32(truncatingIfNeeded: $0) }
    try fields.finish()
    guard node.path.hasPrefix("/"), node.hostPath?.hasPrefix("/") ?? true else {
      throw .init(words: "\(place): the paths of a device start with /")
    }
    return node
  }

  private static func mount(_ value: JSONValue, at place: String) throws(CDISpecification.Fault) -> RuntimeSpec.Mount {
    var fields = try CDIFields(value, at: place)
    let source = try fields.needed("hostPath")
    let destination = try fields.needed("containerPath")
    let type = try fields.text("type") ?? ""
    var options = try fields.texts("options")
    try fields.finish()
    guard destination.hasPrefix("/"), SpecComposer.cleaned(destination) != "/" else {
      throw .init(words: "\(place).containerPath is no absolute path below /")
    }
    let isBind = ["", "none", "bind"].contains(type)
    if isBind, !options.contains("bind"), !options.contains("rbind") { options.insert("rbind", at: 0) }
    return RuntimeSpec.Mount(
      destination: destination, type: isBind ? "bind" : type, source: source,
      options: options)
  }

  private static func hook(
    _ value: JSONValue, at place: String
  ) throws(CDISpecification.Fault) -> (name: String, hook: RuntimeSpec.Hook) {
    var fields = try CDIFields(value, at: place)
    let name = try fields.needed("hookName")
    guard hookNames.contains(name) else {
      throw .init(words: "\(place).hookName is one of " + hookNames.joined(separator: ", "))
    }
    var hook = RuntimeSpec.Hook()
    hook.path = try fields.needed("path")
    guard hook.path.hasPrefix("/") else { throw .init(words: "\(place).path is no absolute path") }
    hook.arguments = try fields.texts("args")
    hook.environment = try fields.texts("env")
    hook.timeoutSeconds = try fields.number("timeout", 1...86_400)
    try fields.finish()
    return (name, hook)
  }

  private static func resourceControl(
    _ value: JSONValue, at place: String
  ) throws(CDISpecification.Fault) -> RuntimeSpec.IntelRdt {
    var fields = try CDIFields(value, at: place)
    var control = RuntimeSpec.IntelRdt()
    control.closID = try fields.text("closID")
    control.l3CacheSchema = try fields.text("l3CacheSchema")
    control.memBwSchema = try fields.text("memBwSchema")
    control.schemata = try fields.texts("schemata")
    control.enableMonitoring = fields.take("enableMonitoring")?.bool ?? false
    // Of versions before 1.1: both are one switch now.
    for key in ["enableCMT", "enableMBM"] where fields.take(key)?.bool == true { control.enableMonitoring = true }
    try fields.finish()
    return control
  }
}

/// The members of an object, each to be taken once; what is left over is not understood, and refused.
struct CDIFields {
  typealias Fault = CDISpecification.Fault

  private var object: JSONObject
  private var left: [String]
  private let place: String

  init(_ value: JSONValue, at place: String) throws(Fault) {
    guard let object = value.object else { throw Fault(words: "\(place) is no object") }
    self.object = object
    self.place = place
    left = object.members.map(\.key)
  }

  mutating func pass(_ key: String) { _ = take(key) }

  mutating func take(_ key: String) -> JSONValue? {
    left.removeAll { $0 == key }
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  mutating func text(_ key: String) throws(Fault) -> String? {
    guard let value = take(key) else { return nil }
    // YAML makes a number of what looks like one.
    guard let text = SimpleYAML.text(value), !text.utf8.contains(0) else {
      throw Fault(words: "\(place).\(key) is no text")
    }
    return text
  }

  mutating func needed(_ key: String) throws(Fault) -> String {
    guard let text = try text(key), !text.isEmpty else { throw Fault(words: "\(place).\(key) is missing") }
    return text
  }

  mutating func number(_ key: String, _ range: ClosedRange<Int64>) throws(Fault) -> Int64? {
    guard let value = take(key) else { return nil }
    guard let number = value.integer, range.contains(number) else {
      throw Fault(words: "\(place).\(key) is no number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  mutating func list(_ key: String) throws(Fault) -> [JSONValue] {
    guard let value = take(key) else { return [] }
    guard let list = value.array else { throw Fault(words: "\(place).\(key) is no list") }
    return list
  }

  mutating func texts(_ key: String) throws(Fault) -> [String] {
    var texts: [String] = []
    for value in try list(key) {
      guard let text = SimpleYAML.text(value), !text.utf8.contains(0) else {
        throw Fault(words: "\(place).\(key) holds something that is no text")
      }
      texts.append(text)
    }
    return texts
  }

  func finish() throws(Fault) {
    // A member that is passed over could be the one that makes a device safe.
    if let key = left.first { throw Fault(words: "\(place).\(key) is not known") }
  }
}
