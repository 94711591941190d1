// What a container may use (config-linux.md, "Control groups").

extension RuntimeSpec.Resources {
  /// Writes the document of `update`; reading it gives an equal value.
  public func serialized(pretty: Bool = false) -> [UInt8] {
    document(pretty: pretty)
  }
}

extension RuntimeSpec.Resources: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("devices", devices)
    writer.member("memory", memory)
    writer.member("cpu", cpu)
    writer.member("pids", pids)
    writer.member("blockIO", blockIO)
    writer.member("hugepageLimits", hugepageLimits)
    writer.member("network", network)
    writer.member("rdma", rdma)
    writer.member("unified", unified)
  }
}

extension RuntimeSpec.DeviceRule: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("allow", allow)
    writer.member("type", type)
    writer.member("major", major)
    writer.member("minor", minor)
    writer.member("access", access)
  }
}

extension RuntimeSpec.Memory: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("limit", limit)
    writer.member("reservation", reservation)
    writer.member("swap", swap)
    writer.member("kernel", kernel)
    writer.member("kernelTCP", kernelTCP)
    writer.member("swappiness", swappiness)
    writer.member("disableOOMKiller", disableOOMKiller)
    writer.member("useHierarchy", useHierarchy)
    writer.member("checkBeforeUpdate", checkBeforeUpdate)
  }
}

extension RuntimeSpec.CPU: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("shares", shares)
    writer.member("quota", quota)
    writer.member("burst", burst)
    writer.member("period", period)
    writer.member("realtimeRuntime", realtimeRuntime)
    writer.member("realtimePeriod", realtimePeriod)
    writer.member("cpus", cpus)
    writer.member("mems", mems)
    writer.member("idle", idle)
  }
}

extension RuntimeSpec.Pids: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("limit", limit)
  }
}

extension RuntimeSpec.BlockIO: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("weight", weight)
    writer.member("leafWeight", leafWeight)
    writer.member("weightDevice", weightDevice)
    writer.member("throttleReadBpsDevice", throttleReadBpsDevice)
    writer.member("throttleWriteBpsDevice", throttleWriteBpsDevice)
    writer.member("throttleReadIOPSDevice", throttleReadIOPSDevice)
    writer.member("throttleWriteIOPSDevice", throttleWriteIOPSDevice)
  }
}

extension RuntimeSpec.WeightDevice: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("major", major)
    writer.member("minor", minor)
    writer.member("weight", weight)
    writer.member("leafWeight", leafWeight)
  }
}

extension RuntimeSpec.ThrottleDevice: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("major", major)
    writer.member("minor", minor)
    writer.member("rate", rate)
  }
}

extension RuntimeSpec.HugepageLimit: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("pageSize", pageSize)
    writer.member("limit", limit)
  }
}

extension RuntimeSpec.NetworkClass: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("classID", classID)
    writer.member("priorities", priorities)
  }
}

extension RuntimeSpec.InterfacePriority: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("name", name)
    writer.member("priority", priority)
  }
}

extension RuntimeSpec.RdmaLimit: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("hcaHandles", hcaHandles)
    writer.member("hcaObjects", hcaObjects)
  }
}
