import SkiffSpec

/// One thing that containers need of a machine, and how it stands here.
public struct Finding: Equatable, Sendable {
  public enum Verdict: String, Equatable, Sendable {
    case ok
    /// Containers run; what `why` names does not work, or not well.
    case warning
    /// Containers do not run as they should without it.
    case missing
  }

  /// Under which heading it is told.
  public var topic: String
  public var name: String
  public var verdict: Verdict
  /// What was seen.
  public var detail: String
  /// What it is needed for.
  public var why: String
  /// What a person can do; empty where there is nothing to do.
  public var fix: String

  public init(
    _ topic: String, _ name: String, _ verdict: Verdict, _ detail: String, why: String, fix: String = ""
  ) {
    self.topic = topic
    self.name = name
    self.verdict = verdict
    self.detail = detail
    self.why = why
    self.fix = verdict == .ok ? "" : fix
  }

  /// Keys: Topic, Name, Verdict (`ok`, `warning`, `missing`), Detail, Why, Fix.
  public var document: JSONValue {
    [
      "Topic": .string(topic), "Name": .string(name), "Verdict": .string(verdict.rawValue), "Detail": .string(detail),
      "Why": .string(why), "Fix": .string(fix),
    ]
  }
}
