import SkiffImages
import SkiffKernel
import SkiffSpec

/// What a container takes on the disk.
public struct ContainerSize: Equatable, Sendable {
  /// What it wrote.
  public var writableBytes: Int64 = 0
  /// What it wrote and what its image holds.
  public var rootBytes: Int64 = 0

  public init() {}
}

extension Engine {
  /// What a container takes on the disk, measured now.
  public func size(of text: String) throws(EngineError) -> ContainerSize {
    let id = try containers.find(text)
    let record = try containers.open(id: id).record()
    let image = try imageBytes(record)
    var size = ContainerSize()
    switch record.rootfs {
    case .overlay(_, let upper, _):
      size.writableBytes = try Self.bytes(beneath: upper)
      size.rootBytes = image + size.writableBytes
    case .directory(let path):
      // A whole tree: what of it was written here is what is more than the image.
      size.rootBytes = try Self.bytes(beneath: path)
      size.writableBytes = record.imageID.isEmpty ? 0 : max(0, size.rootBytes - image)
    case .image(let file, _):
      size.rootBytes = try naming("measure", file) { () throws(Errno) in
        try Descriptor.workingDirectory.status(try KernelPath(file), follow: true).blocks &* 512
      }
    }
    return size
  }

  private func imageBytes(_ record: ContainerRecord) throws(EngineError) -> Int64 {
    guard !record.layers.isEmpty else { return 0 }
    let layers = try openLayers()
    let chain = try record.chainIDs()
    do throws(ImageStoreError) {
      var total: Int64 = 0
      for chainID in chain {
        guard let layer = try layers.record(chainID) else { throw .missingLayer(chainID) }
        total &+= layer.contentBytes
      }
      return total
    } catch {
      throw EngineError(error)
    }
  }

  /// What a tree takes, its own first directory left out: that is there before anything is written.
  static func bytes(beneath path: String) throws(EngineError) -> Int64 {
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
      let own = try directory.descriptor.status().blocks &* 512
      return max(0, try directory.descriptor.diskUsage(".") - own)
    } catch {
      if error == .notFound { return 0 }
      throw .kernel(act: "measure", thing: path, cause: error)
    }
  }
}

/// What one kind of thing takes on the disk, and what of it could go.
public struct DiskUsage: Equatable, Sendable {
  public var kind: String
  public var count = 0
  /// Those in use.
  public var activeCount = 0
  public var bytes: Int64 = 0
  public var reclaimableBytes: Int64 = 0

  /// The rows of a listing of single things: what it is called, what it takes, and whether it is in use.
  public var items: [Item] = []

  public struct Item: Equatable, Sendable {
    public var id: String
    public var name: String
    public var bytes: Int64
    public var isActive: Bool
  }
}

extension Engine {
  /// What images, containers and volumes take, as du(1) counts it.
  public func diskUsage() throws(EngineError) -> [DiskUsage] {
    var filter = ContainerFilter()
    filter.includesStopped = true
    let all = try list(filter)
    return [try imageUsage(all), try containerUsage(all), try volumeUsage()]
  }

  private func imageUsage(_ containers: [ContainerSummary]) throws(EngineError) -> DiskUsage {
    var usage = DiskUsage(kind: "Images")
    let used = Set(containers.map(\.imageID))
    var seen: Set<String> = []
    for image in try images() where seen.insert(image.id).inserted {
      let name = image.repository.map { "\($0):\(image.tag ?? "<none>")" } ?? "<none>"
      usage.items.append(
        DiskUsage.Item(id: image.id, name: name, bytes: image.sizeBytes, isActive: used.contains(image.id)))
    }
    usage.count = usage.items.count
    usage.activeCount = usage.items.count { $0.isActive }
    usage.bytes = try Self.bytes(beneath: configuration.root + "/images")
    usage.bytes &+= try Self.bytes(beneath: configuration.root + "/layers")
    usage.reclaimableBytes = try reclaimableImageBytes(keeping: used)
    return usage
  }

  /// The layers and blobs that only unused images need.
  private func reclaimableImageBytes(keeping used: Set<String>) throws(EngineError) -> Int64 {
    let images = try openImages()
    let layers = try openLayers()
    do throws(ImageStoreError) {
      let listing = try images.images().images
      var keptLayers: Set<Digest> = []
      var keptBlobs: Set<Digest> = []
      for image in listing where used.contains(image.id.text) {
        keptLayers.formUnion(image.chainIDs)
        keptBlobs.formUnion(image.manifest.layers.map(\.digest))
      }
      var total: Int64 = 0
      for image in listing where !used.contains(image.id.text) {
        for chainID in image.chainIDs where keptLayers.insert(chainID).inserted {
          total &+= try layers.record(chainID)?.contentBytes ?? 0
        }
        for layer in image.manifest.layers where keptBlobs.insert(layer.digest).inserted { total &+= layer.size }
      }
      return total
    } catch {
      throw EngineError(error)
    }
  }

  private func containerUsage(_ containers: [ContainerSummary]) throws(EngineError) -> DiskUsage {
    var usage = DiskUsage(kind: "Containers", count: containers.count)
    usage.bytes = try Self.bytes(beneath: configuration.root + "/containers")
    for container in containers {
      let bytes = try Self.bytes(beneath: "\(configuration.root)/containers/\(container.id)")
      let isActive = container.status.isAlive
      usage.items.append(DiskUsage.Item(id: container.id, name: container.name, bytes: bytes, isActive: isActive))
      if !isActive { usage.reclaimableBytes &+= bytes }
    }
    usage.activeCount = usage.items.count { $0.isActive }
    return usage
  }

  private func volumeUsage() throws(EngineError) -> DiskUsage {
    var usage = DiskUsage(kind: "Local Volumes")
    // Where that cannot be known nothing is said to be free.
    let used: [String: [String]]?
    do throws(EngineError) {
      used = try usedVolumes()
    } catch {
      used = nil
    }
    usage.bytes = try Self.bytes(beneath: configuration.root + "/volumes")
    for volume in try volumes() {
      let bytes = try Self.bytes(beneath: volume.mountpoint)
      let isActive = used.map { $0[volume.name] != nil } ?? true
      usage.items.append(DiskUsage.Item(id: volume.name, name: volume.name, bytes: bytes, isActive: isActive))
      if !isActive { usage.reclaimableBytes &+= bytes }
    }
    usage.count = usage.items.count
    usage.activeCount = usage.items.count { $0.isActive }
    return usage
  }
}
