import SkiffSpec
import Testing

/// A good configuration to spoil.
private let good = RuntimeSpec.example()

/// The problems after a change, one line each.
private func problems(_ change: (inout RuntimeSpec) -> Void) -> [String] {
  var spec = good
  change(&spec)
  return spec.validate().map(\.description)
}

private func namespaces(_ types: RuntimeSpec.NamespaceType...) -> [RuntimeSpec.Namespace] {
  types.map { RuntimeSpec.Namespace(type: $0) }
}

@Test(arguments: [
  ("", "ociVersion: must be set"), ("1", #"ociVersion: "1" is not a version"#),
  ("1.0.x", #"ociVersion: "1.0.x" is not a version"#),
  ("2.0.0", #"ociVersion: unsupported spec version "2.0.0": skiff knows 1.x"#),
])
func `versions other than 1 are refused`(version: String, problem: String) {
  #expect(problems { $0.version = version } == [problem])
}

@Test(arguments: ["1.0.0", "1.0.2-dev", "1.3.0", "1.2.0+build", "1.99.99-rc.1"])
func `versions of 1 are taken`(version: String) {
  #expect(problems { $0.version = version } == [])
}

@Test func `a container needs a root and something to run`() {
  #expect(problems { $0.root = nil } == ["root: must be set"])
  #expect(problems { $0.root?.path = "" } == ["root.path: must be set"])
  #expect(problems { $0.process = nil } == ["process: must be set: there is nothing to run"])
  var spec = good
  spec.process = nil
  #expect(spec.validate(requiringProcess: false) == [])
}

@Test func `a process must name a program, a directory, and ids that exist`() {
  #expect(problems { $0.process?.arguments = [] } == ["process.args: args must not be empty"])
  #expect(problems { $0.process?.arguments = [""] } == ["process.args[0]: the name of the program must not be empty"])
  #expect(problems { $0.process?.workingDirectory = "" } == ["process.cwd: Cwd property must not be empty"])
  #expect(problems { $0.process?.workingDirectory = "a" } == ["process.cwd: Cwd must be an absolute path"])
  #expect(
    problems {
      $0.process?.user.userID = .max
      $0.process?.user.groupID = .max
      $0.process?.user.additionalGroupIDs = [1, .max]
      $0.process?.user.umask = 0o1000
    } == [
      "process.user.uid: 4294967295 is not an id", "process.user.gid: 4294967295 is not an id",
      "process.user.additionalGids[1]: 4294967295 is not an id", "process.user.umask: must be between 0 and 511 (0777)",
    ])
}

@Test func `environment entries have a name and a value`() {
  #expect(
    problems { $0.process?.environment = ["A=", "B", "=c", ""] } == [
      "process.env[1]: invalid environment variable: missing '='",
      "process.env[2]: invalid environment variable: name cannot be empty",
      "process.env[3]: invalid environment variable: missing '='",
    ])
}

@Test func `capabilities and limits must be known`() {
  #expect(RuntimeSpec.Capabilities.knownNames.count == 41)
  #expect(RuntimeSpec.ResourceLimit.knownTypes.count == 16)
  #expect(
    problems {
      $0.process?.capabilities?.bounding = ["CAP_KILL", "CAP_FLY"]
      $0.process?.capabilities?.ambient = ["kill"]
      $0.process?.rlimits = [
        RuntimeSpec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 2, hard: 1),
        RuntimeSpec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 1, hard: 1),
        RuntimeSpec.ResourceLimit(type: "RLIMIT_FUN", soft: 1, hard: .max),
      ]
      $0.process?.oomScoreAdjustment = 1001
    } == [
      #"process.capabilities.bounding[1]: unknown capability "CAP_FLY""#,
      #"process.capabilities.ambient[0]: unknown capability "kill""#,
      "process.rlimits[0].soft: the soft limit is above the hard limit",
      "process.rlimits[1].type: duplicated rlimit: RLIMIT_NOFILE",
      #"process.rlimits[2].type: invalid rlimit type: "RLIMIT_FUN""#,
      "process.oomScoreAdj: must be between -1000 and 1000",
    ])
}

@Test func `scheduling must fit the policy`() {
  func scheduled(_ change: (inout RuntimeSpec.Scheduler) -> Void) -> [String] {
    var scheduler = RuntimeSpec.Scheduler()
    change(&scheduler)
    return problems { $0.process?.scheduler = scheduler }
  }
  #expect(
    scheduled {
      $0.policy = "SCHED_OTHER"
      $0.nice = -20
      $0.flags = ["SCHED_FLAG_RESET_ON_FORK"]
    } == [])
  #expect(
    scheduled { $0.policy = "SCHED_FAIR" } == [#"process.scheduler.policy: invalid scheduler policy: "SCHED_FAIR""#])
  #expect(
    scheduled {
      $0.policy = "SCHED_FIFO"
      $0.nice = 20
      $0.priority = 100
      $0.runtime = 1
    }.count == 3)
  // The kernel takes it with every policy.
  #expect(
    scheduled {
      $0.policy = "SCHED_FIFO"
      $0.nice = 19
      $0.priority = 1
    } == [])
  var priority = RuntimeSpec.IOPriority()
  priority.class = "IOPRIO_CLASS_ANY"
  priority.priority = 8
  #expect(problems { $0.process?.ioPriority = priority }.count == 2)
}

private let deadlines: [(runtime: UInt64?, deadline: UInt64?, period: UInt64?, refusal: String?)] = [
  (nil, 2000, 3000, "runtime: sched_setattr: `SCHED_DEADLINE` requires `runtime`"),
  (1024, nil, 3000, "deadline: sched_setattr: `SCHED_DEADLINE` requires `deadline`"),
  (0, 2000, 3000, "runtime: sched_setattr: `SCHED_DEADLINE` runtime must be greater than 0"),
  (2001, 2000, 3000, "runtime: sched_setattr: `SCHED_DEADLINE` runtime (2001) must be <= deadline (2000)"),
  (1024, 3001, 3000, "deadline: sched_setattr: `SCHED_DEADLINE` deadline (3001) must be <= period (3000)"),
  (
    1023, 2000, nil,
    "runtime: sched_setattr: `SCHED_DEADLINE` runtime (1023) must be between 1024 and 9223372036854775808"
  ),
  (1024, 2000, 3000, nil), (1024, 2000, nil, nil), (1024, 2000, 0, nil),
]

@Test(arguments: deadlines)
func `times of the deadline scheduler are in order`(
  runtime: UInt64?, deadline: UInt64?, period: UInt64?, refusal: String?
) {
  var scheduler = RuntimeSpec.Scheduler()
  scheduler.policy = "SCHED_DEADLINE"
  (scheduler.runtime, scheduler.deadline, scheduler.period) = (runtime, deadline, period)

  #expect(problems { $0.process?.scheduler = scheduler } == (refusal.map { ["process.scheduler." + $0] } ?? []))
}

@Test func `what a namespace makes possible needs the namespace`() {
  #expect(
    problems { $0.linux.namespaces = namespaces(.pid, .network, .ipc, .mount) } == [
      "hostname: unable to set hostname without a private UTS namespace"
    ])
  #expect(
    problems { $0.linux.namespaces = namespaces(.uts) } == [
      "linux: unable to restrict sys entries without a private MNT namespace"
    ])
  #expect(
    problems { $0.linux.uidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 1, size: 1)] } == [
      "linux.uidMappings: user namespace mappings specified, but user namespace isn't enabled in the config"
    ])
  #expect(problems { $0.linux.namespaces += namespaces(.user) } == [])
  #expect(
    problems {
      $0.linux.namespaces += namespaces(.user)
      $0.linux.gidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 1, size: 1)]
    } == ["linux.uidMappings: a new user namespace needs both mappings"])
  #expect(
    problems { $0.linux.timeOffsets = ["boottime": RuntimeSpec.TimeOffset()] } == [
      "linux.timeOffsets: time namespace offsets specified, but time namespace isn't enabled in the config"
    ])
  #expect(
    problems {
      $0.linux.namespaces = namespaces(.mount, .uts)
      $0.linux.netDevices = ["eth7": RuntimeSpec.NetDevice()]
    } == ["linux.netDevices: unable to move network devices without a private NET namespace"])
  #expect(problems { $0.linux.namespaces += namespaces(.pid) } == ["linux.namespaces[6].type: duplicated ns pid"])
  #expect(
    problems { $0.linux.namespaces[1].path = "netns" } == [
      #"linux.namespaces[1].path: "netns" is not an absolute path"#
    ])
}

@Test func `id ranges must not be empty, overlap or go beyond the last id`() {
  func mapped(_ ranges: (UInt32, UInt32, UInt32)...) -> [String] {
    problems {
      $0.linux.namespaces += namespaces(.user)
      $0.linux.gidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 0, size: .max)]
      $0.linux.uidMappings = ranges.map { RuntimeSpec.IDMapping(containerID: $0.0, hostID: $0.1, size: $0.2) }
    }
  }
  #expect(mapped((0, 100_000, 65536), (65536, 200_000, 1)) == [])
  #expect(mapped((0, 1, 0)) == ["linux.uidMappings[0].size: must be more than 0"])
  #expect(mapped((0, 1, .max)) == ["linux.uidMappings[0]: goes beyond the highest id"])
  #expect(mapped((.max, .max, .max)) == ["linux.uidMappings[0]: goes beyond the highest id"])
  #expect(mapped((0, 100, 10), (9, 200, 1)) == ["linux.uidMappings[1].containerID: overlaps with range 0"])
  #expect(mapped((0, 100, 10), (10, 109, 1)) == ["linux.uidMappings[1].hostID: overlaps with range 0"])
}

@Test(arguments: [
  ("net.ipv4.ip_forward", "1"), ("net/ipv4/conf/eth0.100/forwarding", "1"), ("kernel.shm_rmid_forced", "1"),
  ("fs.mqueue.msg_max", "20"),
  ("kernel.sem", "250 32000\t100 128"), ("kernel.domainname", "example"),
])
func `settings of the container's own namespaces are taken`(name: String, value: String) {
  #expect(problems { $0.linux.sysctl = [name: value] } == [])
}

@Test func `a domain name that is given twice is given the same`() {
  func problems(_ setting: String) -> [String] {
    var spec = good
    spec.domainname = "sea.example"
    spec.linux.sysctl = ["kernel.domainname": setting]
    return spec.validate().map(\.message)
  }

  #expect(problems("sea.example") == [])
  #expect(
    problems("land.example") == [#"sysctl "kernel.domainname" conflicts with the OCI "domainname" field"#])
}

@Test(arguments: [
  ("kernel.core_pattern", #"sysctl "kernel.core_pattern" is not in a separate kernel namespace"#),
  ("vm.swappiness", #"sysctl "vm.swappiness" is not in a separate kernel namespace"#),
  ("kernel.hostname", #"sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field"#),
  ("user.max_user_namespaces", #"sysctl "user.max_user_namespaces" is not allowed in the hosts user namespace"#),
  ("net", #"invalid sysctl name "net""#),
  ("net/../kernel/core_pattern", #"invalid sysctl name "net/../kernel/core_pattern""#),
  ("net.ipv4/../../kernel.core_pattern", #"invalid sysctl name "net.ipv4/../../kernel.core_pattern""#),
  ("/etc/passwd", #"invalid sysctl name "/etc/passwd""#), ("net..x", #"invalid sysctl name "net..x""#),
  ("net.x+kernel.core_pattern", #"invalid sysctl name "net.x+kernel.core_pattern""#),
  ("net.x=1", #"invalid sysctl name "net.x=1""#), ("net.x\nkernel.y", #"invalid sysctl name "net.x\nkernel.y""#),
  ("", #"invalid sysctl name """#), ("net.é", #"invalid sysctl name "net.é""#),
])
func `settings of the host, and names that lead elsewhere, are refused`(name: String, message: String) {
  var spec = good
  spec.linux.sysctl = [name: "1"]
  #expect(spec.validate().map(\.message) == [message])
}

@Test func `settings need their namespace and values of one line`() {
  #expect(
    problems {
      $0.linux.namespaces = namespaces(.mount, .uts)
      $0.linux.sysctl = ["kernel.msgmax": "1", "net.core.somaxconn": "1"]
    } == [
      #"linux.sysctl["kernel.msgmax"]: sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace"#,
      #"linux.sysctl["net.core.somaxconn"]: sysctl "net.core.somaxconn" not allowed in host network namespace"#,
    ])
  #expect(
    problems { $0.linux.sysctl = ["net.core.somaxconn": "1\n2"] } == [
      #"linux.sysctl["net.core.somaxconn"]: the value must be one line without control characters"#
    ])
}

@Test func `a setting's path is found however it is written`() {
  #expect(RuntimeSpec.Linux.sysctlPath(of: "net.ipv4.ip_forward") == "net/ipv4/ip_forward")
  #expect(RuntimeSpec.Linux.sysctlPath(of: "net/ipv4/conf/eth0.100/forwarding") == "net/ipv4/conf/eth0.100/forwarding")
  #expect(RuntimeSpec.Linux.sysctlPath(of: "net.ipv4.conf.eth0/100.forwarding") == "net/ipv4/conf/eth0.100/forwarding")
  #expect(RuntimeSpec.Linux.sysctlPath(of: "kernel") == nil)
}

@Test func `mounts, hooks, paths and propagation must be sound`() {
  #expect(problems { $0.mounts[0].destination = "" } == ["mounts[0].destination: must be set"])
  let map = [RuntimeSpec.IDMapping(containerID: 0, hostID: 1, size: 1)]
  #expect(
    problems { $0.mounts[0].uidMappings = map } == [
      "mounts[0]: an id-mapped mount needs both uidMappings and gidMappings",
      "mounts[0]: only a bind mount can be id-mapped",
    ])
  #expect(
    problems {
      $0.mounts.append(RuntimeSpec.Mount(destination: "/x", type: "bind", source: "/y", options: ["idmap"]))
    } == ["mounts[7]: an id-mapped mount without mappings of its own needs a user namespace"])
  var hook = RuntimeSpec.Hook()
  hook.path = "bin/x"
  hook.timeoutSeconds = 0
  #expect(
    problems { $0.hooks.poststop = [hook] } == [
      #"hooks.poststop[0].path: "bin/x" is not an absolute path"#,
      "hooks.poststop[0].timeout: must be more than 0 seconds",
    ])
  #expect(
    problems {
      $0.linux.maskedPaths.append("proc/x")
      $0.linux.readonlyPaths = [""]
      $0.linux.rootfsPropagation = "public"
      $0.hostname = String(repeating: "h", count: 65)
    } == [
      "hostname: is longer than 64 bytes", #"linux.maskedPaths[12]: "proc/x" is not an absolute path"#,
      #"linux.readonlyPaths[0]: "" is not an absolute path"#,
      #"linux.rootfsPropagation: rootfsPropagation="public" is not supported"#,
    ])
}

@Test func `a filter's words must be known and its numbers in range`() {
  var condition = RuntimeSpec.SeccompCondition()
  condition.index = 6
  condition.op = "SCMP_CMP_LIKE"
  var rule = RuntimeSpec.SeccompRule()
  rule.action = "SCMP_ACT_ALLOW"
  rule.errnoRet = 1
  rule.conditions = [condition]
  var notify = RuntimeSpec.SeccompRule()
  notify.names = ["write"]
  notify.action = "SCMP_ACT_NOTIFY"
  var seccomp = RuntimeSpec.Seccomp()
  seccomp.defaultAction = "SCMP_ACT_ERRNO"
  seccomp.defaultErrnoRet = 4096
  seccomp.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_Z80"]
  seccomp.flags = ["SECCOMP_FILTER_FLAG_FAST"]
  seccomp.rules = [rule, notify]

  #expect(
    problems { $0.linux.seccomp = seccomp } == [
      "linux.seccomp.defaultErrnoRet: must be between 0 and 4095",
      #"linux.seccomp.architectures[1]: string "SCMP_ARCH_Z80" is not a valid arch for seccomp"#,
      #"linux.seccomp.flags[0]: string "SECCOMP_FILTER_FLAG_FAST" is not a valid flag for seccomp"#,
      "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_ALLOW returns no error number",
      "linux.seccomp.syscalls[0].names: must not be empty",
      "linux.seccomp.syscalls[0].args[0].index: must be between 0 and 5",
      #"linux.seccomp.syscalls[0].args[0].op: string "SCMP_CMP_LIKE" is not a valid operator for seccomp"#,
      "linux.seccomp.syscalls[1].names[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall",
      "linux.seccomp.listenerPath: must be set where SCMP_ACT_NOTIFY is used",
    ])
  seccomp = RuntimeSpec.Seccomp()
  seccomp.defaultAction = "SCMP_ACT_MAYBE"
  #expect(
    problems { $0.linux.seccomp = seccomp } == [
      #"linux.seccomp.defaultAction: string "SCMP_ACT_MAYBE" is not a valid action for seccomp"#
    ])
}

@Test func `devices must have a known type and numbers that exist`() {
  var device = RuntimeSpec.Device()
  device.type = "x"
  device.path = "dev/x"
  var block = RuntimeSpec.Device()
  block.type = "b"
  block.path = "/dev/x"
  block.major = 4096
  block.minor = -1
  #expect(
    problems { $0.linux.devices = [device, block] } == [
      #"linux.devices[0].path: "dev/x" is not an absolute path"#, #"linux.devices[0].type: invalid device type: "x""#,
      "linux.devices[1].major: must be between 0 and 4095", "linux.devices[1].minor: must be between 0 and 1048575",
    ])
  var name = RuntimeSpec.NetDevice()
  name.name = "a/b"
  #expect(
    problems { $0.linux.netDevices = ["eth0": name, "far too long name": RuntimeSpec.NetDevice()] } == [
      #"linux.netDevices.eth0.name: invalid network device name "a/b""#,
      #"linux.netDevices["far too long name"]: invalid network device name "far too long name""#,
      #"linux.netDevices["far too long name"].name: invalid network device name "far too long name""#,
    ])
}

@Test func `zero means unset and minus one unlimited in resources`() {
  var resources = RuntimeSpec.Resources()
  resources.memory = RuntimeSpec.Memory()
  resources.memory?.limit = 0
  resources.memory?.swap = -1
  resources.memory?.swappiness = .max
  resources.cpu = RuntimeSpec.CPU()
  resources.cpu?.quota = -1
  resources.cpu?.period = 0
  resources.cpu?.cpus = ""
  resources.pids = RuntimeSpec.Pids()
  resources.pids?.limit = -1
  resources.blockIO = RuntimeSpec.BlockIO()
  resources.blockIO?.weight = 0

  #expect(resources.validate() == [])
}

@Test func `resources beyond their bounds are refused`() {
  var resources = RuntimeSpec.Resources()
  var rule = RuntimeSpec.DeviceRule()
  rule.type = "x"
  rule.access = "rx"
  resources.devices = [rule]
  resources.memory = RuntimeSpec.Memory()
  resources.memory?.limit = 100
  resources.memory?.swap = 50
  resources.memory?.reservation = -2
  resources.memory?.swappiness = 101
  resources.cpu = RuntimeSpec.CPU()
  resources.cpu?.period = 999
  resources.cpu?.cpus = "3-1"
  resources.cpu?.mems = "0,"
  resources.cpu?.idle = 2
  resources.pids = RuntimeSpec.Pids()
  resources.pids?.limit = -2
  resources.blockIO = RuntimeSpec.BlockIO()
  resources.blockIO?.weight = 9
  resources.blockIO?.leafWeight = 1001
  var pages = RuntimeSpec.HugepageLimit()
  pages.pageSize = "2mb"
  resources.hugepageLimits = [pages]
  resources.unified = ["memory.high": "1", "../x.y": "1", "memory": "1"]

  #expect(
    resources.validate().map(\.keyPath) == [
      "devices[0].type", "devices[0].access", "memory.reservation", "memory.swap", "memory.swappiness", "cpu.period",
      "cpu.cpus",
      "cpu.mems", "cpu.idle", "pids.limit", "blockIO.weight", "blockIO.leafWeight", "hugepageLimits[0].pageSize",
      #"unified["../x.y"]"#, #"unified["../x.y"]"#, "unified.memory",
    ])
}

@Test func `personality and memory policy must be known`() {
  var personality = RuntimeSpec.Personality()
  personality.domain = "SOLARIS"
  personality.flags = ["X"]
  var policy = RuntimeSpec.MemoryPolicy()
  policy.mode = "MPOL_LOCAL"
  policy.nodes = "0-1"
  policy.flags = ["MPOL_F_NEAR"]
  var rdt = RuntimeSpec.IntelRdt()
  rdt.closID = "a/b"

  #expect(
    problems {
      $0.linux.personality = personality
      $0.linux.memoryPolicy = policy
      $0.linux.intelRdt = rdt
    } == [
      #"linux.intelRdt.closID: invalid intelRdt.closID "a/b""#,
      #"linux.personality.domain: invalid personality domain: "SOLARIS""#,
      "linux.personality.flags: the spec defines no flags yet",
      #"linux.memoryPolicy.flags[0]: invalid memory policy flag: "MPOL_F_NEAR""#,
      "linux.memoryPolicy.nodes: MPOL_LOCAL mode requires 0 nodes but got 2",
    ])
}
