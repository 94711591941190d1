// The Linux part of config.json (config-linux.md).

extension RuntimeSpec.Linux: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "namespaces": try reader.read(&namespaces)
      case "uidMappings": try reader.read(&uidMappings)
      case "gidMappings": try reader.read(&gidMappings)
      case "timeOffsets": try reader.read(&timeOffsets)
      case "devices": try reader.read(&devices)
      case "netDevices": try reader.read(&netDevices)
      case "cgroupsPath": try reader.read(&cgroupsPath)
      case "resources": try reader.read(&resources)
      case "intelRdt": try reader.read(&intelRdt)
      case "sysctl": try reader.read(&sysctl)
      case "seccomp": try reader.read(&seccomp)
      case "rootfsPropagation": try reader.read(&rootfsPropagation)
      case "maskedPaths": try reader.read(&maskedPaths)
      case "readonlyPaths": try reader.read(&readonlyPaths)
      case "mountLabel": try reader.read(&mountLabel)
      case "personality": try reader.read(&personality)
      case "memoryPolicy": try reader.read(&memoryPolicy)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Namespace: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    // A place-holder: whatever is not a known type is noted.
    self.init(type: .mount)
    let start = try reader.startOfValue()
    var name: String?
    if try reader.beginObject() {
      while let key = try reader.nextKey() {
        switch key {
        case "type":
          let offset = try reader.startOfValue()
          try reader.read(&name)
          if let name, RuntimeSpec.NamespaceType(rawValue: name) == nil {
            reader.note("namespace \(SpecKeyPath.quoted(name)) does not exist", at: offset)
          }
        case "path": try reader.read(&path)
        default: try reader.skip()
        }
      }
    }
    guard let name else {
      reader.note("a namespace needs a type", at: start)
      return
    }
    type = RuntimeSpec.NamespaceType(rawValue: name) ?? .mount
    // Engines write an empty path for a new namespace.
    if path == "" { path = nil }
  }
}

extension RuntimeSpec.TimeOffset: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "secs": try reader.read(&seconds)
      case "nanosecs": try reader.read(&nanoseconds)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Device: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    type = ""
    // Zero is a number, too: one that is missing must not be taken for it.
    var (majorNumber, minorNumber): (Int64?, Int64?)
    defer {
      let missing: Int64 = type == "p" ? 0 : -1
      (major, minor) = (majorNumber ?? missing, minorNumber ?? missing)
    }
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "type": try reader.read(&type)
      case "path": try reader.read(&path)
      case "major": try reader.read(&majorNumber)
      case "minor": try reader.read(&minorNumber)
      case "fileMode": try reader.read(&fileMode)
      case "uid": try reader.read(&userID)
      case "gid": try reader.read(&groupID)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.NetDevice: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "name": try reader.read(&name)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.IntelRdt: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "closID": try reader.read(&closID)
      case "schemata": try reader.read(&schemata)
      case "l3CacheSchema": try reader.read(&l3CacheSchema)
      case "memBwSchema": try reader.read(&memBwSchema)
      case "enableMonitoring": try reader.read(&enableMonitoring)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Personality: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "domain": try reader.read(&domain)
      case "flags": try reader.read(&flags)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.MemoryPolicy: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "mode": try reader.read(&mode)
      case "nodes": try reader.read(&nodes)
      case "flags": try reader.read(&flags)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Seccomp: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "defaultAction": try reader.read(&defaultAction)
      case "defaultErrnoRet": try reader.read(&defaultErrnoRet)
      case "architectures": try reader.read(&architectures)
      case "flags": try reader.read(&flags)
      case "listenerPath": try reader.read(&listenerPath)
      case "listenerMetadata": try reader.read(&listenerMetadata)
      case "syscalls": try reader.read(&rules)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.SeccompRule: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "names": try reader.read(&names)
      case "action": try reader.read(&action)
      case "errnoRet": try reader.read(&errnoRet)
      case "args": try reader.read(&conditions)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.SeccompCondition: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "index": try reader.read(&index)
      case "value": try reader.read(&value)
      case "valueTwo": try reader.read(&valueTwo)
      case "op": try reader.read(&op)
      default: try reader.skip()
      }
    }
  }
}
