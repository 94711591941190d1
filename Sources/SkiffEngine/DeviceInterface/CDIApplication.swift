import SkiffKernel
import SkiffSpec

/// Applies what the specifications of devices say to that of a container.
struct CDIApplication {
  private var spec: RuntimeSpec
  private let hasUserNamespace: Bool
  private let isPrivileged: Bool

  /// The specification with the devices in it; whatever is to be looked up on the host is.
  static func apply(
    _ devices: [CDIDeviceName], to spec: RuntimeSpec, of request: RunRequest,
    directories: CDIDirectories = CDIDirectories()
  ) throws(EngineError) -> RuntimeSpec {
    var application = CDIApplication(
      spec: spec, hasUserNamespace: request.userNamespace != .host, isPrivileged: request.isPrivileged)
    var seen: Set<String> = []
    var common: Set<String> = []
    var mounts: [RuntimeSpec.Mount] = []
    let names = devices.filter { seen.insert($0.text).inserted }
    for found in try directories.find(names) {
      let file = found.specification.path
      // What the file says for all of its devices, once.
      if common.insert(file).inserted { try application.apply(found.specification.common, &mounts, from: file) }
      try application.apply(found.edits, &mounts, from: file)
    }
    // Outer before inner; after all others, which they may lie in.
    application.spec.mounts += mounts.enumerated().sorted {
      (depth($0.element), $0.offset) < (depth($1.element), $1.offset)
    }.map(\.element)
    return application.spec
  }

  private static func depth(_ mount: RuntimeSpec.Mount) -> Int { mount.destination.split(separator: "/").count }

  private mutating func apply(_ edits: CDIEdits, _ mounts: inout [RuntimeSpec.Mount], from file: String)
    throws(EngineError)
  {
    for entry in edits.environment {
      let name = entry.prefix { $0 != "=" } + "="
      spec.process?.environment.removeAll { $0.hasPrefix(name) }
      spec.process?.environment.append(entry)
    }
    for node in edits.nodes { try add(node, from: file) }
    for device in edits.networkDevices {
      var inside = RuntimeSpec.NetDevice()
      inside.name = device.name
      spec.linux.netDevices[device.host] = inside
    }
    for mount in edits.mounts {
      mounts.removeAll { $0.destination == mount.destination }
      mounts.append(mount)
    }
    for (name, hook) in edits.hooks {
      switch name {
      case "prestart": spec.hooks.prestart.append(hook)
      case "createRuntime": spec.hooks.createRuntime.append(hook)
      case "createContainer": spec.hooks.createContainer.append(hook)
      case "startContainer": spec.hooks.startContainer.append(hook)
      case "poststart": spec.hooks.poststart.append(hook)
      default: spec.hooks.poststop.append(hook)
      }
    }
    for id in edits.additionalGroupIDs where spec.process?.user.additionalGroupIDs.contains(id) == false {
      spec.process?.user.additionalGroupIDs.append(id)
    }
    if let control = edits.resourceControl { spec.linux.intelRdt = control }
  }

  private mutating func add(_ node: CDIEdits.Node, from file: String) throws(EngineError) {
    var device = RuntimeSpec.Device()
    device.path = SpecComposer.cleaned(node.path)
    if let type = node.type, !type.isEmpty, let major = node.major, major != 0 {
      device.type = type
      device.major = major
      device.minor = node.minor ?? 0
      device.fileMode = node.fileMode
    } else {
      let path = node.hostPath ?? node.path
      let found: DeviceNode?
      do throws(Errno) {
        found = try HostDevices.node(path)
      } catch {
        throw .kernel(act: "find the device that \(file) names,", thing: path, cause: error)
      }
      guard let found else { throw .refused("\(path), which \(file) names, is no device") }
      device.type = found.type
      device.major = Int64(found.major)
      device.minor = Int64(found.minor)
      device.fileMode = node.fileMode ?? found.mode
    }
    // Without an owner of its own the device is the process's.
    device.userID = node.userID ?? (hasUserNamespace ? 0 : spec.process?.user.userID)
    device.groupID = node.groupID ?? (hasUserNamespace ? 0 : spec.process?.user.groupID)
    spec.linux.devices.removeAll { $0.path == device.path }
    spec.linux.devices.append(device)
    // A pipe is no device to the control group; a privileged container has all of them.
    guard !isPrivileged, device.type != "p" else { return }
    var rule = RuntimeSpec.DeviceRule()
    rule.allow = true
    rule.type = device.type == "u" ? "c" : device.type
    rule.major = device.major
    rule.minor = device.minor
    rule.access = node.permissions
    spec.linux.resources?.devices.append(rule)
  }
}
