import SkiffSpec

/// What a container gets where nothing else was asked for.
enum ContainerDefaults {
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// What most programs that run as root need, and nothing that reaches beyond the container.
  static let capabilities = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
  ]

  /// Processes and threads; stops a fork bomb before it stops the machine.
  static let pidsLimit: Int64 = 2048
  static let openFilesSoft: UInt64 = 1024
  static let openFilesHard: UInt64 = 524_288
  static let shmSizeBytes: Int64 = 64 << 20
  static let cpuPeriodMicroseconds: UInt64 = 100_000
  static let umask: UInt32 = 0o022
  static let stopSignal = "SIGTERM"
  static let stopTimeoutSeconds: Int64 = 10

  /// Where the init program appears: /dev is memory, so nothing of it is left in the container's layer.
  static let initDestination = "/dev/init"

  /// What tells of the host or reaches its hardware, hidden.
  static let maskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/config.gz", "/proc/interrupts", "/proc/kallsyms", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
    "/sys/dev/block", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux",
  ]

  /// What would change the host's kernel when written.
  static let readOnlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

  /// The devices that every container has: null, zero, full, random, urandom, tty, console, ptmx and the terminals.
  static let devices: [(major: Int64, minor: Int64?)] = [
    (1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, nil),
  ]

  static func mounts(shmSizeBytes: Int64, isPrivileged: Bool) -> [RuntimeSpec.Mount] {
    let writable = isPrivileged ? "rw" : "ro"
    return [
      RuntimeSpec.Mount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
      RuntimeSpec.Mount(
        destination: "/dev", type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
      RuntimeSpec.Mount(
        destination: "/dev/pts", type: "devpts", source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
      RuntimeSpec.Mount(
        destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", writable]),
      RuntimeSpec.Mount(
        destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
        options: ["nosuid", "noexec", "nodev", "relatime", writable]),
      RuntimeSpec.Mount(
        destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
      RuntimeSpec.Mount(
        destination: "/dev/shm", type: "tmpfs", source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777", "size=\(shmSizeBytes)"]),
    ]
  }
}
