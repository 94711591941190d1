/// Ports of the host that lead to ports of the container (`--publish`).
public struct PortRequest: Equatable, Sendable {
  /// `tcp`, `udp` or `sctp`.
  public var transport: String
  /// Nil is every address of the host.
  public var hostAddress: String?
  /// Nil leaves the choice to the engine. As many as the container's are taken in pairs; of several for one the first free.
  public var hostPorts: ClosedRange<UInt16>?
  public var containerPorts: ClosedRange<UInt16>

  /// Reads `[ADDRESS:][HOST[-HOST]:]CONTAINER[-CONTAINER][/tcp|udp|sctp]`.
  public init(parsing text: String) throws(EngineError) {
    func refuse(_ reason: String) -> EngineError { .invalidOption(name: "--publish", value: text, reason: reason) }
    if text.contains("[") || text.split(separator: ":", omittingEmptySubsequences: false).count > 3 {
      throw .notBuilt("--publish \(text): addresses of IPv6")
    }
    let (ports, transport) = try Self.withoutTransport(text, option: "--publish")
    let parts = ports.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let inside = parts.last, !inside.isEmpty else { throw refuse("no port specified") }
    guard let containerPorts = Self.range(inside) else { throw refuse("invalid containerPort: \(inside)") }
    self.transport = transport
    self.containerPorts = containerPorts
    if parts.count > 1, let host = parts.dropLast().last, !host.isEmpty {
      // Port 0 leaves the choice to the engine, as no port does.
      if host != "0" {
        guard let hostPorts = Self.range(host) else { throw refuse("invalid hostPort: \(host)") }
        guard hostPorts.count == containerPorts.count || containerPorts.count == 1 else {
          throw refuse("invalid ranges specified for container and host Ports: \(inside) and \(host)")
        }
        self.hostPorts = hostPorts
      }
    }
    if parts.count == 3, !parts[0].isEmpty {
      guard Self.isAddress(parts[0]) else { throw refuse("invalid IP address: \(parts[0])") }
      hostAddress = parts[0] == "0.0.0.0" ? nil : parts[0]
    }
  }

  /// `80/tcp` parted; what names no protocol is of TCP.
  static func withoutTransport(_ text: String, option: String) throws(EngineError) -> (ports: String, transport: String)
  {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let transport = parts.count == 2 ? parts[1].lowercased() : "tcp"
    guard ["tcp", "udp", "sctp"].contains(transport) else {
      throw .invalidOption(name: option, value: text, reason: "invalid proto: \(parts[1])")
    }
    return (parts[0], transport)
  }

  /// `80` or `80-90`, each from 1 to 65535.
  static func range(_ text: String) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard ends.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let first = UInt16(ends[0]), first > 0, let last = UInt16(ends[ends.count - 1]), first <= last
    else { return nil }
    return first...last
  }

  private static func isAddress(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        UInt8(part) != nil && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
          && (part.count == 1 || part.first != "0")
      }
  }

  /// As the option writes it.
  public var text: String {
    func range(_ range: ClosedRange<UInt16>) -> String {
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
    let host = hostPorts.map(range) ?? ""
    let address = hostAddress.map { $0 + ":" } ?? ""
    return (address.isEmpty && host.isEmpty ? "" : "\(address)\(host):") + range(containerPorts) + "/" + transport
  }
}

/// A port that a container listens on (`--expose`, an image's `EXPOSE`).
public struct ExposedPort: Equatable, Hashable, Sendable {
  public var port: UInt16
  public var transport: String

  public var text: String { "\(port)/\(transport)" }

  /// Reads `80`, `80/udp` or `80-90/tcp`.
  public static func parse(_ text: String, option: String = "--expose") throws(EngineError) -> [ExposedPort] {
    let (ports, transport) = try PortRequest.withoutTransport(text, option: option)
    guard let range = PortRequest.range(ports) else {
      throw .invalidOption(name: option, value: text, reason: "invalid range format for --expose: \(ports)")
    }
    return range.map { ExposedPort(port: $0, transport: transport) }
  }

  /// Most ports that are read of an image's list: a range is short, and what it stands for is not.
  static let imageLimit = 65_536

  /// What the caller exposes, then what the image does, each once.
  package static func merged(_ asked: [ExposedPort], _ ofImage: [String]) -> (ports: [ExposedPort], isCut: Bool) {
    var ports: [ExposedPort] = []
    var known: Set<ExposedPort> = []
    for port in asked where known.insert(port).inserted { ports.append(port) }
    var left = imageLimit
    for text in ofImage {
      // What an image says that is no port is not worth a failure.
      guard let range = try? parse(text) else { continue }
      for port in range.prefix(left) where known.insert(port).inserted { ports.append(port) }
      left -= range.count
      if left < 0 { return (ports, true) }
    }
    return (ports, false)
  }
}
