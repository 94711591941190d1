internal import SkiffKernel
internal import SkiffSpec

extension ContainerRuntime {
  /// Makes a container from files that `checkpoint` has written, by criu(8); gives its exit code as `run` does.
  package func restore(_ request: RestoreRequest, warn: (String) -> Void) throws(RuntimeError) -> Int32 {
    let signals: SignalRelay?
    do throws(LaunchError) {
      signals = request.detaches ? nil : try SignalRelay()
    } catch {
      throw .launch(error)
    }
    let restored = try ContainerMaker(store: store, request: request.create).restore(request)
    guard let signals else { return 0 }
    let code: Int32
    do throws(LaunchError) {
      code = try ForegroundProcess(
        process: restored.process.descriptor, signals: signals, console: restored.takeConsole(), detachKeys: nil
      ).wait()
    } catch {
      throw .launch(error)
    }
    if !request.keeps { try delete(request.create.id, force: true) }
    return code
  }
}

/// A restored first process, our child.
final class RestoredProcess {
  let process: FileDescriptor
  private var console: FileDescriptor?

  init(process: consuming FileDescriptor, console: consuming FileDescriptor?) {
    self.process = process
    self.console = console
  }

  /// The master of its terminal, once; nil where it has none or a caller took it.
  func takeConsole() -> FileDescriptor? { console.take() }
}

extension ContainerMaker {
  /// Where the root file system is mounted for criu, beneath the container's state: it must be a mount of its own.
  private static let rootName = "criu-root"

  func restore(_ request: RestoreRequest) throws(RuntimeError) -> RestoredProcess {
    // First: criu mounts in directories that it takes from us, and must find them in the namespace that it lives in.
    try leaveHostMounts()
    let (bytes, spec) = try readConfiguration()
    let directories = try CriuDirectories(
      images: request.imagePath, work: request.workPath, makes: false, log: "restore.log")
    let directory = try store.claim(self.request.id)
    var record = newRecord(spec)
    do throws(RuntimeError) {
      let placement = try place(spec, bytes, &record, directory.descriptor)
      try makeGroup(placement, spec, &record)
      defer { placement?.keeper?.end() }
      return try restore(request, spec, directories, directory.descriptor, &record)
    } catch {
      unmountRoot(directory.descriptor)
      undo(record, spec)
      throw error
    }
  }

  private func restore(
    _ request: RestoreRequest, _ spec: RuntimeSpec, _ directories: borrowing CriuDirectories, _ directory: Descriptor,
    _ record: inout ContainerRecord
  ) throws(RuntimeError) -> RestoredProcess {
    let root = try mountRoot(record, spec, directory)
    var options = CriuOptions()
    options.isRestore = true
    options.logFile = "restore.log"
    options.flags = request.flags
    options.imagesDirectory = directories.images.number
    options.workDirectory = directories.workNumber
    options.root = "\(store.root)/\(record.id)/\(Self.rootName)"
    options.cgroupMode = request.cgroupMode
    options.configurationFile = ContainerRuntime.criuConfiguration(spec)
    options.securityProfile = request.securityProfile
    options.mountContext = request.mountContext
    options.externalMounts = CriuMounts(spec: spec, cgroup: record.cgroup).restored(root: root.descriptor)
    if request.emptiesNetwork { options.emptyNamespaces = NamespaceFlags.network.rawValue }
    var files = DescriptorTable()
    options.inheritedFiles = try CriuStreams.inherited(from: directories.images.descriptor, files: &files)
    try joinNamespaces(spec, &options, &files)
    var kept = DescriptorTable()
    let consoleSocket = try consoleSocket(keeping: &kept)
    let criu = try CriuService(files: (0..<files.count).compactMap { files[$0] })
    if let cgroup = record.cgroup {
      do throws(CgroupError) {
        // What criu restores is born where criu lives.
        try CgroupGroup.move(criu.processID, into: cgroup)
      } catch {
        throw .failed("cannot move criu into the container's control group: \(error)")
      }
      options.cgroupRoots = cgroup.entries.map { entry in
        (
          entry.isUnified ? "" : entry.label.map { "name=\($0)" } ?? entry.controllers.joined(separator: ","),
          entry.path
        )
      }
    }
    var console: FileDescriptor?
    let response = try criu.perform(.restore, options) { (response, file) throws(RuntimeError) in
      switch response.moment {
      case "setup-namespaces": try runHooks(spec, record, processID: response.processID)
      case "orphan-pts-master":
        guard let file else { throw .failed("criu sent no terminal") }
        console = try deliver(file, to: consoleSocket)
      case "post-restore":
        guard let id = response.processID else { throw .failed("criu did not tell the restored process") }
        try note(id, in: &record, directory)
      default: break
      }
    }
    guard response.succeeded else { throw directories.failure("RESTORE", response) }
    try criu.finish()
    unmountRoot(directory)
    if record.processID == 0 { throw .failed("criu did not tell the restored process") }
    if Self.differsFromOurs("time", record.processID) { record.namespaces.insert(.time) }
    // Nothing but a launcher is told from the container's program by these.
    record.launcherInode = 0
    try ContainerStateStore.write(record, in: directory)
    if let path = self.request.pidFilePath { try PidFile.write(record.processID, to: path) }
    do throws(Errno) {
      return RestoredProcess(process: try openProcess(record.processID), console: console)
    } catch {
      throw .failed("the restored process has gone: \(error)")
    }
  }

  // MARK: The root file system

  /// Goes to a mount namespace of this process alone: what is mounted here the host never sees.
  private func leaveHostMounts() throws(RuntimeError) {
    do throws(Errno) {
      try unshare(.mount)
      let here = try Descriptor.workingDirectory.open("/", [.pathOnly, .directory])
      try here.descriptor.changeMount(propagation: .slave, recursive: true)
    } catch {
      throw .failed("cannot make a mount namespace for criu: \(error)")
    }
  }

  /// Mounts the root, and makes the places that mounts will lie on.
  private func mountRoot(
    _ record: ContainerRecord, _ spec: RuntimeSpec, _ directory: Descriptor
  ) throws(RuntimeError) -> FileDescriptor {
    do throws(Errno) {
      let name = try KernelPath(Self.rootName)
      try directory.makeDirectory(name, mode: 0o700)
      let place = try directory.open(name, [.pathOnly, .directory, .noFollow])
      let tree = try Descriptor.workingDirectory.cloneTree(try KernelPath(record.rootPath), recursive: true)
      try tree.descriptor.changeMount(propagation: .private, recursive: true)
      try tree.descriptor.attach(onto: place.descriptor)
      let root = try directory.open(name, [.pathOnly, .directory, .noFollow])
      try makePlaces(spec, in: root.descriptor)
      return root
    } catch {
      throw .failed("cannot mount the root file system \(record.rootPath) for criu: \(error)")
    }
  }

  private func makePlaces(_ spec: RuntimeSpec, in root: Descriptor) throws(Errno) {
    let memory = spec.mounts.filter { $0.type == "tmpfs" }.map { $0.destination + "/" }
    for mount in spec.mounts {
      // criu brings back what is in a tmpfs; /sys has its own places.
      if memory.contains(where: { mount.destination.hasPrefix($0) }) || mount.destination.hasPrefix("/sys/") {
        continue
      }
      let components = mount.destination.split(separator: "/").map(String.init)
      guard let last = components.last else { continue }
      var isFile = false
      if MountOptions(mount.options).isBind || mount.type == "bind", let source = mount.source {
        isFile = try Descriptor.workingDirectory.status(try KernelPath(source), follow: true).type != .directory
      }
      let path = try KernelPath("/" + components.joined(separator: "/"))
      if (try? root.open(path, [.pathOnly], resolve: [.inRoot])) != nil { continue }
      guard isFile else {
        _ = try root.openDirectoryInRoot(path, creatingWithMode: 0o755)
        continue
      }
      let parent = try root.openDirectoryInRoot(
        try KernelPath("/" + components.dropLast().joined(separator: "/")), creatingWithMode: 0o755)
      _ = try parent.descriptor.open(try KernelPath(last), [.writeOnly, .create, .exclusive, .noFollow], mode: 0o644)
    }
  }

  /// The mount goes with this process's namespace; the empty directory is taken away now.
  private func unmountRoot(_ directory: Descriptor) {
    guard let name = try? KernelPath(Self.rootName),
      let path = try? KernelPath("\(store.root)/\(request.id.text)/\(Self.rootName)")
    else { return }
    // Left behind, it is removed with the container's state.
    try? detachMount(path)
    try? directory.removeDirectory(name)
  }

  // MARK: What comes from outside

  private func joinNamespaces(
    _ spec: RuntimeSpec, _ options: inout CriuOptions, _ files: inout DescriptorTable
  ) throws(RuntimeError) {
    for namespace in spec.linux.namespaces {
      guard let path = namespace.path, !path.isEmpty else { continue }
      switch namespace.type {
      case .network, .pid:
        do throws(Errno) {
          let place = files.add(try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly))
          options.inheritedFiles.append((namespace.type.criuKey, CriuService.firstFile + Int32(place)))
        } catch {
          throw .failed("cannot open the namespace \(path): \(error)")
        }
      case .cgroup: throw .failed("cannot restore into the cgroup namespace \(path): criu does not join one")
      default: options.joinedNamespaces.append((namespace.type.criuName, path))
      }
    }
  }

  private func consoleSocket(keeping files: inout DescriptorTable) throws(RuntimeError) -> Descriptor? {
    guard let path = request.consoleSocketPath else { return nil }
    do throws(Errno) {
      let place = files.add(try UnixSocket.connect(to: path, type: .stream))
      return files[place]
    } catch {
      throw .failed("cannot connect to the console socket \(path): \(error)")
    }
  }

  /// Gives the terminal's master to the caller's socket; back where there is none.
  private func deliver(
    _ master: consuming FileDescriptor, to socket: Descriptor?
  ) throws(RuntimeError) -> FileDescriptor? {
    guard let socket else { return consume master }
    do throws(Errno) {
      try socket.send(Array("/dev/ptmx".utf8), file: master.descriptor)
    } catch {
      throw .failed("cannot send the terminal to the console socket: \(error)")
    }
    return nil
  }

  private func runHooks(_ spec: RuntimeSpec, _ record: ContainerRecord, processID: Int32?) throws(RuntimeError) {
    if spec.hooks.prestart.isEmpty, spec.hooks.createRuntime.isEmpty { return }
    var known = record
    known.processID = processID ?? 0
    let state = known.stateJSON(.creating, version: spec.version)
    do throws(LaunchError) {
      try HookRunner.outside(bundlePath: record.bundlePath) { surroundings throws(LaunchError) in
        try HookRunner.run(spec.hooks.prestart, moment: "prestart", state: state, surroundings)
        try HookRunner.run(spec.hooks.createRuntime, moment: "createRuntime", state: state, surroundings)
      }
    } catch {
      throw .launch(error)
    }
  }

  /// Whether a process lives in another namespace of a kind than this one.
  private static func differsFromOurs(_ kind: String, _ processID: Int32) -> Bool {
    let links = ["/proc/self/ns/\(kind)", "/proc/\(processID)/ns/\(kind)"].map { path in
      (try? KernelPath(path)).flatMap { try? Descriptor.workingDirectory.readLink($0).text }
    }
    guard let own = links[0], let other = links[1] else { return false }
    return own != other
  }
}
