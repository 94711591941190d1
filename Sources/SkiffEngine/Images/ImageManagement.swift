import SkiffImages
import SkiffKernel
import SkiffSpec

/// An image as a listing shows it: one for each of its names.
public struct ImageSummary: Equatable, Sendable {
  /// As a person types it; nil for an image without a name.
  public var repository: String?
  public var tag: String?
  /// `sha256:…`
  public var id: String
  /// Of the manifest that the name leads to.
  public var digest: String
  public var created: Timestamp?
  /// What the layers hold, unpacked.
  public var sizeBytes: Int64
  public var labels: [String: String]
}

extension Engine {
  /// The images of the store, the newest first. Those that cannot be read are told to `warn` and stop nothing.
  public func images(warn: (String) -> Void = { _ in }) throws(EngineError) -> [ImageSummary] {
    let layers = try openLayers()
    do throws(ImageStoreError) {
      let listing = try openImagesForListing().images()
      for error in listing.damaged { warn("\(error)") }
      var summaries: [ImageSummary] = []
      for image in listing.images {
        let size = try Self.unpackedBytes(image, layers)
        let references = image.references.isEmpty ? [nil] : image.references.map(Optional.init)
        for reference in references { summaries.append(Self.summary(image, reference, size)) }
      }
      summaries.sort { left, right in
        (left.created ?? .never, left.repository ?? "", left.tag ?? "")
          > (right.created ?? .never, right.repository ?? "", right.tag ?? "")
      }
      return summaries
    } catch {
      throw EngineError(error)
    }
  }

  private func openImagesForListing() throws(ImageStoreError) -> ImageStore {
    let root = configuration.root
    let path = try storing("open", root) { () throws(Errno) in try KernelPath(root) }
    return try ImageStore(root: path)
  }

  private static func unpackedBytes(_ image: ImageRecord, _ layers: LayerStore) throws(ImageStoreError) -> Int64 {
    var total: Int64 = 0
    for chainID in image.chainIDs {
      // A layer that is missing is the concern of those who want to run the image.
      guard let layer = try layers.record(chainID) else { continue }
      let (sum, overflowed) = total.addingReportingOverflow(layer.contentBytes)
      total = overflowed ? .max : sum
    }
    return total
  }

  private static func summary(_ image: ImageRecord, _ reference: String?, _ size: Int64) -> ImageSummary {
    let parsed = reference.flatMap { text in try? ImageReference(parsing: text) }
    return ImageSummary(
      repository: parsed.map { Self.familiarName($0) }, tag: parsed?.tag, id: image.id.text,
      digest: image.target.digest.text, created: image.configuration.created, sizeBytes: size,
      labels: image.configuration.config.labels)
  }

  /// The name without tag and digest, as a person types it.
  private static func familiarName(_ reference: ImageReference) -> String {
    var name = reference.familiar
    if let digest = reference.digest, name.hasSuffix("@\(digest.text)") { name.removeLast(digest.text.count + 1) }
    if let tag = reference.tag, name.hasSuffix(":\(tag)") { name.removeLast(tag.count + 1) }
    return name
  }

  /// Gives an image a further name.
  public func tag(_ source: String, as target: String) throws(EngineError) {
    let reference: ImageReference
    do throws(FormatError) {
      reference = try ImageReference(parsing: target)
    } catch {
      throw .invalidOption(name: "the new name", value: target, reason: error.message)
    }
    let images = try openImages()
    do throws(ImageStoreError) {
      let record = try images.resolve(source)
      try images.tag(record.target, as: reference)
      announce("image", "tag", record.id.text, ["name": reference.familiar])
    } catch {
      throw EngineError(error)
    }
  }

  /// Takes a name away, and with the last one the image; gives the lines that tell of it. What keeps unused layers from being removed
  /// is told to `warn`.
  public func removeImage(
    _ name: String, force: Bool, warn: (String) -> Void = { _ in }
  ) throws(EngineError) -> [String] {
    let images = try openImages()
    let layers = try openLayers()
    let users = try containersByImage()
    do throws(ImageStoreError) {
      let removal = try images.remove(name, force: force) { id in users.names[id.text] ?? [] }
      var lines = removal.untagged.map { "Untagged: \(Self.familiar($0))" }
      for untagged in removal.untagged { announce("image", "untag", name, ["name": Self.familiar(untagged)]) }
      if let id = removal.deleted {
        lines.append("Deleted: \(id.text)")
        announce("image", "delete", id.text, ["name": id.text])
      }
      guard users.unreadable.isEmpty else {
        // Nobody can tell which layers these stand on.
        for error in users.unreadable { warn("\(error); unused layers stay until it is removed") }
        return lines
      }
      let report = try images.sweep(layers, keeping: users.chainIDs)
      lines += report.layers.map { "Deleted: \($0.text)" }
      return lines
    } catch {
      throw EngineError(error)
    }
  }

  private static func familiar(_ name: String) -> String {
    (try? ImageReference(parsing: name))?.familiar ?? name
  }

  /// What containers need of the image store.
  private struct ImageUsers {
    /// By the image's id, the containers that were made of it.
    var names: [String: [String]] = [:]
    /// The layers that they stand on.
    var chainIDs: Set<Digest> = []
    /// Why the needs of some are not known.
    var unreadable: [EngineError] = []
  }

  private func containersByImage() throws(EngineError) -> ImageUsers {
    var users = ImageUsers()
    for id in try containers.allIDs() {
      let record: ContainerRecord
      do throws(EngineError) {
        let directory = try containers.open(id: id)
        // Its making was cut short: it stands on nothing.
        guard try directory.hasRecord() else { continue }
        record = try directory.record()
      } catch {
        if case .noSuchContainer = error { continue }
        users.unreadable.append(error)
        continue
      }
      users.names[record.imageID, default: []].append("\(record.name) (\(ContainerIdentity.short(id)))")
      for text in record.layers + record.mountedLayers {
        do throws(FormatError) {
          users.chainIDs.insert(try Digest(text))
        } catch {
          let thing = "the record of container \(ContainerIdentity.short(id))"
          users.unreadable.append(.damaged(thing: thing, reason: error.message))
        }
      }
    }
    return users
  }

  /// All that is known of an image, in the shape that Docker's API gives it.
  public func inspectImage(_ name: String) throws(EngineError) -> JSONValue {
    let images = try openImages()
    let layers = try openLayers()
    do throws(ImageStoreError) {
      let image = try images.resolve(name)
      return Self.document(image, sizeBytes: try Self.unpackedBytes(image, layers), layers)
    } catch {
      throw EngineError(error)
    }
  }

  private static func document(_ image: ImageRecord, sizeBytes: Int64, _ layers: LayerStore) -> JSONValue {
    let configuration = image.configuration
    var document = JSONObject()
    document["Id"] = .string(image.id.text)
    document["RepoTags"] = JSONValue(image.references.map(familiar))
    document["RepoDigests"] = JSONValue(
      Set(
        image.references.compactMap { (try? ImageReference(parsing: $0)).map(familiarName) }
          .map { "\($0)@\(image.target.digest.text)" }
      ).sorted())
    document["Comment"] = .string(configuration.history.last?.comment ?? "")
    document["Created"] = .string((configuration.created ?? .never).text)
    document["Author"] = .string(configuration.author ?? "")
    document["Architecture"] = .string(configuration.architecture)
    document["Variant"] = configuration.variant.map { .string($0) }
    document["Os"] = .string(configuration.os)
    document["Size"] = .integer(sizeBytes)
    document["GraphDriver"] = [
      "Name": .string(layers.driver.rawValue),
      "Data": ["Layers": JSONValue(image.chainIDs.map { layers.treePath($0) })],
    ]
    document["RootFS"] = [
      "Type": "layers", "Layers": JSONValue(configuration.rootFileSystem.diffIDs.map(\.text)),
    ]
    document["Config"] = configurationDocument(configuration.config)
    document["Manifest"] = .string(image.manifestDigest.text)
    return .object(document)
  }

  private static func configurationDocument(_ config: ImageConfiguration.Execution) -> JSONValue {
    var document = JSONObject()
    document["User"] = .string(config.user)
    document["ExposedPorts"] = .object(JSONObject(config.exposedPorts.map { ($0, [:]) }))
    document["Env"] = JSONValue(config.environment)
    document["Entrypoint"] = config.entrypoint.map { JSONValue($0) } ?? .null
    document["Cmd"] = config.command.map { JSONValue($0) } ?? .null
    document["Volumes"] = .object(JSONObject(config.volumes.map { ($0, [:]) }))
    document["WorkingDir"] = .string(config.workingDirectory)
    document["Labels"] = JSONValue(config.labels)
    document["StopSignal"] = .string(config.stopSignal ?? "")
    return .object(document)
  }
}
