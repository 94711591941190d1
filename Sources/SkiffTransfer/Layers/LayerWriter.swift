internal import SkiffImages
internal import SkiffKernel

/// Makes the entries of a layer in its tree.
struct LayerWriter: ~Copyable, TarConsumer {
  private var tree: LayerTree
  private let limits: LayerLimits
  /// True where a new file is root's anyway, so that its owner need not be set.
  private let madeAsRoot: Bool

  // The regular file whose data comes.
  private var entry: TarEntry?
  private var file: FileDescriptor?
  private var fileEnd: Int64 = 0

  /// Directories get owner, mode, attributes and times last: making their content would change the times, and a set-group-id bit or
  /// a default access list would change the content.
  private var directories: [DirectoryFacts] = []
  private var deferredBytes = 0

  /// Sum of the sizes of all files.
  private(set) var contentBytes: Int64 = 0
  /// True once a set-user-id, set-group-id or capability-bearing file was made.
  private(set) var hasPrivilegedFiles = false
  /// True once the layer said what its root directory is like.
  private(set) var describesRoot = false
  /// What could not be taken over, in words, at most `leftOutLimit` lines.
  private(set) var leftOut: [String] = []

  static let leftOutLimit = 16
  /// Attributes of directories wait in memory: so much of them.
  static let deferredLimitBytes = 64 << 20

  /// Not nil where the archive is no layer: its entries are files and nothing else, and what is there already stays unless a file takes
  /// a file's place.
  private let copy: OwnerRules?

  init(
    root: consuming FileDescriptor, form: LayerForm, limits: LayerLimits, copy: OwnerRules? = nil
  ) throws(LayerError) {
    do throws(Errno) {
      let status = try root.descriptor.status()
      let setGroupID: UInt32 = 0o2000
      madeAsRoot =
        form != .merged && status.userID == 0 && status.groupID == 0 && status.permissions & setGroupID == 0
    } catch {
      throw .kernel(act: "look at", entry: "the layer's directory", error)
    }
    self.copy = copy
    tree = LayerTree(root: root, form: form, crossesMounts: copy != nil)
    self.limits = limits
  }

  var hidesLowerLayers: Bool { tree.hidesLowerLayers }
  /// Directories of which the layer says nothing itself, in no order.
  var impliedDirectories: [[UInt8]] { Array(tree.implied) }

  mutating func begin(_ archived: TarEntry) throws(LayerError) {
    var entry = archived
    let path: LayerPath
    let meaning: LayerPath.Meaning
    do throws(LayerRefusal) {
      path = try LayerPath(cleaning: entry.path)
      if let copy {
        meaning = .entry
        entry = try copy.made(entry)
      } else {
        meaning = try path.meaning()
      }
    } catch {
      throw .refused(entry: entry.printablePath, reason: error)
    }
    if meaning == .entry {
      // What the header says, before anything is done: a sparse file of that size costs nothing here and all to who copies it.
      let (sum, overflow) = contentBytes.addingReportingOverflow(entry.sizeBytes)
      guard !overflow, sum <= limits.unpackedBytes else {
        throw .limit(.unpackedBytes, entry: entry.printablePath)
      }
      contentBytes = sum
    }
    do throws(LayerTreeError) {
      if copy != nil, try standsAlready(entry, at: path) { return }
      switch meaning {
      case .ignored: break
      case .opaque: try tree.hideAll(in: path.parent)
      case .whiteout(let name): try tree.hide(name, in: path.parent)
      case .entry: try make(entry, at: path)
      }
    } catch {
      throw Self.named(error, entry)
    }
  }

  mutating func data(_ bytes: Span<UInt8>, at offset: Int64) throws(LayerError) {
    guard let entry, let file = file?.descriptor else { return }
    do throws(Errno) {
      try file.writeAll(bytes, at: offset)
    } catch {
      throw .kernel(act: "write", entry: entry.printablePath, error)
    }
    fileEnd = offset + Int64(bytes.count)
  }

  mutating func end() throws(LayerError) {
    guard let entry, let file = file.take() else { return }
    self.entry = nil
    do throws(LayerTreeError) {
      if fileEnd < entry.sizeBytes {
        try attempt("size") { () throws(Errno) in try file.descriptor.setSize(entry.sizeBytes) }
      }
      try finishFile(file.descriptor, entry)
    } catch {
      throw Self.named(error, entry)
    }
  }

  private static func named(_ error: LayerTreeError, _ entry: TarEntry) -> LayerError {
    switch error {
    case .refused(let reason): .refused(entry: entry.printablePath, reason: reason)
    case .kernel(let act, let error): .kernel(act: act, entry: entry.printablePath, error)
    }
  }

  mutating func noteLeftOut(_ what: String) {
    if leftOut.count < Self.leftOutLimit { leftOut.append(what) }
  }
}

// Making each kind of entry.
extension LayerWriter {
  /// Whether a copy has nothing to do for an entry: the directory that it goes into is there, and stays as it is.
  private mutating func standsAlready(_ entry: TarEntry, at path: LayerPath) throws(LayerTreeError) -> Bool {
    if path.isRoot {
      guard entry.type == .directory else { throw .refused(.directoryInTheWay) }
      return true
    }
    let parent = try tree.directory(path.parent)
    let name = try attempt("look at") { () throws(Errno) in try KernelPath(bytes: path.name) }
    guard let found = try tree.status(of: name, in: parent) else { return false }
    if found.type == .directory, entry.type != .directory { throw .refused(.directoryInTheWay) }
    if found.type != .directory, entry.type == .directory { throw .refused(.noDirectoryInTheWay) }
    return false
  }

  private mutating func make(_ entry: TarEntry, at path: LayerPath) throws(LayerTreeError) {
    if path.isRoot {
      guard entry.type == .directory else { throw .refused(.rootNotDirectory) }
      describesRoot = true
      try deferFacts(of: entry, at: path)
      return
    }
    let parent = try tree.directory(path.parent)
    let name = try attempt("make") { () throws(Errno) in try KernelPath(bytes: path.name) }
    tree.touch(path.bytes)
    switch entry.type {
    case .regular: try makeFile(entry, name, in: parent)
    case .directory: try makeDirectory(entry, name, in: parent, path)
    case .symbolicLink: try makeSymbolicLink(entry, name, in: parent)
    case .hardLink: try makeHardLink(entry, name, in: parent)
    case .characterDevice: try makeNode(entry, .characterDevice, name, in: parent)
    case .blockDevice: try makeNode(entry, .blockDevice, name, in: parent)
    case .fifo: try makeNode(entry, .fifo, name, in: parent)
    }
  }

  /// Makes something new; what had the name before, of this layer or of one below, goes first.
  private mutating func makeNew(
    _ act: String, _ name: KernelPath, in parent: Descriptor, _ make: () throws(Errno) -> Void
  ) throws(LayerTreeError) {
    do throws(Errno) {
      try make()
      return
    } catch {
      guard error == .exists else { throw .kernel(act, error) }
    }
    _ = try tree.remove(name, in: parent)
    try attempt(act, make)
  }

  private mutating func makeFile(
    _ entry: TarEntry, _ name: KernelPath, in parent: Descriptor
  ) throws(LayerTreeError) {
    var opened: FileDescriptor?
    try makeNew("make", name, in: parent) { () throws(Errno) in
      opened = try parent.open(name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
    }
    file = opened.take()
    self.entry = entry
    fileEnd = 0
  }

  /// The data is there: the rest is done by descriptor. Order matters: writing and changing the owner take set-user-id bits and
  /// capabilities away, so both come after; times come last.
  private mutating func finishFile(_ file: Descriptor, _ entry: TarEntry) throws(LayerTreeError) {
    if !madeAsRoot || entry.userID != 0 || entry.groupID != 0 {
      try attempt("change the owner of") { () throws(Errno) in
        try file.changeOwner(userID: entry.userID, groupID: entry.groupID)
      }
    }
    try attempt("change the mode of") { () throws(Errno) in try file.changeMode(entry.mode) }
    if !entry.attributes.isEmpty {
      try setAttributes(entry) { (name, value) throws(Errno) in try file.setExtendedAttribute(name, value) }
    }
    try attempt("set the times of") { () throws(Errno) in
      try file.setTimes(accessed: entry.accessed ?? entry.modified, modified: entry.modified)
    }
    if entry.mode & 0o6000 != 0 { hasPrivilegedFiles = true }
  }

  private mutating func makeDirectory(
    _ entry: TarEntry, _ name: KernelPath, in parent: Descriptor, _ path: LayerPath
  ) throws(LayerTreeError) {
    do throws(Errno) {
      try parent.makeDirectory(name, mode: 0o700)
    } catch {
      guard error == .exists else { throw .kernel("make", error) }
      if try tree.status(of: name, in: parent)?.type != .directory {
        let replacesWhiteout = try tree.remove(name, in: parent)
        try attempt("make") { () throws(Errno) in
          try parent.makeDirectory(name, mode: 0o700)
          // The layer removed what was there and put a new directory in its place: the old content stays hidden.
          if replacesWhiteout {
            let opaque = try parent.open(name, [.readOnly, .directory, .noFollow])
            try opaque.descriptor.setOverlayOpaque()
          }
        }
      }
    }
    try deferFacts(of: entry, at: path)
  }

  private mutating func makeSymbolicLink(
    _ entry: TarEntry, _ name: KernelPath, in parent: Descriptor
  ) throws(LayerTreeError) {
    guard !entry.linkTarget.isEmpty else { throw .refused(.emptyLink) }
    let target = try attempt("make") { () throws(Errno) in try KernelPath(bytes: entry.linkTarget) }
    try makeNew("make", name, in: parent) { () throws(Errno) in
      try parent.makeSymbolicLink(name, target: target)
    }
    try attempt("change the owner of") { () throws(Errno) in
      try parent.changeOwner(name, userID: entry.userID, groupID: entry.groupID)
    }
    try setAttributesOfNode(entry, name, in: parent)
    try attempt("set the times of") { () throws(Errno) in
      try parent.setTimes(name, accessed: entry.accessed ?? entry.modified, modified: entry.modified)
    }
  }

  private mutating func makeHardLink(
    _ entry: TarEntry, _ name: KernelPath, in parent: Descriptor
  ) throws(LayerTreeError) {
    let source = try openLinkTarget(entry)
    if let found = try tree.status(of: name, in: parent) {
      let linked = try attempt("look at the link target of") { () throws(Errno) in
        try source.descriptor.status()
      }
      // A link to itself, or made before.
      if found.inode == linked.inode, found.device == linked.device { return }
    }
    try makeNew("link", name, in: parent) { () throws(Errno) in
      try source.descriptor.link(to: name, in: parent)
    }
  }

  /// A handle on the other name of a hard link, reached beneath the layer's root without following a link.
  private func openLinkTarget(_ entry: TarEntry) throws(LayerTreeError) -> FileDescriptor {
    let target = try cleanLinkTarget(entry)
    do throws(Errno) {
      return try tree.root.descriptor.open(
        try KernelPath(bytes: target.isRoot ? [UInt8(ascii: ".")] : target.bytes), [.pathOnly, .noFollow],
        resolve: tree.resolution)
    } catch {
      switch error {
      case .tooManyLinks, .crossDevice: throw .refused(.linkEscapes)
      case .notFound, .notDirectory: throw .refused(.linkTargetMissing(printableName(entry.linkTarget)))
      default: throw .kernel("open the link target of", error)
      }
    }
  }

  private func cleanLinkTarget(_ entry: TarEntry) throws(LayerTreeError) -> LayerPath {
    do throws(LayerRefusal) {
      return try LayerPath(cleaning: entry.linkTarget)
    } catch {
      throw .refused(error == .escapes ? .linkEscapes : error)
    }
  }

  private mutating func makeNode(
    _ entry: TarEntry, _ type: FileType, _ name: KernelPath, in parent: Descriptor
  ) throws(LayerTreeError) {
    try makeNew("make", name, in: parent) { () throws(Errno) in
      try parent.makeNode(name, type: type, mode: 0o600, major: entry.deviceMajor, minor: entry.deviceMinor)
    }
    // A handle only: opening a device or a FIFO in earnest acts on it.
    let handle = try attempt("open") { () throws(Errno) in try parent.open(name, [.pathOnly, .noFollow]) }
    try attempt("change the owner of") { () throws(Errno) in
      try handle.descriptor.changeOwner(userID: entry.userID, groupID: entry.groupID)
    }
    try attempt("change the mode of") { () throws(Errno) in try handle.descriptor.changeModeOfHandle(entry.mode) }
    try setAttributesOfNode(entry, name, in: parent)
    try attempt("set the times of") { () throws(Errno) in
      try parent.setTimes(name, accessed: entry.accessed ?? entry.modified, modified: entry.modified)
    }
  }
}

// Attributes and directories.
extension LayerWriter {
  /// Attributes that a layer may not set, by the start of their names.
  ///
  /// overlayfs's own would let a layer redirect or hide what it does not hold; labels and hashes of the host's policy are the
  /// host's to give.
  static let refusedAttributes = [
    "trusted.overlay.", "user.overlay.", "security.selinux", "security.ima", "security.evm", "security.SMACK64",
    "security.apparmor",
  ].map { Array($0.utf8) }

  private mutating func setAttributes(
    _ entry: TarEntry, _ set: (KernelPath, [UInt8]) throws(Errno) -> Void
  ) throws(LayerTreeError) {
    for attribute in entry.attributes {
      if Self.refusedAttributes.contains(where: { attribute.name.starts(with: $0) }) {
        noteLeftOut("attribute \(printableName(attribute.name)) of \(entry.printablePath)")
        continue
      }
      let act = "set attribute \(printableName(attribute.name)) of"
      let name = try attempt(act) { () throws(Errno) in try KernelPath(bytes: attribute.name) }
      do throws(Errno) {
        try set(name, attribute.value)
      } catch {
        // A file system without this kind of attribute must not make the image unusable, except where security hangs on it.
        guard error == .notSupported, !attribute.name.starts(with: "security.".utf8) else {
          throw .kernel(act, error)
        }
        noteLeftOut("attribute \(printableName(attribute.name)) of \(entry.printablePath)")
      }
      if entry.type == .regular, attribute.name.elementsEqual("security.capability".utf8) {
        hasPrivilegedFiles = true
      }
    }
  }

  private mutating func setAttributesOfNode(
    _ entry: TarEntry, _ name: KernelPath, in parent: Descriptor
  ) throws(LayerTreeError) {
    if entry.attributes.isEmpty { return }
    let handle = try attempt("open") { () throws(Errno) in try parent.open(name, [.pathOnly, .noFollow]) }
    let descriptor = handle.descriptor
    try setAttributes(entry) { (name, value) throws(Errno) in
      try descriptor.setExtendedAttributeOfHandle(name, value)
    }
  }

  private mutating func deferFacts(of entry: TarEntry, at path: LayerPath) throws(LayerTreeError) {
    for attribute in entry.attributes { deferredBytes += attribute.name.count + attribute.value.count }
    guard deferredBytes <= Self.deferredLimitBytes else {
      throw .refused(.badExtendedHeader("too many attributes of directories"))
    }
    tree.describe(path.bytes)
    directories.append(DirectoryFacts(path: path.bytes, order: directories.count, entry: entry))
  }

  /// Gives the directories what they waited for: the deepest first, so that none is shut before what is in it.
  mutating func finish() throws(LayerError) {
    directories.sort { left, right in
      if left.path.count != right.path.count { return left.path.count > right.path.count }
      if left.path != right.path { return left.path.lexicographicallyPrecedes(right.path) }
      return left.order > right.order
    }
    var previous: [UInt8]?
    for directory in directories {
      // Of several entries of one directory the last one counts; it was sorted first.
      if directory.path == previous { continue }
      previous = directory.path
      do throws(LayerTreeError) {
        try finishDirectory(directory)
      } catch {
        throw Self.named(error, directory.entry)
      }
    }
    directories = []
    do throws(LayerTreeError) {
      try tree.restoreTimes()
    } catch {
      switch error {
      case .refused(let reason): throw .refused(entry: "a directory", reason: reason)
      case .kernel(let act, let error): throw .kernel(act: act, entry: "a directory of the layer below", error)
      }
    }
  }

  private mutating func finishDirectory(_ facts: DirectoryFacts) throws(LayerTreeError) {
    let entry = facts.entry
    let opened: FileDescriptor
    do throws(Errno) {
      opened = try tree.root.descriptor.open(
        try KernelPath(bytes: facts.path.isEmpty ? [UInt8(ascii: ".")] : facts.path),
        [.readOnly, .directory, .noFollow], resolve: tree.resolution)
    } catch {
      // A later entry of the layer took its place.
      if error == .notFound || error == .notDirectory || error == .tooManyLinks { return }
      throw .kernel("open", error)
    }
    let directory = opened.descriptor
    try attempt("change the owner of") { () throws(Errno) in
      try directory.changeOwner(userID: entry.userID, groupID: entry.groupID)
    }
    try attempt("change the mode of") { () throws(Errno) in try directory.changeMode(entry.mode) }
    if tree.form == .merged {
      // What the layer below gave the directory goes: an entry says all of what it is like.
      try attempt("remove the attributes of") { () throws(Errno) in
        for old in try directory.extendedAttributeNames()
        where !entry.attributes.contains(where: { $0.name.elementsEqual(old.bytes) }) {
          try directory.removeExtendedAttribute(old)
        }
      }
    }
    try setAttributes(entry) { (name, value) throws(Errno) in try directory.setExtendedAttribute(name, value) }
    try attempt("set the times of") { () throws(Errno) in
      try directory.setTimes(accessed: entry.accessed ?? entry.modified, modified: entry.modified)
    }
  }
}

/// What a directory gets at the end.
private struct DirectoryFacts {
  let path: [UInt8]
  let order: Int
  let entry: TarEntry
}
