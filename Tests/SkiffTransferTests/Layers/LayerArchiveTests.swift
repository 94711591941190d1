import SkiffImages
import SkiffKernel
import SkiffTransfer
import Testing

/// Archives that GNU tar made, unpacked by it and by skiff: the trees must be the same.
@Suite struct LayerArchiveTests {
  /// A tree with everything that a file system holds.
  private static let everything = """
    mkdir -p tree/bin tree/deep/er/and/deeper tree/shut
    printf hello > tree/bin/hello; chmod 4755 tree/bin/hello
    printf group > tree/bin/group; chown 12:34 tree/bin/group; chmod 2711 tree/bin/group
    ln tree/bin/hello tree/deep/hard
    ln -s ../bin/hello tree/deep/soft
    ln -s /etc/passwd tree/absolute
    : > tree/empty
    head -c 300000 /dev/urandom > tree/deep/er/random
    mknod tree/null c 1 3
    mknod tree/disk b 7 200
    mkfifo tree/pipe
    chmod 1777 tree/deep
    chmod 500 tree/shut
    touch -d '1999-12-31 23:59:59' tree/bin/hello
    touch -d '2033-05-18 03:33:20' tree/deep/er
    """

  private static let longNames = """
    d=tree/$(printf 'x%.0s' $(seq 90))/$(printf 'y%.0s' $(seq 90))/$(printf 'z%.0s' $(seq 90))
    mkdir -p $d
    printf long > $d/$(printf 'n%.0s' $(seq 200))
    ln -s $(printf 'target/%.0s' $(seq 30)) $d/link
    ln $d/n* tree/hard
    printf umlaut > tree/übung
    """

  @Test(arguments: ["gnu", "pax", "ustar", "v7", "oldgnu"])
  func `a tree comes out as tar makes it`(_ format: String) throws {
    let scratch = LayerScratch()
    // The oldest format has neither devices nor pipes.
    let fewer = format == "v7" ? "rm tree/null tree/disk tree/pipe" : ":"
    scratch.run("\(Self.everything)\n\(fewer)\ntar --format=\(format) -cf tree.tar -C tree .")
    scratch.run("mkdir expected && tar -xpf tree.tar -C expected --same-owner")

    try scratch.unpack(scratch.read("tree.tar"), pieces: 1000)

    try TreeFacts.expectSame("\(scratch.path)/layer", "\(scratch.path)/expected")
  }

  @Test(arguments: ["gnu", "pax", "oldgnu"])
  func `long names come out as tar makes them`(_ format: String) throws {
    let scratch = LayerScratch()
    scratch.run("\(Self.longNames)\ntar --format=\(format) -cf tree.tar -C tree .")
    scratch.run("mkdir expected && tar -xpf tree.tar -C expected")

    try scratch.unpack(scratch.read("tree.tar"), pieces: 77)

    try TreeFacts.expectSame("\(scratch.path)/layer", "\(scratch.path)/expected")
  }

  @Test(arguments: [
    "--format=gnu", "--format=pax --sparse-version=0.0", "--format=pax --sparse-version=0.1",
    "--format=pax --sparse-version=1.0",
  ])
  func `sparse files keep their content and their holes`(_ options: String) throws {
    let scratch = LayerScratch()
    scratch.run(
      """
      mkdir tree
      truncate -s 40M tree/hole
      truncate -s 3M tree/few; printf end >> tree/few
      for i in $(seq 1 60); do printf "block $i" | dd of=tree/many bs=1 seek=$((i * 131072)) conv=notrunc; done
      truncate -s 9M tree/many
      tar \(options) --sparse -cf tree.tar -C tree . && test $(stat -c %s tree.tar) -lt 2000000
      mkdir expected && tar -xpf tree.tar -C expected
      """)

    try scratch.unpack(scratch.read("tree.tar"), pieces: 1000)

    try TreeFacts.expectSame("\(scratch.path)/layer", "\(scratch.path)/expected")
    let hole = try scratch.status("layer/hole")
    #expect(hole.sizeBytes == 40 << 20)
    #expect(hole.blocks < 1000)
  }

  @Test func `attributes and capabilities come out`() throws {
    let scratch = LayerScratch()
    scratch.run(
      """
      mkdir tree; printf x > tree/ping; printf y > tree/user
      setcap cap_net_raw+ep tree/ping
      setfattr -n user.colour -v blue tree/user
      setfattr -n trusted.note -v '' tree
      tar --xattrs --xattrs-include='*' --format=pax -cf tree.tar -C tree .
      """)

    let layer = try scratch.unpack(scratch.read("tree.tar"))

    #expect(layer.hasPrivilegedFiles)
    try TreeFacts.expectSame("\(scratch.path)/layer", "\(scratch.path)/tree")
  }

  @Test(arguments: ["gzip", "zstd", "cat"])
  func `both digests are those of the bytes`(_ command: String) throws {
    let scratch = LayerScratch()
    scratch.run("\(Self.everything)\ntar -cf tree.tar -C tree . && \(command) < tree.tar > packed")
    scratch.run("sha256sum < tree.tar | cut -c1-64 | tr -d '\\n' > plain.sum")
    scratch.run("sha256sum < packed | cut -c1-64 | tr -d '\\n' > packed.sum")

    let layer = try scratch.unpack(scratch.read("packed"), pieces: 4096)

    #expect(Array(layer.diffHexadecimal.utf8) == scratch.read("plain.sum"))
    #expect(Array(layer.packedHexadecimal.utf8) == scratch.read("packed.sum"))
    #expect(layer.describesRoot)
    #expect(layer.hasPrivilegedFiles)
    #expect(layer.leftOut.isEmpty)
  }

  @Test func `global records hold for all entries`() throws {
    let scratch = LayerScratch()
    scratch.run(
      """
      mkdir tree; printf a > tree/a; printf b > tree/b
      tar --format=pax --pax-option='globexthdr.name=g,mtime=1234.5,uid=4321,comment=hi' -cf tree.tar -C tree a b
      mkdir expected && tar -xpf tree.tar -C expected
      """)

    try scratch.unpack(scratch.read("tree.tar"))

    try TreeFacts.expectSame("\(scratch.path)/layer", "\(scratch.path)/expected", only: "./")
    #expect(try scratch.status("layer/b").userID == 4321)
  }

  @Test func `bsdtar's attributes in libarchive's form come out`() throws {
    var entry = TarEntry.file("a")
    entry.attributes = [TarAttribute(name: Array("user.a=b".utf8), value: [0, 10, 255])]
    let scratch = LayerScratch()

    try scratch.unpack(ArchiveBuilder.build([(entry, [1])]))

    let file = try Descriptor.workingDirectory.open(try KernelPath("\(scratch.path)/layer/a"), [.readOnly])
    #expect(try file.descriptor.extendedAttribute("user.a=b") == [0, 10, 255])
  }

  @Test func `numbers beyond octal come out`() throws {
    let entry = TarEntry.file("big").with {
      $0.userID = 0xFFFF_FFFE
      $0.groupID = 3_000_000
      $0.modified = FileTime(seconds: -5, nanoseconds: 250_000_000)
    }
    let scratch = LayerScratch()

    try scratch.unpack(ArchiveBuilder.build([(entry, [])]))

    let file = try scratch.status("layer/big")
    #expect(file.userID == 0xFFFF_FFFE)
    #expect(file.groupID == 3_000_000)
    #expect(file.modifiedSeconds == -5)
    #expect(file.modifiedNanoseconds == 250_000_000)
  }

  @Test func `what stands after the end mark does not count, a missing end mark neither`() throws {
    let scratch = LayerScratch()
    let archive = ArchiveBuilder.build([(.file("a"), [1, 2, 3])])

    try scratch.unpack(archive + [UInt8](repeating: 7, count: 3000), into: "more")
    try scratch.unpack(Array(archive.dropLast(1024)), into: "less")

    #expect(scratch.read("more/a") == [1, 2, 3])
    #expect(scratch.read("less/a") == [1, 2, 3])
  }

  @Test func `a later entry of the same name wins`() throws {
    let scratch = LayerScratch()

    try scratch.unpack(
      ArchiveBuilder.build([
        (.file("a"), [1]), (.file("a"), [2]), (.directory("d"), []), (.file("d/x"), [1]), (.file("d"), [3]),
        (.link("l", to: "nowhere"), []), (.directory("l"), []), (.file("l/y"), [4]),
        (.directory("m", mode: 0o700), []), (.directory("m", mode: 0o751), []),
      ]))

    #expect(scratch.read("layer/a") == [2])
    #expect(scratch.read("layer/d") == [3])
    #expect(scratch.read("layer/l/y") == [4])
    #expect(try scratch.status("layer/m").permissions == 0o751)
  }

  @Test func `directories that no entry makes are root's and plain`() throws {
    let scratch = LayerScratch()

    let layer = try scratch.unpack(ArchiveBuilder.build([(.file("a/b/c"), [1])]))

    let status = try scratch.status("layer/a/b")
    #expect(status.permissions == 0o755)
    #expect(status.userID == 0)
    #expect(!layer.describesRoot)
    #expect(!layer.hasPrivilegedFiles)
  }
}
