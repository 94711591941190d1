import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What the container has of a mount (proc_pid_mountinfo(5)).
struct SeenMount: Equatable {
  var mountPoint: String
  /// Of this mount: ro, noexec, nodev, nosuid.
  var options: Set<String>
  var type: String

  /// Reads a table of mounts.
  static func parse(_ text: String) -> [SeenMount] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 8, let mark = fields.firstIndex(of: "-"), mark + 1 < fields.count else { return nil }
      return SeenMount(
        mountPoint: String(fields[4]), options: Set(fields[5].split(separator: ",").map(String.init)),
        type: String(fields[mark + 1]))
    }
  }

  /// The innermost mount that a path lies on; the last one made at a place is the one that is seen.
  static func over(_ path: String, _ mounts: [SeenMount]) -> SeenMount? {
    var found: SeenMount?
    for mount in mounts {
      let point = mount.mountPoint
      guard point == "/" || path == point || path.hasPrefix(point + "/") else { continue }
      if found.map({ $0.mountPoint.count <= point.count }) ?? true { found = mount }
    }
    return found
  }
}

/// Finds which defence refused a call. A value: what is needed to know was gathered before.
struct DenialJudge {
  let defences: Defences
  let mounts: [SeenMount]

  /// Nil where the refusal is no work of the container's defences, such as a program that asks whether it may.
  func judge(_ call: RefusedCall) -> Denial? {
    if let denial = filtered(call) { return denial }
    switch call.cause {
    case .readOnlyFileSystem: return readOnly(call)
    case .notPermitted, .accessDenied: return device(call) ?? mapped(call) ?? walled(call) ?? refused(call)
    case .invalidArgument: return unmappedID(call)
    case .overflow: return mapped(call)
    default: return nil
    }
  }

  // MARK: The filter

  private func filtered(_ call: RefusedCall) -> Denial? {
    guard let filter = defences.filter else { return nil }
    let verdict = filter.verdict(
      number: call.number, architecture: call.architecture, instruction: call.instruction, arguments: call.arguments)
    guard verdict & 0xFFFF_0000 == SeccompAction.errno, Int32(verdict & 0xFFFF) == call.cause.code else { return nil }
    // Of a call that merely does not exist, the C library makes an older one: that is none of a person's business.
    if call.cause == .noSystemCall { return nil }
    let own = defences.request.security.seccomp.map { $0 != "" } ?? false
    let why =
      own
      ? "the profile \(defences.request.security.seccomp ?? "") refuses it" : "the default seccomp profile refuses it"
    var flags: [String] = []
    if !own, let capability = capabilityOpening(call) { flags.append("--cap-add \(capability.dropFirst(4))") }
    flags.append("--security-opt seccomp=unconfined")
    return Denial(.seccomp, .seen, call.text, why: why, flags: flags)
  }

  /// The capability with which the default profile lets the call pass, and with which the kernel does: one that is needed for the
  /// call anyway, else the only one that helps.
  private func capabilityOpening(_ call: RefusedCall) -> String? {
    let present = defences.capabilities
    // The profile's calls by architecture are those of the machine's own.
    let architecture = Platform.current.architecture
    let candidates = CapabilityNames.all.filter { !present.contains($0) }
    let opening = candidates.filter { name in
      let profile = DefaultSeccompProfile.profile(capabilities: present.union([name]), architecture: architecture)
      guard let program = try? SeccompProgram.compile(profile) else { return false }
      let verdict = program.verdict(
        number: call.number, architecture: call.architecture, instruction: call.instruction,
        arguments: call.arguments)
      return SeccompAction.isPermissive(verdict)
    }
    if let needed = CapabilityNeed.of(call), opening.contains(needed) { return needed }
    return opening.first
  }

  // MARK: Places

  private func readOnly(_ call: RefusedCall) -> Denial? {
    guard let path = call.path else { return nil }
    if let denial = defences.denialOfWriting(path, .seen, call.text) { return denial }
    let point = SeenMount.over(path, mounts)?.mountPoint ?? "/"
    if let mask = defences.mask(over: path) {
      return Denial(
        .masked, .seen, call.text, why: "\(mask) is hidden in containers",
        flags: ["--security-opt systempaths=unconfined"])
    }
    return Denial(
      .readOnly, .candidate, call.text,
      why: "the file system at \(point) is read-only on the host, or was made so inside")
  }

  private func device(_ call: RefusedCall) -> Denial? {
    if call.name == "mknod" || call.name == "mknodat" { return madeDevice(call) }
    guard let node = call.places.last, node.path == call.path,
      ["open", "openat", "openat2", "creat"].contains(call.name)
    else { return nil }
    let kind: String
    switch node.status.type {
    case .characterDevice: kind = "c"
    case .blockDevice: kind = "b"
    default: return nil
    }
    let (major, minor) = (node.status.major, node.status.minor)
    if let mount = SeenMount.over(node.path, mounts), mount.options.contains("nodev") {
      return Denial(
        .mountOption, .seen, call.text, why: "devices on \(mount.mountPoint) cannot be used (nodev)",
        flags: ["--device \(HostDeviceNames.path(kind, major, minor) ?? node.path)"])
    }
    let accesses: [Character] = call.cause == .notPermitted ? ["r", "w"] : []
    guard accesses.contains(where: { !defences.allows(kind, major: major, minor: minor, access: $0) }) else {
      return nil
    }
    let rule = "--device-cgroup-rule \(kind) \(major):\(minor) rwm"
    let host = HostDeviceNames.path(kind, major, minor)
    return Denial(
      .device, .seen, call.text, why: "no device rule of the container allows \(kind) \(major):\(minor)",
      flags: (host.map { ["--device \($0)" + ($0 == node.path ? "" : ":\(node.path)")] } ?? []) + [rule])
  }

  /// mknod(2) asks for the capability first, then for the device rule.
  private func madeDevice(_ call: RefusedCall) -> Denial? {
    let place = call.name == "mknodat" ? 2 : 1
    guard call.arguments.count > place + 1, call.process.has("CAP_MKNOD") else { return nil }
    let kind: String
    switch FileType(rawValue: UInt32(truncatingIfNeeded: call.arguments[place]) & 0o170000) {
    case .characterDevice: kind = "c"
    case .blockDevice: kind = "b"
    default: return nil
    }
    let number = call.arguments[place + 1]
    let (major, minor) = (DeviceNumber.major(number), DeviceNumber.minor(number))
    guard !defences.allows(kind, major: major, minor: minor, access: "m") else { return nil }
    return Denial(
      .device, .seen, call.text, why: "no device rule of the container lets \(kind) \(major):\(minor) be made",
      flags: ["--device-cgroup-rule \(kind) \(major):\(minor) rwm"])
  }

  // MARK: Ids

  /// Changing to, or giving a file to, an id that the user namespace does not have.
  private func unmappedID(_ call: RefusedCall) -> Denial? {
    guard defences.hasUserNamespace else { return nil }
    let first: Int
    switch call.name {
    case "chown", "lchown", "fchown": first = 1
    case "fchownat": first = 2
    case "setuid", "setgid", "setresuid", "setresgid", "setreuid", "setregid": first = 0
    default: return nil
    }
    let isGroup = call.name.hasSuffix("gid")
    let unset = UInt32.max
    let ids = call.arguments.dropFirst(first).prefix(call.name.hasSuffix("uid") || isGroup ? 1 : 2)
      .map { UInt32(truncatingIfNeeded: $0) }
    for (index, id) in ids.enumerated() where id != unset {
      let isKnown = isGroup || index == 1 ? defences.hasGroup(id) : defences.hasUser(id)
      guard !isKnown else { continue }
      return Denial(
        .idMap, .seen, call.text, why: "the container's user namespace has no id \(id)", flags: ["--userns host"])
    }
    return nil
  }

  /// Files of users that the container's user namespace does not have belong to nobody there, and nobody's rights reach them.
  private func mapped(_ call: RefusedCall) -> Denial? {
    guard defences.hasUserNamespace else { return nil }
    guard let place = barrier(call) ?? call.places.last, defences.inside(place.status.userID) == nil else {
      return nil
    }
    // Whoever has the mode's leave needs no owner.
    return Denial(
      .idMap, .seen, call.text,
      why: "\(place.path) belongs to user \(place.status.userID) of the host, whom the container's user namespace does"
        + " not have", flags: ["--userns host"])
  }

  /// The kernel asks these rules last: what owner and mode forbid is told of first.
  private func walled(_ call: RefusedCall) -> Denial? {
    guard call.cause == .accessDenied, let rules = try? LandlockOption.read(defences.request.landlockRules).rules else {
      return nil
    }
    let limitsPorts = ["bind": rules.binds != nil, "connect": rules.connects != nil]
    if limitsPorts[call.name] == true {
      return Denial(
        .landlock, .candidate, call.text, why: "no rule of --landlock lets it \(call.name) this port",
        flags: ["--landlock \(call.name)=PORT"])
    }
    guard let path = call.path, barrier(call) == nil else { return nil }
    let writing = accessWanted(call) & 2 != 0
    guard !rules.allows(path, writing: writing) else { return nil }
    // A rule is for what is there.
    let place = call.places.last?.path ?? path
    return Denial(
      .landlock, .seen, call.text,
      why: rules.allows(path, writing: false)
        ? "the rules of --landlock let \(path) only be read" : "no rule of --landlock reaches \(path)",
      flags: ["--landlock \(writing ? "rw" : "ro")=\(place)"])
  }

  // MARK: Rights

  private func refused(_ call: RefusedCall) -> Denial? {
    if call.name == "execve" || call.name == "execveat", let denial = execution(call) { return denial }
    let user = defences.inside(call.process.userID) ?? call.process.userID
    if let capability = CapabilityNeed.of(call), !call.process.has(capability) {
      // Of a file that simply is not the process's: root passes with the capability, others have better ways.
      if call.cause == .accessDenied, call.path != nil, user != 0 { return permissions(call, user) }
      let name = String(capability.dropFirst(4))
      if user == 0 {
        return Denial(
          .capability, .seen, call.text, why: "the container does not have \(capability)",
          flags: ["--cap-add \(name)"])
      }
      let isHeld = defences.capabilities.contains(capability)
      return Denial(
        .capability, .seen, call.text,
        why: "user \(user) has no capabilities" + (isHeld ? "" : ", and the container does not have \(capability)"),
        flags: [isHeld ? "--user 0" : "--user 0 --cap-add \(name)"])
    }
    if call.cause == .accessDenied, call.path != nil { return permissions(call, user) }
    return unknown(call)
  }

  private func execution(_ call: RefusedCall) -> Denial? {
    guard let path = call.path, let place = call.places.last, place.path == path else { return nil }
    if let mount = SeenMount.over(path, mounts), mount.options.contains("noexec") {
      let asked = defences.request.mounts.first { SpecComposer.cleaned($0.destination) == mount.mountPoint }
      let isMemory = asked.map { $0.source == .tmpfs } ?? false
      return Denial(
        .mountOption, .seen, call.text, why: "programs on \(mount.mountPoint) cannot be executed (noexec)",
        flags: isMemory ? ["--tmpfs \(mount.mountPoint):exec"] : [])
    }
    guard place.status.permissions & 0o111 == 0, place.status.type == .regular else { return nil }
    return Denial(
      .permissions, .seen, call.text, why: "\(path) is not executable for anybody: chmod +x in the image or volume")
  }

  /// The first place on the way to a path that the process may not pass, or the last one.
  private func barrier(_ call: RefusedCall) -> PathPlace? {
    for place in call.places {
      let isLast = place.path == call.path
      // Search a directory on the way; read or write what is at the end.
      let wanted: UInt32 = isLast ? accessWanted(call) : 1
      if !Self.permits(place.status, call.process, wanted) { return place }
    }
    return nil
  }

  private func accessWanted(_ call: RefusedCall) -> UInt32 {
    let place = ["openat": 2, "open": 1][call.name]
    guard let place, call.arguments.count > place else { return call.name.hasPrefix("exec") ? 1 : 2 }
    switch call.arguments[place] & 3 {
    case 0: return 4
    case 1: return 2
    default: return 6
    }
  }

  private static func permits(_ status: FileStatus, _ process: ProcessRights, _ wanted: UInt32) -> Bool {
    let shift: UInt32 =
      status.userID == process.userID ? 6 : process.groupIDs.contains(status.groupID) ? 3 : 0
    return status.permissions >> shift & wanted == wanted
  }

  private func permissions(_ call: RefusedCall, _ user: UInt32) -> Denial? {
    guard let place = barrier(call) else { return unknown(call) }
    let owner = defences.inside(place.status.userID)
    let mode = String(place.status.permissions, radix: 8)
    return Denial(
      .permissions, .seen, call.text,
      why:
        "\(place.path) belongs to user \(owner.map(String.init) ?? "nobody") with mode \(mode); the process is user \(user)",
      flags: owner.map { ["--user \($0)"] } ?? [])
  }

  /// Refused although everything that is known lets it pass.
  private func unknown(_ call: RefusedCall) -> Denial? {
    if defences.hasUserNamespace {
      return Denial(
        .idMap, .candidate, call.text,
        why: "the rights of the container end where its user namespace ends", flags: ["--userns host"])
    }
    if let profile = defences.spec.process?.apparmorProfile {
      return Denial(
        .unknown, .candidate, call.text, why: "the AppArmor profile \(profile) may refuse it",
        flags: ["--security-opt apparmor=unconfined"])
    }
    // Without a path or a known need a refusal is mostly a program's question, such as prctl(2)'s.
    guard call.path != nil || CapabilityNeed.of(call) != nil else { return nil }
    return Denial(
      .unknown, .candidate, call.text,
      why:
        "no defence of the container's is known to refuse it: the kernel, a file's attributes or a security module do")
  }
}

/// The names of the host's devices.
enum HostDeviceNames {
  /// The path of a device on the host by its numbers; nil where the host has none.
  static func path(_ kind: String, _ major: UInt32, _ minor: UInt32) -> String? {
    let file = "/sys/dev/\(kind == "b" ? "block" : "char")/\(major):\(minor)/uevent"
    guard let text = SmallFile.text(file) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("DEVNAME=") {
      let path = "/dev/" + line.dropFirst(8)
      return SmallFile.exists(path) ? path : nil
    }
    return nil
  }
}
