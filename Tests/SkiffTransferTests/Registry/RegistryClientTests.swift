import SkiffTransfer
import Testing

/// A registry's conversation, each answer as a test wants it.
@Suite(.timeLimit(.minutes(1))) struct RegistryClientTests {
  private func client(
    _ registry: String, tries: Int = 2, edit: (inout RegistryOptions) -> Void = { _ in }
  ) throws -> (RegistryClient, HTTPTransport) {
    var options = RegistryOptions()
    options.tries = tries
    options.firstPauseMilliseconds = 10
    options.certificateDirectories = []
    options.timeouts = HTTPTimeouts(connectSeconds: 5, stallSeconds: 2)
    edit(&options)
    let transport = try #require(HTTPTransport(timeouts: options.timeouts))
    let client = try RegistryClient(
      registry: registry, repository: "team/app", transport: transport, options: options)
    return (client, transport)
  }

  /// Connects and asks for the manifest `latest`.
  private func manifest(
    of registry: String, tries: Int = 2, edit: (inout RegistryOptions) -> Void = { _ in }
  ) async throws -> String {
    let (client, transport) = try client(registry, tries: tries, edit: edit)
    defer { transport.close() }
    try await client.connect()
    let (_, bytes) = try await client.document(
      "manifests/latest", what: "\(registry)/team/app:latest", accept: ["a/b"], limitBytes: 1000)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `a manifest is asked for with what is accepted`() async throws {
    let server = try LoopbackServer { request in
      request.path == "/v2/" ? .answer(200) : .answer(200, text: "manifest")
    }
    defer { server.stop() }

    #expect(try await manifest(of: server.host) == "manifest")
    #expect(server.served.map(\.path) == ["/v2/", "/v2/team/app/manifests/latest"])
    #expect(server.served.last?.fields["accept"] == "a/b")
  }

  // MARK: tokens

  /// A registry that wants a token of `realm`.
  private func guarded(realm: @escaping @Sendable (UInt16) -> String) throws -> LoopbackServer {
    let port = PortBox()
    let server = try LoopbackServer { request in
      if request.path.hasPrefix("/token") { return .answer(200, text: #"{"token":"anonymous.token"}"#) }
      guard request.fields["authorization"] == "Bearer anonymous.token" else {
        return .answer(
          401, ["WWW-Authenticate": #"Bearer realm="\#(realm(port.value))",service="a service",scope="x""#])
      }
      return .answer(200, text: "manifest")
    }
    port.set(server.port)
    return server
  }

  @Test func `an anonymous token is fetched for what is pulled and no more`() async throws {
    let server = try guarded { "http://127.0.0.1:\($0)/token" }
    defer { server.stop() }

    #expect(try await manifest(of: server.host) == "manifest")
    let question = server.served.first { $0.path.hasPrefix("/token") }
    #expect(question?.path == "/token?service=a%20service&scope=repository%3Ateam%2Fapp%3Apull")
    #expect(question?.fields["authorization"] == nil)
  }

  @Test func `a foreign token server is not asked`() async throws {
    let server = try guarded { _ in "https://tokens.example.net/token" }
    defer { server.stop() }

    await #expect(throws: TransferError.foreignRealm(registry: server.host, realm: "https://tokens.example.net:443")) {
      try await manifest(of: server.host)
    }
  }

  @Test(arguments: ["", "file:///etc/passwd", "nonsense"])
  func `a realm that is no address is refused`(realm: String) async throws {
    let server = try guarded { _ in realm }
    defer { server.stop() }

    await #expect(throws: TransferError.self) { try await manifest(of: server.host) }
    #expect(server.served.count == 1)
  }

  @Test func `a registry that wants a password says so`() async throws {
    let server = try LoopbackServer { _ in .answer(401, ["WWW-Authenticate": #"Basic realm="me""#]) }
    defer { server.stop() }

    await #expect(
      throws: TransferError.accessDenied(
        what: "registry \(server.host)", words: "it wants a user name and a password")
    ) { try await manifest(of: server.host) }
  }

  @Test func `a token that is none is refused`() async throws {
    let server = try LoopbackServer { request in
      request.path.hasPrefix("/token")
        ? .answer(200, text: #"{"token":"a\r\nX-Evil: b"}"#)
        : .answer(401, ["WWW-Authenticate": #"Bearer realm="http://localhost:1/token""#])
    }
    defer { server.stop() }
    let realm = "http://\(server.host)/token"
    let front = try LoopbackServer { _ in .answer(401, ["WWW-Authenticate": #"Bearer realm="\#(realm)""#]) }
    defer { front.stop() }

    await #expect(
      throws: TransferError.invalid(
        what: "a token for \(front.host)/team/app", reason: "the token server's answer holds none")
    ) { try await manifest(of: front.host) }
  }

  @Test func `a token that is never good enough is not fetched for ever`() async throws {
    let port = PortBox()
    let server = try LoopbackServer { request in
      request.path.hasPrefix("/token")
        ? .answer(200, text: #"{"access_token":"t"}"#)
        : .answer(401, ["WWW-Authenticate": #"Bearer realm="http://127.0.0.1:\#(port.value)/token""#])
    }
    port.set(server.port)
    defer { server.stop() }

    await #expect(throws: TransferError.accessDenied(what: "\(server.host)/team/app:latest", words: "")) {
      try await manifest(of: server.host)
    }
    #expect(server.served.count < 10)
  }

  // MARK: redirects

  @Test func `a redirect to another host takes no token along`() async throws {
    let other = try LoopbackServer { _ in .answer(200, text: "manifest") }
    defer { other.stop() }
    let target = "http://\(other.host)/elsewhere"
    let port = PortBox()
    let server = try LoopbackServer { request in
      if request.path.hasPrefix("/token") { return .answer(200, text: #"{"token":"secret"}"#) }
      if request.fields["authorization"] == nil {
        return .answer(401, ["WWW-Authenticate": #"Bearer realm="http://127.0.0.1:\#(port.value)/token""#])
      }
      return .answer(307, ["Location": target])
    }
    port.set(server.port)
    defer { server.stop() }

    #expect(try await manifest(of: server.host) == "manifest")
    #expect(other.served.count == 1)
    #expect(other.served.first?.fields["authorization"] == nil)
  }

  @Test func `a redirect in circles ends`() async throws {
    let server = try LoopbackServer { request in
      request.path == "/v2/" ? .answer(200) : .answer(302, ["Location": request.path])
    }
    defer { server.stop() }

    await #expect(
      throws: TransferError.badRedirect(what: "\(server.host)/team/app:latest", reason: "there are too many")
    ) { try await manifest(of: server.host) }
    #expect(server.served.count == 2 + 5)
  }

  @Test(arguments: ["file:///etc/passwd", "gopher://127.0.0.1:25/", "http://user:pw@127.0.0.1/", ""])
  func `a redirect to no web address is refused`(location: String) async throws {
    let server = try LoopbackServer { request in
      request.path == "/v2/" ? .answer(200) : .answer(302, location.isEmpty ? [:] : ["Location": location])
    }
    defer { server.stop() }

    await #expect(throws: TransferError.self) { try await manifest(of: server.host) }
    #expect(server.served.count == 2)
  }

  @Test func `a redirect from loopback to plain text elsewhere is refused`() async throws {
    let server = try LoopbackServer { request in
      request.path == "/v2/" ? .answer(200) : .answer(302, ["Location": "http://192.0.2.1/blob"])
    }
    defer { server.stop() }

    await #expect(
      throws: TransferError.badRedirect(
        what: "\(server.host)/team/app:latest", reason: "it leads to 192.0.2.1 without TLS")
    ) { try await manifest(of: server.host) }
  }

  // MARK: failures

  @Test func `a missing image is said in the registry's words`() async throws {
    let server = try LoopbackServer { request in
      request.path == "/v2/"
        ? .answer(200)
        : .answer(404, text: #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest \u001b[31munknown"}]}"#)
    }
    defer { server.stop() }

    await #expect(
      throws: TransferError.notFound(what: "\(server.host)/team/app:latest", words: "manifest  [31munknown")
    ) { try await manifest(of: server.host) }
  }

  @Test func `a passing failure is tried again`() async throws {
    let server = try LoopbackServer { request in
      if request.path == "/v2/" { return .answer(200) }
      return request.fields["x-try"] == nil ? .answer(503) : .answer(200)
    }
    defer { server.stop() }

    let what = "\(server.host)/team/app:latest"
    await #expect(throws: TransferError.refused(what: what, status: 503, words: "", pauseSeconds: nil)) {
      try await manifest(of: server.host, tries: 3)
    }
    #expect(server.served.count == 1 + 3)
  }

  @Test func `a registry that wants to be left alone for long is`() async throws {
    let server = try LoopbackServer { request in
      request.path == "/v2/"
        ? .answer(200) : .answer(429, ["Retry-After": "86400"], text: #"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#)
    }
    defer { server.stop() }

    await #expect(
      throws: TransferError.tooManyRequests(registry: server.host, words: "TOOMANYREQUESTS", pauseSeconds: 86400)
    ) { try await manifest(of: server.host, tries: 5) }
    #expect(server.served.count == 2)
  }

  @Test func `a document over the limit is not read to its end`() async throws {
    let server = try LoopbackServer { request in
      if request.path == "/v2/" { return .answer(200) }
      return [.send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8)), .sendForever([UInt8](repeating: 0x20, count: 4096))]
    }
    defer { server.stop() }

    await #expect(throws: TransferError.tooLong(what: "\(server.host)/team/app:latest", declaredBytes: 1000)) {
      try await manifest(of: server.host)
    }
  }

  @Test func `nobody there is said at once`() async throws {
    let server = try LoopbackServer { _ in [] }
    server.stop()
    let start = ContinuousClock.now

    let error = await #expect(throws: TransferError.self) { try await manifest(of: server.host, tries: 5) }

    #expect("\(try #require(error))" == "cannot reach registry \(server.host): connection refused")
    #expect(ContinuousClock.now - start < .seconds(3))
  }

  @Test func `silence ends after the time given and is said`() async throws {
    let server = try LoopbackServer { _ in [.pause(milliseconds: 20_000)] }
    defer { server.stop() }

    let error = await #expect(throws: TransferError.self) {
      try await manifest(of: server.host, tries: 1) { $0.timeouts.stallSeconds = 1 }
    }

    #expect("\(try #require(error))" == "cannot reach registry \(server.host): no data for 1 seconds")
  }

  @Test func `plain text is for loopback and for those called insecure`() {
    func texts(_ registry: String, _ isInsecure: Bool) -> [String] {
      RegistryClient.candidates(registry: registry, isInsecure: isInsecure).map(\.text)
    }
    #expect(texts("docker.io", false) == ["https://registry-1.docker.io/v2/"])
    #expect(texts("example.com:5000", false) == ["https://example.com:5000/v2/"])
    #expect(texts("example.com:5000", true) == ["https://example.com:5000/v2/", "http://example.com:5000/v2/"])
    #expect(texts("localhost:5000", false) == ["http://localhost:5000/v2/", "https://localhost:5000/v2/"])
    #expect(texts("127.0.0.1.evil.net", false) == ["https://127.0.0.1.evil.net/v2/"])
    #expect(texts("exa mple", false).isEmpty)
  }
}
