/// What a program runs on: operating system, processor and its variant (image-spec, "Image Index", platform).
public struct Platform: Hashable, Sendable {
  public var os: String
  public var architecture: String
  public var variant: String?
  public var osVersion: String?
  public var osFeatures: [String] = []

  /// Takes the parts as they stand; see `normalized`.
  public init(os: String, architecture: String, variant: String? = nil) {
    self.os = os
    self.architecture = architecture
    self.variant = variant
  }

  /// Reads `os/architecture[/variant]`, or one of these alone: the other is then that of this machine. The result is normalized.
  public init(parsing text: String) throws(FormatError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let arePlain = parts.allSatisfy { part in
      (1...64).contains(part.utf8.count) && part.utf8.allSatisfy { $0.isLetterOrDigit || "_.-".utf8.contains($0) }
    }
    guard arePlain, (1...3).contains(parts.count) else {
      throw FormatError("invalid platform \(SpecKeyPath.quoted(text)): must be os/architecture[/variant]")
    }
    guard parts.count == 1 else {
      self = Platform(os: parts[0], architecture: parts[1], variant: parts.count > 2 ? parts[2] : nil).normalized
      return
    }
    let current = Platform.current
    let asSystem = Platform(os: parts[0], architecture: current.architecture, variant: current.variant).normalized
    let asProcessor = Platform(os: current.os, architecture: parts[0]).normalized
    if Self.knownSystems.contains(asSystem.os) {
      self = asSystem
    } else if Self.knownArchitectures.contains(asProcessor.architecture) {
      self = asProcessor
    } else {
      throw FormatError("unknown operating system or architecture \(SpecKeyPath.quoted(text))")
    }
  }

  /// The machine that this program was compiled for.
  public static var current: Platform {
    #if arch(x86_64)
      Platform(os: "linux", architecture: "amd64")
    #elseif arch(arm64)
      Platform(os: "linux", architecture: "arm64", variant: "v8")
    #elseif arch(arm)
      Platform(os: "linux", architecture: "arm", variant: "v7")
    #elseif arch(i386)
      Platform(os: "linux", architecture: "386")
    #elseif arch(powerpc64le)
      Platform(os: "linux", architecture: "ppc64le")
    #elseif arch(s390x)
      Platform(os: "linux", architecture: "s390x")
    #elseif arch(riscv64)
      Platform(os: "linux", architecture: "riscv64")
    #else
      Platform(os: "linux", architecture: "unknown")
    #endif
  }
}

extension Platform {
  private static let knownSystems: Set<String> = [
    "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris", "illumos", "aix", "android",
    "ios", "js", "plan9", "wasip1", "zos",
  ]
  private static let knownArchitectures: Set<String> = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
    "s390x", "wasm",
  ]

  /// The same in the words of Go, which images use: `x86_64` is `amd64`, `aarch64` is `arm64` of variant `v8`.
  public var normalized: Platform {
    var result = self
    result.os = os.lowercased()
    if result.os == "macos" { result.os = "darwin" }
    result.architecture = architecture.lowercased()
    var variant = variant?.lowercased() ?? ""
    switch result.architecture {
    case "i386", "i486", "i586", "i686", "x86":
      result.architecture = "386"
      variant = ""
    case "x86_64", "x86-64", "amd64":
      result.architecture = "amd64"
      if variant == "v1" { variant = "" }
    case "aarch64", "arm64":
      result.architecture = "arm64"
      if variant.isEmpty || variant == "8" { variant = "v8" }
    case "armhf":
      result.architecture = "arm"
      variant = "v7"
    case "armel":
      result.architecture = "arm"
      variant = "v6"
    case "arm", "armv5l", "armv6l", "armv7l", "armv8l":
      if result.architecture.utf8.count > 3 { variant = "v" + String(result.architecture.dropFirst(4).prefix(1)) }
      result.architecture = "arm"
      if variant.isEmpty { variant = "v7" }
      if variant.utf8.count == 1 { variant = "v" + variant }
    default: break
    }
    result.variant = variant.isEmpty ? nil : variant
    return result
  }

  /// How well an image for `other` runs here: 0 is best, nil not at all.
  public func preference(for other: Platform) -> Int? {
    let wanted = other.normalized
    return candidates.firstIndex {
      $0.os == wanted.os && $0.architecture == wanted.architecture && $0.variant == wanted.variant
    }
  }

  /// Whether an image for `other` runs here.
  public func runs(_ other: Platform) -> Bool {
    preference(for: other) != nil
  }

  /// What runs here, best first: lesser variants, then the 32-bit kin of the processor.
  public var candidates: [Platform] {
    let own = normalized
    func list(_ architecture: String, _ variants: [String?]) -> [Platform] {
      variants.map { Platform(os: own.os, architecture: architecture, variant: $0) }
    }
    switch own.architecture {
    case "amd64":
      let level = Self.number(of: own.variant) ?? 1
      let above = level >= 2 ? (2...min(level, 4)).reversed().map { "v\($0)" as String? } : []
      return list("amd64", above + [nil]) + list("386", [nil])
    case "arm64":
      var variants: [String?] = [own.variant]
      if own.variant != "v8" { variants.append("v8") }
      return list("arm64", variants) + list("arm", ["v8", "v7", "v6", "v5"])
    case "arm":
      let level = min(Self.number(of: own.variant) ?? 7, 8)
      return level >= 5 ? list("arm", (5...level).reversed().map { "v\($0)" }) : [own]
    default:
      return [own]
    }
  }

  private static func number(of variant: String?) -> Int? {
    guard let variant, variant.utf8.first == UInt8(ascii: "v"), variant.utf8.count == 2 else { return nil }
    return Decimal.value(variant.dropFirst())
  }
}

extension Platform: CustomStringConvertible {
  /// `linux/arm64/v8`
  public var description: String {
    "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "")
  }
}
