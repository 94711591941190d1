import SkiffKernel

/// The content of a small file; nil where it cannot be read.
func contents(of path: String) -> [UInt8]? {
  do throws(Errno) {
    let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
    return try file.descriptor.readToEnd(limitBytes: 4 << 20)
  } catch {
    return nil
  }
}

/// The text of a small file; nil where it cannot be read.
func text(of path: String) -> String? {
  contents(of: path).map { String(decoding: $0, as: UTF8.self) }
}

/// The lines of a small file; none where it cannot be read.
func lines(of path: String) -> [Substring] {
  (text(of: path) ?? "").split(separator: "\n")
}

/// What a symbolic link holds; nil where it is none.
func linkTarget(of path: String) -> String? {
  do throws(Errno) {
    return try Descriptor.workingDirectory.readLink(try KernelPath(path)).text
  } catch {
    return nil
  }
}

/// The names in a directory, sorted; nil where it cannot be read.
func names(in path: String) -> [String]? {
  do throws(Errno) {
    let directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.directory])
    return try directory.descriptor.sortedEntries(limit: 100_000).map(\.name.text)
  } catch {
    return nil
  }
}

extension StringProtocol {
  /// The text without spaces and tabs at its ends.
  var trimmed: String {
    var slice = self[...]
    while let first = slice.first, first.isWhitespace { slice.removeFirst() }
    while let last = slice.last, last.isWhitespace { slice.removeLast() }
    return String(slice)
  }
}
