import SkiffImages
import SkiffKernel
import SkiffTransfer
import Testing

/// What a layer removes, in each form that a layer takes on the disk.
@Suite struct WhiteoutTests {
  private static let removals: [(TarEntry, [UInt8])] = [
    (.directory("d"), []), (.file("d/.wh.gone"), []), (.file("d/new"), [1]), (.directory("o"), []),
    (.file("o/first"), [1]), (.file("o/.wh..wh..opq"), []), (.file("o/last"), [2]), (.file(".wh.whole"), []),
  ]

  @Test func `for overlayfs they are devices and attributes`() throws {
    let scratch = LayerScratch()

    try scratch.unpack(ArchiveBuilder.build(Self.removals))

    for name in ["layer/d/gone", "layer/whole"] {
      let status = try scratch.status(name)
      #expect(status.type == .characterDevice)
      #expect(status.specialDevice == 0)
    }
    let opaque = try scratch.open("layer/o")
    #expect(try opaque.descriptor.extendedAttribute("trusted.overlay.opaque") == [UInt8(ascii: "y")])
    #expect(scratch.names("layer/o") == ["first", "last"])
  }

  @Test func `for a copy of the layers below they are done`() throws {
    let scratch = LayerScratch()
    scratch.run(
      "mkdir -p layer/d layer/o/sub layer/whole/deep; touch layer/d/gone layer/d/stays layer/o/old layer/o/sub/x layer/whole/deep/y"
    )

    try scratch.unpack(ArchiveBuilder.build(Self.removals), form: .merged)

    #expect(scratch.names("layer") == ["d", "o"])
    #expect(scratch.names("layer/d") == ["new", "stays"])
    #expect(scratch.names("layer/o") == ["first", "last"])
  }

  @Test func `for copying they stay as the archive has them`() throws {
    let scratch = LayerScratch()

    try scratch.unpack(ArchiveBuilder.build(Self.removals), form: .portable)

    #expect(scratch.names("layer") == [".wh.whole", "d", "o"])
    #expect(scratch.names("layer/d") == [".wh.gone", "new"])
    #expect(scratch.names("layer/o") == [".wh..wh..opq", "first", "last"])
  }

  @Test(arguments: [true, false])
  func `what is removed and made again is new, in either order`(_ removedFirst: Bool) throws {
    let scratch = LayerScratch()
    let made: [(TarEntry, [UInt8])] = [(.directory("d"), []), (.file("d/new"), [1])]
    let removed: [(TarEntry, [UInt8])] = [(.file(".wh.d"), [])]
    let archive = ArchiveBuilder.build(removedFirst ? removed + made : made + removed)
    scratch.run("mkdir -p merged/d; touch merged/d/old")

    try scratch.unpack(archive, into: "overlay")
    try scratch.unpack(archive, into: "merged", form: .merged)

    let directory = try scratch.open("overlay/d")
    #expect(try directory.descriptor.extendedAttribute("trusted.overlay.opaque") == [UInt8(ascii: "y")])
    #expect(scratch.names("overlay/d") == ["new"])
    #expect(scratch.names("merged/d") == ["new"])
  }

  @Test func `an opaque root hides all below`() throws {
    let scratch = LayerScratch()
    scratch.run("mkdir -p merged/old")
    let archive = ArchiveBuilder.build([(.file("new"), []), (.file(".wh..wh..opq"), [])])

    #expect(try scratch.unpack(archive).hidesLowerLayers)
    try scratch.unpack(archive, into: "merged", form: .merged)

    #expect(scratch.names("merged") == ["new"])
  }

  @Test func `a directory over a link of the layer below takes its place`() throws {
    let scratch = LayerScratch()
    scratch.run("mkdir -p layer/usr/lib; ln -s usr/lib layer/lib; ln -s \(scratch.path)/outside layer/out")

    try scratch.unpack(
      ArchiveBuilder.build([(.file("lib/x"), [1]), (.directory("out"), []), (.file("out/y"), [2])]), form: .merged)

    #expect(scratch.names("layer/usr/lib") == [])
    #expect(scratch.names("layer/lib") == ["x"])
    #expect(scratch.names("layer/out") == ["y"])
    scratch.expectCanaryUntouched()
  }

  @Test func `a directory's entry says all of what it is like`() throws {
    let scratch = LayerScratch()
    scratch.run("mkdir -p layer/d; setfattr -n user.old -v x layer/d; setfattr -n user.same -v x layer/d")
    let entry = TarEntry.directory("d").with {
      $0.attributes = [TarAttribute(name: Array("user.same".utf8), value: [1])]
    }

    try scratch.unpack(ArchiveBuilder.build([(entry, [])]), form: .merged)

    let directory = try scratch.open("layer/d")
    #expect(try directory.descriptor.extendedAttributeNames() == ["user.same"])
    #expect(try directory.descriptor.extendedAttribute("user.same") == [1])
  }

  @Test func `what overlayfs keeps of a container becomes whiteouts again`() throws {
    let scratch = LayerScratch()
    try scratch.unpack(ArchiveBuilder.build(Self.removals), into: "upper")

    let packed = try scratch.pack("upper", tree: .overlayChanges)
    try scratch.unpack(packed, into: "again")
    try scratch.unpack(packed, into: "portable", form: .portable)

    try TreeFacts.expectSame("\(scratch.path)/again", "\(scratch.path)/upper", times: false)
    #expect(scratch.names("portable") == [".wh.whole", "d", "o"])
    #expect(scratch.names("portable/o") == [".wh..wh..opq", "first", "last"])
  }
}
