import Glibc
import SkiffImages
import SkiffKernel
import SkiffSpec
import Testing

/// A throw-away directory with a store in it.
final class StoreScratch: Sendable {
  let path: String
  let root: KernelPath

  init() {
    var template = Array("/tmp/skiff-store-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, mkdtemp(base) != nil else { return "" }
      return String(cString: base)
    }
    #expect(!path.isEmpty)
    root = (try? KernelPath("\(path)/root")) ?? "/nowhere"
  }

  deinit {
    do {
      let parent = try Descriptor.workingDirectory.open("/tmp", [.readOnly, .directory])
      try parent.descriptor.removeTree(try KernelPath(String(path.dropFirst("/tmp/".count))))
    } catch {
      Issue.record("cannot remove \(path): \(error)")
    }
  }

  func images() throws -> ImageStore { try ImageStore(root: root) }
  func layers(_ driver: StorageDriver? = nil) throws -> LayerStore { try LayerStore(root: root, driver: driver) }

  /// Runs a shell command in the directory.
  @discardableResult
  func run(_ command: String, sourceLocation: SourceLocation = #_sourceLocation) -> Bool {
    let status = Self.shell("cd '\(path)' && { \(command)\n} >/dev/null 2>.stderr")
    if status != 0 {
      Issue.record("\(command): \(text(".stderr"))", sourceLocation: sourceLocation)
    }
    return status == 0
  }

  private static func shell(_ command: String) -> Int32 {
    var pid: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(command), nil]
    defer { for argument in arguments { free(argument) } }
    guard posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0 else { return -1 }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status
  }

  func text(_ name: String) -> String {
    do {
      let file = try Descriptor.workingDirectory.open(try KernelPath("\(path)/\(name)"), [.readOnly])
      return String(decoding: try file.descriptor.readToEnd(limitBytes: 1 << 24), as: UTF8.self)
    } catch {
      return ""
    }
  }

  func write(_ text: String, to name: String) throws {
    let file = try Descriptor.workingDirectory.open(
      try KernelPath("\(path)/\(name)"), [.writeOnly, .create, .truncate], mode: 0o644)
    try file.descriptor.writeAll(Array(text.utf8))
  }

  func names(_ directory: String) throws -> [String] {
    let opened = try Descriptor.workingDirectory.open(
      try KernelPath("\(path)/\(directory)"), [.readOnly, .directory])
    return try opened.descriptor.sortedEntries(limit: 100_000).map(\.name.text)
  }

  func status(_ name: String) throws -> FileStatus {
    try Descriptor.workingDirectory.status(try KernelPath("\(path)/\(name)"))
  }

  func exists(_ name: String) -> Bool { (try? status(name)) != nil }

  /// Puts an image into the store: `layers` are the contents of its layers' blobs, which need not be archives.
  func addImage(_ store: ImageStore, layers: [String] = [], note: String = "") throws -> ContentDescriptor {
    var layerDescriptors: [ContentDescriptor] = []
    var configuration = ImageConfiguration(platform: .current)
    configuration.author = note
    for layer in layers {
      let digest = try store.writeBlob(Array(layer.utf8))
      layerDescriptors.append(
        ContentDescriptor(mediaType: MediaType.layer, digest: digest, size: Int64(layer.utf8.count)))
      configuration.rootFileSystem.diffIDs.append(digest)
    }
    let configurationBytes = configuration.serialized()
    let manifest = ImageManifest(
      config: ContentDescriptor(
        mediaType: MediaType.imageConfiguration, digest: try store.writeBlob(configurationBytes),
        size: Int64(configurationBytes.count)),
      layers: layerDescriptors)
    let bytes = manifest.serialized()
    return ContentDescriptor(
      mediaType: MediaType.imageManifest, digest: try store.writeBlob(bytes), size: Int64(bytes.count))
  }

  /// Makes a layer of the store; `fill` is a shell command run in its tree.
  @discardableResult
  func addLayer(
    _ layers: LayerStore, _ name: String, on parent: Digest? = nil, describesRoot: Bool = false,
    hidesLowerLayers: Bool = false, fill: String
  ) throws -> Digest {
    let chainID = Digest(sha256: SHA256.hexadecimal(of: name.utf8))
    let begun = try layers.begin(chainID, on: parent)
    guard let draft = begun else { return chainID }
    let tree = try draft.openTree()
    run("cd /proc/\(getpid())/fd/\(tree.number)/ && { \(fill)\n}")
    try draft.commit(
      LayerRecord(
        chainID: chainID, diffID: chainID, parent: parent, archiveSizeBytes: 1, contentBytes: 1, entryCount: 1,
        hasPrivilegedFiles: false, hidesLowerLayers: hidesLowerLayers, describesRoot: describesRoot))
    return chainID
  }
}

func reference(_ text: String) throws -> ImageReference { try ImageReference(parsing: text) }
