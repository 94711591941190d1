import SkiffKernel
import SkiffTransfer
import Testing

@Suite struct LayerPathTests {
  @Test(arguments: [
    ("a", "a"), ("/a/b", "a/b"), ("./a//b/", "a/b"), ("a/../b", "b"), ("a/b/../../c", "c"), ("", ""), ("./", ""),
    ("/", ""), ("a/..", ""), ("....", "...."), ("a/.b", "a/.b"),
  ])
  func `a name is cleaned as tar programs do`(_ name: String, _ clean: String) throws {
    #expect(try LayerPath(cleaning: Array(name.utf8)).bytes == Array(clean.utf8))
  }

  @Test(arguments: ["..", "../a", "a/../../b", "/../a", "a/b/../../../c"])
  func `a name that climbs out is refused`(_ name: String) {
    #expect(throws: LayerRefusal.escapes) { try LayerPath(cleaning: Array(name.utf8)) }
  }

  @Test func `a path falls into parent and name`() throws {
    let path = try LayerPath(cleaning: Array("usr/bin/env".utf8))

    #expect(Array(path.parent) == Array("usr/bin".utf8))
    #expect(Array(path.name) == Array("env".utf8))
    #expect(try LayerPath(cleaning: Array("env".utf8)).parent.isEmpty)
  }

  @Test func `whiteouts are told from names`() throws {
    func meaning(_ name: String) throws -> LayerPath.Meaning { try LayerPath(cleaning: Array(name.utf8)).meaning() }

    #expect(try meaning("a/.wh.b") == .whiteout(Array("b".utf8)))
    #expect(try meaning("a/.wh..wh..opq") == .opaque)
    #expect(try meaning(".wh..wh.plnk") == .ignored)
    #expect(try meaning(".wh..wh.plnk/7.9") == .ignored)
    #expect(try meaning("a/.whale") == .entry)
    #expect(try meaning("x.wh.a") == .entry)
    for name in [".wh.", "a/.wh..", "a/.wh..."] {
      #expect(throws: LayerRefusal.badWhiteout) { try meaning(name) }
    }
    #expect(throws: LayerRefusal.reservedName) { try meaning(".wh.a/b") }
  }

  @Test func `numbers are octal, base 256, and bounded`() {
    func parse(_ field: [UInt8]) -> Int64? { TarNumber.parse(field[...]) }

    #expect(parse(Array("0000644\0".utf8)) == 0o644)
    #expect(parse(Array("   644 \0".utf8)) == 0o644)
    #expect(parse([0, 0, 0, 0]) == 0)
    #expect(parse(Array("89".utf8)) == nil)
    #expect(parse([0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]) == 1 << 32)
    #expect(parse([UInt8](repeating: 0xFF, count: 12)) == -1)
    #expect(parse([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE]) == -2)
    #expect(parse([0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) == nil)
    #expect(parse(Array("777777777777777777777777".utf8)) == nil)
  }

  @Test func `times have signs and fractions`() {
    func parse(_ text: String) -> FileTime? { TarNumber.parseTime(Array(text.utf8)) }

    #expect(parse("12") == FileTime(seconds: 12))
    #expect(parse("12.5") == FileTime(seconds: 12, nanoseconds: 500_000_000))
    #expect(parse("0.123456789999") == FileTime(seconds: 0, nanoseconds: 123_456_789))
    #expect(parse("-1.5") == FileTime(seconds: -2, nanoseconds: 500_000_000))
    #expect(parse("-3") == FileTime(seconds: -3))
    for bad in ["", "-", "1e5", "1.x", "99999999999999999999", "--1"] { #expect(parse(bad) == nil) }
  }

  @Test func `records are read and broken ones refused`() throws {
    let records = try PaxRecords(parsing: Array("12 path=a/b\n21 SCHILY.xattr.x==1\n".utf8))
    #expect(records.records.map(\.key) == ["path", "SCHILY.xattr.x"])
    #expect(records.records.last?.value == Array("=1".utf8))

    for bad in [
      "12 path=a/b", "5 a=b\n", "x", "99999999999999999999 a=b\n", "6 ab=\n\n", "-6 a=b\n", "4 =\n", "0 a=b\n",
    ] {
      #expect(throws: LayerRefusal.self, "\(bad)") { try PaxRecords(parsing: Array(bad.utf8)) }
    }
  }

  @Test func `libarchive's encodings are read and written`() {
    for bytes: [UInt8] in [[], [0], [1, 2], [255, 254, 253], Array("hello world".utf8)] {
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Base64.percentDecoded(Base64.percentEncoded(bytes)) == bytes)
    }
    #expect(Base64.decode(Array("aGk=".utf8)) == Array("hi".utf8))
    #expect(Base64.decode(Array("a*b".utf8)) == nil)
    #expect(Base64.percentDecoded(Array("%4".utf8)) == nil)
  }
}
