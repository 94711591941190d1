// The Linux part of config.json (config-linux.md).

extension RuntimeSpec.Linux: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("uidMappings", uidMappings)
    writer.member("gidMappings", gidMappings)
    writer.member("timeOffsets", timeOffsets)
    writer.member("sysctl", sysctl)
    writer.member("resources", resources)
    writer.member("cgroupsPath", cgroupsPath)
    writer.member("namespaces", namespaces)
    writer.member("devices", devices)
    writer.member("netDevices", netDevices)
    writer.member("seccomp", seccomp)
    writer.member("rootfsPropagation", rootfsPropagation)
    writer.member("maskedPaths", maskedPaths)
    writer.member("readonlyPaths", readonlyPaths)
    writer.member("mountLabel", mountLabel)
    writer.member("intelRdt", intelRdt)
    writer.member("personality", personality)
    writer.member("memoryPolicy", memoryPolicy)
  }
}

extension RuntimeSpec.Namespace: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", type.rawValue)
    writer.member("path", path)
  }
}

extension RuntimeSpec.TimeOffset: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("secs", seconds)
    writer.member("nanosecs", nanoseconds)
  }
}

extension RuntimeSpec.Device: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("path", path)
    writer.member("type", type)
    writer.member("major", major)
    writer.member("minor", minor)
    writer.member("fileMode", fileMode)
    writer.member("uid", userID)
    writer.member("gid", groupID)
  }
}

extension RuntimeSpec.NetDevice: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("name", name)
  }
}

extension RuntimeSpec.IntelRdt: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("closID", closID)
    writer.member("schemata", schemata)
    writer.member("l3CacheSchema", l3CacheSchema)
    writer.member("memBwSchema", memBwSchema)
    writer.member("enableMonitoring", ifTrue: enableMonitoring)
  }
}

extension RuntimeSpec.Personality: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("domain", domain)
    writer.member("flags", flags)
  }
}

extension RuntimeSpec.MemoryPolicy: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("mode", mode)
    writer.member("nodes", nodes)
    writer.member("flags", flags)
  }
}

extension RuntimeSpec.Seccomp: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("defaultAction", defaultAction)
    writer.member("defaultErrnoRet", defaultErrnoRet)
    writer.member("architectures", architectures)
    writer.member("flags", ifSet: flags)
    writer.member("listenerPath", listenerPath)
    writer.member("listenerMetadata", listenerMetadata)
    writer.member("syscalls", rules)
  }
}

extension RuntimeSpec.SeccompRule: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("names", names)
    writer.member("action", action)
    writer.member("errnoRet", errnoRet)
    writer.member("args", conditions)
  }
}

extension RuntimeSpec.SeccompCondition: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("index", index)
    writer.member("value", value)
    if valueTwo != 0 { writer.member("valueTwo", valueTwo) }
    writer.member("op", op)
  }
}
