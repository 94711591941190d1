import SkiffKernel

/// Where a path leads: a name in an open directory, or the directory itself.
final class FilePlace {
  let directory: FileDescriptor
  /// Nil where the open directory is what was meant, as with `/`.
  let name: KernelPath?
  /// What is there; nil where there is nothing of that name.
  let status: FileStatus?

  init(_ directory: consuming FileDescriptor, name: KernelPath?, status: FileStatus?) {
    self.directory = directory
    self.name = name
    self.status = status
  }

  var isDirectory: Bool { status?.type == .directory }

  /// The directory that the path names, for what is in it.
  func openDirectory() throws(Errno) -> FileDescriptor {
    guard let name else { return try directory.descriptor.open(".", [.readOnly, .directory]) }
    return try directory.descriptor.open(name, [.readOnly, .directory, .noFollow], resolve: .noMagicLinks)
  }
}

/// The search for what a path names. Links at the end of it are followed one by one, so that the directory of what is found is known;
/// the directories on the way are the kernel's to find.
struct FileSearch {
  /// A path that leads into something that is not mounted now.
  struct Redirection {
    var hostPath: String
    /// From there on; begins with a slash.
    var rest: String
  }

  let root: Descriptor
  /// Whether `root` is `/` for every path and link.
  let isContained: Bool
  /// What stands before the path in a report: `web:`.
  let label: String
  var redirect: (String) throws(Errno) -> Redirection? = { _ in nil }

  private static let linkLimit = 40

  func find(_ path: String, follows: Bool) throws(EngineError) -> FilePlace {
    do throws(Errno) {
      return try search(path, follows: follows)
    } catch {
      if error == .notFound {
        throw .refused("cannot find \(label)\(path): a directory on the way is not there")
      }
      throw .kernel(act: "find", thing: label + path, cause: error)
    }
  }

  private func search(_ text: String, follows: Bool) throws(Errno) -> FilePlace {
    if let redirection = try redirect(text) { return try search(redirection, follows: follows) }
    var path = text
    for _ in 0..<Self.linkLimit {
      let cut = path.lastIndex(of: "/") ?? path.startIndex
      let above = String(path[..<cut])
      let last = String(path[path.index(after: cut)...])
      if last.isEmpty || last == "." || last == ".." {
        let directory = try open(path)
        let status = try directory.descriptor.status()
        return FilePlace(directory, name: nil, status: status)
      }
      let directory = try open(above.isEmpty ? "/" : above)
      let name = try KernelPath(last)
      // The links on the way may have led into something that is not mounted now.
      if let whole = try canonical(directory.descriptor), let redirection = try redirect("\(whole)/\(last)") {
        return try search(redirection, follows: follows)
      }
      guard let status = try Self.status(of: name, in: directory.descriptor) else {
        return FilePlace(directory, name: name, status: nil)
      }
      guard follows, status.type == .symbolicLink else {
        return FilePlace(directory, name: name, status: status)
      }
      let target = try directory.descriptor.readLink(name).text
      var next = target.hasPrefix("/") ? target : "\(above)/\(target)"
      while next.count > 1, next.hasSuffix("/") { next.removeLast() }
      path = next
    }
    throw .tooManyLinks
  }

  /// What a container has mounted there, seen from the host: the links in it are still the container's, and stay beneath it.
  private func search(_ redirection: Redirection, follows: Bool) throws(Errno) -> FilePlace {
    let here = Descriptor.workingDirectory
    let source = try KernelPath(redirection.hostPath)
    if redirection.rest == "/" {
      let status = try here.status(source, follow: true)
      if status.type != .directory {
        let cut = redirection.hostPath.lastIndex(of: "/") ?? redirection.hostPath.startIndex
        let above = String(redirection.hostPath[..<cut])
        let directory = try here.open(try KernelPath(above.isEmpty ? "/" : above), [.pathOnly, .directory])
        let name = try KernelPath(String(redirection.hostPath[redirection.hostPath.index(after: cut)...]))
        return FilePlace(directory, name: name, status: status)
      }
    }
    let anchor = try here.open(source, [.pathOnly, .directory])
    return try FileSearch(root: anchor.descriptor, isContained: true, label: label)
      .search(redirection.rest, follows: follows)
  }

  private func open(_ path: String) throws(Errno) -> FileDescriptor {
    try root.open(
      try KernelPath(path), [.pathOnly, .directory], resolve: isContained ? [.inRoot, .noMagicLinks] : [])
  }

  /// The path of an open directory from the root on, without a slash at its end; nil where nothing could be redirected.
  private func canonical(_ directory: Descriptor) throws(Errno) -> String? {
    guard isContained else { return nil }
    let text = try Descriptor.workingDirectory.readLink(try KernelPath(directory.path)).text
    return text == "/" ? "" : text
  }

  private static func status(of name: KernelPath, in directory: Descriptor) throws(Errno) -> FileStatus? {
    do throws(Errno) {
      return try directory.status(name)
    } catch {
      guard error == .notFound else { throw error }
      return nil
    }
  }
}
