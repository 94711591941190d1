import SkiffImages
import SkiffKernel
import SkiffTransfer
import Testing

// A trap ends the test process: these tests pass by coming to their end, with what stands outside as it was.

@Suite struct RandomLayerTests {
  /// Names that lead out, through links, onto each other, and names of whiteouts.
  private static let names = [
    "a", "b", "a/b", "a/b/c", "b/a", "./a", "a/", "a//b", "a/./b", "a/../b", "..", "../canary", "a/../../canary", "/a",
    "/", ".", "", "../outside/inner", "a/../../outside/inner", "l", "l/inner", "l/new", "l/../canary", "m/inner", "m",
    ".wh.a", ".wh.l", "a/.wh.b", "l/.wh.inner", ".wh..wh..opq", "a/.wh..wh..opq", "l/.wh..wh..opq", ".wh.", ".wh..",
    ".wh...", ".wh..wh.plnk", ".wh..wh.plnk/x", ".wh.a/b", "a\u{0}b", "é", "a\nb", String(repeating: "n", count: 300),
    String(repeating: "d/", count: 60) + "x",
  ]

  private func targets(_ scratch: LayerScratch) -> [String] {
    [
      "a", "b", "a/b", "l", "..", "../outside", "../canary", "../../../../../../etc", "/", "/proc/self/root", "",
      "\(scratch.path)/outside", "\(scratch.path)/canary", "l/inner", "m", "./.", "/proc/self/cwd",
    ]
  }

  private func entry(_ random: inout SeededGenerator, _ scratch: LayerScratch) -> (TarEntry, [UInt8]) {
    let name = Array(random.pick(Self.names).utf8)
    let kinds: [TarEntryType] = [
      .regular, .regular, .directory, .directory, .symbolicLink, .symbolicLink, .hardLink, .fifo, .characterDevice,
      .blockDevice,
    ]
    var entry = TarEntry(type: random.pick(kinds), path: name)
    entry.linkTarget = Array(random.pick(targets(scratch)).utf8)
    entry.mode = random.pick([0o644, 0o755, 0o000, 0o7777, 0o2755, 0o1777])
    entry.userID = random.pick([0, 1, 1000, 0xFFFF_FFFE])
    entry.groupID = random.pick([0, 5, 0xFFFF_FFFE])
    entry.modified = FileTime(
      seconds: random.pick([0, -1, 1_600_000_000, 1 << 40, .max, .min]), nanoseconds: random.pick([0, 1, 999_999_999]))
    entry.deviceMajor = random.pick([0, 1, 7, 4095, .max])
    entry.deviceMinor = random.pick([0, 3, .max])
    if random.isOneIn(4) {
      let attributes = [
        "user.a", "trusted.overlay.opaque", "trusted.overlay.redirect", "security.capability", "security.selinux", "x",
        "", "user.", String(repeating: "u", count: 300),
      ]
      entry.attributes = [
        TarAttribute(
          name: Array(random.pick(attributes).utf8),
          value: [UInt8](repeating: 0x79, count: random.pick([0, 1, 20, 70000])))
      ]
    }
    return (entry, entry.type == .regular ? [UInt8](repeating: 0x61, count: random.pick([0, 1, 511, 512, 2000])) : [])
  }

  @Test(arguments: HostileLayerTests.forms)
  func `entries in any order with any name touch nothing outside`(_ form: LayerForm) {
    var random = SeededGenerator(seed: 31)
    var unpacked = 0
    for round in 0..<150 * fuzzEffort {
      let scratch = LayerScratch()
      let entries = (0..<random.number(below: 12) + 1).map { _ in entry(&random, scratch) }
      do {
        try scratch.unpack(ArchiveBuilder.build(entries), form: form)
        unpacked += 1
      } catch let error as LayerError {
        #expect(!error.description.contains("\n"), "\(round)")
      } catch {
        Issue.record("\(round): \(error)")
      }
      scratch.expectCanaryUntouched("\(form) \(round)")
      #expect(Set(scratch.names(".")) == ["canary", "layer", "outside"], "\(form) \(round)")
    }
    // Otherwise the refusals alone were tested.
    #expect(unpacked > 5)
  }

  /// Archives as other programs write them, with all that they hold.
  private static let seeds: [[UInt8]] = {
    let scratch = LayerScratch()
    scratch.run(
      """
      mkdir -p tree/d/e && cd tree && echo text > d/file && ln d/file d/hard && ln -s ../canary l && mkfifo p &&
      mknod n c 1 3 && truncate -s 3M sparse && echo end >> sparse && echo .wh > d/.wh.e &&
      setfattr -n user.k -v v d/file && long=$(printf 'n%.0s' $(seq 180)) && mkdir -p $long && echo x > $long/$long &&
      chown 3000000:7 d/file && touch -d 1901-01-01 d/e && cd .. &&
      tar --sparse -H gnu -cf gnu.tar -C tree . &&
      tar -H ustar --owner 1 --mtime @5 --exclude 'n*' --exclude sparse -cf ustar.tar -C tree . &&
      tar --sparse --xattrs -H posix -cf posix.tar -C tree . &&
      tar -H v7 --owner 1 --mtime @5 --exclude 'n*' --exclude sparse --exclude p -cf v7.tar -C tree . &&
      tar --sparse --sparse-version=0.1 -H posix -cf sparse01.tar -C tree sparse &&
      tar --sparse --sparse-version=0.0 -H posix -cf sparse00.tar -C tree sparse
      """)
    return ["gnu", "ustar", "posix", "v7", "sparse01", "sparse00"].map { scratch.read("\($0).tar") }
  }()

  /// A few bytes changed, mostly in headers, whose checksums are mostly made right again.
  private static func damaged(_ archive: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = archive
    let marks = Array("0123456789 \0\u{7}/.=\n".utf8) + [0x80, 0xFF, 0xC0]
    for _ in 0..<random.number(below: 5) + 1 {
      let block = random.number(below: bytes.count / 512) * 512
      for _ in 0..<random.number(below: 4) + 1 {
        // The fields of sizes, types and maps more often than the rest.
        let place = random.pick([
          random.number(below: 512), 100 + random.number(below: 57), 156, 345 + random.number(below: 160),
        ])
        bytes[block + min(place, 511)] =
          random.isOneIn(3) ? UInt8.random(in: 0...255, using: &random) : random.pick(marks)
      }
      if !random.isOneIn(6) { repairChecksum(&bytes, block) }
    }
    if random.isOneIn(8) { bytes.removeLast(random.number(below: bytes.count)) }
    return bytes
  }

  private static func repairChecksum(_ bytes: inout [UInt8], _ block: Int) {
    // Blocks of data stay as they are: what is no header has no checksum.
    guard bytes[block..<(block + 512)].contains(where: { $0 != 0 }),
      bytes[block + 154] == 0 || bytes[block + 155] == 0x20
    else { return }
    for index in 148..<156 { bytes[block + index] = 0x20 }
    var sum = 0
    for index in 0..<512 { sum += Int(bytes[block + index]) }
    let digits = Array(String(sum, radix: 8).utf8)
    let text = [UInt8](repeating: 0x30, count: max(0, 6 - digits.count)) + digits + [0, 0x20]
    for (index, byte) in text.prefix(8).enumerated() { bytes[block + 148 + index] = byte }
  }

  @Test(arguments: HostileLayerTests.forms)
  func `archives with changed bytes touch nothing outside`(_ form: LayerForm) {
    var random = SeededGenerator(seed: 37)
    var limits = LayerLimits()
    limits.unpackedBytes = 64 << 20
    var refused = 0
    for round in 0..<120 * fuzzEffort {
      let scratch = LayerScratch()
      let archive = Self.damaged(random.pick(Self.seeds), &random)
      do {
        try scratch.unpack(archive, form: form, pieces: random.pick([1 << 20, 4096, 777]), limits: limits)
      } catch is LayerError {
        refused += 1
      } catch {
        Issue.record("\(round): \(error)")
      }
      scratch.expectCanaryUntouched("\(form) \(round)")
    }
    #expect((10..<115 * fuzzEffort).contains(refused), "\(refused)")
  }

  /// Notes what the reader tells.
  private struct Recorder: TarConsumer {
    var events: [String] = []
    var data: [UInt8] = []

    mutating func begin(_ entry: TarEntry) {
      events.append("\(entry)")
    }

    mutating func data(_ bytes: Span<UInt8>, at offset: Int64) {
      for index in bytes.indices { data.append(bytes[index] &+ UInt8(truncatingIfNeeded: offset &+ Int64(index))) }
    }

    mutating func end() {
      events.append("\(data.count) \(data.reduce(UInt64(7)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })")
      data.removeAll()
    }
  }

  private func heard(_ archive: [UInt8], _ random: inout SeededGenerator, isWhole: Bool) -> [String] {
    var recorder = Recorder()
    var reader = TarReader()
    do {
      var position = 0
      while position < archive.count {
        let end = isWhole ? archive.count : min(archive.count, position + 1 + random.number(below: 700))
        try reader.feed(archive.span.extracting(position..<end), to: &recorder)
        position = end
      }
      try reader.finish()
    } catch {
      recorder.events.append("\(error)")
    }
    return recorder.events
  }

  @Test func `an archive says the same in whatever pieces it comes`() {
    var random = SeededGenerator(seed: 41)
    for round in 0..<40 * fuzzEffort {
      let archive = round < Self.seeds.count ? Self.seeds[round] : Self.damaged(random.pick(Self.seeds), &random)
      #expect(heard(archive, &random, isWhole: true) == heard(archive, &random, isWhole: false), "\(round)")
    }
  }

  @Test func `records of extended headers are read or refused`() {
    var random = SeededGenerator(seed: 43)
    let pieces = [
      "path=", "linkpath=", "size=", "uid=", "mtime=", "GNU.sparse.map=", "GNU.sparse.major=", "GNU.sparse.offset=",
      "GNU.sparse.numbytes=", "SCHILY.xattr.user.a=", "LIBARCHIVE.xattr.user.%41=", "SCHILY.devmajor=", "0", "1", "-1",
      ",",
      "18446744073709551616", "9223372036854775807", ".5", "..", "/", "\n", "\0", "=", " ", "é", "QQ==",
    ]
    for _ in 0..<4000 * fuzzEffort {
      var bytes: [UInt8] = []
      for _ in 0..<random.number(below: 4) + 1 {
        let text = (0..<random.number(below: 4) + 1).map { _ in random.pick(pieces) }.joined() + "\n"
        let length = text.utf8.count + 3
        bytes += Array("\(random.isOneIn(8) ? random.number(below: 99) : length) \(text)".utf8)
      }
      _ = try? PaxRecords(parsing: bytes)
      let size = String(bytes.count, radix: 8)
      // As a whole archive: header, records, and the entry that they are for.
      var recorder = Recorder()
      var reader = TarReader()
      var archive = Self.block(type: UInt8(ascii: "x"), size: size) + bytes
      archive += [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
      archive +=
        Self.block(type: random.pick(Array("0125S".utf8)), size: "2000") + [UInt8](repeating: 0x31, count: 1024)
      do {
        try reader.feed(archive.span, to: &recorder)
        try reader.finish()
      } catch {}
    }
  }

  private static func block(type: UInt8, size: String) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
    }
    put("name", at: 0)
    put("0000644", at: 100)
    put(size, at: 124)
    block[156] = type
    put("ustar", at: 257)
    put("00", at: 263)
    for index in 148..<156 { block[index] = 0x20 }
    let sum = block.reduce(0) { $0 + Int($1) }
    for index in 148..<156 { block[index] = 0 }
    put(String(sum, radix: 8), at: 148)
    return block
  }
}
