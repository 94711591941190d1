internal import CCurl
internal import SkiffKernel

/// One exchange in progress: a handle of libcurl with what its callbacks need. Lives on the transport's thread.
@safe
final class CurlTransfer {
  let identifier: UInt64
  let handle: UnsafeMutableRawPointer
  private let receiver: any BodyReceiver
  private let request: HTTPRequest
  private let stallSeconds: Int
  private var reader = HTTPHeadReader()
  private var head: HTTPHead?
  private var isWanted = false
  private var complaint: [UInt8] = []
  /// What a callback found wrong; it explains libcurl's "write error".
  private var failure: HTTPFailure?
  private var headerList: UnsafeMutablePointer<curl_slist>?
  private let words: UnsafeMutablePointer<CChar>
  private let started = ContinuousClock.now
  private var lastHeard: ContinuousClock.Instant?

  /// What a server may say about an error; more is cut off.
  static let complaintLimitBytes = 64 * 1024

  init?(identifier: UInt64, request: HTTPRequest, receiver: any BodyReceiver, timeouts: HTTPTimeouts) {
    guard let handle = unsafe curl_easy_init() else { return nil }
    self.identifier = identifier
    unsafe self.handle = handle
    self.receiver = receiver
    self.request = request
    self.stallSeconds = timeouts.stallSeconds
    unsafe self.words = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe self.words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    unsafe self.headerList = nil
    guard configure(timeouts) else { return nil }
  }

  deinit {
    unsafe curl_easy_cleanup(handle)
    unsafe curl_slist_free_all(headerList)
    unsafe words.deallocate()
  }

  private func configure(_ timeouts: HTTPTimeouts) -> Bool {
    var settled = true
    func text(_ option: CURLoption, _ value: String) {
      let code = unsafe skiff_curl_set_text(handle, option, value)
      settled = settled && code == CURLE_OK
    }
    func number(_ option: CURLoption, _ value: Int) {
      let code = unsafe skiff_curl_set_number(handle, option, value)
      settled = settled && code == CURLE_OK
    }
    text(CURLOPT_URL, request.address.text)
    text(CURLOPT_PROTOCOLS_STR, request.address.scheme.rawValue)
    text(CURLOPT_USERAGENT, HTTPTransport.userAgent)
    number(CURLOPT_FOLLOWLOCATION, 0)
    number(CURLOPT_HTTPGET, 1)
    number(CURLOPT_NOSIGNAL, 1)
    number(CURLOPT_CONNECTTIMEOUT, timeouts.connectSeconds)
    if let seconds = request.totalTimeoutSeconds { number(CURLOPT_TIMEOUT, seconds) }
    number(CURLOPT_TCP_KEEPALIVE, 1)
    number(CURLOPT_BUFFERSIZE, 512 * 1024)
    number(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    if request.address.isLoopback {
      // No proxy can reach our own loopback.
      text(CURLOPT_PROXY, "")
    } else if request.address.scheme == .http, let proxy = Self.plainTextProxy {
      text(CURLOPT_PROXY, proxy)
    }
    if !request.verifiesCertificate {
      number(CURLOPT_SSL_VERIFYPEER, 0)
      number(CURLOPT_SSL_VERIFYHOST, 0)
    } else if !request.authorities.isEmpty {
      // The system's certificates stay trusted: libcurl reads their directory as well.
      settled = settled && setBytes(CURLOPT_CAINFO_BLOB, request.authorities)
    }
    if let own = request.clientCertificate {
      settled =
        settled && setBytes(CURLOPT_SSLCERT_BLOB, own.certificate) && setBytes(CURLOPT_SSLKEY_BLOB, own.key)
      // Without it a key under a passphrase would ask for it on the terminal.
      text(CURLOPT_KEYPASSWD, "")
    }
    for field in request.fields {
      // A line break would begin a field of somebody else's choice.
      guard !"\(field.name)\(field.value)".utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return false }
      guard let longer = unsafe curl_slist_append(headerList, "\(field.name): \(field.value)") else { return false }
      unsafe headerList = longer
    }
    let code = unsafe skiff_curl_set_list(handle, CURLOPT_HTTPHEADER, headerList)
    return settled && code == CURLE_OK && connectCallbacks()
  }

  private func setBytes(_ option: CURLoption, _ bytes: [UInt8]) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe skiff_curl_set_bytes(handle, option, $0.baseAddress, $0.count) } == CURLE_OK
  }

  /// The proxy for plain text from HTTP_PROXY. libcurl itself reads the variables of all other proxies, and this one in lower case alone:
  /// a web server that runs programs sets it to what a client sent (CVE-2016-5385), which REQUEST_METHOD tells.
  private static let plainTextProxy: String? = {
    // An empty variable is one that is not set.
    func value(_ name: String) -> String? {
      ProcessEnvironment.value(named: name).flatMap { $0.isEmpty ? nil : $0 }
    }
    return value("http_proxy") == nil && value("REQUEST_METHOD") == nil ? value("HTTP_PROXY") : nil
  }()

  private func connectCallbacks() -> Bool {
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    return unsafe skiff_curl_set_address(handle, CURLOPT_ERRORBUFFER, words) == CURLE_OK
      && skiff_curl_set_address(handle, CURLOPT_PRIVATE, context) == CURLE_OK
      && skiff_curl_set_address(handle, CURLOPT_WRITEDATA, context) == CURLE_OK
      && skiff_curl_set_address(handle, CURLOPT_HEADERDATA, context) == CURLE_OK
      && skiff_curl_set_receive(
        handle, CURLOPT_WRITEFUNCTION,
        { bytes, _, count, context in
          guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
          let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
          let content = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
          let span = unsafe Span<UInt8>(_unsafeBytes: content)
          return transfer.take(body: span) ? count : 0
        }) == CURLE_OK
      && skiff_curl_set_receive(
        handle, CURLOPT_HEADERFUNCTION,
        { bytes, _, count, context in
          guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
          let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
          let content = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
          let span = unsafe Span<UInt8>(_unsafeBytes: content)
          return transfer.take(headerLine: span) ? count : 0
        }) == CURLE_OK
  }

  private func take(headerLine: Span<UInt8>) -> Bool {
    defer { lastHeard = .now }
    // What follows the head are trailers; nothing of theirs is used.
    if head != nil { return true }
    switch reader.take(line: headerLine) {
    case .more:
      return true
    case .complete(let complete):
      head = complete
      isWanted = receiver.begin(complete)
      return true
    case .refused:
      failure = .malformed("header fields are too long or make no sense")
      return false
    }
  }

  private func take(body bytes: Span<UInt8>) -> Bool {
    // After it was dealt with: a slow disk is not the other side's silence.
    defer { lastHeard = .now }
    guard head != nil else {
      failure = .malformed("a body without a head")
      return false
    }
    if isWanted {
      if receiver.receive(bytes) { return true }
      failure = .stoppedByReceiver
      return false
    }
    let room = Self.complaintLimitBytes - complaint.count
    for index in bytes.indices.prefix(room) { complaint.append(bytes[index]) }
    // Enough was heard: the exchange ends here, and counts as answered.
    return bytes.count <= room
  }

  /// When the silence of the other side will have lasted too long; nil while the connection is being made, which has a limit of its own.
  ///
  /// libcurl's own limit is on the average of the last seconds, and comes the later the more had come before.
  var stallDeadline: ContinuousClock.Instant? {
    let from: ContinuousClock.Instant
    if let lastHeard {
      from = lastHeard
    } else {
      var microseconds = 0
      guard unsafe skiff_curl_get_time(handle, CURLINFO_PRETRANSFER_TIME_T, &microseconds) == CURLE_OK,
        microseconds > 0
      else { return nil }
      from = started + .microseconds(microseconds)
    }
    return from + .seconds(stallSeconds)
  }

  /// What the exchange came to when it is given up for the other side's silence.
  var stallOutcome: Result<HTTPAnswer, HTTPFailure> { .failure(.stalled(seconds: stallSeconds)) }

  /// What the exchange came to, once libcurl is done with it.
  func outcome(_ code: CURLcode) -> Result<HTTPAnswer, HTTPFailure> {
    if let failure { return .failure(failure) }
    if let head, code == CURLE_OK || (code == CURLE_WRITE_ERROR && !isWanted) {
      return .success(HTTPAnswer(head: head, complaint: complaint))
    }
    return .failure(explain(code))
  }

  private func explain(_ code: CURLcode) -> HTTPFailure {
    switch code {
    case CURLE_OK:
      return .malformed("no head")
    case CURLE_COULDNT_RESOLVE_HOST:
      return .unreachable("no such host")
    case CURLE_COULDNT_RESOLVE_PROXY:
      return .unreachable("no such proxy")
    case CURLE_COULDNT_CONNECT:
      return .unreachable(reasonOfNoConnection())
    case CURLE_OPERATION_TIMEDOUT:
      return .timedOut
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR:
      return .untrusted(libraryWords(without: "SSL certificate problem: "))
    case CURLE_SSL_CACERT_BADFILE:
      return .untrusted("the registry's own authorities (*.crt) cannot be read")
    case CURLE_SSL_CERTPROBLEM:
      return .clientCertificate("the client certificate cannot be used: \(libraryWords())")
    case CURLE_SSL_CONNECT_ERROR:
      return .noSecureConnection(libraryWords())
    case CURLE_PARTIAL_FILE:
      return .interrupted("the answer ended early")
    case CURLE_GOT_NOTHING:
      return .interrupted("the connection closed without an answer")
    case CURLE_RECV_ERROR, CURLE_SEND_ERROR:
      return explainBreak(libraryWords())
    case CURLE_HTTP2, CURLE_HTTP2_STREAM:
      return .interrupted(libraryWords())
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL:
      return .malformed(libraryWords())
    default:
      return .interrupted(libraryWords())
    }
  }

  private func reasonOfNoConnection() -> String {
    var reason = "cannot connect"
    var number = 0
    if unsafe skiff_curl_get_number(handle, CURLINFO_OS_ERRNO, &number) == CURLE_OK, let code = Int32(exactly: number),
      code > 0
    {
      reason = Errno(code).description
    }
    // libcurl names whom it tried to connect to: not always the one that is meant.
    let host = request.address.host.filter { $0 != "[" && $0 != "]" }
    let words = libraryWords()
    guard words.hasPrefix("Failed to connect to "), !words.hasPrefix("Failed to connect to \(host) ") else {
      return reason
    }
    let parts = words.split(separator: " ")
    return parts.count > 5 ? "\(reason) by the proxy \(parts[4]):\(parts[6])" : reason
  }

  /// What a broken connection broke on, where that is known.
  private func explainBreak(_ words: String) -> HTTPFailure {
    // An alert comes after our half of a handshake is done (TLS 1.3): the first read meets it.
    if words.contains("alert certificate required") {
      return .clientCertificate("the server wants a client certificate")
    }
    if words.contains(" alert ") { return .noSecureConnection(words) }
    if words.contains("CONNECT") { return .unreachable("the proxy refuses: \(words)") }
    return .interrupted("the connection broke")
  }

  /// libcurl's own sentence about the failure, in one line of plain characters.
  private func libraryWords(without prefix: String = "") -> String {
    let sentence = unsafe String(cString: words)
    let plain = printable(Array(sentence.utf8), limitCharacters: 200)
    if plain.isEmpty { return "unknown failure" }
    return plain.hasPrefix(prefix) ? String(plain.dropFirst(prefix.count)) : plain
  }
}

/// Text from outside made fit for a terminal and a single line: no control characters, bounded.
package func printable(_ bytes: [UInt8], limitCharacters: Int) -> String {
  // Four bytes a character at most: no more of a long text needs to be decoded.
  let text = String(
    decoding: bytes.prefix(limitCharacters.multipliedReportingOverflow(by: 4).partialValue), as: UTF8.self)
  var plain = ""
  for scalar in text.unicodeScalars.prefix(limitCharacters) {
    // C0, DEL, C1 controls, and the marks that turn the direction of text.
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: plain += " "
    default: plain.unicodeScalars.append(scalar)
    }
  }
  return trimmed(plain)
}
