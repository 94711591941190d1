/// Speaks the OCI distribution protocol with one registry about one repository.
///
/// The actor guards what the conversation has learnt: the address that works and the token. A token is bound to the origin that it
/// was asked for and is sent nowhere else.
package actor RegistryClient {
  /// As it stands in the reference: `docker.io`, `localhost:5000`.
  package nonisolated let registry: String
  package nonisolated let repository: String
  private let transport: HTTPTransport
  private let options: RegistryOptions
  private let certificates: RegistryCertificates
  private var base: WebAddress?
  private var token: String?

  package init(
    registry: String, repository: String, transport: HTTPTransport, options: RegistryOptions
  ) throws(TransferError) {
    self.registry = registry
    self.repository = repository
    self.transport = transport
    self.options = options
    self.certificates = try RegistryCertificates.find(registry: registry, options)
  }

  /// The addresses that may be the registry, in the order they are tried.
  ///
  /// Plain http is for this machine's own registries, and for those that the person called insecure. A registry on loopback is asked in
  /// plain text first: it answers at once whatever it speaks, and nothing is said that is worth hearing.
  package static func candidates(registry: String, isInsecure: Bool) -> [WebAddress] {
    let host = registry == "docker.io" ? "registry-1.docker.io" : registry
    guard let secure = WebAddress("https://\(host)/v2/"), let plain = WebAddress("http://\(host)/v2/") else {
      return []
    }
    if secure.isLoopback { return [plain, secure] }
    return isInsecure ? [secure, plain] : [secure]
  }

  // MARK: finding the registry

  /// Finds the registry and learns whether it wants a token.
  package func connect() async throws(TransferError) {
    var first: TransferError?
    var candidates = Self.candidates(registry: registry, isInsecure: options.isInsecure)[...]
    while let candidate = candidates.popFirst() {
      do throws(TransferError) {
        try await ask(candidate, isLast: candidates.isEmpty)
        return
      } catch {
        guard case .unreachable(_, let failure) = error, failure.maySpeakOtherwise else { throw error }
        // What was asked first is what the person meant.
        first = first ?? error
      }
    }
    throw first ?? .invalid(what: "registry \(registry)", reason: "it is no host name")
  }

  /// Asks at one address, again while its failure may pass; where there is another address, that is tried before the same one again.
  private func ask(_ candidate: WebAddress, isLast: Bool) async throws(TransferError) {
    var patience = options.patience
    var failures = 0
    while true {
      do throws(TransferError) {
        return try await ask(candidate)
      } catch {
        if case .unreachable(_, let failure) = error {
          failures += 1
          if failures == Self.failureLimit || (!isLast && failure.maySpeakOtherwise) { throw error }
        }
        try await Patience.rest(milliseconds: try patience.pause(after: error))
      }
    }
  }

  /// A registry that was not there so often is not there: silence takes long.
  private static let failureLimit = 2

  private func ask(_ candidate: WebAddress) async throws(TransferError) {
    let answer: HTTPAnswer
    do throws(HTTPFailure) {
      var request = request(for: candidate)
      request.totalTimeoutSeconds = RegistryOptions.documentTimeoutSeconds
      answer = try await transport.exchange(request, receiver: MemoryReceiver(limitBytes: 1 << 20))
    } catch {
      if error == .cancelled { throw .interrupted }
      throw .unreachable(registry: registry, error == .stoppedByReceiver ? .malformed("it is too long") : error)
    }
    // A TLS port answers plain text with 400 and nothing else does for this question.
    if answer.head.status == 400, candidate.scheme == .http {
      throw .unreachable(registry: registry, .malformed("it wants TLS"))
    }
    if answer.head.status >= 500 || answer.head.status == 429 {
      throw failure(answer, what: "registry \(registry)")
    }
    base = candidate
    if answer.head.status == 401 { token = try await newToken(answer.head) }
  }

  // MARK: asking

  /// Fetches a small document: `manifests/latest`.
  package func document(
    _ path: String, what: String, accept: [String], limitBytes: Int
  ) async throws(TransferError) -> (head: HTTPHead, bytes: [UInt8]) {
    try await retrying { () async throws(TransferError) in
      let receiver = MemoryReceiver(limitBytes: limitBytes)
      do throws(TransferError) {
        let head = try await self.once(
          path, what: what, fields: [HTTPHead.Field(name: "Accept", value: accept.joined(separator: ", "))],
          receiver: receiver, totalTimeoutSeconds: RegistryOptions.documentTimeoutSeconds)
        return (head, receiver.bytes)
      } catch {
        if receiver.isOverLimit { throw .tooLong(what: what, declaredBytes: Int64(limitBytes)) }
        throw error
      }
    }
  }

  /// One try to fetch bytes into a receiver, from `offset` on. Retries are the caller's: it knows what it has.
  package func stream(
    _ path: String, what: String, from offset: Int64, receiver: any BodyReceiver
  ) async throws(TransferError) -> HTTPHead {
    let range = offset > 0 ? [HTTPHead.Field(name: "Range", value: "bytes=\(offset)-")] : []
    return try await once(path, what: what, fields: range, receiver: receiver, totalTimeoutSeconds: nil)
  }

  /// Asks until there is an answer, following redirects and getting a token where the registry wants one.
  private func once(
    _ path: String, what: String, fields: [HTTPHead.Field], receiver: any BodyReceiver, totalTimeoutSeconds: Int?
  ) async throws(TransferError) -> HTTPHead {
    guard let base, let start = WebAddress("\(base.text)\(repository)/\(path)"), start.origin == base.origin else {
      throw .invalid(what: what, reason: "it makes no address")
    }
    var address = start
    var redirects = 0
    var hasNewToken = false
    while true {
      var request = request(for: address)
      request.fields += fields
      request.totalTimeoutSeconds = totalTimeoutSeconds
      // The one place where a credential goes out: to the origin that it was asked for.
      if let token, address.origin == base.origin {
        request.fields.append(HTTPHead.Field(name: "Authorization", value: "Bearer \(token)"))
      }
      let answer = try await exchange(request, what: what, receiver: receiver)
      switch answer.head.status {
      case 200, 206:
        return answer.head
      case 301, 302, 303, 307, 308:
        redirects += 1
        guard redirects <= RegistryOptions.redirectLimit else {
          throw .badRedirect(what: what, reason: "there are too many")
        }
        address = try redirected(from: address, answer.head, what: what)
      case 401 where address.origin == base.origin && !hasNewToken:
        token = try await newToken(answer.head)
        hasNewToken = true
        address = start
      default:
        throw failure(answer, what: what)
      }
    }
  }

  private func request(for address: WebAddress) -> HTTPRequest {
    var request = HTTPRequest(address: address)
    request.verifiesCertificate = !options.isInsecure
    request.authorities = certificates.authorities
    // Who we are is told to the registry alone, not to a token server or to where a redirect leads.
    if Self.candidates(registry: registry, isInsecure: false).contains(where: { $0.origin == address.origin }) {
      request.clientCertificate = certificates.client
    }
    return request
  }

  private func exchange(
    _ request: HTTPRequest, what: String, receiver: any BodyReceiver
  ) async throws(TransferError) -> HTTPAnswer {
    do throws(HTTPFailure) {
      return try await transport.exchange(request, receiver: receiver)
    } catch {
      if error == .cancelled { throw .interrupted }
      throw .broken(what: what, error)
    }
  }

  /// Where a redirect leads. Plain text is never begun by one, but between this machine's own servers or where the person allowed it.
  private func redirected(from address: WebAddress, _ head: HTTPHead, what: String) throws(TransferError) -> WebAddress
  {
    guard let location = head.first("location"), let target = address.resolving(location) else {
      throw .badRedirect(what: what, reason: "it leads to no http or https address")
    }
    if target.scheme == .http {
      guard address.scheme == .http else { throw .badRedirect(what: what, reason: "it leads from https to http") }
      guard target.isLoopback || options.isInsecure else {
        throw .badRedirect(what: what, reason: "it leads to \(target.host) without TLS")
      }
    }
    return target
  }

  // MARK: tokens

  /// Gets an anonymous token from the server that the challenge names.
  private func newToken(_ head: HTTPHead) async throws(TransferError) -> String {
    guard let base else { throw .badChallenge(registry: registry, reason: "it came before the registry was known") }
    let challenges = head.all("www-authenticate").flatMap(AuthenticationChallenge.parse)
    guard let challenge = challenges.first(where: { $0.scheme == "bearer" }) else {
      if challenges.contains(where: { $0.scheme == "basic" }) {
        throw .accessDenied(what: "registry \(registry)", words: "it wants a user name and a password")
      }
      throw .badChallenge(registry: registry, reason: "it names no way that is known")
    }
    guard let realmText = challenge.parameters["realm"], let realm = WebAddress(realmText) else {
      throw .badChallenge(registry: registry, reason: "its realm is no http or https address")
    }
    guard RealmPolicy.allows(realm: realm, registry: base) else {
      throw .foreignRealm(registry: registry, realm: realm.origin)
    }
    guard let address = tokenAddress(realm: realm, service: challenge.parameters["service"]) else {
      throw .badChallenge(registry: registry, reason: "its realm is too long")
    }
    let what = "a token for \(registry)/\(repository)"
    let receiver = MemoryReceiver(limitBytes: RegistryOptions.tokenLimitBytes)
    var request = request(for: address)
    request.totalTimeoutSeconds = RegistryOptions.documentTimeoutSeconds
    let answer: HTTPAnswer
    do throws(TransferError) {
      answer = try await exchange(request, what: what, receiver: receiver)
    } catch {
      if receiver.isOverLimit { throw .tooLong(what: what, declaredBytes: Int64(RegistryOptions.tokenLimitBytes)) }
      throw error
    }
    // A redirect is not followed: a token server has no reason to send us elsewhere.
    guard answer.head.status == 200 else { throw failure(answer, what: what) }
    guard let token = RegistryAnswers.token(receiver.bytes) else {
      throw .invalid(what: what, reason: "the token server's answer holds none")
    }
    return token
  }

  /// The scope is our own: what the challenge names could ask for more than we came for.
  private func tokenAddress(realm: WebAddress, service: String?) -> WebAddress? {
    var text = realm.text
    text += text.contains("?") ? "&" : "?"
    if let service { text += "service=\(percentEncoded(service))&" }
    text += "scope=\(percentEncoded("repository:\(repository):pull"))"
    guard let address = WebAddress(text), address.origin == realm.origin else { return nil }
    return address
  }

  // MARK: failures

  /// What an answer that is no success means.
  private func failure(_ answer: HTTPAnswer, what: String) -> TransferError {
    let words = RegistryAnswers.complaint(answer.complaint)
    switch answer.head.status {
    case 404:
      return .notFound(what: what, words: words)
    case 401, 403:
      return .accessDenied(what: what, words: words)
    case 429:
      return .tooManyRequests(registry: registry, words: words, pauseSeconds: answer.head.retryAfterSeconds)
    case let status:
      return .refused(what: what, status: status, words: words, pauseSeconds: answer.head.retryAfterSeconds)
    }
  }

  /// Tries `body` again, with growing pauses, while its failure may pass.
  package nonisolated func retrying<Value: Sendable>(
    _ body: @Sendable () async throws(TransferError) -> Value
  ) async throws(TransferError) -> Value {
    var patience = options.patience
    while true {
      do throws(TransferError) {
        return try await body()
      } catch {
        try await Patience.rest(milliseconds: try patience.pause(after: error))
      }
    }
  }
}

/// Text as it stands in the query of an address: everything but the unreserved characters as %XX (RFC 3986, section 2).
func percentEncoded(_ text: String) -> String {
  var encoded: [UInt8] = []
  let digits = Array("0123456789ABCDEF".utf8)
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
      encoded.append(byte)
    default:
      encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: encoded, as: UTF8.self)
}
