import SkiffImages
import SkiffKernel
import SkiffNetworks
import SkiffSpec

/// When an image is fetched from its registry.
public enum PullPolicy: String, Equatable, Sendable, CaseIterable {
  case missing
  case always
  /// As always; where the registry cannot be reached, what is there will do.
  case newer
  case never
}

/// A container that was made and not started yet.
public struct CreatedContainer: Equatable, Sendable {
  public var id: String
  public var name: String
  /// What a person should know although it went well.
  public var warnings: [String] = []
}

extension Engine {
  /// Makes a container: its writable tree, its volumes, its files and its specification. Whatever fails, nothing is left.
  public func create(_ request: RunRequest, pull: PullPolicy = .missing) throws(EngineError) -> CreatedContainer {
    var warnings: [String] = []
    try salvage { warnings.append($0) }
    let lifeline = try lifelines.hold(try ContainerIdentity.makeID())
    let id = lifeline.id
    do throws(EngineError) {
      var creation = try ContainerCreation(engine: self, request: request, pull: pull, lifeline: lifeline)
      var created = try creation.perform()
      try lifelines.remove(id)
      created.warnings = warnings + created.warnings
      return created
    } catch {
      letGo(id)
      throw error
    }
  }
}

/// The making of one container.
struct ContainerCreation: ~Copyable {
  private let engine: Engine
  private let request: RunRequest
  private let image: ResolvedImage?
  /// Keeps the image from being swept until the container's record refers to it.
  private let hold: StoreHold?
  let lifeline: Lifeline
  let directory: ContainerDirectory
  private var record = ContainerRecord()
  private var warnings: [String] = []
  var consoleSize: RuntimeSpec.ConsoleSize?
  /// Whether the container is made to be started at once. Then one that removes itself at its end is intended to start from before it
  /// exists, and at no moment is one that is waiting to be started.
  var startsAtOnce = false
  var intendsStart: Bool { startsAtOnce && request.removesItself }
  /// Keeps the volumes from being removed until the record says that the container uses them.
  private var heldVolumes: [VolumeHold] = []
  /// What was done, where that was asked for.
  private(set) var log: StorageLog
  /// The record of the container, once it exists.
  var finished: ContainerRecord { record }

  /// Finds the image, fetching it where the policy says so, and makes the container's directory.
  init(
    engine: Engine, request: RunRequest, pull: PullPolicy, lifeline: consuming Lifeline, explains: Bool = false
  ) throws(EngineError) {
    try LogOption.check(request)
    // One that is not there is told of before anything is made.
    let request = try engine.withSecretsByName(request)
    var log = StorageLog(isKept: explains)
    var image: ResolvedImage?
    var began = log.now()
    let hold: StoreHold?
    if request.rootfs == nil {
      let found = try engine.resolveImage(request.image, platform: request.platform, pull: pull)
      log.found(found, since: began)
      hold = try found.hold()
      image = found
    } else {
      hold = nil
    }
    began = log.now()
    let directory = try engine.containers.make(lifeline.id)
    log.madeDirectory(directory.path, since: began)
    self.engine = engine
    self.request = request
    self.image = image
    self.hold = hold
    self.lifeline = lifeline
    self.directory = directory
    self.log = log
  }

  /// Removes a container that was made and is not wanted after all.
  func discard() {
    do throws(EngineError) {
      try engine.remove(directory, record, withVolumes: true)
    } catch {
      // The error that led here tells more; the next command tries again.
    }
  }

  /// Lets go of the container, but not of its lifeline: others may stop and remove it from here on.
  consuming func release() -> Lifeline { lifeline }

  mutating func perform() throws(EngineError) -> CreatedContainer {
    do throws(EngineError) {
      try make()
    } catch {
      heldVolumes = []
      engine.discardDraft(directory)
      throw error
    }
    engine.announce("create", record)
    return CreatedContainer(id: directory.id, name: record.name, warnings: warnings)
  }

  private mutating func make() throws(EngineError) {
    record.id = directory.id
    record.created = "\(Timestamp.now())"
    record.request = try engine.withOwnersByID(request)
    record.imageID = image?.id ?? ""
    record.layers = image?.chainIDs.map(\.text) ?? []
    record.imageName = request.rootfs ?? request.image
    var began = log.now()
    record.name = try engine.containers.takeName(request.name, for: directory.id)
    log.tookName(record.name, id: directory.id, root: engine.configuration.root, since: began)
    let image = image?.defaults ?? ImageDefaults()
    began = log.now()
    record.rootfs = try makeRootfs()
    log.madeRootfs(record.rootfs, driver: self.image?.layers.driver, since: began)
    var composition = Composition(
      containerID: directory.id, rootPath: try makeMountPoint(record.rootfs), request: try expandDevices(),
      user: ResolvedUser(userID: 0, groupID: 0, additionalGroupIDs: [0]))
    composition.image = image
    composition.consoleSize = consoleSize
    composition.imageRaisesRights = try self.image?.raisesRights()
    composition.host = try HostFacts.read()
    try resolveMounts(&composition)
    composition.user = try resolveUser(image)
    try mapIDs(&composition)
    try giveMounts(composition)
    composition.deviceNodes = try deviceNodes(composition.request)
    if request.isPrivileged { composition.hostDevices = try HostDevices.all() }
    composition.seccomp = try systemCallFilter(composition)
    composition.joinedNamespaces = JoinedNamespaces.placeholders(request)
    try makeFiles(&composition)
    began = log.now()
    var spec = try SpecComposer(composition).compose()
    if !request.landlockRules.isEmpty {
      let rules = try LandlockOption.annotation(request.landlockRules)
      spec.annotations[rules.key] = rules.value
    }
    if !request.cdiDevices.isEmpty { spec = try CDIApplication.apply(request.cdiDevices, to: spec, of: request) }
    try keep(spec, composition)
    heldVolumes = []
    log.wroteSpecification("\(directory.path)/config.json", since: began)
  }

  // MARK: Storage

  private func makeRootfs() throws(EngineError) -> RootfsRecord {
    if let path = request.rootfs { return try ownRootfs(path) }
    guard let image else { throw .report("the container has neither an image nor a root file system") }
    do throws(ImageStoreError) {
      switch try ContainerTree(layers: image.layers, containerDirectory: self.directory.path)
        .prepare(chainIDs: image.chainIDs)
      {
      case .directory(let path): return .directory(path: path)
      case .overlay(let lower, let upper, let work): return .overlay(lower: lower, upper: upper, work: work)
      }
    } catch {
      throw EngineError(error)
    }
  }

  /// Where the root file system is mounted: over a directory of its own, so that none need be made.
  private func makeMountPoint(_ rootfs: RootfsRecord) throws(EngineError) -> String {
    if let mountPoint = rootfs.mountPoint { return mountPoint }
    let directory = directory.descriptor
    let path = self.directory.path + "/rootfs"
    try naming("make", path) { () throws(Errno) in
      try directory.makeDirectory(ContainerDirectory.File.rootfs, mode: 0o755)
    }
    return path
  }

  /// A root file system of the caller's: a directory, or a file that holds one.
  private func ownRootfs(_ text: String) throws(EngineError) -> RootfsRecord {
    let path = text.hasPrefix("/") ? text : try EngineConfiguration.workingDirectoryPath() + "/" + text
    let cleaned = SpecComposer.cleaned(path)
    let status = try naming("use", "the root file system \(cleaned)") { () throws(Errno) in
      try Descriptor.workingDirectory.status(try KernelPath(cleaned), follow: true)
    }
    switch status.type {
    case .directory: return .directory(path: cleaned)
    case .regular: return .image(file: cleaned, type: "ext4")
    default:
      throw .refused(
        "cannot use \(cleaned) as the root file system: it is neither a directory nor an image file")
    }
  }

  private mutating func resolveMounts(_ composition: inout Composition) throws(EngineError) {
    var asking = composition.request
    if !asking.volumesFrom.isEmpty { asking.mounts += try engine.mountsTakenOver(asking, into: directory.id) }
    let wanted = try SpecComposer.wantedMounts(asking, composition.image)
    guard !wanted.isEmpty else { return }
    var resolver = MountResolver(
      engine: engine, containerID: directory.id, containerPath: directory.path,
      volumes: try VolumeStore(root: engine.configuration.root), rootfs: record.rootfs)
    for mount in wanted { record.mounts.append(try resolver.resolve(mount)) }
    record.mountedLayers = resolver.mountedLayers
    heldVolumes = resolver.held
    composition.mounts = record.mounts.map {
      ResolvedMount(request: $0.request, hostPath: $0.hostPath, overlay: $0.overlay, fileSystem: $0.fileSystem)
    }
  }

  /// Gives the sources of the mounts that want it to the container's user.
  private func giveMounts(_ composition: Composition) throws(EngineError) {
    for mount in composition.mounts where mount.request.changesOwner {
      // Of an overlay only the top: what shows through stays as it is.
      guard let path = mount.overlay?.upper ?? mount.hostPath else { continue }
      try MountOwnership.give(path, to: composition)
    }
  }

  // MARK: Identity

  private func resolveUser(_ image: ImageDefaults) throws(EngineError) -> ResolvedUser {
    let reader = RootfsReader(record.rootfs)
    let limit = UserDatabase.fileLimitBytes
    let database = UserDatabase(
      passwd: try reader.file(["etc", "passwd"], limitBytes: limit) ?? [],
      group: try reader.file(["etc", "group"], limitBytes: limit) ?? [])
    return try database.resolve(
      user: request.user ?? request.keptUser ?? image.user, additionalGroups: request.additionalGroups)
  }

  private mutating func mapIDs(_ composition: inout Composition) throws(EngineError) {
    func mappings(_ ranges: [IDRange]) -> [RuntimeSpec.IDMapping] {
      ranges.map { RuntimeSpec.IDMapping(containerID: $0.container, hostID: $0.host, size: $0.size) }
    }
    switch request.userNamespace {
    case .host: return
    case .mapped(let users, let groups):
      composition.userMappings = mappings(users)
      composition.groupMappings = mappings(groups)
    case .keepID:
      composition.userMappings = mappings(try KeptIDs.users())
      composition.groupMappings = mappings(try KeptIDs.groups())
    case .automatic:
      let ranges = IDRangeLeases(root: engine.configuration.root, containers: engine.containers)
      let number = try ranges.take(for: directory.id)
      record.idRange = number
      let range = IDRangeLeases.range(number)
      composition.userMappings = mappings([range])
      composition.groupMappings = mappings([range])
    case .container(let name):
      let other = try engine.specification(of: try engine.containers.find(name))
      guard !other.linux.uidMappings.isEmpty else {
        throw .refused("cannot join the user namespace of container \(name): it uses the host's")
      }
      composition.userMappings = other.linux.uidMappings
      composition.groupMappings = other.linux.gidMappings
    }
    try check(composition.user.userID, isIn: composition.userMappings, "user")
    for id in composition.user.additionalGroupIDs { try check(id, isIn: composition.groupMappings, "group") }
  }

  private func check(
    _ id: UInt32, isIn mappings: [RuntimeSpec.IDMapping], _ kind: String
  ) throws(EngineError) {
    let isMapped = mappings.contains { $0.containerID <= id && UInt64(id) < UInt64($0.containerID) + UInt64($0.size) }
    guard isMapped else {
      throw .refused("cannot run as \(kind) \(id): the container's user namespace has no such id (see --userns)")
    }
  }

  // MARK: Devices and filter

  /// The request with directories of devices replaced by the devices in them.
  private func expandDevices() throws(EngineError) -> RunRequest {
    guard !request.devices.isEmpty else { return request }
    var expanded = request
    expanded.devices = []
    for device in request.devices {
      for found in try HostDevices.expand(device) { expanded.devices.append(found.request) }
    }
    return expanded
  }

  private func deviceNodes(_ request: RunRequest) throws(EngineError) -> [String: DeviceNode] {
    let resources = request.resources
    let amounts =
      resources.blockIOWeightDevices + resources.readBytesPerSecond + resources.writeBytesPerSecond
      + resources.readOperationsPerSecond + resources.writeOperationsPerSecond
    var nodes: [String: DeviceNode] = [:]
    for path in request.devices.map(\.hostPath) + amounts.map(\.path) {
      let node = try naming("find", "the device \(path)") { () throws(Errno) in try HostDevices.node(path) }
      guard let node else { throw .refused("\(path) is no device") }
      nodes[path] = node
    }
    return nodes
  }

  private func systemCallFilter(_ composition: Composition) throws(EngineError) -> RuntimeSpec.Seccomp? {
    if request.isPrivileged { return nil }
    let capabilities = try SpecComposer.capabilities(request, host: composition.host)
    let architecture = image?.architecture ?? Platform.current.architecture
    switch request.security.seccomp {
    case "unconfined": return nil
    case nil, "":
      return DefaultSeccompProfile.profile(capabilities: Set(capabilities), architecture: architecture)
    case .some(let path):
      return try SeccompProfileFile.read(path, capabilities: capabilities, architecture: architecture)
    }
  }

  // MARK: Files

  /// Makes the files that appear under /etc; what is in them is written when the container's address is known.
  private func makeFiles(_ composition: inout Composition) throws(EngineError) {
    let directory = directory.descriptor
    try naming("make", self.directory.path + "/hosts") { () throws(Errno) in
      for name in ["hosts", "hostname", "resolv.conf"] as [KernelPath] {
        let file = try directory.open(name, [.writeOnly, .create, .noFollow], mode: 0o644)
        // The umask of the engine is narrower than these files need.
        try file.descriptor.changeMode(0o644)
      }
    }
    composition.files.hosts = "\(self.directory.path)/hosts"
    composition.files.hostname = "\(self.directory.path)/hostname"
    composition.files.resolvConf = "\(self.directory.path)/resolv.conf"
    if let zone = request.timeZone { composition.files.localTime = try copyTimeZone(zone) }
    if request.usesInit { composition.files.initProgram = engine.configuration.initProgram }
  }

  private func copyTimeZone(_ zone: String) throws(EngineError) -> String {
    let content = try TimeZoneFile.read(zone)
    try directory.write("localtime", content, mode: 0o644)
    let directory = directory.descriptor
    try naming("make", self.directory.path + "/localtime") { () throws(Errno) in
      let file = try directory.open("localtime", [.readOnly, .noFollow])
      try file.descriptor.changeMode(0o644)
    }
    return "\(self.directory.path)/localtime"
  }

  /// Writes the specification, and with the record the container exists.
  private mutating func keep(_ spec: RuntimeSpec, _ composition: Composition) throws(EngineError) {
    let image = composition.image
    record.command = SpecComposer.commandLine(request, image)
    record.environment = spec.process?.environment ?? []
    record.workingDirectory = spec.process?.workingDirectory ?? "/"
    record.user = request.user ?? request.keptUser ?? image.user
    record.labels = image.labels.merging(request.labels) { _, asked in asked }
    record.stopSignal = try stopSignal(image)
    record.hostname = SpecComposer(composition).hostname
    try choosePorts(image)
    record.health = try request.health.resolved(image)
    try Engine.checkThatHealthIsWatched(record)
    try directory.write(ContainerDirectory.File.spec, spec.serialized())
    if intendsStart { try directory.intendStart(Timestamp.now()) }
    // After a power cut a container that removes itself is not missed: what is left of it is swept.
    try directory.replace(
      ContainerDirectory.File.record, record.serialized(), isDurable: !request.removesItself)
  }

  private mutating func choosePorts(_ image: ImageDefaults) throws(EngineError) {
    let exposed = ExposedPort.merged(request.exposedPorts, image.exposedPorts)
    record.exposedPorts = exposed.ports
    if exposed.isCut {
      warnings.append("the image exposes more than \(ExposedPort.imageLimit) ports: the rest is left out")
    }
    guard !request.publishedPorts.isEmpty || request.publishesAllPorts else { return }
    switch request.network {
    case .bridge: record.ports = try PortBinding.wanted(request, exposed: record.exposedPorts)
    case .host, .none:
      warnings.append("published ports are discarded when using \(request.network.text) network mode")
    case .container:
      throw .refused("conflicting options: port publishing and the container type network mode")
    }
  }

  private func stopSignal(_ image: ImageDefaults) throws(EngineError) -> String {
    if let asked = request.stopSignal {
      guard Signal.number(named: asked) != nil else {
        throw .invalidOption(name: "--stop-signal", value: asked, reason: "there is no such signal")
      }
      return asked
    }
    // An image's word is not worth a failure.
    return Signal.number(named: image.stopSignal) == nil ? ContainerDefaults.stopSignal : image.stopSignal
  }
}
