import SkiffSpec

/// Something in the store that is not as it should be.
public struct StoreDamage: Equatable, Sendable {
  public enum Kind: String, Equatable, Sendable {
    case image, layer, container, name, lease, leftover, volume
  }

  /// What becomes of it.
  public enum Outcome: String, Equatable, Sendable {
    /// It was found; `--repair` mends it.
    case mendable
    case mended
    /// Only by giving up a container, which takes `--force` as well.
    case needsForce = "needs force"
    /// Not by skiff alone.
    case stays
  }

  public var kind: Kind
  public var thing: String
  public var what: String
  /// What mends it.
  public var remedy: String
  public var outcome: Outcome

  /// Keys: Kind, Thing, What, Remedy, Outcome.
  public var document: JSONValue {
    [
      "Kind": .string(kind.rawValue), "Thing": .string(thing), "What": .string(what),
      "Remedy": .string(remedy),
      "Outcome": .string(outcome.rawValue),
    ]
  }

  /// Whether the store is not sound yet.
  public var remains: Bool { outcome != .mended }
}
