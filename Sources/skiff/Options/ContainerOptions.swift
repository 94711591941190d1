import SkiffCommandLine
import SkiffEngine
import SkiffKernel

/// How a container's process runs.
struct ProcessOptions: OptionGroup {
  var interactive = false
  var tty = false
  var env: [String] = []
  var envFile: [String] = []
  var envHost = false
  var workdir: String?
  var user: String?
  var groupAdd: [String] = []
  var entrypoint: String?
  var usesInit = false
  var ulimit: [String] = []
  var stopSignal: String?
  var stopTimeout: Int64?
  var timeout: UInt32 = 0
  var oomScoreAdj: Int32?
  var umask: String?
  var timeZone: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-i --interactive", "Keep standard input open.") { $0.interactive = $1 }
    form.flag("-t --tty", "Give the container a terminal.") { $0.tty = $1 }
    form.value("-e --env", "NAME=VALUE", "Set a variable; NAME alone takes the caller's value.") { $0.env.append($1) }
    form.value("--env-file", "FILE", "Read variables from a file.") { $0.envFile.append($1) }
    form.flag("--env-host", "Set all of the caller's variables, beneath what else is set.") { $0.envHost = $1 }
    form.value("-w --workdir", "DIR", "The working directory.") { $0.workdir = $1 }
    form.value("-u --user", "USER[:GROUP]", "Who runs it: name or number, with a group if wanted.") { $0.user = $1 }
    form.value("--group-add", "GROUP", "A further group; keep-groups for those of the caller.") {
      $0.groupAdd.append($1)
    }
    form.value("--entrypoint", "PROGRAM", "Run this instead of the image's entry point; \"\" runs the command alone.") {
      $0.entrypoint = $1
    }
    form.flag("--init", "Run a small init that reaps processes and passes signals on.") { $0.usesInit = $1 }
    form.value("--ulimit", "NAME=SOFT[:HARD]", "A resource limit; host for those of the caller.") {
      $0.ulimit.append($1)
    }
    form.value("--stop-signal", "SIGNAL", "The signal that asks it to end.") { $0.stopSignal = $1 }
    form.number("--stop-timeout", "SECONDS", "How long it may take to end, before it is killed.") {
      (values, number: Int64) in values.stopTimeout = number
    }
    form.number("--timeout", "SECONDS", "How long it may run, before it is killed (0: for ever).") {
      (values, number: UInt32) in values.timeout = number
    }
    form.number("--oom-score-adj", "NUMBER", "Sooner (to 1000) or later (to -1000) killed when memory is short.") {
      (values, number: Int32) in values.oomScoreAdj = number
    }
    form.value("--tz", "ZONE", "The time zone: Europe/Berlin, or local for the host's.") { $0.timeZone = $1 }
    form.value("--umask", "MASK", "The file mode mask, octal.") { $0.umask = $1 }
  }
}

/// What a container is called, and what is said of it.
struct NameOptions: OptionGroup {
  var name: String?
  var hostname: String?
  var domainname: String?
  var label: [String] = []
  var labelFile: [String] = []
  var annotation: [String] = []
  var cidfile: String?
  var pidfile: String?
  var replace = false

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--name", "NAME", "The container's name.") { $0.name = $1 }
    form.value("-h --hostname", "NAME", "Its host name.") { $0.hostname = $1 }
    form.value("--domainname", "NAME", "Its NIS domain name.") { $0.domainname = $1 }
    form.value("-l --label", "KEY=VALUE", "A label.") { $0.label.append($1) }
    form.value("--label-file", "FILE", "Read labels from a file.") { $0.labelFile.append($1) }
    form.value("--annotation", "KEY=VALUE", "An annotation for the runtime.") { $0.annotation.append($1) }
    form.value("--cidfile", "FILE", "Write the container's id to a new file.") { $0.cidfile = $1 }
    form.value("--pidfile", "FILE", "Write the number of its first process to a file, at each start.") {
      $0.pidfile = $1
    }
    form.flag("--replace", "Remove a container that has the name.") { $0.replace = $1 }
  }
}

/// What a container sees.
struct SightOptions: OptionGroup {
  var volume: [String] = []
  var mount: [String] = []
  var tmpfs: [String] = []
  var readOnly = false
  var readOnlyTmpfs = false
  var volumesFrom: [String] = []
  var shmSize: String?
  var device: [String] = []
  var gpus: [String] = []
  var deviceRule: [String] = []
  var rootfs: String?
  var secret: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value(
      "-v --volume", "[SOURCE:]PATH[:OPTIONS]", "A directory of the host, or a volume by name.", completes: .volume
    ) {
      $0.volume.append($1)
    }
    form.value("--mount", "type=…,source=…,target=…", "The same at length.") { $0.mount.append($1) }
    form.value("--tmpfs", "PATH[:OPTIONS]", "Memory as a file system.") { $0.tmpfs.append($1) }
    form.flag("--read-only", "The root file system cannot be written.") { $0.readOnly = $1 }
    form.flag("--read-only-tmpfs", "With --read-only, memory at /run, /tmp and /var/tmp.") { $0.readOnlyTmpfs = $1 }
    form.value("--volumes-from", "CONTAINER[:ro|rw]", "The volumes and directories of another container.") {
      $0.volumesFrom.append($1)
    }
    form.value("--shm-size", "BYTES", "Size of /dev/shm (64m).") { $0.shmSize = $1 }
    form.value("--device", "PATH[:PATH[:rwm]]", "A device of the host, or vendor.com/class=name, a CDI device.") {
      $0.device.append($1)
    }
    form.value("--gpus", "all|NUMBER|device=…", "GPUs, by their CDI names (nvidia.com/gpu=…).") { $0.gpus.append($1) }
    form.value("--device-cgroup-rule", "\"c 42:* rmw\"", "Devices that may be used once their nodes are made.") {
      $0.deviceRule.append($1)
    }
    form.value(
      "--secret", "NAME[,type=mount|env,…]", "A secret (see skiff secret), in /run/secrets or a variable.",
      completes: .secret
    ) {
      $0.secret.append($1)
    }
    form.value("--rootfs", "DIR|FILE", "A directory or an ext4 image file in place of an image.") { $0.rootfs = $1 }
  }
}

/// Which namespaces are new, the host's, or another container's.
struct NamespaceOptions: OptionGroup {
  var pid: String?
  var ipc: String?
  var uts: String?
  var cgroupns: String?
  var userns: String?
  var uidmap: [String] = []
  var gidmap: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--pid", "host|private|container:NAME", "Processes.") { $0.pid = $1 }
    form.value("--ipc", "host|private|container:NAME", "Shared memory and queues.") { $0.ipc = $1 }
    form.value("--uts", "host|private|container:NAME", "Host name.") { $0.uts = $1 }
    form.value("--cgroupns", "host|private", "Control groups.") { $0.cgroupns = $1 }
    form.value(
      "--userns", "host|auto|keep-id|map:INSIDE:OUTSIDE:COUNT",
      "User ids: the same, a range of its own, the same in a namespace of its own, or a given map."
    ) { $0.userns = $1 }
    form.value("--uidmap", "INSIDE:OUTSIDE:COUNT", "Map user ids (and group ids, without --gidmap).") {
      $0.uidmap.append($1)
    }
    form.value("--gidmap", "INSIDE:OUTSIDE:COUNT", "Map group ids.") { $0.gidmap.append($1) }
  }
}

/// How a container reaches others.
struct NetworkOptions: OptionGroup {
  var network: String?
  var ip: String?
  var macAddress: String?
  var publish: [String] = []
  var publishAll = false
  var expose: [String] = []
  var dns: [String] = []
  var dnsSearch: [String] = []
  var dnsOption: [String] = []
  var addHost: [String] = []
  var noHosts = false

  static func declare(_ form: inout CommandForm<Self>) {
    form.value(
      "--network --net", "bridge[:ip=…,mac=…]|host|none|container:NAME", "Its network (bridge).", completes: .network
    ) { $0.network = $1 }
    form.value("--ip", "ADDRESS", "Its IPv4 address in there (a free one).") { $0.ip = $1 }
    form.value("--mac-address", "ADDRESS", "The address of its card (one that follows from the other).") {
      $0.macAddress = $1
    }
    form.value(
      "-p --publish", "[ADDRESS:][PORT:]PORT[/PROTOCOL]", "A port of the host that leads to one of the container."
    ) {
      $0.publish.append($1)
    }
    form.flag("-P --publish-all", "Publish every exposed port on a free one of the host.") { $0.publishAll = $1 }
    form.value("--expose", "PORT[-PORT][/PROTOCOL]", "A port that the container listens on.") { $0.expose.append($1) }
    form.value("--dns", "ADDRESS", "A server of names.") { $0.dns.append($1) }
    form.value("--dns-search", "DOMAIN", "A domain to look short names up in.") { $0.dnsSearch.append($1) }
    form.value("--dns-option --dns-opt", "OPTION", "An option of the resolver.") { $0.dnsOption.append($1) }
    form.value("--add-host", "NAME:ADDRESS", "A line of /etc/hosts.") { $0.addHost.append($1) }
    form.flag("--no-hosts", "Leave the image's /etc/hosts.") { $0.noHosts = $1 }
  }
}

/// What a container may do.
struct RightsOptions: OptionGroup {
  var capAdd: [String] = []
  var capDrop: [String] = []
  var privileged = false
  var securityOpt: [String] = []
  var sysctl: [String] = []
  var landlock: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--cap-add", "NAME", "Add a capability, or ALL.") { $0.capAdd.append($1) }
    form.value("--cap-drop", "NAME", "Drop a capability, or ALL.") { $0.capDrop.append($1) }
    form.flag("--privileged", "Give it every right and device that the caller has.") { $0.privileged = $1 }
    form.value(
      "--security-opt", "OPTION", "no-new-privileges, seccomp=unconfined|FILE, apparmor=…, systempaths=unconfined."
    ) { $0.securityOpt.append($1) }
    form.value(
      "--landlock", "ro=PATH,rw=PATH,connect=PORT,bind=PORT", "Only these files, and TCP ports, may be reached."
    ) { $0.landlock.append($1) }
    form.value("--sysctl", "NAME=VALUE", "A setting of the kernel, in a namespace of its own.") { $0.sysctl.append($1) }
  }
}

/// How much a container may use.
struct LimitOptions: OptionGroup {
  var memory: String?
  var memorySwap: String?
  var memoryReservation: String?
  var memorySwappiness: Int64?
  var oomKillDisable = false
  var cpus: String?
  var cpuShares: UInt64?
  var cpuPeriod: UInt64?
  var cpuQuota: Int64?
  var cpuRtPeriod: UInt64?
  var cpuRtRuntime: Int64?
  var cpusetCpus: String?
  var cpusetMems: String?
  var pidsLimit: Int64?
  var blkioWeight: UInt16?
  var blkioWeightDevice: [String] = []
  var deviceReadBps: [String] = []
  var deviceWriteBps: [String] = []
  var deviceReadIops: [String] = []
  var deviceWriteIops: [String] = []
  var resourceView = false
  var cgroupConf: [String] = []
  var cgroupParent: String?
  var cgroups: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-m --memory", "BYTES", "Memory: 500m, 1.5g.") { $0.memory = $1 }
    form.value("--memory-swap", "BYTES", "Memory and swap together; -1 for no limit.") { $0.memorySwap = $1 }
    form.value("--memory-reservation", "BYTES", "What it is left when memory is short.") { $0.memoryReservation = $1 }
    form.number("--memory-swappiness", "NUMBER", "How readily it is swapped, 0 to 100.") { (values, number: Int64) in
      values.memorySwappiness = number
    }
    form.flag("--oom-kill-disable", "Freeze it instead of killing when its memory is used up.") {
      $0.oomKillDisable = $1
    }
    form.value("--cpus", "NUMBER", "CPUs: 0.5, 2.") { $0.cpus = $1 }
    form.number("-c --cpu-shares", "NUMBER", "Its weight among others (1024).") { (values, number: UInt64) in
      values.cpuShares = number
    }
    form.number("--cpu-period", "MICROSECONDS", "The period of the quota.") { (values, number: UInt64) in
      values.cpuPeriod = number
    }
    form.number("--cpu-quota", "MICROSECONDS", "CPU time in each period.") { (values, number: Int64) in
      values.cpuQuota = number
    }
    form.number("--cpu-rt-period", "MICROSECONDS", "The period of real-time processes.") { (values, number: UInt64) in
      values.cpuRtPeriod = number
    }
    form.number("--cpu-rt-runtime", "MICROSECONDS", "CPU time of real-time processes in each period.") {
      (values, number: Int64) in values.cpuRtRuntime = number
    }
    form.value("--cpuset-cpus", "LIST", "The CPUs it runs on: 0-2,5.") { $0.cpusetCpus = $1 }
    form.value("--cpuset-mems", "LIST", "The memory nodes it uses.") { $0.cpusetMems = $1 }
    form.number("--pids-limit", "NUMBER", "Processes and threads (2048); -1 for no limit.") { (values, number: Int64) in
      values.pidsLimit = number
    }
    form.number("--blkio-weight", "NUMBER", "Its weight at block devices, 10 to 1000.") { (values, number: UInt16) in
      values.blkioWeight = number
    }
    form.value("--blkio-weight-device", "PATH:WEIGHT", "The same for one device.") { $0.blkioWeightDevice.append($1) }
    form.value("--device-read-bps", "PATH:BYTES", "Bytes read a second.") { $0.deviceReadBps.append($1) }
    form.value("--device-write-bps", "PATH:BYTES", "Bytes written a second.") { $0.deviceWriteBps.append($1) }
    form.value("--device-read-iops", "PATH:NUMBER", "Reads a second.") { $0.deviceReadIops.append($1) }
    form.value("--device-write-iops", "PATH:NUMBER", "Writes a second.") { $0.deviceWriteIops.append($1) }
    form.value("--cgroups", "enabled", "A control group of its own; the monitor is in none of its own (no-conmon).") {
      $0.cgroups = $1
    }
    form.flag("--resource-view", "Let /proc/meminfo, cpuinfo, stat and their kin tell of these limits.") {
      $0.resourceView = $1
    }
    form.value("--cgroup-conf", "FILE=VALUE", "A file of its control group, of version 2: memory.high=1073741824.") {
      $0.cgroupConf.append($1)
    }
    form.value("--cgroup-parent", "PATH", "The control group that its own is made in (/skiff).") {
      $0.cgroupParent = $1
    }
  }
}

/// Everything that a container is made from.
struct ContainerOptions: OptionGroup {
  var process = ProcessOptions()
  var names = NameOptions()
  var sight = SightOptions()
  var namespaces = NamespaceOptions()
  var network = NetworkOptions()
  var rights = RightsOptions()
  var limits = LimitOptions()
  var image = ImageOptions()
  var supervision = SupervisionOptions()

  static func declare(_ form: inout CommandForm<Self>) {
    form.group("The process", ProcessOptions.self) { values, lend in lend(&values.process) }
    form.group("Names", NameOptions.self) { values, lend in lend(&values.names) }
    form.group("What it sees", SightOptions.self) { values, lend in lend(&values.sight) }
    form.group("Namespaces", NamespaceOptions.self) { values, lend in lend(&values.namespaces) }
    form.group("Network", NetworkOptions.self) { values, lend in lend(&values.network) }
    form.group("Rights", RightsOptions.self) { values, lend in lend(&values.rights) }
    form.group("Limits", LimitOptions.self) { values, lend in lend(&values.limits) }
    form.group("Supervision", SupervisionOptions.self) { values, lend in lend(&values.supervision) }
    form.group("Image and log", ImageOptions.self) { values, lend in lend(&values.image) }
  }
}

/// Which image, and where the output is kept.
struct ImageOptions: OptionGroup {
  var pull = "missing"
  var platform: String?
  var logDriver: String?
  var logOpt: [String] = []
  var removes = false

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("--pull", "missing|always|newer|never", "When the image is fetched (missing).") { $0.pull = $1 }
    form.value("--platform", "OS/ARCH", "The platform of the image.") { $0.platform = $1 }
    form.value(
      "--log-driver", "json-file|local|k8s-file|journald|none|passthrough", "Where output is kept (json-file)."
    ) { $0.logDriver = $1 }
    form.value("--log-opt", "NAME=VALUE", "An option of the log driver: max-size=20m, max-file=5, …") {
      $0.logOpt.append($1)
    }
    form.flag("--rm", "Remove the container when it has ended.") { $0.removes = $1 }
  }
}
