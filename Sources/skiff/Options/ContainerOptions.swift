import ArgumentParser
import SkiffEngine
import SkiffKernel

/// How a container's process runs.
struct ProcessOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Keep standard input open.")
  var interactive = false

  @Flag(name: .shortAndLong, help: "Give the container a terminal.")
  var tty = false

  @Option(
    name: [.customShort("e", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Set a variable; NAME alone takes the caller's value.", valueName: "NAME=VALUE"))
  var env: [String] = []

  @Option(
    name: .customLong("env-file"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Read variables from a file.", valueName: "FILE"))
  var envFile: [String] = []

  @Option(
    name: [.customShort("w", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("The working directory.", valueName: "DIR"))
  var workdir: String?

  @Option(
    name: [.customShort("u", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Who runs it: name or number, with a group if wanted.", valueName: "USER[:GROUP]"))
  var user: String?

  @Option(
    name: .customLong("group-add"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A further group.", valueName: "GROUP"))
  var groupAdd: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Run this instead of the image's entry point; \"\" runs the command alone.", valueName: "PROGRAM"))
  var entrypoint: String?

  @Flag(name: .customLong("init"), help: "Run a small init that reaps processes and passes signals on.")
  var usesInit = false

  @Option(
    parsing: .unconditionalSingleValue, help: ArgumentHelp("A resource limit.", valueName: "NAME=SOFT[:HARD]"))
  var ulimit: [String] = []

  @Option(
    name: .customLong("stop-signal"), parsing: .unconditional,
    help: ArgumentHelp("The signal that asks it to end.", valueName: "SIGNAL"))
  var stopSignal: String?

  @Option(
    name: .customLong("stop-timeout"), parsing: .unconditional,
    help: ArgumentHelp("How long it may take to end, before it is killed.", valueName: "SECONDS"))
  var stopTimeout: Int64?

  @Option(
    name: .customLong("oom-score-adj"), parsing: .unconditional,
    help: ArgumentHelp("Sooner (to 1000) or later (to -1000) killed when memory is short.", valueName: "NUMBER"))
  var oomScoreAdj: Int32?

  @Option(parsing: .unconditional, help: ArgumentHelp("The file mode mask, octal.", valueName: "MASK"))
  var umask: String?
}

/// What a container is called, and what is said of it.
struct NameOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: ArgumentHelp("The container's name.", valueName: "NAME"))
  var name: String?

  @Option(
    name: [.customShort("h", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Its host name.", valueName: "NAME"))
  var hostname: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Its NIS domain name.", valueName: "NAME"))
  var domainname: String?

  @Option(
    name: [.customShort("l", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A label.", valueName: "KEY=VALUE"))
  var label: [String] = []

  @Option(
    name: .customLong("label-file"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Read labels from a file.", valueName: "FILE"))
  var labelFile: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("An annotation for the runtime.", valueName: "KEY=VALUE"))
  var annotation: [String] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("Write the container's id to a new file.", valueName: "FILE"))
  var cidfile: String?
}

/// What a container sees.
struct SightOptions: ParsableArguments {
  @Option(
    name: [.customShort("v", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A directory of the host, or a volume by name.", valueName: "[SOURCE:]PATH[:OPTIONS]"))
  var volume: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("The same at length.", valueName: "type=…,source=…,target=…"))
  var mount: [String] = []

  @Option(
    parsing: .unconditionalSingleValue, help: ArgumentHelp("Memory as a file system.", valueName: "PATH[:OPTIONS]"))
  var tmpfs: [String] = []

  @Flag(name: .customLong("read-only"), help: "The root file system cannot be written.")
  var readOnly = false

  @Option(
    name: .customLong("shm-size"), parsing: .unconditional,
    help: ArgumentHelp("Size of /dev/shm (64m).", valueName: "BYTES"))
  var shmSize: String?

  @Option(
    parsing: .unconditionalSingleValue, help: ArgumentHelp("A device of the host.", valueName: "PATH[:PATH[:rwm]]"))
  var device: [String] = []

  @Option(
    name: .customLong("device-cgroup-rule"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Devices that may be used once their nodes are made.", valueName: "\"c 42:* rmw\""))
  var deviceRule: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("A directory or an ext4 image file in place of an image.", valueName: "DIR|FILE"))
  var rootfs: String?
}

/// Which namespaces are new, the host's, or another container's.
struct NamespaceOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: ArgumentHelp("Processes.", valueName: "host|private|container:NAME"))
  var pid: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Shared memory and queues.", valueName: "host|private|container:NAME"))
  var ipc: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Host name.", valueName: "host|private|container:NAME"))
  var uts: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Control groups.", valueName: "host|private"))
  var cgroupns: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "User ids: the same, a range of its own, or a given map.", valueName: "host|auto|map:INSIDE:OUTSIDE:COUNT"))
  var userns: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Map user ids (and group ids, without --gidmap).", valueName: "INSIDE:OUTSIDE:COUNT"))
  var uidmap: [String] = []

  @Option(
    parsing: .unconditionalSingleValue, help: ArgumentHelp("Map group ids.", valueName: "INSIDE:OUTSIDE:COUNT"))
  var gidmap: [String] = []
}

/// How a container reaches others.
struct NetworkOptions: ParsableArguments {
  @Option(
    name: [.customLong("network"), .customLong("net")], parsing: .unconditional,
    help: ArgumentHelp("Its network (bridge).", valueName: "bridge|host|none|container:NAME"))
  var network: String?

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("A server of names.", valueName: "ADDRESS"))
  var dns: [String] = []

  @Option(
    name: .customLong("dns-search"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A domain to look short names up in.", valueName: "DOMAIN"))
  var dnsSearch: [String] = []

  @Option(
    name: [.customLong("dns-option"), .customLong("dns-opt")], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("An option of the resolver.", valueName: "OPTION"))
  var dnsOption: [String] = []

  @Option(
    name: .customLong("add-host"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A line of /etc/hosts.", valueName: "NAME:ADDRESS"))
  var addHost: [String] = []
}

/// What a container may do.
struct RightsOptions: ParsableArguments {
  @Option(
    name: .customLong("cap-add"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Add a capability, or ALL.", valueName: "NAME"))
  var capAdd: [String] = []

  @Option(
    name: .customLong("cap-drop"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Drop a capability, or ALL.", valueName: "NAME"))
  var capDrop: [String] = []

  @Flag(help: "Give it every right and device that the caller has.")
  var privileged = false

  @Option(
    name: .customLong("security-opt"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "no-new-privileges, seccomp=unconfined|FILE, apparmor=…, systempaths=unconfined.", valueName: "OPTION"))
  var securityOpt: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A setting of the kernel, in a namespace of its own.", valueName: "NAME=VALUE"))
  var sysctl: [String] = []
}

/// How much a container may use.
struct LimitOptions: ParsableArguments {
  @Option(
    name: [.customShort("m", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Memory: 500m, 1.5g.", valueName: "BYTES"))
  var memory: String?

  @Option(
    name: .customLong("memory-swap"), parsing: .unconditional,
    help: ArgumentHelp("Memory and swap together; -1 for no limit.", valueName: "BYTES"))
  var memorySwap: String?

  @Option(
    name: .customLong("memory-reservation"), parsing: .unconditional,
    help: ArgumentHelp("What it is left when memory is short.", valueName: "BYTES"))
  var memoryReservation: String?

  @Option(
    name: .customLong("memory-swappiness"), parsing: .unconditional,
    help: ArgumentHelp("How readily it is swapped, 0 to 100.", valueName: "NUMBER"))
  var memorySwappiness: Int64?

  @Flag(name: .customLong("oom-kill-disable"), help: "Freeze it instead of killing when its memory is used up.")
  var oomKillDisable = false

  @Option(parsing: .unconditional, help: ArgumentHelp("CPUs: 0.5, 2.", valueName: "NUMBER"))
  var cpus: String?

  @Option(
    name: [.customShort("c", allowingJoined: true), .customLong("cpu-shares")], parsing: .unconditional,
    help: ArgumentHelp("Its weight among others (1024).", valueName: "NUMBER"))
  var cpuShares: UInt64?

  @Option(
    name: .customLong("cpu-period"), parsing: .unconditional,
    help: ArgumentHelp("The period of the quota.", valueName: "MICROSECONDS"))
  var cpuPeriod: UInt64?

  @Option(
    name: .customLong("cpu-quota"), parsing: .unconditional,
    help: ArgumentHelp("CPU time in each period.", valueName: "MICROSECONDS"))
  var cpuQuota: Int64?

  @Option(
    name: .customLong("cpuset-cpus"), parsing: .unconditional,
    help: ArgumentHelp("The CPUs it runs on: 0-2,5.", valueName: "LIST"))
  var cpusetCpus: String?

  @Option(
    name: .customLong("cpuset-mems"), parsing: .unconditional,
    help: ArgumentHelp("The memory nodes it uses.", valueName: "LIST"))
  var cpusetMems: String?

  @Option(
    name: .customLong("pids-limit"), parsing: .unconditional,
    help: ArgumentHelp("Processes and threads (2048); -1 for no limit.", valueName: "NUMBER"))
  var pidsLimit: Int64?

  @Option(
    name: .customLong("blkio-weight"), parsing: .unconditional,
    help: ArgumentHelp("Its weight at block devices, 10 to 1000.", valueName: "NUMBER"))
  var blkioWeight: UInt16?

  @Option(
    name: .customLong("blkio-weight-device"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("The same for one device.", valueName: "PATH:WEIGHT"))
  var blkioWeightDevice: [String] = []

  @Option(
    name: .customLong("device-read-bps"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Bytes read a second.", valueName: "PATH:BYTES"))
  var deviceReadBps: [String] = []

  @Option(
    name: .customLong("device-write-bps"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Bytes written a second.", valueName: "PATH:BYTES"))
  var deviceWriteBps: [String] = []

  @Option(
    name: .customLong("device-read-iops"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Reads a second.", valueName: "PATH:NUMBER"))
  var deviceReadIops: [String] = []

  @Option(
    name: .customLong("device-write-iops"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Writes a second.", valueName: "PATH:NUMBER"))
  var deviceWriteIops: [String] = []

  @Option(
    name: .customLong("cgroup-parent"), parsing: .unconditional,
    help: ArgumentHelp("The control group that its own is made in (/skiff).", valueName: "PATH"))
  var cgroupParent: String?
}

/// Everything that a container is made from.
struct ContainerOptions: ParsableArguments {
  @OptionGroup(title: "The process") var process: ProcessOptions
  @OptionGroup(title: "Names") var names: NameOptions
  @OptionGroup(title: "What it sees") var sight: SightOptions
  @OptionGroup(title: "Namespaces") var namespaces: NamespaceOptions
  @OptionGroup(title: "Network") var network: NetworkOptions
  @OptionGroup(title: "Rights") var rights: RightsOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup(title: "Image and log") var image: ImageOptions
}

/// Which image, and where the output is kept.
struct ImageOptions: ParsableArguments {
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Fetch the image: missing, always or never.", valueName: "WHEN"))
  var pull = "missing"

  @Option(parsing: .unconditional, help: ArgumentHelp("The platform of the image.", valueName: "OS/ARCH"))
  var platform: String?

  @Option(
    name: .customLong("log-driver"), parsing: .unconditional,
    help: ArgumentHelp("Where output is kept.", valueName: "json-file|none"))
  var logDriver = "json-file"

  @Flag(name: .customLong("rm"), help: "Remove the container when it has ended.")
  var removes = false
}
