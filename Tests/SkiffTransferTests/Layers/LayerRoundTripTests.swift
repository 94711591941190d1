import Glibc
import SkiffImages
import SkiffKernel
import SkiffTransfer
import Testing

@Suite struct LayerRoundTripTests {
  @Test(arguments: 0..<12)
  func `a random tree, packed and unpacked, is the same`(_ seed: UInt64) throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("tree")
    var maker = RandomTree(seed: seed, root: "\(scratch.path)/tree")
    try maker.make(entries: 150)

    let packed = try scratch.pack("tree")
    try scratch.unpack(packed, pieces: 1 + Int(seed) * 331)

    try TreeFacts.expectSame("\(scratch.path)/layer", "\(scratch.path)/tree")
    // The same tree gives the same bytes.
    #expect(try scratch.pack("layer") == packed)
  }

  @Test(arguments: 20..<24)
  func `tar reads what skiff packs`(_ seed: UInt64) throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("tree")
    var maker = RandomTree(seed: seed, root: "\(scratch.path)/tree")
    maker.attributeName = "user.plain"
    try maker.make(entries: 150)

    scratch.write(try scratch.pack("tree"), to: "packed.tar")
    scratch.run("mkdir layer && tar --xattrs --xattrs-include='*' -xpf packed.tar -C layer")

    try TreeFacts.expectSame("\(scratch.path)/layer", "\(scratch.path)/tree")
  }

  @Test func `sockets are left out and told`() throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("tree")
    let root = try scratch.open("tree")
    try root.descriptor.makeNode("talk", type: .socket, mode: 0o600)

    let packer = LayerPacker(root: root.descriptor, sink: ArchiveBuilder.Sink(memory: .init()))
    let packed = try packer.pack()

    #expect(packed.entryCount == 1)
    #expect(packed.leftOut == ["socket talk"])
  }
}

/// Makes trees at random: names, kinds, owners, modes, times, links, attributes.
struct RandomTree: RandomNumberGenerator {
  private var state: UInt64
  private let root: String
  /// GNU tar cannot read a name with an equals sign.
  var attributeName = "user.a=b"
  private var directories = ["."]
  private var files: [String] = []

  init(seed: UInt64, root: String) {
    state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    self.root = root
  }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  private mutating func name() -> String {
    let length = [1, 3, 9, 40, 120, 240].randomElement(using: &self) ?? 3
    let letters = Array("abcxyz.-_ äß€'\"\\=%\n")
    var name = "n"
    while name.utf8.count < length { name.append(letters.randomElement(using: &self) ?? "a") }
    return name
  }

  mutating func make(entries: Int) throws {
    var paths: [String] = []
    for _ in 0..<entries {
      let parent = directories.randomElement(using: &self) ?? "."
      let path = "\(parent)/\(name())"
      if path.utf8.count > 1500 { continue }
      guard try makeOne(path) else { continue }
      paths.append(path)
    }
    // What is deepest last: times of directories change with their content.
    for path in paths.reversed() { try dress(path) }
    try dress(".")
  }

  private func kernelPath(_ path: String) throws -> KernelPath { try KernelPath("\(root)/\(path)") }

  private mutating func makeOne(_ path: String) throws -> Bool {
    let here = Descriptor.workingDirectory
    let place = try kernelPath(path)
    var status = stat()
    if lstat("\(root)/\(path)", &status) == 0 { return false }
    switch Int.random(in: 0..<10, using: &self) {
    case 0, 1, 2:
      try here.makeDirectory(place, mode: 0o755)
      directories.append(path)
    case 3:
      try here.makeSymbolicLink(place, target: try KernelPath("/somewhere/\(name())"))
    case 4:
      if let other = files.randomElement(using: &self) {
        try here.link(try kernelPath(other), to: place, in: here)
        return false
      }
      return false
    case 5:
      let type: FileType = [.characterDevice, .blockDevice, .fifo].randomElement(using: &self) ?? .fifo
      try here.makeNode(place, type: type, mode: 0o600, major: UInt32.random(in: 1..<500, using: &self), minor: 9)
    default:
      let file = try here.open(place, [.writeOnly, .create, .exclusive], mode: 0o600)
      let size = [0, 1, 511, 512, 513, 70000, 300_000].randomElement(using: &self) ?? 0
      let byte = UInt8.random(in: 0...255, using: &self)
      try file.descriptor.writeAll((0..<size).map { UInt8(truncatingIfNeeded: $0) ^ byte })
      files.append(path)
    }
    return true
  }

  private mutating func dress(_ path: String) throws {
    let here = Descriptor.workingDirectory
    let place = try kernelPath(path)
    let handle = try here.open(place, [.pathOnly, .noFollow])
    let status = try handle.descriptor.status()
    let owners: [UInt32] = [0, 1, 1000, 65534, 3_000_000, 0xFFFF_FFFE]
    try handle.descriptor.changeOwner(
      userID: owners.randomElement(using: &self) ?? 0, groupID: owners.randomElement(using: &self) ?? 0)
    if status.type != .symbolicLink {
      let modes: [UInt32] = [0o644, 0o755, 0o000, 0o4755, 0o2711, 0o1777, 0o7777]
      try handle.descriptor.changeModeOfHandle(modes.randomElement(using: &self) ?? 0o644)
    }
    if Int.random(in: 0..<4, using: &self) == 0 {
      let value = [UInt8]("value \(next())".utf8)
      try handle.descriptor.setExtendedAttributeOfHandle("trusted.note", value)
      if status.type == .regular || status.type == .directory {
        try handle.descriptor.setExtendedAttributeOfHandle(try KernelPath(attributeName), value + [0, 10])
      }
    }
    let time = FileTime(
      seconds: Int64.random(in: -1000...3_000_000_000, using: &self),
      nanoseconds: [0, 1, 500_000_000, 999_999_999].randomElement(using: &self) ?? 0)
    try here.setTimes(place, accessed: time, modified: time)
  }
}
