import SkiffKernel
import Testing

@Suite struct RemoveTreeTests {
  @Test func `a tree goes with everything in it, and what its links lead to stays`() throws {
    let scratch = TreeScratch()
    scratch.run(
      """
      mkdir -p outside tree/a/b tree/c; touch outside/stays tree/a/x tree/a/b/y
      ln -s ../outside tree/link; ln -s \(scratch.path)/outside tree/a/b/absolute; mkfifo tree/pipe; mknod tree/dev c 1 3
      for i in $(seq 1 3000); do : > tree/c/file-with-a-long-name-$i; done; chmod 0 tree/a/b tree/a
      """)
    let directory = try scratch.open()

    try directory.descriptor.removeTree("tree")

    #expect(!scratch.exists("tree"))
    #expect(scratch.exists("outside/stays"))
    // Nothing there is success.
    try directory.descriptor.removeTree("tree")
    try directory.descriptor.removeTree("outside/stays")
    #expect(!scratch.exists("outside/stays"))
  }

  @Test func `a tree deeper than any path goes, with few open files`() throws {
    let scratch = TreeScratch()
    scratch.run(
      """
      perl -e 'mkdir "deep"; chdir "deep"; for (1..3000) { mkdir "directory-with-name"; open(F, ">f"); mkdir "side"; chdir "directory-with-name" or die }'
      """)
    let directory = try scratch.open()

    try directory.descriptor.removeTree("deep")

    #expect(!scratch.exists("deep"))
  }

  @Test func `a mount point is not crossed`() throws {
    let scratch = TreeScratch()
    scratch.run("mkdir -p tree/mounted && mount -t tmpfs tmpfs tree/mounted && touch tree/mounted/stays")
    defer { scratch.run("umount tree/mounted") }
    let directory = try scratch.open()

    #expect(throws: Errno.crossDevice) { try directory.descriptor.removeTree("tree") }

    #expect(scratch.exists("tree/mounted/stays"))
  }

  @Test func `a link is removed, not followed, wherever it stands`() throws {
    let scratch = TreeScratch()
    scratch.run("mkdir outside; touch outside/stays; ln -s outside link")
    let directory = try scratch.open()

    try directory.descriptor.removeTree("link")

    #expect(!scratch.exists("link"))
    #expect(scratch.exists("outside/stays"))
  }

  @Test func `a file that cannot be removed is told`() throws {
    let scratch = TreeScratch()
    scratch.run("mkdir tree; touch tree/fast; chattr +i tree/fast")
    defer { scratch.run("chattr -i tree/fast") }
    let directory = try scratch.open()

    #expect(throws: Errno.notPermitted) { try directory.descriptor.removeTree("tree") }
  }

  @Test func `content goes and the directory stays`() throws {
    let scratch = TreeScratch()
    scratch.run("mkdir -p tree/a/b; touch tree/x")
    let tree = try scratch.open("tree")

    try tree.descriptor.removeContents()

    #expect(try tree.descriptor.sortedEntries(limit: 10).isEmpty)
  }

  @Test func `what a tree takes on the disk is counted once`() throws {
    let scratch = TreeScratch()
    scratch.run(
      "mkdir -p tree/a; head -c 1000000 /dev/urandom > tree/a/x; ln tree/a/x tree/y; truncate -s 1G tree/hole")
    let directory = try scratch.open()

    let bytes = try directory.descriptor.diskUsage("tree")

    #expect(bytes >= 1_000_000)
    #expect(bytes < 1_100_000)
    #expect(try directory.descriptor.diskUsage("nothing") == 0)
  }
}
