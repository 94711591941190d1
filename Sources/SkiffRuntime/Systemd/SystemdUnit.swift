internal import SkiffKernel
package import SkiffSpec

/// The unit of one container: which it is, and in whose hands.
package struct SystemdUnit: Equatable, Sendable {
  package let name: String
  /// Of the manager of one user, not of the machine's.
  package let isUser: Bool

  package init(name: String, isUser: Bool) {
    self.name = name
    self.isUser = isUser
  }

  /// Whether the caller's containers belong to a user's manager: whoever is not root, and a root that is one only in its user namespace.
  package static var callerIsUser: Bool {
    Credentials.effectiveUserID != 0 || CallerPrivileges.isInUserNamespace()
  }

  /// Does what `act` does, a failure told in the words of control groups.
  private func asking<Answer>(
    to verb: String, _ act: () throws(BusError) -> Answer
  ) throws(CgroupError) -> Answer {
    do throws(BusError) {
      return try act()
    } catch {
      throw .manager(act: verb, unit: name, words: error.description)
    }
  }

  /// Connects to the manager whose unit this is.
  package func connect() throws(CgroupError) -> SystemdManager {
    try asking(to: "reach systemd for") { () throws(BusError) in try SystemdManager.connect(isUser: isUser) }
  }

  /// Where the manager's own groups begin.
  package func controlGroup(_ manager: SystemdManager) throws(CgroupError) -> String {
    if !isUser { return "" }
    return try asking(to: "find the group of") { () throws(BusError) in try manager.controlGroup() }
  }

  /// Makes the unit, with a process of ours in it that keeps it alive until the container's first is there.
  ///
  /// ```
  /// runtime                              systemd
  ///   clone a keeper
  ///   StartTransientUnit(PIDs=[keeper])  ───▶  makes the group, moves the keeper, sets the limits
  ///                                      ◀───  JobRemoved "done"
  ///   limits into the group's files, devices
  ///   clone the container's first process into the group
  ///   end the keeper
  /// ```
  /// Nil where nothing has to keep it: a slice.
  package func start(
    _ scope: SystemdScope, id: String, _ spec: RuntimeSpec, isUnified: Bool, _ manager: SystemdManager
  ) throws(CgroupError) -> UnitKeeper? {
    let version = try asking(to: "make") { () throws(BusError) in try manager.version() }
    var properties = [
      SystemdProperty("Description", .string("container \(id)")), SystemdProperty("DefaultDependencies", .bool(false)),
      SystemdProperty("MemoryAccounting", .bool(true)), SystemdProperty("CPUAccounting", .bool(true)),
      SystemdProperty(isUnified ? "IOAccounting" : "BlockIOAccounting", .bool(true)),
      SystemdProperty("TasksAccounting", .bool(true)),
    ]
    properties += try limits(
      spec.linux.resources ?? RuntimeSpec.Resources(), isUnified: isUnified, version: version, isUpdate: false)
    properties += try SystemdProperties.annotations(spec.annotations)
    if scope.isSlice {
      properties.append(SystemdProperty("Wants", .array(of: "s", [.string(scope.slice)])))
      try asking(to: "make") { () throws(BusError) in try manager.start(name, properties) }
      return nil
    }
    let keeper: UnitKeeper
    do throws(Errno) {
      keeper = try UnitKeeper()
    } catch {
      throw .manager(act: "make", unit: name, words: "no process for it: \(error)")
    }
    properties += [
      SystemdProperty("Slice", .string(scope.slice)), SystemdProperty("Delegate", .bool(true)),
      SystemdProperty("PIDs", .array(of: "u", [.uint32(UInt32(bitPattern: keeper.processID))])),
    ]
    try asking(to: "make") { () throws(BusError) in try manager.start(name, properties) }
    return keeper
  }

  private func limits(
    _ resources: RuntimeSpec.Resources, isUnified: Bool, version: Int, isUpdate: Bool
  ) throws(CgroupError) -> [SystemdProperty] {
    var properties = try SystemdProperties.limits(resources, isUnified: isUnified, version: version)
    // A user's manager may not speak of devices, and an update without rules leaves them as they are.
    if isUser || isUpdate && resources.devices.isEmpty { return properties }
    let drivers = SystemdProperties.Drivers(parsing: try CgroupFiles.readIfPresent("/proc/devices") ?? "")
    properties += try SystemdProperties.devices(resources.devices, drivers: drivers)
    return properties
  }

  /// Lets systemd know of new limits.
  package func update(_ resources: RuntimeSpec.Resources, isUnified: Bool) throws(CgroupError) {
    let manager = try connect()
    let version = try asking(to: "update") { () throws(BusError) in try manager.version() }
    let properties = try limits(resources, isUnified: isUnified, version: version, isUpdate: true)
    try asking(to: "update") { () throws(BusError) in try manager.set(name, properties) }
  }

  /// Ends the unit with all its processes; nothing happens to one that is gone.
  package func stop() throws(CgroupError) {
    let manager = try connect()
    try asking(to: "stop") { () throws(BusError) in try manager.stop(name) }
  }
}

/// A process that does nothing but be in a unit: systemd makes no scope without one.
package final class UnitKeeper {
  package let processID: Int32
  private let handle: FileDescriptor
  private var hasEnded = false

  init() throws(Errno) {
    let parent = ProcessControl.processID
    switch try cloneProcess() {
    case .child:
      // With the runtime the keeper goes, and with the keeper a scope in which nothing else lives.
      do throws(Errno) {
        try ProcessControl.setParentDeathSignal(Signal.kill)
        guard ProcessControl.parentProcessID == parent else { ProcessControl.exit(0) }
        try Signal.setMask([])
        try ProcessControl.closeDescriptors(from: 0, onExec: false)
        var nothing: [PollEntry] = []
        while true { try poll(&nothing) }
      } catch {
        ProcessControl.exit(1)
      }
    case .parent(let processID, let handle):
      self.processID = processID
      self.handle = try handle.descriptor.duplicate()
    }
  }

  /// Ends the process; for when the container's own is there, or will never be.
  package func end() {
    if hasEnded { return }
    hasEnded = true
    do throws(Errno) {
      try handle.descriptor.sendSignal(Signal.kill)
      _ = try handle.descriptor.waitForExit()
    } catch {
      // The container's first process, or systemd, was quicker: it is gone.
    }
  }

  deinit { end() }
}
