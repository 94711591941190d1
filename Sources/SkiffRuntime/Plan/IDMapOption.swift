internal import SkiffSpec

/// Mappings written in a mount's option, as crun takes them: `idmap=uids=0-1-10#10-11-10;gids=@0-100-10`.
///
/// Each triplet is first id in the files, first id shown, length. After `@` the shown ids are those of the container's user
/// namespace, and are turned into the host's.
package struct IDMapOption: Equatable, Sendable {
  private var uids = Ranges()
  private var gids = Ranges()
  /// What cannot be read in it; nil where all is well.
  package private(set) var problem: String?

  private struct Ranges: Equatable, Sendable {
    var ranges: [Range] = []
  }

  private struct Range: Equatable, Sendable {
    var from: UInt32
    var to: UInt32
    var size: UInt32
    var isRelative: Bool
  }

  private static let rangeLimit = 340

  package init(_ text: String) {
    for part in text.split(separator: ";", omittingEmptySubsequences: false) {
      let isUsers = part.hasPrefix("uids=")
      guard isUsers || part.hasPrefix("gids="), let ranges = Self.ranges(part.dropFirst(5)) else {
        let word = JSONValue.string(String(part)).description
        problem = "\(word) is neither uids= nor gids= with ranges such as 0-100000-65536"
        return
      }
      if isUsers { uids = ranges } else { gids = ranges }
    }
    if uids.ranges.isEmpty || gids.ranges.isEmpty { problem = "it needs both uids= and gids=" }
  }

  private static func ranges(_ text: Substring) -> Ranges? {
    var result = Ranges()
    for part in text.split(separator: "#", omittingEmptySubsequences: false) {
      let isRelative = part.first == "@"
      let numbers = part.dropFirst(isRelative ? 1 : 0).split(separator: "-", omittingEmptySubsequences: false)
        .map { UInt32($0) }
      guard numbers.count == 3, let from = numbers[0], let to = numbers[1], let size = numbers[2], size > 0,
        UInt64(from) + UInt64(size) <= UInt64(UInt32.max), UInt64(to) + UInt64(size) <= UInt64(UInt32.max),
        result.ranges.count < rangeLimit
      else { return nil }
      result.ranges.append(Range(from: from, to: to, size: size, isRelative: isRelative))
    }
    return result.ranges.isEmpty ? nil : result
  }

  /// The mappings as the host counts; nil where a relative range is not in the container's user namespace.
  func uidMappings(within container: [RuntimeSpec.IDMapping]) -> [RuntimeSpec.IDMapping]? {
    Self.absolute(uids, container)
  }

  func gidMappings(within container: [RuntimeSpec.IDMapping]) -> [RuntimeSpec.IDMapping]? {
    Self.absolute(gids, container)
  }

  private static func absolute(_ ranges: Ranges, _ container: [RuntimeSpec.IDMapping]) -> [RuntimeSpec.IDMapping]? {
    var mappings: [RuntimeSpec.IDMapping] = []
    for range in ranges.ranges {
      var host = range.to
      if range.isRelative {
        guard
          let outer = container.first(where: {
            $0.containerID <= range.to
              && UInt64(range.to) + UInt64(range.size) <= UInt64($0.containerID) + UInt64($0.size)
          })
        else { return nil }
        host = outer.hostID &+ (range.to - outer.containerID)
      }
      mappings.append(RuntimeSpec.IDMapping(containerID: range.from, hostID: host, size: range.size))
    }
    return mappings
  }
}
