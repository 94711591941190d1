extension SpecValidator {
  /// Lines that the kernel takes in one id map (user_namespaces(7)).
  private static let mappingLimit = 340

  mutating func checkLinux(_ linux: RuntimeSpec.Linux) {
    checkNamespaces(linux.namespaces)
    checkMappings(linux.uidMappings, at: "linux.uidMappings")
    checkMappings(linux.gidMappings, at: "linux.gidMappings")
    checkTimeOffsets(linux.timeOffsets)
    checkDevices(linux.devices)
    checkNetDevices(linux.netDevices)
    if let resources = linux.resources { check(resources, at: "linux.resources") }
    if let rdt = linux.intelRdt { check(rdt) }
    if let seccomp = linux.seccomp { check(seccomp, at: "linux.seccomp") }
    for (index, path) in linux.maskedPaths.enumerated() { requireAbsolute(path, "linux.maskedPaths[\(index)]") }
    for (index, path) in linux.readonlyPaths.enumerated() { requireAbsolute(path, "linux.readonlyPaths[\(index)]") }
    if let propagation = linux.rootfsPropagation, !propagation.isEmpty {
      require(
        RuntimeSpec.Linux.knownPropagations.contains(propagation), "linux.rootfsPropagation",
        "rootfsPropagation=\(SpecKeyPath.quoted(propagation)) is not supported")
    }
    if let personality = linux.personality {
      require(
        RuntimeSpec.Personality.knownDomains.contains(personality.domain), "linux.personality.domain",
        "invalid personality domain: \(SpecKeyPath.quoted(personality.domain))")
      require(personality.flags.isEmpty, "linux.personality.flags", "the spec defines no flags yet")
    }
    if let policy = linux.memoryPolicy { check(policy) }
  }

  private mutating func checkNamespaces(_ namespaces: [RuntimeSpec.Namespace]) {
    var seen: Set<RuntimeSpec.NamespaceType> = []
    for (index, namespace) in namespaces.enumerated() {
      func here() -> String { "linux.namespaces[\(index)]" }
      require(seen.insert(namespace.type).inserted, "\(here()).type", "duplicated ns \(namespace.type.rawValue)")
      if let path = namespace.path { requireAbsolute(path, "\(here()).path") }
    }
  }

  mutating func checkMappings(_ mappings: [RuntimeSpec.IDMapping], at keyPath: @autoclosure () -> String) {
    require(mappings.count <= Self.mappingLimit, keyPath(), "more than \(Self.mappingLimit) ranges")
    guard mappings.count <= Self.mappingLimit else { return }
    for (index, mapping) in mappings.enumerated() {
      func here() -> String { "\(keyPath())[\(index)]" }
      require(mapping.size > 0, "\(here()).size", "must be more than 0")
      // The last id is 0xFFFFFFFE, so that a range may end at 0xFFFFFFFF at most, itself not counted.
      let inside = UInt64(mapping.containerID) + UInt64(mapping.size)
      let outside = UInt64(mapping.hostID) + UInt64(mapping.size)
      require(max(inside, outside) <= UInt64(UInt32.max), here(), "goes beyond the highest id")
      for (other, earlier) in mappings[..<index].enumerated() {
        if overlaps(mapping.containerID, mapping.size, earlier.containerID, earlier.size) {
          refuse("\(here()).containerID", "overlaps with range \(other)")
        }
        if overlaps(mapping.hostID, mapping.size, earlier.hostID, earlier.size) {
          refuse("\(here()).hostID", "overlaps with range \(other)")
        }
      }
    }
  }

  private func overlaps(_ first: UInt32, _ size: UInt32, _ other: UInt32, _ otherSize: UInt32) -> Bool {
    UInt64(first) < UInt64(other) + UInt64(otherSize) && UInt64(other) < UInt64(first) + UInt64(size)
  }

  private mutating func checkTimeOffsets(_ offsets: [String: RuntimeSpec.TimeOffset]) {
    for (clock, offset) in offsets.sorted(by: { $0.key < $1.key }) {
      func here() -> String { SpecKeyPath.joined("linux.timeOffsets", clock) }
      require(clock == "monotonic" || clock == "boottime", here(), "the clock is neither monotonic nor boottime")
      require(offset.nanoseconds < 1_000_000_000, "\(here()).nanosecs", "must be below 1000000000")
    }
  }

  private mutating func checkDevices(_ devices: [RuntimeSpec.Device]) {
    for (index, device) in devices.enumerated() {
      func here() -> String { "linux.devices[\(index)]" }
      requireAbsolute(device.path, "\(here()).path")
      switch device.type {
      case "c", "u", "b":
        require((0...0xFFF).contains(device.major), "\(here()).major", "must be between 0 and 4095")
        require((0...0xFFFFF).contains(device.minor), "\(here()).minor", "must be between 0 and 1048575")
      case "p": break
      default: refuse("\(here()).type", "invalid device type: \(SpecKeyPath.quoted(device.type))")
      }
      require(device.userID != .max, "\(here()).uid", "4294967295 is not an id")
      require(device.groupID != .max, "\(here()).gid", "4294967295 is not an id")
    }
  }

  private mutating func checkNetDevices(_ devices: [String: RuntimeSpec.NetDevice]) {
    var names: Set<String> = []
    for (hostName, device) in devices.sorted(by: { $0.key < $1.key }) {
      func here() -> String { SpecKeyPath.joined("linux.netDevices", hostName) }
      require(Self.isInterfaceName(hostName), here(), "invalid network device name \(SpecKeyPath.quoted(hostName))")
      let inside = device.name ?? hostName
      require(
        Self.isInterfaceName(inside), "\(here()).name", "invalid network device name \(SpecKeyPath.quoted(inside))")
      require(names.insert(inside).inserted, "\(here()).name", "two network devices would be named \(inside)")
    }
  }

  /// What the kernel takes for the name of an interface (dev_valid_name).
  static func isInterfaceName(_ name: String) -> Bool {
    guard (1...15).contains(name.utf8.count), name != ".", name != ".." else { return false }
    return name.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") && $0 != 0x7F }
  }

  private mutating func check(_ rdt: RuntimeSpec.IntelRdt) {
    if let identifier = rdt.closID {
      // A slash alone is the class that every process is in without a word.
      let isName =
        identifier.isEmpty || identifier == "/"
        || identifier != "." && identifier != ".."
          && !identifier.utf8.contains(UInt8(ascii: "/")) && !identifier.utf8.contains(0x0A)
      require(isName, "linux.intelRdt.closID", "invalid intelRdt.closID \(SpecKeyPath.quoted(identifier))")
    }
    for (index, line) in rdt.schemata.enumerated() {
      require(!line.utf8.contains(0x0A), "linux.intelRdt.schemata[\(index)]", "must be one line")
    }
  }

  private mutating func check(_ policy: RuntimeSpec.MemoryPolicy) {
    require(
      RuntimeSpec.MemoryPolicy.knownModes.contains(policy.mode), "linux.memoryPolicy.mode",
      "invalid memory policy mode: \(SpecKeyPath.quoted(policy.mode))")
    requireKnown(policy.flags, among: RuntimeSpec.MemoryPolicy.knownFlags, "linux.memoryPolicy.flags") {
      "invalid memory policy flag: \($0)"
    }
    require(
      policy.nodes.isEmpty || Self.isNumberList(policy.nodes), "linux.memoryPolicy.nodes",
      "invalid memory policy node in \(SpecKeyPath.quoted(policy.nodes)): not a list such as 0-3,7")
    let takesNoNodes = policy.mode == "MPOL_DEFAULT" || policy.mode == "MPOL_LOCAL"
    require(
      !takesNoNodes || policy.nodes.isEmpty, "linux.memoryPolicy.nodes",
      "\(policy.mode) mode requires 0 nodes but got \(Self.count(ofNumberList: policy.nodes))")
    require(
      takesNoNodes || policy.mode == "MPOL_PREFERRED" || !policy.nodes.isEmpty, "linux.memoryPolicy.nodes",
      "\(policy.mode) needs at least one node")
  }
}

// MARK: What only a namespace of the container's own makes possible

extension SpecValidator {
  mutating func checkNamespaceNeeds(of spec: RuntimeSpec) {
    let linux = spec.linux
    func has(_ type: RuntimeSpec.NamespaceType) -> Bool { linux.namespaces.contains { $0.type == type } }

    if !has(.uts) {
      require((spec.hostname ?? "").isEmpty, "hostname", "unable to set hostname without a private UTS namespace")
      require((spec.domainname ?? "").isEmpty, "domainname", "unable to set domainname without a private UTS namespace")
    }
    if !has(.mount) {
      let isRestricting = !linux.maskedPaths.isEmpty || !linux.readonlyPaths.isEmpty
      require(!isRestricting, "linux", "unable to restrict sys entries without a private MNT namespace")
    }
    let maps = !linux.uidMappings.isEmpty || !linux.gidMappings.isEmpty
    if let user = linux.namespaces.first(where: { $0.type == .user }) {
      // With neither the runtime takes the caller's own ids.
      if user.path == nil, maps {
        require(!linux.uidMappings.isEmpty, "linux.uidMappings", "a new user namespace needs both mappings")
        require(!linux.gidMappings.isEmpty, "linux.gidMappings", "a new user namespace needs both mappings")
      }
    } else {
      let message = "user namespace mappings specified, but user namespace isn't enabled in the config"
      require(linux.uidMappings.isEmpty, "linux.uidMappings", message)
      require(linux.gidMappings.isEmpty, "linux.gidMappings", message)
    }
    require(
      has(.time) || linux.timeOffsets.isEmpty, "linux.timeOffsets",
      "time namespace offsets specified, but time namespace isn't enabled in the config")
    let joinsTime = linux.namespaces.contains { $0.type == .time && $0.path != nil }
    require(
      !joinsTime || linux.timeOffsets.isEmpty, "linux.timeOffsets",
      "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one")
    require(
      has(.network) || linux.netDevices.isEmpty, "linux.netDevices",
      "unable to move network devices without a private NET namespace")
    checkSysctls(linux.sysctl, domainname: spec.domainname, has: has)
  }
}
