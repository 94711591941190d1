package import SkiffKernel
package import SkiffSpec

/// The unpacked layers of a store.
///
///     ROOT/layers/CHAIN/fs           the tree (a subvolume on btrfs)
///     ROOT/layers/CHAIN/layer.json   what is known of it
///     ROOT/layers/.tmp-…             one that is being made, or removed; locked by who does it
///     ROOT/storage.json              which driver made the store
///
/// A layer exists only when it is complete: it is made beside, put on the disk, and renamed in.
package final class LayerStore: Sendable {
  /// `ROOT`, as text: what mounts are told.
  package let rootPath: String
  package let driver: StorageDriver
  /// `ROOT/layers`.
  let directory: FileDescriptor

  /// Opens the layers beneath `root`, making what is missing. A new store gets the driver that is asked for, or the best that works
  /// here; an existing one keeps its own and refuses another.
  package init(root: KernelPath, driver wanted: StorageDriver? = nil) throws(ImageStoreError) {
    let directory = try StoreDirectory.open(root, "layers")
    let driver = try StorageDriver.choose(root: root, layers: directory.descriptor, wanted: wanted)
    self.directory = directory
    self.driver = driver
    rootPath = root.text
  }

  /// The layer's directory name: the digits of its chain id alone, for a colon has a meaning in overlayfs's options.
  static func name(_ chainID: Digest) throws(ImageStoreError) -> KernelPath {
    guard chainID.algorithm == .sha256 else {
      throw .damagedLayer(chainID, why: "skiff knows layers by SHA-256 only")
    }
    return try storing("name", "layer \(chainID)") { () throws(Errno) in try KernelPath(chainID.encoded) }
  }

  /// The path of a layer's tree.
  package func treePath(_ chainID: Digest) -> String { "\(rootPath)/layers/\(chainID.encoded)/fs" }

  /// True when the layer is there, complete.
  package func has(_ chainID: Digest) throws(ImageStoreError) -> Bool {
    let name = try Self.name(chainID)
    do throws(Errno) {
      return try directory.descriptor.status(name).type == .directory
    } catch {
      if error == .notFound { return false }
      throw .kernel(act: "look at", thing: "layer \(chainID)", error)
    }
  }

  /// What is known of a layer; nil when it is not in the store.
  package func record(_ chainID: Digest) throws(ImageStoreError) -> LayerRecord? {
    let name = try Self.name(chainID)
    let bytes: [UInt8]
    do throws(Errno) {
      let layer = try directory.descriptor.open(name, [.readOnly, .directory, .noFollow])
      bytes = try layer.descriptor.readFile("layer.json", limitBytes: 1 << 20)
    } catch {
      if error == .notFound { return try missingRecord(chainID) }
      throw .kernel(act: "read the record of", thing: "layer \(chainID)", error)
    }
    guard let json = try? JSONValue.parse(bytes), let record = LayerRecord(json: json), record.chainID == chainID
    else { throw .damagedLayer(chainID, why: "its record cannot be read") }
    return record
  }

  private func missingRecord(_ chainID: Digest) throws(ImageStoreError) -> LayerRecord? {
    if try has(chainID) { throw .damagedLayer(chainID, why: "it has no record") }
    return nil
  }

  /// The chain ids of all layers, in no order. What is not named as a layer is not one.
  package func chainIDs() throws(ImageStoreError) -> [Digest] {
    try names().compactMap { name in
      guard name.bytes.first != UInt8(ascii: ".") else { return nil }
      return try? Digest("sha256:\(name.text)")
    }
  }

  private func names() throws(ImageStoreError) -> [KernelPath] {
    let directory = directory.descriptor
    return try storing("list", "the layers") { () throws(Errno) in
      // A listing of its own: the store's descriptor may be listed by another thread.
      let opened = try directory.open(".", [.readOnly, .directory])
      var listing = DirectoryListing(opened.descriptor)
      var names: [KernelPath] = []
      while let entry = try listing.next() { names.append(entry.name) }
      return names
    }
  }
}

// Making and removing.
extension LayerStore {
  static let temporaryPrefix = ".tmp-"

  /// Begins a layer; nil when it is there already. On a `merged` store the layer below must be there.
  package func begin(_ chainID: Digest, on parent: Digest?) throws(ImageStoreError) -> LayerDraft? {
    if try has(chainID) { return nil }
    let locked = try makeLockedDirectory()
    let name = locked.name
    let draft = LayerDraft(store: self, chainID: chainID, parent: parent, name: name, place: locked.open())
    try draft.makeTree()
    return draft
  }

  /// Makes a directory that only this process works in, as its lock says.
  private func makeLockedDirectory() throws(ImageStoreError) -> LockedDirectory {
    let directory = directory.descriptor
    return try storing("make", "a layer's directory") { () throws(Errno) in
      // A sweep may see the directory between its making and its locking, and take it: then another one is made.
      for _ in 0..<100 {
        let name = try TemporaryName.make(prefix: Self.temporaryPrefix)
        try directory.makeDirectory(name, mode: 0o700)
        do throws(Errno) {
          let place = try directory.open(name, [.readOnly, .directory, .noFollow])
          try place.descriptor.lock(exclusive: true, wait: false)
          if try directory.status(name).inode == place.descriptor.status().inode {
            return LockedDirectory(name: name, place: place)
          }
        } catch {
          guard error == .notFound || error == .wouldBlock else { throw error }
        }
      }
      throw .busy
    }
  }

  /// Removes a layer. It is gone for everybody at once; its tree goes afterwards.
  package func remove(_ chainID: Digest) throws(ImageStoreError) {
    try discard(try moveAside(chainID))
  }

  /// Takes a layer's name away: from here on it is garbage whatever happens. Nil when there is no such layer.
  func moveAside(_ chainID: Digest) throws(ImageStoreError) -> KernelPath? {
    let name = try Self.name(chainID)
    let directory = directory.descriptor
    return try storing("remove", "layer \(chainID)") { () throws(Errno) in
      let aside = try TemporaryName.make(prefix: Self.temporaryPrefix)
      do throws(Errno) {
        try directory.rename(name, to: aside, in: directory)
        return aside
      } catch {
        if error == .notFound { return nil }
        throw error
      }
    }
  }

  /// Removes the tree of what was moved aside.
  func discard(_ aside: KernelPath?) throws(ImageStoreError) {
    guard let aside else { return }
    let directory = directory.descriptor
    try storing("remove", "a layer's directory") { () throws(Errno) in
      try directory.removeStoredTree(aside)
    }
  }

  /// Removes what a crash left: every temporary directory that nobody holds locked. Gives how many there were.
  @discardableResult
  package func sweepLeftovers() throws(ImageStoreError) -> Int {
    var count = 0
    let directory = directory.descriptor
    for name in try names() where name.bytes.starts(with: Self.temporaryPrefix.utf8) {
      do throws(Errno) {
        let place = try directory.open(name, [.readOnly, .directory, .noFollow])
        try place.descriptor.lock(exclusive: true, wait: false)
        try directory.removeStoredTree(name)
        count += 1
      } catch {
        // Somebody works in it, or was quicker.
        guard error == .wouldBlock || error == .notFound else {
          throw .kernel(act: "remove", thing: "leftover \(name)", error)
        }
      }
    }
    return count
  }
}

/// A directory among the layers that only this process works in, while it is open.
private struct LockedDirectory: ~Copyable {
  let name: KernelPath
  private let place: FileDescriptor

  init(name: KernelPath, place: consuming FileDescriptor) {
    self.name = name
    self.place = place
  }

  consuming func open() -> FileDescriptor { place }
}

extension Descriptor {
  /// Removes a directory of the store that may hold subvolumes right beneath it (`fs`, `tree`).
  func removeStoredTree(_ name: KernelPath) throws(Errno) {
    for tree in [LayerDraft.treeName, ContainerTree.treeName] {
      do throws(Errno) {
        let place = try open(name, [.readOnly, .directory, .noFollow])
        let inside = try place.descriptor.open(tree, [.readOnly, .directory, .noFollow])
        guard try inside.descriptor.isBtrfsSubvolume() else { continue }
        // At once, instead of file by file; subvolumes made inside are removed by the walk below.
        try place.descriptor.btrfsRemoveSubvolume(tree)
      } catch {
        switch error {
        case .notFound, .notDirectory, .tooManyLinks, .notEmpty, .notPermitted: continue
        default: throw error
        }
      }
    }
    try removeTree(name)
  }
}
