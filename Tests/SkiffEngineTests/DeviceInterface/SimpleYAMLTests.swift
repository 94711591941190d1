import SkiffEngine
import SkiffSpec
import Testing

@Suite struct SimpleYAMLTests {
  private func parse(_ text: String) throws -> JSONValue { try SimpleYAML.parse(text) }

  @Test func `mappings, lists and scalars`() throws {
    let value = try parse(
      """
      --- # a document
      text: plain words: no, "quotes" inside # but a comment
      quoted: "a # b\\n\\"c\\""
      single: 'it''s'
      number: 12
      octal: 0640
      hexadecimal: 0x1F
      yes: true
      nothing:
      empty: ~
      list:
      - one
      -   two: 2
          more: [a, "b, c", {d: e}]
      -
        - nested
        - - deeper
      url: http://host:80/path
      """)

    let expected: JSONValue = [
      "text": "plain words: no, \"quotes\" inside", "quoted": "a # b\n\"c\"", "single": "it's", "number": 12,
      "octal": 416, "hexadecimal": 31, "yes": true, "nothing": .null, "empty": .null,
      "list": ["one", ["two": 2, "more": ["a", "b, c", ["d": "e"]]], ["nested", ["deeper"]]],
      "url": "http://host:80/path",
    ]
    #expect(value == expected)
  }

  @Test(arguments: ["\r\n", "\r"]) func `lines end as other systems have them`(end: String) throws {
    let lines = ["a: 1 # one", "b:", "- c", "- d: \"e\"", ""]

    #expect(try parse(lines.joined(separator: end)) == ["a": 1, "b": ["c", ["d": "e"]]])
  }

  @Test func `JSON is YAML, too`() throws {
    let text = #"{"a": [1, "two", {"b": null}], "c": {"d": false}}"#

    #expect(try parse(text) == JSONValue.parse(Array(text.utf8)))
  }

  @Test(arguments: [
    "a: 1\n\tb: 2", "a: &anchor 1", "a: |\n  text", "a: *b", "a: [1, 2", "a: {b 1}", "a: 'open", "a: \"open",
    "a: 1\na: 2",
    "a:\n    b: 1\n  c: 2", "- a\nb: 1", "a: !!str 1", "--- \na: 1\n---\nb: 2", "a: \"b\" c", "words\nwords",
  ])
  func `what is not understood is refused`(_ text: String) {
    #expect(throws: SimpleYAML.Fault.self) { try parse(text) }
  }

  @Test func `depth is bounded`() {
    #expect(throws: SimpleYAML.Fault.self) { try parse("a: " + String(repeating: "[", count: 100_000)) }
    #expect(throws: SimpleYAML.Fault.self) { try parse(String(repeating: "- ", count: 100_000) + "a") }
  }

  @Test func `no text brings it down`() {
    var generator = SystemRandomNumberGenerator()
    let pieces = [
      "a", ":", " ", "\n", "- ", "  ", "\"", "'", "[", "]", "{", "}", ",", "#", "\\", "0x", "---", "\t", "é",
    ]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0..<30, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }
      _ = try? SimpleYAML.parse(text.joined())
    }
  }

  @Test(arguments: [
    ("vendor.com/class=name", true), ("nvidia.com/gpu=all", true), ("a/b=0:1", true), ("/dev/sda", false),
    ("a=b", false),
    ("a/b/c=d", false), ("a/b=", false), ("1a/b=c", false), ("a./b=c", false), ("a/b=c d", false),
  ])
  func `names of devices`(_ text: String, _ isName: Bool) {
    #expect((CDIDeviceName(parsing: text) != nil) == isName)
  }
}
