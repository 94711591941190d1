/// The name of a device in the Container Device Interface: `vendor.com/class=name`
/// (https://github.com/cncf-tags/container-device-interface, SPEC.md).
public struct CDIDeviceName: Equatable, Sendable {
  /// `vendor.com/class`.
  public var kind: String
  public var device: String

  public var text: String { "\(kind)=\(device)" }

  public init(kind: String, device: String) {
    self.kind = kind
    self.device = device
  }

  /// Reads a qualified name; nil for anything else, a path for one.
  public init?(parsing text: String) {
    guard let equals = text.firstIndex(of: "=") else { return nil }
    let kind = String(text[..<equals])
    let device = String(text[text.index(after: equals)...])
    guard Self.isKind(kind), Self.isDevice(device) else { return nil }
    self.init(kind: kind, device: device)
  }

  /// Letters, digits, `_`, `-` and `.` on both sides of a slash; each begins with a letter and ends with a letter or digit.
  static func isKind(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return false }
    return isWord(parts[0], more: "_-.") && isWord(parts[1], more: "_-.")
      && parts.allSatisfy { $0.first?.isLetter == true }
  }

  static func isDevice(_ text: String) -> Bool {
    isWord(text[...], more: "_-.:")
  }

  private static func isWord(_ text: Substring, more: String) -> Bool {
    func isAlphanumeric(_ character: Character) -> Bool {
      character.isASCII && (character.isLetter || character.isNumber)
    }
    guard let first = text.first, let last = text.last, isAlphanumeric(first), isAlphanumeric(last) else {
      return false
    }
    return text.count <= 255 && text.allSatisfy { isAlphanumeric($0) || more.contains($0) }
  }
}

/// `--gpus`, which stands for devices of the vendor's kind.
public enum GPUOption {
  /// Reads `all`, a number, or docker's fields: `device=0,1`, `count=2`, `driver=nvidia`, `capabilities=gpu`; a field in double quotes
  /// may hold commas.
  public static func devices(_ text: String) throws(EngineError) -> [CDIDeviceName] {
    func refuse(_ reason: String) -> EngineError { .invalidOption(name: "--gpus", value: text, reason: reason) }
    var kind = "nvidia.com/gpu"
    var names: [String]?
    for field in try CommaFields.split(text, option: "--gpus") {
      let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let value = parts.count == 2 ? parts[1] : parts[0]
      switch parts.count == 2 ? parts[0] : "count" {
      case "count":
        guard names == nil else { throw refuse("cannot set both count and device, or one of them twice") }
        names = try counted(value, refuse)
      case "device":
        guard names == nil else { throw refuse("cannot set both count and device, or one of them twice") }
        names = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      case "driver":
        guard let known = ["nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "": "nvidia.com/gpu"][value] else {
          throw refuse(
            "the drivers are nvidia and amd; devices of others go by their names: --device vendor.com/class=name")
        }
        kind = known
      case "capabilities":
        // What a device brings with it is the specification's to say.
        guard value == "gpu" else { throw .notBuilt("--gpus capabilities=\(value)") }
      case let key: throw refuse("unexpected key '\(key)'")
      }
    }
    return try (names ?? ["all"]).map { name throws(EngineError) in
      guard CDIDeviceName.isDevice(name) else { throw refuse("\"\(name)\" is no device") }
      return CDIDeviceName(kind: kind, device: name)
    }
  }

  private static func counted(_ value: String, _ refuse: (String) -> EngineError) throws(EngineError) -> [String] {
    if value == "all" || value == "-1" { return ["all"] }
    guard let count = UInt16(value), count > 0, count <= 256 else {
      throw refuse("it is all, or a number from 1 to 256")
    }
    return (0..<count).map { String($0) }
  }
}
