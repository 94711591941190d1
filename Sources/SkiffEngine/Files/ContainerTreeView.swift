import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// The files of a container as it sees them, for a process of the host: an open directory that stands for the container's root.
///
/// Of a container that lives it is the root that its first process has, with everything that is mounted there. One that does not run is
/// put together for the purpose by a mount that is attached nowhere, and stays taken meanwhile: its tree has one user at a time.
/// Either way a path is resolved beneath it by the kernel (openat2(2), RESOLVE_IN_ROOT), whatever links the container has laid.
final class ContainerTreeView {
  let name: String
  let isAlive: Bool
  /// How ids inside relate to ids outside; empty where they are the same.
  let users: [RuntimeSpec.IDMapping]
  let groups: [RuntimeSpec.IDMapping]
  private let root: FileDescriptor
  /// Of a container that does not run: where its volumes and directories of the host belong.
  private let mounts: [MountRecord]
  private let isReadOnly: Bool
  private let taken: ContainerDirectory?

  /// - Parameter text: a container by name or id.
  init(_ engine: Engine, _ text: String) throws(EngineError) {
    let id = try engine.containers.find(text)
    let directory = try engine.containers.open(id: id)
    let record = try directory.record()
    let linux = try engine.specification(in: directory).linux
    name = record.name
    users = linux.uidMappings
    groups = linux.gidMappings
    isReadOnly = record.request.isReadOnly
    var living = try Self.livingRoot(engine, id)
    if living == nil {
      try engine.take(directory)
      // Started while we waited?
      living = try Self.livingRoot(engine, id)
    }
    if let root = living.take() {
      self.root = root
      mounts = []
      isAlive = true
      taken = nil
      return
    }
    do throws(LaunchError) {
      root = try record.rootfs.source(isVolatile: record.request.removesItself).makeTree(
        uids: linux.uidMappings, gids: linux.gidMappings)
    } catch {
      throw .refused(error.description)
    }
    mounts = record.mounts.filter { $0.hostPath != nil }
    isAlive = false
    taken = consume directory
  }

  /// The root of a container's first process; nil where it does not run.
  private static func livingRoot(_ engine: Engine, _ id: String) throws(EngineError) -> FileDescriptor? {
    guard let processID = try engine.runningProcess(id) else { return nil }
    let root: FileDescriptor
    do throws(Errno) {
      root = try Descriptor.workingDirectory.open(
        try KernelPath("/proc/\(processID)/root"), [.pathOnly, .directory])
    } catch {
      if error == .notFound || error == .noSuchProcess { return nil }
      throw .kernel(act: "open the root of", thing: "container \(ContainerIdentity.short(id))", cause: error)
    }
    // The number could have come to mean another process before it was opened, not after.
    guard try engine.runningProcess(id) == processID else { return nil }
    return root
  }

  var descriptor: Descriptor { root.descriptor }

  /// The ids of the container's root on the host.
  var rootOwner: (user: UInt32, group: UInt32) {
    (
      users.first { $0.containerID == 0 }?.hostID ?? 0, groups.first { $0.containerID == 0 }?.hostID ?? 0
    )
  }

  /// Finds what a path names.
  ///
  /// - Parameters:
  ///   - path: absolute, as the container has it.
  ///   - follows: whether a symbolic link at its end is followed.
  ///   - writes: whether something is to be written there.
  func place(_ path: String, follows: Bool, writes: Bool) throws(EngineError) -> FilePlace {
    if writes, !isAlive, isReadOnly, mount(over: path) == nil {
      throw .refused("cannot copy to \(name):\(path): the container's root is read-only")
    }
    return try FileSearch(
      root: root.descriptor, isContained: true, label: "\(name):",
      redirect: { path throws(Errno) in
        guard let mount = self.mount(over: path), let source = mount.hostPath else { return nil }
        if writes, mount.request.isReadOnly { throw .readOnlyFileSystem }
        let rest = String(path.dropFirst(SpecComposer.cleaned(mount.request.destination).count))
        let within = mount.request.subpath.map { "/" + $0 } ?? ""
        return FileSearch.Redirection(hostPath: source, rest: within + rest == "" ? "/" : within + rest)
      }
    ).find(path, follows: follows)
  }

  /// The innermost mount that a path lies in.
  private func mount(over path: String) -> MountRecord? {
    mounts.filter { mount in
      let destination = SpecComposer.cleaned(mount.request.destination)
      return path == destination || path.hasPrefix(destination + "/")
    }.max { $0.request.destination.utf8.count < $1.request.destination.utf8.count }
  }
}

extension RootfsRecord {
  /// The same as the runtime takes it.
  func source(isVolatile: Bool) -> RootfsSource {
    switch self {
    case .directory(let path): .directory(path: path)
    case .overlay(let lower, let upper, let work):
      .overlay(lower: lower, upper: upper, work: work, isVolatile: isVolatile)
    case .image(let file, let type): .image(file: file, type: type, isReadOnly: false)
    }
  }
}
