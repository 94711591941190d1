internal import SkiffKernel
internal import SkiffSpec

extension ContainerRuntime {
  /// Whether checkpoints are possible on this machine; throws what is missing.
  package static func checkCheckpoints() throws(RuntimeError) {
    try CriuService.check()
  }

  /// Saves a running container to files, by criu(8); it ends with that unless it is told to go on.
  ///
  /// - Returns: what to warn of: poststop hooks that failed.
  package func checkpoint(_ request: CheckpointRequest) throws(RuntimeError) -> [String] {
    guard let directory = try store.openDirectory(request.id),
      let record = try ContainerStateStore.read(directory.descriptor, request.id)
    else { throw .missing(request.id.text) }
    switch record.status() {
    case .running, .paused: break
    case .created: throw .wrongState("container cannot be checkpointed in created state")
    case .creating, .stopped: throw .wrongState("container cannot be checkpointed in stopped state")
    }
    let spec = try ContainerStateStore.configuration(in: directory.descriptor, id: record.id)
    let directories = try CriuDirectories(
      images: request.imagePath, work: request.workPath, makes: true, log: "dump.log")
    var options = try dumpOptions(request, record, spec)
    options.imagesDirectory = directories.images.number
    options.workDirectory = directories.workNumber
    if request.isPreDump || request.flags.lazyPages { try Self.requireFeatures(request) }
    let streams = try CriuStreams.names(of: record.processID)
    options.externals += Set(streams.filter { $0.hasPrefix("file[") }).sorted()
    if !request.isPreDump { try CriuStreams.save(streams, in: directories.images.descriptor) }
    let criu = try CriuService()
    let kind = request.isPreDump ? CriuRequestKind.preDump : .dump
    let response = try criu.perform(kind, options) { (response, _) throws(RuntimeError) in
      // Whoever fetches the pages may begin.
      if response.moment == "status-ready", let number = request.statusFile {
        try? Descriptor(number).writeAll([0])
      }
    }
    guard response.succeeded else { throw directories.failure(request.isPreDump ? "PRE_DUMP" : "DUMP", response) }
    try criu.finish()
    if request.isPreDump || request.flags.leavesRunning { return [] }
    let warnings = try cleanUp(record, directory.descriptor)
    try store.remove(request.id)
    return warnings
  }

  private func dumpOptions(
    _ request: CheckpointRequest, _ record: ContainerRecord, _ spec: RuntimeSpec
  ) throws(RuntimeError) -> CriuOptions {
    var options = CriuOptions()
    options.flags = request.flags
    options.processID = record.processID
    options.root = record.rootPath
    options.parentImages = request.parentPath
    options.pageServer = request.pageServer
    options.cgroupMode = request.cgroupMode
    options.configurationFile = Self.criuConfiguration(spec)
    if request.emptiesNetwork { options.emptyNamespaces = NamespaceFlags.network.rawValue }
    if let entry = record.cgroup?.legacyFreezer ?? record.cgroup?.unified { options.freezeCgroup = entry.directory }
    for type in [RuntimeSpec.NamespaceType.network, .pid] {
      guard let path = spec.linux.namespaces.first(where: { $0.type == type })?.path, !path.isEmpty else { continue }
      do throws(Errno) {
        let status = try Descriptor.workingDirectory.status(try KernelPath(path), follow: true)
        options.externals.append("\(type.criuName)[\(status.inode)]:\(type.criuKey)")
      } catch {
        throw .failed("cannot look at the namespace \(path): \(error)")
      }
    }
    if !request.isPreDump {
      options.externalMounts = try CriuMounts(spec: spec, cgroup: record.cgroup).saved(initProcess: record.processID)
    }
    return options
  }

  /// A file of further options for criu, as runc's annotation names it.
  static func criuConfiguration(_ spec: RuntimeSpec) -> String? {
    spec.annotations["org.criu.config"].flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func requireFeatures(_ request: CheckpointRequest) throws(RuntimeError) {
    let criu = try CriuService()
    let response = try criu.perform(.featureCheck, nil) { (_, _) throws(RuntimeError) in }
    try criu.finish()
    if request.isPreDump, !response.tracksMemory {
      throw .failed("cannot --pre-dump: this kernel or criu does not track memory")
    }
    if request.flags.lazyPages, !response.hasLazyPages {
      throw .failed("cannot use --lazy-pages: this kernel or criu does not have them")
    }
  }
}

extension RuntimeSpec.NamespaceType {
  /// As criu names the kind.
  var criuName: String { self == .network ? "net" : self == .mount ? "mnt" : rawValue }
  /// By which an outside namespace of the kind is found again.
  var criuKey: String { self == .network ? "extRootNetNS" : "extRootPidNS" }
}
