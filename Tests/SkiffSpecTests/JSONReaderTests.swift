import SkiffSpec
import Testing

private func parse(_ text: String) throws(JSONError) -> JSONValue {
  try JSONValue.parse(Array(text.utf8))
}

private func reason(_ text: String) -> JSONError.Reason? {
  do throws(JSONError) {
    _ = try JSONValue.parse(Array(text.utf8))
    return nil
  } catch {
    return error.reason
  }
}

@Test func `a document of every kind of value is read as it is written`() throws {
  let value = try parse(
    #" {"a" : [1, -2, 0.5, true, false, null, "x", {}, []], "b":{"c":"d"}} "#)

  #expect(value["a"] == [1, -2, 0.5, true, false, .null, "x", [:], []])
  #expect(value["b"]?["c"]?.string == "d")
  #expect(value["nothing"] == nil)
}

@Test(arguments: [
  ("0", JSONValue.integer(0)), ("-0", .integer(0)), ("9223372036854775807", .integer(.max)),
  ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .unsigned(9_223_372_036_854_775_808)),
  ("18446744073709551615", .unsigned(.max)), ("18446744073709551616", .number(18_446_744_073_709_551_616)),
  ("-9223372036854775809", .number(-9_223_372_036_854_775_808)), ("1e3", .number(1000)), ("1.0", .number(1)),
  ("-1.5E-2", .number(-0.015)), ("1e-400", .number(0)),
])
func `numbers stay exact`(text: String, value: JSONValue) throws {
  #expect(try parse(text) == value)
}

@Test(arguments: [
  "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "NaN", "Infinity", "1e999", "--1", "1_000", "- 1",
  String(repeating: "9", count: 5000),
])
func `what is no number is refused`(text: String) {
  #expect(reason(text) != nil)
}

@Test func `escapes become the characters they stand for`() throws {
  #expect(try parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00\u0000""#).string == "\"\\/\u{8}\u{C}\n\r\tAé€😀\0")
}

@Test(arguments: [
  (#""\ud83d""#, JSONError.Reason.unpairedSurrogate), (#""\ude00""#, .unpairedSurrogate),
  (#""\ud83d\u0041""#, .unpairedSurrogate), (#""\ud83dxxxxxx""#, .unpairedSurrogate), (#""\x""#, .invalidEscape),
  (#""\u12""#, .invalidEscape), (#""\u12g4""#, .invalidEscape), ("\"\u{1}\"", .controlCharacterInString),
  ("\"\n\"", .controlCharacterInString), (#""abc"#, .endOfInput), (#""abc\"#, .endOfInput), (#""abc\""#, .endOfInput),
])
func `malformed strings are refused`(text: String, why: JSONError.Reason) {
  #expect(reason(text) == why)
}

@Test(
  arguments: [
    [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
    [0x22, 0xE2, 0x82, 0x22], [0x22, 0x80, 0x22], [0x22, 0x5C, 0x6E, 0xFF, 0x22],
  ] as [[UInt8]])
func `bytes that are not UTF-8 are refused, read or skipped`(bytes: [UInt8]) {
  #expect(throws: JSONError.self) { try JSONValue.parse(bytes) }
  #expect(throws: JSONError.self) {
    var reader = JSONReader(bytes)
    try reader.skipValue()
  }
}

@Test(arguments: [
  "", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
  "{1:2}",
  "{\"a\":1 \"b\":2}", "{,}", "[1}", "{\"a\":1]", "nul", "nulL", "tru", "truex", "1 2", "{} x", "'a'", "\u{FEFF}1",
  "/**/1",
  "[\u{A0}1]",
])
func `malformed documents are refused`(text: String) {
  #expect(reason(text) != nil)
  #expect(throws: JSONError.self) {
    var reader = JSONReader(Array(text.utf8))
    try reader.skipValue()
    try reader.finish()
  }
}

@Test func `a document may be as deep as the limit and no deeper`() throws {
  let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
  #expect(throws: Never.self) { try parse(deepest) }
  #expect(reason("[" + deepest + "]") == .tooDeep(limit: 64))
  #expect(reason(String(repeating: "{\"a\":", count: 1_000_000)) == .tooDeep(limit: 64))
}

@Test func `the last of two members with one key counts and the order stays`() throws {
  let value = try parse(#"{"a":1,"b":2,"a":3}"#)

  #expect(value.object?.keys == ["a", "b"])
  #expect(value["a"] == 3)
}

@Test func `an object of very many members is read in linear time`() throws {
  let members = (0..<200_000).map { "\"key number \($0)\":\($0)" }.joined(separator: ",")

  let value = try parse("{\(members)}")

  #expect(value.object?.count == 200_000)
  #expect(value["key number 199999"] == 199_999)
}

@Test func `an object loses and regains members`() {
  var object = JSONObject((0..<40).map { ("k\($0)", .integer(Int64($0))) })
  object["k7"] = nil
  object["k39"] = "new"
  object["k7"] = "again"

  #expect(object.count == 40)
  #expect(object.keys.last == "k7")
  #expect(object["k39"] == "new")
  #expect(object["k38"] == 38)
}

@Test func `what is written reads back equal`() throws {
  let value: JSONValue = [
    "text": "quote \" backslash \\ tab \t newline \n nul \0 é 😀 \u{7F}", "list": [1, 2.5, -3, true, .null, [], [:]],
    "big": .unsigned(.max), "small": .integer(.min), "nested": ["a": ["b": ["c": [[[]]]]]],
  ]

  #expect(try JSONValue.parse(value.serialized()) == value)
  #expect(try JSONValue.parse(value.serialized(pretty: true)) == value)
}

@Test func `the pretty form puts each member on its line`() {
  let value: JSONValue = ["a": 1, "b": [], "c": ["x", ["d": true]]]

  #expect(
    String(decoding: value.serialized(pretty: true), as: UTF8.self) == """
      {
        "a": 1,
        "b": [],
        "c": [
          "x",
          {
            "d": true
          }
        ]
      }
      """)
  #expect(value.description == #"{"a":1,"b":[],"c":["x",{"d":true}]}"#)
}

@Test func `numbers that JSON does not have are written as null`() {
  #expect(JSONValue.number(.infinity).description == "null")
  #expect(JSONValue.number(.nan).description == "null")
  #expect(JSONValue.number(1e300).description == "1e+300")
}

@Test func `a tree is changed in place by key`() {
  var value: JSONValue = .null
  value["a"] = ["b": 1]
  value["a"]?["c"] = "d"

  #expect(value.description == #"{"a":{"b":1,"c":"d"}}"#)
}
