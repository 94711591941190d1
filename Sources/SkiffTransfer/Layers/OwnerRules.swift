/// Who the files of a copy belong to.
package struct OwnerRules: Equatable, Sendable {
  /// A stretch of ids, and what they are on the other side.
  package struct Range: Equatable, Sendable {
    package var from: UInt32
    package var to: UInt32
    package var count: UInt32

    package init(from: UInt32, to: UInt32, count: UInt32) {
      self.from = from
      self.to = to
      self.count = count
    }
  }

  /// Everything belongs to this user and group, whoever it was before.
  package struct Owner: Equatable, Sendable {
    package var userID: UInt32
    package var groupID: UInt32

    package init(userID: UInt32, groupID: UInt32) {
      self.userID = userID
      self.groupID = groupID
    }
  }

  package var everything: Owner?
  /// Ids of a user namespace; without any, ids stay what they are.
  package var users: [Range] = []
  package var groups: [Range] = []

  package init() {}

  /// What stands for an id that the user namespace does not have (user_namespaces(7)).
  private static let nobody: UInt32 = 65534

  private static func translated(_ id: UInt32, _ ranges: [Range]) -> UInt32? {
    if ranges.isEmpty { return id }
    for range in ranges where id >= range.from && id - range.from < range.count {
      let (sum, overflow) = range.to.addingReportingOverflow(id - range.from)
      return overflow ? nil : sum
    }
    return nil
  }

  /// The owner of an entry as an archive is to name it.
  func shown(_ entry: TarEntry) -> Owner {
    Owner(
      userID: Self.translated(entry.userID, users) ?? Self.nobody,
      groupID: Self.translated(entry.groupID, groups) ?? Self.nobody)
  }

  /// The entry as it is to be made.
  func made(_ entry: TarEntry) throws(LayerRefusal) -> TarEntry {
    var entry = entry
    if let everything {
      // As cp(1) does: what raises rights belongs to its owner, and does not come along to another.
      entry.mode &= 0o1777
      entry.attributes.removeAll { $0.name.elementsEqual("security.capability".utf8) }
      (entry.userID, entry.groupID) = (everything.userID, everything.groupID)
      return entry
    }
    guard let user = Self.translated(entry.userID, users) else { throw .ownerHasNoID("user", entry.userID) }
    guard let group = Self.translated(entry.groupID, groups) else { throw .ownerHasNoID("group", entry.groupID) }
    (entry.userID, entry.groupID) = (user, group)
    return entry
  }
}
