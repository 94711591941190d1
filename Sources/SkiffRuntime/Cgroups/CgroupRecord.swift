/// Where one container's group lies in every tree: what is stored so that any later command can find it again.
package struct CgroupRecord: Equatable, Sendable {
  /// The group in one tree.
  package struct Entry: Equatable, Sendable {
    /// As in `CgroupHierarchy.Tree`.
    package let name: String
    package let controllers: [String]
    package let label: String?
    package let isUnified: Bool
    package let mountPoint: String
    /// The group, from the tree's root: `/skiff/ID`.
    package let path: String

    package init(
      name: String, controllers: [String], label: String?, isUnified: Bool, mountPoint: String, path: String
    ) {
      self.name = name
      self.controllers = controllers
      self.label = label
      self.isUnified = isUnified
      self.mountPoint = mountPoint
      self.path = path
    }

    /// The group's directory on the host.
    package var directory: String { mountPoint + path }
  }

  package let entries: [Entry]

  package init(entries: [Entry]) {
    self.entries = entries
  }

  /// The group in the v2 tree, where there is one.
  package var unified: Entry? { entries.first { $0.isUnified } }

  /// Whether v2 is all there is.
  package var isUnified: Bool { entries.allSatisfy(\.isUnified) }

  /// The group in the tree that has `controller`; v1 goes first, as in `CgroupHierarchy.version(of:)`.
  package func entry(of controller: String) -> Entry? {
    entries.first { !$0.isUnified && $0.controllers.contains(controller) }
      ?? entries.first { $0.controllers.contains(controller) }
  }
}

extension CgroupRecord {
  /// The group beneath this one that a process is asked to enter (`exec --cgroup`).
  ///
  /// - Parameter subgroups: the path beneath the container's group by controller; the empty key is every tree.
  func descending(into subgroups: [String: String]) throws(CgroupError) -> CgroupRecord {
    for controller in subgroups.keys where !controller.isEmpty {
      let isKnown = entries.contains {
        $0.controllers.contains(controller) || $0.label == controller || $0.name == controller
      }
      guard isKnown else {
        throw .unknownController(controller)
      }
    }
    var changed: [Entry] = []
    for entry in entries {
      let names = entry.controllers + [entry.name] + (entry.label.map { [$0] } ?? [])
      guard let path = names.lazy.compactMap({ subgroups[$0] }).first ?? subgroups[""], path != "/" else {
        changed.append(entry)
        continue
      }
      // Found harmless as a whole path is: no "..".
      let beneath = try Self.subgroup(path)
      changed.append(
        Entry(
          name: entry.name, controllers: entry.controllers, label: entry.label, isUnified: entry.isUnified,
          mountPoint: entry.mountPoint, path: entry.path + "/" + beneath))
    }
    return CgroupRecord(entries: changed)
  }

  private static func subgroup(_ path: String) throws(CgroupError) -> String {
    do throws(CgroupError) {
      return try CgroupPath(path).components.joined(separator: "/")
    } catch {
      guard case .badPath(_, let reason) = error else { throw error }
      throw .badSubgroup(path, reason: reason)
    }
  }
}
