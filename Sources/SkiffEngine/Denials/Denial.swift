import SkiffSpec

/// Something that stood in a container's way, or may have.
public struct Denial: Equatable, Sendable {
  /// Which defence it was.
  public enum Guard: String, Equatable, Sendable {
    case seccomp
    case capability
    case readOnly = "read-only"
    case masked
    case device
    case idMap = "id map"
    case noNewPrivileges = "no_new_privs"
    case limit
    /// Options of a mount: noexec, nodev, nosuid.
    case mountOption = "mount option"
    /// Owner and mode of a file.
    case permissions
    /// The walls that `--landlock` put up.
    case landlock
    /// AppArmor, SELinux, or something else that leaves no trace for us.
    case unknown
  }

  public enum Certainty: String, Equatable, Sendable {
    /// The refusal was watched, and what refused it was found.
    case seen
    /// It fits what is known; something else may have refused.
    case candidate
  }

  public var kind: Guard
  public var certainty: Certainty
  /// What was refused.
  public var what: String
  /// What refused it.
  public var why: String
  /// Options of `run` that would let it pass, each for itself; the narrowest first.
  public var flags: [String]

  public init(_ kind: Guard, _ certainty: Certainty = .seen, _ what: String, why: String, flags: [String] = []) {
    self.kind = kind
    self.certainty = certainty
    self.what = what
    self.why = why
    self.flags = flags
  }

  /// Keys: Guard, Certainty (`seen`, `candidate`), What, Why, Flags.
  public var document: JSONValue {
    [
      "Guard": .string(kind.rawValue), "Certainty": .string(certainty.rawValue), "What": .string(what),
      "Why": .string(why), "Flags": JSONValue(flags),
    ]
  }
}
