import SkiffRuntime
import Testing

struct MountedTreeTests {
  private let text = """
    21 1 8:1 / / rw,relatime - ext4 /dev/a rw
    22 21 0:5 / /proc rw - proc proc rw
    23 22 0:30 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw
    24 21 0:6 / /sys rw shared:7 - sysfs sysfs rw
    25 21 0:5 /sys /srv/sys rw - proc proc rw
    26 21 0:5 / /srv/with\\040space rw - proc proc rw
    41 40 0:7 / /proc rw - proc proc rw
    40 21 8:1 /bundle / rw - ext4 /dev/a rw
    42 40 0:6 / /sys ro - sysfs sysfs ro
    not a line
    """

  @Test func `mounts beneath the one that lies over the root are in front, all others behind`() {
    let behind = MountedTree.behindRoot(MountedTree.parse(Array(text.utf8)))

    #expect(behind.map(\.number) == [21, 22, 23, 24, 25, 26])
  }

  @Test func `only the whole of procfs and sysfs shows the kernel`() {
    let shown = MountedTree.behindRoot(MountedTree.parse(Array(text.utf8))).filter(\.showsKernel)

    #expect(shown.map(\.place) == ["/proc", "/sys", "/srv/with space"])
  }

  @Test func `without a mount over the root nothing is in front`() {
    let mounts = MountedTree.parse(Array(text.utf8)).filter { $0.number < 40 }

    #expect(MountedTree.behindRoot(mounts) == mounts)
  }
}
