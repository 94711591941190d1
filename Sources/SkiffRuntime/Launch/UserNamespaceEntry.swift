internal import SkiffKernel
internal import SkiffSpec

/// An ordinary user's way to a container.
///
/// Such a user may make a user namespace and nothing else: everything a container is made of belongs to root. So the runtime
/// itself goes into the container's user namespace first, with a mount namespace to mount in, becomes root there and starts anew;
/// from then on it is in the place of a runtime that an engine without root has called from inside its own user namespace:
///
/// ```
/// user ─ reads config.json ─ unshare(user, mount) ─ maps ─ root in there ─ execve(itself) ─ makes the container as root does
///                                                    └ newuidmap, newgidmap: from a process that stayed outside
/// ```
///
/// It starts anew because the kernel counts a program as its user namespace's own from execve(2) on: before, its /proc files
/// belong to root outside, and the launch could not write to them.
enum UserNamespaceEntry {
  /// Tells the second start which namespace it was made for, and who the user is outside: `NUMBER:UID`. Only believed by a process
  /// that lives in that namespace.
  private static let marker = "SKIFF_RUNTIME_USER_NAMESPACE"

  /// Whether the caller needs to go this way.
  static var isNeeded: Bool { Credentials.effectiveUserID != 0 }

  /// Who this process was before it went this way; nil for one that did not.
  static var userOutside: UInt32? {
    guard let noted = ProcessEnvironment.value(named: marker)?.split(separator: ":"), noted.count == 2,
      let own = try? UserNamespace.number(), noted[0] == String(own)
    else { return nil }
    return UInt32(noted[1])
  }

  /// Makes or enters the user namespace that a new container asks for, and starts the program anew inside.
  static func enter(_ linux: RuntimeSpec.Linux, arguments: [String]) throws(LaunchError) -> Never {
    let userID = Credentials.effectiveUserID
    guard let namespace = linux.namespaces.first(where: { $0.type == .user }) else {
      throw LaunchError(
        "rootless container requires user namespaces: linux.namespaces has none"
          + " (skiff-runtime spec --rootless writes a configuration that has)")
    }
    if let path = namespace.path, !path.isEmpty {
      let handle = try LaunchResources.openNamespace(path)
      try enter(handle.descriptor, named: path)
    } else {
      try make(uids: linux.uidMappings, gids: linux.gidMappings)
    }
    try startAnew(arguments, of: userID)
  }

  /// Enters the user namespace of a running container, and starts the program anew inside.
  static func enter(containerOf record: ContainerRecord, arguments: [String]) throws(LaunchError) -> Never {
    let userID = Credentials.effectiveUserID
    try enterNamespace(of: record)
    try startAnew(arguments, of: userID)
  }

  private static func enterNamespace(of record: ContainerRecord) throws(LaunchError) {
    do throws(Errno) {
      let process = try record.openInit()
      try process.descriptor.enterNamespaces(.user)
    } catch {
      throw LaunchError("cannot enter the container's user namespace: \(error)")
    }
  }

  private static func enter(_ handle: Descriptor, named name: String) throws(LaunchError) {
    do throws(Errno) {
      try handle.enterNamespaces(.user)
      // Only in a mount namespace that belongs to it may its root copy what is mounted.
      try unshare(.mount)
    } catch {
      throw LaunchError("cannot enter the user namespace \(name): \(error)")
    }
  }

  private static func startAnew(_ arguments: [String], of userID: UInt32) throws(LaunchError) -> Never {
    do throws(Errno) {
      // Any other user would lose its rights in there by execve(2).
      try Credentials.setGroupID(0)
      try Credentials.setUserID(0)
      let environment = ProcessEnvironment.all().filter { !$0.hasPrefix("\(marker)=") }
      let note = "\(marker)=\(try UserNamespace.number()):\(userID)"
      try SelfProtection.startAnew(arguments: arguments, environment: environment + [note])
    } catch {
      throw LaunchError("cannot go on as root of the user namespace: \(error)")
    }
  }

  // MARK: A namespace of our own

  private static func make(
    uids: [RuntimeSpec.IDMapping], gids: [RuntimeSpec.IDMapping]
  ) throws(LaunchError) {
    let (userID, groupID) = (Credentials.effectiveUserID, Credentials.effectiveGroupID)
    // What the runtime keeps for the user must still be the user's when the runtime is root inside.
    try requireRoot(of: uids, toBe: userID, "linux.uidMappings")
    try requireRoot(of: gids, toBe: groupID, "linux.gidMappings")
    do throws(Errno) {
      if uids.count == 1, uids[0].size == 1, gids.count == 1, gids[0].size == 1 {
        try unshare([.user, .mount])
        return try writeOwnMaps(uids, gids)
      }
    } catch {
      throw LaunchError("cannot make a user namespace: \(error)")
    }
    let clerk = try MapClerk(uids: uids, gids: gids)
    do throws(Errno) {
      try unshare([.user, .mount])
    } catch {
      throw LaunchError("cannot make a user namespace: \(error)")
    }
    try clerk.writeMaps()
  }

  private static func requireRoot(
    of mappings: [RuntimeSpec.IDMapping], toBe id: UInt32, _ keyPath: String
  ) throws(LaunchError) {
    if mappings.contains(where: { $0.containerID == 0 && $0.hostID == id && $0.size > 0 }) { return }
    throw LaunchError("\(keyPath): the container's id 0 must be the caller's own, \(id), for a caller who is not root")
  }

  /// One id, the caller's own: the kernel allows that to everybody who gives up setgroups(2).
  private static func writeOwnMaps(
    _ uids: [RuntimeSpec.IDMapping], _ gids: [RuntimeSpec.IDMapping]
  ) throws(Errno) {
    let own = try ProcessFiles.open(ProcessControl.processID)
    let groups = try ProcessFiles.openFile("setgroups", beneath: own.descriptor, .writeOnly)
    try groups.descriptor.writeAll(Array("deny".utf8))
    try IDMaps.write(uids: uids, gids: gids, processFiles: own.descriptor)
  }
}

/// A process that stays outside and has the maps written from there: newuidmap(1) and newgidmap(1) know which ids are the user's.
private struct MapClerk: ~Copyable {
  private let line: FileDescriptor
  private let process: FileDescriptor

  init(uids: [RuntimeSpec.IDMapping], gids: [RuntimeSpec.IDMapping]) throws(LaunchError) {
    let programs = try (Self.find("newuidmap"), Self.find("newgidmap"))
    let target = String(ProcessControl.processID)
    do throws(Errno) {
      let pair = try UnixSocket.pair(.packet)
      switch try cloneProcess() {
      case .child:
        Self.serve(
          pair.takeSecond(), [Self.hook(programs.0, target, uids), Self.hook(programs.1, target, gids)])
      case .parent(_, let handle):
        line = pair.takeFirst()
        process = handle
      }
    } catch {
      throw LaunchError("cannot prepare the maps of the user namespace: \(error)")
    }
  }

  /// Has the maps of the calling process written.
  func writeMaps() throws(LaunchError) {
    let answer: String
    do throws(Errno) {
      try line.descriptor.send([1])
      var buffer = [UInt8](repeating: 0, count: 8192)
      let (count, _) = try line.descriptor.receive(into: &buffer)
      _ = try process.descriptor.waitForExit()
      guard count > 0 else { throw .brokenPipe }
      answer = String(decoding: buffer[1..<count], as: UTF8.self)
    } catch {
      throw LaunchError("cannot write the maps of the user namespace: \(error)")
    }
    if !answer.isEmpty { throw LaunchError("cannot write the maps of the user namespace: \(answer)") }
  }

  /// The other side: waits for the word, runs the programs, tells how it went.
  private static func serve(_ end: consuming FileDescriptor, _ programs: [RuntimeSpec.Hook]) -> Never {
    let line = Descriptor(end.release())
    var word: [UInt8] = [0]
    // The end of the line: whoever asked has gone.
    guard let (count, _) = try? line.receive(into: &word), count == 1 else { ProcessControl.exit(0) }
    var answer = ""
    for program in programs where answer.isEmpty {
      do throws(Errno) {
        if let failure = try HookRunner.run(program, state: [], HookRunner.Surroundings()) {
          answer = "\(program.path): \(failure)"
        }
      } catch {
        answer = "cannot run \(program.path): \(error)"
      }
    }
    // Nobody is left to be told if this fails.
    _ = try? line.send([0] + Array(answer.utf8))
    ProcessControl.exit(0)
  }

  private static func hook(_ path: String, _ target: String, _ mappings: [RuntimeSpec.IDMapping]) -> RuntimeSpec.Hook {
    var hook = RuntimeSpec.Hook()
    hook.path = path
    hook.arguments = [path, target] + mappings.flatMap { ["\($0.containerID)", "\($0.hostID)", "\($0.size)"] }
    return hook
  }

  private static func find(_ name: String) throws(LaunchError) -> String {
    let path = ProcessEnvironment.value(named: "PATH") ?? "/usr/bin:/bin"
    for directory in path.split(separator: ":") where directory.hasPrefix("/") {
      let candidate = "\(directory)/\(name)"
      guard let kernelPath = try? KernelPath(candidate),
        let status = try? Descriptor.workingDirectory.status(kernelPath, follow: true),
        status.type == .regular, status.permissions & 0o111 != 0
      else { continue }
      return candidate
    }
    throw LaunchError("\(name) is not in PATH: only it can map more ids than the caller's own (Debian: uidmap)")
  }
}
