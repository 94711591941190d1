import SkiffSpec

/// A secret of the store that a container is to know (`--secret`).
public struct SecretRequest: Equatable, Sendable {
  /// Its name or id, as it was asked for.
  public var name: String
  /// A variable in place of a file.
  public var isVariable = false
  /// The variable's name; the file's path, beneath /run/secrets unless absolute; nil is the secret's own name.
  public var target: String?
  public var userID: UInt32 = 0
  public var groupID: UInt32 = 0
  public var mode: UInt32 = 0o444

  init(name: String) {
    self.name = name
  }

  /// Reads `NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]`.
  public init(parsing text: String) throws(EngineError) {
    func refuse(_ reason: String) -> EngineError { .invalidOption(name: "--secret", value: text, reason: reason) }
    self.name = ""
    var hasFileOptions = false
    for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard pair.count == 2 else {
        guard index == 0 else { throw refuse("expected NAME[,type=mount|env,target=…,uid=…,gid=…,mode=…]") }
        name = pair[0]
        continue
      }
      switch pair[0] {
      case "source", "src": name = pair[1]
      case "type":
        guard pair[1] == "mount" || pair[1] == "env" else {
          throw refuse("type \(pair[1]) is invalid: it is mount or env")
        }
        isVariable = pair[1] == "env"
      case "target":
        guard !pair[1].isEmpty else { throw refuse("the target is empty") }
        target = pair[1]
      case "uid", "gid":
        guard let id = UInt32(pair[1]), id != .max else { throw refuse("\(pair[0]) is a number") }
        if pair[0] == "uid" { userID = id } else { groupID = id }
        hasFileOptions = true
      case "mode":
        guard let mode = UInt32(pair[1], radix: 8), mode <= 0o7777 else { throw refuse("mode is octal") }
        self.mode = mode
        hasFileOptions = true
      default: throw refuse("there is no option \"\(pair[0])\"")
      }
    }
    guard !name.isEmpty else { throw refuse("no secret is named") }
    guard !isVariable || !hasFileOptions else {
      throw refuse("UID, GID, Mode options cannot be set with secret type env")
    }
    if let target { try check(target, text) }
  }

  private func check(_ target: String, _ text: String) throws(EngineError) {
    if isVariable {
      guard !target.contains("="), !target.utf8.contains(0) else {
        throw .invalidOption(name: "--secret", value: text, reason: "\"\(target)\" is no name of a variable")
      }
    } else if target.hasPrefix("/") {
      guard SpecComposer.cleaned(target) != "/" else {
        throw .invalidOption(name: "--secret", value: text, reason: "the target is a file below /")
      }
    } else {
      guard !target.contains("/"), target != ".", target != "..", !target.hasPrefix(".at-") else {
        throw .invalidOption(
          name: "--secret", value: text, reason: "the target is one name beneath /run/secrets, or an absolute path")
      }
    }
  }

  var targetName: String { target ?? name }

  /// Where the container finds it: a path, or `$` and a variable.
  fileprivate var place: String {
    if isVariable { return "$" + targetName }
    return targetName.hasPrefix("/")
      ? SpecComposer.cleaned(targetName) : "\(SpecComposer.secretsDirectory)/\(targetName)"
  }
}

extension SecretRequest: FieldRecord, RecordValue {
  init() { self.init(name: "") }

  static let fields: [RecordField<SecretRequest>] = [
    RecordField("name", { $0.name }, { $0.name = $1 }),
    RecordField("isVariable", { $0.isVariable }, { $0.isVariable = $1 }),
    RecordField("target", { $0.target }, { $0.target = $1 }),
    RecordField("userID", { $0.userID }, { $0.userID = $1 }),
    RecordField("groupID", { $0.groupID }, { $0.groupID = $1 }),
    RecordField("mode", { $0.mode }, { $0.mode = $1 }),
  ]
}

extension SpecComposer {
  static let secretsDirectory = "/run/secrets"

  /// The name of the file that holds a secret in the tmpfs.
  static func secretFile(_ secret: SecretRequest, at index: Int) -> String {
    // One that is wanted elsewhere is shown there from here.
    secret.targetName.hasPrefix("/") ? ".at-\(index)" : secret.targetName
  }

  /// A tmpfs for the secrets, which the runtime fills, and what is wanted elsewhere shown there. No word of what they hold.
  static func secretMounts(_ request: RunRequest, rootPath: String) -> [RuntimeSpec.Mount] {
    guard request.secrets.contains(where: { !$0.isVariable }) else { return [] }
    var mounts = [
      RuntimeSpec.Mount(
        destination: secretsDirectory, type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "nodev", "noexec", "ro", "mode=755"])
    ]
    for (index, secret) in request.secrets.enumerated() where !secret.isVariable && secret.targetName.hasPrefix("/") {
      mounts.append(
        RuntimeSpec.Mount(
          destination: cleaned(secret.targetName), type: "bind",
          source: "\(rootPath)\(secretsDirectory)/\(secretFile(secret, at: index))",
          options: ["bind", "rprivate", "ro", "nosuid", "nodev", "noexec"]))
    }
    return mounts
  }
}

extension Engine {
  /// The request with its secrets by name, each with a place of its own: an id is another one when the secret has been replaced, and no
  /// name for a file.
  func withSecretsByName(_ request: RunRequest) throws(EngineError) -> RunRequest {
    if request.secrets.isEmpty { return request }
    let store = try SecretStore(root: configuration.root)
    var request = request
    var taken: Set<String> = []
    for index in request.secrets.indices {
      request.secrets[index].name = try store.find(request.secrets[index].name).name
      let place = request.secrets[index].place
      guard taken.insert(place).inserted else {
        throw .refused("two secrets want the same place in the container: \(place)")
      }
    }
    return request
  }

  /// What the monitor is told of the secrets: where they are, not what they are.
  func secretOrders(_ request: RunRequest) throws(EngineError) -> [JSONValue] {
    if request.secrets.isEmpty { return [] }
    let store = try SecretStore(root: configuration.root)
    var orders: [JSONValue] = []
    for (index, secret) in request.secrets.enumerated() {
      let known = try store.find(secret.name)
      var order = JSONObject([("name", .string(secret.name)), ("path", .string(store.dataPath(known.name)))])
      if secret.isVariable {
        order["variable"] = .string(secret.target ?? known.name)
      } else {
        order["file"] = .string(SpecComposer.secretFile(secret, at: index))
        order["mode"] = JSONValue(secret.mode)
        order["uid"] = JSONValue(secret.userID)
        order["gid"] = JSONValue(secret.groupID)
      }
      orders.append(.object(order))
    }
    return orders
  }
}
