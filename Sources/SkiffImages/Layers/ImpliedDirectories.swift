internal import SkiffKernel
package import SkiffSpec

// A layer may hold `tmp/file` and say nothing of `tmp`: then the directory is what the layers below say it is. On its own the layer
// is unpacked before those below it need be there, so it keeps a list beside its tree until they are:
//
//     ROOT/layers/CHAIN/implied    paths of such directories, each with a zero byte behind it
//
// An image gets its name only after its layers are settled, so no container ever stands on one that is not.

/// What a walk down one layer's tree came to.
private enum LayerView: ~Copyable {
  /// The layer has the directory.
  case directory(FileDescriptor)
  /// The layer says nothing of it: the layers below show through.
  case nothing
  /// The layer removes or replaces it, or something on the way to it.
  case hidden
}

extension LayerStore {
  static let impliedName: KernelPath = "implied"

  /// Gives the directories that layers imply what the layers below them say: owner, mode, attributes and times.
  ///
  /// - Parameter chainIDs: all layers of an image, lowest first; all of them are in the store. Doing it again, or twice at the same
  ///   time, does no harm.
  package func settle(_ chainIDs: [Digest]) throws(ImageStoreError) {
    for (index, chainID) in chainIDs.enumerated() {
      guard let implied = try impliedDirectories(of: chainID) else { continue }
      try settle(implied, of: chainID, on: chainIDs[..<index])
    }
  }

  /// Nil for a layer that is settled.
  private func impliedDirectories(of chainID: Digest) throws(ImageStoreError) -> [KernelPath]? {
    let name = try Self.name(chainID)
    let directory = directory.descriptor
    return try storing("read the implied directories of", "layer \(chainID)") { () throws(Errno) in
      let bytes: [UInt8]
      do throws(Errno) {
        let layer = try directory.open(name, [.readOnly, .directory, .noFollow])
        bytes = try layer.descriptor.readFile(Self.impliedName, limitBytes: 1 << 30)
      } catch {
        if error == .notFound { return nil }
        throw error
      }
      var paths: [KernelPath] = []
      for path in bytes.split(separator: 0) { paths.append(try KernelPath(bytes: path)) }
      return paths
    }
  }

  private func settle(
    _ implied: [KernelPath], of chainID: Digest, on below: ArraySlice<Digest>
  ) throws(ImageStoreError) {
    let layer = try openLayer(chainID)
    let tree = try storing("open", "the tree of layer \(chainID)") { () throws(Errno) in
      try layer.descriptor.open(LayerDraft.treeName, [.readOnly, .directory, .noFollow])
    }
    if try record(chainID)?.hidesLowerLayers != true {
      for path in implied { try settle(path, in: tree.descriptor, of: chainID, on: below) }
    }
    try storing("settle", "layer \(chainID)") { () throws(Errno) in
      try layer.descriptor.synchronizeFileSystem()
      do throws(Errno) { try layer.descriptor.unlink(Self.impliedName) } catch {
        if error != .notFound { throw error }
      }
    }
  }

  private func settle(
    _ path: KernelPath, in tree: Descriptor, of chainID: Digest, on below: ArraySlice<Digest>
  ) throws(ImageStoreError) {
    let own = try look(for: path, in: tree, of: chainID)
    guard case .directory(let target) = own else { return }
    for lower in below.reversed() {
      guard let record = try record(lower) else { throw .missingLayer(lower) }
      let layer = try openLayer(lower)
      let lowerTree = try storing("open", "the tree of layer \(lower)") { () throws(Errno) in
        try layer.descriptor.open(LayerDraft.treeName, [.readOnly, .directory, .noFollow])
      }
      switch try look(for: path, in: lowerTree.descriptor, of: lower) {
      case .directory(let source):
        return try storing("settle \(path) of", "layer \(chainID)") { () throws(Errno) in
          try target.descriptor.copyFacts(of: source.descriptor)
        }
      case .hidden: return
      case .nothing: if record.hidesLowerLayers { return }
      }
    }
  }

  private func openLayer(_ chainID: Digest) throws(ImageStoreError) -> FileDescriptor {
    let name = try Self.name(chainID)
    let directory = directory.descriptor
    return try storing("open", "layer \(chainID)") { () throws(Errno) in
      try directory.open(name, [.readOnly, .directory, .noFollow])
    }
  }

  private func look(
    for path: KernelPath, in tree: Descriptor, of chainID: Digest
  ) throws(ImageStoreError) -> LayerView {
    try storing("look at \(path) in", "layer \(chainID)") { () throws(Errno) in
      try tree.look(for: path, form: driver.layerForm)
    }
  }
}

extension Descriptor {
  /// Walks down from a layer's root. An opaque directory on the way hides what the layers below have in it, itself not.
  fileprivate func look(for path: KernelPath, form: LayerForm) throws(Errno) -> LayerView {
    var current = try open(".", [.readOnly, .directory])
    var hidesBelow = false
    for component in path.bytes.split(separator: UInt8(ascii: "/")) {
      let name = try KernelPath(bytes: component)
      do throws(Errno) {
        current = try current.descriptor.open(
          name, [.readOnly, .directory, .noFollow], resolve: [.beneath, .noSymbolicLinks, .noMagicLinks, .noCrossing])
      } catch {
        switch error {
        case .notFound:
          if hidesBelow { return .hidden }
          guard form == .portable, try current.descriptor.has(Whiteout.prefix + component) else { return .nothing }
          return .hidden
        case .notDirectory, .tooManyLinks: return .hidden
        default: throw error
        }
      }
      // The last component's own mark is about what is in it.
      if try current.descriptor.isOpaque(form) { hidesBelow = true }
    }
    return .directory(current)
  }

  private func isOpaque(_ form: LayerForm) throws(Errno) -> Bool {
    switch form {
    case .overlay:
      try extendedAttribute(try KernelPath(Whiteout.overlayOpaqueAttribute)) == Whiteout.overlayOpaqueValue
    case .portable: try has(Whiteout.opaqueName)
    case .merged: false
    }
  }

  private func has(_ name: [UInt8]) throws(Errno) -> Bool {
    do throws(Errno) {
      _ = try status(try KernelPath(bytes: name))
      return true
    } catch {
      if error == .notFound { return false }
      throw error
    }
  }
}
