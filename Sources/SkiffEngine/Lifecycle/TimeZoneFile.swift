import SkiffKernel

/// What a container's /etc/localtime holds (tzfile(5)).
enum TimeZoneFile {
  private static let limitBytes = 1 << 20
  private static let database = "/usr/share/zoneinfo"

  /// The content for a zone of the host's database, or for `local`, the host's own.
  static func read(_ zone: String) throws(EngineError) -> [UInt8] {
    if zone == "local" { return try content("/etc/localtime", zone) }
    // The name is a path below the database, and nothing else.
    let parts = zone.split(separator: "/", omittingEmptySubsequences: false)
    let isName = parts.allSatisfy { part in
      !part.isEmpty && !part.hasPrefix(".")
        && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_+-".contains($0)) }
    }
    guard isName else { throw unrecognized(zone) }
    return try content("\(database)/\(zone)", zone)
  }

  private static func content(_ path: String, _ zone: String) throws(EngineError) -> [UInt8] {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
      guard try file.descriptor.status().type == .regular else { throw .notFound }
      let bytes = try file.descriptor.readToEnd(limitBytes: limitBytes)
      guard bytes.starts(with: Array("TZif".utf8)) else { throw .notFound }
      return bytes
    } catch {
      guard error == .notFound || error == .notDirectory else { throw .kernel(act: "read", thing: path, cause: error) }
      throw unrecognized(zone)
    }
  }

  private static func unrecognized(_ zone: String) -> EngineError {
    .invalidOption(name: "--tz", value: zone, reason: "the host has no time zone of that name (\(database))")
  }
}
