import Foundation
import Testing

extension Integration {
  /// Everything that a document may limit, seen in the group's files; what a machine lacks is refused by name.
  @Suite struct Resources {
    /// The content of a file of the group, `nil` where the machine has no such controller or file.
    private func file(_ controller: String, _ name: String, of process: Int) -> String? {
      guard let place = try? group(controller, of: process) else { return nil }
      let root = isVersion1 ? "/sys/fs/cgroup/\(controller)" : "/sys/fs/cgroup"
      let text = try? String(contentsOfFile: "\(root)\(place)/\(name)", encoding: .utf8)
      return text?.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A device for limits: the first that the kernel has a queue for.
    private func blockDevice() throws -> (major: Int, minor: Int)? {
      for name in try shell("ls /sys/block").lines where !name.hasPrefix("loop") && !name.hasPrefix("ram") {
        let numbers = try shell("cat /sys/block/\(name)/dev").output.trimmingCharacters(in: .whitespacesAndNewlines)
          .split(separator: ":").compactMap { Int($0) }
        if numbers.count == 2 { return (numbers[0], numbers[1]) }
      }
      return nil
    }

    private func refusalOrProcess(_ bundle: Bundle) throws -> (message: String, process: Int?) {
      try bundle.setArguments(["/bin/probe", "wait"])
      try bundle.writeConfiguration()
      let created = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])
      return (created.message, created.code == 0 ? try bundle.state().pid.number : nil)
    }

    @Test func `huge pages are limited, those reserved too`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"linux":{"resources":{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}}}"#)
        let (message, process) = try refusalOrProcess(bundle)
        guard let process else {
          #expect(message.contains("hugetlb") || message.contains("hugepageLimits"), "\(message)")
          return
        }
        #expect(process > 0)
        // The controller may be in either tree of a machine that has both.
        for kind in ["", "rsvd."] {
          let found = try shell(
            "find /sys/fs/cgroup -path '*/\(bundle.id)/hugetlb.2MB.\(kind)max' -o -path '*/\(bundle.id)/hugetlb.2MB.\(kind)limit_in_bytes'"
          ).lines
          #expect(found.count == 1, "\(found)")
          for path in found { #expect(try shell("cat \(path)").lines == ["4194304"]) }
        }
        try bundle.delete(force: true)
      }
    }

    @Test func `reads and writes of a device are throttled`() throws {
      try inHarbour { harbour in
        // A machine without one has nothing to throttle.
        guard let device = try blockDevice() else { return }
        let limits = [("throttleReadBpsDevice", 1_048_576), ("throttleWriteIOPSDevice", 200)].map { name, rate in
          #""\#(name)":[{"major":\#(device.major),"minor":\#(device.minor),"rate":\#(rate)}]"#
        }.joined(separator: ",")
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"blockIO":{\#(limits)}}}}"#)
        let (message, process) = try refusalOrProcess(bundle)
        guard let process else {
          #expect(message.contains("blockIO"), "\(message)")
          return
        }
        let number = "\(device.major):\(device.minor)"
        if isVersion1 {
          #expect(file("blkio", "blkio.throttle.read_bps_device", of: process) == "\(number) 1048576")
          #expect(file("blkio", "blkio.throttle.write_iops_device", of: process) == "\(number) 200")
        } else {
          #expect(file("io", "io.max", of: process) == "\(number) rbps=1048576 wbps=max riops=max wiops=200")
        }
        try bundle.delete(force: true)
      }
    }

    @Test func `a burst, and a group that runs when nobody else does`() throws {
      try inHarbour { harbour in
        let burst = try Bundle(
          harbour, #"{"linux":{"resources":{"cpu":{"quota":50000,"period":100000,"burst":20000}}}}"#)
        let (burstMessage, bursting) = try refusalOrProcess(burst)
        if let bursting {
          #expect(file("cpu", isVersion1 ? "cpu.cfs_burst_us" : "cpu.max.burst", of: bursting) == "20000")
          try burst.delete(force: true)
        } else {
          #expect(burstMessage.contains("cpu.burst"), "\(burstMessage)")
        }
        let idle = try Bundle(harbour, #"{"linux":{"resources":{"cpu":{"idle":1}}}}"#)
        let (idleMessage, idling) = try refusalOrProcess(idle)
        if let idling {
          #expect(file("cpu", "cpu.idle", of: idling) == "1")
          try idle.delete(force: true)
        } else {
          #expect(idleMessage.contains("cpu.idle"), "\(idleMessage)")
        }
      }
    }

    @Test func `files of version 2 by their own names, and never beyond the group`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"linux":{"resources":{"unified":{"memory.high":"50331648","pids.max":"19"}}}}"#)
        let (message, process) = try refusalOrProcess(bundle)
        if let process {
          #expect(!isVersion1)
          #expect(file("memory", "memory.high", of: process) == "50331648")
          #expect(file("pids", "pids.max", of: process) == "19")
          try bundle.delete(force: true)
        } else {
          #expect(isVersion1 && message.contains("unified"), "\(message)")
        }
        for name in ["../memory.max", "memory.max/../../x", "cgroup.procs", "memory", ".."] {
          let escaping = try Bundle(harbour, #"{"linux":{"resources":{"unified":{"\#(name)":"1"}}}}"#)
          #expect(try refusalOrProcess(escaping).process == nil, "\(name)")
        }
      }
    }

    @Test func `classes of packets and RDMA devices are limited or refused by name`() throws {
      try inHarbour { harbour in
        let network = try Bundle(harbour, #"{"linux":{"resources":{"network":{"classID":1048577}}}}"#)
        let (networkMessage, marked) = try refusalOrProcess(network)
        if let marked {
          #expect(file("net_cls", "net_cls.classid", of: marked) == "1048577")
          try network.delete(force: true)
        } else {
          #expect(networkMessage.contains("network.classID"), "\(networkMessage)")
        }
        // No machine has a device of this name.
        let rdma = try Bundle(harbour, #"{"linux":{"resources":{"rdma":{"nobody0":{"hcaHandles":3}}}}}"#)
        let (rdmaMessage, limited) = try refusalOrProcess(rdma)
        #expect(limited == nil)
        #expect(rdmaMessage.contains("rdma"), "\(rdmaMessage)")
      }
    }
  }
}
