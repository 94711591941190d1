import SkiffEngine
import Testing

/// An image may expose what it likes; what that costs is bounded.
@Suite struct ExposedPortTests {
  @Test func `the caller's ports come first, each once`() throws {
    let ports = ExposedPort.merged(try ExposedPort.parse("80-81"), ["443/tcp", "80/tcp", "nonsense", "53/udp"])

    #expect(ports.ports.map(\.text) == ["80/tcp", "81/tcp", "443/tcp", "53/udp"])
    #expect(!ports.isCut)
  }

  @Test(.timeLimit(.minutes(1))) func `of an image no more than so many are read`() throws {
    let ports = ExposedPort.merged(
      try ExposedPort.parse("80"), ["1-65535/tcp"] + [String](repeating: "1-65535/udp", count: 100_000))

    #expect(ports.ports.count == 65_536)
    #expect(ports.isCut)
    var request = RunRequest()
    request.publishesAllPorts = true
    #expect(try PortBinding.wanted(request, exposed: ports.ports).count == 65_536)
  }

  @Test func `more ports than there can be are not published`() throws {
    var request = RunRequest()
    for text in ["1-65535/tcp", "1-65535/udp", "1-65535/sctp"] {
      request.publishedPorts.append(try PortRequest(parsing: text))
    }

    #expect(throws: EngineError.refused("a container publishes at most 65536 ports")) {
      try PortBinding.wanted(request, exposed: [])
    }
  }
}
