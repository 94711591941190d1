import SkiffSpec

/// What messages of known programs mean: candidates, for a message does not say who refused.
public enum ErrorWords {
  /// What may have been in the way of a program that said this; empty where nothing is known of it.
  public static func denials(of text: String) -> [Denial] {
    denials(of: text, nil)
  }

  /// - Parameter defences: of the container that it was said in: what cannot have been in the way there is left out.
  static func denials(of text: String, _ defences: Defences?) -> [Denial] {
    let lower = text.lowercased()
    let what = "\"\(text.trimmed)\""
    if let path = quotedPath(text), lower.contains("read-only file system"), let defences {
      return [defences.denialOfWriting(path, .candidate, what) ?? readOnly(what)]
    }
    for known in known where known.words.contains(where: { lower.contains($0) }) {
      let found = known.denials(what, lower).filter { isPossible($0, defences) }
      if !found.isEmpty { return found }
    }
    return []
  }

  /// A capability that the container has, or a filter that it has not, was not in the way.
  private static func isPossible(_ denial: Denial, _ defences: Defences?) -> Bool {
    guard let defences else { return true }
    switch denial.kind {
    case .capability:
      guard let flag = denial.flags.first, flag.hasPrefix("--cap-add ") else { return true }
      return !defences.capabilities.contains("CAP_\(flag.dropFirst(10))")
    case .seccomp: return defences.filter != nil
    case .idMap: return defences.hasUserNamespace
    case .noNewPrivileges: return defences.spec.process?.noNewPrivileges ?? false
    case .readOnly: return true
    default: return true
    }
  }

  private struct Known: Sendable {
    let words: [String]
    let denials: @Sendable (_ what: String, _ lower: String) -> [Denial]
  }

  private static func right(_ name: String, _ what: String, _ why: String) -> Denial {
    Denial(.capability, .candidate, what, why: "\(why) takes CAP_\(name)", flags: ["--cap-add \(name)"])
  }

  private static func readOnly(_ what: String) -> Denial {
    Denial(
      .readOnly, .candidate, what,
      why: "the root file system (--read-only), a mount with :ro, or a part of /proc or /sys",
      flags: ["--read-only=false", "-v NAME:DIRECTORY", "--security-opt systempaths=unconfined"])
  }

  /// The most telling words first.
  private static let known: [Known] = [
    Known(words: ["\"no new privileges\" flag", "no_new_privs", "effective uid is not 0"]) { what, _ in
      [
        Denial(
          .noNewPrivileges, .candidate, what, why: "no_new_privs: programs gain no rights by being executed",
          flags: ["--security-opt no-new-privileges=false"])
      ]
    },
    Known(words: ["bad system call", "sigsys"]) { what, _ in
      [
        Denial(
          .seccomp, .candidate, what, why: "a seccomp profile killed the process for a call",
          flags: ["--security-opt seccomp=unconfined"])
      ]
    },
    Known(words: ["read-only file system"]) { what, _ in [readOnly(what)] },
    Known(words: ["too many open files"]) { what, _ in
      [Denial(.limit, .candidate, what, why: "the limit of open files", flags: ["--ulimit nofile=65536:65536"])]
    },
    Known(words: [
      "can't fork", "cannot fork", "fork: retry", "fork: resource temporarily unavailable",
      "unable to create new native thread",
      "pthread_create failed", "cannot create thread",
    ]) { what, _ in
      [
        Denial(.limit, .candidate, what, why: "the limit of processes and threads", flags: ["--pids-limit 8192"]),
        Denial(.limit, .candidate, what, why: "the user's limit of processes", flags: ["--ulimit nproc=-1"]),
      ]
    },
    Known(words: ["cannot allocate memory", "out of memory", "outofmemoryerror", "oom-kill", "std::bad_alloc"]) {
      what, _ in
      [Denial(.limit, .candidate, what, why: "the limit of memory", flags: ["--memory MORE"])]
    },
    Known(words: ["no space left on device"]) { what, lower in
      lower.contains("shm")
        ? [Denial(.limit, .candidate, what, why: "the size of /dev/shm", flags: ["--shm-size 512m"])]
        : []
    },
    Known(words: ["file size limit exceeded", "file too large"]) { what, _ in
      [Denial(.limit, .candidate, what, why: "the limit of file sizes", flags: ["--ulimit fsize=-1"])]
    },
    Known(words: ["exec format error"]) { what, _ in
      [
        Denial(
          .unknown, .candidate, what, why: "the program is made for another kind of processor, or has no #! line",
          flags: ["--platform \("linux/" + Platform.current.architecture)"])
      ]
    },
    Known(words: ["operation not permitted", "permission denied", "eperm", "eacces", "not permitted", "must be root"]) {
      what, lower in notPermitted(what, lower)
    },
  ]

  /// By the words of programs: what is in the message beside the refusal.
  private static let programs: [(words: [String], name: String, why: String)] = [
    (["ping", "raw socket", "sock_raw"], "NET_RAW", "a raw socket"),
    (
      ["rtnetlink", "iptables", "nft", "siocsif", "ip:", "ifconfig", "tun", "brctl"], "NET_ADMIN",
      "changing the network"
    ),
    (
      ["umount", "mount", "losetup", "pivot_root", "sethostname", "hostname", "setns", "nsenter"], "SYS_ADMIN",
      "mounting, and much else"
    ),
    (["chown", "changing ownership"], "CHOWN", "giving files to others"),
    (["chmod", "changing permissions", "utime", "preserving times"], "FOWNER", "changing others' files"),
    (["mknod"], "MKNOD", "making devices"),
    (["chroot"], "SYS_CHROOT", "changing the root"),
    (
      ["can't set date", "cannot set date", "settimeofday", "hwclock", "clock_settime", "ntp"], "SYS_TIME",
      "setting the clock"
    ),
    (["renice", "setpriority", "nice", "sched_set"], "SYS_NICE", "a higher priority"),
    (["ptrace", "strace", "gdb"], "SYS_PTRACE", "looking into others' processes"),
    (["dmesg", "klogctl", "kernel buffer", "kmsg"], "SYSLOG", "reading the kernel's messages"),
    (["modprobe", "insmod", "init_module"], "SYS_MODULE", "loading modules"),
    (["mlock", "memlock"], "IPC_LOCK", "locking memory"),
    (["setuid", "su:", "setgid", "setgroups"], "SETUID", "becoming another user"),
    (["kill"], "KILL", "signals to others' processes"),
    (["reboot"], "SYS_BOOT", "a reboot"),
    (["bind", "listen"], "NET_BIND_SERVICE", "a port below 1024"),
    (["perf_event"], "PERFMON", "measuring"),
  ]

  private static func notPermitted(_ what: String, _ lower: String) -> [Denial] {
    var found: [Denial] = []
    if lower.contains("unshare") || lower.contains("clone") || lower.contains("keyctl") || lower.contains("io_uring") {
      found.append(
        Denial(
          .seccomp, .candidate, what, why: "the default seccomp profile refuses the call",
          flags: ["--security-opt seccomp=unconfined"]))
    }
    if let program = programs.first(where: { $0.words.contains { lower.contains($0) } }) {
      found.append(right(program.name, what, program.why))
    }
    if lower.contains("/dev/") {
      let path = quotedPath(what) ?? "/dev/NAME"
      found.append(
        Denial(
          .device, .candidate, what, why: "no device rule of the container allows it", flags: ["--device \(path)"]))
    }
    if !found.isEmpty { return found }
    if lower.contains("permission denied") || lower.contains("eacces") {
      return [
        Denial(
          .permissions, .candidate, what, why: "owner and mode of a file, or of a directory on the way to it",
          flags: ["--user OWNER"]),
        Denial(
          .idMap, .candidate, what, why: "the file's owner is not in the container's user namespace",
          flags: ["--userns host"]),
        Denial(.mountOption, .candidate, what, why: "noexec on a tmpfs", flags: ["--tmpfs DIRECTORY:exec"]),
      ]
    }
    return [
      Denial(
        .seccomp, .candidate, what, why: "a system call that the seccomp profile refuses",
        flags: ["--security-opt seccomp=unconfined"]),
      Denial(
        .capability, .candidate, what, why: "a capability that the container does not have", flags: ["--cap-add NAME"]),
      Denial(.device, .candidate, what, why: "a device that the container was not given", flags: ["--device PATH"]),
      Denial(
        .idMap, .candidate, what, why: "an id that is not in the container's user namespace", flags: ["--userns host"]),
    ]
  }

  /// The first absolute path in a message.
  private static func quotedPath(_ text: String) -> String? {
    let ends: Set<Character> = [" ", "'", "\"", ":", ",", "`", "‘", "’", ")", "]", "\n", ";"]
    guard
      let start = text.indices.first(where: { index in
        text[index] == "/"
          && (index == text.startIndex || ends.contains(text[text.index(before: index)])
            || text[text.index(before: index)] == "(")
      })
    else { return nil }
    let path = text[start...].prefix { !ends.contains($0) }
    return path.count > 1 ? String(path) : nil
  }
}

extension String {
  /// Without blanks at its ends.
  fileprivate var trimmed: String {
    let head = drop { $0.isWhitespace }
    return String(head.reversed().drop { $0.isWhitespace }.reversed())
  }
}
