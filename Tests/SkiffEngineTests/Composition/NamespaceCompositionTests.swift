import SkiffEngine
import SkiffSpec
import Testing

@Suite struct NamespaceCompositionTests {
  private func types(_ change: (inout RunRequest) -> Void = { _ in }) throws -> [RuntimeSpec.NamespaceType] {
    try changed(change).linux.namespaces.map(\.type)
  }

  @Test func `every namespace but the user's and the clock's is new`() throws {
    #expect(try types() == [.mount, .pid, .ipc, .uts, .cgroup, .network])
  }

  @Test func `the host's namespaces are kept by leaving them out`() throws {
    #expect(
      try types {
        $0.pidNamespace = .host
        $0.ipcNamespace = .host
        $0.utsNamespace = .host
        $0.cgroupNamespace = .host
        $0.network = .host
      } == [.mount])
  }

  @Test func `another container's namespaces are joined by their handles`() throws {
    var fixture = ComposerFixture {
      $0.pidNamespace = .container("web")
      $0.network = .container("web")
    }
    #expect(fixture.refusal() != nil)
    fixture.composition.joinedNamespaces = [.pid: "/proc/7/ns/pid", .network: "/proc/7/ns/net"]

    let namespaces = try fixture.spec().linux.namespaces

    #expect(namespaces.contains(RuntimeSpec.Namespace(type: .pid, path: "/proc/7/ns/pid")))
    #expect(namespaces.contains(RuntimeSpec.Namespace(type: .network, path: "/proc/7/ns/net")))
  }

  @Test func `a container is called by its id unless it is named or shares the host's network`() throws {
    #expect(try changed { _ in }.hostname == "abababababab")
    #expect(try changed { $0.hostname = "web" }.hostname == "web")
    #expect(try changed { $0.utsNamespace = .host }.hostname == nil)
    var fixture = ComposerFixture { $0.network = .host }
    fixture.composition.host.hostname = "ship"
    #expect(try fixture.spec().hostname == "ship")
    #expect(try changed { $0.domainname = "example" }.domainname == "example")
  }

  @Test func `a name of its own needs a UTS namespace of its own`() {
    let fixture = ComposerFixture {
      $0.utsNamespace = .host
      $0.hostname = "web"
    }

    #expect(fixture.refusal()?.contains("--hostname needs a UTS namespace") == true)
    #expect(ComposerFixture { $0.hostname = String(repeating: "x", count: 65) }.refusal() != nil)
    #expect(ComposerFixture { $0.hostname = "a/b" }.refusal() != nil)
  }

  @Test func `a user namespace brings its mappings and bounds what needs the host's ids`() throws {
    let range = IDRange(container: 0, host: 100_000, size: 65_536)
    var fixture = ComposerFixture { $0.userNamespace = .mapped(users: [range], groups: [range]) }
    let mapping = RuntimeSpec.IDMapping(containerID: 0, hostID: 100_000, size: 65_536)
    fixture.composition.userMappings = [mapping]
    fixture.composition.groupMappings = [mapping]

    let spec = try fixture.spec()

    #expect(spec.linux.namespaces.first?.type == .user)
    #expect(spec.linux.uidMappings == [mapping])
    #expect(spec.linux.gidMappings == [mapping])
    #expect(spec.linux.sysctl["net.ipv4.ping_group_range"] == "0 65535")
    #expect(spec.mounts.first { $0.destination == "/dev/pts" }?.options.contains("gid=5") == true)
  }

  @Test func `a narrow user namespace has terminals without the group that it cannot name`() throws {
    var fixture = ComposerFixture { $0.userNamespace = .automatic }
    let mapping = RuntimeSpec.IDMapping(containerID: 0, hostID: 1000, size: 1)
    fixture.composition.userMappings = [mapping]
    fixture.composition.groupMappings = [mapping]

    #expect(try fixture.mount("/dev/pts")?.options.contains("gid=5") == false)
  }

  @Test func `a user namespace contradicts privileged and others' namespaces`() {
    #expect(
      ComposerFixture {
        $0.userNamespace = .automatic
        $0.isPrivileged = true
      }.refusal()?.contains("choose one of them") == true)
    #expect(
      ComposerFixture {
        $0.userNamespace = .automatic
        $0.pidNamespace = .container("web")
      }.refusal()?.contains("cannot join") == true)
  }

  @Test func `the control group is named by the id`() throws {
    let id = String(repeating: "ab", count: 32)
    #expect(try changed { _ in }.linux.cgroupsPath == "/skiff/\(id)")
    #expect(try changed { $0.cgroupParent = "jobs/night/" }.linux.cgroupsPath == "/jobs/night/\(id)")
    #expect(try changed { $0.cgroupParent = "/" }.linux.cgroupsPath == "/\(id)")
  }
}
