import SkiffTransfer
import Testing

@Suite struct DecompressorTests {
  /// All bytes, fed in pieces of `pieces` bytes.
  static func unpack(_ bytes: [UInt8], pieces: Int) throws -> [UInt8] {
    var decompressor = try Decompressor()
    var output = [UInt8](repeating: 0, count: 1000)
    var result: [UInt8] = []
    var position = 0
    repeat {
      let end = min(position + pieces, bytes.count)
      var start = position
      while true {
        let progress = try decompressor.step(bytes.span.extracting(start..<end), into: &output)
        start += progress.consumed
        result += output.prefix(progress.produced)
        if progress.consumed == 0, progress.produced == 0 { break }
      }
      position = end
    } while position < bytes.count
    result += try decompressor.finish()
    return result
  }

  private static func packed(_ text: [UInt8], with command: String) -> [UInt8] {
    let scratch = LayerScratch()
    scratch.write(text, to: "plain")
    scratch.run("\(command) < plain > packed")
    return scratch.read("packed")
  }

  private static let text = Array((0..<4000).map { "line \($0 * 7919 % 1000)\n" }.joined().utf8)

  @Test(arguments: ["gzip", "gzip -1", "zstd", "zstd -19 --no-check", "cat"])
  func `what a program packed comes out again, in pieces of any size`(_ command: String) throws {
    let packed = Self.packed(Self.text, with: command)

    for pieces in [1, 3, 511, 1 << 20] {
      #expect(try Self.unpack(packed, pieces: pieces) == Self.text, "\(pieces)")
    }
  }

  @Test func `members and frames one after the other are one stream`() throws {
    let gzip = Self.packed(Self.text, with: "gzip")
    let zstd = Self.packed(Self.text, with: "zstd")
    let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9]

    #expect(try Self.unpack(gzip + gzip, pieces: 100) == Self.text + Self.text)
    #expect(try Self.unpack(gzip + [0, 0, 0, 0], pieces: 7) == Self.text)
    #expect(try Self.unpack(zstd + zstd, pieces: 100) == Self.text + Self.text)
    #expect(try Self.unpack(skippable + zstd + skippable, pieces: 5) == Self.text)
  }

  @Test func `what ends too early is refused wherever it ends`() throws {
    for command in ["gzip", "zstd"] {
      let packed = Self.packed(Self.text, with: command)
      for length in stride(from: 5, to: packed.count, by: max(packed.count / 97, 1)) {
        #expect(throws: CompressionError.self, "\(command) \(length)") {
          try Self.unpack(Array(packed.prefix(length)), pieces: 333)
        }
      }
    }
  }

  @Test func `what follows a gzip stream and is none is refused`() throws {
    let packed = Self.packed(Self.text, with: "gzip")

    #expect(throws: CompressionError.self) { try Self.unpack(packed + [1, 2, 3], pieces: 64) }
    #expect(throws: CompressionError.self) { try Self.unpack(packed + [0, 0, 3], pieces: 64) }
  }

  @Test func `damage is noticed`() throws {
    for command in ["gzip", "zstd"] {
      var packed = Self.packed(Self.text, with: command)
      packed[packed.count / 2] ^= 0x55
      #expect(throws: CompressionError.self, "\(command)") { try Self.unpack(packed, pieces: 333) }
    }
  }

  @Test func `a stream too short to have a format is plain`() throws {
    #expect(try Self.unpack([], pieces: 1) == [])
    #expect(try Self.unpack([0x1F], pieces: 1) == [0x1F])
    #expect(try Self.unpack([1, 2, 3, 4], pieces: 4) == [1, 2, 3, 4])
  }

  @Test func `a digest is the one that sha256sum gives`() {
    var hash = SHA256Stream()
    hash.update(Array("abc".utf8).span)

    #expect(
      hash.finishHexadecimal() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
