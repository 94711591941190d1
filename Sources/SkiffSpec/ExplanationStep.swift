/// One thing that was asked of the kernel to make a container, told so that a person can learn from it (`--explain`).
public struct ExplanationStep: Equatable, Sendable {
  /// What happens, in plain words: "give the container a hostname of its own".
  public var what: String
  /// The kernel's call: `sethostname("web")`.
  public var kernelCall: String
  /// What a person would type to get the same: `hostname web`.
  public var command: String
  /// How long it took; nil where it was not performed.
  public var nanoseconds: UInt64?

  public init(what: String, kernelCall: String, command: String, nanoseconds: UInt64? = nil) {
    self.what = what
    self.kernelCall = kernelCall
    self.command = command
    self.nanoseconds = nanoseconds
  }
}
