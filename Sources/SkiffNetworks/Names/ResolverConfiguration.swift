internal import SkiffSpec

/// What stands in a container's /etc/resolv.conf (resolv.conf(5)).
package struct ResolverConfiguration: Equatable, Sendable {
  package var nameservers: [String] = []
  package var search: [String] = []
  package var options: [String] = []

  /// More than this is not read: a resolver looks at three servers, and no honest file is longer.
  package static let limitBytes = 65536
  private static let entryLimit = 64

  package init() {}

  /// Reads the content of a file; what is not understood is passed over, as resolvers do.
  package init(parsing content: some Collection<UInt8>) {
    for line in content.prefix(Self.limitBytes).split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
      let words = line.split { $0 == 0x20 || $0 == 0x09 }.prefix(Self.entryLimit).map {
        String(decoding: $0, as: UTF8.self)
      }
      guard let keyword = words.first else { continue }
      switch keyword {
      case "nameserver":
        if let server = words.dropFirst().first, nameservers.count < Self.entryLimit { nameservers.append(server) }
      // The last of these lines wins.
      case "search": search = Array(words.dropFirst())
      case "domain": search = Array(words.dropFirst().prefix(1))
      case "options": options = Array((options + words.dropFirst()).prefix(Self.entryLimit))
      default: continue
      }
    }
  }

  /// The file's content.
  package func serialized() -> [UInt8] {
    var text = ""
    if !search.isEmpty { text += "search \(search.joined(separator: " "))\n" }
    for server in nameservers { text += "nameserver \(server)\n" }
    if !options.isEmpty { text += "options \(options.joined(separator: " "))\n" }
    return Array(text.utf8)
  }
}

/// What a person asked for: `--dns`, `--dns-search`, `--dns-option`. An empty list leaves what the host has.
package struct ResolverWishes: Equatable, Sendable {
  package var nameservers: [String]
  /// A single `.` means: search nowhere.
  package var search: [String]
  package var options: [String]

  package init(nameservers: [String] = [], search: [String] = [], options: [String] = []) {
    self.nameservers = nameservers
    self.search = search
    self.options = options
  }
}

/// Whose servers a container can reach.
package enum ResolverReach: Sendable {
  /// The host's own network: all that the host can.
  case host
  /// A network of its own that speaks IPv4 only: neither the host's loopback nor IPv6.
  case ownNetwork
  /// No network at all.
  case nowhere
}

extension ResolverConfiguration {
  /// Used, and reported, where the host has no server that a container can reach: two, of different houses.
  package static let fallbackNameservers = ["1.1.1.1", "8.8.8.8"]
  /// Where systemd-resolved keeps the servers that it hides behind 127.0.0.53.
  package static let systemdResolvedPath = "/run/systemd/resolve/resolv.conf"

  /// Makes a container's configuration.
  ///
  /// `host` is the content of the host's /etc/resolv.conf, `systemdResolved` that of `systemdResolvedPath`, nil where there is
  /// none. Also gives whether the fallback servers had to be taken.
  package static func forContainer(
    host: [UInt8]?, systemdResolved: [UInt8]?, wishes: ResolverWishes, reach: ResolverReach
  ) throws(NameError) -> (configuration: ResolverConfiguration, usesFallback: Bool) {
    var configuration = ResolverConfiguration(parsing: host ?? [])
    var usesFallback = false
    if !wishes.nameservers.isEmpty {
      for server in wishes.nameservers where IPAddress(server) == nil { throw .badAddress(server) }
      configuration.nameservers = wishes.nameservers
    } else if reach != .host {
      let reachable = configuration.nameservers.filter(isReachableFromOwnNetwork)
      let hidden = ResolverConfiguration(parsing: systemdResolved ?? []).nameservers.filter(isReachableFromOwnNetwork)
      configuration.nameservers = reachable.isEmpty ? hidden : reachable
      if configuration.nameservers.isEmpty, reach == .ownNetwork {
        configuration.nameservers = fallbackNameservers
        usesFallback = true
      }
    }
    if !wishes.search.isEmpty { configuration.search = wishes.search == ["."] ? [] : wishes.search }
    if !wishes.options.isEmpty { configuration.options = wishes.options }
    for word in wishes.search + wishes.options where !isVisibleWord(word) { throw .badResolverWord(word) }
    return (configuration, usesFallback)
  }

  private static func isReachableFromOwnNetwork(_ server: String) -> Bool {
    guard let address = IPv4Address(server) else { return false }
    return !address.isLoopback && address.number != 0
  }

  private static func isVisibleWord(_ word: String) -> Bool {
    (1...255).contains(word.utf8.count) && word.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}
