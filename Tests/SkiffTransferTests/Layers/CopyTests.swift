import SkiffImages
import SkiffKernel
import SkiffTransfer
import Testing

/// Archives whose entries are files and nothing else, as `cp` puts them among others.
@Suite struct CopyTests {
  private func copy(_ entries: [TarEntry], into scratch: LayerScratch, owners: OwnerRules = OwnerRules()) throws {
    let archive = ArchiveBuilder.build(entries.map { ($0, []) })
    var unpacker = try LayerUnpacker(into: try scratch.open("target"), form: .portable, copy: owners)
    try unpacker.write(archive.span)
    _ = try unpacker.finish()
  }

  private func entry(_ type: TarEntryType, _ path: String, mode: UInt32 = 0o644) -> TarEntry {
    var entry = TarEntry(type: type, path: Array(path.utf8))
    entry.mode = mode
    return entry
  }

  private func status(_ scratch: LayerScratch, _ path: String) throws -> FileStatus {
    try scratch.status("target/\(path)")
  }

  @Test func `a whiteout's name is a name like any other`() throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("target")

    try copy([entry(.regular, "kept"), entry(.regular, ".wh.kept"), entry(.regular, ".wh..wh..opq")], into: scratch)

    for name in ["kept", ".wh.kept", ".wh..wh..opq"] { #expect(try status(scratch, name).type == .regular) }
  }

  @Test func `a directory and a file do not take each other's place`() throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("target")
    try copy([entry(.directory, "directory", mode: 0o755), entry(.regular, "file")], into: scratch)

    #expect(throws: LayerError.refused(entry: "directory", reason: .directoryInTheWay)) {
      try copy([entry(.regular, "directory")], into: scratch)
    }
    #expect(throws: LayerError.refused(entry: "file/", reason: .noDirectoryInTheWay)) {
      try copy([entry(.directory, "file")], into: scratch)
    }
    // A file takes a file's place.
    try copy([entry(.regular, "file", mode: 0o600)], into: scratch)
    #expect(try status(scratch, "file").permissions == 0o600)
  }

  @Test func `no entry goes through a link, and the target stays what it is`() throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("target")
    scratch.run("ln -s /tmp target/link; chmod 700 target")

    #expect(throws: LayerError.self) { try copy([entry(.regular, "link/planted")], into: scratch) }
    #expect(throws: LayerError.self) { try copy([entry(.regular, "../planted")], into: scratch) }
    try copy([entry(.directory, "./", mode: 0o755)], into: scratch)
    let target = try scratch.open("target")
    #expect(try target.descriptor.status().permissions == 0o700)
  }

  @Test func `owners are one, or translated, or refused`() throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("target")
    var file = entry(.regular, "file", mode: 0o4755)
    (file.userID, file.groupID) = (3, 4)
    var owners = OwnerRules()
    owners.everything = OwnerRules.Owner(userID: 7, groupID: 8)
    try copy([file], into: scratch, owners: owners)
    // What raises rights does not come along to another owner.
    #expect(try status(scratch, "file").permissions == 0o755)
    #expect(try status(scratch, "file").userID == 7 && status(scratch, "file").groupID == 8)

    var mapped = OwnerRules()
    mapped.users = [OwnerRules.Range(from: 0, to: 1000, count: 10)]
    mapped.groups = [OwnerRules.Range(from: 0, to: 2000, count: 10)]
    try copy([file], into: scratch, owners: mapped)
    #expect(try status(scratch, "file").userID == 1003 && status(scratch, "file").groupID == 2004)
    file.userID = 10
    #expect(throws: LayerError.refused(entry: "file", reason: .ownerHasNoID("user", 10))) {
      try copy([file], into: scratch, owners: mapped)
    }
  }

  @Test func `chosen paths of a tree are packed, with whiteouts for what is gone`() throws {
    let scratch = LayerScratch()
    scratch.makeDirectory("tree")
    scratch.run("cd tree && mkdir -p a/b other && echo x > a/b/new && echo x > a/old && echo x > other/file")
    let root = try scratch.open("tree")
    var rules = PackingRules()
    func path(_ text: String) -> [UInt8] { Array(text.utf8) }
    rules.tree = .changes([path("a"), path("a/b"), path("a/b/new")], gone: [path("a/gone"), path("top")])
    let memory = ArchiveBuilder.MemorySink()

    _ = try LayerPacker(root: root.descriptor, rules: rules, sink: ArchiveBuilder.Sink(memory: memory)).pack()

    scratch.write(memory.bytes, to: "changes.tar")
    scratch.run("tar tf changes.tar | LC_ALL=C sort > names")
    let names = String(decoding: scratch.read("names"), as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(names == ["./", ".wh.top", "a/", "a/.wh.gone", "a/b/", "a/b/new"])
  }
}
