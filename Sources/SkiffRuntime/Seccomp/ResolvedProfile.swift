internal import SkiffSpec

/// A profile with its words understood and its calls looked up, once for all architectures.
struct ResolvedProfile {
  /// An action for some calls, if every condition holds.
  struct Rule {
    var action: UInt32
    /// Where its calls stand in `calls`.
    var calls: Range<Int>
    /// One for each argument at most.
    var conditions: [ArgumentCondition]
  }

  var defaultAction: UInt32
  var architectures: [SeccompArchitecture] = []
  var flags: UInt32
  var rules: [Rule] = []
  /// Positions in SystemCallTable; small, for each page touched costs more than the work on it.
  var calls: [UInt16] = []
  /// Names that no architecture has, as newer kernels or typing errors make them; runc and crun leave them out as well.
  var unknownNames: [String] = []

  /// Understands `spec`; `native` is always among the architectures, and first.
  init(_ spec: RuntimeSpec.Seccomp, native: SeccompArchitecture) throws(SeccompError) {
    defaultAction = try SeccompAction.parse(spec.defaultAction, number: spec.defaultErrnoRet)
    flags = try SeccompFlags.parse(spec.flags, notifies: spec.notifies)
    // Nobody could answer for the calls that the launch itself still makes.
    if defaultAction == SeccompAction.notify { throw .notifyByDefault }
    architectures = [native]
    for name in spec.architectures {
      guard let architecture = SeccompArchitecture(name: name) else { throw .unknownArchitecture(name) }
      if architecture.isBigEndian != native.isBigEndian { throw .mixedByteOrders(name) }
      if !architectures.contains(architecture) { architectures.append(architecture) }
    }
    calls.reserveCapacity(512)
    for rule in spec.rules { try add(rule) }
  }

  private mutating func add(_ rule: RuntimeSpec.SeccompRule) throws(SeccompError) {
    let action = try SeccompAction.parse(rule.action, number: rule.errnoRet)
    var conditions: [ArgumentCondition] = []
    for condition in rule.conditions { conditions.append(try ArgumentCondition(condition)) }
    if rule.names.isEmpty { throw .namelessRule }
    let start = calls.count
    for name in rule.names {
      if name.isEmpty { throw .namelessRule }
      if let position = SystemCallTable.position(of: name) {
        calls.append(UInt16(truncatingIfNeeded: position))
      } else {
        unknownNames.append(name)
      }
    }
    let range = start..<calls.count
    if Self.comparesOneArgumentTwice(conditions) {
      // libseccomp cannot; runc and crun then take each condition as a rule by itself, and profiles were written for that.
      for condition in conditions { rules.append(Rule(action: action, calls: range, conditions: [condition])) }
    } else {
      // The order does not matter to what the rule means; this one makes equal rules look equal.
      if conditions.count > 1 { conditions.sort { $0.argument < $1.argument } }
      rules.append(Rule(action: action, calls: range, conditions: conditions))
    }
  }

  private static func comparesOneArgumentTwice(_ conditions: [ArgumentCondition]) -> Bool {
    var seen = 0
    for condition in conditions {
      let bit = 1 << condition.argument
      if seen & bit != 0 { return true }
      seen |= bit
    }
    return false
  }
}
