package import SkiffKernel
package import SkiffSpec

/// Makes a v2 group obey device rules: the rules become a program that the kernel asks at every access (BPF_CGROUP_DEVICE).
package enum DevicePrograms {
  /// Puts the program in place of what this caller attached before, in one act.
  package static func attach(_ cgroup: Descriptor, _ rules: [RuntimeSpec.DeviceRule]) throws(Errno) {
    let program = try BPFProgram(loadingDeviceFilter: DeviceProgram.compile(rules))
    try CgroupDeviceFilter.install(program, on: cgroup)
  }
}
