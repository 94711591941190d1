/// Where a container's group lies: `linux.cgroupsPath`, taken apart and found harmless.
///
/// Absolute: beneath each hierarchy's mount point. Relative: beneath the group that the caller itself lives in.
package struct CgroupPath: Equatable, Sendable {
  package let components: [String]
  package let isAbsolute: Bool

  /// Deep enough for every real tree; without a limit a document could ask for a million directories.
  static let depthLimit = 64
  static let lengthLimitBytes = 3072
  static let nameLimitBytes = 255

  package init(_ text: String) throws(CgroupError) {
    guard text.utf8.count <= Self.lengthLimitBytes else { throw .badPath(text, reason: "it is too long") }
    var components: [String] = []
    for part in text.utf8.split(separator: UInt8(ascii: "/")) {
      let name = String(decoding: part, as: UTF8.self)
      if name == "." { continue }
      // Cleaning the text would be safe too, but nobody who means well writes this.
      if name == ".." { throw .badPath(text, reason: "it must not contain \"..\"") }
      if part.count > Self.nameLimitBytes { throw .badPath(text, reason: "a name in it is longer than 255 bytes") }
      // The kernel refuses a line feed in a group's name, and its own lists would be ambiguous.
      if part.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
        throw .badPath(text, reason: "it contains a control character")
      }
      components.append(name)
    }
    if components.isEmpty { throw .badPath(text, reason: "it names the root of the hierarchy, not a group") }
    if components.count > Self.depthLimit { throw .badPath(text, reason: "it is too deep") }
    self.components = components
    self.isAbsolute = text.utf8.first == UInt8(ascii: "/")
  }

  /// The path as written in the hierarchy.
  package var text: String { (isAbsolute ? "/" : "") + components.joined(separator: "/") }
}
