import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// What this runtime can do, as features.md and features-linux.md of the specification describe it: only what is built.
enum Features {
  static func document() -> [UInt8] {
    let document: JSONValue = [
      "ociVersionMin": "1.0.0", "ociVersionMax": .string(SkiffVersion.runtimeSpecification),
      "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
      "mountOptions": JSONValue(MountOptions.known), "linux": linux,
      "annotations": ["io.skiff.version": .string(SkiffVersion.text)],
      // These steer systemd and criu; nothing else in a configuration's annotations changes what this runtime does.
      "potentiallyUnsafeConfigAnnotations": ["org.criu.config", "org.systemd.property."],
    ]
    return document.serialized(pretty: true)
  }

  private static var linux: JSONValue {
    [
      "namespaces": JSONValue(RuntimeSpec.NamespaceType.allCases.map(\.rawValue).sorted()),
      "capabilities": JSONValue(CapabilityNames.all),
      "cgroup": ["v1": true, "v2": true, "systemd": true, "systemdUser": false, "rdma": true],
      "seccomp": seccomp,
      // Whether the runtime can; a machine without the module is told when a container asks for it.
      "apparmor": ["enabled": true], "selinux": ["enabled": true],
      "intelRdt": ["enabled": true, "schemata": true, "monitoring": true],
      "memoryPolicy": [
        "modes": JSONValue(RuntimeSpec.MemoryPolicy.knownModes.sorted()),
        "flags": JSONValue(RuntimeSpec.MemoryPolicy.knownFlags.sorted()),
      ],
      "mountExtensions": ["idmap": ["enabled": true]],
      "netDevices": ["enabled": true],
    ]
  }

  private static var seccomp: JSONValue {
    [
      "enabled": true,
      "actions": JSONValue(RuntimeSpec.Seccomp.knownActions.sorted()),
      "operators": JSONValue(RuntimeSpec.Seccomp.knownOperators.sorted()),
      "archs": JSONValue(SeccompArchitecture.allCases.map(\.specName).sorted()),
      "knownFlags": JSONValue(RuntimeSpec.Seccomp.knownFlags.sorted()),
      // What this kernel takes besides.
      "supportedFlags": JSONValue(SeccompFilter.availableFlags.sorted()),
    ]
  }
}
