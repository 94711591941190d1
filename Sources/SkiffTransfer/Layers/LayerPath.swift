internal import SkiffImages
internal import SkiffKernel

/// The path of an entry, cleaned: no empty component, no `.`, no `..`, relative to the layer's root.
package struct LayerPath: Equatable {
  /// `a/b/c`; empty is the root.
  package let bytes: [UInt8]
  /// Where the last component starts.
  let nameStart: Int

  /// Cleans as tar programs do: `/a`, `./a` and `b/../a` are `a`. What climbs above the root is refused.
  package init(cleaning path: [UInt8]) throws(LayerRefusal) {
    let slash = UInt8(ascii: "/")
    let dot = UInt8(ascii: ".")
    var cleaned: [UInt8] = []
    cleaned.reserveCapacity(path.count)
    var position = 0
    while position < path.count {
      var end = position
      while end < path.count, path[end] != slash { end += 1 }
      let component = path[position..<end]
      position = end + 1
      if component.isEmpty || component.elementsEqual([dot]) { continue }
      if component.contains(0) { throw .zeroInPath }
      if component.elementsEqual([dot, dot]) {
        guard !cleaned.isEmpty else { throw .escapes }
        let parentEnd = cleaned.lastIndex(of: slash) ?? 0
        cleaned.removeSubrange(parentEnd...)
        continue
      }
      if !cleaned.isEmpty { cleaned.append(slash) }
      cleaned.append(contentsOf: component)
    }
    bytes = cleaned
    nameStart = cleaned.lastIndex(of: slash).map { $0 + 1 } ?? 0
  }

  package var isRoot: Bool { bytes.isEmpty }
  /// The last component.
  package var name: ArraySlice<UInt8> { bytes[nameStart...] }
  /// The path of the directory that holds it; empty is the root.
  package var parent: ArraySlice<UInt8> { bytes[..<max(nameStart - 1, 0)] }

  /// What the path means in a layer.
  package enum Meaning: Equatable {
    /// An ordinary entry.
    case entry
    /// The name that is gone from the entry's directory.
    case whiteout([UInt8])
    /// Nothing of the layers below is left in the entry's directory.
    case opaque
    /// AUFS's own files: not for the tree.
    case ignored
  }

  package func meaning() throws(LayerRefusal) -> Meaning {
    // Quick answer for nearly every path: whiteouts hold ".wh.".
    guard Self.hasWhiteoutPrefix(bytes) else { return .entry }
    for component in parent.split(separator: UInt8(ascii: "/")) where component.starts(with: Whiteout.prefix) {
      if component.starts(with: Whiteout.reservedPrefix) { return .ignored }
      throw .reservedName
    }
    guard name.starts(with: Whiteout.prefix) else { return .entry }
    if name.elementsEqual(Whiteout.opaqueName) { return .opaque }
    if name.starts(with: Whiteout.reservedPrefix) { return .ignored }
    let gone = Array(name.dropFirst(Whiteout.prefix.count))
    if gone.isEmpty || gone == Array(".".utf8) || gone == Array("..".utf8) { throw .badWhiteout }
    return .whiteout(gone)
  }

  /// True when some component starts with `.wh.`.
  private static func hasWhiteoutPrefix(_ path: [UInt8]) -> Bool {
    var isStart = true
    for position in path.indices {
      let byte = path[position]
      if isStart, byte == UInt8(ascii: "."), path[position...].starts(with: Whiteout.prefix) { return true }
      isStart = byte == UInt8(ascii: "/")
    }
    return false
  }
}
