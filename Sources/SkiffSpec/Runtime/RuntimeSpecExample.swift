extension RuntimeSpec {
  /// A configuration to start from, as the verb `spec` writes it: a shell on the terminal with few rights in a read-only root.
  /// `rootless` asks for what an ordinary user can have: a user namespace of one id, the host's network and `/sys`.
  /// A namespace of control groups is of use only where there is one tree of them (`hasCgroupNamespace`), as engines add it.
  public static func example(
    rootless: Bool = false, userID: UInt32 = 0, groupID: UInt32 = 0, hasCgroupNamespace: Bool = true
  ) -> RuntimeSpec {
    var spec = RuntimeSpec()
    spec.version = "1.2.1"
    spec.hostname = "skiff"
    spec.root = Root(path: "rootfs", isReadOnly: true)
    spec.process = exampleProcess
    spec.mounts = exampleMounts(rootless: rootless)
    spec.linux.maskedPaths = defaultMaskedPaths
    spec.linux.readonlyPaths = defaultReadonlyPaths
    var kinds: [NamespaceType] = rootless ? [.pid, .ipc, .uts, .mount, .user] : [.pid, .network, .ipc, .uts, .mount]
    if hasCgroupNamespace { kinds.append(.cgroup) }
    spec.linux.namespaces = kinds.map { Namespace(type: $0) }
    if rootless {
      spec.linux.uidMappings = [IDMapping(containerID: 0, hostID: userID, size: 1)]
      spec.linux.gidMappings = [IDMapping(containerID: 0, hostID: groupID, size: 1)]
    } else {
      var denyAll = DeviceRule()
      denyAll.access = "rwm"
      var resources = Resources()
      resources.devices = [denyAll]
      spec.linux.resources = resources
    }
    return spec
  }

  /// Files of procfs and sysfs that tell about the host or reach into it; a container gets to see nothing there.
  public static let defaultMaskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
  ]

  /// Files of procfs that change the host when written.
  public static let defaultReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

  private static var exampleProcess: Process {
    var process = Process()
    process.terminal = true
    process.arguments = ["sh"]
    process.environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"]
    process.workingDirectory = "/"
    process.noNewPrivileges = true
    let names = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    var capabilities = Capabilities()
    capabilities.bounding = names
    capabilities.effective = names
    capabilities.permitted = names
    process.capabilities = capabilities
    process.rlimits = [ResourceLimit(type: "RLIMIT_NOFILE", soft: 1024, hard: 1024)]
    return process
  }

  private static func exampleMounts(rootless: Bool) -> [Mount] {
    let quiet = ["nosuid", "noexec", "nodev"]
    // An ordinary user has no group 5 (tty) in a map of one id, and no right to mount a sysfs over the host's network.
    let terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] + (rootless ? [] : ["gid=5"])
    let sysfs =
      rootless
      ? Mount(destination: "/sys", type: "none", source: "/sys", options: ["rbind"] + quiet + ["ro"])
      : Mount(destination: "/sys", type: "sysfs", source: "sysfs", options: quiet + ["ro"])
    return [
      Mount(destination: "/proc", type: "proc", source: "proc"),
      Mount(
        destination: "/dev", type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
      Mount(destination: "/dev/pts", type: "devpts", source: "devpts", options: terminals),
      Mount(destination: "/dev/shm", type: "tmpfs", source: "shm", options: quiet + ["mode=1777", "size=65536k"]),
      Mount(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet),
      sysfs,
      Mount(
        destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: quiet + ["relatime", "ro"]),
    ]
  }
}
