import SkiffKernel
import SkiffSpec

/// One end of a copy.
public enum CopyPlace: Equatable, Sendable {
  /// An archive on standard input or output.
  case stream
  /// A path of the host.
  case host(String)
  case container(String, path: String)

  /// Reads `CONTAINER:PATH`, a path, or `-`. What begins with `/` or `.` is a path, colons and all.
  public init(parsing text: String) {
    if text == "-" {
      self = .stream
    } else if let colon = text.firstIndex(of: ":"), !text.hasPrefix("/"), !text.hasPrefix(".") {
      self = .container(String(text[..<colon]), path: String(text[text.index(after: colon)...]))
    } else {
      self = .host(text)
    }
  }
}

/// What is copied where.
public struct CopyRequest: Equatable, Sendable {
  public var source: CopyPlace
  public var target: CopyPlace
  /// Owners stay whose they are; without it everything belongs to the container's root, or to the caller.
  public var keepsOwners = false
  /// A symbolic link that is named as the source stands for what it leads to.
  public var followsLink = false
  public var isQuiet = false

  public init(source: CopyPlace, target: CopyPlace) {
    self.source = source
    self.target = target
  }
}

extension Engine {
  /// Copies files between the host, containers and archives.
  public func copy(_ request: CopyRequest) throws(EngineError) {
    var copy = try FileCopy(request)
    try copy.prepare(self)
    try copy.run(self)
    if case .container(let name, let path) = request.source { try announce(name, "archive-path", path) }
    if case .container(let name, let path) = request.target { try announce(name, "extract-to-dir", path) }
  }

  private func announce(_ name: String, _ action: String, _ path: String) throws(EngineError) {
    announce(action, try containers.open(id: try containers.find(name)).record(), ["path": path])
  }

  /// Writes a container's root file system as an archive to a file, or to standard output: without what is mounted in it.
  public func export(_ text: String, output: String?) throws(EngineError) {
    let view = try ContainerTreeView(self, text)
    var words = ["--from-fd", "3"] + OwnerWords.source(view)
    if let output { words += ["--output", output] }
    try transfer("copy", words + ["--", "export \(view.name)"], files: [(view.descriptor, 3)])
    withExtendedLifetime(view) {}
    announce("export", try containers.open(id: try containers.find(text)).record())
  }
}

/// The options by which the transfer program is told of ids.
enum OwnerWords {
  static func source(_ view: ContainerTreeView) -> [String] {
    view.users.flatMap { ["--from-uids", text($0)] } + view.groups.flatMap { ["--from-gids", text($0)] }
  }

  static func target(_ view: ContainerTreeView) -> [String] {
    view.users.flatMap { ["--to-uids", text($0)] } + view.groups.flatMap { ["--to-gids", text($0)] }
  }

  static func text(_ mapping: RuntimeSpec.IDMapping) -> String {
    "\(mapping.containerID):\(mapping.hostID):\(mapping.size)"
  }
}

/// One copy, by docker's rules for what the target is called.
private struct FileCopy: ~Copyable {
  private let request: CopyRequest
  private var words: [String] = []
  private var sourceView: ContainerTreeView?
  private var targetView: ContainerTreeView?
  private var source: FilePlace?
  private var sourceName = ""
  /// The content of a directory, not the directory.
  private var copiesContent = false
  private var sourceDirectory: FileDescriptor?
  private var targetDirectory: FileDescriptor?

  init(_ request: CopyRequest) throws(EngineError) {
    switch (request.source, request.target) {
    case (.stream, .container), (.host, .container), (.container, .stream), (.container, .host),
      (.container, .container):
      break
    case (.stream, .stream), (.host, .stream), (.stream, .host), (.host, .host):
      throw .refused("name a container as CONTAINER:PATH on one side at least")
    }
    self.request = request
  }

  mutating func prepare(_ engine: Engine) throws(EngineError) {
    try findSource(engine)
    try findTarget(engine)
  }

  // MARK: The source

  private mutating func findSource(_ engine: Engine) throws(EngineError) {
    let path: String
    let text: String
    switch request.source {
    case .stream: return
    case .host(let name):
      text = name
      path = try Self.absolute(name)
      source = try FileSearch(root: .workingDirectory, isContained: false, label: "").find(path, follows: follows(text))
    case .container(let container, let name):
      let view = try ContainerTreeView(engine, container)
      text = name
      path = SpecComposer.cleaned("/" + name)
      source = try view.place(path, follows: follows(text), writes: false)
      sourceView = view
      words += OwnerWords.source(view)
    }
    guard let source, source.status != nil else {
      if let view = sourceView { throw .refused("could not find the file \(path) in container \(view.name)") }
      throw .kernel(act: "copy", thing: path, cause: .notFound)
    }
    if text.hasSuffix("/"), !source.isDirectory { throw .kernel(act: "copy", thing: text, cause: .notDirectory) }
    sourceName = String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
    copiesContent = Self.endsInDot(text) || sourceName.isEmpty
    if copiesContent, !source.isDirectory { throw .kernel(act: "copy", thing: text, cause: .notDirectory) }
  }

  private func follows(_ text: String) -> Bool {
    request.followsLink || text.hasSuffix("/") || Self.endsInDot(text)
  }

  private static func endsInDot(_ text: String) -> Bool { text == "." || text.hasSuffix("/.") }

  private static func absolute(_ path: String) throws(EngineError) -> String {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw .refused("cannot copy \"\(path)\": it is no path") }
    return SpecComposer.cleaned(
      path.hasPrefix("/") ? path : try EngineConfiguration.workingDirectoryPath() + "/" + path)
  }

  // MARK: The target

  private mutating func findTarget(_ engine: Engine) throws(EngineError) {
    let path: String
    let text: String
    let target: FilePlace
    switch request.target {
    case .stream:
      try openSource(as: copiesContent ? nil : sourceName)
      return
    case .host(let name):
      text = name
      path = try Self.absolute(name)
      target = try FileSearch(root: .workingDirectory, isContained: false, label: "").find(path, follows: true)
      if !request.keepsOwners {
        words += ["--owner", "\(Credentials.effectiveUserID):\(Credentials.effectiveGroupID)"]
      }
    case .container(let container, let name):
      var found = try sameView(engine, container)
      if found == nil { found = try ContainerTreeView(engine, container) }
      guard let view = found else { throw .noSuchContainer(container) }
      text = name
      path = SpecComposer.cleaned("/" + name)
      target = try view.place(path, follows: true, writes: true)
      targetView = view
      if request.keepsOwners || request.source == .stream {
        words += OwnerWords.target(view)
      } else {
        words += ["--owner", "\(view.rootOwner.user):\(view.rootOwner.group)"]
      }
    }
    try aim(at: target, path, named: text)
  }

  /// A container that is taken already, as source, cannot be taken a second time.
  private func sameView(_ engine: Engine, _ container: String) throws(EngineError) -> ContainerTreeView? {
    guard let sourceView, try engine.containers.find(container) == engine.containers.find(sourceView.name) else {
      return nil
    }
    return sourceView
  }

  /// Docker's rules: into a directory that is there, over a file that is there, or under a new name.
  private mutating func aim(at target: FilePlace, _ path: String, named text: String) throws(EngineError) {
    let isStream = request.source == .stream
    if target.isDirectory {
      targetDirectory = try naming("open", path) { () throws(Errno) in try target.openDirectory() }
      if !isStream { try openSource(as: copiesContent ? nil : sourceName) }
      return
    }
    if isStream { throw .refused("destination \"\(text)\" must be a directory") }
    let wantsDirectory = text.hasSuffix("/") || Self.endsInDot(text)
    if target.status != nil {
      if source?.isDirectory == true { throw .refused("cannot copy a directory over the file \(text)") }
      if wantsDirectory { throw .kernel(act: "copy to", thing: text, cause: .notDirectory) }
    } else if wantsDirectory, source?.isDirectory != true {
      throw .refused("cannot copy to \(text): there is no such directory")
    }
    guard let name = target.name else { throw .kernel(act: "copy to", thing: text, cause: .notDirectory) }
    targetDirectory = try naming("open", path) { () throws(Errno) in
      try target.directory.descriptor.open(".", [.readOnly, .directory])
    }
    // The content of a directory, under a new name, is the directory under that name.
    try openSource(as: name.text)
  }

  /// - Parameter name: what it is called on the other side; nil for the content of a directory, which goes in there by itself.
  private mutating func openSource(as name: String?) throws(EngineError) {
    guard let source else { return }
    let copiesContent = copiesContent
    sourceDirectory = try naming("open", sourceName) { () throws(Errno) in
      copiesContent
        ? try source.openDirectory() : try source.directory.descriptor.open(".", [.readOnly, .directory])
    }
    if !copiesContent, let only = source.name { words.append("--only=\(only.text)") }
    if let name { words.append("--as=\(name)") }
    words.append("--crosses-mounts")
  }

  // MARK: The act

  consuming func run(_ engine: Engine) throws(EngineError) {
    var files: [(source: Descriptor, target: Int32)] = []
    if let sourceDirectory = OpenDirectory(&sourceDirectory) {
      files.append((sourceDirectory.descriptor, 3))
      words += ["--from-fd", "3"]
      try finish(engine, &files, sourceDirectory)
    } else {
      try finish(engine, &files, nil)
    }
  }

  private mutating func finish(
    _ engine: Engine, _ files: inout [(source: Descriptor, target: Int32)], _ kept: OpenDirectory?
  ) throws(EngineError) {
    let into = OpenDirectory(&targetDirectory)
    if let into {
      files.append((into.descriptor, 4))
      words += ["--to-fd", "4"]
    }
    if request.isQuiet { words.append("--quiet") }
    try engine.transfer("copy", words + ["--", "copy to \(Self.shown(request.target))"], files: files)
    withExtendedLifetime(kept) {}
    withExtendedLifetime(into) {}
    withExtendedLifetime(sourceView) {}
    withExtendedLifetime(targetView) {}
  }

  private static func shown(_ place: CopyPlace) -> String {
    switch place {
    case .stream: "standard output"
    case .host(let path): path
    case .container(let name, let path): "\(name):\(path)"
    }
  }
}

/// An open directory that may be none, and is lent.
private final class OpenDirectory {
  private let file: FileDescriptor

  /// Nil where there is none.
  init?(_ slot: inout FileDescriptor?) {
    guard let file = slot.take() else { return nil }
    self.file = file
  }

  var descriptor: Descriptor { file.descriptor }
}
