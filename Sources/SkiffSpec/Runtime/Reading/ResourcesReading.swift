// What a container may use: config-linux.md, "Control groups"; also the document of `update`.

extension RuntimeSpec.Resources {
  /// Reads the document of `update --resources`.
  public static func parse(_ bytes: [UInt8]) throws(SpecProblems) -> RuntimeSpec.Resources {
    try SpecReader.read(bytes, sizeLimit: RuntimeSpec.sizeLimit)
  }
}

extension RuntimeSpec.Resources: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "devices": try reader.read(&devices)
      case "memory": try reader.read(&memory)
      case "cpu": try reader.read(&cpu)
      case "pids": try reader.read(&pids)
      case "blockIO": try reader.read(&blockIO)
      case "hugepageLimits": try reader.read(&hugepageLimits)
      case "network": try reader.read(&network)
      case "rdma": try reader.read(&rdma)
      case "unified": try reader.read(&unified)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.DeviceRule: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "allow": try reader.read(&allow)
      case "type": try reader.read(&type)
      case "major": try reader.read(&major)
      case "minor": try reader.read(&minor)
      case "access": try reader.read(&access)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Memory: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "limit": try reader.read(&limit)
      case "reservation": try reader.read(&reservation)
      case "swap": try reader.read(&swap)
      case "kernel": try reader.read(&kernel)
      case "kernelTCP": try reader.read(&kernelTCP)
      case "swappiness": try reader.read(&swappiness)
      case "disableOOMKiller": try reader.read(&disableOOMKiller)
      case "useHierarchy": try reader.read(&useHierarchy)
      case "checkBeforeUpdate": try reader.read(&checkBeforeUpdate)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.CPU: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "shares": try reader.read(&shares)
      case "quota": try reader.read(&quota)
      case "burst": try reader.read(&burst)
      case "period": try reader.read(&period)
      case "realtimeRuntime": try reader.read(&realtimeRuntime)
      case "realtimePeriod": try reader.read(&realtimePeriod)
      case "cpus": try reader.read(&cpus)
      case "mems": try reader.read(&mems)
      case "idle": try reader.read(&idle)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Pids: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "limit": try reader.read(&limit)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.BlockIO: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "weight": try reader.read(&weight)
      case "leafWeight": try reader.read(&leafWeight)
      case "weightDevice": try reader.read(&weightDevice)
      case "throttleReadBpsDevice": try reader.read(&throttleReadBpsDevice)
      case "throttleWriteBpsDevice": try reader.read(&throttleWriteBpsDevice)
      case "throttleReadIOPSDevice": try reader.read(&throttleReadIOPSDevice)
      case "throttleWriteIOPSDevice": try reader.read(&throttleWriteIOPSDevice)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.WeightDevice: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "major": try reader.read(&major)
      case "minor": try reader.read(&minor)
      case "weight": try reader.read(&weight)
      case "leafWeight": try reader.read(&leafWeight)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.ThrottleDevice: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "major": try reader.read(&major)
      case "minor": try reader.read(&minor)
      case "rate": try reader.read(&rate)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.HugepageLimit: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      // Readers in Go, for whom case is all the same, brought up writers of the second.
      case "pageSize", "pagesize": try reader.read(&pageSize)
      case "limit": try reader.read(&limit)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.NetworkClass: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "classID": try reader.read(&classID)
      case "priorities": try reader.read(&priorities)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.InterfacePriority: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "name": try reader.read(&name)
      case "priority": try reader.read(&priority)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.RdmaLimit: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "hcaHandles": try reader.read(&hcaHandles)
      case "hcaObjects": try reader.read(&hcaObjects)
      default: try reader.skip()
      }
    }
  }
}
