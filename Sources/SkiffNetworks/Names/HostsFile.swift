internal import SkiffSpec

/// A line of a hosts file that was asked for: `--add-host NAME:ADDRESS`.
package struct HostEntry: Equatable, Sendable {
  package let names: [HostName]
  package let address: String

  /// Reads `NAME:ADDRESS`, `NAME=ADDRESS` or `NAME;NAME:ADDRESS`. The address may be in brackets; `host-gateway` is `gateway`.
  package init(parsing text: String, gateway: IPv4Address?) throws(NameError) {
    // "=" first: an IPv6 address is full of colons.
    guard let separator = text.firstIndex(of: "=") ?? text.firstIndex(of: ":") else { throw .badHostEntry(text) }
    var names: [HostName] = []
    let list = text[..<separator].split(separator: ";", omittingEmptySubsequences: false)
    guard list.count <= 64 else { throw .badHostEntry(text) }
    for name in list { names.append(try HostName(String(name))) }
    var address = String(text[text.index(after: separator)...])
    if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
    if address == "host-gateway" {
      guard let gateway else { throw .noGateway(text) }
      address = gateway.description
    } else if IPAddress(address) == nil {
      throw .badAddress(address)
    }
    self.names = names
    self.address = address
  }
}

/// What stands in a container's /etc/hosts (hosts(5)) and /etc/hostname.
package enum HostsFile {
  /// More of the host's own file than this is not taken over.
  package static let limitBytes = 1 << 20

  /// Makes the file of a container with a network of its own, or with none (then without an address).
  package static func make(
    hostname: HostName, domain: HostName? = nil, address: IPv4Address?, entries: [HostEntry]
  ) -> [UInt8] {
    var text = """
      127.0.0.1\tlocalhost
      ::1\tlocalhost ip6-localhost ip6-loopback
      fe00::\tip6-localnet
      ff00::\tip6-mcastprefix
      ff02::1\tip6-allnodes
      ff02::2\tip6-allrouters

      """
    // Without a network the container still knows itself by name.
    let own = address?.description ?? "127.0.1.1"
    let full = domain.map { "\(hostname.text).\($0.text) " } ?? ""
    text += "\(own)\t\(full)\(hostname.text)\n"
    return Array((text + lines(entries)).utf8)
  }

  /// Makes the file of a container in the host's network: the host's own with what was asked for at its end.
  package static func make(host: [UInt8], entries: [HostEntry]) -> [UInt8] {
    var content = Array(host.prefix(limitBytes))
    if let last = content.last, last != 0x0A { content.append(0x0A) }
    return content + Array(lines(entries).utf8)
  }

  /// The content of /etc/hostname.
  package static func hostnameFile(_ hostname: HostName) -> [UInt8] {
    Array("\(hostname.text)\n".utf8)
  }

  private static func lines(_ entries: [HostEntry]) -> String {
    entries.map { "\($0.address)\t\($0.names.map(\.text).joined(separator: " "))\n" }.joined()
  }
}
