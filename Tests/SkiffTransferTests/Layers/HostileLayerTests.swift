import Glibc
import SkiffImages
import SkiffKernel
import SkiffTransfer
import Testing

/// Layers that were made to do harm: each is refused by name or does nothing, and what stands outside stays as it is.
@Suite struct HostileLayerTests {
  static let forms: [LayerForm] = [.overlay, .merged, .portable]

  /// The error of a layer that must be refused; the canary must stand whatever happens.
  private func refusal(
    _ entries: [(TarEntry, [UInt8])], form: LayerForm = .overlay, sourceLocation: SourceLocation = #_sourceLocation
  ) -> LayerError? {
    let scratch = LayerScratch()
    defer { scratch.expectCanaryUntouched(sourceLocation: sourceLocation) }
    do {
      try scratch.unpack(ArchiveBuilder.build(entries), form: form)
      return nil
    } catch LayerError.refused(let entry, let reason) {
      // Archives write directories with a slash at the end.
      return .refused(entry: entry.hasSuffix("/") ? String(entry.dropLast()) : entry, reason: reason)
    } catch {
      return error as? LayerError
    }
  }

  @Test(
    arguments: ["../canary", "a/../../canary", "../../../../../../../etc/skiff-was-here", "/../canary", ".."], forms)
  func `a name that leads out is refused by name`(_ name: String, _ form: LayerForm) {
    for entry in [
      TarEntry.file(name), .directory(name), .link(name, to: "x"), TarEntry(type: .fifo, path: Array(name.utf8)),
    ] {
      #expect(refusal([(entry, [])], form: form) == .refused(entry: name, reason: .escapes))
    }
  }

  @Test(arguments: forms)
  func `an absolute name lands inside`(_ form: LayerForm) throws {
    let scratch = LayerScratch()

    try scratch.unpack(ArchiveBuilder.build([(.file("\(scratch.path)/canary"), [9])]), form: form)

    #expect(scratch.read("layer\(scratch.path)/canary") == [9])
    scratch.expectCanaryUntouched()
  }

  @Test(arguments: ["../../outside", "/etc", ".", "..", "sub", "/proc/self/root/tmp"], forms)
  func `a directory that is a link is not walked through`(_ target: String, _ form: LayerForm) {
    for entry in [
      TarEntry.file("d/x/inner"), .file("d/x/new"), .link("d/x/new", to: "y"), .hardLink("d/x/new", to: "d/sub"),
      .directory("d/x/new"), .file("d/x/.wh.inner"), .file("d/x/.wh..wh..opq"), .file("d/x/y/z"),
    ] {
      let name = entry.printablePath
      #expect(
        refusal(
          [(.directory("d"), []), (.directory("d/sub"), []), (.link("d/x", to: target), []), (entry, [])], form: form)
          == .refused(entry: name, reason: .parentIsLink), "\(name)")
    }
  }

  @Test(arguments: forms)
  func `a link that changes between two entries is not walked through`(_ form: LayerForm) throws {
    let scratch = LayerScratch()
    let outside = "\(scratch.path)/outside"

    // The directory was opened for its first file; then it becomes a link; then a second file comes.
    #expect(throws: LayerError.refused(entry: "d/second", reason: .parentIsLink)) {
      try scratch.unpack(
        ArchiveBuilder.build([
          (.directory("d"), []), (.file("d/first"), []), (.link("d", to: outside), []), (.file("d/second"), []),
        ]), form: form)
    }

    scratch.expectCanaryUntouched()
  }

  @Test(arguments: forms)
  func `a file as a directory is refused`(_ form: LayerForm) {
    #expect(
      refusal([(.file("a"), []), (.file("a/b"), [])], form: form)
        == .refused(entry: "a/b", reason: .parentIsNotDirectory))
  }

  @Test(arguments: forms)
  func `a hard link reaches nothing outside`(_ form: LayerForm) {
    func link(_ target: String, after entries: [(TarEntry, [UInt8])] = []) -> LayerError? {
      refusal(entries + [(.hardLink("mine", to: target), []), (.file("mine"), [6, 6, 6])], form: form)
    }

    #expect(link("../canary") == .refused(entry: "mine", reason: .linkEscapes))
    #expect(link("/etc/passwd") == .refused(entry: "mine", reason: .linkTargetMissing("/etc/passwd")))
    #expect(link("nowhere") == .refused(entry: "mine", reason: .linkTargetMissing("nowhere")))
    #expect(
      link("out/inner", after: [(.link("out", to: "../outside"), [])])
        == .refused(entry: "mine", reason: .linkEscapes))
    // A directory has one name.
    #expect(link("d", after: [(.directory("d"), [])]) == .kernel(act: "link", entry: "mine", .notPermitted))
  }

  @Test(arguments: forms)
  func `a hard link to a link, written through, changes nothing outside`(_ form: LayerForm) throws {
    let scratch = LayerScratch()

    try scratch.unpack(
      ArchiveBuilder.build([
        (.link("soft", to: "../canary"), []), (.hardLink("hard", to: "soft"), []),
        (.file("hard", mode: 0o777).with { $0.userID = 77 }, [6, 6, 6]), (.file("soft", mode: 0o777), [7]),
      ]), form: form)

    #expect(scratch.read("layer/hard") == [6, 6, 6])
    scratch.expectCanaryUntouched()
  }

  @Test(arguments: forms)
  func `mode, owner, times and attributes of a link's target stay`(_ form: LayerForm) throws {
    let scratch = LayerScratch()
    let link = TarEntry.link("l", to: "../canary").with {
      $0.mode = 0o4777
      $0.userID = 1234
      $0.modified = FileTime(seconds: 1)
    }

    try scratch.unpack(
      ArchiveBuilder.build([(link, []), (.directory("d"), []), (.link("d", to: "../outside"), [])]), form: form)

    #expect(try scratch.status("layer/l").userID == 1234)
    #expect(try scratch.status("canary").modifiedSeconds != 1)
    scratch.expectCanaryUntouched()
  }

  @Test(arguments: [".wh.", ".wh..", ".wh...", "d/.wh.."], forms)
  func `a whiteout of nothing, of the directory or of its parent is refused`(_ name: String, _ form: LayerForm) {
    #expect(
      refusal([(.directory("d"), []), (.file(name), [])], form: form)
        == .refused(entry: name, reason: .badWhiteout))
  }

  @Test(arguments: forms)
  func `a whiteout through a link that leads out removes nothing`(_ form: LayerForm) {
    #expect(
      refusal([(.link("l", to: "../outside"), []), (.file("l/.wh.inner"), [])], form: form)
        == .refused(entry: "l/.wh.inner", reason: .parentIsLink))
    // Of the link itself: the link goes, not what it leads to.
    #expect(refusal([(.link("l", to: "../outside"), []), (.file(".wh.l"), [])], form: form) == nil)
  }

  @Test func `attributes that steer overlayfs or the host's policy are left out`() throws {
    let entry = TarEntry.directory("d").with {
      $0.attributes = ["trusted.overlay.redirect", "trusted.overlay.opaque", "user.overlay.x", "security.selinux"]
        .map { TarAttribute(name: Array($0.utf8), value: [UInt8(ascii: "y")]) }
    }
    let scratch = LayerScratch()

    let layer = try scratch.unpack(ArchiveBuilder.build([(entry, [])]))

    let directory = try scratch.open("layer/d")
    #expect(try directory.descriptor.extendedAttributeNames().isEmpty)
    #expect(layer.leftOut.count == 4)
  }

  @Test func `devices are made and never opened`() throws {
    let scratch = LayerScratch()
    // Opening this one would answer ENXIO, opening the pipe would wait for ever.
    let device = TarEntry(type: .characterDevice, path: Array("dev".utf8)).with {
      $0.deviceMajor = 250
      $0.deviceMinor = 77
      $0.mode = 0o620
    }

    try scratch.unpack(
      ArchiveBuilder.build([(device, []), (TarEntry(type: .fifo, path: Array("pipe".utf8)), [])]))

    let status = try scratch.status("layer/dev")
    #expect(status.major == 250)
    #expect(status.minor == 77)
    #expect(status.permissions == 0o620)
  }

  @Test func `limits are kept`() {
    func refusal(_ entries: [(TarEntry, [UInt8])], _ change: (inout LayerLimits) -> Void) -> LayerError? {
      let scratch = LayerScratch()
      var limits = LayerLimits()
      change(&limits)
      do {
        try scratch.unpack(ArchiveBuilder.build(entries), limits: limits)
        return nil
      } catch {
        return error as? LayerError
      }
    }
    let long = String(repeating: "a/", count: 2100) + "b"

    #expect(refusal([(.file("a"), []), (.file("b"), [])]) { $0.entries = 1 } == .limit(.entries, entry: "b"))
    #expect(
      refusal([(.file("a"), [UInt8](repeating: 1, count: 9000))]) { $0.unpackedBytes = 5000 }?.isLimit == true)
    #expect(refusal([(.file(long), [])]) { _ in }?.isLimit == true)
    #expect(
      refusal([
        (
          .file("a").with {
            $0.attributes = [TarAttribute(name: [97], value: [UInt8](repeating: 1, count: 2 << 20))]
          }, []
        )
      ]) { _ in }?.isLimit == true)
  }

  @Test(arguments: ["gzip", "zstd"])
  func `a bomb is defused`(_ command: String) {
    let scratch = LayerScratch()
    scratch.run(
      "mkdir tree && truncate -s 300M tree/zeros && tar -cf - -C tree . | \(command) > bomb && test $(stat -c %s bomb) -lt 500000"
    )
    var limits = LayerLimits()
    limits.ratioFreeBytes = 1 << 20

    #expect(throws: LayerError.limit(.ratio, entry: nil)) {
      try scratch.unpack(scratch.read("bomb"), limits: limits)
    }
  }

  @Test func `a sparse file of a size beyond measure is refused`() {
    let scratch = LayerScratch()
    scratch.run("truncate -s 2T huge && tar --sparse -cf huge.tar huge")

    #expect(throws: LayerError.limit(.unpackedBytes, entry: "huge")) {
      try scratch.unpack(scratch.read("huge.tar"))
    }
  }

  @Test func `a layer cut off anywhere is refused and names what it stood at`() throws {
    let scratch = LayerScratch()
    scratch.run(
      """
      mkdir -p tree/d; head -c 3000 /dev/urandom > tree/d/data; ln -s x tree/l; ln tree/d/data tree/h
      printf x > tree/\(String(repeating: "n", count: 150)); setfattr -n user.a -v b tree/d/data
      tar --xattrs --format=pax --sort=name -cf tree.tar -C tree .
      """)
    let archive = scratch.read("tree.tar")
    var refused = 0
    for length in stride(from: 1, to: archive.count, by: 37) {
      let name = "cut\(length)"
      do {
        try scratch.unpack(Array(archive.prefix(length)), into: name)
      } catch LayerError.truncated {
        refused += 1
      }
      scratch.run("rm -rf \(name)")
    }

    // Between entries, where nothing is missing, it may end.
    #expect(refused > 100)
    scratch.expectCanaryUntouched()
  }

  @Test func `bytes changed at random do no harm`() throws {
    let scratch = LayerScratch()
    scratch.run(
      """
      mkdir -p tree/d/e; printf 1 > tree/d/one; printf 22 > tree/d/e/two; ln -s ../../canary tree/d/l; ln tree/d/one tree/h
      truncate -s 1M tree/sparse; printf z >> tree/sparse; : > tree/d/.wh.gone; printf q > tree/\(String(repeating: "n", count: 120))
      setfattr -n user.a -v b tree/d/one
      tar --sparse --xattrs --format=pax -cf pax.tar -C tree . ; tar --sparse --format=gnu -cf gnu.tar -C tree .
      """)
    var random = SystemRandomNumberGenerator()
    var unpacked = 0

    for round in 0..<600 {
      var archive = scratch.read(round % 2 == 0 ? "pax.tar" : "gnu.tar")
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let block = Int.random(in: 0..<(archive.count / 512), using: &random) * 512
        let position = block + Int.random(in: 0..<512, using: &random)
        archive[position] =
          [0, 0x2E, 0x2F, 0x38, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)].randomElement() ?? 0
        Self.mendChecksum(&archive, block)
      }
      do {
        try scratch.unpack(archive, form: Self.forms[round % 3], pieces: 700)
        unpacked += 1
      } catch is LayerError {}
      scratch.expectCanaryUntouched("round \(round)")
      scratch.run("rm -rf layer")
    }

    #expect(unpacked > 0)
  }

  /// Makes a changed header's checksum right, so that the change is looked at.
  private static func mendChecksum(_ archive: inout [UInt8], _ block: Int) {
    guard archive[(block + 257)..<(block + 262)].elementsEqual("ustar".utf8) else { return }
    var sum = 8 * 32
    for position in 0..<512 where !(148..<156).contains(position) { sum += Int(archive[block + position]) }
    let digits = String(sum, radix: 8)
    let field = Array((String(repeating: "0", count: 6 - digits.utf8.count) + digits).utf8) + [0, 32]
    archive.replaceSubrange((block + 148)..<(block + 156), with: field)
  }

  @Test func `a full disk is one clear error`() throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("small")
    scratch.run("mount -t tmpfs -o size=1m,mode=0755 tmpfs small")
    defer { scratch.run("umount small") }

    #expect(throws: LayerError.kernel(act: "write", entry: "big", .noSpace)) {
      try scratch.unpack(
        ArchiveBuilder.build([(.file("first"), [1]), (.file("big"), [UInt8](repeating: 1, count: 3 << 20))]),
        into: "small/layer")
    }
  }
}

extension LayerError {
  fileprivate var isLimit: Bool {
    guard case .limit = self else { return false }
    return true
  }
}
