import SkiffImages
import SkiffKernel
import SkiffSpec

/// Finds, or makes, what a container's mounts lead to.
struct MountResolver: ~Copyable {
  private let engine: Engine
  private let containerID: String
  private let containerPath: String
  private let volumes: VolumeStore
  private let reader: RootfsReader
  /// Keeps the volumes from being removed until the container's record says that it uses them.
  private(set) var held: [VolumeHold] = []
  /// The chain ids of the layers of images that are mounted.
  private(set) var mountedLayers: [String] = []
  private var overlayCount = 0

  init(
    engine: Engine, containerID: String, containerPath: String, volumes: consuming VolumeStore, rootfs: RootfsRecord
  ) {
    self.engine = engine
    self.containerID = containerID
    self.containerPath = containerPath
    self.volumes = volumes
    self.reader = RootfsReader(rootfs)
  }

  mutating func resolve(_ request: MountRequest) throws(EngineError) -> MountRecord {
    var record = MountRecord()
    record.request = request
    switch request.source {
    case .tmpfs, .ramfs, .devpts: break
    case .bind(let path, let createsMissing):
      let source = try bindSource(path, createsMissing: createsMissing && !request.isOverlay)
      if request.isOverlay {
        record.overlay = try writableOverlay(over: [source])
      } else {
        record.hostPath = source
      }
    case .image(let name): record.overlay = try imageOverlay(name, isWritable: request.isOverlay)
    case .volume(let name): try resolveVolume(name, request, &record)
    }
    return record
  }

  private mutating func resolveVolume(
    _ name: String?, _ request: MountRequest, _ record: inout MountRecord
  ) throws(EngineError) {
    let volume: String
    if let name {
      volume = name
    } else {
      volume = try VolumeName.makeAnonymous(for: containerID)
      record.isAnonymous = true
    }
    record.volume = volume
    let asked = try VolumeOptions(request.volumeOptions)
    // Before it is made: one with a name would stay.
    try checkOwner(request, asked, volume)
    var isNew: Bool
    repeat {
      isNew = try volumes.make(
        volume, labels: request.volumeLabels, options: request.volumeOptions, isAnonymous: record.isAnonymous
      ) { data throws(EngineError) in
        if request.copiesFromImage, asked == .directory { try fill(data, from: request.destination) }
      }
    } while try !hold(volume)
    let found = isNew ? asked : try VolumeOptions(try volumes.volume(volume)?.options ?? [:])
    try checkOwner(request, found, volume)
    switch found {
    case .directory: record.hostPath = volumes.dataPath(volume)
    case .bind(let path, let isReadOnly):
      record.hostPath = try bindSource(path, createsMissing: false)
      if isReadOnly { record.request.isReadOnly = true }
    case .fileSystem(let fileSystem):
      record.fileSystem = fileSystem
      if request.subpath != nil { throw .notBuilt("a subpath of volume \(volume), which is a file system of its own") }
      if request.isOverlay { throw .notBuilt("the option O for volume \(volume), which is a file system of its own") }
    }
    guard let source = record.hostPath else { return }
    if let subpath = request.subpath { try look(for: subpath, in: source) }
    if request.isOverlay {
      record.overlay = try writableOverlay(over: [source])
      record.hostPath = nil
    }
  }

  /// Whether a volume has what is to be shown of it. Each start finds it anew.
  private func look(for subpath: String, in source: String) throws(EngineError) {
    do throws(Errno) {
      _ = try Root(opening: try KernelPath(source)).open(try KernelPath(subpath), [.pathOnly])
    } catch {
      throw .kernel(act: "access path", thing: "\(source)/\(subpath)", cause: error)
    }
  }

  /// False where the volume was removed before it could be held.
  private mutating func hold(_ volume: String) throws(EngineError) -> Bool {
    guard let hold = try volumes.hold(volume) else { return false }
    held.append(hold)
    return true
  }

  private func checkOwner(_ request: MountRequest, _ options: VolumeOptions, _ volume: String) throws(EngineError) {
    guard request.changesOwner, case .fileSystem(let fileSystem) = options else { return }
    throw .notBuilt("the option U for the volume \(volume), which is a file system of its own (\(fileSystem.type))")
  }

  // MARK: Overlays

  /// A writable layer in the container's directory, which goes with it, over directories that stay as they are.
  private mutating func writableOverlay(over lower: [String]) throws(EngineError) -> OverlayLayers {
    let place = "\(containerPath)/overlay\(overlayCount)"
    overlayCount += 1
    let top = lower[0]
    try naming("make", place) { () throws(Errno) in
      let container = try Descriptor.workingDirectory.open(try KernelPath(containerPath), [.readOnly, .directory])
      let name = try KernelPath("overlay\(overlayCount - 1)")
      try container.descriptor.makeDirectory(name, mode: 0o700)
      let directory = try container.descriptor.open(name, [.readOnly, .directory, .noFollow])
      try directory.descriptor.makeDirectory("upper", mode: 0o755)
      try directory.descriptor.makeDirectory("work", mode: 0o700)
      // The root of an overlay looks as that of its upper directory.
      let upper = try directory.descriptor.open("upper", [.readOnly, .directory, .noFollow])
      let source = try Descriptor.workingDirectory.open(try KernelPath(top), [.readOnly, .directory])
      try upper.descriptor.copyFacts(of: source.descriptor)
    }
    return OverlayLayers(lower: lower, upper: place + "/upper", work: place + "/work")
  }

  private mutating func imageOverlay(_ name: String, isWritable: Bool) throws(EngineError) -> OverlayLayers {
    let image = try engine.resolveImage(name, platform: nil, pull: .missing)
    let lower: [String]
    do throws(ImageStoreError) {
      lower = try ContainerTree(layers: image.layers, containerDirectory: containerPath)
        .readOnlyTrees(chainIDs: image.chainIDs)
    } catch {
      throw EngineError(error)
    }
    guard !lower.isEmpty else { throw .refused("cannot mount the image \(name): it has no layers") }
    for chainID in image.chainIDs where !mountedLayers.contains(chainID.text) { mountedLayers.append(chainID.text) }
    if isWritable { return try writableOverlay(over: lower) }
    // An overlay of one directory alone is none to the kernel: an empty one lies beneath it.
    return OverlayLayers(lower: lower.count > 1 ? lower : lower + [try emptyDirectory()])
  }

  private func emptyDirectory() throws(EngineError) -> String {
    let path = "\(containerPath)/nothing"
    try naming("make", path) { () throws(Errno) in
      do throws(Errno) {
        try Descriptor.workingDirectory.makeDirectory(try KernelPath(path), mode: 0o755)
      } catch {
        guard error == .exists else { throw error }
      }
    }
    return path
  }

  // MARK: Directories

  private func bindSource(_ path: String, createsMissing: Bool) throws(EngineError) -> String {
    let cleaned = SpecComposer.cleaned(path)
    do throws(Errno) {
      _ = try Descriptor.workingDirectory.status(try KernelPath(cleaned), follow: true)
      return cleaned
    } catch {
      guard error == .notFound, createsMissing else {
        throw .kernel(act: "mount", thing: cleaned, cause: error)
      }
    }
    // A directory for others to use, unlike the engine's own.
    let mask = ProcessControl.setUmask(0o022)
    defer { ProcessControl.setUmask(mask) }
    try naming("make", cleaned) { () throws(Errno) in
      _ = try Root(opening: "/").openDirectory(try KernelPath(cleaned), creatingWithMode: 0o755)
    }
    return cleaned
  }

  /// Copies what the image has at `path` into a fresh volume, with its owners, modes and attributes.
  private func fill(_ data: Descriptor, from path: String) throws(EngineError) {
    let act = "copy from the image"
    let root = try reader.openWhole()
    try naming(act, path) { () throws(Errno) in
      let source: FileDescriptor
      do throws(Errno) {
        source = try root.open(try KernelPath(path), [.readOnly, .directory])
      } catch {
        // The image has no directory there: the volume stays empty.
        guard error == .notFound || error == .notDirectory || error == .tooManyLinks else { throw error }
        return
      }
      try TreeCopy(source: source.descriptor, target: data).run()
    }
  }
}
