internal import SkiffKernel
internal import SkiffSpec

/// The mounts of a container that come from outside, as criu has to be told of them.
struct CriuMounts {
  let spec: RuntimeSpec
  let cgroup: CgroupRecord?

  /// Those that the running container has, by the places where they really lie.
  func saved(initProcess: Int32) throws(RuntimeError) -> [CriuExternalMount] {
    var mounts: [CriuExternalMount] = []
    do throws(Errno) {
      let root = try Descriptor.workingDirectory.open(
        try KernelPath("/proc/\(initProcess)/root"), [.pathOnly, .directory])
      for mount in outsideMounts() {
        let place = Self.place(of: mount.destination, in: root.descriptor)
        mounts.append(CriuExternalMount(key: place, value: place))
      }
      for path in spec.linux.maskedPaths {
        guard let file = try? root.descriptor.open(try KernelPath(path), [.pathOnly], resolve: [.inRoot]),
          try file.descriptor.status().type != .directory
        else { continue }
        mounts.append(CriuExternalMount(key: Self.place(of: path, in: root.descriptor), value: "/dev/null"))
      }
    } catch {
      throw .failed("cannot look at the mounts of process \(initProcess): \(error)")
    }
    return mounts
  }

  /// The same for a container that is being made: what lies there now.
  func restored(root: Descriptor) -> [CriuExternalMount] {
    var mounts = outsideMounts().map { mount in
      CriuExternalMount(key: Self.place(of: mount.destination, in: root), value: mount.source)
    }
    if !spec.linux.maskedPaths.isEmpty { mounts.append(CriuExternalMount(key: "/dev/null", value: "/dev/null")) }
    return mounts
  }

  /// Binds of the document, and of control groups where the container has no namespace for them.
  private func outsideMounts() -> [(destination: String, source: String)] {
    var mounts: [(destination: String, source: String)] = []
    for mount in spec.mounts {
      let options = MountOptions(mount.options)
      if options.isBind || mount.type == "bind" {
        mounts.append((mount.destination, mount.source ?? ""))
      } else if mount.type == "cgroup" || mount.type == "cgroup2", let cgroup {
        let hasNamespace = spec.linux.namespaces.contains { $0.type == .cgroup }
        let plan = CgroupMountPlan.make(cgroup, cgroupNamespace: hasNamespace)
        guard plan.bindsHostPath else { continue }
        for tree in plan.mounts {
          mounts.append((tree.name.map { "\(mount.destination)/\($0)" } ?? mount.destination, tree.hostPath))
        }
      }
    }
    return mounts
  }

  /// Where a path lies once links are followed, from the root; as it was written where nothing is there.
  private static func place(of path: String, in root: Descriptor) -> String {
    let written = "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    guard let name = try? KernelPath(written), let file = try? root.open(name, [.pathOnly], resolve: [.inRoot]),
      let link = try? KernelPath(file.descriptor.path), let rootLink = try? KernelPath(root.path),
      let real = try? Descriptor.workingDirectory.readLink(link).text,
      let base = try? Descriptor.workingDirectory.readLink(rootLink).text
    else { return written }
    if base == "/" { return real.hasPrefix("/") ? real : written }
    guard real.hasPrefix(base + "/") else { return written }
    return String(real.dropFirst(base.utf8.count))
  }
}
