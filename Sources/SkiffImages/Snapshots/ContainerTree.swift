internal import SkiffKernel
package import SkiffSpec

/// The writable tree of a container, made by the store's driver in the container's directory.
///
///     overlay   CONTAINER/upper, CONTAINER/work   what the container changes; the runtime mounts them over the layers
///     btrfs     CONTAINER/tree                    a snapshot of the topmost layer
///     copy      CONTAINER/tree                    the layers, copied one over the other
package struct ContainerTree: Sendable {
  static let treeName: KernelPath = "tree"
  static let upperName: KernelPath = "upper"
  static let workName: KernelPath = "work"
  /// The most layers that overlayfs puts together (OVL_MAX_STACK).
  package static let layerLimit = 500

  private let layers: LayerStore
  /// The container's directory, as the runtime is told.
  private let path: String

  /// `path` is the container's directory: absolute, existing, the engine's own.
  package init(layers: LayerStore, containerDirectory path: String) {
    self.layers = layers
    self.path = path
  }

  private func openDirectory() throws(ImageStoreError) -> FileDescriptor {
    let path = path
    return try storing("open", path) { () throws(Errno) in
      try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory, .noFollow])
    }
  }

  /// Makes the tree over `chainIDs`, lowest first. What a failed try left must be removed first (`remove(in:)`).
  package func prepare(chainIDs: [Digest]) throws(ImageStoreError) -> RootfsDescription {
    let directory = try openDirectory()
    let records = try visibleRecords(chainIDs)
    switch layers.driver {
    case .overlay: return try prepareOverlay(directory.descriptor, records)
    case .btrfs: return try prepareSnapshot(directory.descriptor, chainIDs.last)
    case .copy: return try prepareCopy(directory.descriptor, records)
    }
  }

  /// The records of the layers that show, lowest first: those below one that hides them all are left out.
  private func visibleRecords(_ chainIDs: [Digest]) throws(ImageStoreError) -> [LayerRecord] {
    var records: [LayerRecord] = []
    for chainID in chainIDs {
      guard let record = try layers.record(chainID) else { throw .missingLayer(chainID) }
      if record.hidesLowerLayers { records.removeAll() }
      records.append(record)
    }
    guard records.count <= Self.layerLimit else {
      throw .driver("the image has \(records.count) layers; \(Self.layerLimit) can be put together")
    }
    return records
  }

  /// The directories that an image's files are in, the topmost first, each to be laid over the next; none is to be written to.
  package func readOnlyTrees(chainIDs: [Digest]) throws(ImageStoreError) -> [String] {
    let records = try visibleRecords(chainIDs)
    switch layers.driver {
    case .overlay, .copy: return records.reversed().map { layers.treePath($0.chainID) }
    // A snapshot holds all that is beneath it.
    case .btrfs: return records.last.map { [layers.treePath($0.chainID)] } ?? []
    }
  }

  private func prepareOverlay(
    _ directory: Descriptor, _ records: [LayerRecord]
  ) throws(ImageStoreError) -> RootfsDescription {
    try storing("make", "the writable layer of \(path)") { () throws(Errno) in
      try directory.makeDirectory(Self.workName, mode: 0o700)
      try directory.makeDirectory(Self.upperName, mode: 0o755)
    }
    // The root of an overlay is like the root of its upper directory: it gets what the topmost layer says of its own.
    let upper = try storing("open", "the writable layer of \(path)") { () throws(Errno) in
      try directory.open(Self.upperName, [.readOnly, .directory, .noFollow])
    }
    try describeRoot(upper.descriptor, records)
    var lower = records.reversed().map { layers.treePath($0.chainID) }
    if lower.isEmpty {
      // An image without layers: overlayfs wants one all the same.
      try storing("make", "an empty layer in \(path)") { () throws(Errno) in
        try directory.makeDirectory("empty", mode: 0o755)
      }
      lower = ["\(path)/empty"]
    }
    return .overlay(lower: lower, upper: "\(path)/\(Self.upperName)", work: "\(path)/\(Self.workName)")
  }

  /// Gives the root directory of a container what the topmost layer that speaks of its root says.
  private func describeRoot(_ root: Descriptor, _ records: [LayerRecord]) throws(ImageStoreError) {
    guard let record = records.last(where: \.describesRoot) else {
      return try storing("change the mode of", path) { () throws(Errno) in try root.changeMode(0o755) }
    }
    let source = try openTree(record.chainID)
    try storing("copy the root directory's attributes to", path) { () throws(Errno) in
      try root.copyFacts(of: source.descriptor)
    }
  }

  private func openTree(_ chainID: Digest) throws(ImageStoreError) -> FileDescriptor {
    let name = try LayerStore.name(chainID)
    let layers = layers.directory.descriptor
    return try storing("open", "layer \(chainID)") { () throws(Errno) in
      let layer = try layers.open(name, [.readOnly, .directory, .noFollow])
      return try layer.descriptor.open(LayerDraft.treeName, [.readOnly, .directory, .noFollow])
    }
  }

  private func prepareSnapshot(
    _ directory: Descriptor, _ top: Digest?
  ) throws(ImageStoreError) -> RootfsDescription {
    if let top {
      let source = try openTree(top)
      try storing("make a snapshot for", path) { () throws(Errno) in
        try directory.btrfsMakeSnapshot(Self.treeName, of: source.descriptor, readOnly: false)
      }
    } else {
      try storing("make a subvolume for", path) { () throws(Errno) in
        try directory.btrfsMakeSubvolume(Self.treeName)
      }
    }
    return .directory(path: "\(path)/\(Self.treeName)")
  }

  private func prepareCopy(
    _ directory: Descriptor, _ records: [LayerRecord]
  ) throws(ImageStoreError) -> RootfsDescription {
    let tree = try storing("make", "the tree of \(path)") { () throws(Errno) in
      try directory.makeDirectory(Self.treeName, mode: 0o755)
      return try directory.open(Self.treeName, [.readOnly, .directory, .noFollow])
    }
    for record in records {
      let source = try openTree(record.chainID)
      var merge = TreeMerge(source: source.descriptor, target: tree.descriptor)
      do throws(Errno) {
        try merge.run()
      } catch {
        throw .kernel(act: "copy \(merge.currentPath) of", thing: "layer \(record.chainID)", error)
      }
    }
    try describeRoot(tree.descriptor, records)
    return .directory(path: "\(path)/\(Self.treeName)")
  }

  /// Removes what `prepare` made in a container's directory and the container changed, whatever driver made it; nothing there is
  /// success.
  package static func remove(in path: String) throws(ImageStoreError) {
    try storing("remove the tree of", path) { () throws(Errno) in
      let directory: FileDescriptor
      do throws(Errno) {
        directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory, .noFollow])
      } catch {
        if error == .notFound { return }
        throw error
      }
      for name in [treeName, upperName, workName, "empty"] as [KernelPath] {
        try directory.descriptor.removeTreeOrSubvolume(name)
      }
    }
  }

  /// The bytes on the disk that the container's own tree takes; for btrfs and copy all of it, whether shared or not.
  package func usageBytes() throws(ImageStoreError) -> Int64 {
    let directory = try openDirectory()
    var total: Int64 = 0
    for name in [Self.treeName, Self.upperName] {
      total += try storing("measure", "\(path)/\(name)") { () throws(Errno) in
        try directory.descriptor.diskUsage(name)
      }
    }
    return total
  }
}

extension Descriptor {
  /// Removes a tree; a subvolume at once where it holds no others.
  fileprivate func removeTreeOrSubvolume(_ name: KernelPath) throws(Errno) {
    do throws(Errno) {
      let tree = try open(name, [.readOnly, .directory, .noFollow])
      if try tree.descriptor.isBtrfsSubvolume() {
        try btrfsRemoveSubvolume(name)
        return
      }
    } catch {
      switch error {
      // Subvolumes made inside, or no right to: file by file, then.
      case .notFound, .notDirectory, .tooManyLinks, .notEmpty, .notPermitted: break
      default: throw error
      }
    }
    try removeTree(name)
  }
}
