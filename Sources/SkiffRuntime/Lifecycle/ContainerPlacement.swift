internal import SkiffKernel
internal import SkiffSpec

/// Who makes the control groups of containers.
package enum CgroupManager: String, Sendable {
  /// This runtime, in the file system.
  case cgroupfs
  /// systemd, asked over D-Bus; the limits are written by both.
  case systemd
  /// Nobody: containers stay in the caller's group, without limits.
  case disabled
}

/// Where a container's control group lies, and how it comes to be.
final class ContainerPlacement {
  /// Beneath this lie the groups of containers whose documents name none, wherever the caller lives: a group that has lost its
  /// state is found again from the id alone.
  private static let defaultParent = "/skiff"

  private let hierarchy: CgroupHierarchy
  let record: CgroupRecord
  private(set) var unit: SystemdUnit?
  private var scope: SystemdScope?
  private var manager: SystemdManager?
  /// Keeps the unit alive until the container's process is there.
  private(set) var keeper: UnitKeeper?
  private var group: CgroupGroup?

  /// - Parameter isUser: the caller is not the machine's root.
  init(
    _ manager: CgroupManager, path: String?, id: ContainerID, isUser: Bool
  ) throws(CgroupError) {
    hierarchy = try CgroupHierarchy.detect()
    let path = path.flatMap { $0.isEmpty ? nil : $0 }
    guard manager == .systemd else {
      record = try hierarchy.record(for: CgroupPath(path ?? Self.defaultPath(id, isUser: isUser)))
      return
    }
    let scope = try SystemdScope(path, id: id, isUser: isUser)
    let unit = SystemdUnit(name: scope.unit, isUser: isUser)
    let connection = try unit.connect()
    record = try hierarchy.record(for: CgroupPath(try unit.controlGroup(connection) + scope.path))
    self.scope = scope
    self.unit = unit
    self.manager = connection
  }

  private static func defaultPath(_ id: ContainerID, isUser: Bool) -> String {
    // A user may make groups only beneath those that were given to the user, which are near the caller's own.
    isUser ? id.text : "\(defaultParent)/\(id.text)"
  }

  /// Makes the group with its limits.
  func make(_ spec: RuntimeSpec, id: String, enforcesDevices: Bool) throws(CgroupError) {
    if let unit, let scope, let manager {
      keeper = try unit.start(scope, id: id, spec, isUnified: record.isUnified, manager)
    }
    group = try CgroupGroup.create(
      record, in: hierarchy, resources: spec.linux.resources, enforcesDevices: enforcesDevices,
      occupant: keeper?.processID, attachDevices: DevicePrograms.attach)
  }

  /// The made group, once; nil where there is none.
  func takeGroup() -> CgroupGroup? {
    group.take()
  }

  /// Whether the document asks for nothing that would be lost without a group.
  static func needsNoGroup(_ spec: RuntimeSpec) -> Bool { firstLimit(spec) == nil }

  /// The key path of the first limit that the configuration asks for.
  static func firstLimit(_ spec: RuntimeSpec) -> String? {
    guard let resources = spec.linux.resources else { return nil }
    do throws(CgroupError) {
      return try CgroupSettings.make(resources, version: .v2).first?.setting
    } catch {
      // Something that only another generation has: it is asked for all the same.
      return "linux.resources"
    }
  }

  /// Removes what a container of this id may have left behind in the place where its group lies by default.
  static func removeDefaults(_ id: ContainerID, _ manager: CgroupManager) {
    let isUser = SystemdUnit.callerIsUser
    if manager == .systemd, let scope = try? SystemdScope(nil, id: id, isUser: isUser) {
      let unit = SystemdUnit(name: scope.unit, isUser: isUser)
      // Without systemd there is no unit either.
      if let manager = try? unit.connect(), let above = try? unit.controlGroup(manager) {
        // Killed first: a program that does not heed SIGTERM would keep systemd waiting.
        removeGroup(above + scope.path) { try? unit.stop() }
      }
    }
    removeGroup(defaultPath(id, isUser: isUser)) {}
  }

  /// Best effort: whoever calls this again finds what is left.
  private static func removeGroup(_ path: String, stop: () -> Void) {
    guard let hierarchy = try? CgroupHierarchy.detect(), let path = try? CgroupPath(path),
      let record = try? hierarchy.record(for: path), record.exists()
    else { return stop() }
    _ = try? record.kill(signal: Signal.kill)
    stop()
    try? record.remove()
  }
}
