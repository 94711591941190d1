import SkiffKernel

/// Who the container's process is, as ids inside its user namespace.
public struct ResolvedUser: Equatable, Sendable {
  public var userID: UInt32
  public var groupID: UInt32
  /// Every supplementary group; the primary one is among them, so that no group of the caller's is kept (CVE-2022-2995).
  public var additionalGroupIDs: [UInt32]
  /// Nil where the image does not know the user.
  public var home: String?

  public init(userID: UInt32, groupID: UInt32, additionalGroupIDs: [UInt32], home: String? = nil) {
    self.userID = userID
    self.groupID = groupID
    self.additionalGroupIDs = additionalGroupIDs
    self.home = home
  }
}

/// The users and groups that an image knows: its /etc/passwd and /etc/group (passwd(5), group(5)).
///
/// Both files are outside data: lines that are wrong are skipped, and how much is read is bounded by the reader.
package struct UserDatabase {
  /// Largest file that is read.
  package static let fileLimitBytes = 4 << 20

  private let passwd: [UInt8]
  private let group: [UInt8]

  /// The bytes of both files; empty where the image has none.
  package init(passwd: [UInt8], group: [UInt8]) {
    self.passwd = passwd
    self.group = group
  }

  /// Finds `USER[:GROUP]`, each a name or a number. A number is never taken for a name (CVE-2026-30892 and kin).
  package func resolve(user text: String, additionalGroups: [String]) throws(EngineError) -> ResolvedUser {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let userText = parts[0].isEmpty ? "0" : parts[0]
    let account = try account(userText, of: text)
    var groupID = account.groupID
    var groups: [UInt32] = []
    if parts.count == 2 {
      guard !parts[1].isEmpty else {
        throw .invalidOption(name: "--user", value: text, reason: "the group after the colon is missing")
      }
      groupID = try groupNumber(parts[1], option: "--user")
    } else if let name = account.name {
      groups = groupIDs(withMember: name)
    }
    groups.insert(groupID, at: 0)
    for name in additionalGroups {
      groups.append(try groupNumber(name, option: "--group-add"))
    }
    var unique: [UInt32] = []
    for id in groups where !unique.contains(id) { unique.append(id) }
    return ResolvedUser(
      userID: account.userID, groupID: groupID, additionalGroupIDs: unique, home: account.home)
  }

  private struct Account {
    var name: String?
    var userID: UInt32
    var groupID: UInt32
    var home: String?
  }

  private func account(_ user: String, of text: String) throws(EngineError) -> Account {
    let isNumber = Self.isNumber(user)
    let wanted = isNumber ? try Self.identifier(user, option: "--user") : 0
    for line in passwd.split(separator: UInt8(ascii: "\n")) {
      let fields = Self.fields(line)
      guard fields.count >= 6, let id = Self.identifier(fields[2]), let group = Self.identifier(fields[3]) else {
        continue
      }
      guard isNumber ? id == wanted : fields[0] == user else { continue }
      let home = fields[5].hasPrefix("/") ? fields[5] : nil
      return Account(name: fields[0], userID: id, groupID: group, home: home)
    }
    guard isNumber else {
      throw .refused(
        "cannot find user \(user): the image's /etc/passwd does not have it (a numeric id needs no entry)")
    }
    return Account(name: nil, userID: wanted, groupID: 0, home: nil)
  }

  private func groupNumber(_ name: String, option: String) throws(EngineError) -> UInt32 {
    if Self.isNumber(name) { return try Self.identifier(name, option: option) }
    for line in group.split(separator: UInt8(ascii: "\n")) {
      let fields = Self.fields(line)
      if fields.count >= 3, fields[0] == name, let id = Self.identifier(fields[2]) { return id }
    }
    throw .refused("cannot find group \(name): the image's /etc/group does not have it (a numeric id needs no entry)")
  }

  private func groupIDs(withMember user: String) -> [UInt32] {
    var ids: [UInt32] = []
    for line in group.split(separator: UInt8(ascii: "\n")) {
      let fields = Self.fields(line)
      guard fields.count >= 4, let id = Self.identifier(fields[2]) else { continue }
      if fields[3].split(separator: ",").contains(where: { $0 == user }) { ids.append(id) }
    }
    return ids
  }

  private static func fields(_ line: ArraySlice<UInt8>) -> [String] {
    line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  private static func isNumber(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// Nil where the text is none of the ids that exist: 0 to 2^32-2.
  private static func identifier(_ text: String) -> UInt32? {
    guard isNumber(text), let id = UInt32(text), id != .max else { return nil }
    return id
  }

  private static func identifier(_ text: String, option: String) throws(EngineError) -> UInt32 {
    guard let id = identifier(text) else {
      throw .invalidOption(name: option, value: text, reason: "ids go from 0 to 4294967294")
    }
    return id
  }
}
