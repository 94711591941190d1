import SkiffRuntime
import SkiffSpec

/// Everything that keeps a container from something, as it was made.
struct Defences {
  let spec: RuntimeSpec
  let request: RunRequest
  /// The compiled filter; nil where there is none.
  let filter: SeccompProgram?

  init(spec: RuntimeSpec, request: RunRequest) throws(EngineError) {
    self.spec = spec
    self.request = request
    do throws(SeccompError) {
      filter = try spec.linux.seccomp.map { (profile) throws(SeccompError) in try SeccompProgram.compile(profile) }
    } catch {
      throw .damaged(thing: "the container's system call filter", reason: "\(error)")
    }
  }

  /// Names of the capabilities that the container's processes can have.
  var capabilities: Set<String> { Set(spec.process?.capabilities?.bounding ?? []) }

  var hasUserNamespace: Bool { !spec.linux.uidMappings.isEmpty }

  // MARK: Places

  /// What a path in the container lies on, by the configuration alone.
  func denialOfWriting(_ path: String, _ certainty: Denial.Certainty = .seen, _ what: String) -> Denial? {
    func covers(_ place: String) -> Bool { place == "/" || path == place || path.hasPrefix(place + "/") }
    if let place = spec.linux.readonlyPaths.filter(covers).max(by: { $0.count < $1.count }) {
      var flags: [String] = []
      if let name = Self.sysctl(path) { flags.append("--sysctl \(name)=VALUE") }
      flags.append("--security-opt systempaths=unconfined")
      return Denial(.readOnly, certainty, what, why: "\(place) is read-only in containers", flags: flags)
    }
    let mount = spec.mounts.filter { covers(SpecComposer.cleaned($0.destination)) }
      .max { $0.destination.count < $1.destination.count }
    if let mount {
      guard mount.options.contains("ro") else { return nil }
      let isOurs = ["/sys", "/sys/fs/cgroup", "/proc"].contains(mount.destination)
      let flag = isOurs ? "--privileged" : "-v \(mount.source ?? ""):\(mount.destination):rw"
      return Denial(
        .readOnly, certainty, what, why: "\(mount.destination) is mounted read-only", flags: [flag])
    }
    guard spec.root?.isReadOnly == true else { return nil }
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    return Denial(
      .readOnly, certainty, what, why: "the container's root file system is read-only (--read-only)",
      flags: ["--read-only=false"] + (directory.isEmpty ? [] : ["-v \(directory)"]))
  }

  /// The dotted name of a setting that belongs to a namespace of the container's; nil for others.
  private static func sysctl(_ path: String) -> String? {
    guard path.hasPrefix("/proc/sys/") else { return nil }
    let name = String(path.dropFirst(10).map { $0 == "/" ? "." : $0 })
    return name.hasPrefix("net.") || name.hasPrefix("fs.mqueue.") || name.hasPrefix("kernel.msg")
      || name.hasPrefix("kernel.sem") || name.hasPrefix("kernel.shm") ? name : nil
  }

  /// The masked path that a path lies in.
  func mask(over path: String) -> String? {
    spec.linux.maskedPaths.first { path == $0 || path.hasPrefix($0 + "/") }
  }

  /// Whether the container may use a device so.
  func allows(_ device: String, major: UInt32, minor: UInt32, access: Character) -> Bool {
    var isAllowed = false
    for rule in spec.linux.resources?.devices ?? [] {
      guard rule.type ?? "a" == "a" || rule.type == device else { continue }
      if let number = rule.major, number != -1, number != Int64(major) { continue }
      if let number = rule.minor, number != -1, number != Int64(minor) { continue }
      guard rule.access?.contains(access) ?? true else { continue }
      isAllowed = rule.allow
    }
    return isAllowed
  }

  // MARK: Ids

  /// The id inside for one of the host; nil where the container has none for it.
  func inside(_ hostID: UInt32) -> UInt32? {
    guard hasUserNamespace else { return hostID }
    for range in spec.linux.uidMappings {
      let (offset, isBelow) = hostID.subtractingReportingOverflow(range.hostID)
      if !isBelow, offset < range.size { return range.containerID &+ offset }
    }
    return nil
  }

  func hasUser(_ id: UInt32) -> Bool { Self.covers(spec.linux.uidMappings, id) }
  func hasGroup(_ id: UInt32) -> Bool { Self.covers(spec.linux.gidMappings, id) }

  private static func covers(_ ranges: [RuntimeSpec.IDMapping], _ id: UInt32) -> Bool {
    ranges.isEmpty
      || ranges.contains { $0.containerID <= id && UInt64(id) < UInt64($0.containerID) + UInt64($0.size) }
  }
}
