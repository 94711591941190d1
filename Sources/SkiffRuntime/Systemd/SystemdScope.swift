package import SkiffSpec

/// The unit that systemd makes for a container: `linux.cgroupsPath` in the form `slice:prefix:name`.
package struct SystemdScope: Equatable, Sendable {
  /// `PREFIX-NAME.scope`, or a slice as it was named.
  package let unit: String
  /// `machine.slice`; `-.slice` is the root.
  package let slice: String
  /// Where the group lies beneath what the service manager controls: `/machine.slice/skiff-x.scope`.
  package let path: String

  package var isSlice: Bool { unit.hasSuffix(".slice") }

  /// - Parameters:
  ///   - text: from the document; nil and empty take a scope named after the container.
  ///   - isUser: the manager of one user, not the machine's.
  package init(_ text: String?, id: ContainerID, isUser: Bool) throws(CgroupError) {
    let text = text.flatMap { $0.isEmpty ? nil : $0 } ?? ":skiff:\(id.text)"
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[2].isEmpty else {
      throw .badPath(
        text,
        reason:
          "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"\(text)\" instead")
    }
    slice = parts[0].isEmpty ? (isUser ? "user.slice" : "system.slice") : String(parts[0])
    let name = String(parts[2])
    unit = name.hasSuffix(".slice") ? name : (parts[1].isEmpty ? "" : "\(parts[1])-") + "\(name).scope"
    for name in [slice, unit] {
      guard Self.isUnitName(name) else { throw .badPath(text, reason: "\"\(name)\" is not the name of a unit") }
    }
    guard let beneath = Self.directories(of: slice) else {
      throw .badPath(text, reason: "\"\(slice)\" is not the name of a slice")
    }
    if name.hasSuffix(".slice") {
      guard let own = Self.directories(of: unit) else {
        throw .badPath(text, reason: "\"\(unit)\" is not the name of a slice")
      }
      path = own
    } else {
      path = "\(beneath)/\(unit)"
    }
  }

  /// What systemd takes as a unit's name (systemd.unit(5)).
  private static func isUnitName(_ name: String) -> Bool {
    let marks = Array(":-_.\\@".utf8)
    return (1...255).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || marks.contains(byte)
      }
  }

  /// `/a.slice/a-b.slice` for `a-b.slice` (systemd.slice(5)); nil for a name that is no slice's.
  static func directories(of slice: String) -> String? {
    guard slice.hasSuffix(".slice") else { return nil }
    let name = slice.dropLast(6)
    if name == "-" { return "" }
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard !parts.isEmpty, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    return parts.indices.map { "/" + parts[...$0].joined(separator: "-") + ".slice" }.joined()
  }
}
