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
