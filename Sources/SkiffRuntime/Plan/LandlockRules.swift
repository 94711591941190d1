internal import SkiffKernel
internal import SkiffSpec

/// What the container's processes may still reach, whatever they are allowed otherwise (landlock(7)).
///
/// Where a rule speaks of files, all files that no rule names are out of reach but the standard devices; where one speaks of connecting, or
/// of binding, so are all other ports of TCP. The rules stand in an annotation, as a JSON array of texts, since no property of the runtime
/// specification holds them yet (opencontainers/runtime-spec#1110).
package struct LandlockRules: Equatable, Sendable {
  package static let annotation = "skiff.landlock"

  package struct Place: Equatable, Sendable {
    /// Absolute, as the container has it.
    package var path: String
    package var isWritable: Bool
  }

  package var places: [Place] = []
  /// Nil leaves the ports alone; none at all forbids every one.
  package var connects: [UInt16]?
  package var binds: [UInt16]?

  package init() {}

  package var isEmpty: Bool { places.isEmpty && connects == nil && binds == nil }

  /// A rule that cannot be read.
  package struct Fault: Error {
    package let words: String
  }

  private static let ruleLimit = 1024

  /// Takes one rule in: `ro=/etc`, `rw=/data`, `connect=443`, `bind=8000-8010`, `connect=none`.
  package mutating func take(_ rule: String) throws(Fault) {
    let parts = rule.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[1].isEmpty else {
      throw Fault(words: "a rule is ro=PATH, rw=PATH, connect=PORT or bind=PORT")
    }
    switch parts[0] {
    case "ro", "rw":
      guard parts[1].hasPrefix("/"), !parts[1].utf8.contains(0) else {
        throw Fault(words: "\(parts[1]) is no absolute path")
      }
      places.append(Place(path: parts[1], isWritable: parts[0] == "rw"))
    case "connect": connects = try (connects ?? []) + Self.ports(parts[1])
    case "bind": binds = try (binds ?? []) + Self.ports(parts[1])
    default: throw Fault(words: "there is no rule \(parts[0]): it is ro, rw, connect or bind")
    }
    guard places.count + (connects?.count ?? 0) + (binds?.count ?? 0) <= Self.ruleLimit else {
      throw Fault(words: "there are more than \(Self.ruleLimit) rules")
    }
  }

  private static func ports(_ text: String) throws(Fault) -> [UInt16] {
    if text == "none" { return [] }
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt16($0) }
    guard let first = ends[0], let last = ends[ends.count - 1], first > 0, first <= last,
      Int(last) - Int(first) < ruleLimit
    else { throw Fault(words: "\(text) is no port, no short range of them, and not none") }
    return Array(first...last)
  }

  /// The rules that a container's annotations hold; nil where they hold none.
  init?(annotations: [String: String]) throws(LaunchError) {
    guard let text = annotations[Self.annotation] else { return nil }
    guard let list = (try? JSONValue.parse(Array(text.utf8)))?.array else {
      throw LaunchError("the annotation \(Self.annotation) is no JSON array of rules")
    }
    for item in list {
      do throws(Fault) {
        try take(item.string ?? "")
      } catch {
        throw LaunchError("the annotation \(Self.annotation): \(error.words)")
      }
    }
    if isEmpty { return nil }
  }

  /// Why the rules cannot be kept by the kernel; nil where they can.
  package func obstacle(version: Int) -> String? {
    if version == 0 { return "this kernel has no Landlock, or it is switched off (lsm=landlock)" }
    if !places.isEmpty, version < 3 {
      return "rules about files need Landlock 3 (Linux 6.2): an older one lets every file be cut short (truncate(2))"
    }
    if connects != nil || binds != nil, version < 4 { return "rules about ports need Landlock 4 (Linux 6.7)" }
    return nil
  }

  /// Whether the rules about files let a path of the container's be read, or written.
  package func allows(_ path: String, writing: Bool) -> Bool {
    func isBeneath(_ place: String) -> Bool { place == "/" || path == place || path.hasPrefix(place + "/") }
    return places.isEmpty || places.contains { isBeneath($0.path) && ($0.isWritable || !writing) }
      || Self.devices.contains { isBeneath("/dev/" + $0) }
  }

  // MARK: In the container

  /// Files that programs take for granted.
  private static let devices = ["null", "zero", "full", "random", "urandom", "tty", "console", "pts"]

  /// Makes the ruleset, with what is allowed beside the places.
  func makeRuleset() throws(Errno) -> FileDescriptor {
    let version = Landlock.version
    guard obstacle(version: version) == nil else { throw .noSystemCall }
    let known = places.isEmpty ? [] : Landlock.FileAccess.known(version: version)
    var ports: Landlock.PortAccess = []
    if connects != nil { ports.insert(.connect) }
    if binds != nil { ports.insert(.bind) }
    let ruleset = try Landlock.makeRuleset(files: known, ports: ports)
    if !places.isEmpty {
      let using: Landlock.FileAccess = [.readFile, .writeFile, .readDirectory, .truncate, .deviceControl]
      for name in Self.devices {
        do throws(Errno) {
          try Self.allow(using.intersection(known), beneath: "/dev/\(name)", in: ruleset.descriptor)
        } catch {
          // Not every container has each of them.
          guard error == .notFound else { throw error }
        }
      }
    }
    for port in connects ?? [] { try ruleset.descriptor.allow(.connect, port: port) }
    for port in binds ?? [] { try ruleset.descriptor.allow(.bind, port: port) }
    return ruleset
  }

  /// Allows a place, as what its path leads to now.
  static func allow(_ place: Place, in ruleset: Descriptor) throws(Errno) {
    let known = Landlock.FileAccess.known(version: Landlock.version)
    let reading: Landlock.FileAccess = [.execute, .readFile, .readDirectory]
    try allow(place.isWritable ? known : reading, beneath: place.path, in: ruleset)
  }

  private static func allow(_ access: Landlock.FileAccess, beneath path: String, in ruleset: Descriptor) throws(Errno) {
    let place = try Descriptor.workingDirectory.open(try KernelPath(path), [.pathOnly])
    let isDirectory = try place.descriptor.status().type == .directory
    try ruleset.allow(isDirectory ? access : access.intersection(.ofFiles), beneath: place.descriptor)
  }
}
