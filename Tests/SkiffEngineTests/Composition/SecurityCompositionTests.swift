import SkiffEngine
import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct SecurityCompositionTests {
  private static let defaults: Set<String> = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
  ]

  private func capabilities(_ change: (inout RunRequest) -> Void = { _ in }) throws -> Set<String> {
    var request = RunRequest()
    change(&request)
    return Set(try SpecComposer.capabilities(request, host: HostFacts()))
  }

  @Test func `eleven capabilities, none of them inheritable or ambient`() throws {
    let sets = try #require(try ComposerFixture().process().capabilities)

    #expect(Set(sets.bounding) == Self.defaults)
    #expect(sets.bounding.count == 11)
    #expect(sets.effective == sets.bounding)
    #expect(sets.permitted == sets.bounding)
    #expect(sets.inheritable.isEmpty)
    #expect(sets.ambient.isEmpty)
  }

  @Test func `capabilities are added and dropped by any spelling`() throws {
    let changed = try capabilities {
      $0.addedCapabilities = ["net_raw", "CAP_SYS_TIME"]
      $0.droppedCapabilities = ["chown"]
    }

    #expect(changed == Self.defaults.union(["CAP_NET_RAW", "CAP_SYS_TIME"]).subtracting(["CAP_CHOWN"]))
  }

  @Test func `dropping all leaves what was added, adding all leaves out what was dropped`() throws {
    #expect(
      try capabilities {
        $0.droppedCapabilities = ["ALL"]
        $0.addedCapabilities = ["CHOWN"]
      } == ["CAP_CHOWN"])
    #expect(try capabilities { $0.droppedCapabilities = ["all"] } == [])
    #expect(
      try capabilities {
        $0.addedCapabilities = ["ALL"]
        $0.droppedCapabilities = ["SYS_ADMIN"]
      } == Set(CapabilityNames.all).subtracting(["CAP_SYS_ADMIN"]))
  }

  @Test func `an unknown capability is refused by name`() {
    let fixture = ComposerFixture { $0.addedCapabilities = ["SYS_ADMINN"] }

    #expect(
      fixture.refusal() == "invalid value \"SYS_ADMINN\" for --cap-add: Linux has no capability of that name")
  }

  @Test func `privileged means every right that the caller has, unmasked, with the host's devices`() throws {
    var fixture = ComposerFixture { $0.isPrivileged = true }
    fixture.composition.host.capabilities = ["CAP_CHOWN", "CAP_SYS_ADMIN"]
    fixture.composition.hostDevices = ["/dev/kvm": DeviceNode(type: "c", major: 10, minor: 232)]

    let spec = try fixture.spec()

    #expect(spec.process?.capabilities?.bounding == ["CAP_CHOWN", "CAP_SYS_ADMIN"])
    #expect(spec.linux.seccomp == nil)
    #expect(spec.linux.maskedPaths.isEmpty)
    #expect(spec.linux.readonlyPaths.isEmpty)
    #expect(spec.linux.devices.map(\.path) == ["/dev/kvm"])
    #expect(spec.linux.resources?.devices.map(\.allow) == [true])
    #expect(spec.mounts.first { $0.destination == "/sys" }?.options.contains("rw") == true)
    #expect(spec.process?.noNewPrivileges == false)
  }

  @Test func `new privileges are forbidden unless a file of the image gives some`() throws {
    var fixture = ComposerFixture()
    #expect(try fixture.process().noNewPrivileges)
    fixture.composition.imageRaisesRights = true
    #expect(try !fixture.process().noNewPrivileges)
    fixture.composition.imageRaisesRights = nil
    #expect(try !fixture.process().noNewPrivileges)
    fixture.composition.request.security.noNewPrivileges = true
    #expect(try fixture.process().noNewPrivileges)
    fixture.composition.imageRaisesRights = false
    fixture.composition.request.security.noNewPrivileges = false
    #expect(try !fixture.process().noNewPrivileges)
  }

  @Test func `a container is never composed without its filter`() throws {
    var fixture = ComposerFixture()
    fixture.composition.seccomp = nil
    #expect(fixture.refusal() == "the system call filter is missing")
    fixture.composition.request.security.seccomp = "unconfined"
    #expect(try fixture.spec().linux.seccomp == nil)
  }

  @Test func `an AppArmor profile needs a kernel with AppArmor`() throws {
    var fixture = ComposerFixture { $0.security.apparmor = "web" }
    #expect(fixture.refusal() == "cannot apply the AppArmor profile web: this kernel runs without AppArmor")
    fixture.composition.host.hasAppArmor = true
    #expect(try fixture.process().apparmorProfile == "web")
    fixture.composition.request.security.apparmor = "unconfined"
    #expect(try fixture.process().apparmorProfile == nil)
  }

  @Test func `what tells of the host is hidden, what would change it is read-only`() throws {
    var fixture = ComposerFixture()
    fixture.composition.host.thermalThrottleCPUs = 2

    let linux = try fixture.spec().linux

    for path in ["/proc/kcore", "/proc/kallsyms", "/proc/config.gz", "/sys/firmware", "/proc/keys"] {
      #expect(linux.maskedPaths.contains(path))
    }
    #expect(linux.maskedPaths.contains("/sys/devices/system/cpu/cpu1/thermal_throttle"))
    #expect(linux.readonlyPaths == ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
    fixture.composition.request.security.systemPathsAreUnconfined = true
    #expect(try fixture.spec().linux.maskedPaths.isEmpty)
  }

  @Test func `settings of the kernel are those of the container's own namespaces`() throws {
    let spec = try changed { $0.sysctls = ["net.core.somaxconn": "100", "kernel.shmmax": "1"] }
    #expect(
      spec.linux.sysctl == [
        "net.core.somaxconn": "100", "kernel.shmmax": "1", "net.ipv4.ping_group_range": "0 2147483647",
      ])

    #expect(
      ComposerFixture { $0.sysctls = ["kernel.core_pattern": "|/x"] }.refusal()?.contains("change the host") == true)
    #expect(ComposerFixture { $0.sysctls = ["net/../kernel/core_pattern": "1"] }.refusal() != nil)
    #expect(
      ComposerFixture {
        $0.sysctls = ["net.core.somaxconn": "1"]
        $0.network = .host
      }.refusal()?.contains("network namespace") == true)
    #expect(
      ComposerFixture {
        $0.sysctls = ["kernel.shmmax": "1"]
        $0.ipcNamespace = .host
      }.refusal()?.contains("IPC namespace") == true)
  }
}
