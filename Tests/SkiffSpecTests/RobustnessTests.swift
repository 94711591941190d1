import Glibc
import SkiffSpec
import Testing

// A trap ends the test process: these tests pass by coming to their end.

/// How much longer than usual the search for traps takes: set SKIFF_FUZZ to 100 before a night.
private let effort = getenv("SKIFF_FUZZ").flatMap { Int(String(cString: $0)) } ?? 1

/// Gives the bytes to every reader of documents that the room has, as hostile input.
private func readAll(_ bytes: [UInt8]) {
  _ = try? JSONValue.parse(bytes)
  if let spec = try? RuntimeSpec.parse(bytes) {
    _ = spec.validate()
    _ = spec.serialized()
  }
  _ = try? RuntimeSpec.parseAndValidate(bytes, requiringProcess: false)
  _ = try? RuntimeSpec.Process.parse(bytes).validate()
  _ = try? RuntimeSpec.Resources.parse(bytes).validate()
  _ = try? ContainerState.parse(bytes)
  _ = try? ImageManifest.parse(bytes)
  _ = try? ImageIndex.parse(bytes)
  _ = try? ImageConfiguration.parse(bytes).serialized()
}

@Test func `random configurations are written and read back equal`() throws {
  for seed in 0..<UInt64(500 * effort) {
    var random = RandomSpec(seed: seed)
    let spec = random.spec()
    for pretty in [false, true] {
      let read = try RuntimeSpec.parse(spec.serialized(pretty: pretty))
      #expect(read == spec, "seed \(seed)")
    }
    _ = spec.validate()
    let process = random.process()
    #expect(try RuntimeSpec.Process.parse(process.serialized()) == process, "seed \(seed)")
    let resources = random.resources()
    #expect(try RuntimeSpec.Resources.parse(resources.serialized()) == resources, "seed \(seed)")
  }
}

@Test func `a configuration that ends at any byte is refused`() {
  for fixture in Fixtures.all {
    let whole = fixture.bytes.lastIndex { $0 == UInt8(ascii: "}") } ?? 0
    // Every length of small ones; of large ones every length near the ends and a spread of others.
    let spread = stride(from: 0, through: whole, by: whole > 2000 ? 97 : 1)
    let lengths = Set(spread).union(0...min(200, whole)).union(max(0, whole - 200)...whole)
    let taken = lengths.filter { length in
      let bytes = Array(fixture.bytes[..<length])
      return (try? RuntimeSpec.parse(bytes)) != nil || (try? JSONValue.parse(bytes)) != nil
    }
    #expect(taken == [], "\(fixture.name)")
  }
}

@Test func `no change of bytes makes a reader trap`() {
  var generator = SeededGenerator(seed: 7)
  let marks = Array("{}[]\",:\\u0-+eE.truefalsn \n".utf8)
  for fixture in Fixtures.all {
    for _ in 0..<30 * effort {
      var bytes = fixture.bytes
      for _ in 0..<Int.random(in: 1...8, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[place] = generator.pick(marks)
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(generator.pick(marks), at: place)
        case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...200, using: &generator)))
        default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 100)], at: place)
        }
      }
      readAll(bytes)
    }
  }
}

@Test func `no change of values makes a reader trap`() throws {
  var generator = SeededGenerator(seed: 11)
  for fixture in Fixtures.all {
    let tree = try JSONValue.parse(fixture.bytes)
    for _ in 0..<20 * effort {
      var changed = tree
      for _ in 0..<Int.random(in: 1...4, using: &generator) { changed = mutated(changed, &generator) }
      let bytes = changed.serialized()
      readAll(bytes)
    }
  }
}

/// The tree with one value somewhere replaced by another.
private func mutated(_ value: JSONValue, _ generator: inout SeededGenerator) -> JSONValue {
  let strange: [JSONValue] = [
    .null, true, 0, -1, .integer(.min), .integer(.max), .unsigned(.max), .number(1.5), .number(-1e300), "", "\0", "/",
    "a/../b",
    .string(String(repeating: "x", count: 5000)), [], [:], [[], [:], .null], ["": .null], 4_294_967_295, 4_294_967_296,
    "-1", "1-0", ",",
    "0-99999999999999999999",
  ]
  switch value {
  case .object(var object) where !object.isEmpty && Int.random(in: 0..<8, using: &generator) > 0:
    let key = generator.pick(object.keys)
    object[key] = mutated(object[key] ?? .null, &generator)
    return .object(object)
  case .array(var elements) where !elements.isEmpty && Int.random(in: 0..<8, using: &generator) > 0:
    let index = generator.pick(Array(elements.indices))
    elements[index] = mutated(elements[index], &generator)
    return .array(elements)
  default:
    return generator.pick(strange)
  }
}

@Test func `random bytes make no reader trap`() {
  var generator = SeededGenerator(seed: 13)
  let marks = Array("{}[]\",:\\u0123456789-+eE.truefalsn \n\u{7F}é".utf8)
  for _ in 0..<3000 * effort {
    let count = Int.random(in: 0...60, using: &generator)
    readAll((0..<count).map { _ in generator.pick(marks) })
    readAll((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }
}

@Test func `calls of the reader in the wrong order end in errors`() {
  var generator = SeededGenerator(seed: 17)
  let marks = Array("{}[]\",:a0 ".utf8)
  for _ in 0..<20000 * effort {
    var reader = JSONReader(
      (0..<Int.random(in: 0...20, using: &generator)).map { _ in generator.pick(marks) })
    for _ in 0..<30 {
      switch Int.random(in: 0..<9, using: &generator) {
      case 0: try? reader.beginObject()
      case 1: try? reader.beginArray()
      case 2: _ = try? reader.nextKey()
      case 3: _ = try? reader.nextElement()
      case 4: _ = try? reader.readString()
      case 5: _ = try? reader.readNumber()
      case 6: try? reader.skipValue()
      case 7: try? reader.finish()
      default: _ = try? reader.peek()
      }
    }
  }
}

@Test func `random texts make no parser of names trap`() {
  var generator = SeededGenerator(seed: 19)
  let pieces = [
    "a", "Z", "0", "9", ":", "/", "@", ".", "-", "_", "[", "]", "sha256:", "localhost", "::", "é", " ", "\0", "T", "Z",
    "+", "kib", "v8",
  ]
  for _ in 0..<20000 * effort {
    let text = (0..<Int.random(in: 0...12, using: &generator)).map { _ in generator.pick(pieces) }
      .joined()
    _ = try? ContainerID(text)
    _ = try? Digest(text)
    if let reference = try? ImageReference(parsing: text) {
      #expect((try? ImageReference(parsing: reference.canonical)) == reference, "\(text)")
      #expect((try? ImageReference(parsing: reference.familiar)) == reference, "\(text)")
    }
    if let platform = try? Platform(parsing: text) { #expect(platform.normalized == platform) }
    if let size = try? ByteSize(parsing: text) { _ = size.decimalText + size.binaryText }
    _ = try? Timestamp(parsing: text)
    if let address = IPAddress(text) { #expect(IPAddress(address.description) == address, "\(text)") }
    _ = RuntimeSpec.Linux.sysctlPath(of: text)
  }
}
