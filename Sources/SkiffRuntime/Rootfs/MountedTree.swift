/// A mount as /proc/self/mountinfo tells it (proc_pid_mountinfo(5)).
package struct MountedTree: Equatable, Sendable {
  package let number: Int
  package let parent: Int
  /// What of its file system is mounted: `/` is all of it.
  package let top: String
  package let place: String
  package let type: String

  /// Whether all of procfs or sysfs is to be seen in it.
  package var showsKernel: Bool { top == "/" && (type == "proc" || type == "sysfs") }

  package static func parse(_ text: [UInt8]) -> [MountedTree] {
    text.split(separator: UInt8(ascii: "\n")).compactMap { line in
      // 36 35 98:0 TOP PLACE OPTIONS [TAGS…] - TYPE SOURCE OPTIONS
      let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 1,
        let number = Int(fields[0]), let parent = Int(fields[1])
      else { return nil }
      return MountedTree(
        number: number, parent: parent, top: CgroupMount.unescaped(fields[3]),
        place: CgroupMount.unescaped(fields[4]), type: String(fields[dash + 1]))
    }
  }

  /// The mounts that are not beneath the one that lies over the root.
  package static func behindRoot(_ mounts: [MountedTree]) -> [MountedTree] {
    let numbers = Set(mounts.map(\.number))
    guard let first = mounts.first(where: { $0.place == "/" && !numbers.contains($0.parent) }) else { return mounts }
    var front = Set(mounts.filter { $0.place == "/" && $0.parent == first.number }.map(\.number))
    // A mount can be listed before the one that it lies on.
    var countBefore = 0
    while front.count > countBefore {
      countBefore = front.count
      for mount in mounts where front.contains(mount.parent) { front.insert(mount.number) }
    }
    return mounts.filter { !front.contains($0.number) }
  }
}
