internal import SkiffSpec

// Block devices.
extension CgroupSettings {
  mutating func add(_ block: RuntimeSpec.BlockIO) throws(CgroupError) {
    try addWeights(block)
    let limits = [
      ("throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps", block.throttleReadBpsDevice),
      ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps", block.throttleWriteBpsDevice),
      ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops", block.throttleReadIOPSDevice),
      ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops", block.throttleWriteIOPSDevice),
    ]
    for (name, file, key, devices) in limits {
      let setting = "blockIO." + name
      for device in devices {
        let number = try deviceNumber(device.major, device.minor, setting)
        switch try blockVersion(for: setting) {
        case .v1: add("blkio", file, "\(number) \(device.rate)", setting)
        // A rate of 0 takes the limit away on v1; v2 has a word for that.
        case .v2: add("io", "io.max", "\(number) \(key)=\(device.rate == 0 ? "max" : "\(device.rate)")", setting)
        }
      }
    }
  }

  private mutating func addWeights(_ block: RuntimeSpec.BlockIO) throws(CgroupError) {
    if let weight = block.weight, weight != 0 {
      try addWeight(weight, device: nil, setting: "blockIO.weight")
    }
    if let weight = block.leafWeight, weight != 0 {
      try addLeafWeight(weight, device: nil, setting: "blockIO.leafWeight")
    }
    for device in block.weightDevice {
      let setting = "blockIO.weightDevice"
      let number = try deviceNumber(device.major, device.minor, setting)
      if let weight = device.weight, weight != 0 { try addWeight(weight, device: number, setting: setting) }
      if let weight = device.leafWeight, weight != 0 {
        try addLeafWeight(weight, device: number, setting: setting)
      }
    }
  }

  /// The schedulers that knew weights came and went: bfq has files of its own, v2 has also those of the cost model.
  private mutating func addWeight(_ weight: UInt16, device: String?, setting: String) throws(CgroupError) {
    guard (1...1000).contains(weight) else { throw bad(setting, "\(weight) is not in 1…1000") }
    let prefix = device.map { $0 + " " } ?? ""
    switch try blockVersion(for: setting) {
    case .v1:
      let suffix = device == nil ? "weight" : "weight_device"
      add(
        "blkio", "blkio.bfq." + suffix, "\(prefix)\(weight)", setting,
        alternative: CgroupSetting.Alternative(file: "blkio." + suffix, value: "\(prefix)\(weight)"))
    case .v2:
      add(
        "io", "io.bfq.weight", "\(prefix)\(weight)", setting,
        alternative: CgroupSetting.Alternative(
          file: "io.weight", value: "\(prefix)\(CgroupWeight.ioWeight(blockWeight: weight))"))
    }
  }

  private mutating func addLeafWeight(_ weight: UInt16, device: String?, setting: String) throws(CgroupError) {
    guard try blockVersion(for: setting) == .v1 else {
      throw unsupported(setting, "cgroup v2 has no leaf weight")
    }
    if let device {
      add("blkio", "blkio.leaf_weight_device", "\(device) \(weight)", setting)
    } else {
      add("blkio", "blkio.leaf_weight", "\(weight)", setting)
    }
  }

  private func blockVersion(for setting: String) throws(CgroupError) -> CgroupVersion {
    if version("blkio") == .v1 { return .v1 }
    if version("io") == .v2 { return .v2 }
    throw .missingController("io", setting: "linux.resources." + setting)
  }

  private func deviceNumber(_ major: Int64, _ minor: Int64, _ setting: String) throws(CgroupError) -> String {
    guard UInt32(exactly: major) != nil, UInt32(exactly: minor) != nil else {
      throw bad(setting, "\(major):\(minor) is not a device number")
    }
    return "\(major):\(minor)"
  }
}

// Huge pages, network classes, RDMA, and files of v2 by their own names.
extension CgroupSettings {
  mutating func add(_ limit: RuntimeSpec.HugepageLimit) throws(CgroupError) {
    let setting = "hugepageLimits"
    // The size becomes part of a file's name.
    let digits = limit.pageSize.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let unit = limit.pageSize.utf8.dropFirst(digits.count)
    guard (1...9).contains(digits.count), ["KB", "MB", "GB"].contains(where: { unit.elementsEqual($0.utf8) }) else {
      throw bad(setting, "\"\(limit.pageSize)\" is not a page size such as 2MB")
    }
    let (file, reserved) =
      switch try required("hugetlb", for: setting) {
      case .v1: ("limit_in_bytes", "rsvd.limit_in_bytes")
      case .v2: ("max", "rsvd.max")
      }
    add("hugetlb", "hugetlb.\(limit.pageSize).\(file)", "\(limit.limit)", setting)
    // Pages are counted when they are touched; counting reservations too refuses mmap(2) instead of killing later. Newer kernels.
    add("hugetlb", "hugetlb.\(limit.pageSize).\(reserved)", "\(limit.limit)", setting, mayBeMissing: true)
  }

  mutating func add(_ network: RuntimeSpec.NetworkClass) throws(CgroupError) {
    if let classID = network.classID, classID != 0 {
      if try required("net_cls", for: "network.classID") == .v2 {
        throw unsupported("network.classID", "cgroup v2 does not mark packets")
      }
      add("net_cls", "net_cls.classid", "\(classID)", "network.classID")
    }
    for priority in network.priorities {
      let setting = "network.priorities"
      try requireName(priority.name, setting)
      if try required("net_prio", for: setting) == .v2 {
        throw unsupported(setting, "cgroup v2 does not mark packets")
      }
      add("net_prio", "net_prio.ifpriomap", "\(priority.name) \(priority.priority)", setting)
    }
  }

  mutating func add(rdma limits: [String: RuntimeSpec.RdmaLimit]) throws(CgroupError) {
    for (device, limit) in limits.sorted(by: { $0.key < $1.key }) {
      try requireName(device, "rdma")
      var words: [String] = []
      if let handles = limit.hcaHandles { words.append("hca_handle=\(handles)") }
      if let objects = limit.hcaObjects { words.append("hca_object=\(objects)") }
      if words.isEmpty { continue }
      _ = try required("rdma", for: "rdma")
      add("rdma", "rdma.max", ([device] + words).joined(separator: " "), "rdma")
    }
  }

  mutating func add(unified files: [String: String]) throws(CgroupError) {
    for (file, content) in files.sorted(by: { $0.key < $1.key }) {
      let setting = "unified[\"\(file)\"]"
      let controller = String(file.prefix { $0 != "." })
      guard !controller.isEmpty, controller.utf8.count < file.utf8.count, !file.contains("/"), !file.contains("\0")
      else { throw bad(setting, "the key is not the name of a control file") }
      // These move or end processes, and are no limits.
      if ["cgroup.procs", "cgroup.threads", "cgroup.kill"].contains(file) {
        throw bad(setting, "the file does not hold a limit")
      }
      // `cgroup.*` belongs to the tree itself.
      let found = controller == "cgroup" ? version("cgroup") ?? .v2 : try required(controller, for: setting)
      if found == .v1 {
        throw unsupported(
          setting, "\(controller) is controlled by cgroup v1 here, which has no such settings (invalid configuration)")
      }
      // The kernel takes one line at a time.
      for line in content.split(separator: "\n") { add(controller, file, String(line), setting) }
    }
  }

  /// A name of a device or interface that a control file takes as one word.
  private func requireName(_ name: String, _ setting: String) throws(CgroupError) {
    guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw bad(setting, "\"\(name)\" is not the name of a device")
    }
  }
}
