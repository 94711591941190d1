import SkiffEngine
import SkiffSpec
import Testing

@Suite struct MountCompositionTests {
  private func fixture(_ mounts: [ResolvedMount]) -> ComposerFixture {
    var fixture = ComposerFixture()
    fixture.composition.mounts = mounts
    return fixture
  }

  private func volume(_ text: String, at path: String) throws -> ResolvedMount {
    ResolvedMount(request: try MountRequest(parsingVolume: text, workingDirectory: "/"), hostPath: path)
  }

  @Test func `the file systems of the kernel are mounted in their order`() throws {
    let mounts = try ComposerFixture().spec().mounts

    #expect(
      mounts.map(\.destination) == [
        "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm",
      ])
    #expect(mounts.first { $0.destination == "/sys" }?.options.contains("ro") == true)
    #expect(mounts.first { $0.destination == "/sys/fs/cgroup" }?.options.contains("ro") == true)
    #expect(mounts.last?.options.contains("size=67108864") == true)
  }

  @Test func `the engine's files appear under etc`() throws {
    var fixture = ComposerFixture()
    fixture.composition.files.hosts = "/c/hosts"
    fixture.composition.files.resolvConf = "/c/resolv.conf"

    #expect(try fixture.mount("/etc/hosts")?.source == "/c/hosts")
    #expect(try fixture.mount("/etc/resolv.conf")?.source == "/c/resolv.conf")
    #expect(try fixture.mount("/etc/hostname") == nil)
  }

  @Test func `a mount of the caller's takes the place of the engine's own`() throws {
    var fixture = fixture([try volume("/my/hosts:/etc/hosts", at: "/my/hosts"), try volume("/s:/dev/shm/", at: "/s")])
    fixture.composition.files.hosts = "/c/hosts"

    #expect(try fixture.mount("/etc/hosts")?.source == "/my/hosts")
    #expect(try fixture.spec().mounts.filter { $0.destination == "/dev/shm" }.map(\.source) == ["/s"])
  }

  @Test func `outer mounts come before inner ones`() throws {
    let mounts = try fixture([
      try volume("/1:/a/b/c", at: "/1"), try volume("/2:/z", at: "/2"), try volume("/3:/a", at: "/3"),
    ]).spec().mounts

    #expect(mounts.suffix(3).map(\.destination) == ["/z", "/a", "/a/b/c"])
  }

  @Test func `bind mounts are private, read-only to the bottom, or shared by choice`() throws {
    let fixture = fixture([
      try volume("/1:/a", at: "/1"), try volume("/2:/b:ro,noexec", at: "/2"), try volume("/3:/c:rshared", at: "/3"),
    ])

    #expect(try fixture.mount("/a")?.options == ["rbind", "rprivate", "rw"])
    #expect(try fixture.mount("/b")?.options == ["rbind", "rprivate", "ro", "rro", "noexec"])
    #expect(try fixture.mount("/c")?.options == ["rbind", "rshared", "rw"])
    #expect(try fixture.spec().linux.rootfsPropagation == "shared")
    #expect(try ComposerFixture().spec().linux.rootfsPropagation == nil)
  }

  @Test func `memory is mounted without programs, setuid files and devices unless asked`() throws {
    let plain = ResolvedMount(request: try MountRequest(parsingTmpfs: "/t"), hostPath: nil)
    let open = ResolvedMount(request: try MountRequest(parsingTmpfs: "/u:exec,size=1m,mode=700,ro"), hostPath: nil)
    let fixture = fixture([plain, open])

    #expect(try fixture.mount("/t")?.options == ["noexec", "nosuid", "nodev", "rw"])
    #expect(try fixture.mount("/u")?.options == ["nosuid", "nodev", "exec", "size=1m", "mode=700", "ro"])
  }

  @Test func `the image's volumes are wanted unless the caller mounts there`() throws {
    var request = RunRequest()
    request.mounts = [try MountRequest(parsingVolume: "data:/var/lib/data/", workingDirectory: "/")]
    var image = ImageDefaults()
    image.volumes = ["/var/lib/data", "/cache", "relative", "/"]

    let wanted = try SpecComposer.wantedMounts(request, image)

    #expect(wanted.map(\.destination) == ["/var/lib/data/", "/cache"])
    #expect(wanted.last?.source == .volume(name: nil))
  }

  @Test func `two mounts at one place are refused`() throws {
    var request = RunRequest()
    request.mounts = [
      try MountRequest(parsingVolume: "sea:/x", workingDirectory: "/"), try MountRequest(parsingTmpfs: "/y/../x"),
    ]

    #expect(throws: EngineError.refused("two mounts want the same place in the container: /x")) {
      try SpecComposer.wantedMounts(request, ImageDefaults())
    }
  }

  @Test func `labels of SELinux are refused only where the kernel would need them`() throws {
    var fixture = fixture([try volume("/1:/a:z", at: "/1")])
    #expect(try fixture.mount("/a")?.options == ["rbind", "rprivate", "rw"])
    fixture.composition.host.hasSELinux = true
    #expect(fixture.refusal() == "the volume option z on a kernel with SELinux is not built yet")
  }

  @Test func `shared memory has the size that was asked, or is the host's`() throws {
    #expect(
      try ComposerFixture { $0.shmSizeBytes = 1 << 20 }.mount("/dev/shm")?.options.contains("size=1048576") == true)
    #expect(try ComposerFixture { $0.ipcNamespace = .host }.mount("/dev/shm")?.source == "/dev/shm")
  }
}
