import Glibc
import SkiffKernel
import Testing

@Suite struct FileTests {
  @Test func `a listing gives every name once`() throws {
    let scratch = TreeScratch()
    scratch.run("for i in $(seq 1 2500); do : > name-$i; done; mkdir directory; ln -s x link")
    let directory = try scratch.open()

    let entries = try directory.descriptor.sortedEntries(limit: 3000)

    #expect(entries.count == 2502)
    #expect(Set(entries.map(\.name)).count == 2502)
    #expect(entries.first { $0.name == "directory" }?.type == .directory)
    #expect(entries.first { $0.name == "link" }?.type == .symbolicLink)
    #expect(throws: Errno.argumentListTooLong) { try directory.descriptor.sortedEntries(limit: 100) }
  }

  @Test func `attributes are set, listed, read and removed, by either kind of handle`() throws {
    let scratch = TreeScratch()
    scratch.run("touch file; ln -s nowhere link")
    let directory = try scratch.open()
    let file = try directory.descriptor.open("file", [.readOnly])
    let large = [UInt8](repeating: 7, count: 2000)

    try file.descriptor.setExtendedAttribute("user.small", [])
    try file.descriptor.setExtendedAttribute("user.large", large)

    #expect(try file.descriptor.extendedAttribute("user.small") == [])
    #expect(try file.descriptor.extendedAttribute("user.large") == large)
    #expect(try file.descriptor.extendedAttribute("user.none") == nil)
    #expect(Set(try file.descriptor.extendedAttributeNames()) == ["user.small", "user.large"])
    try file.descriptor.removeExtendedAttribute("user.small")
    #expect(throws: Errno.noData) { try file.descriptor.removeExtendedAttribute("user.small") }
    let link = try directory.descriptor.open("link", [.pathOnly, .noFollow])
    try link.descriptor.setExtendedAttributeOfHandle("trusted.mark", [1])
    #expect(try link.descriptor.extendedAttributeOfHandle("trusted.mark") == [1])
    #expect(try link.descriptor.extendedAttributeNamesOfHandle() == ["trusted.mark"])
  }

  @Test func `a replaced file is the old or the new, and nothing is left beside it`() throws {
    let scratch = TreeScratch()
    let directory = try scratch.open()

    try directory.descriptor.replaceFile("file", with: Array("old".utf8))
    try directory.descriptor.replaceFile("file", with: Array("new".utf8), mode: 0o640)

    #expect(try directory.descriptor.readFile("file", limitBytes: 3) == Array("new".utf8))
    #expect(try directory.descriptor.status("file").permissions == 0o640)
    #expect(try directory.descriptor.sortedEntries(limit: 10).count == 1)
    #expect(throws: Errno.fileTooLarge) { try directory.descriptor.readFile("file", limitBytes: 2) }
  }

  @Test func `two names change places, and neither is made`() throws {
    let scratch = TreeScratch()
    scratch.run("mkdir one two; touch one/first two/second")
    let directory = try scratch.open()

    try directory.descriptor.exchange("one", with: "two")

    #expect(try directory.descriptor.status("one/second").type == .regular)
    #expect(try directory.descriptor.status("two/first").type == .regular)
    #expect(throws: Errno.notFound) {
      try directory.descriptor.exchange("one", with: "three")
    }
    #expect(try directory.descriptor.sortedEntries(limit: 10).count == 2)
  }

  @Test func `only a regular file is read`() throws {
    let scratch = TreeScratch()
    scratch.run("mkfifo pipe; ln -s /etc/passwd link")
    let directory = try scratch.open()

    #expect(throws: Errno.invalidArgument) { try directory.descriptor.readFile("pipe", limitBytes: 10) }
    #expect(throws: Errno.tooManyLinks) { try directory.descriptor.readFile("link", limitBytes: 10) }
  }

  @Test func `a copy holds the same and keeps its holes`() throws {
    let scratch = TreeScratch()
    scratch.run(
      "truncate -s 20M a; printf begin | dd of=a conv=notrunc; printf end | dd of=a bs=1 seek=9000000 conv=notrunc")
    let directory = try scratch.open()
    let source = try directory.descriptor.open("a", [.readOnly])
    let target = try directory.descriptor.open("b", [.writeOnly, .create], mode: 0o600)

    try target.descriptor.copyContent(of: source.descriptor)

    scratch.run("cmp a b")
    #expect(try target.descriptor.status().blocks < 200)
  }

  @Test func `times are set to the nanosecond, of a link itself, too`() throws {
    let scratch = TreeScratch()
    scratch.run("touch file; ln -s file link")
    let directory = try scratch.open()
    let file = try directory.descriptor.open("file", [.readOnly])
    let early = FileTime(seconds: -100, nanoseconds: 1)

    try file.descriptor.setTimes(accessed: early, modified: early)
    try directory.descriptor.setTimes("link", accessed: early, modified: FileTime(seconds: 77))

    let status = try file.descriptor.status()
    #expect(status.modifiedSeconds == -100)
    #expect(status.modifiedNanoseconds == 1)
    #expect(try directory.descriptor.status("link").modifiedSeconds == 77)
    #expect(FileTime(seconds: 0, nanoseconds: 1 << 40).nanoseconds == 999_999_999)
  }

  @Test func `a file becomes a block device, read-only if asked, and is let go`() throws {
    let scratch = TreeScratch()
    scratch.run("truncate -s 20M disk && mkfs.ext4 -q disk && mkdir mounted")
    let directory = try scratch.open()
    let file = try directory.descriptor.open("disk", [.readWrite])
    let path: String
    do {
      let loop = try LoopDevice.attach(file: file.descriptor, readOnly: true)
      path = loop.path
      let status = try loop.device.descriptor.status()
      #expect(status.type == .blockDevice)
      scratch.run("test $(blockdev --getro \(path)) = 1 && test $(blockdev --getsize64 \(path)) = 20971520")
      scratch.run("mount -o ro \(path) mounted && test -d mounted/lost+found && umount mounted")
    }
    // Autoclear: free once its last user is gone.
    scratch.run(
      "for i in 1 2 3 4 5 6 7 8 9 10; do losetup \(path) 2>&1 | grep -q \(scratch.path) || exit 0; sleep 0.1; done; exit 1"
    )
  }

  @Test func `many loop devices at once are all different`() throws {
    let scratch = TreeScratch()
    scratch.run("for i in 1 2 3 4 5 6; do truncate -s 1M disk$i; done")
    let directory = try scratch.open()
    let first = try directory.descriptor.open("disk1", [.readWrite])
    let second = try directory.descriptor.open("disk2", [.readWrite])

    let one = try LoopDevice.attach(file: first.descriptor, readOnly: false)
    let two = try LoopDevice.attach(file: second.descriptor, readOnly: false)

    #expect(one.path != two.path)
    try one.detach()
    try two.detach()
  }

  @Test func `subvolumes and snapshots are made and removed`() throws {
    let scratch = TreeScratch()
    scratch.run("truncate -s 200M disk && mkfs.btrfs -q disk && mkdir mounted && mount -o loop disk mounted")
    defer { scratch.run("umount mounted") }
    let directory = try scratch.open("mounted")

    try directory.descriptor.btrfsMakeSubvolume("one")
    let one = try directory.descriptor.open("one", [.readOnly, .directory])
    scratch.run("printf original > mounted/one/file")
    try directory.descriptor.btrfsMakeSnapshot("two", of: one.descriptor, readOnly: false)
    try directory.descriptor.btrfsMakeSnapshot("fixed", of: one.descriptor, readOnly: true)
    scratch.run("printf changed > mounted/two/file; grep -q original mounted/one/file; ! touch mounted/fixed/x")

    #expect(try one.descriptor.isBtrfsSubvolume())
    #expect(throws: Errno.exists) { try directory.descriptor.btrfsMakeSubvolume("one") }
    #expect(throws: Errno.nameTooLong) {
      try directory.descriptor.btrfsMakeSubvolume(try KernelPath(String(repeating: "x", count: 300)))
    }
    for name in ["one", "two", "fixed"] as [KernelPath] { try directory.descriptor.btrfsRemoveSubvolume(name) }
    #expect(try directory.descriptor.sortedEntries(limit: 10).isEmpty)
    let elsewhere = try scratch.open()
    #expect(try !elsewhere.descriptor.isBtrfsSubvolume())
  }
}
