import SkiffKernel

/// Why the engine did not do what was asked. `description` is the sentence that a person reads.
public enum EngineError: Error, Equatable, Sendable {
  /// An option's value cannot be understood or cannot work.
  case invalidOption(name: String, value: String, reason: String)
  /// Options that contradict each other, or the state of things.
  case refused(String)
  /// Something known that skiff cannot do yet, by its name.
  case notBuilt(String)
  case noSuchContainer(String)
  case ambiguousContainer(String)
  case nameInUse(name: String, containerID: String)
  case containerRunning(name: String, act: String)
  case containerNotRunning(name: String, act: String)
  case noSuchImage(String)
  case noSuchVolume(String)
  /// Without an id: by a container that is being made, or it is being removed.
  case volumeInUse(name: String, containerID: String?)
  case noSuchNetwork(String)
  /// A helper program ended with this status; it has told the reason on standard error itself.
  case helperFailed(exitCode: Int32)
  /// What the runtime said, with the exit status that belongs to it (125, 126 or 127).
  case runtime(message: String, exitCode: Int32)
  /// A record of the store that cannot be read.
  case damaged(thing: String, reason: String)
  /// The kernel refused an act on a thing.
  case kernel(act: String, thing: String, cause: Errno)
  /// Another room's report.
  case report(String)
}

extension EngineError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidOption(let name, let value, let reason): "invalid value \"\(value)\" for \(name): \(reason)"
    case .refused(let sentence), .report(let sentence): sentence
    case .notBuilt(let what): "\(what) is not built yet"
    case .noSuchContainer(let name): "no such container: \(name)"
    case .ambiguousContainer(let prefix): "more than one container's id starts with \(prefix): give more of it"
    case .nameInUse(let name, let id):
      "cannot use the name \(name): container \(id.prefix(12)) has it (remove or rename that one first)"
    case .containerRunning(let name, let act): "cannot \(act) container \(name): it is running (stop it first)"
    case .containerNotRunning(let name, let act): "cannot \(act) container \(name): it is not running"
    case .noSuchImage(let name): "no such image: \(name)"
    case .noSuchVolume(let name): "no such volume: \(name)"
    case .volumeInUse(let name, let id?): "cannot remove volume \(name): container \(id.prefix(12)) uses it"
    case .volumeInUse(let name, nil):
      "cannot remove volume \(name): a container is being made with it, or somebody else is removing it"
    case .noSuchNetwork(let name): "no such network: \(name)"
    case .helperFailed(let exitCode): "the helper program ended with status \(exitCode)"
    case .runtime(let message, _): message
    case .damaged(let thing, let reason): "cannot read \(thing): \(reason)"
    case .kernel(let act, let thing, let cause): "cannot \(act) \(thing): \(cause)"
    }
  }

  /// Whether the sentence has been printed already, by the helper program that failed.
  public var isAlreadyTold: Bool {
    if case .helperFailed = self { return true }
    return false
  }
}

/// Runs kernel calls and says, where they fail, what they were for.
@inline(__always)
func naming<Result: ~Copyable>(
  _ act: String, _ thing: @autoclosure () -> String, _ body: () throws(Errno) -> Result
) throws(EngineError) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw .kernel(act: act, thing: thing(), cause: error)
  }
}
