internal import SkiffKernel
internal import SkiffSpec

/// A small file that is in a new file system from its start.
package struct PlacedFile: Equatable, Sendable {
  /// One component, beneath the file system's top.
  package var name: String
  package var content: [UInt8]
  package var mode: UInt32
  package var userID: UInt32
  package var groupID: UInt32
}

/// What a container is given to know and nobody is to read elsewhere: it stands in no configuration, only in the plan, which is memory.
package struct ContainerSecrets: Equatable, Sendable {
  /// The tmpfs that the configuration has for them.
  package static let directory = "/run/secrets"
  /// Largest secret, as podman's.
  package static let limitBytes = 512_000

  package var files: [PlacedFile] = []
  /// `NAME=value`.
  package var environment: [String] = []

  package init() {}

  /// Reads the member `secrets` of `monitor.json`: `{"name":…,"path":…,"file":…,"mode":…,"uid":…,"gid":…}` or
  /// `{"name":…,"path":…,"variable":…}`; the content is what stands at `path` now.
  static func read(_ orders: [SecretOrder]) throws(RuntimeError) -> ContainerSecrets {
    var secrets = ContainerSecrets()
    for order in orders {
      let content: [UInt8]
      do throws(Errno) {
        let file = try Descriptor.workingDirectory.open(
          try KernelPath(order.path), [.readOnly, .noFollow, .nonBlocking])
        content = try file.descriptor.readToEnd(limitBytes: limitBytes)
      } catch {
        throw .failed(
          error == .notFound
            ? "no secret with name or id \"\(order.name)\": no such secret"
            : "cannot read secret \(order.name): \(error)")
      }
      if let variable = order.variable {
        guard !content.contains(0), let text = String(validating: content, as: UTF8.self) else {
          throw .failed("secret \(order.name) cannot be the variable \(variable): it is not text")
        }
        secrets.environment.append("\(variable)=\(text)")
      } else {
        secrets.files.append(
          PlacedFile(
            name: order.file, content: content, mode: order.mode, userID: order.userID, groupID: order.groupID))
      }
    }
    return secrets
  }
}

/// One secret of a container, as the engine asks for it.
package struct SecretOrder: Equatable, Sendable {
  var name: String
  var path: String
  var file = ""
  var mode: UInt32 = 0o444
  var userID: UInt32 = 0
  var groupID: UInt32 = 0
  /// The variable that holds it, in place of a file.
  var variable: String?

  /// Nil where a member is missing or of the wrong kind.
  init?(_ json: JSONValue) {
    guard let name = json["name"]?.string, let path = json["path"]?.string else { return nil }
    self.name = name
    self.path = path
    file = json["file"]?.string ?? ""
    variable = json["variable"]?.string
    mode = json["mode"]?.integer.flatMap { UInt32(exactly: $0) } ?? mode
    userID = json["uid"]?.integer.flatMap { UInt32(exactly: $0) } ?? 0
    groupID = json["gid"]?.integer.flatMap { UInt32(exactly: $0) } ?? 0
    if file.isEmpty, variable == nil { return nil }
  }
}

extension LaunchPlan {
  /// Puts secrets where the configuration left room for them.
  mutating func add(_ secrets: ContainerSecrets) {
    for entry in secrets.environment {
      let name = entry.prefix { $0 != "=" } + "="
      environment.removeAll { $0.hasPrefix(name) }
      environment.append(entry)
    }
    guard !secrets.files.isEmpty else { return }
    // The last: a mount of the caller's in the same place would be covered by it.
    for index in steps.indices.reversed() {
      guard case .mount(var fileSystem) = steps[index], fileSystem.type == "tmpfs",
        fileSystem.target == ContainerSecrets.directory
      else { continue }
      fileSystem.files = secrets.files
      steps[index] = .mount(fileSystem)
      return
    }
  }
}
