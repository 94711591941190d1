internal import SkiffImages
internal import SkiffKernel

/// What goes wrong in the tree; the entry's name is added by who knows it.
enum LayerTreeError: Error {
  case refused(LayerRefusal)
  case kernel(String, Errno)
}

/// Says what was tried when the kernel refuses.
func attempt<Value: ~Copyable>(
  _ act: String, _ body: () throws(Errno) -> Value
) throws(LayerTreeError) -> Value {
  do throws(Errno) {
    return try body()
  } catch {
    throw .kernel(act, error)
  }
}

/// The directory that a layer is unpacked into: every act is on a descriptor that was reached beneath it without following a link.
///
/// A layer is unpacked into a directory of its own, or (`merged`) onto a private copy of the layers below. Links in it may say
/// what they like: they are made and never followed.
struct LayerTree: ~Copyable {
  let root: FileDescriptor
  let form: LayerForm
  /// True once the layer said that nothing of the layers below is left at all.
  private(set) var hidesLowerLayers = false
  /// The directory of the last entry: archives come directory by directory.
  private var cached: FileDescriptor?
  private var cachedDescriptor: Descriptor?
  private var cachedPath: [UInt8] = []
  /// Directories that were made on the way to something, and of which the layer itself has said nothing yet; none on `merged`, where
  /// they are there with all that the layers below gave them.
  private(set) var implied: Set<[UInt8]> = []
  /// For `merged` alone: what this layer made or passed through, so that its own whiteouts spare it.
  private var touched: Set<[UInt8]> = []
  /// For `merged` alone: when directories of the layers below changed before this layer's content came into them.
  private var timesBelow: [[UInt8]: FileTime] = [:]

  /// What every walk through the tree obeys.
  let resolution: ResolveFlags

  /// - Parameter crossesMounts: whether what is mounted in the tree belongs to it; never so for a layer.
  init(root: consuming FileDescriptor, form: LayerForm, crossesMounts: Bool = false) {
    self.root = root
    self.form = form
    let beneath: ResolveFlags = [.beneath, .noSymbolicLinks, .noMagicLinks]
    resolution = crossesMounts ? beneath : beneath.union(.noCrossing)
  }

  /// Notes that this layer has an entry here, and that its directories on the way are in use.
  mutating func touch(_ path: [UInt8]) {
    guard form == .merged else { return }
    touched.insert(path)
  }

  /// Notes that the layer says itself what a directory is like.
  mutating func describe(_ path: [UInt8]) {
    implied.remove(path)
    timesBelow[path] = nil
  }

  /// Keeps the times of the directories on the way to something, before it is made.
  private mutating func noteTimes(_ path: ArraySlice<UInt8>) throws(LayerTreeError) {
    guard form == .merged else { return }
    for end in path.indices where path[end] == UInt8(ascii: "/") { try noteTime(path[..<end]) }
    try noteTime(path)
  }

  private mutating func noteTime(_ path: ArraySlice<UInt8>) throws(LayerTreeError) {
    let path = Array(path)
    if touched.contains(path) || timesBelow[path] != nil { return }
    do throws(Errno) {
      let directory = try root.descriptor.open(
        try KernelPath(bytes: path), [.pathOnly, .directory, .noFollow], resolve: resolution)
      let status = try directory.descriptor.status()
      timesBelow[path] = FileTime(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
    } catch {
      switch error {
      // It will be this layer's.
      case .notFound, .notDirectory, .tooManyLinks: return
      default: throw .kernel("look at the directory of", error)
      }
    }
  }

  /// Gives directories of which the layer has said nothing the times back that they had.
  func restoreTimes() throws(LayerTreeError) {
    for (path, time) in timesBelow {
      do throws(Errno) {
        let directory = try root.descriptor.open(
          try KernelPath(bytes: path), [.readOnly, .directory, .noFollow], resolve: resolution)
        try directory.descriptor.setTimes(accessed: time, modified: time)
      } catch {
        switch error {
        // The layer put something else in its place.
        case .notFound, .notDirectory, .tooManyLinks: continue
        default: throw .kernel("set the times of", error)
        }
      }
    }
  }

  /// Opens a directory of the tree; what is missing is made, root's and 0755.
  mutating func directory(_ path: ArraySlice<UInt8>) throws(LayerTreeError) -> Descriptor {
    if path.isEmpty { return root.descriptor }
    if let cached = cachedDirectory(path) { return cached }
    try noteTimes(path)
    let opened = try openDirectory(path)
    let descriptor = opened.descriptor
    cached = consume opened
    cachedDescriptor = descriptor
    cachedPath = Array(path)
    if form == .merged {
      for (position, byte) in cachedPath.enumerated() where byte == UInt8(ascii: "/") {
        touched.insert(Array(cachedPath[..<position]))
      }
      touched.insert(cachedPath)
    }
    return descriptor
  }

  private func cachedDirectory(_ path: ArraySlice<UInt8>) -> Descriptor? {
    path.elementsEqual(cachedPath) ? cachedDescriptor : nil
  }

  /// The cached directory may be among what was removed.
  private mutating func forgetCached() {
    cached = nil
    cachedDescriptor = nil
    cachedPath = []
  }

  private mutating func openDirectory(_ path: ArraySlice<UInt8>) throws(LayerTreeError) -> FileDescriptor {
    do throws(Errno) {
      return try root.descriptor.open(
        try KernelPath(bytes: path), [.pathOnly, .directory, .noFollow], resolve: resolution)
    } catch {
      switch error {
      case .notFound, .notDirectory, .tooManyLinks: return try makeDirectories(path)
      default: throw .kernel("open the directory of", error)
      }
    }
  }

  /// Walks down component by component, making what is missing.
  private mutating func makeDirectories(_ path: ArraySlice<UInt8>) throws(LayerTreeError) -> FileDescriptor {
    var current = try attempt("open the root of the layer for") { () throws(Errno) in
      try root.descriptor.open(".", [.pathOnly, .directory])
    }
    var walked: [UInt8] = []
    for component in path.split(separator: UInt8(ascii: "/")) {
      if !walked.isEmpty { walked.append(UInt8(ascii: "/")) }
      walked.append(contentsOf: component)
      current = try openOrMakeDirectory(component, in: current.descriptor, walked)
    }
    return current
  }

  private mutating func openOrMakeDirectory(
    _ component: ArraySlice<UInt8>, in above: Descriptor, _ walked: [UInt8]
  ) throws(LayerTreeError) -> FileDescriptor {
    let act = "make the directory of"
    let name = try attempt(act) { () throws(Errno) in try KernelPath(bytes: component) }
    let found = try status(of: name, in: above)
    if found?.type != .directory {
      let wasWhiteout = try found.map { (found) throws(LayerTreeError) in
        try clearWay(of: found, name, in: above, walked)
      }
      try attempt(act) { () throws(Errno) in
        try above.makeDirectory(name, mode: 0o755)
        let made = try above.open(name, [.readOnly, .directory, .noFollow], resolve: resolution)
        // The process's umask does not decide what a layer looks like.
        try made.descriptor.changeMode(0o755)
        if wasWhiteout == true { try made.descriptor.setOverlayOpaque() }
      }
      // What stands in the place of something removed is new.
      if found == nil, form != .merged { implied.insert(walked) }
    }
    return try attempt(act) { () throws(Errno) in
      try above.open(name, [.pathOnly, .directory, .noFollow], resolve: resolution)
    }
  }

  /// Takes away what stands where a directory must be, unless this layer itself put it there; true for a whiteout.
  private func clearWay(
    of found: FileStatus, _ name: KernelPath, in above: Descriptor, _ walked: [UInt8]
  ) throws(LayerTreeError) -> Bool {
    let isWhiteout = form == .overlay && found.isOverlayWhiteout
    let isOwn = form == .merged ? touched.contains(walked) : !isWhiteout
    if isOwn { throw .refused(found.type == .symbolicLink ? .parentIsLink : .parentIsNotDirectory) }
    try attempt("make way for the directory of") { () throws(Errno) in try above.unlink(name) }
    return isWhiteout
  }

  /// What a name is; nil when there is nothing.
  func status(of name: KernelPath, in directory: Descriptor) throws(LayerTreeError) -> FileStatus? {
    do throws(Errno) {
      return try directory.status(name)
    } catch {
      if error == .notFound { return nil }
      throw .kernel("look at", error)
    }
  }

  /// Removes whatever has the name; true when it was one of this layer's overlay whiteouts.
  mutating func remove(_ name: KernelPath, in directory: Descriptor) throws(LayerTreeError) -> Bool {
    guard let found = try status(of: name, in: directory) else { return false }
    if found.type == .directory { forgetCachedUnless(directory) }
    try attempt("make way for") { () throws(Errno) in try directory.removeTree(name) }
    return form == .overlay && found.isOverlayWhiteout
  }

  /// Keeps the directory that the caller works in open, whatever else is forgotten.
  private mutating func forgetCachedUnless(_ directory: Descriptor) {
    if cachedDescriptor == directory { return }
    forgetCached()
  }
}

// Whiteouts.
extension LayerTree {
  /// Hides `name` of the layers below in `directory`; what this layer itself has there stays.
  mutating func hide(_ name: [UInt8], in directory: ArraySlice<UInt8>) throws(LayerTreeError) {
    let parent = try self.directory(directory)
    let kernelName = try attempt("hide") { () throws(Errno) in try KernelPath(bytes: name) }
    let path = directory.isEmpty ? name : Array(directory) + [UInt8(ascii: "/")] + name
    switch form {
    case .overlay:
      if let found = try status(of: kernelName, in: parent) {
        guard found.type == .directory else { return }
        implied.remove(path)
        try attempt("make opaque") { () throws(Errno) in
          let opaque = try parent.open(kernelName, [.readOnly, .directory, .noFollow])
          try opaque.descriptor.setOverlayOpaque()
        }
      } else {
        try attempt("make the whiteout") { () throws(Errno) in
          try parent.makeNode(kernelName, type: .characterDevice, mode: 0)
        }
      }
    case .portable:
      implied.remove(path)
      try mark(Whiteout.prefix + name, in: parent)
    case .merged:
      if touched.contains(path) {
        if try status(of: kernelName, in: parent)?.type == .directory { try hideContents(of: path) }
      } else {
        try attempt("remove") { () throws(Errno) in try parent.removeTree(kernelName) }
      }
    }
  }

  /// Hides all that the layers below have in `directory`.
  mutating func hideAll(in directory: ArraySlice<UInt8>) throws(LayerTreeError) {
    if directory.isEmpty { hidesLowerLayers = true }
    let opened = try self.directory(directory)
    switch form {
    case .overlay:
      // overlayfs does not look at the attribute of the root: the layer's record says it.
      if directory.isEmpty { return }
      try attempt("make opaque") { () throws(Errno) in
        try opened.setExtendedAttributeOfHandle(
          try KernelPath(Whiteout.overlayOpaqueAttribute), Whiteout.overlayOpaqueValue)
      }
    case .portable:
      try mark(Whiteout.opaqueName, in: opened)
    case .merged:
      try hideContents(of: Array(directory))
    }
  }

  private func mark(_ name: [UInt8], in directory: Descriptor) throws(LayerTreeError) {
    try attempt("make the whiteout") { () throws(Errno) in
      do throws(Errno) {
        try directory.makeNode(try KernelPath(bytes: name), type: .regular, mode: 0o600)
      } catch {
        guard error == .exists else { throw error }
      }
    }
  }

  /// Removes what is beneath `path` and is not this layer's own.
  private func hideContents(of path: [UInt8]) throws(LayerTreeError) {
    var pending = [path]
    while let path = pending.popLast() {
      try attempt("empty") { () throws(Errno) in
        let directory = try root.descriptor.open(
          try KernelPath(bytes: path.isEmpty ? [UInt8(ascii: ".")] : path), [.readOnly, .directory, .noFollow],
          resolve: resolution)
        var listing = DirectoryListing(directory.descriptor)
        while let entry = try listing.next() {
          let child = path.isEmpty ? Array(entry.name.bytes) : path + [UInt8(ascii: "/")] + entry.name.bytes
          if !touched.contains(child) {
            try directory.descriptor.removeTree(entry.name)
          } else if try directory.descriptor.status(entry.name).type == .directory {
            pending.append(child)
          }
        }
      }
    }
  }
}

extension FileStatus {
  /// A character device 0:0: to overlayfs, a name that is gone.
  var isOverlayWhiteout: Bool { type == .characterDevice && specialDevice == 0 }
}

extension Descriptor {
  /// Hides the content that the layers below have in this directory.
  func setOverlayOpaque() throws(Errno) {
    try setExtendedAttribute(try KernelPath(Whiteout.overlayOpaqueAttribute), Whiteout.overlayOpaqueValue)
  }
}
