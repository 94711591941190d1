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
        guard let first = lines.first else { return ["\(space)- {}"] }
        return ["\(space)- \(first.dropFirst(indent + 2))"] + lines.dropFirst()
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
    let name = Self.label(record.name)
    var pod: [(String, YAMLValue)] = [
      ("apiVersion", .plain("v1")), ("kind", .plain("Pod")),
      (
        "metadata",
        .mapping([
          ("creationTimestamp", .text("\(Timestamp.now())")),
          ("labels", .mapping([("app", .text(Self.label(name, ending: "-pod")))])),
          ("name", .text(Self.label(name, ending: "-pod"))),
        ])
      ),
    ]
    var volumes: [YAMLValue] = []
    var places: [YAMLValue] = []
    for (index, mount) in record.mounts.enumerated() {
      let name = Self.label(name, ending: "-\(index)")
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
    let left = Self.leftOut(request).map { "# Left out, for no pod says it: \($0)" }
    let head = [
      "# Save the output of this file and use kubectl create -f to import", "# it into Kubernetes.", "#",
      "# Created with skiff-\(SkiffVersion.text)",
    ]
    return (head + left + YAMLValue.mapping(pod).lines(0)).joined(separator: "\n") + "\n"
  }

  /// A name as Kubernetes takes it (RFC 1123): small letters, digits and dashes, at most 63, none at the ends.
  private static func label(_ name: String, ending: String = "") -> String {
    var text = ""
    for byte in name.utf8 {
      switch byte {
      case 0x41...0x5A: text.unicodeScalars.append(Unicode.Scalar(byte + 0x20))
      case 0x61...0x7A, 0x30...0x39: text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += "-"
      }
    }
    var trimmed = text.drop { $0 == "-" }.prefix(63 - ending.utf8.count)
    while trimmed.last == "-" { trimmed = trimmed.dropLast() }
    return (trimmed.isEmpty ? "container" : String(trimmed)) + ending
  }

  /// Options that were asked for and are not in the pod; limits of devices, the log's driver and their like go without a word.
  private static func leftOut(_ request: RunRequest) -> [String] {
    var words: [String] = []
    for host in request.extraHosts where alias(host) == nil { words.append("--add-host \(host)") }
    for secret in request.secrets { words.append("--secret \(secret.name)") }
    for device in request.devices { words.append("--device \(device.hostPath)") }
    for device in request.cdiDevices { words.append("--device \(device.text)") }
    for rule in request.landlockRules { words.append("--landlock \(rule)") }
    if request.userNamespace != .host { words.append("--userns") }
    // A comment ends with its line.
    return words.map { RunLine.quoted([String($0.map { $0.isNewline ? " " : $0 })]) }
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
    container.append(("name", .text(label(record.name))))
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
    let options = request.dnsOptions.compactMap { option -> YAMLValue? in
      let parts = option.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.first?.isEmpty == false else { return nil }
      return .mapping(zip(["name", "value"], parts).map { ($0, .text($1)) })
    }
    if !options.isEmpty { resolver.append(("options", .sequence(options))) }
    if !resolver.isEmpty { names.append(("dnsConfig", .mapping(resolver))) }
    let aliases = request.extraHosts.compactMap(alias)
    if !aliases.isEmpty { names.append(("hostAliases", .sequence(aliases))) }
    return names
  }

  /// Nil for what cannot be said here: the host's own address is known where the pod runs.
  private static func alias(_ text: String) -> YAMLValue? {
    guard let entry = try? HostEntry(parsing: text, gateway: nil) else { return nil }
    return .mapping([
      ("hostnames", .sequence(entry.names.map { .text($0.text) })), ("ip", .text("\(entry.address)")),
    ])
  }

  /// `NET_ADMIN`, however it was written.
  private static func kubernetesName(_ capability: String) -> String {
    let name = capability.uppercased()
    return name.hasPrefix("CAP_") ? String(name.dropFirst(4)) : name
  }

  private static func securityContext(_ request: RunRequest) -> [(String, YAMLValue)] {
    var context: [(String, YAMLValue)] = []
    if request.security.noNewPrivileges == true { context.append(("allowPrivilegeEscalation", .plain("false"))) }
    var rights: [(String, YAMLValue)] = []
    for (key, capabilities) in [("add", request.addedCapabilities), ("drop", request.droppedCapabilities)]
    where !capabilities.isEmpty {
      rights.append((key, .sequence(capabilities.map { .text(kubernetesName($0)) })))
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
