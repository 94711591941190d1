import SkiffKernel
import SkiffSpec

/// What of the unused things is to go.
public struct PruneFilter: Equatable, Sendable {
  /// Only what was made before then.
  public var until: Timestamp?
  /// `key` or `key=value`: only what has all of these labels.
  public var labels: [String] = []
  /// Only what has none of these.
  public var missingLabels: [String] = []

  public init() {}

  func wants(created: Timestamp?, labels own: [String: String]) -> Bool {
    if let until, let created, created >= until { return false }
    func has(_ wanted: String) -> Bool {
      let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let value = own[parts[0]] else { return false }
      return parts.count == 1 || value == parts[1]
    }
    return labels.allSatisfy(has) && !missingLabels.contains(where: has)
  }
}

/// What was removed.
public struct PruneReport: Equatable, Sendable {
  public var removed: [String] = []
  public var reclaimedBytes: Int64 = 0
}

extension Engine {
  /// Removes containers that do not run.
  public func pruneContainers(_ filter: PruneFilter, warn: (String) -> Void) throws(EngineError) -> PruneReport {
    try sweep(warn: warn)
    var wanted = ContainerFilter()
    wanted.includesStopped = true
    var report = PruneReport()
    for container in try list(wanted, warn: warn)
    where !container.status.isAlive && filter.wants(created: container.created, labels: container.labels) {
      do throws(EngineError) {
        let bytes = try Self.bytes(beneath: "\(configuration.root)/containers/\(container.id)")
        // Its volumes stay until volumes are pruned.
        try remove(container.id)
        report.removed.append(container.id)
        report.reclaimedBytes &+= bytes
      } catch {
        switch error {
        // Removed, or started, meanwhile.
        case .noSuchContainer, .containerRunning: continue
        default: warn("\(error)")
        }
      }
    }
    return report
  }

  /// Removes volumes that no container uses: those that were made for one container alone, or with `all` those with names, too.
  public func pruneVolumes(
    _ filter: PruneFilter, all: Bool, warn: (String) -> Void
  ) throws(EngineError) -> PruneReport {
    let used = try usedVolumes()
    var report = PruneReport()
    for volume in try volumes(warn: warn) where used[volume.name] == nil && (all || volume.isAnonymous) {
      guard filter.wants(created: Timestamp(recordedAs: volume.created), labels: volume.labels) else { continue }
      do throws(EngineError) {
        let bytes = try Self.bytes(beneath: volume.mountpoint)
        try removeVolume(volume.name)
        report.removed.append(volume.name)
        report.reclaimedBytes &+= bytes
      } catch {
        switch error {
        case .noSuchVolume, .volumeInUse: continue
        default: warn("\(error)")
        }
      }
    }
    return report
  }

  /// Removes images without a name that no container uses, or with `all` every image that none uses.
  public func pruneImages(_ filter: PruneFilter, all: Bool, warn: (String) -> Void) throws(EngineError) -> PruneReport {
    var wanted = ContainerFilter()
    wanted.includesStopped = true
    let used = Set(try list(wanted, warn: warn).map(\.imageID))
    let before = try storeBytes()
    var report = PruneReport()
    for image in try images(warn: warn)
    where !used.contains(image.id) && (all || image.repository == nil)
      && filter.wants(created: image.created, labels: image.labels)
    {
      let name = image.repository.map { "\($0):\(image.tag ?? "latest")" } ?? image.id
      do throws(EngineError) {
        report.removed += try removeImage(name, force: false)
      } catch {
        if case .noSuchImage = error { continue }
        warn("\(error)")
      }
    }
    report.reclaimedBytes = max(0, before - (try storeBytes()))
    return report
  }

  private func storeBytes() throws(EngineError) -> Int64 {
    try Self.bytes(beneath: configuration.root + "/images") &+ Self.bytes(beneath: configuration.root + "/layers")
  }

  /// The volumes that containers use, and which.
  ///
  /// A container whose record cannot be read may use any: then nobody knows, and this throws.
  public func usedVolumes() throws(EngineError) -> [String: [String]] {
    var used: [String: [String]] = [:]
    for id in try containers.allIDs() {
      let directory: ContainerDirectory
      do throws(EngineError) {
        directory = try containers.open(id: id)
      } catch {
        if case .noSuchContainer = error { continue }
        throw error
      }
      // One that is being made has no record yet; a volume that it asks for by name it makes anew if need be.
      guard try directory.hasRecord() else { continue }
      let record: ContainerRecord
      do throws(EngineError) {
        record = try directory.record()
      } catch {
        // Removed meanwhile.
        if !containers.has(id) { continue }
        throw .refused(
          "cannot tell which volumes container \(ContainerIdentity.short(id)) uses: \(error) (skiff rm --force \(ContainerIdentity.short(id)) gives it up)"
        )
      }
      for volume in record.mounts.compactMap(\.volume) { used[volume, default: []].append(id) }
    }
    return used
  }
}
