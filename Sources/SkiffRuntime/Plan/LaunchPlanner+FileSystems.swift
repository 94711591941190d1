internal import SkiffKernel
internal import SkiffSpec

// What the container sees of file systems: its root, its mounts in the order of the spec, its /dev.
extension LaunchPlanner {
  mutating func planFileSystems() throws(LaunchError) {
    // Before the first mount: nothing that follows may reach the host's mount namespace by propagation.
    plan.steps.append(.isolateMounts)
    // Without pivot_root the tree must lie over `/` itself, so that nothing of the old root can be reached behind it.
    plan.steps.append(.attachRoot(path: circumstances.usesPivot ? circumstances.rootPath : "/"))
    for (index, mount) in spec.mounts.enumerated() {
      try plan(mount, keyPath: "mounts[\(index)]")
    }
    planDevices()
    if process.terminal {
      // After devpts is mounted, before the pivot: by descriptor inside the new /dev.
      plan.steps.append(
        .openConsole(
          ConsolePlan(
            size: process.consoleSize, userID: process.user.userID, isMountedOnConsole: true,
            hasPlainLineFeeds: circumstances.terminalHasPlainLineFeeds)))
    }
    if process.workingDirectory != "/" { plan.steps.append(.makeWorkingDirectory(process.workingDirectory)) }
  }

  private mutating func plan(_ mount: RuntimeSpec.Mount, keyPath: String) throws(LaunchError) {
    let options = MountOptions(mount.options)
    let written = mount.destination.hasPrefix("/") ? mount.destination : "/" + mount.destination
    // Some write the place as the host has it.
    var target = pathInContainer(written) ?? written
    let place = Self.normalized(target)
    if place == "/" { target = place }
    let isBind = options.isBind || mount.type == "bind"
    func refuse(_ words: String) -> LaunchError { LaunchError("\(keyPath) (\(target)): \(words)") }
    if options.isRemount {
      plan.steps.append(.changeMount(target, options))
      return
    }
    if let refusal = placeRefusal(place, mount, isBind: isBind) { throw refuse(refusal) }
    if isBind {
      try planBind(mount, options, target: target, keyPath: keyPath)
      return
    }
    guard let type = mount.type, !type.isEmpty else {
      throw LaunchError("\(keyPath) (\(target)) has neither a type nor the option bind")
    }
    if options.isIDMapped || !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty {
      throw refuse("id-mapped mounts are only supported for bind-mounts")
    }
    if options.keepsSourceLink || options.copiesLink || options.sourceBeneath != nil {
      throw refuse("src-nofollow, src-beneath and copy-symlink are only for binds")
    }
    if type == "cgroup" || type == "cgroup2" {
      if options.copiesUp { throw refuse("the option tmpcopyup is only for tmpfs") }
      try planCgroups(options, target: target, keyPath: keyPath)
      return
    }
    var fileSystem = FileSystemMount(type: type, target: target)
    fileSystem.source = mount.source
    // One mount: what is meant for everything beneath is meant for it.
    fileSystem.attributes = options.set.subtracting(options.clearRecursively).union(options.setRecursively)
    fileSystem.parameters = options.fileSystemFlags.map { MountParameter(key: $0, value: nil) } + options.parameters
    if let label = spec.linux.mountLabel, !label.isEmpty {
      switch type {
      // What the kernel makes has labels of the policy's own.
      case "proc", "sysfs": break
      case "mqueue": fileSystem.rootLabel = label
      default: fileSystem.parameters.append(MountParameter(key: "context", value: label))
      }
    }
    fileSystem.refusesLinks = type == "proc" || type == "sysfs"
    fileSystem.keepsTargetLink = options.keepsTargetLink
    if type == "tmpfs" {
      fileSystem.copiesUp = options.copiesUp
      fileSystem.takesModeOfPlace = !options.parameters.contains { $0.key == "mode" }
    } else if options.copiesUp {
      throw refuse("the option tmpcopyup is only for tmpfs")
    }
    // A read-only /dev gets its nodes first; `sealMount` closes it.
    if Self.cleaned(target) == "/dev" { fileSystem.attributes.subtract(.readOnly) }
    fileSystem.propagation = options.propagation
    if type == "sysfs", isInsideUserNamespace, !plan.newNamespaces.contains(.network) {
      // Only the owner of the network may make one: whoever shares the host's sees the host's, as under crun.
      fileSystem.substitute = planSubstitute(of: "/sys", options, keyPath: keyPath)
    }
    plan.steps.append(.mount(fileSystem))
  }

  /// Files of procfs over which a container may have a file of the engine's (lxcfs, criu); anything else there would hide what
  /// decides about security (CVE-2019-16884, CVE-2019-19921).
  private static let placesInProcfs: Set<String> = [
    "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
    "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
  ]

  /// Why nothing may be mounted on a place; nil where it may.
  private func placeRefusal(_ place: String, _ mount: RuntimeSpec.Mount, isBind: Bool) -> String? {
    if place == "/" {
      // What is mounted there is the root from then on. The places to mask and to close are those of a root directory: one of procfs
      // has others. Nothing is there to copy that would be seen again.
      return isBind || (mount.type == "tmpfs" && !MountOptions(mount.options).copiesUp)
        ? nil : "on the top of the root file system there can be only a bind, or a tmpfs without tmpcopyup"
    }
    if place == "/proc" {
      // Whether the source of a bind is procfs is seen when it is opened.
      return isBind || mount.type == "proc" ? nil : "only procfs can be mounted on /proc"
    }
    if place.hasPrefix("/proc/"), !Self.placesInProcfs.contains(place) {
      return "it cannot be mounted because it is inside /proc"
    }
    return nil
  }

  private mutating func planBind(
    _ mount: RuntimeSpec.Mount, _ options: MountOptions, target: String, keyPath: String
  ) throws(LaunchError) {
    func refuse(_ words: String) -> LaunchError { LaunchError("\(keyPath) (\(target)): \(words)") }
    guard let written = mount.source, !written.isEmpty else {
      throw LaunchError("\(keyPath) (\(target)) is a bind without a source")
    }
    if let parameter = options.parameters.first {
      throw refuse("bind mounts cannot have any filesystem-specific options applied: \(parameter)")
    }
    if options.copiesUp { throw refuse("the option tmpcopyup is only for tmpfs") }
    if options.copiesLink, options.keepsSourceLink || options.keepsTargetLink {
      throw refuse("copy-symlink is mutually exclusive with src-nofollow and dest-nofollow")
    }
    if options.sourceBeneath != nil, options.keepsSourceLink || options.copiesLink {
      throw refuse("src-beneath is mutually exclusive with src-nofollow and copy-symlink")
    }
    let path = written.hasPrefix("/") ? written : circumstances.bundlePath + "/" + written
    var options = options
    if options.propagation == nil {
      // Without a word the container's copy follows the root's propagation, slave by default: the host's later mounts
      // arrive, the container's own never leave.
      let root = Self.rootPropagation(spec.linux.rootfsPropagation)
      options.propagation = root?.0 ?? .slave
      options.propagatesRecursively = true
    }
    let index = plan.sources.count
    var source = BindSource(
      path: path, isRecursive: options.isRecursiveBind, options: options, keyPath: keyPath)
    source.mustBeProcfs = Self.normalized(target) == "/proc"
    if let inside = pathInContainer(path), isMountedOver(inside) { source.pathInContainer = inside }
    try planIDMap(mount, options, &source, refuse)
    plan.sources.append(source)
    plan.steps.append(
      .bind(
        BindMount(
          sourcePath: options.sourceBeneath.map { "\(path)/\($0)" } ?? path, target: target, source: index,
          isRecursive: options.isRecursiveBind, options: options)))
  }

  /// A path of the host as the container has it; nil for one that is not in the container's root file system.
  private func pathInContainer(_ path: String) -> String? {
    let (path, root) = (Self.normalized(path), Self.normalized(circumstances.rootPath))
    guard root != "/", path.hasPrefix(root + "/") else { return nil }
    return String(decoding: path.utf8.dropFirst(root.utf8.count), as: UTF8.self)
  }

  /// Whether a mount that was planned before lies on the path, above it or beneath it.
  private func isMountedOver(_ path: String) -> Bool {
    plan.steps.contains { step in
      let target: String
      switch step {
      case .mount(let mount): target = mount.target
      case .bind(let mount): target = mount.target
      default: return false
      }
      let place = Self.normalized(target)
      return (path + "/").hasPrefix(place + "/") || place.hasPrefix(path + "/")
    }
  }

  /// Under which ids a bind shows its files: the mount's own mappings, those of its option, or the user namespace's.
  private func planIDMap(
    _ mount: RuntimeSpec.Mount, _ options: MountOptions, _ source: inout BindSource, _ refuse: (String) -> LaunchError
  ) throws(LaunchError) {
    if !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty {
      guard !mount.uidMappings.isEmpty, !mount.gidMappings.isEmpty else {
        throw refuse("id-mapped mounts must have both uid and gid mappings specified")
      }
      (source.uidMappings, source.gidMappings) = (mount.uidMappings, mount.gidMappings)
      return
    }
    guard options.isIDMapped else { return }
    if let own = options.idMap {
      if let problem = own.problem { throw refuse("the option idmap: \(problem)") }
      guard let uids = own.uidMappings(within: spec.linux.uidMappings),
        let gids = own.gidMappings(within: spec.linux.gidMappings)
      else { throw refuse("the option idmap: a range after @ is not inside the container's user namespace") }
      (source.uidMappings, source.gidMappings) = (uids, gids)
      return
    }
    if plan.userNamespacePath != nil {
      source.takesUserNamespace = true
      return
    }
    guard !spec.linux.uidMappings.isEmpty, !spec.linux.gidMappings.isEmpty else {
      throw refuse("idmap needs mappings of the mount or of the user namespace")
    }
    (source.uidMappings, source.gidMappings) = (spec.linux.uidMappings, spec.linux.gidMappings)
  }

  // MARK: Control groups

  private mutating func planCgroups(_ options: MountOptions, target: String, keyPath: String) throws(LaunchError) {
    guard let cgroups = circumstances.cgroupMounts, !cgroups.mounts.isEmpty else {
      throw LaunchError("\(keyPath) (\(target)): this machine has no cgroup file system to show")
    }
    if cgroups.needsDirectory {
      // v1: a small tmpfs holds one directory per hierarchy; it is closed once they are all there.
      var holder = FileSystemMount(type: "tmpfs", target: target)
      holder.attributes = options.set.subtracting(.readOnly)
      holder.parameters = [MountParameter(key: "mode", value: "755")]
      plan.steps.append(.mount(holder))
    }
    for mount in cgroups.mounts {
      let place = mount.name.map { "\(target)/\($0)" } ?? target
      if cgroups.bindsHostPath {
        // Without a namespace a mount of the tree would show every container: only the own directory is bound.
        planInternalBind(mount.hostPath, on: place, options, keyPath: keyPath)
      } else {
        var fileSystem = FileSystemMount(type: mount.fileSystemType, target: place)
        fileSystem.attributes = options.set
        fileSystem.parameters = mount.options.map { MountParameter(key: $0.key, value: $0.value) }
        plan.steps.append(.mount(fileSystem))
      }
    }
    for link in cgroups.links { plan.steps.append(.link(path: "\(target)/\(link.name)", target: link.target)) }
    if cgroups.needsDirectory, options.set.contains(.readOnly) { plan.steps.append(.sealMount(target)) }
  }

  /// A tree of the host with all that is mounted in it, and the properties of `options` on every part.
  private mutating func planSubstitute(of path: String, _ options: MountOptions, keyPath: String) -> Int {
    var substitute = MountOptions()
    substitute.setRecursively = options.set.subtracting(.accessTimeMask)
    substitute.propagation = .slave
    substitute.propagatesRecursively = true
    plan.sources.append(BindSource(path: path, isRecursive: true, options: substitute, keyPath: keyPath))
    return plan.sources.count - 1
  }

  /// A bind of our own making: private, with the properties of `options`.
  private mutating func planInternalBind(
    _ path: String, on target: String, _ options: MountOptions, keyPath: String
  ) {
    var options = options
    options.propagation = .private
    plan.sources.append(BindSource(path: path, isRecursive: false, options: options, keyPath: keyPath))
    plan.steps.append(
      .bind(
        BindMount(
          sourcePath: path, target: target, source: plan.sources.count - 1, isRecursive: false, options: options)))
  }

  // MARK: /dev

  /// What every container has (config-linux.md "Default Devices").
  static let defaultDevices = [
    DeviceNode(path: "/dev/null", major: 1, minor: 3), DeviceNode(path: "/dev/zero", major: 1, minor: 5),
    DeviceNode(path: "/dev/full", major: 1, minor: 7), DeviceNode(path: "/dev/random", major: 1, minor: 8),
    DeviceNode(path: "/dev/urandom", major: 1, minor: 9), DeviceNode(path: "/dev/tty", major: 5, minor: 0),
  ]

  static let defaultLinks: [(path: String, target: String)] = [
    ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"), ("/dev/core", "/proc/kcore"), ("/dev/ptmx", "pts/ptmx"),
  ]

  private mutating func planDevices() {
    // A /dev that is the host's own is left as it is.
    let isHostDev = spec.mounts.contains { mount in
      Self.cleaned(mount.destination) == "/dev" && (MountOptions(mount.options).isBind || mount.type == "bind")
    }
    if isHostDev { return }
    var nodes = Self.defaultDevices
    for index in nodes.indices { nodes[index].replacesOthers = true }
    for device in spec.linux.devices {
      let node = DeviceNode(device)
      nodes.removeAll { $0.path == node.path }
      // The container's own terminals are there, whatever node was named: the link below leads to them.
      if node.path != "/dev/ptmx" { nodes.append(node) }
    }
    // mknod is refused inside a user namespace.
    let (devices, pipes) = (nodes.filter { $0.type != .fifo }, nodes.filter { $0.type == .fifo })
    if makesUserNamespace, !circumstances.isCallerInUserNamespace {
      planPreparedDevices(devices)
    } else if isInsideUserNamespace || circumstances.isCallerInUserNamespace {
      // A caller without rights, or ids that are not known here: the host's node is shown.
      var options = MountOptions()
      options.setRecursively = [.noSetUserID, .noExecute]
      for node in devices {
        planInternalBind(node.path, on: node.path, options, keyPath: "linux.devices (\(node.path))")
      }
    } else {
      for node in devices { plan.steps.append(.makeDevice(node)) }
    }
    for node in pipes { plan.steps.append(.makeDevice(node)) }
    for link in Self.defaultLinks { plan.steps.append(.link(path: link.path, target: link.target)) }
    plan.steps.append(.replaceNullStreams)
  }

  /// Nodes that the parent makes with the host's rights, for the container's user namespace: with the owner and mode that were
  /// asked for, and not the host's own, which all its programs share.
  private mutating func planPreparedDevices(_ nodes: [DeviceNode]) {
    plan.steps.append(.attachDevices)
    for node in nodes {
      plan.steps.append(.showDevice(node, source: plan.devices.count))
      var made = node
      made.userID = Self.outside(node.userID, spec.linux.uidMappings)
      made.groupID = Self.outside(node.groupID, spec.linux.gidMappings)
      plan.devices.append(made)
    }
    plan.steps.append(.detachDevices)
  }

  /// The host's number of an id; nobody's where the user namespace has no such id.
  private static func outside(_ id: UInt32, _ mappings: [RuntimeSpec.IDMapping]) -> UInt32 {
    let nobody: UInt32 = 65534
    let range = mappings.first { $0.containerID <= id && id - $0.containerID < $0.size }
    return range.map { $0.hostID &+ (id - $0.containerID) } ?? nobody
  }

  /// The path without doubled or closing slashes and without `.`; `..` is left to the kernel.
  static func cleaned(_ path: String) -> String {
    if isPlain(path) { return path }
    return "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  /// Whether a path is absolute and clean as it stands, as nearly all are: no slash is followed by another, by a dot or by nothing.
  static func isPlain(_ path: String) -> Bool {
    var follows = false
    for byte in path.utf8 {
      if follows, byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return false }
      follows = byte == UInt8(ascii: "/")
    }
    return path.utf8.first == UInt8(ascii: "/") && !follows
  }
}

extension LaunchPlanner {
  /// The path as it reads: without `.`, and with `..` taken back in the text. For rules about places, never to find one.
  static func normalized(_ path: String) -> String {
    if isPlain(path) { return path }
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." {
        _ = parts.popLast()
      } else {
        parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }
}

extension DeviceNode {
  /// A device of the spec, whose numbers were checked with it.
  init(_ device: RuntimeSpec.Device) {
    let type: FileType =
      switch device.type {
      case "b": .blockDevice
      case "p": .fifo
      default: .characterDevice
      }
    self.init(
      path: LaunchPlanner.cleaned(device.path), type: type, major: UInt32(clamping: device.major),
      minor: UInt32(clamping: device.minor), mode: (device.fileMode ?? 0o666) & 0o7777,
      userID: device.userID ?? 0, groupID: device.groupID ?? 0)
  }
}
