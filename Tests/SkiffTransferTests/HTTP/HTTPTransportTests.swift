import SkiffTransfer
import Testing

@Suite(.timeLimit(.minutes(1))) struct HTTPTransportTests {
  private func ask(
    _ server: LoopbackServer, limit: Int = 1000, stallSeconds: Int = 30,
    edit: (inout HTTPRequest) -> Void = { _ in }
  ) async throws -> (HTTPAnswer, MemoryReceiver) {
    let transport = try #require(HTTPTransport(timeouts: HTTPTimeouts(connectSeconds: 5, stallSeconds: stallSeconds)))
    defer { transport.close() }
    let receiver = MemoryReceiver(limitBytes: limit)
    var request = HTTPRequest(address: try #require(WebAddress("http://\(server.host)/v2/")))
    edit(&request)
    return (try await transport.exchange(request, receiver: receiver), receiver)
  }

  @Test func `an answer comes whole`() async throws {
    let server = try LoopbackServer { _ in .answer(200, ["X-Test": "yes"], text: "content") }
    defer { server.stop() }

    let (answer, receiver) = try await ask(server)

    #expect(answer.head.status == 200)
    #expect(answer.head.first("x-test") == "yes")
    #expect(receiver.bytes == Array("content".utf8))
    #expect(server.served.first?.fields["user-agent"]?.hasPrefix("skiff/") == true)
  }

  @Test func `what the server says about an error is kept apart from the body`() async throws {
    let server = try LoopbackServer { _ in .answer(404, text: "no such thing") }
    defer { server.stop() }

    let (answer, receiver) = try await ask(server)

    #expect(answer.head.status == 404)
    #expect(answer.complaint == Array("no such thing".utf8))
    #expect(receiver.bytes.isEmpty)
  }

  @Test func `an endless complaint is cut off and still an answer`() async throws {
    let server = try LoopbackServer { _ in
      [
        .send(Array("HTTP/1.1 500 Oh\r\n\r\n".utf8)), .sendForever([UInt8](repeating: 0x41, count: 65536)),
      ]
    }
    defer { server.stop() }

    let (answer, _) = try await ask(server)

    #expect(answer.head.status == 500)
    #expect(answer.complaint.count == 65536)
  }

  @Test func `an endless body stops at the limit`() async throws {
    let server = try LoopbackServer { _ in
      [.send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8)), .sendForever([UInt8](repeating: 0x41, count: 4096))]
    }
    defer { server.stop() }

    await #expect(throws: HTTPFailure.stoppedByReceiver) { try await ask(server, limit: 100_000) }
  }

  @Test func `endless header fields stop at the limit`() async throws {
    let server = try LoopbackServer { _ in
      [
        .send(Array("HTTP/1.1 200 OK\r\n".utf8)),
        .sendForever(Array("X-Fill: \(String(repeating: "x", count: 1000))\r\n".utf8)),
      ]
    }
    defer { server.stop() }

    await #expect(throws: HTTPFailure.self) { try await ask(server) }
  }

  @Test func `a body that ends early is an interruption`() async throws {
    let server = try LoopbackServer { _ in .answer(200, body: [1, 2, 3], length: 10) }
    defer { server.stop() }

    await #expect(throws: HTTPFailure.interrupted("the answer ended early")) { try await ask(server) }
  }

  @Test func `silence ends after the time given`() async throws {
    let server = try LoopbackServer { _ in
      [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".utf8)), .pause(milliseconds: 10_000)]
    }
    defer { server.stop() }

    await #expect(throws: HTTPFailure.stalled(seconds: 1)) { try await ask(server, stallSeconds: 1) }
  }

  @Test func `nobody there is said in the kernel's words`() async throws {
    let server = try LoopbackServer { _ in [] }
    server.stop()

    await #expect(throws: HTTPFailure.unreachable("connection refused")) { try await ask(server) }
  }

  @Test func `redirects are not followed here`() async throws {
    let server = try LoopbackServer { _ in .answer(302, ["Location": "http://127.0.0.1:1/"]) }
    defer { server.stop() }

    let (answer, _) = try await ask(server)

    #expect(answer.head.status == 302)
    #expect(server.served.count == 1)
  }

  @Test func `a field cannot smuggle another one in`() async throws {
    let server = try LoopbackServer { _ in .answer(200) }
    defer { server.stop() }

    await #expect(throws: HTTPFailure.malformed("the request cannot be sent")) {
      try await ask(server) { $0.fields = [.init(name: "Range", value: "x\r\nAuthorization: y")] }
    }
    #expect(server.served.isEmpty)
  }

  @Test func `a cancelled task leaves the wire at once`() async throws {
    let server = try LoopbackServer { _ in [.pause(milliseconds: 20_000)] }
    defer { server.stop() }
    let transport = try #require(HTTPTransport())
    defer { transport.close() }
    let address = try #require(WebAddress("http://\(server.host)/"))
    let start = ContinuousClock.now
    let task = Task {
      try await transport.exchange(HTTPRequest(address: address), receiver: MemoryReceiver(limitBytes: 9))
    }
    try await Task.sleep(for: .milliseconds(200))

    task.cancel()

    await #expect(throws: HTTPFailure.cancelled) { try await task.value }
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func `many exchanges go side by side`() async throws {
    let server = try LoopbackServer { request in
      [.pause(milliseconds: 100)] + .answer(200, text: request.path)
    }
    defer { server.stop() }
    let transport = try #require(HTTPTransport())
    defer { transport.close() }
    let host = server.host

    let bodies = try await withThrowingTaskGroup(of: String.self) { group in
      for number in 0..<32 {
        group.addTask {
          let receiver = MemoryReceiver(limitBytes: 100)
          let address = try #require(WebAddress("http://\(host)/\(number)"))
          _ = try await transport.exchange(HTTPRequest(address: address), receiver: receiver)
          return String(decoding: receiver.bytes, as: UTF8.self)
        }
      }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }

    #expect(bodies == Set((0..<32).map { "/\($0)" }))
  }
}
