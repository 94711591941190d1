import SkiffRuntime
import SkiffSpec

/// What this runtime can do, as features.md describes it: only what is built.
enum Features {
  static func document() -> [UInt8] {
    let linux: JSONValue = [
      "namespaces": JSONValue(RuntimeSpec.NamespaceType.allCases.map(\.rawValue)),
      "capabilities": JSONValue(CapabilityNames.all),
      "cgroup": ["v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true],
      "seccomp": [
        "enabled": true,
        "actions": [
          "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
          "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
        ],
        "operators": [
          "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
          "SCMP_CMP_NE",
        ],
      ],
      "apparmor": ["enabled": false], "selinux": ["enabled": false], "intelRdt": ["enabled": false],
      "mountExtensions": ["idmap": ["enabled": true]],
    ]
    let document: JSONValue = [
      "ociVersionMin": "1.0.0", "ociVersionMax": .string(Version.specification),
      "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
      "mountOptions": JSONValue(MountOptions.known), "linux": linux,
      "annotations": ["io.skiff.version": .string(Version.text)],
    ]
    return document.serialized(pretty: true)
  }
}
