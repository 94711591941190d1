import SkiffTransfer
import Testing

@Suite struct HTTPHeadTests {
  private func read(_ lines: [String]) -> HTTPHead? {
    var reader = HTTPHeadReader()
    for line in lines {
      let bytes = Array("\(line)\r\n".utf8)
      if case .complete(let head) = reader.take(line: bytes.span) { return head }
    }
    return nil
  }

  @Test func `names are in lower case and values without blanks`() throws {
    let head = try #require(read(["HTTP/1.1 200 OK", "Content-Type:  application/JSON; charset=utf-8 ", ""]))

    #expect(head.status == 200)
    #expect(head.first("content-type") == "application/JSON; charset=utf-8")
    #expect(head.contentType == "application/json")
  }

  @Test func `an answer before the answer is passed over`() throws {
    let head = try #require(read(["HTTP/1.1 100 Continue", "X-A: 1", "", "HTTP/2 404", "X-B: 2", ""]))

    #expect(head.status == 404)
    #expect(head.fields.map(\.name) == ["x-b"])
  }

  @Test func `where a partial answer starts is read`() {
    let head = HTTPHead(status: 206, fields: [.init(name: "content-range", value: "bytes 100-199/200")])
    #expect(head.rangeStart == 100)
    #expect(HTTPHead(status: 206, fields: []).rangeStart == nil)
    #expect(HTTPHead(status: 206, fields: [.init(name: "content-range", value: "lines 1-2")]).rangeStart == nil)
  }

  @Test func `endless header fields are refused`() {
    var reader = HTTPHeadReader()
    let line = Array("X-Fill: \(String(repeating: "x", count: 8000))\r\n".utf8)
    _ = reader.take(line: Array("HTTP/1.1 200 OK\r\n".utf8).span)

    var outcomes: [HTTPHeadReader.Outcome] = []
    for _ in 0..<100 { outcomes.append(reader.take(line: line.span)) }

    #expect(outcomes.contains(.refused))
  }

  @Test func `control characters do not reach a terminal`() {
    let words = printable(Array("a\u{1B}[31mred\r\nb\u{202E}c\u{9B}d".utf8), limitCharacters: 50)

    #expect(words == "a [31mred  b c d")
    #expect(printable(Array(repeating: UInt8(ascii: "x"), count: 1000), limitCharacters: 10).count == 10)
  }
}
