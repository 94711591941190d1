internal import SkiffImages
internal import SkiffKernel

/// A copy of files: out of an open directory or an archive, into an open directory or an archive.
///
/// The directories are open files that the caller hands over: which they are was decided by who could see the names. Every name beneath
/// them is resolved under them, without following a link, so that nothing that a container does meanwhile leads elsewhere.
package struct TreeCopyOrder: Sendable {
  package enum Source: Sendable, Equatable {
    case standardInput
    case tree(Int32)
  }

  package enum Target: Sendable, Equatable {
    case standardOutput
    case file(String)
    case tree(Int32)
  }

  /// What a person calls the act: `copy web:/etc`.
  package var name = "copy"
  package var source = Source.standardInput
  package var target = Target.standardOutput
  /// Only this name in the source, and what is beneath it.
  package var only: String?
  package var prefix: String?
  package var crossesMounts = false
  package var sourceOwners = OwnerRules()
  package var targetOwners = OwnerRules()

  package init() {}

  /// A copy is as large as it is: nobody sends a bomb to themselves.
  private static var limits: LayerLimits {
    var limits = LayerLimits()
    limits.entries = .max
    limits.unpackedBytes = 1 << 62
    limits.ratioFreeBytes = .max
    return limits
  }

  /// Copies; gives nothing to say.
  func perform(stop: StopFlag) throws(TransferError) -> [String] {
    do throws(TransferError) {
      switch (source, target) {
      case (.tree(let from), .tree(let into)):
        try Self.copying { () throws(LayerError) in
          let sink = try TreeSink(try open(into), limits: Self.limits, owners: targetOwners)
          try pack(from, into: StoppableSink(sink, stop))
          try sink.finish()
        }
      case (.tree(let from), .standardOutput): try archive(from, to: .standardOutput, stop)
      case (.tree(let from), .file(let path)): try archive(from, to: .file(path), stop)
      case (.standardInput, .tree(let into)):
        try Self.copying { () throws(LayerError) in try unpack(try open(into), stop) }
      case (.standardInput, _):
        throw .local(what: "the copy", reason: "there is no directory to copy from or to")
      }
      return []
    } catch {
      if stop.isRaised { throw .interrupted }
      throw error
    }
  }

  private static func copying(_ body: () throws(LayerError) -> Void) throws(TransferError) {
    do throws(LayerError) {
      try body()
    } catch {
      throw TransferError(copying: error)
    }
  }

  private func open(_ number: Int32) throws(LayerError) -> FileDescriptor {
    do throws(Errno) {
      // Through a handle: one that stands only for the directory cannot be listed.
      return try Descriptor(number).open(".", [.readOnly, .directory])
    } catch {
      throw .kernel(act: "open", entry: "the directory", error)
    }
  }

  private func pack(
    _ number: Int32, into sink: some ByteSink
  ) throws(LayerError) {
    let directory = try open(number)
    var rules = PackingRules()
    if let only {
      do throws(Errno) {
        rules.only = try KernelPath(only)
      } catch {
        throw .kernel(act: "copy", entry: only, error)
      }
    }
    rules.prefix = Array((prefix ?? only ?? "").utf8)
    rules.crossesMounts = crossesMounts
    rules.owners = sourceOwners
    let packed = try LayerPacker(root: directory.descriptor, rules: rules, sink: sink).pack()
    for what in packed.leftOut { warn("\(what) is left out: an archive has no place for it") }
  }

  private func archive(
    _ number: Int32, to target: ImageSave.Target, _ stop: StopFlag
  ) throws(TransferError) {
    let output = try ArchiveOutput.open(target)
    try Self.copying { () throws(LayerError) in
      try pack(number, into: StoppableSink(FileSink(output.descriptor, name: output.name), stop))
    }
    try output.commit()
  }

  private func unpack(_ directory: consuming FileDescriptor, _ stop: StopFlag) throws(LayerError) {
    guard !Descriptor.standardInput.isTerminal else {
      throw .notAnArchive("standard input is a terminal, and an archive is expected")
    }
    var unpacker = try LayerUnpacker(
      into: directory, form: .portable, limits: Self.limits, copy: targetOwners)
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while !stop.isRaised {
      let count: Int
      do throws(Errno) {
        count = try Descriptor.standardInput.read(into: &buffer)
      } catch {
        throw .kernel(act: "read", entry: "standard input", error)
      }
      if count == 0 {
        for what in try unpacker.finish().leftOut { warn("left out: \(what)") }
        return
      }
      try unpacker.write(buffer.span.extracting(0..<count))
    }
    throw .kernel(act: "go on with", entry: "the copy", .interrupted)
  }

  private func warn(_ sentence: String) {
    do throws(Errno) {
      try Descriptor.standardError.writeAll(Array("skiff: warning: \(sentence)\n".utf8))
    } catch {
      // There is nobody left to tell.
    }
  }
}

/// A directory as the end of an archive's stream: what goes in is made at once.
private struct TreeSink: ByteSink {
  private final class Box {
    var reader: TarReader
    var writer: LayerWriter

    init(_ reader: consuming TarReader, _ writer: consuming LayerWriter) {
      self.reader = reader
      self.writer = writer
    }
  }

  private let box: Box

  init(_ directory: consuming FileDescriptor, limits: LayerLimits, owners: OwnerRules) throws(LayerError) {
    let writer = try LayerWriter(root: directory, form: .portable, limits: limits, copy: owners)
    box = Box(TarReader(limits: limits), writer)
  }

  mutating func write(_ bytes: Span<UInt8>) throws(LayerError) {
    try box.reader.feed(bytes, to: &box.writer)
  }

  func finish() throws(LayerError) {
    try box.reader.finish()
    try box.writer.finish()
  }
}

/// A sink that refuses to go on once it was told to stop.
private struct StoppableSink<Sink: ByteSink>: ByteSink {
  private var sink: Sink
  private let stop: StopFlag

  init(_ sink: Sink, _ stop: StopFlag) {
    self.sink = sink
    self.stop = stop
  }

  mutating func write(_ bytes: Span<UInt8>) throws(LayerError) {
    guard !stop.isRaised else { throw .kernel(act: "go on with", entry: "the copy", .interrupted) }
    try sink.write(bytes)
  }
}

extension TransferError {
  fileprivate init(copying error: LayerError) {
    switch error {
    case .kernel(let act, let entry, let errno): self = .local(what: "cannot \(act) \(entry)", reason: "\(errno)")
    case .refused(let entry, let reason): self = .local(what: entry, reason: "\(reason)")
    case .notAnArchive(let words): self = .local(what: "the archive", reason: words)
    default: self = .invalid(what: "the archive", reason: "\(error)")
    }
  }
}
