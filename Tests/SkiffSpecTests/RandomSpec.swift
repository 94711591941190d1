import SkiffSpec

/// Makes configurations at random: every member that the models have is sometimes set. They need not make sense.
struct RandomSpec {
  private var generator: SeededGenerator

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
  }

  private mutating func maybe<T>(_ make: (inout RandomSpec) -> T) -> T? {
    Bool.random(using: &generator) ? make(&self) : nil
  }

  private mutating func many<T>(_ make: (inout RandomSpec) -> T) -> [T] {
    (0..<Int.random(in: 0...3, using: &generator)).map { _ in make(&self) }
  }

  private mutating func text() -> String {
    let alphabet = Array("ab/_.-=:09 \"\\\n\t\u{1}é€😀\u{7F}\u{212A}")
    return String(
      (0..<Int.random(in: 0...20, using: &generator)).map { _ in generator.pick(alphabet) })
  }

  private mutating func texts() -> [String] { many { $0.text() } }

  private mutating func map<T>(_ make: (inout RandomSpec) -> T) -> [String: T] {
    Dictionary(many { ($0.text(), make(&$0)) }) { first, _ in first }
  }

  /// The ends of the range more often than chance has it.
  private mutating func number<T: FixedWidthInteger>() -> T {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: T.min
    case 1: T.max
    case 2: T.random(in: 0...100, using: &generator)
    default: T.random(in: T.min...T.max, using: &generator)
    }
  }

  private mutating func flag() -> Bool { Bool.random(using: &generator) }

  mutating func spec() -> RuntimeSpec {
    var spec = RuntimeSpec()
    spec.version = text()
    spec.root = maybe { RuntimeSpec.Root(path: $0.text(), isReadOnly: $0.flag()) }
    spec.hostname = maybe { $0.text() }
    spec.domainname = maybe { $0.text() }
    spec.process = maybe { $0.process() }
    spec.mounts = many { random in
      var mount = RuntimeSpec.Mount(destination: random.text(), options: random.texts())
      mount.type = random.maybe { $0.text() }
      mount.source = random.maybe { $0.text() }
      mount.uidMappings = random.mappings()
      mount.gidMappings = random.mappings()
      return mount
    }
    spec.hooks.prestart = hooks()
    spec.hooks.createRuntime = hooks()
    spec.hooks.createContainer = hooks()
    spec.hooks.startContainer = hooks()
    spec.hooks.poststart = hooks()
    spec.hooks.poststop = hooks()
    spec.annotations = map { $0.text() }
    spec.linux = linux()
    return spec
  }

  private mutating func mappings() -> [RuntimeSpec.IDMapping] {
    many { RuntimeSpec.IDMapping(containerID: $0.number(), hostID: $0.number(), size: $0.number()) }
  }

  private mutating func hooks() -> [RuntimeSpec.Hook] {
    many { random in
      var hook = RuntimeSpec.Hook()
      hook.path = random.text()
      hook.arguments = random.texts()
      hook.environment = random.texts()
      hook.timeoutSeconds = random.maybe { $0.number() }
      return hook
    }
  }

  mutating func process() -> RuntimeSpec.Process {
    var process = RuntimeSpec.Process()
    process.terminal = flag()
    process.consoleSize = maybe { RuntimeSpec.ConsoleSize(height: $0.number(), width: $0.number()) }
    process.user.userID = number()
    process.user.groupID = number()
    process.user.umask = maybe { $0.number() }
    process.user.additionalGroupIDs = many { $0.number() }
    process.arguments = texts()
    process.environment = texts()
    process.workingDirectory = text()
    process.capabilities = maybe { random in
      var capabilities = RuntimeSpec.Capabilities()
      capabilities.bounding = random.texts()
      capabilities.effective = random.texts()
      capabilities.inheritable = random.texts()
      capabilities.permitted = random.texts()
      capabilities.ambient = random.texts()
      return capabilities
    }
    process.rlimits = many { RuntimeSpec.ResourceLimit(type: $0.text(), soft: $0.number(), hard: $0.number()) }
    process.noNewPrivileges = flag()
    process.apparmorProfile = maybe { $0.text() }
    process.selinuxLabel = maybe { $0.text() }
    process.oomScoreAdjustment = maybe { $0.number() }
    process.scheduler = maybe { random in
      var scheduler = RuntimeSpec.Scheduler()
      scheduler.policy = random.text()
      scheduler.nice = random.maybe { $0.number() }
      scheduler.priority = random.maybe { $0.number() }
      scheduler.flags = random.texts()
      scheduler.runtime = random.maybe { $0.number() }
      scheduler.deadline = random.maybe { $0.number() }
      scheduler.period = random.maybe { $0.number() }
      return scheduler
    }
    process.ioPriority = maybe { random in
      var priority = RuntimeSpec.IOPriority()
      priority.class = random.text()
      priority.priority = random.number()
      return priority
    }
    process.execCPUAffinity = maybe { random in
      var affinity = RuntimeSpec.ExecCPUAffinity()
      affinity.initial = random.maybe { $0.text() }
      affinity.final = random.maybe { $0.text() }
      return affinity
    }
    return process
  }

  private mutating func linux() -> RuntimeSpec.Linux {
    var linux = RuntimeSpec.Linux()
    linux.namespaces = many { random in
      let type = random.generator.pick(RuntimeSpec.NamespaceType.allCases)
      return RuntimeSpec.Namespace(type: type, path: random.maybe { "/" + $0.text() })
    }
    linux.uidMappings = mappings()
    linux.gidMappings = mappings()
    linux.timeOffsets = map { random in
      var offset = RuntimeSpec.TimeOffset()
      offset.seconds = random.number()
      offset.nanoseconds = random.number()
      return offset
    }
    linux.devices = many { random in
      var device = RuntimeSpec.Device()
      device.type = random.text()
      device.path = random.text()
      device.major = random.number()
      device.minor = random.number()
      device.fileMode = random.maybe { $0.number() }
      device.userID = random.maybe { $0.number() }
      device.groupID = random.maybe { $0.number() }
      return device
    }
    linux.netDevices = map { random in
      var device = RuntimeSpec.NetDevice()
      device.name = random.maybe { $0.text() }
      return device
    }
    linux.cgroupsPath = maybe { $0.text() }
    linux.resources = maybe { $0.resources() }
    linux.intelRdt = maybe { random in
      var rdt = RuntimeSpec.IntelRdt()
      rdt.closID = random.maybe { $0.text() }
      rdt.schemata = random.texts()
      rdt.l3CacheSchema = random.maybe { $0.text() }
      rdt.memBwSchema = random.maybe { $0.text() }
      rdt.enableMonitoring = random.flag()
      return rdt
    }
    linux.sysctl = map { $0.text() }
    linux.seccomp = maybe { $0.seccomp() }
    linux.rootfsPropagation = maybe { $0.text() }
    linux.maskedPaths = texts()
    linux.readonlyPaths = texts()
    linux.mountLabel = maybe { $0.text() }
    linux.personality = maybe { random in
      var personality = RuntimeSpec.Personality()
      personality.domain = random.text()
      personality.flags = random.texts()
      return personality
    }
    linux.memoryPolicy = maybe { random in
      var policy = RuntimeSpec.MemoryPolicy()
      policy.mode = random.text()
      policy.nodes = random.text()
      policy.flags = random.texts()
      return policy
    }
    return linux
  }

  private mutating func seccomp() -> RuntimeSpec.Seccomp {
    var seccomp = RuntimeSpec.Seccomp()
    seccomp.defaultAction = text()
    seccomp.defaultErrnoRet = maybe { $0.number() }
    seccomp.architectures = texts()
    seccomp.flags = texts()
    seccomp.listenerPath = maybe { $0.text() }
    seccomp.listenerMetadata = maybe { $0.text() }
    seccomp.rules = many { random in
      var rule = RuntimeSpec.SeccompRule()
      rule.names = random.texts()
      rule.action = random.text()
      rule.errnoRet = random.maybe { $0.number() }
      rule.conditions = random.many { random in
        var condition = RuntimeSpec.SeccompCondition()
        condition.index = random.number()
        condition.value = random.number()
        condition.valueTwo = random.number()
        condition.op = random.text()
        return condition
      }
      return rule
    }
    return seccomp
  }

  mutating func resources() -> RuntimeSpec.Resources {
    var resources = RuntimeSpec.Resources()
    resources.devices = many { random in
      var rule = RuntimeSpec.DeviceRule()
      rule.allow = random.flag()
      rule.type = random.maybe { $0.text() }
      rule.major = random.maybe { $0.number() }
      rule.minor = random.maybe { $0.number() }
      rule.access = random.maybe { $0.text() }
      return rule
    }
    resources.memory = maybe { random in
      var memory = RuntimeSpec.Memory()
      memory.limit = random.maybe { $0.number() }
      memory.reservation = random.maybe { $0.number() }
      memory.swap = random.maybe { $0.number() }
      memory.kernel = random.maybe { $0.number() }
      memory.kernelTCP = random.maybe { $0.number() }
      memory.swappiness = random.maybe { $0.number() }
      memory.disableOOMKiller = random.maybe { $0.flag() }
      memory.useHierarchy = random.maybe { $0.flag() }
      memory.checkBeforeUpdate = random.maybe { $0.flag() }
      return memory
    }
    resources.cpu = maybe { random in
      var cpu = RuntimeSpec.CPU()
      cpu.shares = random.maybe { $0.number() }
      cpu.quota = random.maybe { $0.number() }
      cpu.burst = random.maybe { $0.number() }
      cpu.period = random.maybe { $0.number() }
      cpu.realtimeRuntime = random.maybe { $0.number() }
      cpu.realtimePeriod = random.maybe { $0.number() }
      cpu.cpus = random.maybe { $0.text() }
      cpu.mems = random.maybe { $0.text() }
      cpu.idle = random.maybe { $0.number() }
      return cpu
    }
    resources.pids = maybe { random in
      var pids = RuntimeSpec.Pids()
      pids.limit = random.maybe { $0.number() }
      return pids
    }
    resources.blockIO = maybe { $0.blockIO() }
    resources.hugepageLimits = many { random in
      var limit = RuntimeSpec.HugepageLimit()
      limit.pageSize = random.text()
      limit.limit = random.number()
      return limit
    }
    resources.network = maybe { random in
      var network = RuntimeSpec.NetworkClass()
      network.classID = random.maybe { $0.number() }
      network.priorities = random.many { random in
        var priority = RuntimeSpec.InterfacePriority()
        priority.name = random.text()
        priority.priority = random.number()
        return priority
      }
      return network
    }
    resources.rdma = map { random in
      var limit = RuntimeSpec.RdmaLimit()
      limit.hcaHandles = random.maybe { $0.number() }
      limit.hcaObjects = random.maybe { $0.number() }
      return limit
    }
    resources.unified = map { $0.text() }
    return resources
  }

  private mutating func blockIO() -> RuntimeSpec.BlockIO {
    var blockIO = RuntimeSpec.BlockIO()
    blockIO.weight = maybe { $0.number() }
    blockIO.leafWeight = maybe { $0.number() }
    blockIO.weightDevice = many { random in
      var device = RuntimeSpec.WeightDevice()
      device.major = random.number()
      device.minor = random.number()
      device.weight = random.maybe { $0.number() }
      device.leafWeight = random.maybe { $0.number() }
      return device
    }
    blockIO.throttleReadBpsDevice = throttles()
    blockIO.throttleWriteBpsDevice = throttles()
    blockIO.throttleReadIOPSDevice = throttles()
    blockIO.throttleWriteIOPSDevice = throttles()
    return blockIO
  }

  private mutating func throttles() -> [RuntimeSpec.ThrottleDevice] {
    many { random in
      var device = RuntimeSpec.ThrottleDevice()
      device.major = random.number()
      device.minor = random.number()
      device.rate = random.number()
      return device
    }
  }
}
