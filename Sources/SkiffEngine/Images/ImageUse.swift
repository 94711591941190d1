import SkiffImages
import SkiffKernel
import SkiffSpec

/// An image that containers can be made of: found in the store, its layers unpacked.
final class ResolvedImage {
  /// As it was asked for.
  let name: String
  let layers: LayerStore
  private let images: ImageStore
  private let record: ImageRecord

  init(name: String, record: ImageRecord, images: ImageStore, layers: LayerStore) {
    self.name = name
    self.record = record
    self.images = images
    self.layers = layers
  }

  /// `sha256:…`, the digest of the configuration.
  var id: String { record.id.text }

  /// The lowest layer first.
  var chainIDs: [Digest] { record.chainIDs }

  /// As Go and OCI name it.
  var architecture: String { record.configuration.platform.normalized.architecture }

  var defaults: ImageDefaults {
    let config = record.configuration.config
    var defaults = ImageDefaults()
    defaults.entrypoint = config.entrypoint ?? []
    defaults.command = config.command ?? []
    defaults.environment = config.environment
    defaults.user = config.user
    defaults.workingDirectory = config.workingDirectory
    defaults.volumes = config.volumes
    defaults.stopSignal = config.stopSignal ?? ""
    defaults.labels = config.labels
    defaults.exposedPorts = config.exposedPorts
    defaults.healthcheck = config.healthcheck
    defaults.shell = config.shell ?? []
    return defaults
  }

  /// Keeps everything in the store from being swept while the hold lives.
  func hold() throws(EngineError) -> StoreHold {
    do throws(ImageStoreError) {
      return try images.hold()
    } catch {
      throw EngineError(error)
    }
  }

  /// Whether a file of a layer raises rights when it is executed.
  func raisesRights() throws(EngineError) -> Bool {
    do throws(ImageStoreError) {
      for chainID in chainIDs {
        guard let layer = try layers.record(chainID) else { throw .missingLayer(chainID) }
        if layer.hasPrivilegedFiles { return true }
      }
      return false
    } catch {
      throw EngineError(error)
    }
  }
}

extension Engine {
  /// Finds an image in the store, fetching it first where the policy says so.
  func resolveImage(_ name: String, platform: String?, pull: PullPolicy) throws(EngineError) -> ResolvedImage {
    if pull == .newer { return try resolveNewer(name, platform: platform) }
    if pull == .always { try self.pull(name, platform: platform, isQuiet: false, outputIsError: true) }
    do throws(EngineError) {
      return try findImage(name, platform: platform)
    } catch {
      guard case .noSuchImage = error, pull == .missing else {
        if case .noSuchImage = error, pull == .never {
          throw .refused("no such image: \(name) (and --pull never forbids to fetch it)")
        }
        throw error
      }
    }
    say("skiff: unable to find image '\(name)' locally")
    try self.pull(name, platform: platform, isQuiet: false, outputIsError: true)
    return try findImage(name, platform: platform)
  }

  private func resolveNewer(_ name: String, platform: String?) throws(EngineError) -> ResolvedImage {
    do throws(EngineError) {
      try self.pull(name, platform: platform, isQuiet: false, outputIsError: true)
    } catch {
      do throws(EngineError) {
        return try findImage(name, platform: platform)
      } catch {
        // Nothing here either: why it could not be fetched is what counts.
      }
      throw error
    }
    return try findImage(name, platform: platform)
  }

  private func findImage(_ name: String, platform: String?) throws(EngineError) -> ResolvedImage {
    let images = try openImages()
    let record: ImageRecord
    do throws(ImageStoreError) {
      record = try images.resolve(name)
    } catch {
      throw EngineError(error)
    }
    if let platform { try check(record, name, runsAs: platform) }
    return ResolvedImage(name: name, record: record, images: images, layers: try openLayers())
  }

  private func check(_ record: ImageRecord, _ name: String, runsAs text: String) throws(EngineError) {
    let wanted: Platform
    do throws(FormatError) {
      wanted = try Platform(parsing: text)
    } catch {
      throw .invalidOption(name: "--platform", value: text, reason: error.message)
    }
    guard wanted.runs(record.configuration.platform) else { throw .noSuchImage("\(name) for \(wanted)") }
  }

  private func say(_ line: String) {
    do throws(Errno) {
      try Descriptor.standardError.writeAll(Array((line + "\n").utf8))
    } catch {
      // Nobody listens.
    }
  }
}
