import SkiffSpec
import SkiffTransfer
import Testing

// A trap ends the test process: these tests pass by coming to their end.

@Suite struct RandomAnswerTests {
  private func text(_ pieces: [String], _ random: inout SeededGenerator) -> String {
    (0..<random.number(below: 14)).map { _ in random.pick(pieces) }.joined()
  }

  @Test func `any challenge is understood or not`() {
    var random = SeededGenerator(seed: 47)
    let pieces = [
      "Bearer", "Basic", " ", ",", "=", "\"", "\\", "realm", "service", "scope", "https://a/b", "\t", "é", "\u{7F}",
      ";",
      "realm=\"https://a.example/token\"", "\\\"", "==", "a", "\0",
    ]
    var understood = 0
    for _ in 0..<20000 * fuzzEffort {
      let challenges = AuthenticationChallenge.parse(text(pieces, &random))
      understood += challenges.isEmpty ? 0 : 1
      for challenge in challenges { #expect(challenge.scheme == challenge.scheme.lowercased()) }
    }
    #expect(understood > 100)
  }

  @Test func `any head of an answer is read or refused`() {
    var random = SeededGenerator(seed: 53)
    let pieces = [
      "HTTP/1.1 ", "HTTP/2 ", "200", "206", "99", "100", "-1", "9223372036854775808", "-9223372036854775808", " OK",
      ":",
      "Content-Length: ", "Content-Range: bytes ", "Content-Range: Bytes ", "Retry-After: ", "Content-Type: ", "-", "/",
      "*", "bytes", ";", " ", "\r", "\n", "\0", "é", "0", "42", "text/html", "multipart/byteranges",
    ]
    for _ in 0..<5000 * fuzzEffort {
      var reader = HTTPHeadReader()
      for line in ["HTTP/1.1 \(random.pick([100, 200, 206, 301, 599, 600])) x\r\n"]
        + (0..<5).map({ _ in text(pieces, &random) + "\r\n" }) + ["\r\n"]
      {
        guard case .complete(let head) = reader.take(line: Array(line.utf8).span) else { continue }
        _ = (head.contentLength, head.contentType, head.rangeStart)
        if let pause = head.retryAfterSeconds { #expect(pause >= 0) }
        #expect((200...599).contains(head.status))
      }
    }
  }

  @Test func `what the numbers of a head mean`() {
    func head(_ name: String, _ value: String) -> HTTPHead {
      HTTPHead(status: 200, fields: [HTTPHead.Field(name: name, value: value)])
    }
    #expect(head("content-range", "bytes 100-199/200").rangeStart == 100)
    #expect(head("content-range", "BYTES 7-/*").rangeStart == 7)
    for wrong in ["bytes */200", "bytes -5-9/10", "lines 1-2/3", "bytes", "bytes 99999999999999999999-1/2", ""] {
      #expect(head("content-range", wrong).rangeStart == nil, "\(wrong)")
    }
    #expect(head("retry-after", "3").retryAfterSeconds == 3)
    #expect(head("retry-after", "-9223372036854775808").retryAfterSeconds == 0)
    for long in ["Wed, 21 Oct 2015 07:28:00 GMT", "99999999999999999999", "soon", ""] {
      #expect(head("retry-after", long).retryAfterSeconds == .max, "\(long)")
    }
  }

  @Test func `any address is taken apart or refused, and leads where it says`() {
    var random = SeededGenerator(seed: 59)
    let pieces = [
      "http", "https", "://", ":", "/", "@", "?", "#", "[", "]", "::1", "127.0.0.1", "localhost", "example.com", "..",
      "%2e",
      "\\", " ", "80", "65536", "0", "é", "user", "file", "//", "\n",
    ]
    let base = WebAddress("https://registry.example:5000/v2/a")
    for _ in 0..<5000 * fuzzEffort {
      let text = text(pieces, &random)
      for address in [WebAddress(text), WebAddress("https://" + text), base?.resolving(text)] {
        guard let address else { continue }
        #expect(!address.host.isEmpty && !address.host.contains("@"), "\(text)")
        #expect(WebAddress(address.text)?.origin == address.origin, "\(text)")
        if let base { _ = RealmPolicy.allows(realm: address, registry: base) }
      }
    }
  }

  @Test func `any instruction is a change or a mistake`() {
    var random = SeededGenerator(seed: 61)
    let pieces = [
      "CMD ", "ENV ", "ENTRYPOINT ", "LABEL ", "EXPOSE ", "VOLUME ", "USER ", "[", "]", "\"", "'", "\\", "=", " ", "a",
      "80",
      "/tcp", "-", ",", "99999", "é", "\n", "\0",
    ]
    for _ in 0..<20000 * fuzzEffort { _ = try? ImageChange(parsing: text(pieces, &random)) }
  }

  @Test func `layers and configuration that do not belong together are refused`() throws {
    var random = SeededGenerator(seed: 67)
    let digest = Digest(sha256: String(repeating: "ab", count: 32))
    let descriptor = ContentDescriptor(mediaType: MediaType.layer, digest: digest, size: 1)
    for _ in 0..<200 {
      let (layers, diffs) = (random.pick([0, 1, 2, 500, 1024, 1025]), random.pick([0, 1, 2, 500, 1024, 1025]))
      let manifest = ImageManifest(config: descriptor, layers: Array(repeating: descriptor, count: layers))
      var configuration = ImageConfiguration(platform: .current)
      configuration.rootFileSystem.diffIDs = Array(repeating: digest, count: diffs)
      do throws(TransferError) {
        let plans = try LayerPlan.plans(manifest: manifest, configuration: configuration, what: "x")
        #expect(plans.count == layers && layers == diffs && layers <= 1024)
      } catch {
        #expect(layers != diffs || layers > 1024)
      }
    }
  }
}
