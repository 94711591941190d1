import SkiffKernel

/// Finds, or makes, what a container's mounts lead to.
struct MountResolver: ~Copyable {
  private let containerID: String
  private let volumes: VolumeStore
  private let reader: RootfsReader
  /// The volumes that were made here for this container alone: removed again if the container does not come to be.
  private(set) var made: [String] = []

  init(containerID: String, volumes: consuming VolumeStore, rootfs: RootfsRecord) {
    self.containerID = containerID
    self.volumes = volumes
    self.reader = RootfsReader(rootfs)
  }

  mutating func resolve(_ request: MountRequest) throws(EngineError) -> MountRecord {
    var record = MountRecord()
    record.request = request
    switch request.source {
    case .tmpfs: break
    case .bind(let path, let createsMissing):
      record.hostPath = try bindSource(path, createsMissing: createsMissing)
    case .volume(let name):
      let volume: String
      if let name {
        volume = name
      } else {
        volume = try VolumeName.makeAnonymous(for: containerID)
        record.isAnonymous = true
      }
      record.volume = volume
      record.hostPath = volumes.dataPath(volume)
      let isNew = try volumes.make(volume, isAnonymous: record.isAnonymous) { data throws(EngineError) in
        if request.copiesFromImage { try fill(data, from: request.destination) }
      }
      if isNew { made.append(volume) }
    }
    return record
  }

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

  /// Removes the volumes that were made for a container that does not come to be.
  func discard() {
    for name in made {
      do throws(EngineError) {
        try volumes.remove(name)
      } catch {
        // The error that led here tells more.
      }
    }
  }
}
