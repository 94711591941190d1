package import SkiffKernel
package import SkiffSpec

/// A layer that is being made. Dropped without `commit`, it leaves nothing; after a crash, a later sweep finds it unlocked.
package struct LayerDraft: ~Copyable {
  static let treeName: KernelPath = "fs"

  private let store: LayerStore
  package let chainID: Digest
  package let parent: Digest?
  /// Its name among the layers for now.
  private let name: KernelPath
  /// Locked for as long as it is open.
  private let place: FileDescriptor
  private var isCommitted = false

  init(store: LayerStore, chainID: Digest, parent: Digest?, name: KernelPath, place: consuming FileDescriptor) {
    self.store = store
    self.chainID = chainID
    self.parent = parent
    self.name = name
    self.place = place
  }

  deinit {
    if !isCommitted {
      // What cannot be removed now is garbage by its name, and the next sweep's.
      do throws(Errno) { try store.directory.descriptor.removeStoredTree(name) } catch {}
    }
  }

  /// The form in which the layer must be unpacked.
  package var form: LayerForm { store.driver.layerForm }

  /// An empty tree, or on a `merged` store the layer below as a private copy.
  borrowing func makeTree() throws(ImageStoreError) {
    let place = place.descriptor
    guard store.driver == .btrfs else {
      return try storing("make", "a layer's tree") { () throws(Errno) in
        try place.makeDirectory(Self.treeName, mode: 0o755)
        let tree = try place.open(Self.treeName, [.readOnly, .directory])
        try tree.descriptor.changeMode(0o755)
      }
    }
    guard let parent else {
      return try storing("make", "a layer's subvolume") { () throws(Errno) in
        try place.btrfsMakeSubvolume(Self.treeName)
        let tree = try place.open(Self.treeName, [.readOnly, .directory])
        try tree.descriptor.changeMode(0o755)
      }
    }
    guard try store.has(parent) else { throw .missingLayer(parent) }
    let layers = store.directory.descriptor
    let parentName = try LayerStore.name(parent)
    try storing("make a snapshot of", "layer \(parent)") { () throws(Errno) in
      let below = try layers.open(parentName, [.readOnly, .directory, .noFollow])
      let tree = try below.descriptor.open(Self.treeName, [.readOnly, .directory, .noFollow])
      try place.btrfsMakeSnapshot(Self.treeName, of: tree.descriptor, readOnly: false)
    }
  }

  /// Opens the tree, to unpack into it.
  package func openTree() throws(ImageStoreError) -> FileDescriptor {
    let place = place.descriptor
    return try storing("open", "a layer's tree") { () throws(Errno) in
      try place.open(Self.treeName, [.readOnly, .directory, .noFollow])
    }
  }

  /// Makes the layer part of the store: all of it is on the disk before it has its name. One that another process made meanwhile wins.
  ///
  /// - Parameter implied: directories that `LayerStore.settle` has to care for, as paths beneath the layer's root.
  package consuming func commit(_ record: LayerRecord, implied: [[UInt8]] = []) throws(ImageStoreError) {
    let target = try LayerStore.name(chainID)
    let (place, layers, name) = (place.descriptor, store.directory.descriptor, name)
    let bytes = record.json.serialized(pretty: true)
    let won = try storing("store", "layer \(chainID)") { () throws(Errno) in
      let file = try place.open("layer.json", [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
      try file.descriptor.writeAll(bytes)
      if !implied.isEmpty {
        let list = try place.open(
          LayerStore.impliedName, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
        try list.descriptor.writeAll(Array(implied.map { $0 + [0] }.joined()))
      }
      try place.synchronizeFileSystem()
      do throws(Errno) {
        try layers.rename(name, to: target, in: layers, noReplace: true)
      } catch {
        guard error == .exists || error == .notEmpty else { throw error }
        return false
      }
      try layers.synchronize()
      return true
    }
    isCommitted = won
  }
}
