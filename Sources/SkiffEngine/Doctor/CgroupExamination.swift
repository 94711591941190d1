import SkiffKernel
import SkiffRuntime

/// Control groups: how they are mounted, what they control, and whether groups can be made.
struct CgroupExamination {
  private static let topic = "Control groups"

  func findings() -> [Finding] {
    let hierarchy: CgroupHierarchy
    do throws(CgroupError) {
      hierarchy = try CgroupHierarchy.detect()
    } catch {
      return [
        Finding(
          Self.topic, "hierarchy", .missing, "\(error)", why: "limits and statistics of containers are kept there",
          fix: "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
      ]
    }
    return [layout(hierarchy)] + controllers(hierarchy) + groups(hierarchy) + [swap(hierarchy)].compactMap { $0 }
  }

  private func layout(_ hierarchy: CgroupHierarchy) -> Finding {
    let why = "limits and statistics of containers are kept there"
    switch hierarchy.layout {
    case .unified: return Finding(Self.topic, "version", .ok, "2", why: why)
    case .legacy, .hybrid:
      let name = hierarchy.layout == .hybrid ? "1, with version 2 beside it (hybrid)" : "1"
      let isOrdinary = Credentials.effectiveUserID != 0
      return Finding(
        Self.topic, "version", isOrdinary ? .warning : .ok, name,
        why: isOrdinary ? "only version 2 lets ordinary users limit their containers" : why,
        fix: "boot with systemd.unified_cgroup_hierarchy=1")
    }
  }

  private func controllers(_ hierarchy: CgroupHierarchy) -> [Finding] {
    let wanted: [(names: [String], verdict: Finding.Verdict, why: String)] = [
      (["memory"], .missing, "--memory, and the kernel's word on a container that ran out of it"),
      (["pids"], .missing, "--pids-limit, which keeps a fork bomb from the host (2048 by default)"),
      (["cpu"], .missing, "--cpus and --cpu-shares"),
      (["cpuset"], .warning, "--cpuset-cpus and --cpuset-mems"),
      (["io", "blkio"], .warning, "--blkio-weight and limits of devices"),
      (["hugetlb"], .ok, "limits of huge pages, which only the runtime's callers ask for"),
    ]
    var findings = wanted.map { controller in
      let version = controller.names.lazy.compactMap { hierarchy.version(of: $0) }.first
      let name = "controller \(controller.names[0])"
      guard let version else {
        return Finding(
          Self.topic, name, controller.verdict, "not there", why: controller.why,
          fix: "take it out of cgroup_disable= on the kernel's command line (memory: cgroup_enable=memory),"
            + " or use a kernel that has it")
      }
      return Finding(Self.topic, name, .ok, version == .v1 ? "version 1" : "version 2", why: controller.why)
    }
    findings.append(devices(hierarchy))
    return findings
  }

  /// On version 2 a program of eBPF stands in the place of the controller.
  private func devices(_ hierarchy: CgroupHierarchy) -> Finding {
    let why = "a container uses the devices that it was given, and no other of the host's"
    if hierarchy.version(of: "devices") == .v1 {
      return Finding(Self.topic, "device rules", .ok, "controller of version 1", why: why)
    }
    do throws(Errno) {
      _ = try BPFProgram(loadingDeviceFilter: DeviceProgram.compile([]))
      return Finding(Self.topic, "device rules", .ok, "by eBPF", why: why)
    } catch {
      let isOrdinary = Credentials.effectiveUserID != 0
      return Finding(
        Self.topic, "device rules", isOrdinary ? .ok : .missing,
        isOrdinary ? "not for ordinary users, who cannot use other devices anyway" : "\(error)", why: why,
        fix: error == .notPermitted
          ? "run skiff with CAP_SYS_ADMIN (or CAP_BPF and CAP_NET_ADMIN)"
          : "use a kernel with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF")
    }
  }

  // MARK: Making groups

  /// A group is made in each tree, and removed again.
  private func groups(_ hierarchy: CgroupHierarchy) -> [Finding] {
    guard Credentials.effectiveUserID == 0 else { return [delegation(hierarchy)] }
    let why = "each container has a group of its own"
    var refused: [String] = []
    var fix = ""
    for tree in hierarchy.trees {
      guard let refusal = Self.refusalOfGroup(in: tree.mountPoint) else { continue }
      refused.append("\(tree.mountPoint): \(refusal)")
      fix =
        refusal == .readOnlyFileSystem
        ? "mount -o remount,rw \(tree.mountPoint)" : "run skiff where it may write to \(tree.mountPoint)"
    }
    guard refused.isEmpty else {
      return [
        Finding(Self.topic, "making groups", .missing, refused.joined(separator: "; "), why: why, fix: fix)
      ]
    }
    return [Finding(Self.topic, "making groups", .ok, "", why: why)]
  }

  private static func refusalOfGroup(in directory: String) -> Errno? {
    do throws(Errno) {
      let parent = try Descriptor.workingDirectory.open(try KernelPath(directory), [.readOnly, .directory])
      let name = try KernelPath("skiff-doctor-\(ProcessControl.processID)")
      try parent.descriptor.makeDirectory(name, mode: 0o755)
      try parent.descriptor.removeDirectory(name)
      return nil
    } catch {
      return error
    }
  }

  /// What systemd has given to an ordinary user (systemd.resource-control(5), Delegate=).
  private func delegation(_ hierarchy: CgroupHierarchy) -> Finding {
    let why = "limits of an ordinary user's containers need control groups that are delegated to the user"
    guard let tree = hierarchy.unifiedTree, hierarchy.isUnified else {
      return Finding(
        Self.topic, "delegation", .warning, "none: version 1 delegates nothing", why: why,
        fix: "boot with systemd.unified_cgroup_hierarchy=1")
    }
    let own = tree.mountPoint + tree.ownPath
    if let refusal = Self.refusalOfGroup(in: own) {
      return Finding(
        Self.topic, "delegation", .warning, "cannot make a group in \(own): \(refusal)", why: why,
        fix: "log in as the user itself (ssh, machinectl shell), or use systemd-run --user --scope -p Delegate=yes")
    }
    let given = Set((SmallFile.line(own + "/cgroup.controllers") ?? "").split(separator: " ").map(String.init))
    let lacking = ["cpu", "memory", "pids"].filter { !given.contains($0) }
    return Finding(
      Self.topic, "delegation", lacking.isEmpty ? .ok : .warning,
      lacking.isEmpty ? given.sorted().joined(separator: " ") : "without \(lacking.joined(separator: ", "))", why: why,
      fix: "systemctl edit user@.service: [Service] Delegate=cpu cpuset io memory pids; then log in again")
  }

  /// Whether swap is counted; nil where the memory controller is not there to count anything.
  private func swap(_ hierarchy: CgroupHierarchy) -> Finding? {
    guard let tree = hierarchy.trees.first(where: { $0.controllers.contains("memory") }) else { return nil }
    // The root group of version 2 has no limits: the caller's own one tells, where it is not the root itself.
    let file =
      tree.isUnified
      ? tree.mountPoint + tree.ownPath + "/memory.swap.max" : tree.mountPoint + "/memory.memsw.limit_in_bytes"
    if tree.isUnified, tree.ownPath == "/" { return nil }
    return Finding(
      Self.topic, "swap accounting", SmallFile.exists(file) ? .ok : .warning, "",
      why: "--memory-swap; without it a container with a limit may go on in swap",
      fix: "boot with swapaccount=1, or use a kernel with CONFIG_SWAP")
  }
}
