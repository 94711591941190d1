import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct LaunchPlannerTests {
  private let rootPath = "/bundle/rootfs"

  private func plan(
    _ change: (inout RuntimeSpec) -> Void = { _ in }, circumstances: (inout LaunchCircumstances) -> Void = { _ in }
  ) throws -> LaunchPlan {
    var spec = RuntimeSpec.example()
    spec.process?.terminal = false
    spec.mounts.removeAll { $0.type == "cgroup" }
    change(&spec)
    var around = LaunchCircumstances(id: "web", rootPath: rootPath, bundlePath: "/bundle")
    circumstances(&around)
    return try LaunchPlanner.plan(spec, around)
  }

  private func place(_ plan: LaunchPlan, _ isIt: (LaunchStep) -> Bool) throws -> Int {
    let index = plan.steps.firstIndex(where: isIt)
    return try #require(index)
  }

  @Test func `limits hold before anything else is done`() throws {
    let plan = try plan(circumstances: { $0.hasCgroup = true })

    #expect(plan.steps.first == .enterCgroup)
  }

  @Test func `the cgroup namespace is made inside the group that becomes its root`() throws {
    let plan = try plan(circumstances: { $0.hasCgroup = true })

    #expect(try place(plan) { $0 == .enterCgroup } < place(plan) { $0 == .makeCgroupNamespace })
    #expect(!plan.newNamespaces.contains(.cgroup))
  }

  @Test func `nothing is mounted before mounts are kept from the host`() throws {
    let plan = try plan()

    let isolated = try place(plan) { $0 == .isolateMounts }
    for (index, step) in plan.steps.enumerated() {
      switch step {
      case .mount, .bind, .attachRoot, .mask, .makeReadOnly: #expect(index > isolated)
      default: break
      }
    }
  }

  @Test func `masks lie over everything that is mounted, and come before the pivot`() throws {
    let plan = try plan()

    let lastMount = try #require(
      plan.steps.lastIndex {
        if case .mount = $0 { return true }
        return false
      })
    let pivot = try place(plan) { $0 == .pivotRoot }
    for (index, step) in plan.steps.enumerated() {
      if case .mask = step { #expect(index > lastMount && index < pivot) }
    }
  }

  @Test func `a filter that needs rights is loaded while they are there`() throws {
    var seccomp = RuntimeSpec.Seccomp()
    seccomp.defaultAction = "SCMP_ACT_ALLOW"
    let plan = try plan {
      $0.linux.seccomp = seccomp
      $0.process?.noNewPrivileges = false
    }

    let filter = try place(plan) { $0 == .installFilter }
    let user = try place(plan) {
      if case .setUser = $0 { return true }
      return false
    }
    #expect(filter < user)
  }

  @Test func `with no_new_privs nothing comes between the filter and the program`() throws {
    var seccomp = RuntimeSpec.Seccomp()
    seccomp.defaultAction = "SCMP_ACT_ALLOW"
    let plan = try plan {
      $0.linux.seccomp = seccomp
      $0.process?.noNewPrivileges = true
    }

    #expect(plan.steps.suffix(3) == [.setNoNewPrivileges, .installFilter, .execute("sh")])
  }

  @Test(arguments: [true, false])
  func `files are closed after the last step that opens one, and before the filter`(isSealed: Bool) throws {
    var seccomp = RuntimeSpec.Seccomp()
    seccomp.defaultAction = "SCMP_ACT_ALLOW"
    let plan = try plan {
      $0.linux.seccomp = seccomp
      $0.process?.noNewPrivileges = isSealed
    }

    let closing = try place(plan) { $0 == .closeDescriptors(preserve: 0) }
    let entering = try place(plan) {
      if case .enterWorkingDirectory = $0 { return true }
      return false
    }
    let filter = try place(plan) { $0 == .installFilter }
    #expect(entering < closing)
    #expect(closing < filter)
  }

  @Test func `a hook of the container's runs with no more than its program may do`() throws {
    var seccomp = RuntimeSpec.Seccomp()
    seccomp.defaultAction = "SCMP_ACT_ALLOW"
    var hook = RuntimeSpec.Hook()
    hook.path = "/bin/true"
    let plan = try plan {
      $0.linux.seccomp = seccomp
      $0.hooks.startContainer = [hook]
    }

    #expect(plan.steps.suffix(3) == [.installFilter, .runHooksInside(.startContainer), .execute("sh")])
  }

  @Test func `of a variable that is given twice the last counts, and an empty HOME is none`() throws {
    let plan = try plan {
      $0.process?.environment = ["ONE=a", "HOME=/x", "TWO=b", "ONE=c=d", "HOME="]
    }

    #expect(plan.environment == ["TWO=b", "ONE=c=d"])
    #expect(plan.homeOfUserID == 0)
  }

  @Test func `a path is masked once`() throws {
    let plan = try plan { $0.linux.maskedPaths = ["/proc/keys", "/sys/firmware", "/proc/keys", "/proc//keys"] }

    #expect(plan.steps.filter { $0 == .mask("/proc/keys") }.count == 1)
    #expect(!plan.steps.contains(.mask("/proc//keys")))
  }

  @Test func `an ambient capability that cannot be raised is warned of by name`() throws {
    let plan = try plan {
      $0.process?.capabilities?.permitted = ["CAP_KILL", "CAP_CHOWN"]
      $0.process?.capabilities?.inheritable = ["CAP_KILL"]
      $0.process?.capabilities?.ambient = ["CAP_KILL", "CAP_CHOWN"]
    }

    #expect(plan.warnings.count == 1)
    #expect(plan.warnings.first?.contains("can't raise ambient capability CAP_CHOWN: ") == true)
  }

  @Test func `a bind of what an earlier mount shows is opened in the container, any other on the host`() throws {
    let plan = try plan {
      $0.mounts.append(RuntimeSpec.Mount(destination: "/mnt", source: "/srv", options: ["bind"]))
      $0.mounts.append(RuntimeSpec.Mount(destination: "/again", source: "\(rootPath)/mnt/x", options: ["bind"]))
      $0.mounts.append(RuntimeSpec.Mount(destination: "/above", source: "\(rootPath)/./mnt/..", options: ["rbind"]))
      $0.mounts.append(RuntimeSpec.Mount(destination: "/other", source: "\(rootPath)/mnt2", options: ["bind"]))
      $0.mounts.append(RuntimeSpec.Mount(destination: "\(rootPath)/place", source: "/srv", options: ["bind"]))
    }

    let sources = plan.sources.suffix(5)
    #expect(sources.map(\.pathInContainer) == [nil, "/mnt/x", nil, nil, nil])
    let targets = plan.steps.compactMap { step -> String? in
      if case .bind(let mount) = step { mount.target } else { nil }
    }
    #expect(targets.suffix(5) == ["/mnt", "/again", "/above", "/other", "/place"])
  }

  @Test func `inside a user namespace devices are shown, not made`() throws {
    let plan = try plan {
      $0.linux.namespaces.append(RuntimeSpec.Namespace(type: .user))
      $0.linux.uidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 100_000, size: 65536)]
      $0.linux.gidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 100_000, size: 65536)]
    }

    #expect(plan.newNamespaces.contains(.user))
    // Message queues belong to whoever makes their namespace.
    #expect(!plan.newNamespaces.contains(.ipc))
    #expect(try place(plan) { $0 == .becomeNamespaceRoot } < place(plan) { $0 == .makeIPCNamespace })
    #expect(try place(plan) { $0 == .awaitIDMaps } < place(plan) { $0 == .isolateMounts })
    for step in plan.steps {
      if case .makeDevice = step { Issue.record("a device node is made") }
    }
    let null = try #require(plan.devices.first { $0.path == "/dev/null" })
    #expect((null.userID, null.groupID) == (100_000, 100_000))
    let attached = try place(plan) { $0 == .attachDevices }
    let detached = try place(plan) { $0 == .detachDevices }
    let shown = try place(plan) {
      if case .showDevice(let node, _) = $0 { return node.path == "/dev/null" }
      return false
    }
    #expect(attached < shown)
    #expect(shown < detached)
  }

  @Test func `a namespace of the host's is entered by the parent when a user namespace is made`() throws {
    let plan = try plan {
      $0.linux.namespaces.removeAll { $0.type == .network }
      $0.linux.namespaces.append(RuntimeSpec.Namespace(type: .network, path: "/run/netns/x"))
      $0.linux.namespaces.append(RuntimeSpec.Namespace(type: .user))
      $0.linux.uidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 100_000, size: 1)]
      $0.linux.gidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 100_000, size: 1)]
    }

    #expect(plan.namespacesForChildren.map(\.path) == ["/run/netns/x"])
    #expect(plan.namespaceFiles.isEmpty)
  }

  @Test func `a bind without a word about propagation never sends mounts to the host`() throws {
    let plan = try plan {
      $0.mounts.append(RuntimeSpec.Mount(destination: "/data", source: "/srv", options: ["rbind", "ro"]))
    }

    let source = try #require(plan.sources.last)
    #expect(source.options.propagation == .slave && source.options.propagatesRecursively)
    #expect(source.isRecursive && source.options.set == .readOnly)
  }

  @Test func `capabilities that the caller does not hold are left out with a warning`() throws {
    let plan = try plan {
      $0.process?.capabilities?.bounding = ["CAP_CHOWN", "CAP_SYS_RESOURCE"]
      $0.process?.capabilities?.permitted = ["CAP_CHOWN", "CAP_SYS_RESOURCE"]
      $0.process?.capabilities?.effective = ["CAP_CHOWN", "CAP_SYS_RESOURCE"]
    } circumstances: {
      $0.grantable = CapabilitySet(number: 0)
    }

    #expect(plan.warnings.count == 1 && plan.warnings[0].contains("CAP_SYS_RESOURCE"))
    let sets = plan.steps.compactMap { step -> ThreadCapabilities? in
      if case .setCapabilities(let plan) = step { return plan.sets }
      return nil
    }
    #expect(sets.first?.permitted == CapabilitySet(number: 0))
  }

  @Test func `what is not built is refused by its name`() {
    #expect {
      try plan { $0.process?.apparmorProfile = "container" }
    } throws: { error in
      "\(error)".contains("process.apparmorProfile")
    }
  }

  @Test func `every step can be explained`() throws {
    let plan = try plan { $0.root?.isReadOnly = true }

    #expect(plan.explanation.count == plan.steps.count + 1)
    for line in plan.explanation {
      #expect(!line.what.isEmpty && !line.kernelCall.isEmpty && !line.command.isEmpty, "\(line)")
      #expect(line.what != "go on")
    }
  }

  @Test func `a joining process takes the container's filter and none of its mounts`() throws {
    var process = RuntimeSpec.Process()
    process.arguments = ["/bin/sh"]
    var around = ExecCircumstances(namespaces: [.pid, .mount, .network], initProcessID: 42)
    var filter = RuntimeSpec.Seccomp()
    filter.defaultAction = "SCMP_ACT_ALLOW"
    around.linux.seccomp = filter

    let plan = try LaunchPlanner.planExec(process, around)

    #expect(plan.namespacesForChildren.map(\.path) == ["/proc/42/ns/pid"])
    #expect(plan.steps.contains(.enterNamespacesOfInit([.mount, .network])))
    #expect(plan.steps.contains(.installFilter))
    #expect(plan.newNamespaces == [])
  }
}
