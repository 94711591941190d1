import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What the kernel can do for containers: each thing is tried, none is believed from a version number.
struct KernelExamination {
  let trial: Trial
  private static let topic = "Kernel"

  func findings() -> [Finding] {
    var findings = [
      Finding(
        Self.topic, "Linux", .ok, SmallFile.line("/proc/sys/kernel/osrelease") ?? "unknown",
        why: "the version is told for reports; what follows is tried, not concluded from it")
    ]
    findings += namespaces()
    findings += [overlay(), idMappedMounts()]
    findings += systemCallFilter()
    findings += [landlock(), pressure(), loopDevice(), fuse(), btrfs()]
    findings += userNamespaceSettings()
    return findings
  }

  // MARK: Namespaces

  private func namespaces() -> [Finding] {
    let kinds: [(name: String, flag: NamespaceFlags, option: String, limit: String, why: String)] = [
      ("mount", .mount, "", "mnt", "a container has its own file systems"),
      ("pid", .pid, "CONFIG_PID_NS", "pid", "a container sees its own processes only"),
      ("network", .network, "CONFIG_NET_NS", "net", "a container has its own network"),
      ("ipc", .ipc, "CONFIG_IPC_NS", "ipc", "a container has its own shared memory and queues"),
      ("uts", .uts, "CONFIG_UTS_NS", "uts", "a container has its own host name"),
      ("cgroup", .cgroup, "CONFIG_CGROUPS", "cgroup", "a container does not see where on the host it is limited"),
      ("user", .user, "CONFIG_USER_NS", "user", "--userns, --uidmap and containers of ordinary users"),
      ("time", .time, "CONFIG_TIME_NS", "time", "clocks of a container's own, after a checkpoint for example"),
    ]
    return kinds.map { kind in
      let isNeeded = kind.flag != .time && (kind.flag != .user || trial.needsUserNamespace)
      guard let refusal = trial.refusal(in: kind.flag, {}) else {
        return Finding(Self.topic, "\(kind.name) namespaces", .ok, "", why: kind.why)
      }
      return Finding(
        Self.topic, "\(kind.name) namespaces", isNeeded ? .missing : .warning, refusal.words, why: kind.why,
        fix: Self.namespaceFix(refusal, option: kind.option, limit: kind.limit))
    }
  }

  private static func namespaceFix(_ refusal: TrialRefusal, option: String, limit: String) -> String {
    if refusal.cause == .noSpace {
      return "raise the limit: sysctl user.max_\(limit)_namespaces=10000 (or user.max_user_namespaces)"
    }
    if refusal.isAbsence { return "use a kernel that is built with \(option)" }
    if SmallFile.number("/proc/sys/kernel/unprivileged_userns_clone") == 0 {
      return "run skiff as root, or let ordinary users have user namespaces: sysctl kernel.unprivileged_userns_clone=1"
    }
    if SmallFile.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1 {
      return
        "run skiff as root, or: sysctl kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile for skiff"
        + " with the rule `userns,`)"
    }
    return "run skiff as root, outside of containers that take CAP_SYS_ADMIN away"
  }

  /// Settings that keep ordinary users, and --userns, from having user namespaces.
  private func userNamespaceSettings() -> [Finding] {
    let why = "--userns, and containers of ordinary users, live in user namespaces"
    var findings: [Finding] = []
    if let limit = SmallFile.number("/proc/sys/user/max_user_namespaces") {
      let verdict: Finding.Verdict = limit > 0 ? .ok : trial.needsUserNamespace ? .missing : .warning
      findings.append(
        Finding(
          Self.topic, "user.max_user_namespaces", verdict, "\(limit)", why: why,
          fix: "sysctl user.max_user_namespaces=10000"))
    }
    for (name, bad) in [("unprivileged_userns_clone", 0 as Int64), ("apparmor_restrict_unprivileged_userns", 1)] {
      // Settings of some distributions' kernels; the others have nothing of the kind.
      guard let value = SmallFile.number("/proc/sys/kernel/\(name)") else { continue }
      let verdict: Finding.Verdict = value != bad ? .ok : trial.needsUserNamespace ? .missing : .warning
      findings.append(
        Finding(
          Self.topic, "kernel.\(name)", verdict, "\(value)",
          why: "ordinary users need user namespaces for their containers; root does not",
          fix: "sysctl kernel.\(name)=\(1 - bad)"))
    }
    return findings
  }

  // MARK: File systems

  private func overlay() -> Finding {
    let why =
      "a container's files lie in a layer of their own over the image's; without it every container is a whole copy"
    let refusal = trial.refusal(in: .mount) { () throws(TrialRefusal) in try OverlayTrial.inMemory(trial) }
    return finding(
      "overlayfs", refusal, otherwise: .warning, why: why,
      absent:
        "load it (modprobe overlay) or use a kernel with CONFIG_OVERLAY_FS; until then --storage-driver btrfs or copy")
  }

  private func idMappedMounts() -> Finding {
    let why = "--userns shows an image's files under the container's own ids without copying them"
    if trial.needsUserNamespace {
      return Finding(
        Self.topic, "idmapped mounts", .ok, "not for ordinary users",
        why: "only root can map the ids of a mount")
    }
    let refusal = trial.refusal(in: .mount) { () throws(TrialRefusal) in
      try trying("map the ids of a mount") { () throws(Errno) in
        let mount = try FileSystemContext(type: "tmpfs").mount([])
        let range = [RuntimeSpec.IDMapping(containerID: 0, hostID: 1_000_000, size: 65536)]
        try IDMappedMounts.apply(uids: range, gids: range, to: mount.descriptor, recursive: false)
      }
    }
    return finding(
      "idmapped mounts", refusal, otherwise: .warning, why: why,
      absent: "use Linux 5.12 or newer (6.3 for tmpfs): with --userns files are copied and chowned until then")
  }

  private func btrfs() -> Finding {
    if trial.needsUserNamespace {
      return Finding(
        Self.topic, "btrfs", .ok, "not for ordinary users", why: "only --storage-driver btrfs needs it")
    }
    let refusal = trial.refusal(in: .mount) { () throws(TrialRefusal) in
      try trying("open the file system btrfs") { () throws(Errno) in _ = try FileSystemContext(type: "btrfs") }
    }
    guard let refusal else {
      return Finding(Self.topic, "btrfs", .ok, "", why: "only --storage-driver btrfs needs it")
    }
    return Finding(
      Self.topic, "btrfs", .ok, "not there: \(refusal.cause)",
      why: "only --storage-driver btrfs needs it (modprobe btrfs)")
  }

  private func loopDevice() -> Finding {
    let why = "--rootfs with an image file, and nothing else, needs a loop device"
    if trial.needsUserNamespace {
      return Finding(Self.topic, "loop devices", .ok, "not for ordinary users", why: why)
    }
    let refusal = trial.refusal(in: .mount) { () throws(TrialRefusal) in
      try trying("bind a file to a loop device") { () throws(Errno) in
        let file = try MemoryFile.make(name: "skiff-doctor")
        try file.descriptor.setSize(1 << 20)
        let loop = try LoopDevice.attach(file: file.descriptor, readOnly: true)
        try loop.detach()
      }
    }
    return finding(
      "loop devices", refusal, otherwise: .warning, why: why,
      absent: "modprobe loop, or a kernel with CONFIG_BLK_DEV_LOOP; in a container: --device /dev/loop-control")
  }

  private func fuse() -> Finding {
    let why = "programs that bring file systems of their own into containers (--device /dev/fuse)"
    let refusal = trial.refusal(in: .mount) { () throws(TrialRefusal) in
      try trying("mount a file system over /dev/fuse") { () throws(Errno) in
        let device = try Descriptor.workingDirectory.open("/dev/fuse", .readWrite)
        let context = try FileSystemContext(type: "fuse")
        try context.set("fd", to: try KernelPath(String(device.descriptor.number)))
        try context.set("rootmode", to: "40000")
        try context.set("user_id", to: "0")
        try context.set("group_id", to: "0")
        // Nobody asks it anything, and with this process it is gone.
        _ = try context.mount([.noSetUserID, .noDevices])
      }
    }
    return finding(
      "fuse", refusal, otherwise: .warning, why: why,
      absent: "modprobe fuse, or a kernel with CONFIG_FUSE_FS; in a container: --device /dev/fuse")
  }

  // MARK: Guards

  private func systemCallFilter() -> [Finding] {
    let answerWithError: UInt32 = 0x0005_0000
    let newListener: UInt32 = 8
    let fix = "use a kernel with CONFIG_SECCOMP_FILTER"
    return [
      Finding(
        Self.topic, "seccomp filters", SeccompFilter.isAvailable(action: answerWithError) ? .ok : .missing, "",
        why: "every container is kept from system calls that it does not need (seccomp=unconfined runs without)",
        fix: fix),
      Finding(
        Self.topic, "seccomp notifications", SeccompFilter.isAvailable(flags: newListener) ? .ok : .warning, "",
        why: "profiles that let a supervisor decide about calls (SCMP_ACT_NOTIFY)", fix: fix),
    ]
  }

  private func landlock() -> Finding {
    let askVersion: UInt = 1
    let answer = attemptSystemCall(Self.landlockCreateRuleset, [0, 0, askVersion])
    let why = "run --landlock, and programs that confine themselves in containers; skiff itself runs without"
    guard answer < 0 else {
      let first = 3
      guard answer >= first else {
        return Finding(
          Self.topic, "landlock", .warning, "version \(answer) of its interface", why: why,
          fix: "rules about files need version \(first): use Linux 6.2 or later")
      }
      return Finding(Self.topic, "landlock", .ok, "version \(answer) of its interface", why: why)
    }
    let refusal = Errno(Int32(truncatingIfNeeded: -answer))
    return Finding(
      Self.topic, "landlock", .warning, "\(refusal)", why: why,
      fix: refusal == .notSupported
        ? "it is built in and switched off: add landlock to the kernel's command line, lsm=landlock,…"
        : "use a kernel with CONFIG_SECURITY_LANDLOCK")
  }

  /// The same number on every architecture.
  private static let landlockCreateRuleset: Int32 = 444

  private func pressure() -> Finding {
    let why = "the pressure columns of skiff stats: how long processes wait for CPU, memory and disks"
    guard SmallFile.text("/proc/pressure/cpu") != nil else {
      return Finding(
        Self.topic, "pressure stall information", .warning, "/proc/pressure/cpu cannot be read", why: why,
        fix: "boot with psi=1, or use a kernel with CONFIG_PSI")
    }
    return Finding(Self.topic, "pressure stall information", .ok, "", why: why)
  }

  private func finding(
    _ name: String, _ refusal: TrialRefusal?, otherwise: Finding.Verdict, why: String, absent: String
  ) -> Finding {
    guard let refusal else { return Finding(Self.topic, name, .ok, "", why: why) }
    let fix =
      refusal.isAbsence
      ? absent : "run skiff as root, outside of containers that take rights away; if it is root already: \(absent)"
    return Finding(Self.topic, name, otherwise, refusal.words, why: why, fix: fix)
  }
}

/// A mount of overlayfs, tried where it would be used.
enum OverlayTrial {
  /// On memory; the caller has a mount namespace of its own.
  static func inMemory(_ trial: Trial) throws(TrialRefusal) {
    try trying("mount a tmpfs") { () throws(Errno) in
      try Descriptor.workingDirectory.changeMount("/", propagation: .private, recursive: true)
      let memory = try FileSystemContext(type: "tmpfs").mount([])
      // Overlays take directories only of mounts that are attached somewhere; in this namespace nothing else looks at /sys.
      let place = try Descriptor.workingDirectory.open("/sys", [.pathOnly, .directory])
      try memory.descriptor.attach(onto: place.descriptor)
    }
    try mount(in: "/sys", trial)
  }

  /// With its layers in a directory.
  static func mount(in directory: String, _ trial: Trial) throws(TrialRefusal) {
    let opened = try trying("open \(directory)") { () throws(Errno) in
      try Descriptor.workingDirectory.open(try KernelPath(directory), [.readOnly, .directory])
    }
    try trying("make directories in \(directory)") { () throws(Errno) in
      for name in ["lower", "upper", "work"] as [KernelPath] { try opened.descriptor.makeDirectory(name, mode: 0o700) }
    }
    try trying("mount an overlay") { () throws(Errno) in
      let context = try FileSystemContext(type: "overlay")
      try context.set("lowerdir", to: try KernelPath("\(directory)/lower"))
      try context.set("upperdir", to: try KernelPath("\(directory)/upper"))
      try context.set("workdir", to: try KernelPath("\(directory)/work"))
      if trial.needsUserNamespace { try context.set(flag: "userxattr") }
      _ = try context.mount([])
    }
  }
}
