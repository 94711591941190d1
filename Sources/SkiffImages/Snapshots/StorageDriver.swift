internal import SkiffKernel
internal import SkiffSpec

/// How the store puts layers together and gives each container a writable tree. Chosen once for a store.
package enum StorageDriver: String, Sendable, CaseIterable {
  /// overlayfs over the layers.
  case overlay
  /// A btrfs snapshot for each layer and each container; the store must lie on a btrfs.
  case btrfs
  /// A copy for each container, sharing blocks where the file system can: works everywhere.
  case copy

  /// How a layer stands on the disk for this driver.
  package var layerForm: LayerForm {
    switch self {
    case .overlay: .overlay
    case .btrfs: .merged
    case .copy: .portable
    }
  }

  /// A layer can only be unpacked when the one below is there.
  package var unpacksInOrder: Bool { self == .btrfs }
}

extension StorageDriver {
  private static let recordName: KernelPath = "storage.json"

  /// The driver of the store; a new store gets the one that is wanted, or overlay where it works, or copy.
  static func choose(
    root: KernelPath, layers: Descriptor, wanted: StorageDriver?
  ) throws(ImageStoreError) -> StorageDriver {
    let top = try storing("open", "the store \(root)") { () throws(Errno) in
      try Descriptor.workingDirectory.open(root, [.readOnly, .directory])
    }
    if let existing = try recorded(in: top.descriptor) { return try agree(existing, wanted, root) }
    // Once in the life of a store: of several processes one chooses. The lock goes when `top` is closed.
    try storing("lock", "the store \(root)") { () throws(Errno) in
      try top.descriptor.lock(exclusive: true, wait: true)
    }
    if let existing = try recorded(in: top.descriptor) { return try agree(existing, wanted, root) }
    let chosen: StorageDriver
    switch wanted {
    case .btrfs:
      try requireBtrfs(layers, root)
      chosen = .btrfs
    case .overlay:
      if let why = overlayRefusal(layers) {
        throw .driver("storage driver overlay does not work in \(root): \(why) (use copy)")
      }
      chosen = .overlay
    case .copy: chosen = .copy
    case nil: chosen = overlayRefusal(layers) == nil ? .overlay : .copy
    }
    let record: JSONValue = ["driver": .string(chosen.rawValue)]
    try storing("write", "\(root)/storage.json") { () throws(Errno) in
      try top.descriptor.replaceFile(recordName, with: record.serialized())
    }
    return chosen
  }

  private static func agree(
    _ existing: StorageDriver, _ wanted: StorageDriver?, _ root: KernelPath
  ) throws(ImageStoreError) -> StorageDriver {
    guard let wanted, wanted != existing else { return existing }
    throw .driver(
      "the store \(root) was made with storage driver \(existing.rawValue), not \(wanted.rawValue)"
        + " (use another root for another driver)")
  }

  private static func recorded(in root: Descriptor) throws(ImageStoreError) -> StorageDriver? {
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try root.readFile(recordName, limitBytes: 65536)
    } catch {
      if error == .notFound { return nil }
      throw .kernel(act: "read", thing: "storage.json", error)
    }
    guard let name = (try? JSONValue.parse(bytes))?["driver"]?.string else {
      throw .driver("storage.json of the store cannot be read")
    }
    guard let driver = StorageDriver(rawValue: name) else {
      throw .driver("the store was made with storage driver \(name), which this skiff does not know")
    }
    return driver
  }

  private static func requireBtrfs(_ layers: Descriptor, _ root: KernelPath) throws(ImageStoreError) {
    let status = try storing("look at", "the file system of \(root)") { () throws(Errno) in
      try layers.fileSystemStatus()
    }
    guard status.magic == FileSystemStatus.btrfs else {
      throw .driver(
        "storage driver btrfs needs the store on a btrfs file system, and \(root) is not on one"
          + " (mkfs.btrfs and mount one there, or use overlay)")
    }
  }

  /// Why overlayfs cannot work in `directory`; nil when it can. Asked of the kernel by making an overlay that is mounted nowhere.
  static func overlayRefusal(_ directory: Descriptor) -> String? {
    // A sweep of another process may take the directory for a leftover before it is locked: then another one is made.
    var last = Errno.busy
    for _ in 0..<8 {
      do throws(Errno) {
        try probeOverlay(beneath: directory)
        return nil
      } catch {
        last = error
        guard error == .notFound || error == .wouldBlock else { break }
      }
    }
    return "\(last)"
  }

  private static func probeOverlay(beneath directory: Descriptor) throws(Errno) {
    let name = try TemporaryName.make(prefix: LayerStore.temporaryPrefix)
    try directory.makeDirectory(name, mode: 0o700)
    defer {
      // Named as a leftover: a sweep removes what cannot be removed now.
      do throws(Errno) { try directory.removeTree(name) } catch {}
    }
    let place = try directory.open(name, [.readOnly, .directory, .noFollow])
    try place.descriptor.lock(exclusive: true, wait: false)
    try probeOverlay(in: place.descriptor)
  }

  private static func probeOverlay(in place: Descriptor) throws(Errno) {
    for part: KernelPath in ["lower", "upper", "work"] { try place.makeDirectory(part, mode: 0o700) }
    // What layers need: whiteouts and the attribute of opaque directories.
    try place.makeNode("lower/gone", type: .characterDevice, mode: 0)
    let lower = try place.open("lower", [.readOnly, .directory])
    try lower.descriptor.setExtendedAttribute(
      try KernelPath(Whiteout.overlayOpaqueAttribute), Whiteout.overlayOpaqueValue)
    let overlay = try FileSystemContext(type: "overlay")
    try overlay.distrustLayers()
    let own = try KernelPath(place.path)
    try overlay.set("lowerdir", to: own.appending("lower"))
    try overlay.set("upperdir", to: own.appending("upper"))
    try overlay.set("workdir", to: own.appending("work"))
    _ = try overlay.mount([])
  }
}
