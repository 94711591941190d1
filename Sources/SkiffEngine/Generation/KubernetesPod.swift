import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

/// A value in YAML: mappings in their order, sequences, and scalars, each text in the quotes of JSON, which are YAML's, too.
private indirect enum YAMLValue {
  case mapping([(String, YAMLValue)])
  case sequence([YAMLValue])
  case text(String)
  case plain(String)

  func lines(_ indent: Int) -> [String] {
    let space = String(repeating: " ", count: indent)
    switch self {
    case .text(let text): return [space + String(decoding: JSONValue.string(text).serialized(), as: UTF8.self)]
    case .plain(let text): return [space + text]
    case .mapping(let members):
      return members.flatMap { key, value -> [String] in
        switch value {
        case .text, .plain: ["\(space)\(key): \(value.lines(0)[0])"]
        case .mapping: ["\(space)\(key):"] + value.lines(indent + 2)
        case .sequence: ["\(space)\(key):"] + value.lines(indent)
        }
      }
    case .sequence(let elements):
      return elements.flatMap { element -> [String] in
        let lines = element.lines(indent + 2)
        return ["\(space)- \(lines[0].dropFirst(indent + 2))"] + lines.dropFirst()
      }
    }
  }
}

extension Engine {
  /// A pod of Kubernetes with a container like this one, without what no pod can say: limits of devices, the log's driver, resource
  /// limits of the process and their like.
  public func kubernetesPod(of text: String) throws(EngineError) -> String {
    let record = try containers.open(id: try containers.find(text)).record()
    let request = record.request
    guard request.rootfs == nil else {
      throw .refused("cannot make a pod of container \(record.name): it has no image (--rootfs)")
    }
    var pod: [(String, YAMLValue)] = [
      ("apiVersion", .plain("v1")), ("kind", .plain("Pod")),
      (
        "metadata",
        .mapping([
          ("creationTimestamp", .text("\(Timestamp.now())")),
          ("labels", .mapping([("app", .text("\(record.name)-pod"))])), ("name", .text("\(record.name)-pod")),
        ])
      ),
    ]
    var volumes: [YAMLValue] = []
    var places: [YAMLValue] = []
    for (index, mount) in record.mounts.enumerated() {
      let name = "\(record.name)-\(index)"
      var place: [(String, YAMLValue)] = [("mountPath", .text(mount.request.destination)), ("name", .text(name))]
      if mount.request.isReadOnly { place.append(("readOnly", .plain("true"))) }
      places.append(.mapping(place))
      volumes.append(.mapping([Self.volume(mount), ("name", .text(name))]))
    }
    var spec: [(String, YAMLValue)] = [("containers", .sequence([.mapping(try Self.container(record, places))]))]
    if request.network == .host { spec.append(("hostNetwork", .plain("true"))) }
    if request.pidNamespace == .host { spec.append(("hostPID", .plain("true"))) }
    if request.ipcNamespace == .host { spec.append(("hostIPC", .plain("true"))) }
    if let hostname = request.hostname { spec.append(("hostname", .text(hostname))) }
    let restart =
      switch request.restart.name {
      case .no: "Never"
      case .onFailure, .unhealthy: "OnFailure"
      case .always, .unlessStopped: "Always"
      }
    spec.append(("restartPolicy", .plain(restart)))
    if let seconds = request.stopTimeoutSeconds, seconds >= 0 {
      spec.append(("terminationGracePeriodSeconds", .plain("\(seconds)")))
    }
    spec += Self.names(request)
    if !volumes.isEmpty { spec.append(("volumes", .sequence(volumes))) }
    pod.append(("spec", .mapping(spec)))
    let head = [
      "# Save the output of this file and use kubectl create -f to import", "# it into Kubernetes.", "#",
      "# Created with skiff-\(SkiffVersion.text)",
    ]
    return (head + YAMLValue.mapping(pod).lines(0)).joined(separator: "\n") + "\n"
  }

  private static func volume(_ mount: MountRecord) -> (String, YAMLValue) {
    switch mount.request.source {
    case .tmpfs, .ramfs: return ("emptyDir", .mapping([("medium", .plain("Memory"))]))
    case .devpts: return ("emptyDir", .mapping([]))
    case .image(let name): return ("image", .mapping([("reference", .text(name))]))
    case .volume: return ("persistentVolumeClaim", .mapping([("claimName", .text(mount.volume ?? ""))]))
    case .bind(let path, let createsMissing):
      let status = try? Descriptor.workingDirectory.status(KernelPath(mount.hostPath ?? path), follow: true)
      let isDirectory = status.map { $0.type == .directory } ?? true
      let type = isDirectory ? (createsMissing ? "DirectoryOrCreate" : "Directory") : "File"
      return ("hostPath", .mapping([("path", .text(mount.hostPath ?? path)), ("type", .plain(type))]))
    }
  }

  private static func container(_ record: ContainerRecord, _ places: [YAMLValue]) throws(EngineError) -> [(
    String, YAMLValue
  )] {
    let request = record.request
    func texts(_ list: [String]) -> YAMLValue { .sequence(list.map { .text($0) }) }
    var container: [(String, YAMLValue)] = []
    // The whole command line, where not all of it is the image's.
    if let entrypoint = request.entrypoint {
      let words = entrypoint + request.command
      if !words.isEmpty { container.append(("command", texts(words))) }
    } else if !request.command.isEmpty {
      container.append(("args", texts(request.command)))
    }
    let variables = request.environment.compactMap { entry -> YAMLValue? in
      let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return parts.count < 2 ? nil : .mapping([("name", .text(parts[0])), ("value", .text(parts[1]))])
    }
    if !variables.isEmpty { container.append(("env", .sequence(variables))) }
    container.append(("image", .text(record.imageName)))
    container.append(("name", .text(record.name)))
    if !record.ports.isEmpty { container.append(("ports", .sequence(record.ports.map(port)))) }
    var limits: [(String, YAMLValue)] = []
    if let cpus = request.resources.nanoCPUs { limits.append(("cpu", .text("\(cpus / 1_000_000)m"))) }
    if let bytes = request.resources.memoryBytes { limits.append(("memory", .text("\(bytes)"))) }
    if !limits.isEmpty { container.append(("resources", .mapping([("limits", .mapping(limits))]))) }
    let security = securityContext(request)
    if !security.isEmpty { container.append(("securityContext", .mapping(security))) }
    if request.isInteractive { container.append(("stdin", .plain("true"))) }
    if request.hasTerminal { container.append(("tty", .plain("true"))) }
    if !places.isEmpty { container.append(("volumeMounts", .sequence(places))) }
    if let directory = request.workingDirectory { container.append(("workingDir", .text(directory))) }
    return container
  }

  private static func port(_ binding: PortBinding) -> YAMLValue {
    var port: [(String, YAMLValue)] = [("containerPort", .plain("\(binding.containerPort)"))]
    if binding.hostAddress.number != 0 { port.append(("hostIP", .text("\(binding.hostAddress)"))) }
    // Of several the first; none leaves the port inside the pod's network.
    if binding.firstHostPort != 0 { port.append(("hostPort", .plain("\(binding.firstHostPort)"))) }
    port.append(("protocol", .plain(binding.transport.rawValue.uppercased())))
    return .mapping(port)
  }

  /// How names are looked up.
  private static func names(_ request: RunRequest) -> [(String, YAMLValue)] {
    func texts(_ list: [String]) -> YAMLValue { .sequence(list.map { .text($0) }) }
    var names: [(String, YAMLValue)] = []
    var resolver: [(String, YAMLValue)] = []
    if !request.dnsServers.isEmpty { resolver.append(("nameservers", texts(request.dnsServers))) }
    if !request.dnsSearch.isEmpty { resolver.append(("searches", texts(request.dnsSearch))) }
    let options = request.dnsOptions.map { option -> YAMLValue in
      let parts = option.split(separator: ":", maxSplits: 1).map(String.init)
      return .mapping(zip(["name", "value"], parts).map { ($0, .text($1)) })
    }
    if !options.isEmpty { resolver.append(("options", .sequence(options))) }
    if !resolver.isEmpty { names.append(("dnsConfig", .mapping(resolver))) }
    let aliases = request.extraHosts.compactMap { entry -> YAMLValue? in
      let parts = entry.split(separator: ":", maxSplits: 1).map(String.init)
      // The host's own address is known where the pod runs, not here.
      guard parts.count == 2, parts[1] != "host-gateway" else { return nil }
      return .mapping([("hostnames", texts([parts[0]])), ("ip", .text(parts[1]))])
    }
    if !aliases.isEmpty { names.append(("hostAliases", .sequence(aliases))) }
    return names
  }

  private static func securityContext(_ request: RunRequest) -> [(String, YAMLValue)] {
    var context: [(String, YAMLValue)] = []
    if request.security.noNewPrivileges == true { context.append(("allowPrivilegeEscalation", .plain("false"))) }
    var rights: [(String, YAMLValue)] = []
    if !request.addedCapabilities.isEmpty {
      rights.append(("add", .sequence(request.addedCapabilities.map { .text($0) })))
    }
    if !request.droppedCapabilities.isEmpty {
      rights.append(("drop", .sequence(request.droppedCapabilities.map { .text($0) })))
    }
    if !rights.isEmpty { context.append(("capabilities", .mapping(rights))) }
    if request.isPrivileged { context.append(("privileged", .plain("true"))) }
    if request.isReadOnly { context.append(("readOnlyRootFilesystem", .plain("true"))) }
    let ids = (request.user ?? "").split(separator: ":").map { UInt32($0) }
    if let first = ids.first, let user = first { context.append(("runAsUser", .plain("\(user)"))) }
    if ids.count > 1, let group = ids[1] { context.append(("runAsGroup", .plain("\(group)"))) }
    return context
  }
}
