public import SkiffSpec

/// Why a verb did not do what it was asked.
public enum RuntimeError: Error, Equatable, Sendable {
  case missing(String)
  case exists(String)
  case notRunning(String)
  /// The container is in a state that the verb does not fit.
  case wrongState(String)
  /// Every problem of a configuration.
  case invalid(SpecProblems)
  case launch(LaunchError)
  case failed(String)
}

extension RuntimeError: CustomStringConvertible {
  /// One sentence; where engines look for runc's words, those.
  public var description: String {
    switch self {
    case .missing: "container does not exist"
    case .exists: "container with given ID already exists"
    case .notRunning: "container not running"
    case .wrongState(let words), .failed(let words): words
    case .invalid(let problems): "\(problems)"
    case .launch(let error) where error.isOfProgram: error.description
    case .launch(let error): "unable to start container process: \(error)"
    }
  }
}
