import SkiffImages
import SkiffKernel
import SkiffSpec

/// What a container did to a path of its image.
public struct FileChange: Equatable, Sendable {
  public enum Kind: String, Equatable, Sendable {
    case added = "A"
    case changed = "C"
    case deleted = "D"
  }

  public var kind: Kind
  public var path: String
}

extension Engine {
  /// What a container changed in the files of its image, by path. What the engine itself puts there is not told.
  public func difference(_ text: String) throws(EngineError) -> [FileChange] {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    guard !record.imageID.isEmpty else {
      throw .refused("container \(record.name) has no image to be compared with: its root is \(record.imageName)")
    }
    let mountPoints = Set(try specification(in: directory).mounts.map { SpecComposer.cleaned($0.destination) })
    switch record.rootfs {
    case .overlay(_, let upper, _):
      let image = try RootfsReader(record.rootfs).openWhole()
      return try Self.compare(upper, with: image.descriptor, isLayer: true, mountPoints)
    case .directory(let path):
      return try againstCopy(of: record) { (image) throws(EngineError) in
        try Self.compare(path, with: image, isLayer: false, mountPoints)
      }
    case .image:
      throw .refused("container \(record.name) has no image to be compared with")
    }
  }

  private static func compare(
    _ path: String, with image: Descriptor, isLayer: Bool, _ mountPoints: Set<String>
  ) throws(EngineError) -> [FileChange] {
    let tree = try naming("open", path) { () throws(Errno) in
      try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory, .noFollow])
    }
    var comparison = TreeComparison(tree: tree.descriptor, image: image, isLayer: isLayer, mountPoints: mountPoints)
    do throws(Errno) {
      return try comparison.run()
    } catch {
      throw .kernel(act: "compare", thing: "/\(comparison.currentPath)", cause: error)
    }
  }

  /// For drivers that keep whole trees: the image's tree is put together once more, looked at, and removed.
  private func againstCopy(
    of record: ContainerRecord, _ look: (Descriptor) throws(EngineError) -> [FileChange]
  ) throws(EngineError) -> [FileChange] {
    // In a container's directory that never becomes a container: whatever ends this, it is swept like any other draft.
    let lifeline = try lifelines.hold(try ContainerIdentity.makeID())
    let id = lifeline.id
    let directory = try containers.make(id)
    let outcome: Result<[FileChange], EngineError>
    do throws(EngineError) {
      outcome = .success(try lookAtImage(of: record, in: directory, look))
    } catch {
      outcome = .failure(error)
    }
    discardDraft(directory)
    _ = consume lifeline
    return try outcome.get()
  }

  private func lookAtImage(
    of record: ContainerRecord, in directory: borrowing ContainerDirectory,
    _ look: (Descriptor) throws(EngineError) -> [FileChange]
  ) throws(EngineError) -> [FileChange] {
    let description: RootfsDescription
    // Without one of its layers the image would be another one, and everything in that layer would look changed.
    let chain = try record.chainIDs()
    do throws(ImageStoreError) {
      description = try ContainerTree(layers: try openLayersForComparison(), containerDirectory: directory.path)
        .prepare(chainIDs: chain)
    } catch {
      throw EngineError(error)
    }
    guard case .directory(let path) = description else {
      throw .refused("container \(record.name) was made by another storage driver than the store has now")
    }
    let tree = try naming("open", path) { () throws(Errno) in
      try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
    }
    return try look(tree.descriptor)
  }

  private func openLayersForComparison() throws(ImageStoreError) -> LayerStore {
    let root = configuration.root
    let path = try storing("open", root) { () throws(Errno) in try KernelPath(root) }
    return try LayerStore(root: path, driver: nil)
  }
}

/// Walks a container's tree and its image's side by side. Every name is opened beneath the trees, no link is followed.
struct TreeComparison {
  private let tree: Descriptor
  private let image: Descriptor
  /// Whether the tree holds only what was changed, as overlayfs keeps it.
  private let isLayer: Bool
  private let mountPoints: Set<String>
  private var changes: [String: FileChange.Kind] = [:]
  /// Where the walk is, for a report.
  private(set) var currentPath = ""

  private static let limit = 2_000_000
  private static let resolution: ResolveFlags = [.beneath, .noSymbolicLinks, .noMagicLinks]

  init(tree: Descriptor, image: Descriptor, isLayer: Bool, mountPoints: Set<String>) {
    self.tree = tree
    self.image = image
    self.isLayer = isLayer
    self.mountPoints = mountPoints
  }

  mutating func run() throws(Errno) -> [FileChange] {
    var waiting = [""]
    while let path = waiting.popLast() {
      currentPath = path
      waiting += try compareDirectory(path)
      guard changes.count < Self.limit else { throw .argumentListTooLong }
    }
    hideMountPoints()
    return changes.map { FileChange(kind: $0.value, path: $0.key) }.sorted { $0.path < $1.path }
  }

  /// Compares the names in a directory; gives the directories beneath that are to be compared, too.
  private mutating func compareDirectory(_ path: String) throws(Errno) -> [String] {
    guard let directory = try Self.openDirectory(path, in: tree) else { return [] }
    let other = try Self.openDirectory(path, in: image)
    var deeper: [String] = []
    let names = try directory.descriptor.sortedEntries(limit: Self.limit).map(\.name)
    for name in names {
      let here = try directory.descriptor.status(name)
      let there = try other.status(name)
      let whole = "\(path)/\(name.text)"
      if isLayer, here.type == .characterDevice, here.specialDevice == 0 {
        if there != nil { note(.deleted, whole) }
        continue
      }
      guard let there else {
        note(.added, whole)
        if here.type == .directory { deeper.append(whole) }
        continue
      }
      if !Self.isSame(here, there) { note(.changed, whole) }
      if here.type == .directory { deeper.append(whole) }
    }
    guard let other else { return deeper }
    var hidesOthers = !isLayer
    if isLayer {
      let mark = try directory.descriptor.extendedAttribute(try KernelPath(Whiteout.overlayOpaqueAttribute))
      hidesOthers = mark == Whiteout.overlayOpaqueValue
    }
    if hidesOthers {
      let kept = Set(names.map(\.text))
      for gone in try other.descriptor.sortedEntries(limit: Self.limit) where !kept.contains(gone.name.text) {
        note(.deleted, "\(path)/\(gone.name.text)")
      }
    }
    return deeper
  }

  /// A change beneath a directory is a change of the directory.
  private mutating func note(_ kind: FileChange.Kind, _ path: String) {
    changes[path] = kind
    var above = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
    while !above.isEmpty, changes[String(above)] == nil {
      changes[String(above)] = .changed
      above = above[..<(above.lastIndex(of: "/") ?? above.startIndex)]
    }
  }

  /// What differs in an inode; a directory's size and times follow from what is in it.
  private static func isSame(_ left: FileStatus, _ right: FileStatus) -> Bool {
    guard left.modeBits == right.modeBits, left.userID == right.userID, left.groupID == right.groupID else {
      return false
    }
    switch left.type {
    case .directory: return true
    case .characterDevice, .blockDevice: return left.specialDevice == right.specialDevice
    default:
      return left.sizeBytes == right.sizeBytes && left.modifiedSeconds == right.modifiedSeconds
        && left.modifiedNanoseconds == right.modifiedNanoseconds
    }
  }

  /// The names that mounts need are made by the engine, with the directories on the way.
  private mutating func hideMountPoints() {
    for point in mountPoints where changes[point] == .added {
      changes[point] = nil
      var above = point[..<(point.lastIndex(of: "/") ?? point.startIndex)]
      while !above.isEmpty {
        let prefix = above + "/"
        if changes.keys.contains(where: { $0.hasPrefix(prefix) }) { break }
        changes[String(above)] = nil
        above = above[..<(above.lastIndex(of: "/") ?? above.startIndex)]
      }
    }
  }

  /// Nil where there is no directory of that name.
  private static func openDirectory(_ path: String, in root: Descriptor) throws(Errno) -> FileDescriptor? {
    do throws(Errno) {
      let name = try KernelPath(path.isEmpty ? "." : String(path.dropFirst()))
      return try root.open(name, [.readOnly, .directory, .noFollow], resolve: resolution)
    } catch {
      switch error {
      case .notFound, .notDirectory, .tooManyLinks: return nil
      default: throw error
      }
    }
  }
}

extension Optional where Wrapped == FileDescriptor {
  /// What a name in the directory is; nil where there is no directory, or no such name.
  fileprivate func status(_ name: KernelPath) throws(Errno) -> FileStatus? {
    switch self {
    case .none: return nil
    case .some(let directory):
      do throws(Errno) {
        return try directory.descriptor.status(name)
      } catch {
        guard error == .notFound else { throw error }
        return nil
      }
    }
  }
}
