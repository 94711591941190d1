/// One line of /proc/PID/cgroup: the group that a process lives in, in one tree (cgroups(7)).
package struct CgroupMembership: Equatable, Sendable {
  package let controllers: [String]
  /// `systemd` of `name=systemd`.
  package let label: String?
  package let path: String

  /// Whether the line speaks of the v2 tree.
  package var isUnified: Bool { controllers.isEmpty && label == nil }

  /// What the tree's directory may be called, the most likely first.
  var directoryNames: [String] {
    if isUnified { return ["unified"] }
    if let label { return [label] }
    guard controllers.count > 1, let first = controllers.first else { return controllers }
    return [controllers.joined(separator: ","), controllers.reversed().joined(separator: ","), first]
  }

  /// Reads `4:memory:/group`, `9:name=systemd:/`, `0::/`.
  package static func parse(_ text: String, file: String) throws(CgroupError) -> [CgroupMembership] {
    var memberships: [CgroupMembership] = []
    for line in text.split(separator: "\n") {
      // The path may hold colons of its own.
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3, fields[2].first == "/" else { throw .malformed(file: file) }
      var controllers: [String] = []
      var label: String?
      for word in fields[1].split(separator: ",") {
        if word.hasPrefix("name=") {
          label = String(word.dropFirst(5))
        } else {
          controllers.append(String(word))
        }
      }
      // The names become names of directories.
      guard (controllers + [label ?? "x"]).allSatisfy({ !$0.isEmpty && !$0.contains("/") && $0 != ".." && $0 != "." })
      else { throw .malformed(file: file) }
      memberships.append(CgroupMembership(controllers: controllers, label: label, path: String(fields[2])))
    }
    return memberships
  }
}

/// A mounted tree as /proc/self/mountinfo tells it (proc(5)).
package struct CgroupMount: Equatable, Sendable {
  package let mountPoint: String
  /// The group that is seen as the tree's root: `/`, unless only a part of the tree is mounted.
  package let root: String
  package let isUnified: Bool
  /// The options of the file system: the controllers of a v1 tree are among them.
  package let options: [String]

  /// Whether this is the tree that a line of /proc/PID/cgroup speaks of.
  func serves(_ membership: CgroupMembership) -> Bool {
    if let label = membership.label, membership.controllers.isEmpty { return options.contains("name=" + label) }
    return membership.controllers.allSatisfy { options.contains($0) }
  }

  /// Every cgroup file system of the text.
  package static func parse(_ text: String) -> [CgroupMount] {
    var mounts: [CgroupMount] = []
    for line in text.split(separator: "\n") {
      // 33 31 0:28 ROOT MOUNTPOINT OPTIONS [TAGS…] - TYPE SOURCE OPTIONS
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { continue }
      let type = fields[dash + 1]
      guard type == "cgroup" || type == "cgroup2" else { continue }
      mounts.append(
        CgroupMount(
          mountPoint: unescaped(fields[4]), root: unescaped(fields[3]), isUnified: type == "cgroup2",
          options: fields[dash + 3].split(separator: ",").map(String.init)))
    }
    return mounts
  }

  /// Puts back what the kernel writes as three octal digits: space, tab, line feed, backslash.
  static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      guard byte == UInt8(ascii: "\\"), digits.count == 3,
        let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      else {
        bytes.append(byte)
        continue
      }
      bytes.append(code)
      rest = rest.dropFirst(3)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
