/// One thing that is wrong with a configuration.
public struct SpecProblem: Equatable, Sendable {
  /// Where: `process.rlimits[2].type`; empty for the document as a whole.
  public let keyPath: String
  /// What, in words that follow the key path: `unknown limit "RLIMIT_FOO"`.
  public let message: String

  public init(_ keyPath: String, _ message: String) {
    self.keyPath = keyPath
    self.message = message
  }
}

extension SpecProblem: CustomStringConvertible {
  public var description: String {
    keyPath.isEmpty ? message : "\(keyPath): \(message)"
  }
}

/// Everything that is wrong with a configuration; never empty.
public struct SpecProblems: Error, Equatable, Sendable {
  public let problems: [SpecProblem]

  public init(_ problems: [SpecProblem]) {
    self.problems = problems
  }
}

extension SpecProblems: CustomStringConvertible {
  /// All problems in one line, as they stand at the end of a report.
  public var description: String {
    problems.map(\.description).joined(separator: "; ")
  }

  /// The problems with a line for each.
  public var lines: [String] { problems.map(\.description) }
}
