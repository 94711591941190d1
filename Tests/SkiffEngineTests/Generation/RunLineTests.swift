import SkiffEngine
import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct RunLineTests {
  /// A request in which nothing stands at its default.
  private static func everything() throws -> RunRequest {
    var request = RunRequest()
    request.image = "busybox"
    request.rootfs = "/srv/tree"
    request.command = ["echo", "aye"]
    request.entrypoint = ["sh"]
    request.name = "web"
    request.platform = "linux/arm64"
    request.environment = ["A=b"]
    request.workingDirectory = "/tmp"
    request.user = "5:6"
    request.additionalGroups = ["7"]
    request.umask = 0o27
    request.isInteractive = true
    request.hasTerminal = true
    request.usesInit = true
    request.stopSignal = "USR1"
    request.stopTimeoutSeconds = 3
    request.timeLimitSeconds = 60
    request.oomScoreAdjustment = 50
    request.resourceLimits = [try ResourceLimitRequest(parsing: "nofile=100:200")]
    request.usesCallersLimits = true
    request.timeZone = "Europe/Berlin"
    request.pidFile = "/run/web.pid"
    request.hostname = "vessel"
    request.domainname = "sea"
    request.labels = ["a": "b"]
    request.annotations = ["c": "d"]
    request.removesItself = true
    request.restart = try .init(parsing: "on-failure:2")
    request.logDriver = .local
    request.logOptions = ["max-size": "1m"]
    request.isReadOnly = true
    request.hasWritableTemporaries = true
    request.mounts = [try MountRequest(parsingTmpfs: "/scratch")]
    request.volumesFrom = [try VolumesFromRequest(parsing: "other:ro")]
    request.shmSizeBytes = 1 << 20
    request.devices = [try DeviceRequest(parsing: "/dev/null:/dev/nothing:r")]
    request.deviceRules = [try DeviceRuleRequest(parsing: "c 42:* rmw")]
    request.cdiDevices = [CDIDeviceName(kind: "vendor.com/net", device: "one")]
    request.secrets = [try SecretRequest(parsing: "key,target=/run/key")]
    request.notification = .conmon
    request.health.test = ["CMD-SHELL", "test -e /run/up"]
    request.health.interval = 1_000_000_000
    request.health.timeout = 2_000_000_000
    request.health.startPeriod = 3_000_000_000
    request.health.startInterval = 4_000_000_000
    request.health.retries = 5
    request.health.action = .kill
    request.health.startupTest = ["CMD", "look", "around"]
    request.health.startupInterval = 6_000_000_000
    request.health.startupTimeout = 7_000_000_000
    request.health.startupRetries = 8
    request.health.startupSuccesses = 9
    request.health.logDirectory = "/var/log/health"
    request.health.logCount = 10
    request.health.logBytes = 0
    request.sysctls = ["net.ipv4.ip_forward": "1"]
    request.landlockRules = ["ro=/usr"]
    request.pidNamespace = .host
    request.ipcNamespace = .host
    request.utsNamespace = .host
    request.cgroupNamespace = .host
    request.userNamespace = .automatic
    request.network = .none
    request.address = "10.87.0.9"
    request.macAddress = "02:42:0a:57:00:09"
    request.publishedPorts = [try PortRequest(parsing: "8080:80")]
    request.publishesAllPorts = true
    request.exposedPorts = try ExposedPort.parse("90/udp")
    request.dnsServers = ["10.0.0.1"]
    request.dnsSearch = ["sea"]
    request.dnsOptions = ["ndots:2"]
    request.leavesHosts = true
    request.extraHosts = ["buoy:10.0.0.2"]
    request.addedCapabilities = ["SYS_TIME"]
    request.droppedCapabilities = ["CHOWN"]
    request.isPrivileged = true
    request.security.noNewPrivileges = true
    request.security.seccomp = "unconfined"
    request.security.apparmor = "unconfined"
    request.security.systemPathsAreUnconfined = true
    request.resources = limits
    request.cgroupParent = "/harbour"
    request.showsOwnResources = true
    return request
  }

  private static var limits: ResourceRequest {
    var limits = ResourceRequest()
    limits.memoryBytes = 1 << 27
    limits.memorySwapBytes = -1
    limits.memoryReservationBytes = 1 << 26
    limits.memorySwappiness = 10
    limits.oomKillIsDisabled = true
    limits.nanoCPUs = 250_000_000
    limits.cpuShares = 512
    limits.cpuPeriod = 50_000
    limits.cpuQuota = 25_000
    limits.cpuRealtimePeriod = 1_000_000
    limits.cpuRealtimeRuntime = 950_000
    limits.cpusetCPUs = "0"
    limits.cpusetMemoryNodes = "0"
    limits.pidsLimit = -1
    limits.blockIOWeight = 100
    limits.cgroupSettings = ["memory.high": "1048576"]
    let amount = [DeviceAmount(path: "/dev/sda", amount: 1000)]
    limits.blockIOWeightDevices = amount
    limits.readBytesPerSecond = amount
    limits.writeBytesPerSecond = amount
    limits.readOperationsPerSecond = amount
    limits.writeOperationsPerSecond = amount
    return limits
  }

  /// The names of a value's stored properties.
  private static func properties(_ value: Any) -> [String] { Mirror(reflecting: value).children.compactMap(\.label) }

  /// What the store keeps of a request.
  private static func document(_ request: RunRequest) throws -> JSONValue {
    var record = ContainerRecord()
    record.request = request
    return try #require(try JSONValue.parse(record.serialized())["request"])
  }

  /// The line of a request of which one thing alone was said.
  private static func line(of part: JSONValue) throws -> [String] {
    let record: JSONValue = ["request": part]
    return try RunLine.words(try #require(ContainerRecord.parse(record.serialized())).request)
  }

  @Test func `everything that can be asked for is in the line`() throws {
    let all = try Self.everything()
    let document = try Self.document(all)
    let plain = try RunLine.words(RunRequest())

    // A new property of the request needs a value above, a field in its record, and words in the line.
    let properties = Self.properties(all)
    #expect(properties.count > 50)
    for property in properties {
      let value = try #require(document[property], "\(property) has no value here, or is not kept")
      #expect(try Self.line(of: .object(JSONObject([(property, value)]))) != plain, "\(property) is not in the line")
    }
    for (group, properties) in [
      ("security", Self.properties(all.security)), ("resources", Self.properties(all.resources)),
    ] {
      #expect(properties.count > 3)
      for property in properties {
        let value = try #require(document[group]?[property], "\(group).\(property) has no value here, or is not kept")
        let part = JSONValue.object(JSONObject([(group, .object(JSONObject([(property, value)])))]))
        #expect(try Self.line(of: part) != plain, "\(group).\(property) is not in the line")
      }
    }
  }

  private static let idMap = "idmap=uids=0-1000-10#20-2000-10;gids=0-1000-10"

  private static func mounts() throws -> [MountRequest] {
    let volumes = [
      "/own", "./here:/there", "/a:/b:ro,rshared,bind,U,noexec,z", "/a:/b:O", "/a,b:/c,d:\(idMap)",
      "chest:/chest", "chest:/chest:ro,nocopy,bind,U,nodev,idmap", "chest:/over:O",
    ]
    let long = [
      "type=bind,source=/a,target=/b", "type=bind,source=/a:b,target=/c:d,readonly,bind-propagation=slave",
      "type=bind,source=/a,target=/b,ro,bind-recursive=writable,U", "\"type=bind\",\"source=/a,b\",target=/c",
      "type=bind,source=/a,target=/b,bind-nonrecursive,\(idMap)", "type=volume,target=/own,volume-label=a=b",
      "source=chest,target=/chest,volume-nocopy,ro,U,idmap,volume-opt=type=tmpfs,volume-opt=o=size=1m,volume-opt=bare",
      "source=chest,target=/a:b", "type=tmpfs,target=/a,tmpfs-size=1m,tmpfs-mode=1777,ro",
      "type=tmpfs,target=/a:b,tmpfs-size=1m,tmpfs-mode=700", "type=image,source=busybox,target=/image",
      "type=image,source=busybox,target=/image,rw", "type=ramfs,target=/ram,mode=750,ro",
      "type=devpts,target=/terminals,uid=1,gid=5,mode=620,max=9", "type=tmpfs,target=/a:b,tmpcopyup",
      "type=volume,source=chest,target=/part,volume-subpath=a/b",
    ]
    let memory = ["/scratch", "/scratch:tmpcopyup", "/scratch:ro,size=1m,noexec,rprivate"]
    return try volumes.map { try MountRequest(parsingVolume: $0, workingDirectory: "/home") }
      + long.map { try MountRequest(parsingMount: $0, workingDirectory: "/home") }
      + memory.map { try MountRequest(parsingTmpfs: $0) }
  }

  /// Reads the option that stands first in the line of a request with this mount.
  private static func written(_ mount: MountRequest) throws -> MountRequest {
    var request = RunRequest()
    request.mounts = [mount]
    let words = try RunLine.words(request)
    try #require(words.count == 3, "\(words)")
    switch words[0] {
    case "--volume": return try MountRequest(parsingVolume: words[1], workingDirectory: "/elsewhere")
    case "--mount": return try MountRequest(parsingMount: words[1], workingDirectory: "/elsewhere")
    default: return try MountRequest(parsingTmpfs: words[1])
    }
  }

  @Test func `a mount's option is read as the mount it was written for`() throws {
    let mounts = try Self.mounts()
    for mount in mounts { #expect(try Self.written(mount) == mount) }

    // A new property of mounts needs a mount above that has it.
    let plain = Mirror(reflecting: MountRequest(source: .tmpfs, destination: "")).children.map { "\($0.value)" }
    for (index, property) in Self.properties(mounts[0]).enumerated() {
      let values = mounts.map { Array(Mirror(reflecting: $0).children.map { "\($0.value)" })[index] }
      #expect(values.contains { $0 != plain[index] }, "no mount here has \(property)")
    }
  }

  @Test func `a mount that no option can say is refused by its name`() throws {
    let mounts = [
      try MountRequest(parsingVolume: "./here:/there:O", workingDirectory: "/a:b"),
      try MountRequest(parsingVolume: "./here:/there", workingDirectory: "/a:\"b"),
    ]
    for mount in mounts {
      let error = try #require(throws: EngineError.self) { try Self.written(mount) }
      #expect("\(error)".contains("cannot write the mount at /there as an option"))
    }
  }

  @Test func `a command beside a root file system is not taken for options`() throws {
    var request = RunRequest()
    request.rootfs = "/srv/tree"
    request.command = ["-sh"]

    #expect(try RunLine.words(request) == ["--rootfs", "/srv/tree", "--", "-sh"])
    #expect(RunLine.quoted(["a b", "", "it's", "$x", "k=v"]) == "'a b' '' 'it'\\''s' '$x' k=v")
  }
}
