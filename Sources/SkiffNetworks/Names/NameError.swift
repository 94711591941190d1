/// A wish about names that cannot be granted.
package enum NameError: Error, Equatable, Sendable {
  /// Not an IPv4 or IPv6 address.
  case badAddress(String)
  /// Not a host name: empty, longer than 253 bytes, or with other characters than letters, digits, `-`, `_` and `.`.
  case badHostName(String)
  /// Not `NAME:ADDRESS`.
  case badHostEntry(String)
  /// Not one word of visible characters.
  case badResolverWord(String)
  /// `host-gateway` where the container has no gateway.
  case noGateway(String)
}

extension NameError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .badAddress(let text): "\"\(text)\" is not an IP address"
    case .badHostName(let text): "\"\(text)\" is not a host name"
    case .badHostEntry(let text): "\"\(text)\" does not have the form NAME:ADDRESS"
    case .badResolverWord(let text): "\"\(text)\" cannot stand in a resolver configuration"
    case .noGateway(let text): "\"\(text)\" asks for the host's gateway, and this container's network has none"
    }
  }
}

/// A name that may stand in a hosts file: nothing in it can begin a new field, line or comment.
package struct HostName: Equatable, Hashable, Sendable {
  package let text: String

  package init(_ text: String) throws(NameError) {
    guard (1...253).contains(text.utf8.count), text.utf8.first != UInt8(ascii: "-") else { throw .badHostName(text) }
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: continue
      default: throw .badHostName(text)
      }
    }
    self.text = text
  }
}
