import SkiffRuntime
import SkiffSpec

// Rights: capabilities, the system call filter, what must not be gained later.
extension SpecComposer {
  /// The names of the capabilities that the container has.
  public static func capabilities(_ request: RunRequest, host: HostFacts) throws(EngineError) -> [String] {
    let added = try request.addedCapabilities.map { name throws(EngineError) in
      try capability(name, option: "--cap-add")
    }
    let dropped = try request.droppedCapabilities.map { name throws(EngineError) in
      try capability(name, option: "--cap-drop")
    }
    var names: [String]
    if request.isPrivileged || added.contains("ALL") {
      names = host.capabilities
    } else if dropped.contains("ALL") {
      names = []
    } else {
      names = ContainerDefaults.capabilities
    }
    if !dropped.contains("ALL") { names.removeAll { dropped.contains($0) } }
    for name in added where name != "ALL" && !names.contains(name) && !dropped.contains(name) {
      names.append(name)
    }
    return names
  }

  private static func capability(_ text: String, option: String) throws(EngineError) -> String {
    let upper = text.uppercased()
    if upper == "ALL" { return upper }
    let name = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
    guard CapabilityNames.all.contains(name) else {
      throw .invalidOption(name: option, value: text, reason: "Linux has no capability of that name")
    }
    return name
  }

  /// Inheritable and ambient stay empty: what is in them would survive execve(2) into programs that never asked (CVE-2022-24769).
  func capabilitySets() throws(EngineError) -> RuntimeSpec.Capabilities {
    var sets = RuntimeSpec.Capabilities()
    let names = try Self.capabilities(request, host: composition.host)
    sets.bounding = names
    sets.effective = names
    sets.permitted = names
    return sets
  }

  /// On unless a file of the image needs the opposite: an image without setuid files loses nothing by it.
  var noNewPrivileges: Bool {
    if let asked = request.security.noNewPrivileges { return asked }
    return !request.isPrivileged && composition.imageRaisesRights == false
  }

  func apparmorProfile() throws(EngineError) -> String? {
    guard let profile = request.security.apparmor, profile != "unconfined" else { return nil }
    guard composition.host.hasAppArmor else {
      throw .refused("cannot apply the AppArmor profile \(profile): this kernel runs without AppArmor")
    }
    return profile
  }

  func seccomp() throws(EngineError) -> RuntimeSpec.Seccomp? {
    if request.isPrivileged || request.security.seccomp == "unconfined" { return nil }
    guard let filter = composition.seccomp else {
      // Never a container without the filter that it was meant to have.
      throw .report("the system call filter is missing")
    }
    return filter
  }

  /// Settings of the kernel that belong to a namespace of the container's own, and no others: a sysctl that is not
  /// namespaced would change the host (CVE-2022-0811).
  func sysctls() throws(EngineError) -> [String: String] {
    var settings: [String: String] = [:]
    if ownsNetwork {
      // Lets every group of the container ping without CAP_NET_RAW.
      var last: UInt32 = 2_147_483_647
      if hasUserNamespace { last = composition.groupMappings.first { $0.containerID == 0 }.map { $0.size - 1 } ?? 0 }
      settings["net.ipv4.ping_group_range"] = "0 \(last)"
    }
    for (name, value) in request.sysctls {
      let dotted = String(name.map { $0 == "/" ? "." : $0 })
      try checkSysctl(dotted)
      settings[dotted] = value
    }
    return settings
  }

  /// Whether the network namespace is made for this container.
  var ownsNetwork: Bool {
    switch request.network {
    case .none, .bridge: true
    case .host, .container: false
    }
  }

  private static let ipcSysctls: Set<String> = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
    "kernel.shm_rmid_forced",
  ]

  private func checkSysctl(_ name: String) throws(EngineError) {
    func refuse(_ reason: String) -> EngineError { .invalidOption(name: "--sysctl", value: name, reason: reason) }
    guard !name.contains(".."), !name.hasPrefix("."), name.allSatisfy({ $0.isASCII && $0 != " " && $0 != "=" }) else {
      throw refuse("this is no name of a kernel setting")
    }
    if Self.ipcSysctls.contains(name) || name.hasPrefix("fs.mqueue.") {
      guard request.ipcNamespace == .private else {
        throw refuse("it belongs to the IPC namespace, which is not the container's own here")
      }
    } else if name.hasPrefix("net.") {
      guard ownsNetwork else {
        throw refuse("it belongs to the network namespace, which is not the container's own here")
      }
    } else {
      throw refuse("it belongs to no namespace: setting it would change the host")
    }
  }
}
