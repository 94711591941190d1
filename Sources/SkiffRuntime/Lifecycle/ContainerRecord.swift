package import SkiffKernel
internal import SkiffSpec

/// What the runtime remembers of a container between two commands; the rest is asked of the kernel each time.
package struct ContainerRecord: Equatable, Sendable {
  package var id: String
  package var bundlePath: String
  package var rootPath: String
  /// RFC 3339.
  package var created: String
  /// The first process, as numbered here; 0 before there is one.
  package var processID: Int32 = 0
  /// When it started, in clock ticks since boot: a later process of the same number has another (proc_pid_stat(5), field 22).
  package var startTicks: UInt64 = 0
  /// The program that waits in a container's place until it is started, to be told from the container's own.
  package var launcherDevice: UInt64 = 0
  package var launcherInode: UInt64 = 0
  package var namespaces: NamespaceFlags = []
  package var cgroup: CgroupRecord?
  /// Where systemd made the group.
  package var unit: SystemdUnit?
  package var resourceControl: ResourceControlRecord?
  package var annotations: [String: String] = [:]
  package var ownerID: UInt32 = 0
  /// Whether something is to be run after the end: only then its removal reads the configuration again.
  package var hasPoststopHooks = true
  /// Whether it has a session keyring of its own, which later processes join.
  package var hasKeyring = false

  package init(id: String, bundlePath: String, rootPath: String, created: String) {
    self.id = id
    self.bundlePath = bundlePath
    self.rootPath = rootPath
    self.created = created
  }
}

extension ContainerRecord {
  package func serialized() -> [UInt8] {
    var members: [(String, JSONValue)] = [
      ("id", .string(id)), ("bundle", .string(bundlePath)), ("rootfs", .string(rootPath)),
      ("created", .string(created)), ("pid", .integer(Int64(processID))),
      ("startTicks", .integer(Int64(clamping: startTicks))),
      ("launcherDevice", .string(String(launcherDevice))), ("launcherInode", .string(String(launcherInode))),
      ("namespaces", .integer(Int64(clamping: namespaces.rawValue))), ("owner", .integer(Int64(ownerID))),
      ("hasKeyring", .bool(hasKeyring)),
    ]
    members.append(
      ("annotations", .object(JSONObject(annotations.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))))
    if !hasPoststopHooks { members.append(("poststop", .bool(false))) }
    if let cgroup { members.append(("cgroup", cgroup.json)) }
    if let unit {
      members.append(("unit", ["name": .string(unit.name), "isUser": .bool(unit.isUser)]))
    }
    if let resourceControl { members.append(("resourceControl", resourceControl.json)) }
    return JSONValue.object(JSONObject(members)).serialized()
  }

  /// Nil where the text is not a record: then the container is one whose creation was cut short.
  package init?(parsing bytes: [UInt8]) {
    guard let json = try? JSONValue.parse(bytes), let id = json["id"]?.string, let bundle = json["bundle"]?.string,
      let root = json["rootfs"]?.string, let created = json["created"]?.string,
      let processID = json["pid"]?.integer.flatMap({ Int32(exactly: $0) })
    else { return nil }
    self.init(id: id, bundlePath: bundle, rootPath: root, created: created)
    self.processID = processID
    startTicks = json["startTicks"]?.integer.flatMap { UInt64(exactly: $0) } ?? 0
    launcherDevice = json["launcherDevice"]?.string.flatMap { UInt64($0) } ?? 0
    launcherInode = json["launcherInode"]?.string.flatMap { UInt64($0) } ?? 0
    namespaces = NamespaceFlags(rawValue: json["namespaces"]?.integer.flatMap { UInt64(exactly: $0) } ?? 0)
    ownerID = json["owner"]?.integer.flatMap { UInt32(exactly: $0) } ?? 0
    hasPoststopHooks = json["poststop"]?.bool ?? true
    resourceControl = json["resourceControl"].flatMap { ResourceControlRecord($0) }
    hasKeyring = json["hasKeyring"]?.bool ?? false
    for (key, value) in json["annotations"]?.object?.members ?? [] { annotations[key] = value.string }
    cgroup = json["cgroup"].flatMap { CgroupRecord($0) }
    if let name = json["unit"]?["name"]?.string, let isUser = json["unit"]?["isUser"]?.bool {
      unit = SystemdUnit(name: name, isUser: isUser)
    }
  }
}

/// What a container is doing (runtime.md "State"; paused as runc says it).
public enum ContainerStatus: String, Equatable, Sendable {
  case creating, created, running, paused, stopped
}

extension ContainerRecord {
  /// Whether its processes keep the supplementary groups of whoever calls the runtime: podman's `--group-add keep-groups`,
  /// by the name that crun gave it.
  var keepsCallersGroups: Bool { annotations["run.oci.keep_original_groups"] == "1" }

  /// Computed from the kernel: a process that has ended, or whose number belongs to another by now, is a stopped container.
  package func status() -> ContainerStatus {
    if processID == 0 { return .creating }
    guard let facts = ProcessFacts(processID), facts.startTicks == startTicks, !facts.hasEnded else { return .stopped }
    // One that is created can be paused, too: whoever asked it something would wait for the answer.
    if let cgroup, (try? cgroup.isFrozen()) == true { return .paused }
    return isWaitingForStart ? .created : .running
  }

  /// Whether the process still runs the launcher.
  private var isWaitingForStart: Bool {
    do throws(Errno) {
      let program = try Descriptor.workingDirectory.status(try KernelPath("/proc/\(processID)/exe"), follow: true)
      return program.device == launcherDevice && program.inode == launcherInode
    } catch {
      // An ordinary user may look at the container's programs, which are of the user's own user namespace, but not at the
      // launcher, which hides from the container.
      return error == .accessDenied && UserNamespaceEntry.isNeeded
    }
  }

  /// Whether the first process is number 1 of a PID namespace, whose others end with it. One that has gone took them along if
  /// there was such a namespace, so nothing can be wrong about it then.
  var ownsProcessNumbers: Bool {
    guard namespaces.contains(.pid) else { return false }
    guard let path = try? KernelPath("/proc/\(processID)/status"),
      let file = try? Descriptor.workingDirectory.open(path, .readOnly),
      let bytes = try? file.descriptor.readToEnd(limitBytes: 65536)
    else { return false }
    let line = bytes.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "NSpid:".utf8) }
    return line?.split(separator: UInt8(ascii: "\t")).last.map { $0.elementsEqual("1".utf8) } ?? false
  }

  /// A handle on the first process, if it is still the one that was started.
  package func openInit() throws(Errno) -> FileDescriptor {
    let handle = try openProcess(processID)
    // Asked after the handle was taken: from here on the number cannot come to mean another.
    guard let facts = ProcessFacts(processID), facts.startTicks == startTicks, !facts.hasEnded else {
      throw .noSuchProcess
    }
    return handle
  }
}

/// What /proc tells of a process (proc_pid_stat(5)).
package struct ProcessFacts: Equatable, Sendable {
  package let startTicks: UInt64
  /// A zombie: it has ended, only nobody has asked how.
  package let hasEnded: Bool

  /// Nil where there is no such process.
  package init?(_ processID: Int32) {
    guard let path = try? KernelPath("/proc/\(processID)/stat"),
      let file = try? Descriptor.workingDirectory.open(path, .readOnly)
    else { return nil }
    var buffer = [UInt8](repeating: 0, count: 1024)
    guard let count = try? file.descriptor.read(into: &buffer) else { return nil }
    // The name stands in parentheses and may hold anything, parentheses too.
    guard let close = buffer[..<count].lastIndex(of: UInt8(ascii: ")")) else { return nil }
    // State is the first field after it, the start the twentieth (proc_pid_stat(5), 3 and 22).
    guard close + 2 < count else { return nil }
    let state = buffer[close + 2]
    var (field, ticks, digits) = (0, UInt64(0), 0)
    for byte in buffer[(close + 1)..<count] {
      if byte == UInt8(ascii: " ") {
        if field == 20 { break }
        field += 1
      } else if field == 20 {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 19 else { return nil }
        ticks = ticks * 10 + UInt64(byte - UInt8(ascii: "0"))
        digits += 1
      }
    }
    guard digits > 0 else { return nil }
    startTicks = ticks
    hasEnded = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
  }
}

/// The time of day as records tell it (RFC 3339, UTC, nanoseconds).
enum WallClock {
  static func now() -> String { text(ClockTime.now()) }

  static func text(_ time: ClockTime) -> String {
    Timestamp(seconds: time.seconds, nanoseconds: time.nanoseconds).text
  }
}

extension ContainerRecord {
  /// The container's state as hooks and `state` give it (runtime.md "State").
  func stateJSON(_ status: ContainerStatus, version: String) -> [UInt8] {
    JSONValue.object(JSONObject(stateMembers(status, version: version))).serialized()
  }

  func stateMembers(_ status: ContainerStatus, version: String) -> [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [
      ("ociVersion", .string(version)), ("id", .string(id)),
      ("pid", .integer(status == .stopped ? 0 : Int64(processID))), ("status", .string(status.rawValue)),
      ("bundle", .string(bundlePath)), ("rootfs", .string(rootPath)), ("created", .string(created)),
    ]
    if !annotations.isEmpty { members.append(("annotations", JSONValue(annotations))) }
    members.append(("owner", .string(ownerID == 0 ? "root" : "")))
    return members
  }
}
