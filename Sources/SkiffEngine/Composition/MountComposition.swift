import SkiffSpec

// What the container sees besides its root.
extension SpecComposer {
  /// Every mount that is asked for: the caller's, and a volume for each path where the image wants one.
  public static func wantedMounts(_ request: RunRequest, _ image: ImageDefaults) throws(EngineError) -> [MountRequest] {
    var wanted: [MountRequest] = []
    for mount in request.mounts {
      let path = cleaned(mount.destination)
      guard !wanted.contains(where: { cleaned($0.destination) == path }) else {
        throw .refused("two mounts want the same place in the container: \(path)")
      }
      wanted.append(mount)
    }
    for path in image.volumes where path.hasPrefix("/") && cleaned(path) != "/" {
      if wanted.contains(where: { cleaned($0.destination) == cleaned(path) }) { continue }
      wanted.append(MountRequest(source: .volume(name: nil), destination: path))
    }
    return wanted
  }

  func mounts() throws(EngineError) -> [RuntimeSpec.Mount] {
    var asked: [RuntimeSpec.Mount] = []
    for mount in composition.mounts { asked.append(try specMount(mount)) }
    if request.isReadOnly, request.hasWritableTemporaries {
      for path in ["/run", "/tmp", "/var/tmp"] where !asked.contains(where: { Self.cleaned($0.destination) == path }) {
        asked.append(Self.temporary(path))
      }
    }
    let taken = Set(asked.map { Self.cleaned($0.destination) })
    var mounts: [RuntimeSpec.Mount] = []
    for mount in systemMounts() where !taken.contains(mount.destination) { mounts.append(mount) }
    for mount in providedFiles() where !taken.contains(mount.destination) { mounts.append(mount) }
    // Outer before inner; the order of equals stays as it was asked.
    let ordered = asked.enumerated().sorted {
      (Self.depth($0.element.destination), $0.offset) < (Self.depth($1.element.destination), $1.offset)
    }
    // Last, so that no mount covers them.
    return mounts + ordered.map(\.element) + Self.secretMounts(request, rootPath: composition.rootPath)
  }

  /// Memory where programs expect to be able to write, with what the image has there.
  private static func temporary(_ path: String) -> RuntimeSpec.Mount {
    var options = ["rw", "nosuid", "nodev", "tmpcopyup"]
    if path != "/run" { options.append("mode=1777") }
    return RuntimeSpec.Mount(destination: path, type: "tmpfs", source: "tmpfs", options: options)
  }

  private func systemMounts() -> [RuntimeSpec.Mount] {
    let size = request.shmSizeBytes ?? ContainerDefaults.shmSizeBytes
    var mounts = ContainerDefaults.mounts(shmSizeBytes: size, isPrivileged: request.isPrivileged)
    for index in mounts.indices {
      switch mounts[index].destination {
      case "/proc" where hasUserNamespace && request.pidNamespace == .host:
        // The kernel lets a user namespace mount only the process list of a PID namespace that it owns.
        mounts[index] = RuntimeSpec.Mount(
          destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "nosuid", "noexec", "nodev"])
      case "/sys" where hasUserNamespace && !ownsNetwork:
        mounts[index] = RuntimeSpec.Mount(
          destination: "/sys", type: "bind", source: "/sys",
          options: ["rbind", "nosuid", "noexec", "nodev", "ro", "rro"])
      case "/dev/pts" where hasUserNamespace && !composition.groupMappings.contains(where: Self.hasTerminalGroup):
        mounts[index].options.removeAll { $0 == "gid=5" }
      case "/dev/shm":
        if request.ipcNamespace == .host {
          mounts[index] = RuntimeSpec.Mount(
            destination: "/dev/shm", type: "bind", source: "/dev/shm",
            options: ["bind", "rprivate", "nosuid", "noexec", "nodev"])
        }
      case "/dev/mqueue":
        if hasUserNamespace, request.ipcNamespace != .private {
          mounts[index] = RuntimeSpec.Mount(
            destination: "/dev/mqueue", type: "bind", source: "/dev/mqueue",
            options: ["bind", "rprivate", "nosuid", "noexec", "nodev"])
        }
      default: break
      }
    }
    return mounts
  }

  /// Group 5, which owns terminals.
  private static func hasTerminalGroup(_ range: RuntimeSpec.IDMapping) -> Bool {
    range.containerID <= 5 && UInt64(range.containerID) + UInt64(range.size) > 5
  }

  private func providedFiles() -> [RuntimeSpec.Mount] {
    let files = composition.files
    var mounts: [RuntimeSpec.Mount] = []
    for (destination, source) in [
      ("/etc/resolv.conf", files.resolvConf), ("/etc/hostname", files.hostname),
      ("/etc/hosts", request.leavesHosts ? nil : files.hosts), ("/etc/localtime", files.localTime),
    ] {
      guard let source else { continue }
      mounts.append(
        RuntimeSpec.Mount(
          destination: destination, type: "bind", source: source,
          options: ["bind", "rprivate", "nosuid", "noexec", "nodev"]))
    }
    if request.usesInit, let program = files.initProgram {
      mounts.append(
        RuntimeSpec.Mount(
          destination: ContainerDefaults.initDestination, type: "bind", source: program,
          options: ["bind", "rprivate", "ro", "nosuid", "nodev"]))
    }
    return mounts
  }

  private func specMount(_ mount: ResolvedMount) throws(EngineError) -> RuntimeSpec.Mount {
    let request = mount.request
    let destination = Self.cleaned(request.destination)
    guard destination != "/" else {
      throw .refused("cannot mount on /: that is the container's root file system (see --rootfs)")
    }
    if case .tmpfs = request.source {
      // An option of the caller's stands in place of the default that says the opposite.
      var options = ["noexec", "nosuid", "nodev"].filter { !request.options.contains(String($0.dropFirst(2))) }
      options += request.options.filter { !options.contains($0) }
      options.append(request.isReadOnly ? "ro" : "rw")
      if let propagation = request.propagation { options.append(propagation) }
      return RuntimeSpec.Mount(destination: destination, type: "tmpfs", source: "tmpfs", options: options)
    }
    if case .ramfs = request.source {
      return RuntimeSpec.Mount(
        destination: destination, type: "ramfs", source: "ramfs",
        options: ["noexec", "nosuid", "nodev", request.isReadOnly ? "ro" : "rw"] + request.options)
    }
    if case .devpts = request.source { return Self.terminals(request, at: destination) }
    if let overlay = mount.overlay { return try overlayMount(overlay, request, at: destination) }
    if let fileSystem = mount.fileSystem { return volumeMount(fileSystem, request, at: destination) }
    guard let hostPath = mount.hostPath else {
      throw .report("the source of the mount at \(destination) was not found")
    }
    var options = [request.isRecursive ? "rbind" : "bind", request.propagation ?? "rprivate"]
    if let subpath = request.subpath { options.append("src-beneath=" + subpath) }
    if request.isReadOnly {
      options.append("ro")
      // Without it what is mounted beneath the source could still be written.
      if request.isRecursive, !request.leavesInnerMountsWritable { options.append("rro") }
    } else {
      options.append("rw")
    }
    for word in request.options {
      switch word {
      // Without SELinux there are no labels to set, and the option changes nothing.
      case "z", "Z":
        if composition.host.hasSELinux { throw .notBuilt("the volume option \(word) on a kernel with SELinux") }
      case "idmap" where !hasUserNamespace:
        throw .refused(
          "the mount at \(destination) is to be shown by the ids of the container's user namespace (idmap), and it has none (see --userns)"
        )
      default: options.append(word)
      }
    }
    return RuntimeSpec.Mount(destination: destination, type: "bind", source: hostPath, options: options)
  }

  /// Terminals that are nobody else's, with a multiplexer that everybody may open.
  private static func terminals(_ request: MountRequest, at destination: String) -> RuntimeSpec.Mount {
    var options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666"]
    if !request.options.contains(where: { $0.hasPrefix("mode=") }) { options.append("mode=0620") }
    options += request.options
    if request.isReadOnly { options.append("ro") }
    return RuntimeSpec.Mount(destination: destination, type: "devpts", source: "devpts", options: options)
  }

  private func overlayMount(
    _ overlay: OverlayLayers, _ request: MountRequest, at destination: String
  ) throws(EngineError) -> RuntimeSpec.Mount {
    // Files would belong to nobody: the kernel shows them by the ids of who makes the overlay.
    if hasUserNamespace {
      throw .notBuilt("an overlay at \(destination) in a container with a user namespace of its own")
    }
    var options = overlay.lower.map { "lowerdir+=" + $0 }
    if let upper = overlay.upper, let work = overlay.work { options += ["upperdir=" + upper, "workdir=" + work] }
    options += ["nodev", overlay.upper == nil ? "ro" : "rw"]
    options += request.options.filter { $0 != "z" && $0 != "Z" }
    return RuntimeSpec.Mount(destination: destination, type: "overlay", source: "overlay", options: options)
  }

  private func volumeMount(
    _ fileSystem: VolumeFileSystem, _ request: MountRequest, at destination: String
  ) -> RuntimeSpec.Mount {
    var options = fileSystem.options
    if request.isReadOnly { options.append("ro") }
    if fileSystem.type == "tmpfs", request.copiesFromImage { options.append("tmpcopyup") }
    options += request.options.filter { $0 != "z" && $0 != "Z" }
    return RuntimeSpec.Mount(
      destination: destination, type: fileSystem.type, source: fileSystem.device, options: options)
  }

  /// An absolute path without `.`, `..` and doubled slashes.
  static func cleaned(_ path: String) -> String {
    var components: [Substring] = []
    for component in path.split(separator: "/") where component != "." {
      if component == ".." {
        _ = components.popLast()
      } else {
        components.append(component)
      }
    }
    return "/" + components.joined(separator: "/")
  }

  private static func depth(_ path: String) -> Int {
    path.split(separator: "/").count
  }
}
