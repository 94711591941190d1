internal import CCurl

/// An absolute http or https address.
///
/// It is taken apart by the same parser that will later connect to it (libcurl's), so that a check made here and the
/// connection made there can never mean two different hosts.
package struct WebAddress: Sendable, Hashable {
  package enum Scheme: String, Sendable {
    case http
    case https

    var defaultPort: UInt16 { self == .http ? 80 : 443 }
  }

  package let scheme: Scheme
  /// As libcurl normalises it: lower case is not promised, an IPv6 address stands in brackets.
  package let host: String
  package let port: UInt16
  /// The whole address as text.
  package let text: String

  /// The longest address that is taken from outside.
  static let lengthLimitBytes = 8192

  /// Nil for what is not an http or https address, or holds a user name or password.
  package init?(_ text: String) {
    guard let parser = AddressParser(), parser.set(text) else { return nil }
    self.init(parser)
  }

  /// What `location` means when it stands in an answer from this address (RFC 3986, section 5).
  package func resolving(_ location: String) -> WebAddress? {
    guard let parser = AddressParser(), parser.set(text), parser.set(location) else { return nil }
    return WebAddress(parser)
  }

  private init?(_ parser: borrowing AddressParser) {
    // Never sent, and in the way of whatever is put at the end.
    parser.removeFragment()
    guard let schemeText = parser.part(CURLUPART_SCHEME), let scheme = Scheme(rawValue: schemeText.lowercased()),
      let host = parser.part(CURLUPART_HOST), !host.isEmpty,
      let text = parser.part(CURLUPART_URL),
      // A user name in an address is a credential that would follow it to wherever it points.
      parser.part(CURLUPART_USER) == nil, parser.part(CURLUPART_PASSWORD) == nil
    else { return nil }
    var port = scheme.defaultPort
    if let portText = parser.part(CURLUPART_PORT) {
      guard let number = UInt16(portText) else { return nil }
      port = number
    }
    // The text is read once more by who connects. A host that is another one then (`127%2e1`: first a name, then an address) would pass
    // every check made here and be reached all the same.
    guard let again = AddressParser(), again.set(text), again.part(CURLUPART_HOST) == host,
      again.part(CURLUPART_PORT) == parser.part(CURLUPART_PORT), again.part(CURLUPART_SCHEME) == schemeText
    else { return nil }
    self.scheme = scheme
    self.host = host
    self.port = port
    self.text = text
  }

  /// Scheme, host and port: what a credential is bound to.
  package var origin: String { "\(scheme.rawValue)://\(host.lowercased()):\(port)" }

  /// Whether the host can only be this machine: 127.0.0.0/8, ::1 or localhost.
  package var isLoopback: Bool { Self.isLoopback(host: host) }

  /// See `isLoopback`; `host` has no port.
  package static func isLoopback(host: String) -> Bool {
    let host = host.lowercased()
    if host == "localhost" || host == "[::1]" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.dropFirst().allSatisfy { UInt8($0) != nil }
  }

  /// Whether the host is an address rather than a name.
  package var isNumeric: Bool {
    if host.hasPrefix("[") { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}

/// A handle of libcurl's address parser (curl_url(3)).
@safe
private struct AddressParser: ~Copyable {
  private let handle: OpaquePointer

  init?() {
    guard let handle = unsafe curl_url() else { return nil }
    unsafe self.handle = handle
  }

  deinit {
    unsafe curl_url_cleanup(handle)
  }

  /// Takes an absolute address, or a relative one on top of what was set before.
  func set(_ text: String) -> Bool {
    // A control character or space has no place in an address; libcurl is asked to refuse them too.
    guard text.utf8.count <= WebAddress.lengthLimitBytes, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      return false
    }
    return unsafe curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK
  }

  func removeFragment() {
    _ = unsafe curl_url_set(handle, CURLUPART_FRAGMENT, nil, 0)
  }

  func part(_ part: CURLUPart) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard unsafe curl_url_get(handle, part, &text, 0) == CURLUE_OK, let address = unsafe text else { return nil }
    defer { unsafe curl_free(address) }
    return unsafe String(cString: address)
  }
}
