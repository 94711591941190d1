internal import SkiffKernel
internal import SkiffSpec

/// The ids of a user namespace that a configuration asks for without saying which, as crun gives them: the caller's own as 0, and
/// from 1 on those that the machine sets aside for the caller (subuid(5), subgid(5)).
enum DefaultIDMappings {
  /// Does nothing where ids are given, where no user namespace is made, or where one is joined.
  ///
  /// - Parameter onlyOwn: in somebody's user namespace the machine's files speak of other ids.
  static func fill(_ linux: inout RuntimeSpec.Linux, onlyOwn: Bool) {
    guard linux.uidMappings.isEmpty, linux.gidMappings.isEmpty,
      linux.namespaces.contains(where: { $0.type == .user && ($0.path ?? "").isEmpty })
    else { return }
    let (userID, groupID) = (Credentials.effectiveUserID, Credentials.effectiveGroupID)
    let names = onlyOwn ? [] : [name(of: userID), String(userID)].compactMap { $0 }
    linux.uidMappings = mappings(own: userID, further: range(of: names, in: "/etc/subuid"))
    linux.gidMappings = mappings(own: groupID, further: range(of: names, in: "/etc/subgid"))
  }

  /// - Parameter further: nil where nothing is set aside.
  static func mappings(own: UInt32, further: (first: UInt32, count: UInt32)?) -> [RuntimeSpec.IDMapping] {
    let root = RuntimeSpec.IDMapping(containerID: 0, hostID: own, size: 1)
    guard let further, further.count > 0, own < further.first || own - further.first >= further.count else {
      return [root]
    }
    return [root, RuntimeSpec.IDMapping(containerID: 1, hostID: further.first, size: further.count)]
  }

  private static let limitBytes = 1 << 20

  /// The first range that is set aside for a user, by name or by number.
  private static func range(of names: [String], in path: KernelPath) -> (first: UInt32, count: UInt32)? {
    names.isEmpty ? nil : range(of: names, in: content(of: path))
  }

  /// Empty where there is none: the machine sets nothing aside then.
  private static func content(of path: KernelPath) -> [UInt8] {
    guard let file = try? Descriptor.workingDirectory.open(path, [.readOnly, .nonBlocking]),
      let bytes = try? file.descriptor.readToEnd(limitBytes: limitBytes)
    else { return [] }
    return bytes
  }

  /// What the machine calls a user; nil where it does not.
  private static func name(of userID: UInt32) -> String? {
    for line in content(of: "/etc/passwd").split(separator: UInt8(ascii: "\n")) {
      let fields = String(decoding: line, as: UTF8.self).split(separator: ":", omittingEmptySubsequences: false)
      if fields.count >= 3, UInt32(fields[2]) == userID { return String(fields[0]) }
    }
    return nil
  }

  /// - Parameter file: lines such as `name:100000:65536`.
  static func range(of names: [String], in file: [UInt8]) -> (first: UInt32, count: UInt32)? {
    for line in file.split(separator: UInt8(ascii: "\n")) {
      let fields = String(decoding: line, as: UTF8.self).split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count == 3, names.contains(String(fields[0])), let first = UInt32(fields[1]),
        let count = UInt32(fields[2]), UInt64(first) + UInt64(count) < UInt64(UInt32.max)
      else { continue }
      return (first, count)
    }
    return nil
  }
}
