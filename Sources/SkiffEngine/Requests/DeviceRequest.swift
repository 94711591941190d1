/// A device of the host that the container gets (`--device`).
public struct DeviceRequest: Equatable, Sendable {
  public var hostPath: String
  public var containerPath: String
  /// Some of `r`, `w`, `m`.
  public var access: String

  public init(hostPath: String, containerPath: String, access: String) {
    self.hostPath = hostPath
    self.containerPath = containerPath
    self.access = access
  }

  /// Reads `/dev/sda`, `/dev/sda:/dev/xvda` or `/dev/sda:/dev/xvda:r`.
  public init(parsing text: String) throws(EngineError) {
    let option = "--device"
    var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    var access = "rwm"
    if parts.count > 1, DeviceRuleRequest.isAccess(parts[parts.count - 1]) { access = parts.removeLast() }
    guard parts.count <= 2, let host = parts.first, let inside = parts.last else {
      throw .invalidOption(name: option, value: text, reason: "expected HOST-PATH[:CONTAINER-PATH][:rwm]")
    }
    guard host.hasPrefix("/"), inside.hasPrefix("/") else {
      if host.contains("=") {
        throw .invalidOption(
          name: option, value: text, reason: "the name of a CDI device is of the form vendor.com/class=name")
      }
      throw .invalidOption(name: option, value: text, reason: "the paths of a device start with /")
    }
    self.init(hostPath: host, containerPath: inside, access: access)
  }
}

/// A rule on which devices the container may use (`--device-cgroup-rule`).
public struct DeviceRuleRequest: Equatable, Sendable {
  /// `a`, `b` or `c`.
  public var type: String
  /// Nil is every one.
  public var major: Int64?
  public var minor: Int64?
  public var access: String

  /// Reads `c 42:* rmw`.
  public init(parsing text: String) throws(EngineError) {
    let words = text.split(separator: " ").map(String.init)
    func refuse() -> EngineError {
      .invalidOption(name: "--device-cgroup-rule", value: text, reason: "expected a rule such as \"c 42:* rmw\"")
    }
    guard words.count == 3, ["a", "b", "c"].contains(words[0]), Self.isAccess(words[2]) else { throw refuse() }
    let numbers = words[1].split(separator: ":", omittingEmptySubsequences: false)
    guard numbers.count == 2 else { throw refuse() }
    func number(_ text: Substring) throws(EngineError) -> Int64? {
      if text == "*" { return nil }
      guard let value = UInt32(text) else { throw refuse() }
      return Int64(value)
    }
    self.type = words[0]
    self.major = try number(numbers[0])
    self.minor = try number(numbers[1])
    self.access = words[2]
  }

  public var text: String {
    "\(type) \(major.map(String.init) ?? "*"):\(minor.map(String.init) ?? "*") \(access)"
  }

  static func isAccess(_ text: String) -> Bool {
    !text.isEmpty && text.count <= 3 && text.allSatisfy { "rwm".contains($0) } && Set(text).count == text.count
  }
}

extension DeviceAmount {
  /// Reads `/dev/sda:1mb` (or, `inBytes` false, `/dev/sda:1000`).
  public init(parsing text: String, option: String, inBytes: Bool) throws(EngineError) {
    guard let colon = text.lastIndex(of: ":"), text.hasPrefix("/") else {
      throw .invalidOption(name: option, value: text, reason: "expected DEVICE-PATH:AMOUNT")
    }
    let tail = String(text[text.index(after: colon)...])
    guard let amount = inBytes ? NumberOption.bytes(tail) : Int64(tail), amount >= 0 else {
      throw .invalidOption(name: option, value: text, reason: "\"\(tail)\" is no amount")
    }
    self.init(path: String(text[..<colon]), amount: UInt64(amount))
  }
}
