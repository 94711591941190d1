extension Engine {
  /// What `--volumes-from` brings: the volumes and directories of the host of other containers, except where the request has a mount
  /// of its own. Where two of them have the same place, the later one counts.
  func mountsTakenOver(_ request: RunRequest, into id: String) throws(EngineError) -> [MountRequest] {
    let own = Set(request.mounts.map { SpecComposer.cleaned($0.destination) })
    var taken: [MountRequest] = []
    for source in request.volumesFrom {
      let record = try containers.open(id: try containers.find(source.container)).record()
      for mount in record.mounts {
        let place = SpecComposer.cleaned(mount.request.destination)
        guard !own.contains(place), var found = try Self.shareable(mount) else { continue }
        if mount.isAnonymous, let volume = mount.volume {
          try VolumeStore(root: configuration.root).share(volume)
        }
        if let isReadOnly = source.isReadOnly { found.isReadOnly = isReadOnly || found.isReadOnly }
        taken.removeAll { SpecComposer.cleaned($0.destination) == place }
        taken.append(found)
      }
    }
    return taken
  }

  /// The mount as another container asks for it; nil for what lives with its container alone.
  private static func shareable(_ mount: MountRecord) throws(EngineError) -> MountRequest? {
    var request = mount.request
    // The files have their owner, and the volume its content.
    request.changesOwner = false
    request.copiesFromImage = false
    switch request.source {
    case .volume:
      // What was written over it goes with its container.
      if request.isOverlay { return nil }
      guard let name = mount.volume else { return nil }
      request.source = .volume(name: name)
    case .bind(let path, _):
      if request.isOverlay { return nil }
      request.source = .bind(path: mount.hostPath ?? path, createsMissing: false)
    case .image, .tmpfs, .ramfs, .devpts: return nil
    }
    return request
  }
}
