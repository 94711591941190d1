import SkiffImages
import SkiffKernel
import SkiffSpec

extension Engine {
  /// Looks through the whole store for what is damaged: images, layers, containers, names, leases of ids, volumes, secrets, and what
  /// interrupted commands have left.
  ///
  /// - Parameters:
  ///   - repairs: Mends what can be mended without giving up a container.
  ///   - isForced: Gives up containers that cannot be mended, with what they wrote.
  public func check(repairs: Bool, isForced: Bool) throws(EngineError) -> [StoreDamage] {
    var check = StoreCheck(engine: self, repairs: repairs, isForced: isForced)
    try check.run()
    return check.found
  }
}

/// One look through a store.
private struct StoreCheck {
  private let engine: Engine
  private let repairs: Bool
  private let isForced: Bool
  private(set) var found: [StoreDamage] = []

  init(engine: Engine, repairs: Bool, isForced: Bool) {
    self.engine = engine
    self.repairs = repairs
    self.isForced = isForced
  }

  mutating func run() throws(EngineError) {
    // Containers first: what nobody stands on any more can then go.
    try checkLeftovers()
    try checkContainers()
    try checkNames()
    try checkLeases()
    try checkImages()
    try checkVolumes()
    try checkSecrets()
  }

  /// Notes a damage and, where that is asked for, mends it. A remedy that fails leaves the damage as it is, with the reason.
  private mutating func note(
    _ kind: StoreDamage.Kind, _ thing: String, _ what: String, _ remedy: String,
    needsForce: Bool = false,
    _ mend: (() throws(EngineError) -> Void)?
  ) {
    var damage = StoreDamage(kind: kind, thing: thing, what: what, remedy: remedy, outcome: .stays)
    if let mend {
      damage.outcome = needsForce ? .needsForce : .mendable
      if repairs, isForced || !needsForce {
        do throws(EngineError) {
          try mend()
          damage.outcome = .mended
        } catch {
          damage.what += " (and cannot be mended: \(error))"
          damage.outcome = .stays
        }
      }
    }
    found.append(damage)
  }

  // MARK: Containers

  /// What killed commands and monitors left: any command that lists containers clears it as well.
  private mutating func checkLeftovers() throws(EngineError) {
    let engine = engine
    for sunk in try engine.containers.sunk() {
      note(
        .leftover, "container \(ContainerIdentity.short(sunk.id))", "its removal was interrupted",
        "remove the rest"
      ) {
        () throws(EngineError) in try engine.bury(sunk, engine.containers.record(of: sunk))
      }
    }
    guard let lifelines = try engine.lifelines.openIfPresent() else { return }
    for id in try engine.lifelines.allIDs(in: lifelines.descriptor) {
      guard try !engine.lifelines.isHeld(id), try engine.runningProcess(id) == nil else { continue }
      note(
        .leftover, "container \(ContainerIdentity.short(id))", "who minded it was killed",
        "clean up after it"
      ) { () throws(EngineError) in try engine.salvage() }
    }
  }

  private mutating func checkContainers() throws(EngineError) {
    for id in try engine.containers.allIDs() {
      do throws(EngineError) {
        try checkContainer(id)
      } catch {
        // Removed meanwhile.
        if case .noSuchContainer = error { continue }
        throw error
      }
    }
  }

  private mutating func checkContainer(_ id: String) throws(EngineError) {
    let engine = engine
    let directory = try engine.containers.open(id: id)
    let short = ContainerIdentity.short(id)
    guard try directory.hasRecord() else {
      // Somebody may be making it just now.
      if engine.isInUse(id) { return }
      note(.leftover, "container \(short)", "its making was interrupted", "remove the rest") {
        () throws(EngineError) in try engine.sweep()
      }
      return
    }
    let giveUp = { () throws(EngineError) in
      let directory = try engine.containers.open(id: id)
      try engine.take(directory)
      guard try engine.runningProcess(id) == nil else {
        throw .containerRunning(name: short, act: "give up")
      }
      try engine.remove(directory, engine.recordIfReadable(directory), withVolumes: false)
    }
    let record: ContainerRecord
    do throws(EngineError) {
      record = try directory.record()
      _ = try engine.specification(in: directory)
      _ = try directory.exitRecord()
    } catch {
      note(
        .container, "container \(short)", "\(error)",
        "give the container up: system check --repair --force",
        needsForce: true, giveUp)
      return
    }
    for reason in try missingLayers(record) {
      note(
        .container, "container \(record.name)", reason,
        "give the container up: system check --repair --force",
        needsForce: true, giveUp)
    }
    if try engine.containers.owner(ofName: record.name) != id {
      let name = record.name
      note(.name, name, "container \(short) has lost its name", "give it back") {
        () throws(EngineError) in
        _ = try engine.containers.takeName(name, for: id)
      }
    }
  }

  /// Why a container's tree is not whole.
  private func missingLayers(_ record: ContainerRecord) throws(EngineError) -> [String] {
    // A tree of the container's own needs no layers any more.
    guard case .overlay = record.rootfs else { return [] }
    let layers = try engine.openLayers()
    var reasons: [String] = []
    do throws(EngineError) {
      for chainID in try record.chainIDs() {
        guard let reason = Self.damage(of: chainID, layers) else { continue }
        reasons.append("it stands on a layer that is damaged: \(reason)")
      }
    } catch {
      reasons.append("\(error)")
    }
    return reasons
  }

  // MARK: Names and leases

  private mutating func checkNames() throws(EngineError) {
    let engine = engine
    for name in try engine.containers.allNames() {
      guard let id = try engine.containers.owner(ofName: name) else { continue }
      if engine.containers.has(id) {
        let record = engine.recordIfReadable(try engine.containers.open(id: id))
        guard let record, record.name != name else { continue }
        note(.name, name, "it leads to container \(record.name), whose name it is not", "remove it") {
          () throws(EngineError) in try engine.containers.dropName(name, of: id)
        }
        continue
      }
      note(.name, name, "it leads to a container that is gone", "remove it") {
        () throws(EngineError) in try engine.containers.dropName(name, of: id)
      }
    }
  }

  private mutating func checkLeases() throws(EngineError) {
    let leases = IDRangeLeases(root: engine.configuration.root, containers: engine.containers)
    for (number, owner) in try leases.orphans() {
      note(
        .lease, "range \(number) of ids",
        "it belongs to container \(ContainerIdentity.short(owner)), which is gone",
        "give it back"
      ) { () throws(EngineError) in try leases.release(number, of: owner) }
    }
  }

  // MARK: Images

  private mutating func checkImages() throws(EngineError) {
    let images = try engine.openImages()
    let layers = try engine.openLayers()
    let engine = engine
    do throws(ImageStoreError) {
      let listing = try images.images()
      for error in listing.damaged {
        guard case .damagedImage(let name, let why) = error else { continue }
        note(.image, name, why, "remove the image, to be pulled again") { () throws(EngineError) in
          _ = try engine.removeImage(name, force: true)
        }
      }
      for image in listing.images {
        let name = image.references.first ?? image.id.short
        for layer in image.manifest.layers
        where try !images.hasBlob(layer.digest, sizeBytes: layer.size) {
          note(
            .image, name, "its blob \(layer.digest) is missing or has another size",
            "pull it again: skiff pull \(name)", nil)
        }
      }
      try checkLayers(layers, used: listing.images)
    } catch {
      throw EngineError(error)
    }
  }

  private mutating func checkLayers(_ layers: LayerStore, used: [ImageRecord])
    throws(ImageStoreError)
  {
    var seen: Set<Digest> = []
    var users: [Digest: String] = [:]
    for image in used {
      for chainID in image.chainIDs { users[chainID] = image.references.first ?? image.id.short }
    }
    for chainID in try layers.chainIDs() + users.keys where seen.insert(chainID).inserted {
      guard let reason = Self.damage(of: chainID, layers) else { continue }
      let isThere = try layers.has(chainID)
      let again = users[chainID].map { "pull \($0) again, or remove it" }
      let remedy = isThere ? "remove it" + (again.map { "; then \($0)" } ?? "") : again ?? "pull its image again"
      let remove = { () throws(EngineError) in
        do throws(ImageStoreError) {
          try layers.remove(chainID)
        } catch {
          throw EngineError(error)
        }
      }
      note(.layer, "layer \(chainID)", reason, remedy, isThere ? remove : nil)
    }
  }

  /// Why a layer cannot be used; nil where it can.
  private static func damage(of chainID: Digest, _ layers: LayerStore) -> String? {
    do throws(ImageStoreError) {
      guard try layers.record(chainID) != nil else {
        return "\(ImageStoreError.missingLayer(chainID))"
      }
    } catch {
      return "\(error)"
    }
    do throws(Errno) {
      let tree = try Descriptor.workingDirectory.status(try KernelPath(layers.treePath(chainID)))
      return tree.type == .directory ? nil : "layer \(chainID) has no tree"
    } catch {
      return "the tree of layer \(chainID): \(error)"
    }
  }

  // MARK: Volumes

  private mutating func checkVolumes() throws(EngineError) {
    var problems: [String] = []
    _ = try engine.volumes(warn: { problems.append($0) })
    for problem in problems {
      note(.volume, "volumes", problem, "look at the file and put it right, or remove the volume with its data", nil)
    }
  }

  // MARK: Secrets

  private mutating func checkSecrets() throws(EngineError) {
    let root = engine.configuration.root
    guard let store = try SecretStore.openIfPresent(root: root), try !store.leftovers().isEmpty else { return }
    note(.leftover, "secrets", "the making or the removal of one was interrupted", "remove the rest") {
      () throws(EngineError) in try SecretStore.sweep(root: root)
    }
  }
}
