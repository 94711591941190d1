import SkiffImages
import SkiffKernel
import SkiffSpec

/// How an image is made of a container.
public struct CommitRequest: Equatable, Sendable {
  /// The new image's name; nil makes one without.
  public var reference: String?
  public var author: String?
  public var message: String?
  /// Lines as in a Dockerfile.
  public var changes: [String] = []
  /// Whether the container stands still meanwhile.
  public var pauses = true

  public init() {}
}

extension Engine {
  /// Makes an image of what a container changed, on top of the image that it was made of; its id is printed.
  public func commit(_ text: String, _ request: CommitRequest) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    let living = try livingProcess(id)
    let pauses = request.pauses && living != nil && living?.isPaused == false
    if pauses { try pause(id) }
    let outcome: Result<Void, EngineError>
    do throws(EngineError) {
      try commit(directory, record, request)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    if pauses, try livingProcess(id)?.isPaused == true { try unpause(id) }
    try outcome.get()
    announce("commit", record, ["comment": request.message ?? ""])
  }

  private func commit(
    _ directory: borrowing ContainerDirectory, _ record: ContainerRecord, _ request: CommitRequest
  ) throws(EngineError) {
    let linux = try specification(in: directory).linux
    var words = linux.uidMappings.flatMap { ["--from-uids", OwnerWords.text($0)] }
    words += linux.gidMappings.flatMap { ["--from-gids", OwnerWords.text($0)] }
    words += request.changes.flatMap { ["--change=\($0)"] }
    if let author = request.author { words.append("--author=\(author)") }
    if let message = request.message { words.append("--message=\(message)") }
    let configuration = try imageConfiguration(record)
    let file = try naming("make", "the image's configuration") { () throws(Errno) in
      let file = try MemoryFile.make(name: "image.json")
      try file.descriptor.writeAll(configuration.serialized())
      return file
    }
    let end = ["--tree-fd", "3", "--config-fd", "4", "--"] + (request.reference.map { [$0] } ?? [])
    if case .overlay(_, let upper, _) = record.rootfs, !record.imageID.isEmpty {
      let tree = try naming("open", upper) { () throws(Errno) in
        try Descriptor.workingDirectory.open(try KernelPath(upper), [.readOnly, .directory, .noFollow])
      }
      try transfer(
        "commit", words + ["--parent", record.imageID] + end, files: [(tree.descriptor, 3), (file.descriptor, 4)])
    } else if case .directory(let path) = record.rootfs, !record.imageID.isEmpty {
      try commitWholeTree(path, of: record, words + ["--parent", record.imageID] + end, file.descriptor)
    } else {
      // Without an image beneath, the whole root is the layer.
      let view = try ContainerTreeView(self, record.id)
      try transfer("commit", words + end, files: [(view.descriptor, 3), (file.descriptor, 4)])
      withExtendedLifetime(view) {}
    }
  }

  /// For drivers that keep whole trees: what was changed is found by comparing.
  private func commitWholeTree(
    _ path: String, of record: ContainerRecord, _ words: [String], _ configuration: Descriptor
  ) throws(EngineError) {
    var list: [UInt8] = []
    for change in try difference(record.id) { list += Array("\(change.kind.rawValue) \(change.path)".utf8) + [0] }
    let bytes = list
    let changes = try naming("make", "the list of changes") { () throws(Errno) in
      let file = try MemoryFile.make(name: "changes")
      try file.descriptor.writeAll(bytes)
      return file
    }
    let tree = try naming("open", path) { () throws(Errno) in
      try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory, .noFollow])
    }
    try transfer(
      "commit", ["--changes-fd", "5"] + words,
      files: [(tree.descriptor, 3), (configuration, 4), (changes.descriptor, 5)])
  }

  /// The configuration of the container's image with what was asked of the container itself in it, as docker has it.
  private func imageConfiguration(_ record: ContainerRecord) throws(EngineError) -> ImageConfiguration {
    var configuration = ImageConfiguration(platform: .current)
    if !record.imageID.isEmpty {
      let images = try openImages()
      do throws(ImageStoreError) {
        configuration = try images.resolve(record.imageID).configuration
      } catch {
        throw EngineError(error)
      }
    }
    let request = record.request
    if let entrypoint = request.entrypoint {
      configuration.config.entrypoint = entrypoint.isEmpty ? nil : entrypoint
      configuration.config.command = nil
    }
    if !request.command.isEmpty { configuration.config.command = request.command }
    for entry in request.environment {
      let name = entry.prefix { $0 != "=" }
      configuration.config.environment.removeAll { $0.prefix { $0 != "=" } == name }
      if name.count < entry.count { configuration.config.environment.append(entry) }
    }
    if let user = request.user { configuration.config.user = user }
    if let directory = request.workingDirectory { configuration.config.workingDirectory = directory }
    if let signal = request.stopSignal { configuration.config.stopSignal = signal }
    configuration.config.labels = record.labels
    return configuration
  }
}
