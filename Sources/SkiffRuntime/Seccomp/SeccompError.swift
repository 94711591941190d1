/// Why a seccomp profile cannot become a filter. Nothing of a profile is ever left out in silence.
package enum SeccompError: Error, Equatable, Sendable {
  /// No such `SCMP_ACT_…`.
  case unknownAction(String)
  /// No such `SCMP_ARCH_…`.
  case unknownArchitecture(String)
  /// No such `SCMP_CMP_…`.
  case unknownOperator(String)
  /// No architecture has such a call, and the configuration wants to hear of it.
  case unknownCall(String)
  /// No such `SECCOMP_FILTER_FLAG_…`.
  case unknownFlag(String)
  /// A system call has the arguments 0 to 5.
  case noSuchArgument(UInt32)
  /// Only `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE` carry a number.
  case numberNotTaken(action: String)
  /// An error number is 4095 at most, a tracer's message 65535.
  case numberTooLarge(UInt32)
  /// A rule with no name, or with an empty one.
  case namelessRule
  /// `SCMP_ACT_NOTIFY` is no default action.
  case notifyByDefault
  /// One filter serves architectures of one byte order.
  case mixedByteOrders(String)
  /// Two rules give the same call under the same conditions to different actions.
  case contradiction(call: String)
  /// The kernel takes 4096 instructions.
  case tooLong(instructions: Int)
  /// More rules for the arguments of one call than any filter could hold.
  case tooManyRules(call: String)
}

extension SeccompError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknownAction(let name): "unknown seccomp action \(name)"
    case .unknownArchitecture(let name): "unknown seccomp architecture \(name)"
    case .unknownOperator(let name): "unknown seccomp operator \(name)"
    case .unknownCall(let name): "invalid seccomp syscall `\(name)`"
    case .unknownFlag(let name): "unknown seccomp flag \(name)"
    case .noSuchArgument(let index): "a seccomp rule compares argument \(index), but there are only 0 to 5"
    case .numberNotTaken(let action): "a seccomp rule has an errnoRet, which \(action) does not take"
    case .numberTooLarge(let number): "the seccomp errnoRet \(number) is too large"
    case .namelessRule: "a seccomp rule names no system call"
    case .notifyByDefault: "SCMP_ACT_NOTIFY cannot be used as default action"
    case .mixedByteOrders(let name): "the seccomp architecture \(name) has another byte order than this machine"
    case .contradiction(let call): "two seccomp rules for \(call) have the same conditions and different actions"
    case .tooLong(let count): "the seccomp profile makes a filter of \(count) instructions, and the kernel takes 4096"
    case .tooManyRules(let call): "the seccomp profile has too many rules for \(call)"
    }
  }
}
