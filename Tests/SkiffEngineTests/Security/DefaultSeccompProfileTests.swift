import Foundation
import SkiffEngine
import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct `DefaultSeccompProfile: what a container may call` {
  private static let usual: Set<String> = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
  ]

  private func profile(_ capabilities: Set<String> = usual, _ architecture: String = "amd64") -> RuntimeSpec.Seccomp {
    DefaultSeccompProfile.profile(capabilities: capabilities, architecture: architecture)
  }

  /// nil is "allowed"; a number is the error.
  private func refusal(_ profile: RuntimeSpec.Seccomp, _ call: String, _ arguments: UInt64...) -> UInt32? {
    let rules = profile.rules.filter { $0.names.contains(call) }
    let unconditional = rules.first { $0.conditions.isEmpty }
    // Equality is asked first, bounds after it.
    let equalities = rules.filter { $0.conditions.first?.op != "SCMP_CMP_GE" }
    let bounds = rules.filter { $0.conditions.first?.op == "SCMP_CMP_GE" }
    let deciding =
      unconditional
      ?? (equalities + bounds).first { rule in
        rule.conditions.allSatisfy { condition in
          let index = Int(condition.index)
          let argument = index < arguments.count ? arguments[index] : 0
          switch condition.op {
          case "SCMP_CMP_MASKED_EQ": return argument & condition.value == condition.valueTwo
          case "SCMP_CMP_EQ": return argument == condition.value
          default: return argument >= condition.value
          }
        }
      }
    guard let deciding else { return profile.defaultErrnoRet }
    return deciding.action == "SCMP_ACT_ALLOW" ? nil : deciding.errnoRet
  }

  @Test func `calls that shells, apt, perl and python make are allowed`() {
    let calls = """
      access alarm arch_prctl bind brk chdir chmod chown clock_nanosleep close close_range connect copy_file_range creat dup
      dup2 epoll_create1 epoll_ctl epoll_wait eventfd2 execve exit exit_group faccessat2 fadvise64 fchdir fchmod fchmodat
      fchown fchownat fcntl fgetxattr fsetxattr fstatfs ftruncate futex getcwd getdents64 getegid geteuid getgid getgroups
      getpeername getpgrp getpid getppid getpriority getrandom getresgid getresuid getrusage getsockname getsockopt gettid
      getuid getxattr kill lchown lgetxattr lseek madvise mkdir mmap mprotect mremap munmap newfstatat openat pipe2 poll
      prctl pread64 prlimit64 pselect6 read readlink readlinkat recvfrom recvmsg rename rmdir rseq rt_sigaction
      rt_sigprocmask rt_sigreturn sched_getaffinity sendmmsg sendto set_robust_list set_tid_address setgid setgroups setpgid
      setpriority setresgid setresuid setsid setsockopt setuid sigaltstack socketpair statfs statx sysinfo umask uname unlink
      unlinkat utimensat vfork wait4 write writev
      """.split { $0 == " " || $0 == "\n" }.map(String.init)
    let profile = profile()

    for call in calls { #expect(refusal(profile, call) == nil, "\(call)") }
    // A thread, a process, a stream over IPv6, the size of a terminal.
    #expect(refusal(profile, "clone", 0x003D_0F00) == nil)
    #expect(refusal(profile, "clone", 0x0120_0011) == nil)
    #expect(refusal(profile, "socket", 10, 1) == nil)
    #expect(refusal(profile, "ioctl", 0, 0x5413) == nil)
    #expect(refusal(profile, "personality", 0xFFFF_FFFF) == nil)
  }

  @Test func `what reaches beyond the container is refused`() {
    let calls = """
      mount umount2 pivot_root fsopen fsmount move_mount open_tree open_tree_attr mount_setattr setns keyctl add_key
      request_key io_uring_setup io_uring_enter io_uring_register bpf perf_event_open init_module finit_module delete_module
      kexec_load kexec_file_load reboot swapon swapoff settimeofday clock_settime stime acct quotactl syslog
      open_by_handle_at userfaultfd vmsplice move_pages migrate_pages mbind set_mempolicy kcmp pidfd_getfd process_madvise
      lookup_dcookie fanotify_init iopl ioperm vhangup sethostname setdomainname nfsservctl uselib ustat sysfs _sysctl
      """.split { $0 == " " || $0 == "\n" }.map(String.init)
    let profile = profile()

    for call in calls { #expect(refusal(profile, call) == 1, "\(call)") }
  }

  @Test func `no namespace is made without CAP_SYS_ADMIN`() {
    let (usual, admin) = (profile(), profile(Self.usual.union(["CAP_SYS_ADMIN"])))
    // Mount, cgroup, UTS, IPC, user, PID, network.
    for flag: UInt64 in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
      #expect(refusal(usual, "clone", flag | 17) == 1)
      #expect(refusal(usual, "clone", 0xFFFF_FFFF_0000_0000 | flag | 17) == 1)
      #expect(refusal(usual, "unshare", flag) == 1)
      #expect(refusal(admin, "clone", flag | 17) == nil)
      #expect(refusal(admin, "unshare", flag) == nil)
    }
    #expect(refusal(usual, "unshare", 0x80) == 1)
    #expect(refusal(usual, "unshare", 0x200) == nil)
    // glibc takes ENOSYS, and only that, as the word to go on with clone.
    #expect(refusal(usual, "clone3") == 38)
    #expect(refusal(admin, "clone3") == nil)
  }

  @Test func `arguments that the kernel cuts to 32 bits are compared so`() {
    let profile = profile()
    for high: UInt64 in [0, 0x1_0000_0000, 0xFFFF_FFFF_0000_0000] {
      #expect(refusal(profile, "socket", high | 38) == 97)
      #expect(refusal(profile, "socket", high | 40) == 97)
      #expect(refusal(profile, "socket", high | 2) == nil)
      for request: UInt64 in [0x5412, 0x541C, 0x5423] { #expect(refusal(profile, "ioctl", 0, high | request) == 25) }
      #expect(refusal(profile, "ioctl", 0, high | 0x5401) == nil)
    }
    #expect(refusal(profile, "personality", 0x1_0000_0000) == 1)
    #expect(refusal(profile, "personality", 0x0040_0000) == 1)
  }

  @Test func `a capability brings its calls`() {
    let calls = [
      "CAP_SYS_ADMIN": "mount", "CAP_DAC_READ_SEARCH": "open_by_handle_at", "CAP_SYS_CHROOT": "chroot",
      "CAP_SYS_PTRACE": "kcmp", "CAP_SYS_NICE": "mbind", "CAP_SYS_TIME": "clock_settime",
      "CAP_SYS_TTY_CONFIG": "vhangup", "CAP_SYS_PACCT": "acct", "CAP_SYS_BOOT": "reboot",
      "CAP_SYS_MODULE": "finit_module", "CAP_SYS_RAWIO": "iopl", "CAP_SYSLOG": "syslog", "CAP_BPF": "bpf",
      "CAP_PERFMON": "perf_event_open",
    ]
    for (capability, call) in calls {
      #expect(refusal(profile([]), call) == 1, "\(call)")
      #expect(refusal(profile([capability]), call) == nil, "\(call)")
    }
  }

  @Test func `sockets behind socketcall are for images of 32 bits only`() {
    #expect(refusal(profile(Self.usual, "amd64"), "socketcall", 1) == 38)
    #expect(refusal(profile(Self.usual, "386"), "socketcall", 1) == nil)
  }

  @Test(arguments: ["amd64", "386", "arm64", "arm", "riscv64", "loong64", "ppc64le", "unheard-of"])
  func `the profile becomes a filter, and every name in it is a call`(architecture: String) throws {
    for capabilities in [[], Self.usual, Self.usual.union(["CAP_SYS_ADMIN", "CAP_SYS_TIME"])] {
      let program = try SeccompProgram.compile(profile(capabilities, architecture))

      #expect(program.unknownNames.isEmpty)
      #expect(program.instructions.count < 350)
    }
  }

  @Test func `no call is named twice with and without conditions`() {
    let profile = profile()
    let unconditional = profile.rules.filter(\.conditions.isEmpty).flatMap(\.names)
    let conditional = Set(profile.rules.filter { !$0.conditions.isEmpty }.flatMap(\.names))

    #expect(Set(unconditional).count == unconditional.count)
    #expect(conditional.isDisjoint(with: unconditional))
  }

  /// The runtime's tests compare this file's filter with libseccomp's. To write it anew: `SKIFF_WRITE_FIXTURES=1`.
  @Test func `the committed profile is the usual one`() throws {
    let file = URL(filePath: #filePath).appending(path: "../../../Fixtures/seccomp/skiff.json").standardizedFileURL
    let text = Self.text(profile())
    if ProcessInfo.processInfo.environment["SKIFF_WRITE_FIXTURES"] != nil {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }

    #expect(try String(contentsOf: file, encoding: .utf8) == text)
  }

  /// One rule a line.
  private static func text(_ profile: RuntimeSpec.Seccomp) -> String {
    func list(_ texts: [String]) -> String { "[" + texts.map { "\"\($0)\"" }.joined(separator: ", ") + "]" }
    let rules = profile.rules.map { rule in
      var text = "    {\"names\": \(list(rule.names)), \"action\": \"\(rule.action)\""
      if let number = rule.errnoRet { text += ", \"errnoRet\": \(number)" }
      let conditions = rule.conditions.map {
        "{\"index\": \($0.index), \"value\": \($0.value), \"valueTwo\": \($0.valueTwo), \"op\": \"\($0.op)\"}"
      }
      if !conditions.isEmpty { text += ", \"args\": [\(conditions.joined(separator: ", "))]" }
      return text + "}"
    }
    return """
      {
        "defaultAction": "\(profile.defaultAction)",
        "defaultErrnoRet": \(profile.defaultErrnoRet ?? 0),
        "architectures": \(list(profile.architectures)),
        "syscalls": [
      \(rules.joined(separator: ",\n"))
        ]
      }

      """
  }
}
