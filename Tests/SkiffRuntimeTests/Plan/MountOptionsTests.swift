import SkiffKernel
import SkiffRuntime
import Testing

@Suite struct MountOptionsTests {
  @Test func `words become properties of the mount`() {
    let options = MountOptions(["ro", "nosuid", "nodev", "noexec", "nosymfollow"])

    #expect(options.set == [.readOnly, .noSetUserID, .noDevices, .noExecute, .noFollowLinks])
    #expect(options.parameters.isEmpty)
  }

  @Test func `the last word wins`() {
    let options = MountOptions(["ro", "rw", "nodev", "dev", "suid", "nosuid"])

    #expect(options.set == [.noSetUserID])
    #expect(options.clear == [.readOnly, .noDevices])
  }

  @Test func `access times are one field`() {
    #expect(MountOptions(["noatime"]).clear == .accessTimeMask)
    #expect(MountOptions(["noatime"]).set == .noAccessTime)
    #expect(MountOptions(["noatime", "strictatime"]).set == .strictAccessTime)
    #expect(MountOptions(["noatime", "relatime"]).set == [])
  }

  @Test func `an r before a word means everything beneath`() {
    let options = MountOptions(["rro", "rnosuid", "rbind", "rprivate"])

    #expect(options.set == [])
    #expect(options.setRecursively == [.readOnly, .noSetUserID])
    #expect(options.isBind && options.isRecursiveBind)
    #expect(options.propagation == .private && options.propagatesRecursively)
  }

  @Test func `what no list knows is the file system's own`() {
    let options = MountOptions(["size=64k", "newinstance", "mode=0620", "defaults"])

    #expect(options.parameters.map(\.description) == ["size=64k", "newinstance", "mode=0620"])
  }

  @Test func `rslave is not the recursive form of a word slave that sets a property`() {
    let options = MountOptions(["rslave"])

    #expect(options.propagation == .slave)
    #expect(options.setRecursively == [] && options.parameters.isEmpty)
  }
}
