/// A container whose volumes, and directories of the host, another one takes over (`--volumes-from`).
public struct VolumesFromRequest: Equatable, Sendable {
  /// By name or id.
  public var container: String
  /// Nil leaves each as it is there.
  public var isReadOnly: Bool?

  /// Reads `CONTAINER[:ro|rw|z|Z]`; several letters are parted by commas.
  public init(parsing text: String) throws(EngineError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2, let name = parts.first, !name.isEmpty else {
      throw .invalidOption(name: "--volumes-from", value: text, reason: "expected CONTAINER[:ro|rw]")
    }
    container = name
    guard parts.count == 2 else { return }
    for word in parts[1].split(separator: ",") {
      switch word {
      case "ro": isReadOnly = true
      case "rw": isReadOnly = false
      // Labels of SELinux: the volumes have theirs from the container that they come from.
      case "z", "Z": break
      default:
        throw .invalidOption(name: "--volumes-from", value: text, reason: "there is no option \"\(word)\"")
      }
    }
  }

  public var text: String {
    container + (isReadOnly.map { $0 ? ":ro" : ":rw" } ?? "")
  }
}
