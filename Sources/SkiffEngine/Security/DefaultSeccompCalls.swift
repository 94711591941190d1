/// The names of the default profile, by what they are for. Names of 32-bit architectures stand beside those of 64 bits.
enum DefaultSeccompCalls {
  /// Calls for every container.
  static let groups: [[String]] = [
    paths, openFiles, attributes, memory, processes, signals, time, scheduling, identities, limits, waiting, sockets,
    messages, asynchronous, watching, ownLimits, machine,
  ]

  /// Names and directories: the mounts and the rights of the container bound what they reach.
  private static let paths = [
    "access", "chdir", "chmod", "chown", "chown32", "creat", "faccessat", "faccessat2", "fchdir", "fchmodat",
    "fchmodat2", "fchownat", "fstatat64", "futimesat", "getcwd", "getdents", "getdents64", "lchown", "lchown32", "link",
    "linkat", "lstat", "lstat64", "mkdir", "mkdirat", "mknod", "mknodat", "name_to_handle_at", "newfstatat", "open",
    "openat", "openat2", "readlink", "readlinkat", "rename", "renameat", "renameat2", "rmdir", "stat", "stat64",
    "statfs",
    "statfs64", "statx", "symlink", "symlinkat", "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime",
    "utimensat", "utimensat_time64", "utimes",
    // What is mounted, as /proc/self/mountinfo tells as well.
    "listmount", "statmount",
  ]

  /// What is open already.
  private static let openFiles = [
    "_llseek", "arm_fadvise64_64", "arm_sync_file_range", "close", "close_range", "copy_file_range", "dup", "dup2",
    "dup3",
    "fadvise64", "fadvise64_64", "fallocate", "fchmod", "fchown", "fchown32", "fcntl", "fcntl64", "fdatasync", "flock",
    "fstat", "fstat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "lseek", "pipe", "pipe2",
    "pread64",
    "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readv", "sendfile", "sendfile64",
    "splice", "sync", "sync_file_range", "sync_file_range2", "syncfs", "tee", "write", "writev",
  ]

  /// Extended attributes, and the flags of files.
  private static let attributes = [
    "fgetxattr", "file_getattr", "file_setattr", "flistxattr", "fremovexattr", "fsetxattr", "getxattr", "getxattrat",
    "lgetxattr", "listxattr", "listxattrat", "llistxattr", "lremovexattr", "lsetxattr", "removexattr", "removexattrat",
    "setxattr", "setxattrat",
  ]

  /// The process's own address space.
  private static let memory = [
    "brk", "cachestat", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore", "mlock",
    "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap",
    "pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages",
  ]

  /// Making, becoming and ending processes; clone has rules of its own. Debuggers see the container's processes only (the
  /// ways round a filter that ptrace once offered are closed since Linux 4.8).
  private static let processes = [
    "execve", "execveat", "exit", "exit_group", "fork", "get_robust_list", "get_thread_area", "getpgid", "getpgrp",
    "getpid",
    "getppid", "getsid", "gettid", "pidfd_open", "pidfd_send_signal", "prctl", "process_mrelease", "process_vm_readv",
    "process_vm_writev", "ptrace", "rseq", "set_robust_list", "set_thread_area", "set_tid_address", "setpgid", "setsid",
    "vfork", "wait4", "waitid", "waitpid",
    // Made by the kernel's own probes in the middle of a program, which would die without them.
    "uprobe", "uretprobe",
  ]

  private static let signals = [
    "kill", "pause", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaction",
    "sigaltstack", "signalfd", "signalfd4", "sigpending", "sigprocmask", "sigreturn", "sigsuspend", "tgkill", "tkill",
  ]

  /// Clocks and timers; what sets a clock needs a capability, and asks for one itself (adjtimex also only reads).
  private static let time = [
    "adjtimex", "alarm", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep",
    "setitimer",
    "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
    "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
    "times",
  ]

  private static let scheduling = [
    "getcpu", "getpriority", "ioprio_get", "ioprio_set", "nice", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
    "sched_yield", "setpriority",
  ]

  /// Users, groups and capabilities: a process can give up what it has, and take only what its sets allow.
  private static let identities = [
    "capget", "capset", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups",
    "getgroups32",
    "getresgid", "getresgid32", "getresuid", "getresuid32", "getuid", "getuid32", "setfsgid", "setfsgid32", "setfsuid",
    "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setregid", "setregid32", "setresgid",
    "setresgid32",
    "setresuid", "setresuid32", "setreuid", "setreuid32", "setuid", "setuid32",
  ]

  private static let limits = ["getrlimit", "getrusage", "prlimit64", "setrlimit", "ugetrlimit"]

  /// For files, for locks, for each other.
  private static let waiting = [
    "_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "futex", "futex_requeue", "futex_time64", "futex_wait",
    "futex_waitv", "futex_wake", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select",
  ]

  /// socket and socketcall have rules of their own.
  private static let sockets = [
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv", "recvfrom",
    "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "socketpair",
  ]

  /// System V and POSIX queues, semaphores and shared memory: an IPC namespace bounds them.
  private static let messages = [
    "ipc", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend",
    "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop",
    "semtimedop",
    "semtimedop_time64", "shmat", "shmctl", "shmdt", "shmget",
  ]

  /// The old kind. io_uring runs requests where no filter sees them and is left out.
  private static let asynchronous = [
    "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit",
  ]

  /// Files that change; fanotify's mark only works on what its init gave, which needs a capability.
  private static let watching = [
    "fanotify_mark", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
  ]

  /// A process may confine itself further.
  private static let ownLimits = [
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
  ]

  /// Facts about the machine, randomness, and what one processor needs that others do not.
  private static let machine = [
    "arch_prctl", "breakpoint", "cacheflush", "get_tls", "getrandom", "modify_ldt", "riscv_flush_icache",
    "riscv_hwprobe",
    "s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr", "set_tls", "swapcontext", "sysinfo", "uname",
  ]

  /// Calls that come with a capability.
  static let byCapability: [(capability: String, calls: [String])] = [
    (
      "CAP_SYS_ADMIN",
      [
        "clone", "clone3", "setns", "unshare",
        "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree",
        "open_tree_attr",
        "pivot_root", "umount", "umount2",
        "bpf", "fanotify_init", "lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr",
        "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "syslog",
      ]
    ),
    // Opens files by number, past every directory's permissions (the "Shocker" escape).
    ("CAP_DAC_READ_SEARCH", ["open_by_handle_at"]),
    ("CAP_SYS_CHROOT", ["chroot"]),
    ("CAP_SYS_PTRACE", ["kcmp", "pidfd_getfd", "process_madvise"]),
    ("CAP_SYS_NICE", ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    ("CAP_SYS_TIME", ["clock_settime", "clock_settime64", "settimeofday", "stime"]),
    ("CAP_SYS_TTY_CONFIG", ["vhangup"]),
    ("CAP_SYS_PACCT", ["acct"]),
    ("CAP_SYS_BOOT", ["reboot"]),
    ("CAP_SYS_MODULE", ["delete_module", "finit_module", "init_module"]),
    ("CAP_SYS_RAWIO", ["ioperm", "iopl"]),
    ("CAP_SYSLOG", ["syslog"]),
    ("CAP_BPF", ["bpf"]),
    ("CAP_PERFMON", ["perf_event_open"]),
  ]
}
