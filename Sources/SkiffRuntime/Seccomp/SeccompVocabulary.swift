internal import SkiffSpec

/// What a filter answers for a call (SECCOMP_RET_…, seccomp(2)): the action above, its number in the low 16 bits.
package enum SeccompAction {
  package static let killProcess: UInt32 = 0x8000_0000
  package static let killThread: UInt32 = 0x0000_0000
  package static let trap: UInt32 = 0x0003_0000
  package static let errno: UInt32 = 0x0005_0000
  package static let trace: UInt32 = 0x7FF0_0000
  /// A supervisor answers in the kernel's place.
  package static let notify: UInt32 = 0x7FC0_0000
  package static let log: UInt32 = 0x7FFC_0000
  package static let allow: UInt32 = 0x7FFF_0000

  /// "There is no such call", which makes a C library try an older one.
  package static let noSuchCall: UInt32 = errno | 38

  /// Reads the spec's action; without a number of its own, ERRNO and TRACE carry EPERM, as with runc and crun.
  package static func parse(_ name: String, number: UInt32?) throws(SeccompError) -> UInt32 {
    let action: UInt32
    switch name {
    case "SCMP_ACT_ERRNO": action = errno
    case "SCMP_ACT_TRACE": action = trace
    case "SCMP_ACT_ALLOW": action = allow
    case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": action = killThread
    case "SCMP_ACT_KILL_PROCESS": action = killProcess
    case "SCMP_ACT_TRAP": action = trap
    case "SCMP_ACT_LOG": action = log
    case "SCMP_ACT_NOTIFY": action = notify
    default: throw .unknownAction(name)
    }
    guard action == errno || action == trace else {
      // Engines write a zero beside actions that have no number to return.
      if number ?? 0 != 0 { throw .numberNotTaken(action: name) }
      return action
    }
    let number = number ?? 1
    // The kernel would make a larger errno this one (MAX_ERRNO).
    guard number <= (action == errno ? 4095 : 0xFFFF) else { throw .numberTooLarge(number) }
    return action | number
  }

  /// Whether the call goes on under this action (a tracer is expected to know new calls by itself).
  package static func isPermissive(_ action: UInt32) -> Bool {
    switch action & 0xFFFF_0000 {
    case allow, log, trace: true
    default: false
    }
  }
}

/// How an argument is compared.
enum SeccompOperator {
  case equal, notEqual, less, lessOrEqual, greaterOrEqual, greater, maskedEqual

  static func parse(_ name: String) throws(SeccompError) -> SeccompOperator {
    switch name {
    case "SCMP_CMP_EQ": .equal
    case "SCMP_CMP_NE": .notEqual
    case "SCMP_CMP_LT": .less
    case "SCMP_CMP_LE": .lessOrEqual
    case "SCMP_CMP_GE": .greaterOrEqual
    case "SCMP_CMP_GT": .greater
    case "SCMP_CMP_MASKED_EQ": .maskedEqual
    default: throw .unknownOperator(name)
    }
  }
}

/// What an argument must be for a rule to apply.
struct ArgumentCondition: Equatable {
  /// 0 to 5.
  var argument: Int
  var comparison: SeccompOperator
  /// The bits that are looked at.
  var mask: UInt64
  /// Holds no bit that the mask has not.
  var value: UInt64

  init(argument: Int, comparison: SeccompOperator, mask: UInt64 = .max, value: UInt64) {
    self.argument = argument
    self.comparison = comparison
    self.mask = mask
    self.value = value & mask
  }

  init(_ spec: RuntimeSpec.SeccompCondition) throws(SeccompError) {
    guard spec.index < 6 else { throw .noSuchArgument(spec.index) }
    let comparison = try SeccompOperator.parse(spec.op)
    if comparison == .maskedEqual {
      self.init(argument: Int(spec.index), comparison: comparison, mask: spec.value, value: spec.valueTwo)
    } else {
      self.init(argument: Int(spec.index), comparison: comparison, value: spec.value)
    }
  }

  /// The same as an architecture sees it: of 32-bit arguments only the low word is there.
  func seen(with64Bits: Bool) -> ArgumentCondition {
    if with64Bits { return self }
    return ArgumentCondition(argument: argument, comparison: comparison, mask: mask & 0xFFFF_FFFF, value: value)
  }

  /// Whether every value satisfies it.
  var isAlwaysTrue: Bool { comparison == .maskedEqual && mask == 0 }
}

/// How a filter is installed (SECCOMP_FILTER_FLAG_…, seccomp(2)).
enum SeccompFlags {
  static let log: UInt32 = 2
  static let allowSpeculation: UInt32 = 4
  static let newListener: UInt32 = 8
  static let waitKillable: UInt32 = 32

  /// The kernel's flags for a profile.
  ///
  /// - Parameter notifies: whether a supervisor will be asked.
  static func parse(_ names: [String]?, notifies: Bool) throws(SeccompError) -> UInt32 {
    var flags = notifies ? newListener : 0
    // The mitigation against speculative store bypass costs every program in the container: where nothing is said runc and
    // crun leave it off, and an empty list is a word against that.
    guard let names else { return flags | allowSpeculation }
    for name in names {
      switch name {
      // There is one thread, so nothing has to be brought in step.
      case "SECCOMP_FILTER_FLAG_TSYNC": break
      case "SECCOMP_FILTER_FLAG_LOG": flags |= log
      case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": flags |= allowSpeculation
      // It says how to wait for the listener of SCMP_ACT_NOTIFY; where there is none the kernel refuses it.
      case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": flags |= notifies ? waitKillable : 0
      default: throw .unknownFlag(name)
      }
    }
    return flags
  }
}
