import SkiffImages
import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// Reads what a container will see, before anything of it is mounted: through an anchor, never by a path of the host.
struct RootfsReader {
  private let rootfs: RootfsRecord

  init(_ rootfs: RootfsRecord) {
    self.rootfs = rootfs
  }

  /// The content of a file such as `etc/passwd`; nil where there is none. More than `limitBytes` is refused.
  func file(_ path: [KernelPath], limitBytes: Int) throws(EngineError) -> [UInt8]? {
    let name = path.map(\.text).joined(separator: "/")
    do throws(Errno) {
      if case .overlay(let lower, _, _) = rootfs {
        switch try Self.search(path, in: lower) {
        case .found(let content): return try content.read(limitBytes)
        case .absent: return nil
        case .entangled: break
        }
      }
    } catch {
      try Self.acceptAbsence(error, name)
      return nil
    }
    let root = try openWhole()
    do throws(Errno) {
      return try Self.read(root, try KernelPath("/" + name), limitBytes: limitBytes)
    } catch {
      try Self.acceptAbsence(error, name)
      return nil
    }
  }

  private static func acceptAbsence(_ error: Errno, _ name: String) throws(EngineError) {
    switch error {
    case .notFound, .notDirectory, .tooManyLinks: return
    default: throw .kernel(act: "read", thing: "/\(name) of the image", cause: error)
    }
  }

  /// The root directory, for reading: layers are put together by a mount that is attached nowhere and ends with the handle.
  func openWhole() throws(EngineError) -> Root {
    switch rootfs {
    case .directory(let path):
      return try naming("open", path) { () throws(Errno) in try Root(opening: try KernelPath(path)) }
    case .overlay(let lower, _, _):
      return try naming("put together", "the image's layers") { () throws(Errno) in
        if lower.count == 1 { return try Root(opening: try KernelPath(lower[0])) }
        return Root(
          adopting: try OverlayMount.make(layers: lower, [.readOnly, .noDevices, .noSetUserID]) { _ throws(Errno) in })
      }
    case .image(let file, let type):
      do throws(LaunchError) {
        return Root(adopting: try RootfsSource.image(file: file, type: type, isReadOnly: true).makeTree())
      } catch {
        throw .refused(error.description)
      }
    }
  }

  private static func read(_ root: borrowing Root, _ path: KernelPath, limitBytes: Int) throws(Errno) -> [UInt8]? {
    let file = try root.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
    // A FIFO or device of that name is no database of users.
    guard try file.descriptor.status().type == .regular else { return nil }
    return try file.descriptor.readToEnd(limitBytes: limitBytes)
  }

  /// A regular file that was found and is open.
  private final class OpenContent {
    private let file: FileDescriptor

    init(_ file: consuming FileDescriptor) {
      self.file = file
    }

    func read(_ limitBytes: Int) throws(Errno) -> [UInt8] {
      try file.descriptor.readToEnd(limitBytes: limitBytes)
    }
  }

  private enum Finding {
    case found(OpenContent)
    case absent
    /// A symbolic link is on the way: where it leads, only the layers put together can tell.
    case entangled
  }

  /// Looks through the layers from the top as overlayfs does: whiteouts and opaque directories end the search.
  private static func search(_ path: [KernelPath], in layers: [String]) throws(Errno) -> Finding {
    for layer in layers {
      var current = try Descriptor.workingDirectory.open(try KernelPath(layer), [.pathOnly, .directory])
      var isOpaque = false
      for (index, name) in path.enumerated() {
        let status: FileStatus
        do throws(Errno) {
          status = try current.descriptor.status(name)
        } catch {
          guard error == .notFound else { throw error }
          break
        }
        let isLast = index == path.count - 1
        switch status.type {
        case .directory where !isLast:
          let next = try current.descriptor.open(name, [.readOnly, .directory, .noFollow])
          let mark = try next.descriptor.extendedAttribute(try KernelPath(Whiteout.overlayOpaqueAttribute))
          if mark == Whiteout.overlayOpaqueValue { isOpaque = true }
          current = next
        case .regular where isLast:
          let file = try current.descriptor.open(name, [.readOnly, .noFollow, .nonBlocking])
          guard try file.descriptor.status().type == .regular else { return .absent }
          return .found(OpenContent(file))
        case .symbolicLink: return .entangled
        // A whiteout, or something that is no file.
        default: return .absent
        }
      }
      if isOpaque { return .absent }
    }
    return .absent
  }
}
