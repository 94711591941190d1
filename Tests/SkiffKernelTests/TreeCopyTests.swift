import SkiffKernel
import Testing

@Suite struct TreeCopyTests {
  @Test func `everything about a tree goes with it`() throws {
    let scratch = TreeScratch()
    scratch.run(
      """
      mkdir -p from/deep to; cd from
      echo one > file; ln file deep/same; ln -s ../file deep/link; mkfifo -m 640 pipe; mknod -m 666 null c 1 3
      truncate -s 16M hollow; printf end | dd of=hollow bs=1 seek=4194304 conv=notrunc 2>/dev/null
      chown 3:4 file; chmod 6755 file; chown -h 5:6 deep/link; touch -d @1000000000 deep
      setfattr -n user.note -v hi deep; setfattr -n trusted.overlay.opaque -v y deep
      """)
    let from = try scratch.open("from")
    let to = try scratch.open("to")

    try TreeCopy(source: from.descriptor, target: to.descriptor).run()

    scratch.run(
      """
      list() { cd $1; find . -mindepth 1 -printf '%P %y %m %U:%G %s %n %l %T@\\n' | grep -v '^hollow' | sort; cd ..; }
      test "$(list from)" = "$(list to)"
      cmp from/hollow to/hollow; test $(stat -c %b to/hollow) -lt 100
      test to/file -ef to/deep/same
      test "$(stat -c %t:%T to/null)" = 1:3
      test "$(getfattr --only-values -n user.note to/deep)" = hi
      ! getfattr -n trusted.overlay.opaque to/deep 2>/dev/null
      """)
  }

  @Test func `the top is left as it is where that is asked for`() throws {
    let scratch = TreeScratch()
    scratch.run("mkdir -p from to; chmod 700 to; chmod 755 from; touch from/file")
    let from = try scratch.open("from")
    let to = try scratch.open("to")

    try TreeCopy(source: from.descriptor, target: to.descriptor, changesTop: false).run()

    scratch.run("test $(stat -c %a to) = 700; test -e to/file")
  }

  @Test func `a tree deeper than any person's is refused`() throws {
    let scratch = TreeScratch()
    scratch.run("mkdir from to; cd from; for i in $(seq 250); do mkdir d; cd d; done")
    let from = try scratch.open("from")
    let to = try scratch.open("to")

    #expect(throws: Errno.nameTooLong) { try TreeCopy(source: from.descriptor, target: to.descriptor).run() }
  }
}
