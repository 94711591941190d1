import SkiffKernel

/// A pattern of paths of the host, as glob(7) has them: `*`, `?` and `[…]` in a component, none of them for a dot at its beginning.
package struct PathPattern {
  /// More matches, or places to look in, than these are refused.
  private static let limit = 4096
  private let components: [Substring]

  /// - Parameter text: an absolute path.
  init(_ text: String) {
    components = text.split(separator: "/")
  }

  /// The paths that fit, sorted.
  func paths() throws(EngineError) -> [String] {
    var found = [""]
    for component in components {
      let isPlain = !component.contains { "*?[\\".contains($0) }
      var next: [String] = []
      for directory in found {
        if isPlain {
          let path = "\(directory)/\(component)"
          if try Self.exists(path) { next.append(path) }
        } else {
          next += try Self.names(in: directory).filter { Self.fits($0, component) }.map { "\(directory)/\($0)" }
        }
        guard next.count <= Self.limit else {
          throw .refused("the pattern /\(components.joined(separator: "/")) fits more than \(Self.limit) paths")
        }
      }
      found = next
    }
    return found
  }

  private static func exists(_ path: String) throws(EngineError) -> Bool {
    do throws(Errno) {
      _ = try Descriptor.workingDirectory.status(try KernelPath(path), follow: true)
      return true
    } catch {
      if error == .notFound || error == .notDirectory { return false }
      throw .kernel(act: "look for", thing: path, cause: error)
    }
  }

  private static func names(in directory: String) throws(EngineError) -> [String] {
    do throws(Errno) {
      let path = try KernelPath(directory.isEmpty ? "/" : directory)
      let file = try Descriptor.workingDirectory.open(path, [.readOnly, .directory])
      return try file.descriptor.sortedEntries(limit: limit).map(\.name.text)
    } catch {
      if error == .notFound || error == .notDirectory { return [] }
      throw .kernel(act: "list", thing: directory.isEmpty ? "/" : directory, cause: error)
    }
  }

  /// Whether a name fits one component of a pattern.
  package static func fits(_ name: String, _ pattern: some StringProtocol) -> Bool {
    let (name, pattern) = (Array(name), Array(pattern))
    if name.first == ".", pattern.first != "." { return false }
    var (at, place) = (0, 0)
    // Where the last star stands, and what it has taken so far: a longer one is tried where the rest does not fit.
    var star: (place: Int, at: Int)?
    while at < name.count {
      if place < pattern.count, pattern[place] == "*" {
        star = (place, at)
        place += 1
      } else if let next = step(name[at], pattern, place) {
        place = next
        at += 1
      } else if let last = star {
        star = (last.place, last.at + 1)
        (place, at) = (last.place + 1, last.at + 1)
      } else {
        return false
      }
    }
    return pattern[min(place, pattern.count)...].allSatisfy { $0 == "*" }
  }

  /// The place behind the part of a pattern that one character fits; nil where it does not.
  private static func step(_ character: Character, _ pattern: [Character], _ place: Int) -> Int? {
    guard place < pattern.count else { return nil }
    switch pattern[place] {
    case "?": return place + 1
    case "\\" where place + 1 < pattern.count: return pattern[place + 1] == character ? place + 2 : nil
    case "[":
      guard let set = CharacterSet(pattern, from: place) else { fallthrough }
      return set.contains(character) ? set.end : nil
    default: return pattern[place] == character ? place + 1 : nil
    }
  }

  /// Characters between brackets: `[a-z_]`, `[!0-9]`.
  private struct CharacterSet {
    private var ranges: [ClosedRange<Character>] = []
    private var isNegated = false
    /// The place behind the closing bracket.
    private(set) var end = 0

    /// Nil where no bracket closes it.
    init?(_ pattern: [Character], from place: Int) {
      var index = place + 1
      if index < pattern.count, pattern[index] == "!" || pattern[index] == "^" {
        isNegated = true
        index += 1
      }
      let first = index
      while index < pattern.count, pattern[index] != "]" || index == first {
        let low = pattern[index]
        if index + 2 < pattern.count, pattern[index + 1] == "-", pattern[index + 2] != "]" {
          if low <= pattern[index + 2] { ranges.append(low...pattern[index + 2]) }
          index += 3
        } else {
          ranges.append(low...low)
          index += 1
        }
      }
      guard index < pattern.count else { return nil }
      end = index + 1
    }

    func contains(_ character: Character) -> Bool { ranges.contains { $0.contains(character) } != isNegated }
  }
}
