/// What a mount of type `cgroup` in a document becomes inside the container. Pure: the steps are made elsewhere.
package struct CgroupMountPlan: Equatable, Sendable {
  /// One tree as the container sees it.
  package struct Mount: Equatable, Sendable {
    /// Beneath the destination; nil is the destination itself.
    package let name: String?
    /// `cgroup` or `cgroup2`: for a new mount inside a cgroup namespace, which shows the container's group as the root.
    package let fileSystemType: String
    /// The option that says which tree of v1 is meant: a flag (`memory`) or a key with its value (`name`, `systemd`).
    package let options: [Option]
    /// The container's directory on the host: the source of a bind mount where there is no cgroup namespace.
    package let hostPath: String

    /// The options as mount(2) takes them: `memory`, `cpu,cpuacct`, `name=systemd`; empty for v2.
    package var data: String {
      options.map { option in option.value.map { option.key + "=" + $0 } ?? option.key }.joined(separator: ",")
    }
  }

  package struct Option: Equatable, Sendable {
    package let key: String
    package let value: String?
  }

  /// A link beneath the destination: `cpu` → `cpu,cpuacct`.
  package struct Link: Equatable, Sendable {
    package let name: String
    package let target: String
  }

  /// Whether the destination gets a tmpfs that holds the mounts; on v2 alone it is the one mount.
  package let needsDirectory: Bool
  /// Whether the mounts are binds of `hostPath`; otherwise new ones, made inside the container's cgroup namespace.
  package let bindsHostPath: Bool
  package let mounts: [Mount]
  package let links: [Link]

  /// - Parameter cgroupNamespace: the container has one of its own; without it a new mount would show the host's groups.
  package static func make(_ record: CgroupRecord, cgroupNamespace: Bool) -> CgroupMountPlan {
    if record.isUnified {
      let mounts = record.entries.map {
        Mount(name: nil, fileSystemType: "cgroup2", options: [], hostPath: $0.directory)
      }
      return CgroupMountPlan(needsDirectory: false, bindsHostPath: !cgroupNamespace, mounts: mounts, links: [])
    }
    var mounts: [Mount] = []
    var links: [Link] = []
    for entry in record.entries {
      let options =
        entry.controllers.map { Option(key: $0, value: nil) }
        + (entry.label.map { [Option(key: "name", value: $0)] } ?? [])
      mounts.append(
        Mount(
          name: entry.name, fileSystemType: entry.isUnified ? "cgroup2" : "cgroup",
          options: entry.isUnified ? [] : options, hostPath: entry.directory))
      // Programs look for a controller by its own name, wherever it was mounted together with others.
      guard !entry.isUnified, entry.controllers.count > 1 else { continue }
      for controller in entry.controllers where controller != entry.name {
        links.append(Link(name: controller, target: entry.name))
      }
    }
    return CgroupMountPlan(needsDirectory: true, bindsHostPath: !cgroupNamespace, mounts: mounts, links: links)
  }
}
