internal import SkiffImages
package import SkiffKernel

/// What came out of packing a tree.
package struct PackedLayer: Equatable, Sendable {
  package let archiveSizeBytes: Int64
  package let entryCount: Int
  /// What an archive cannot hold and was left out (sockets), in words, a few of them.
  package let leftOut: [String]
}

/// What is packed.
package enum PackedTree: Sendable {
  /// A tree as it is.
  case whole
  /// What a container changed, as overlayfs keeps it: devices 0:0 and opaque directories become whiteouts.
  case overlayChanges
  /// These paths of a whole tree, and whiteouts for the names that are gone, by their directories.
  case chosen(Set<[UInt8]>, gone: [[UInt8]: [[UInt8]]])

  /// What was changed in a whole tree: paths that are there, and paths that are gone.
  package static func changes(_ paths: Set<[UInt8]>, gone: Set<[UInt8]>) -> PackedTree {
    var names: [[UInt8]: [[UInt8]]] = [:]
    for path in gone.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let cut = path.lastIndex(of: UInt8(ascii: "/"))
      let directory = cut.map { Array(path[..<$0]) } ?? []
      names[directory, default: []].append(Array(path[(cut.map { $0 + 1 } ?? 0)...]))
    }
    return .chosen(paths, gone: names)
  }

  /// Whether the tree is a layer that overlayfs keeps.
  var isOverlayChanges: Bool {
    if case .overlayChanges = self { return true }
    return false
  }

  func holds(_ path: [UInt8]) -> Bool {
    guard case .chosen(let paths, _) = self else { return true }
    return paths.contains(path)
  }

  /// The names that are gone from a directory, in their order.
  func gone(from directory: [UInt8]) -> [[UInt8]] {
    guard case .chosen(_, let gone) = self else { return [] }
    return gone[directory] ?? []
  }
}

/// What of a tree is packed, and how it is shown.
package struct PackingRules: Sendable {
  package var tree = PackedTree.whole
  package var keepsNanoseconds = true
  /// Only this name in the directory, and what is beneath it; nil packs all of it, the directory itself included.
  package var only: KernelPath?
  /// What the entries' paths begin with: in the place of `only`, or before everything.
  package var prefix: [UInt8] = []
  /// Whether what is mounted in the tree is packed, too: not the kernel's own file systems, which hold no files.
  package var crossesMounts = false
  package var owners = OwnerRules()

  package init() {}
}

/// Packs a tree into a layer's archive: names sorted, nothing of the machine in it but what the files say, so that the same tree gives
/// the same bytes.
///
/// No link is followed. The tree should not change meanwhile; a file that becomes shorter is an error that names it.
package struct LayerPacker<Sink: ByteSink & ~Copyable>: ~Copyable {
  private let root: Descriptor
  private let rules: PackingRules
  private let resolution: ResolveFlags
  private var writer: TarWriter<Sink>
  private var entryCount = 0
  private var leftOut: [String] = []
  /// Where a file with several names was packed first.
  private var firstNames: [FileIdentity: [UInt8]] = [:]
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)

  private struct FileIdentity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  /// A directory on the way down.
  private struct Level {
    let path: [UInt8]
    let names: [KernelPath]
    var next = 0
  }

  /// Most names in one directory.
  private static var namesLimit: Int { 2_000_000 }
  private static var depthLimit: Int { 2048 }
  /// File systems in which the kernel shows itself.
  private static var kernelFileSystems: [UInt64] {
    [
      FileSystemStatus.proc, FileSystemStatus.sysfs, FileSystemStatus.devpts, FileSystemStatus.cgroup,
      FileSystemStatus.cgroup2, FileSystemStatus.selinux, FileSystemStatus.resctrl,
    ]
  }

  /// Packs what is beneath the open directory `root`. Mount points beneath it are packed as empty directories.
  package init(
    root: Descriptor, tree: PackedTree = .whole, keepsNanoseconds: Bool = true, sink: consuming Sink
  ) {
    var rules = PackingRules()
    rules.tree = tree
    rules.keepsNanoseconds = keepsNanoseconds
    self.init(root: root, rules: rules, sink: sink)
  }

  /// Packs what the rules choose of the open directory `root`.
  package init(root: Descriptor, rules: PackingRules, sink: consuming Sink) {
    self.root = root
    self.rules = rules
    let beneath: ResolveFlags = [.beneath, .noSymbolicLinks, .noMagicLinks]
    resolution = rules.crossesMounts ? beneath : beneath.union(.noCrossing)
    writer = TarWriter(sink: sink)
  }

  /// Packs all of it. The sink has everything when this returns.
  package consuming func pack() throws(LayerError) -> PackedLayer {
    var levels: [Level] = []
    if let only = rules.only {
      if let names = try packEntry(only, Array(only.bytes), []) {
        levels.append(Level(path: Array(only.bytes), names: names))
      }
    } else {
      try packDirectoryEntry([], root)
      levels.append(Level(path: [], names: try names(of: root, [])))
    }
    while var level = levels.popLast() {
      guard level.next < level.names.count else { continue }
      let name = level.names[level.next]
      level.next += 1
      let path = level.path.isEmpty ? Array(name.bytes) : level.path + [UInt8(ascii: "/")] + name.bytes
      let parentPath = level.path
      levels.append(level)
      guard let below = try packEntry(name, path, parentPath) else { continue }
      guard levels.count < Self.depthLimit else { throw .limit(.depth, entry: printableName(path)) }
      levels.append(Level(path: path, names: below))
    }
    let (entries, leftOut) = (entryCount, leftOut)
    let size = writer.sizeBytes + 1024
    _ = try writer.finish()
    return PackedLayer(archiveSizeBytes: size, entryCount: entries, leftOut: leftOut)
  }

  /// Packs one name; gives the names in it when it is a directory.
  private mutating func packEntry(
    _ name: KernelPath, _ path: [UInt8], _ parentPath: [UInt8]
  ) throws(LayerError) -> [KernelPath]? {
    guard rules.tree.holds(path) else { return nil }
    guard let handle = try openHandle(path) else { return try packMountPoint(path) }
    let status = try asking("look at", path) { () throws(Errno) in try handle.descriptor.status() }
    if status.type == .directory { return try packDirectory(path) }
    if rules.tree.isOverlayChanges, status.isOverlayWhiteout {
      try packMarker(parentPath, Whiteout.prefix + name.bytes)
      return nil
    }
    guard let type = Self.entryType(status.type) else {
      note("socket \(printableName(path))")
      return nil
    }
    var entry = entry(type, path, status)
    if status.linkCount > 1 {
      let identity = FileIdentity(device: status.device, inode: status.inode)
      if let first = firstNames[identity] {
        entry.type = .hardLink
        entry.linkTarget = shown(first)
        entry.sizeBytes = 0
        try write(entry)
        return nil
      }
      firstNames[identity] = path
    }
    entry.attributes = try attributes(path) { () throws(Errno) in
      try handle.descriptor.attributesOfHandle()
    }
    if type == .symbolicLink {
      entry.linkTarget = try asking("read", path) { () throws(Errno) in
        Array(try handle.descriptor.readLink("").bytes)
      }
    }
    if type == .regular { try packContent(entry, path, status) } else { try write(entry) }
    return nil
  }

  /// A handle on a name; nil where something is mounted there that is not to be packed.
  private func openHandle(_ path: [UInt8]) throws(LayerError) -> FileDescriptor? {
    do throws(Errno) {
      return try root.open(try KernelPath(bytes: path), [.pathOnly, .noFollow], resolve: resolution)
    } catch {
      if error == .crossDevice { return nil }
      throw .kernel(act: "open", entry: printableName(path), error)
    }
  }

  /// Packs a name on which something is mounted, as the empty file or directory that it is without.
  private mutating func packMountPoint(_ path: [UInt8]) throws(LayerError) -> [KernelPath]? {
    let crossing = resolution.subtracting(.noCrossing)
    let mounted = try opening(path) { (root) throws(Errno) in
      try root.open(try KernelPath(bytes: path), [.pathOnly, .noFollow], resolve: crossing)
    }
    let status = try asking("look at", path) { () throws(Errno) in try mounted.descriptor.status() }
    var entry = TarEntry(type: status.type == .directory ? .directory : .regular, path: shown(path))
    entry.mode = status.type == .directory ? 0o755 : 0o644
    try write(entry)
    return nil
  }

  private mutating func packDirectory(_ path: [UInt8]) throws(LayerError) -> [KernelPath] {
    guard let directory = try openDirectory(path) else {
      // A mount point: what is mounted there is not the tree's.
      var entry = TarEntry(type: .directory, path: shown(path))
      entry.mode = 0o755
      try write(entry)
      return []
    }
    try packDirectoryEntry(path, directory.descriptor)
    return try names(of: directory.descriptor, path)
  }

  /// Nil for what is mounted there and is not to be packed.
  private func openDirectory(_ path: [UInt8]) throws(LayerError) -> FileDescriptor? {
    do throws(Errno) {
      let directory = try root.open(
        try KernelPath(bytes: path), [.readOnly, .directory, .noFollow], resolve: resolution)
      if rules.crossesMounts,
        Self.kernelFileSystems.contains(try directory.descriptor.fileSystemStatus().magic)
      {
        return nil
      }
      return directory
    } catch {
      if error == .crossDevice { return nil }
      throw .kernel(act: "open", entry: printableName(path), error)
    }
  }

  /// The path as the archive has it.
  private func shown(_ path: [UInt8]) -> [UInt8] {
    if let only = rules.only { return rules.prefix + path.dropFirst(only.bytes.count) }
    if rules.prefix.isEmpty { return path.isEmpty ? Array("./".utf8) : path }
    return path.isEmpty ? rules.prefix : rules.prefix + [UInt8(ascii: "/")] + path
  }

  private func names(of directory: Descriptor, _ path: [UInt8]) throws(LayerError) -> [KernelPath] {
    try asking("list", path) { () throws(Errno) in
      let listed = try directory.open(".", [.readOnly, .directory])
      return try listed.descriptor.sortedEntries(limit: Self.namesLimit).map(\.name)
    }
  }

  private mutating func packDirectoryEntry(_ path: [UInt8], _ directory: Descriptor) throws(LayerError) {
    let status = try asking("look at", path) { () throws(Errno) in try directory.status() }
    var entry = entry(.directory, path, status)
    let all = try asking("read the attributes of", path) { () throws(Errno) in try directory.attributes() }
    entry.attributes = try attributes(path) { () throws(Errno) in all }
    try write(entry)
    for name in rules.tree.gone(from: path) { try packMarker(path, Whiteout.prefix + name) }
    guard rules.tree.isOverlayChanges else { return }
    if all.contains(where: { $0.name.elementsEqual("trusted.overlay.redirect".utf8) }) {
      // The content is somewhere else in the layers below: an archive of changes cannot say so.
      throw .refused(entry: printableName(path), reason: .redirected)
    }
    let opaque = TarAttribute(
      name: Array(Whiteout.overlayOpaqueAttribute.utf8), value: Whiteout.overlayOpaqueValue)
    if all.contains(opaque) { try packMarker(path, Whiteout.opaqueName) }
  }

  /// An empty file that says something of the layers below.
  private mutating func packMarker(_ directory: [UInt8], _ name: [UInt8]) throws(LayerError) {
    let path = directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name
    var entry = TarEntry(type: .regular, path: shown(path))
    entry.mode = 0
    try write(entry)
  }

  private mutating func packContent(
    _ entry: TarEntry, _ path: [UInt8], _ expected: FileStatus
  ) throws(LayerError) {
    let file = try opening(path) { (root) throws(Errno) in
      try root.open(
        try KernelPath(bytes: path), [.readOnly, .noFollow, .nonBlocking], resolve: resolution)
    }
    // A container that runs may put a device in the file's place in this moment.
    let opened = try asking("look at", path) { () throws(Errno) in try file.descriptor.status() }
    guard opened.inode == expected.inode, opened.device == expected.device, opened.type == .regular else {
      throw .refused(entry: printableName(path), reason: .changedMeanwhile)
    }
    try writer.begin(entry)
    entryCount += 1
    var remaining = entry.sizeBytes
    while remaining > 0 {
      let count: Int
      do throws(Errno) {
        count = try file.descriptor.read(into: &buffer)
      } catch {
        throw .kernel(act: "read", entry: entry.printablePath, error)
      }
      guard count > 0 else { throw .truncated(entry: entry.printablePath) }
      let taken = Int(min(Int64(count), remaining))
      let filled = buffer
      try writer.write(filled.span.extracting(0..<taken))
      remaining -= Int64(taken)
    }
    try writer.end()
  }

  private mutating func write(_ entry: TarEntry) throws(LayerError) {
    try writer.begin(entry)
    try writer.end()
    entryCount += 1
  }

  private func entry(_ type: TarEntryType, _ path: [UInt8], _ status: FileStatus) -> TarEntry {
    var entry = TarEntry(type: type, path: shown(path))
    entry.mode = status.permissions
    entry.userID = status.userID
    entry.groupID = status.groupID
    let owner = rules.owners.shown(entry)
    (entry.userID, entry.groupID) = (owner.userID, owner.groupID)
    entry.sizeBytes = type == .regular ? status.sizeBytes : 0
    entry.modified = FileTime(
      seconds: status.modifiedSeconds, nanoseconds: rules.keepsNanoseconds ? status.modifiedNanoseconds : 0)
    entry.deviceMajor = status.major
    entry.deviceMinor = status.minor
    return entry
  }

  private static func entryType(_ type: FileType?) -> TarEntryType? {
    switch type {
    case .regular: .regular
    case .directory: .directory
    case .symbolicLink: .symbolicLink
    case .characterDevice: .characterDevice
    case .blockDevice: .blockDevice
    case .fifo: .fifo
    case .socket, nil: nil
    }
  }

  private mutating func note(_ what: String) {
    if leftOut.count < 16 { leftOut.append(what) }
  }

  private func opening(
    _ path: [UInt8], _ open: (Descriptor) throws(Errno) -> FileDescriptor
  ) throws(LayerError) -> FileDescriptor {
    do throws(Errno) {
      return try open(root)
    } catch {
      throw .kernel(act: "open", entry: printableName(path), error)
    }
  }

  private func asking<Value>(
    _ act: String, _ path: [UInt8], _ body: () throws(Errno) -> Value
  ) throws(LayerError) -> Value {
    do throws(Errno) {
      return try body()
    } catch {
      throw .kernel(act: act, entry: printableName(path), error)
    }
  }

  /// Attributes that belong to this machine or to overlayfs stay behind.
  private func attributes(
    _ path: [UInt8], _ read: () throws(Errno) -> [TarAttribute]
  ) throws(LayerError) -> [TarAttribute] {
    try asking("read the attributes of", path, read).filter { attribute in
      !LayerWriter.refusedAttributes.contains { attribute.name.starts(with: $0) }
    }
  }
}

extension Descriptor {
  /// All attributes of an open directory.
  fileprivate func attributes() throws(Errno) -> [TarAttribute] {
    var attributes: [TarAttribute] = []
    for name in try extendedAttributeNames() {
      guard let value = try extendedAttribute(name) else { continue }
      attributes.append(TarAttribute(name: Array(name.bytes), value: value))
    }
    return attributes
  }

  /// All attributes of what an O_PATH handle stands for.
  fileprivate func attributesOfHandle() throws(Errno) -> [TarAttribute] {
    var attributes: [TarAttribute] = []
    for name in try extendedAttributeNamesOfHandle() {
      guard let value = try extendedAttributeOfHandle(name) else { continue }
      attributes.append(TarAttribute(name: Array(name.bytes), value: value))
    }
    return attributes
  }
}
