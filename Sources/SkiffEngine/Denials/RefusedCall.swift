import SkiffKernel
import SkiffRuntime

/// A system call that the kernel refused, and what the process was at that moment.
struct RefusedCall {
  var name: String
  var number: UInt32
  var architecture: UInt32
  var instruction: UInt64
  var arguments: [UInt64]
  var cause: Errno
  /// The path that it named, as the container has it, absolute.
  var path: String?
  /// What is there, and every directory on the way to it.
  var places: [PathPlace] = []
  var process = ProcessRights()

  /// `openat("/dev/sda"): operation not permitted`
  var text: String { "\(name)(\(path.map { "\"\($0)\"" } ?? "")): \(cause)" }
}

/// One component of a path.
struct PathPlace {
  var path: String
  var status: FileStatus
}

/// What a process may do (proc_pid_status(5)).
struct ProcessRights: Equatable {
  /// On the host.
  var userID: UInt32 = 0
  var groupIDs: [UInt32] = []
  var effective = CapabilitySet(rawValue: 0)
  var noNewPrivileges = false

  init() {}

  init(status text: String) {
    for line in text.split(separator: "\n") {
      let halves = line.split(separator: ":", maxSplits: 1)
      guard halves.count == 2 else { continue }
      let words = halves[1].split { $0 == "\t" || $0 == " " }
      switch halves[0] {
      // Real, effective, saved, and that for files.
      case "Uid": userID = words.count > 3 ? UInt32(words[3]) ?? 0 : 0
      case "Gid": if words.count > 3, let id = UInt32(words[3]) { groupIDs.append(id) }
      case "Groups": groupIDs += words.compactMap { UInt32($0) }
      case "CapEff": effective = CapabilitySet(rawValue: words.first.flatMap { UInt64($0, radix: 16) } ?? 0)
      case "NoNewPrivs": noNewPrivileges = words.first == "1"
      default: continue
      }
    }
  }

  func has(_ capability: String) -> Bool {
    CapabilityNames.number(capability).map { effective.contains(number: $0) } ?? false
  }
}

/// Which right a call asks for (capabilities(7)).
enum CapabilityNeed {
  /// The name of the capability that lets a call pass that was refused; nil where none does, or none is known to.
  static func of(_ call: RefusedCall) -> String? {
    let arguments = call.arguments + [UInt64](repeating: 0, count: 6)
    switch call.name {
    case "socket":
      let (packet, raw): (UInt64, UInt64) = (17, 3)
      return arguments[0] == packet || arguments[1] & 0xF == raw ? "CAP_NET_RAW" : nil
    case "bind": return call.cause == .accessDenied ? "CAP_NET_BIND_SERVICE" : nil
    case "setsockopt", "getsockopt": return "CAP_NET_ADMIN"
    case "ioctl": return ofControl(UInt32(truncatingIfNeeded: arguments[1]))
    case "open", "openat", "openat2", "creat":
      if call.path == "/dev/kmsg" { return "CAP_SYSLOG" }
      return call.cause == .accessDenied ? "CAP_DAC_OVERRIDE" : nil
    case "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr": return "CAP_SYS_ADMIN"
    default: break
    }
    if call.cause == .accessDenied { return call.path == nil ? nil : "CAP_DAC_OVERRIDE" }
    return byName[call.name]
  }

  private static func ofControl(_ request: UInt32) -> String? {
    switch request {
    // SIOCADDRT … SIOCSIFMAP and the rest of netdevice(7); tunnels.
    case 0x890B...0x890C, 0x8914...0x8994, 0x89F0...0x89FF, 0x4004_54CA: "CAP_NET_ADMIN"
    // FS_IOC_SETFLAGS
    case 0x4008_6602: "CAP_LINUX_IMMUTABLE"
    // RTC_SET_TIME
    case 0x4024_700A: "CAP_SYS_TIME"
    // TIOCSTI, loop devices, block devices.
    case 0x5412, 0x4C00...0x4C0A, 0x1201...0x127F: "CAP_SYS_ADMIN"
    default: nil
    }
  }

  private static let byName: [String: String] = {
    var table: [String: String] = [:]
    for (capability, calls) in [
      ("CAP_CHOWN", "chown lchown fchown fchownat"),
      (
        "CAP_FOWNER",
        "chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat unlink unlinkat rename renameat"
          + " renameat2 rmdir link linkat"
      ),
      ("CAP_SYS_CHROOT", "chroot"),
      (
        "CAP_SYS_ADMIN",
        "mount umount umount2 pivot_root sethostname setdomainname unshare setns swapon swapoff quotactl"
          + " fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr fanotify_init bpf clone clone3"
      ),
      ("CAP_SYS_TIME", "settimeofday clock_settime clock_adjtime adjtimex stime"),
      (
        "CAP_SYS_NICE",
        "nice setpriority sched_setscheduler sched_setparam sched_setattr sched_setaffinity ioprio_set"
          + " migrate_pages move_pages"
      ),
      ("CAP_KILL", "kill tkill tgkill rt_sigqueueinfo pidfd_send_signal"),
      ("CAP_SETUID", "setuid setreuid setresuid setfsuid"),
      ("CAP_SETGID", "setgid setregid setresgid setfsgid setgroups"),
      ("CAP_SETPCAP", "capset"),
      ("CAP_SYS_PTRACE", "ptrace process_vm_readv process_vm_writev kcmp process_madvise pidfd_getfd"),
      ("CAP_SYS_BOOT", "reboot kexec_load kexec_file_load"),
      ("CAP_SYS_MODULE", "init_module finit_module delete_module"),
      ("CAP_MKNOD", "mknod mknodat"),
      ("CAP_SYSLOG", "syslog"),
      ("CAP_SYS_PACCT", "acct"),
      ("CAP_SYS_RAWIO", "iopl ioperm"),
      ("CAP_PERFMON", "perf_event_open"),
      ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
      ("CAP_SYS_TTY_CONFIG", "vhangup"),
    ] {
      for call in calls.split(separator: " ") { table[String(call)] = capability }
    }
    return table
  }()
}
