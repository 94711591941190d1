package import SkiffKernel

/// The two generations of control groups.
package enum CgroupVersion: Equatable, Sendable {
  case v1
  case v2
}

/// How control groups are mounted on this machine: which trees there are and what each controls.
package struct CgroupHierarchy: Equatable, Sendable {
  package enum Layout: Equatable, Sendable {
    /// Trees of cgroup v1 alone.
    case legacy
    /// Trees of v1, and a tree of v2 beside them for tracking or for the controllers that v1 left over.
    case hybrid
    /// The tree of v2 alone.
    case unified
  }

  /// One mounted tree.
  package struct Tree: Equatable, Sendable {
    /// The name of its directory, as a container sees it too: `memory`, `cpu,cpuacct`, `systemd`, `unified`.
    package let name: String
    /// What it controls; none for a named tree such as systemd's.
    package let controllers: [String]
    /// The name of a tree that controls nothing (`name=systemd`), else nil.
    package let label: String?
    package let isUnified: Bool
    package let mountPoint: String
    /// The group that the caller lives in, from the root that the caller sees.
    package let ownPath: String
  }

  package let root: String
  let processDirectory: String
  package let layout: Layout
  package let trees: [Tree]

  package var isUnified: Bool { layout == .unified }

  /// The tree of cgroup v2, where there is one.
  package var unifiedTree: Tree? { trees.first { $0.isUnified } }

  /// Which generation controls `controller` here; nil where none does.
  package func version(of controller: String) -> CgroupVersion? {
    // The tree's own files: they mean something to a container only where there is no other tree.
    if controller == "cgroup" { return isUnified ? .v2 : .v1 }
    var version: CgroupVersion?
    for tree in trees where tree.controllers.contains(controller) {
      // A controller is in one tree only; v1 has it until its tree is unmounted.
      if !tree.isUnified { return .v1 }
      version = .v2
    }
    return version
  }
}

extension CgroupHierarchy {
  /// Where every distribution mounts control groups.
  package static let standardRoot = "/sys/fs/cgroup"

  /// Whether the machine has the tree of version 2 alone, as far as its mount point tells.
  package static var isOneTree: Bool { (try? kindOfMountedDirectory(standardRoot)) == .unified }

  /// Finds out how control groups are mounted: two reads and a look at each tree; /proc/self/mountinfo only where that fails.
  ///
  /// - Parameters:
  ///   - root: where control groups are expected.
  ///   - processDirectory: the caller's directory in procfs.
  ///   - kindOfDirectory: what is mounted on a path; nil where there is nothing. Only tests give another.
  package static func detect(
    root: String = standardRoot, processDirectory: String = "/proc/self",
    kindOfDirectory: (String) throws(CgroupError) -> ControlGroupFileSystem? = kindOfMountedDirectory
  ) throws(CgroupError) -> CgroupHierarchy {
    let memberships = try CgroupMembership.parse(
      try CgroupFiles.read(processDirectory + "/cgroup"), file: processDirectory + "/cgroup")
    let kind = try kindOfDirectory(root)
    if kind == .unified {
      guard let own = memberships.first(where: \.isUnified) else { throw .noHierarchy(root: root) }
      let tree = try unifiedTree(name: "unified", mountPoint: root, ownPath: own.path)
      return CgroupHierarchy(root: root, processDirectory: processDirectory, layout: .unified, trees: [tree])
    }
    var trees: [Tree] = []
    var mounts: [CgroupMount]?
    for own in memberships {
      var found: (name: String, path: String)?
      for name in own.directoryNames {
        guard try kindOfDirectory(root + "/" + name) == (own.isUnified ? .unified : .legacy) else { continue }
        found = (name, root + "/" + name)
        break
      }
      // Most machines have no v2 tree beside v1, and for nothing else is it worth reading the mount table.
      if found == nil, !own.isUnified {
        if mounts == nil {
          mounts = CgroupMount.parse(
            try CgroupFiles.read(processDirectory + "/mountinfo", limitBytes: CgroupFiles.largestLimitBytes))
        }
        let mount = mounts?.first { !$0.isUnified && $0.root == "/" && $0.serves(own) }
        found = mount.map { (name: own.directoryNames.first ?? "", path: $0.mountPoint) }
      }
      guard let found else { continue }
      if own.isUnified {
        trees.append(try unifiedTree(name: "unified", mountPoint: found.path, ownPath: own.path))
      } else {
        trees.append(
          Tree(
            name: found.name, controllers: own.controllers, label: own.label, isUnified: false,
            mountPoint: found.path, ownPath: own.path))
      }
    }
    if trees.isEmpty { throw .noHierarchy(root: root) }
    guard trees.contains(where: { !$0.isUnified }) else {
      return CgroupHierarchy(root: root, processDirectory: processDirectory, layout: .unified, trees: trees)
    }
    let layout: Layout = trees.contains(where: \.isUnified) ? .hybrid : .legacy
    return CgroupHierarchy(root: root, processDirectory: processDirectory, layout: layout, trees: trees)
  }

  private static func unifiedTree(name: String, mountPoint: String, ownPath: String) throws(CgroupError) -> Tree {
    let controllers = CgroupFiles.trimmed(try CgroupFiles.read(mountPoint + "/cgroup.controllers"))
    return Tree(
      name: name, controllers: controllers.split(separator: " ").map(String.init), label: nil, isUnified: true,
      mountPoint: mountPoint, ownPath: ownPath)
  }

  /// What is mounted on a directory; nil where there is none.
  package static func kindOfMountedDirectory(_ path: String) throws(CgroupError) -> ControlGroupFileSystem? {
    do throws(Errno) {
      return try ControlGroupFileSystem.found(at: try KernelPath(path))
    } catch {
      // A directory that one may not look at offers nothing; what needs its controller is refused by name later. Any other
      // failure says nothing about what is mounted: a tree taken for missing would be one that the container is not put into.
      if [.notFound, .notDirectory, .accessDenied].contains(error) { return nil }
      throw .failed(act: "look at", path: path, cause: error)
    }
  }
}

extension CgroupHierarchy {
  /// The directories of the group `path`, one in each tree; nothing is made yet.
  ///
  /// A record of intent: it can be stored before the first directory is made, and is enough to clean up after a crash.
  package func record(for path: CgroupPath) throws(CgroupError) -> CgroupRecord {
    var entries: [CgroupRecord.Entry] = []
    for tree in trees {
      let base = path.isAbsolute ? "" : try ownGroup(in: tree, for: path)
      let relative = base + "/" + path.components.joined(separator: "/")
      entries.append(
        CgroupRecord.Entry(
          name: tree.name, controllers: tree.controllers, label: tree.label, isUnified: tree.isUnified,
          mountPoint: tree.mountPoint, path: relative))
    }
    return CgroupRecord(entries: entries)
  }

  /// The group that a relative path starts from, without a slash at its end.
  private func ownGroup(in tree: Tree, for path: CgroupPath) throws(CgroupError) -> String {
    var components = tree.ownPath.split(separator: "/")
    // The caller lives outside the part of the tree that it can see.
    if components.contains("..") {
      throw .badPath(path.text, reason: "the caller's own group lies outside its cgroup namespace")
    }
    if !components.isEmpty, try Self.kindOfMountedDirectory(tree.mountPoint + tree.ownPath) == nil {
      components = try hiddenRootRemoved(from: components, of: tree, for: path)
    }
    // On v2 the caller's own group holds the caller, so it cannot limit what is beneath: start beside it.
    if isUnified, !components.isEmpty { components.removeLast() }
    return components.map { "/" + $0 }.joined()
  }
  /// The caller's own group as the mount shows it, where the mount shows only a part of the tree:
  /// in a container without a cgroup namespace, whose own group is mounted as if it were the root.
  private func hiddenRootRemoved(
    from components: [Substring], of tree: Tree, for path: CgroupPath
  ) throws(CgroupError) -> [Substring] {
    let mounts = CgroupMount.parse(
      try CgroupFiles.read(processDirectory + "/mountinfo", limitBytes: CgroupFiles.largestLimitBytes))
    // The last mount on a directory is the one that is seen.
    let hidden = mounts.last { $0.mountPoint == tree.mountPoint }?.root.split(separator: "/") ?? []
    guard !hidden.isEmpty, components.starts(with: hidden) else {
      throw .badPath(path.text, reason: "the caller's own group is not visible at \(tree.mountPoint)")
    }
    return Array(components.dropFirst(hidden.count))
  }
}
