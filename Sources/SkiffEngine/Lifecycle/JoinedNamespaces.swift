import SkiffKernel
import SkiffSpec

/// The namespaces of other containers that a container lives in.
enum JoinedNamespaces {
  /// Which kinds a request joins, and whose.
  static func wanted(_ request: RunRequest) -> [(type: RuntimeSpec.NamespaceType, owner: String)] {
    var wanted: [(type: RuntimeSpec.NamespaceType, owner: String)] = []
    if case .container(let name) = request.userNamespace { wanted.append((.user, name)) }
    let kinds: [(RuntimeSpec.NamespaceType, NamespaceRequest)] = [
      (.pid, request.pidNamespace), (.ipc, request.ipcNamespace), (.uts, request.utsNamespace),
      (.cgroup, request.cgroupNamespace),
    ]
    for (type, kind) in kinds {
      if case .container(let name) = kind { wanted.append((type, name)) }
    }
    if case .container(let name) = request.network { wanted.append((.network, name)) }
    return wanted
  }

  /// What stands in the specification of a container that is not started: the owner's process may be another by then.
  static func placeholders(_ request: RunRequest) -> [RuntimeSpec.NamespaceType: String] {
    Dictionary(wanted(request).map { ($0.type, "/proc/self/ns/\(fileName($0.type))") }) { first, _ in first }
  }

  /// The name of a kind's handle below /proc/PID/ns (namespaces(7)).
  static func fileName(_ type: RuntimeSpec.NamespaceType) -> String {
    switch type {
    case .network: "net"
    case .mount: "mnt"
    case .pid, .ipc, .uts, .user, .cgroup, .time: type.rawValue
    }
  }
}

extension Engine {
  /// The request with the containers whose namespaces it joins by their ids: names may change.
  func withOwnersByID(_ request: RunRequest) throws(EngineError) -> RunRequest {
    var request = request
    if case .container(let name) = request.userNamespace {
      request.userNamespace = .container(try containers.find(name))
    }
    if case .container(let name) = request.network { request.network = .container(try containers.find(name)) }
    request.pidNamespace = try byID(request.pidNamespace)
    request.ipcNamespace = try byID(request.ipcNamespace)
    request.utsNamespace = try byID(request.utsNamespace)
    request.cgroupNamespace = try byID(request.cgroupNamespace)
    return request
  }

  private func byID(_ namespace: NamespaceRequest) throws(EngineError) -> NamespaceRequest {
    guard case .container(let name) = namespace else { return namespace }
    return .container(try containers.find(name))
  }

  /// The specification with the handles of the namespaces to join, as they are now. Nil where it joins none.
  func specificationForStart(_ directory: borrowing ContainerDirectory, _ request: RunRequest) throws(EngineError)
    -> RuntimeSpec?
  {
    let wanted = JoinedNamespaces.wanted(request)
    guard !wanted.isEmpty else { return nil }
    var spec = try specification(in: directory)
    for (type, owner) in wanted {
      let id = try containers.find(owner)
      guard let processID = try runningProcess(id) else {
        throw .refused("cannot join the \(type.rawValue) namespace of container \(owner): it is not running")
      }
      guard let index = spec.linux.namespaces.firstIndex(where: { $0.type == type }) else { continue }
      spec.linux.namespaces[index].path = "/proc/\(processID)/ns/\(JoinedNamespaces.fileName(type))"
    }
    if case .container(let owner) = request.ipcNamespace {
      try shareMemory(of: owner, &spec)
    }
    return spec
  }

  /// Shared memory by name lives in files: who joins an IPC namespace sees those of its owner.
  private func shareMemory(of owner: String, _ spec: inout RuntimeSpec) throws(EngineError) {
    guard let processID = try runningProcess(try containers.find(owner)),
      let index = spec.mounts.firstIndex(where: { $0.destination == "/dev/shm" })
    else { return }
    spec.mounts[index] = RuntimeSpec.Mount(
      destination: "/dev/shm", type: "bind", source: "/proc/\(processID)/root/dev/shm",
      options: ["bind", "rprivate", "nosuid", "noexec", "nodev"])
  }

  /// The specification of a container.
  package func specification(of id: String) throws(EngineError) -> RuntimeSpec {
    try specification(in: try containers.open(id: id))
  }

  func specification(in directory: borrowing ContainerDirectory) throws(EngineError) -> RuntimeSpec {
    let path = "\(directory.path)/config.json"
    guard let bytes = try directory.content(ContainerDirectory.File.spec) else {
      throw .damaged(thing: path, reason: "it is missing")
    }
    do throws(SpecProblems) {
      return try RuntimeSpec.parse(bytes)
    } catch {
      throw .damaged(thing: path, reason: "\(error)")
    }
  }
}
