/// A resource limit of the process (`--ulimit`, setrlimit(2)); `UInt64.max` is unlimited.
public struct ResourceLimitRequest: Equatable, Sendable {
  /// As `nofile`.
  public var name: String
  public var soft: UInt64
  public var hard: UInt64

  public init(name: String, soft: UInt64, hard: UInt64) {
    self.name = name
    self.soft = soft
    self.hard = hard
  }

  /// The limits that Linux has, by their short names (bits/resource.h), in the order of their numbers.
  static let names = [
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
    "msgqueue", "nice", "rtprio", "rttime",
  ]

  /// The number that the kernel knows the limit by.
  var number: Int32 { Self.names.firstIndex(of: name).map(Int32.init) ?? -1 }

  /// As the runtime specification writes it: `RLIMIT_NOFILE`.
  var specName: String { "RLIMIT_" + name.uppercased() }

  /// Reads `nofile=1024:2048` or `nofile=1024`; -1 and `unlimited` lift a limit.
  public init(parsing text: String) throws(EngineError) {
    let option = "--ulimit"
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw .invalidOption(name: option, value: text, reason: "expected NAME=SOFT[:HARD]")
    }
    guard Self.names.contains(String(parts[0])) else {
      throw .invalidOption(
        name: option, value: text, reason: "limits are named " + Self.names.joined(separator: ", "))
    }
    let values = parts[1].split(separator: ":", omittingEmptySubsequences: false).map { value -> UInt64? in
      value == "-1" || value == "unlimited" ? .max : UInt64(value)
    }
    guard values.count == 1 || values.count == 2, let soft = values[0], let hard = values[values.count - 1] else {
      throw .invalidOption(name: option, value: text, reason: "a limit is a number, -1 or unlimited")
    }
    guard soft <= hard else {
      throw .invalidOption(name: option, value: text, reason: "the soft limit is above the hard one")
    }
    self.init(name: String(parts[0]), soft: soft, hard: hard)
  }
}
