internal import SkiffKernel

extension CgroupHierarchy {
  /// The groups that the caller itself lives in; trees of which it cannot see its own group are left out.
  var callersRecord: CgroupRecord {
    CgroupRecord(
      entries: trees.compactMap { tree in
        if tree.ownPath.split(separator: "/").contains("..") { return nil }
        if (try? Self.kindOfMountedDirectory(tree.mountPoint + tree.ownPath)) == nil { return nil }
        return CgroupRecord.Entry(
          name: tree.name, controllers: tree.controllers, label: tree.label, isUnified: tree.isUnified,
          mountPoint: tree.mountPoint, path: tree.ownPath)
      })
  }
}
