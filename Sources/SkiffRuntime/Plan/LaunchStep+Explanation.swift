package import SkiffKernel
package import SkiffSpec

extension LaunchStep {
  /// The step as a person learns it: in words, as the kernel's call, as the command one would type.
  package var explanation: ExplanationStep {
    switch self {
    case .takeStandardStreams:
      Self.tell("give the process its standard streams", "dup3(pipe, 0…2)", "command <in >out 2>err")
    case .enterCgroup:
      Self.tell(
        "enter the control group", "write(tasks, \"0\")", "echo $$ > /sys/fs/cgroup/<controller>/<group>/tasks")
    case .startSession: Self.tell("start a session without a terminal", "setsid()", "setsid command")
    case .enterNamespace(let type, let path):
      // One that was handed over as an open file has no name for others; who makes it by hand gives it one.
      if path.hasPrefix("/proc/self/fd/") {
        Self.tell(
          "join the \(type.rawValue) namespace that was made for the container",
          "setns(\(path.dropFirst(14)), \(type.kernelName))",
          "nsenter --\(type.commandName)=/run/netns/<name>")
      } else {
        Self.tell(
          "join the \(type.rawValue) namespace \(path)", "setns(open(\"\(path)\"), \(type.kernelName))",
          "nsenter --\(type.commandName)=\(path)")
      }
    case .enterNamespacesOfInit(let flags):
      Self.tell("join the container's namespaces", "setns(pidfd, \(flags.kernelNames))", "nsenter --all --target <pid>")
    case .awaitIDMaps:
      Self.tell(
        "wait for the user namespace's id maps", "write(\"/proc/<pid>/uid_map\")",
        "echo '0 100000 65536' > /proc/<pid>/uid_map")
    case .becomeNamespaceRoot:
      Self.tell("become root of the user namespace", "setresuid(0, 0, 0)", "setpriv --reuid 0 --regid 0")
    case .makeIPCNamespace:
      Self.tell("make an ipc namespace", "unshare(CLONE_NEWIPC)", "unshare --ipc")
    case .makeCgroupNamespace:
      Self.tell("make the own control group the root that is seen", "unshare(CLONE_NEWCGROUP)", "unshare --cgroup")
    default: fileSystemExplanation ?? processExplanation
    }
  }

  private var fileSystemExplanation: ExplanationStep? {
    switch self {
    case .isolateMounts:
      Self.tell(
        "keep mounts from spreading to the host", "mount_setattr(\"/\", AT_RECURSIVE, MS_PRIVATE)",
        "mount --make-rprivate /")
    case .attachRoot(let path):
      Self.tell("put the root file system in place", "move_mount(root, \"\(path)\")", "mount --rbind <root> \(path)")
    case .mount(let mount):
      Self.tell(
        "mount \(mount.type) on \(mount.target)",
        "fsopen(\"\(mount.type)\"), fsmount(\(mount.attributes.kernelNames)), move_mount(\"\(mount.target)\")",
        "mount -t \(mount.type)\(mount.commandOptions) \(mount.source ?? mount.type) <root>\(mount.target)"
          + (mount.copiesUp ? " # with what was there: cp -a" : ""))
    case .bind(let mount):
      Self.tell(
        "show \(mount.sourcePath) on \(mount.target)",
        "open_tree(\"\(mount.sourcePath)\", OPEN_TREE_CLONE), move_mount(\"\(mount.target)\")",
        "mount --\(mount.isRecursive ? "r" : "")bind\(mount.options.set.contains(.readOnly) ? " -o ro" : "") \(mount.sourcePath) <root>\(mount.target)"
      )
    case .changeMount(let path, let options):
      Self.tell(
        "change the mount \(path)", "mount_setattr(\"\(path)\", \(options.set.kernelNames))",
        "mount -o remount,\(options.set.optionWords.joined(separator: ",")) <root>\(path)")
    case .makeDirectory(let path), .makeWorkingDirectory(let path):
      Self.tell("make the directory \(path)", "mkdirat(root, \"\(path)\")", "mkdir -p <root>\(path)")
    case .link(let path, let target):
      Self.tell("link \(path) to \(target)", "symlinkat(\"\(target)\", \"\(path)\")", "ln -s \(target) <root>\(path)")
    case .makeDevice(let node):
      Self.tell(
        "make the device \(node.path)", "mknodat(\"\(node.path)\", makedev(\(node.major), \(node.minor)))",
        "mknod -m \(String(node.mode, radix: 8)) <root>\(node.path) \(node.type == .blockDevice ? "b" : "c") \(node.major) \(node.minor)"
      )
    case .attachDevices:
      Self.tell("lay the device nodes ready", "move_mount(devices, \"/dev\")", "mount --bind <devices> <root>/dev")
    case .showDevice(let node, _):
      Self.tell(
        "show the device \(node.path)", "open_tree(devices), move_mount(\"\(node.path)\")",
        "mount --bind -o nosuid,noexec <devices>/\(node.path) <root>\(node.path)")
    case .replaceNullStreams:
      Self.tell(
        "take the container's own /dev/null for the host's", "openat2(\"/dev/null\"), dup3()", "exec 0<>/dev/null")
    case .detachDevices:
      Self.tell("take the other device nodes away", "umount2(\"/dev\", MNT_DETACH)", "umount -l <root>/dev")
    case .openConsole:
      Self.tell(
        "open a terminal for the container", "open(\"/dev/pts/ptmx\"), ioctl(TIOCGPTPEER), ioctl(TIOCSCTTY)",
        "script -q /dev/null")
    case .runHooksOutside: Self.tell("run the hooks outside", "clone3(), execve(hook)", "<hook> < state.json")
    case .runHooksInside(let moment):
      Self.tell("run the \(moment.rawValue) hooks", "clone3(), execve(hook)", "<hook> < state.json")
    case .mask(let path):
      Self.tell(
        "hide \(path)", "move_mount(/dev/null or an empty tmpfs, \"\(path)\")", "mount --bind /dev/null <root>\(path)")
    case .makeReadOnly(let path):
      Self.tell(
        "make \(path) read-only", "open_tree(\"\(path)\", OPEN_TREE_CLONE), mount_setattr(MOUNT_ATTR_RDONLY)",
        "mount --bind -o ro <root>\(path) <root>\(path)")
    case .sealMount(let path):
      Self.tell(
        "make the mount \(path) read-only", "mount_setattr(\"\(path)\", MOUNT_ATTR_RDONLY)",
        "mount -o remount,ro <root>\(path)")
    case .pivotRoot:
      Self.tell(
        "make the new root the root, and let the old one go", "pivot_root(\".\", \".\"), umount2(\".\", MNT_DETACH)",
        "cd <root> && pivot_root . . && umount -l .")
    case .moveRoot:
      Self.tell(
        "make the new root the root, where no pivot is possible", "chroot(\".\")", "cd <root> && chroot . command")
    case .makeRootReadOnly:
      Self.tell("make the root read-only", "mount_setattr(\"/\", MOUNT_ATTR_RDONLY)", "mount -o remount,bind,ro /")
    case .setRootPropagation(let propagation, let recursive):
      Self.tell(
        "set the root's propagation to \(propagation)", "mount_setattr(\"/\", MS_\("\(propagation)".uppercased()))",
        "mount --make-\(recursive ? "r" : "")\(propagation) /")
    default: nil
    }
  }

  private var processExplanation: ExplanationStep {
    switch self {
    case .setHostname(let name): Self.tell("name the container \(name)", "sethostname(\"\(name)\")", "hostname \(name)")
    case .setDomainname(let name):
      Self.tell("set the domain name \(name)", "setdomainname(\"\(name)\")", "domainname \(name)")
    case .setSystemParameter(let name, let value):
      Self.tell("set sysctl \(name)", "write(\"/proc/sys/…\", \"\(value)\")", "sysctl -w \(name)=\(value)")
    case .setOOMScore(let score):
      Self.tell(
        "set the out-of-memory score", "write(oom_score_adj, \"\(score)\")", "echo \(score) > /proc/self/oom_score_adj")
    case .setResourceLimit(let limit, _):
      Self.tell(
        "limit \(limit.type) to \(limit.soft)", "prlimit(\(limit.type), \(limit.soft), \(limit.hard))",
        "prlimit --\(limit.type.dropFirst(7).lowercased())=\(limit.soft):\(limit.hard)")
    case .setPersonality(let personality):
      Self.tell("set the execution domain", "personality(\(personality))", "setarch linux32")
    case .joinSessionKeyring(let keyring):
      Self.tell(
        "join the container's session keyring", "keyctl(KEYCTL_JOIN_SESSION_KEYRING, \"\(keyring.name)\")",
        "keyctl session \(keyring.name)")
    case .setScheduling(let attributes):
      Self.tell(
        "set the scheduler",
        "sched_setattr(policy \(attributes.policy), nice \(attributes.nice), priority \(attributes.priority))",
        "chrt / nice command")
    case .setDiskPriority(let kind, let level):
      Self.tell(
        "set the priority of disk access", "ioprio_set(class \(kind), level \(level))",
        "ionice -c \(kind) -n \(level) command")
    case .setMemoryPolicy(let policy):
      Self.tell("take memory by \(policy.text)", "set_mempolicy(\(policy.text))", "numactl command")
    case .setAffinity(_, let text):
      Self.tell("run on the CPUs \(text)", "sched_setaffinity(\(text))", "taskset --cpu-list \(text) command")
    case .setSecurityAttribute(let attribute):
      Self.tell(
        "take the label \(attribute.text)", "write(\"/proc/self/attr/\(attribute.files[0])\")",
        "echo '\(attribute.text)' > /proc/self/attr/\(attribute.files[0])")
    case .receiveNetworkDevices(let names):
      Self.tell(
        "move the network devices \(names.joined(separator: ", ")) in", "sendmsg(RTM_NEWLINK, IFLA_NET_NS_FD)",
        "ip link set \(names.first ?? "") netns <pid>")
    case .switchOnLoopback:
      Self.tell("switch the loopback device on", "ioctl(SIOCSIFFLAGS, IFF_UP)", "ip link set lo up")
    case .findExecutable(let search):
      Self.tell("find the program \(search.name)", "stat(\"\(search.name)\")", "command -v \(search.name)")
    case .closeUnneeded(let preserve):
      Self.tell(
        "close what the steps so far had open", "close_range(\(UInt64(preserve) + 3), ~0, 0)", "exec 3>&- 4>&- …")
    case .reportCreated: Self.tell("report that the container is created", "sendmsg(\"created\")", "#")
    case .awaitStart: Self.tell("wait to be started", "recvmsg()", "read go")
    case .setUmask(let mask):
      Self.tell("set the umask", "umask(0\(String(mask, radix: 8)))", "umask \(String(mask, radix: 8))")
    case .resetSignals:
      Self.tell(
        "reset signals", "rt_sigaction(1…64, SIG_DFL), rt_sigprocmask()",
        "env --default-signal --block-signal= command")
    case .resetAffinity:
      Self.tell("run on every CPU of the cpuset", "sched_setaffinity(every CPU)", "taskset --cpu-list 0-8191 command")
    case .setUser(let user):
      Self.tell(
        "become user \(user.userID), group \(user.groupID)",
        (user.groups.map { "setgroups(\($0)), " } ?? "") + "setresgid(\(user.groupID)), setresuid(\(user.userID))",
        "setpriv --reuid \(user.userID) --regid \(user.groupID)")
    case .dropBoundingSet(let numbers):
      Self.tell(
        "give up \(numbers.count) capabilities for ever", "prctl(PR_CAPBSET_DROP) × \(numbers.count)",
        "capsh --drop=\(CapabilityPlan.commandNames(numbers))")
    case .setCapabilities(let plan):
      Self.tell(
        "keep \(CapabilityNames.names(plan.sets.effective).count) capabilities",
        "capset(effective: \(String(plan.sets.effective.rawValue, radix: 16)))",
        "setpriv --inh-caps … --ambient-caps …")
    case .giveStandardStreams(let userID, let groupID):
      Self.tell(
        "give the standard streams to user \(userID)", "fchown(0…2, \(userID), \(groupID))",
        "chown \(userID):\(groupID) /proc/self/fd/{0,1,2}")
    case .setNoNewPrivileges:
      Self.tell("never gain privileges again", "prctl(PR_SET_NO_NEW_PRIVS)", "setpriv --no-new-privs")
    case .makeLandlockRuleset:
      Self.tell(
        "write down what the container's processes may reach", "landlock_create_ruleset(…), landlock_add_rule(…)",
        "# landlock has no command of its own; setpriv --landlock-access …")
    case .allowByLandlock(let place):
      Self.tell(
        "let them \(place.isWritable ? "use" : "read and execute") what is beneath \(place.path)",
        "landlock_add_rule(LANDLOCK_RULE_PATH_BENEATH, \"\(place.path)\")",
        "setpriv --landlock-rule path-beneath:…:\(place.path)")
    case .restrictByLandlock:
      Self.tell(
        "keep them from everything else", "landlock_restrict_self(…)", "setpriv --landlock-access fs")
    case .installFilter:
      Self.tell("filter system calls", "seccomp(SECCOMP_SET_MODE_FILTER)", "# seccomp has no command of its own")
    case .enterWorkingDirectory(let path): Self.tell("enter the directory \(path)", "chdir(\"\(path)\")", "cd \(path)")
    case .endWithCaller:
      Self.tell("end when the runtime ends", "prctl(PR_SET_PDEATHSIG, SIGKILL)", "setpriv --pdeathsig KILL")
    case .closeDescriptors(let preserve):
      Self.tell(
        "close every other file", "close_range(\(UInt64(preserve) + 3), ~0, CLOSE_RANGE_CLOEXEC)", "exec 3>&- 4>&- …")
    case .execute(let name): Self.tell("become the program", "execve(\"\(name)\")", "exec \(name)")
    default: Self.tell("go on", "", "")
    }
  }

  private static func tell(_ what: String, _ kernelCall: String, _ command: String) -> ExplanationStep {
    ExplanationStep(what: what, kernelCall: kernelCall, command: command)
  }
}

extension LaunchPlan {
  /// The steps to come, and what the kernel is told beside them; for `--debug`.
  func details(_ resources: LaunchResources) -> [String] {
    var details = steps.indices.map { "step \($0 + 1) of \(steps.count): \(steps[$0].explanation.what)" }
    if let filter = resources.filter {
      details.append("seccomp filter flags: \(filter.flags)")
    }
    return details
  }

  /// The whole plan as a person learns it: the clone first, then the steps.
  package var explanation: [ExplanationStep] {
    var lines = preparation
    lines.append(
      ExplanationStep(
        what: "make a process in namespaces of its own", kernelCall: "clone3(\(newNamespaces.kernelNames))",
        command: "unshare --fork \(newNamespaces.commandNames)"))
    for step in steps { lines.append(step.explanation) }
    return lines
  }
}

extension CapabilityPlan {
  static func commandNames(_ numbers: [Int]) -> String {
    numbers.filter { CapabilityNames.all.indices.contains($0) }.map { CapabilityNames.all[$0].lowercased() }
      .joined(separator: ",")
  }
}

extension FileSystemMount {
  fileprivate var commandOptions: String {
    let words = attributes.optionWords + parameters.map(\.description)
    return words.isEmpty ? "" : " -o " + words.joined(separator: ",")
  }
}

extension MountAttributes {
  private static let words: [(MountAttributes, String, String)] = [
    (.readOnly, "ro", "MOUNT_ATTR_RDONLY"), (.noSetUserID, "nosuid", "MOUNT_ATTR_NOSUID"),
    (.noDevices, "nodev", "MOUNT_ATTR_NODEV"), (.noExecute, "noexec", "MOUNT_ATTR_NOEXEC"),
    (.noAccessTime, "noatime", "MOUNT_ATTR_NOATIME"), (.strictAccessTime, "strictatime", "MOUNT_ATTR_STRICTATIME"),
    (.noDirectoryAccessTime, "nodiratime", "MOUNT_ATTR_NODIRATIME"),
    (.noFollowLinks, "nosymfollow", "MOUNT_ATTR_NOSYMFOLLOW"),
  ]

  /// As mount(8) writes them.
  package var optionWords: [String] { Self.words.filter { contains($0.0) }.map { $0.1 } }

  /// As mount_setattr(2) writes them.
  package var kernelNames: String {
    let names = Self.words.filter { contains($0.0) }.map { $0.2 }
    return names.isEmpty ? "0" : names.joined(separator: " | ")
  }
}

extension NamespaceFlags {
  private static let words: [(NamespaceFlags, String, String)] = [
    (.user, "CLONE_NEWUSER", "--user"), (.mount, "CLONE_NEWNS", "--mount"), (.uts, "CLONE_NEWUTS", "--uts"),
    (.ipc, "CLONE_NEWIPC", "--ipc"), (.pid, "CLONE_NEWPID", "--pid"), (.network, "CLONE_NEWNET", "--net"),
    (.cgroup, "CLONE_NEWCGROUP", "--cgroup"), (.time, "CLONE_NEWTIME", "--time"),
  ]

  package var kernelNames: String {
    let names = Self.words.filter { contains($0.0) }.map { $0.1 }
    return names.isEmpty ? "0" : names.joined(separator: " | ")
  }

  package var commandNames: String { Self.words.filter { contains($0.0) }.map { $0.2 }.joined(separator: " ") }
}

extension RuntimeSpec.NamespaceType {
  var kernelName: String { flag.kernelNames }
  var commandName: String { self == .network ? "net" : rawValue }
}
