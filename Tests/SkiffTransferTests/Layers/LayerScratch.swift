import Glibc
import SkiffImages
import SkiffKernel
import SkiffTransfer
import Testing

/// A throw-away directory; a canary stands beside what is unpacked and must never change.
final class LayerScratch: Sendable {
  let path: String
  private static let canaryText = "untouched"

  init() {
    var template = Array("/tmp/skiff-layers-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, mkdtemp(base) != nil else { return "" }
      return String(cString: base)
    }
    #expect(!path.isEmpty)
    write(Array(Self.canaryText.utf8), to: "canary")
    chmod("\(path)/canary", 0o640)
    makeDirectory("outside")
    write([1], to: "outside/inner")
  }

  deinit {
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    do {
      let parent = try Descriptor.workingDirectory.open("/tmp", [.readOnly, .directory])
      try parent.descriptor.removeTree(try KernelPath(name))
    } catch {
      Issue.record("cannot remove \(path): \(error)")
    }
  }

  func makeDirectory(_ name: String) {
    #expect(mkdir("\(path)/\(name)", 0o755) == 0)
  }

  func write(_ bytes: [UInt8], to name: String) {
    do {
      let file = try Descriptor.workingDirectory.open(
        try KernelPath("\(path)/\(name)"), [.writeOnly, .create, .truncate], mode: 0o644)
      try file.descriptor.writeAll(bytes)
    } catch {
      Issue.record("cannot write \(name): \(error)")
    }
  }

  func read(_ name: String) -> [UInt8] {
    do {
      let file = try Descriptor.workingDirectory.open(try KernelPath("\(path)/\(name)"), [.readOnly])
      return try file.descriptor.readToEnd(limitBytes: 1 << 28)
    } catch {
      Issue.record("cannot read \(name): \(error)")
      return []
    }
  }

  func exists(_ name: String) -> Bool {
    var status = stat()
    return lstat("\(path)/\(name)", &status) == 0
  }

  func status(_ name: String) throws -> FileStatus {
    try Descriptor.workingDirectory.status(try KernelPath("\(path)/\(name)"))
  }

  func open(_ name: String) throws -> FileDescriptor {
    try Descriptor.workingDirectory.open(try KernelPath("\(path)/\(name)"), [.readOnly, .directory])
  }

  /// What stands outside of the unpacked tree is as it was.
  func expectCanaryUntouched(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
    var status = stat()
    #expect(lstat("\(path)/canary", &status) == 0, comment, sourceLocation: sourceLocation)
    #expect(status.st_mode & 0o7777 == 0o640, comment, sourceLocation: sourceLocation)
    #expect(status.st_nlink == 1, comment, sourceLocation: sourceLocation)
    #expect(status.st_uid == 0, comment, sourceLocation: sourceLocation)
    #expect(read("canary") == Array(Self.canaryText.utf8), comment, sourceLocation: sourceLocation)
    #expect(read("outside/inner") == [1], comment, sourceLocation: sourceLocation)
    #expect(names("outside") == ["inner"], comment, sourceLocation: sourceLocation)
  }

  func names(_ directory: String) -> [String] {
    do {
      let opened = try open(directory)
      return try opened.descriptor.sortedEntries(limit: 100_000).map(\.name.text)
    } catch {
      Issue.record("cannot list \(directory): \(error)")
      return []
    }
  }

  /// Runs a shell command in the directory; its output goes nowhere.
  @discardableResult
  func run(_ command: String, sourceLocation: SourceLocation = #_sourceLocation) -> Bool {
    let status = Self.shell("cd '\(path)' && { \(command) ; } >/dev/null 2>.stderr")
    if status != 0 {
      Issue.record(
        "\(command): \(String(decoding: read(".stderr"), as: UTF8.self))", sourceLocation: sourceLocation)
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

  /// Unpacks into a new directory `name`.
  @discardableResult
  func unpack(
    _ archive: [UInt8], into name: String = "layer", form: LayerForm = .overlay, pieces: Int = 1 << 20,
    limits: LayerLimits = .standard
  ) throws -> UnpackedLayer {
    if !exists(name) { makeDirectory(name) }
    var unpacker = try LayerUnpacker(into: try open(name), form: form, limits: limits)
    var position = 0
    while position < archive.count {
      let end = min(position + pieces, archive.count)
      try unpacker.write(archive.span.extracting(position..<end))
      position = end
    }
    return try unpacker.finish()
  }

  /// Packs the directory `name`.
  func pack(_ name: String, tree: PackedTree = .whole) throws -> [UInt8] {
    let file = try Descriptor.workingDirectory.open(
      try KernelPath("\(path)/.packed"), [.writeOnly, .create, .truncate], mode: 0o600)
    let root = try open(name)
    let packer = LayerPacker(root: root.descriptor, tree: tree, sink: FileSink(file.descriptor, name: "archive"))
    let packed = try packer.pack()
    let bytes = read(".packed")
    #expect(Int64(bytes.count) == packed.archiveSizeBytes)
    return bytes
  }
}

/// Writes archives for tests into memory.
struct ArchiveBuilder {
  final class MemorySink {
    var bytes: [UInt8] = []
  }

  struct Sink: ByteSink {
    let memory: MemorySink
    mutating func write(_ bytes: Span<UInt8>) {
      for index in 0..<bytes.count { memory.bytes.append(bytes[index]) }
    }
  }

  static func build(_ entries: [(TarEntry, [UInt8])]) -> [UInt8] {
    let memory = MemorySink()
    do {
      var writer = TarWriter(sink: Sink(memory: memory))
      for (entry, data) in entries {
        var entry = entry
        if entry.type == .regular { entry.sizeBytes = Int64(data.count) }
        try writer.begin(entry)
        try writer.write(data.span)
        try writer.end()
      }
      _ = try writer.finish()
    } catch {
      Issue.record("cannot build an archive: \(error)")
    }
    return memory.bytes
  }
}

extension TarEntry {
  static func file(_ path: String, mode: UInt32 = 0o644) -> TarEntry {
    var entry = TarEntry(type: .regular, path: Array(path.utf8))
    entry.mode = mode
    return entry
  }

  static func directory(_ path: String, mode: UInt32 = 0o755) -> TarEntry {
    var entry = TarEntry(type: .directory, path: Array(path.utf8))
    entry.mode = mode
    return entry
  }

  static func link(_ path: String, to target: String) -> TarEntry {
    var entry = TarEntry(type: .symbolicLink, path: Array(path.utf8))
    entry.linkTarget = Array(target.utf8)
    return entry
  }

  static func hardLink(_ path: String, to target: String) -> TarEntry {
    var entry = TarEntry(type: .hardLink, path: Array(path.utf8))
    entry.linkTarget = Array(target.utf8)
    return entry
  }

  func with(_ change: (inout TarEntry) -> Void) -> TarEntry {
    var entry = self
    change(&entry)
    return entry
  }
}
