/// What becomes of a call: an action, or a look at its arguments.
enum Verdict {
  /// No rule names the call.
  static let unset: UInt32 = 0x0002_0000
  /// The arguments decide: the low 16 bits say by which of the conditional calls. The kernel has no such action.
  static let conditional: UInt32 = 0x0001_0000

  @inline(__always)
  static func isConditional(_ verdict: UInt32) -> Bool { verdict & 0xFFFF_0000 == conditional }
}

/// A rule that looks at arguments, as one architecture sees it.
struct ConditionalRule: Equatable {
  var conditions: [ArgumentCondition]
  var action: UInt32
}

/// A call whose arguments decide: the first rule that holds, else the default.
struct ConditionalCall: Equatable {
  var rules: [ConditionalRule]
  var has64BitArguments: Bool
  var isBigEndian: Bool
}

/// What a profile says about each call of one architecture.
///
/// Of several rules for a call, as with libseccomp: the first without conditions decides alone; otherwise all conditional ones are
/// tried. A rule with the default action says nothing.
struct CallVerdicts {
  /// By code (SystemCallTable).
  private(set) var verdicts: [UInt32]
  /// The largest code that any rule names, be it by a call inside a multiplexer or with the default action; nil for none.
  private(set) var last: Int?
  /// Which codes of arm's private page are named.
  private(set) var usesPrivatePage = false
  private let architecture: SeccompArchitecture
  private var multiplexedAt: (socketcall: Int, ipc: Int)?
  private var collected: [(position: Int, rules: [ConditionalRule])] = []

  /// Conditional calls are added to `conditionals`, whose indices the verdicts then hold.
  init(
    _ profile: borrowing ResolvedProfile, on architecture: SeccompArchitecture, conditionals: inout [ConditionalCall]
  ) throws(SeccompError) {
    self.architecture = architecture
    verdicts = [UInt32](repeating: Verdict.unset, count: SystemCallTable.codeCount)
    let column = architecture.column.utf8.span
    if architecture.hasMultiplexers,
      let socketcall = SystemCallTable.position(of: "socketcall"), let ipc = SystemCallTable.position(of: "ipc")
    {
      multiplexedAt = (
        SystemCallTable.code(in: column, at: socketcall), SystemCallTable.code(in: column, at: ipc)
      )
    }
    var hasConditions = false
    for rule in profile.rules {
      if isUnconditional(rule) {
        setUnconditional(rule, profile, column)
      } else {
        hasConditions = true
        noteNames(rule, profile, column)
      }
    }
    if hasConditions || multiplexedAt != nil {
      for rule in profile.rules { try addConditional(rule, profile, column) }
      try finishConditional(&conditionals)
    }
  }

  private func isUnconditional(_ rule: ResolvedProfile.Rule) -> Bool {
    for condition in rule.conditions
    where !condition.seen(with64Bits: architecture.has64BitArguments).isAlwaysTrue { return false }
    return true
  }

  private mutating func setUnconditional(
    _ rule: ResolvedProfile.Rule, _ profile: borrowing ResolvedProfile, _ column: Span<UInt8>
  ) {
    let isDefault = rule.action == profile.defaultAction
    for index in rule.calls {
      let code = SystemCallTable.code(in: column, at: Int(profile.calls[index]))
      if code == SystemCallTable.none { continue }
      note(code)
      if !isDefault, verdicts[code] == Verdict.unset { verdicts[code] = rule.action }
    }
  }

  private mutating func noteNames(
    _ rule: ResolvedProfile.Rule, _ profile: borrowing ResolvedProfile, _ column: Span<UInt8>
  ) {
    for index in rule.calls {
      let code = SystemCallTable.code(in: column, at: Int(profile.calls[index]))
      if code != SystemCallTable.none { note(code) }
    }
  }

  @inline(__always)
  private mutating func note(_ code: Int) {
    if code >= SystemCallTable.privatePage {
      usesPrivatePage = true
    } else if code > last ?? -1 {
      last = code
    }
  }

  /// Adds `rule` to the calls that no unconditional rule has settled, and to the multiplexer's for calls that have one.
  private mutating func addConditional(
    _ rule: ResolvedProfile.Rule, _ profile: borrowing ResolvedProfile, _ column: Span<UInt8>
  ) throws(SeccompError) {
    var conditions: [ArgumentCondition] = []
    for condition in rule.conditions {
      let seen = condition.seen(with64Bits: architecture.has64BitArguments)
      if !seen.isAlwaysTrue { conditions.append(seen) }
    }
    let inner = SystemCallNumbers.multiplexed.utf8.span
    let isDefault = rule.action == profile.defaultAction
    for index in rule.calls {
      let position = Int(profile.calls[index])
      let code = SystemCallTable.code(in: column, at: position)
      if !isDefault, !conditions.isEmpty, code != SystemCallTable.none {
        try add(ConditionalRule(conditions: conditions, action: rule.action), to: code, named: position)
      }
      guard let multiplexedAt else { continue }
      let number = SystemCallTable.code(in: inner, at: position)
      if number == SystemCallTable.none { continue }
      let multiplexer = number < 64 ? multiplexedAt.socketcall : multiplexedAt.ipc
      note(multiplexer)
      if isDefault { continue }
      // Inside socketcall(2) and ipc(2) the first argument is the number of the call and the others are shifted or behind a
      // pointer: what the rule says of the first cannot be asked, as with libseccomp.
      var multiplexed = conditions.filter { $0.argument != 0 }
      multiplexed.insert(ArgumentCondition(argument: 0, comparison: .equal, value: UInt64(number & 63)), at: 0)
      if !architecture.has64BitArguments { multiplexed[0] = multiplexed[0].seen(with64Bits: false) }
      try add(ConditionalRule(conditions: multiplexed, action: rule.action), to: multiplexer, named: position)
    }
  }

  private mutating func add(_ rule: ConditionalRule, to code: Int, named position: Int) throws(SeccompError) {
    let verdict = verdicts[code]
    if verdict == Verdict.unset {
      guard collected.count < 0xFFFF else { throw .tooManyRules(call: SystemCallTable.name(at: position)) }
      verdicts[code] = Verdict.conditional | UInt32(collected.count)
      collected.append((position, [rule]))
    } else if Verdict.isConditional(verdict) {
      let index = Int(verdict & 0xFFFF)
      if collected[index].rules.contains(rule) { return }
      guard collected[index].rules.count < ConditionalOrder.limit else {
        throw .tooManyRules(call: SystemCallTable.name(at: position))
      }
      collected[index].rules.append(rule)
    }
  }

  /// Orders the rules of each conditional call and gives the call its place among those of all architectures.
  private mutating func finishConditional(_ conditionals: inout [ConditionalCall]) throws(SeccompError) {
    var places: [UInt32] = []
    for (position, rules) in collected {
      guard let ordered = ConditionalOrder.sorted(rules) else {
        throw .contradiction(call: SystemCallTable.name(at: position))
      }
      let call = ConditionalCall(
        rules: ordered, has64BitArguments: architecture.has64BitArguments, isBigEndian: architecture.isBigEndian)
      if let place = conditionals.firstIndex(of: call) {
        places.append(UInt32(place))
      } else {
        guard conditionals.count < 0xFFFF else { throw .tooManyRules(call: SystemCallTable.name(at: position)) }
        places.append(UInt32(conditionals.count))
        conditionals.append(call)
      }
    }
    for code in verdicts.indices where Verdict.isConditional(verdicts[code]) {
      verdicts[code] = Verdict.conditional | places[Int(verdicts[code] & 0xFFFF)]
    }
  }
}

/// In which order the conditional rules of a call are tried.
///
/// Where all have one action it does not matter. Where actions differ, it is libseccomp's: the later argument first, equality
/// before bounds, the narrower bound before the wider.
enum ConditionalOrder {
  /// More rules for a call than this cannot end in a filter of 4096 instructions.
  static let limit = 2048

  /// The rules in the order in which they are tried; nil if two contradict each other.
  static func sorted(_ rules: [ConditionalRule]) -> [ConditionalRule]? {
    guard let first = rules.first, rules.contains(where: { $0.action != first.action }) else { return rules }
    for (index, rule) in rules.enumerated() {
      // A rule that comes later and asks for no more than an earlier one would make that one senseless.
      for earlier in rules[..<index] where earlier.action != rule.action {
        if earlier.conditions.starts(with: rule.conditions) { return nil }
      }
    }
    // A stable sort: equal rules stay in the profile's order.
    return rules.enumerated().sorted { left, right in
      if precedes(left.element, right.element) { return true }
      if precedes(right.element, left.element) { return false }
      return left.offset < right.offset
    }.map(\.element)
  }

  private static func precedes(_ left: ConditionalRule, _ right: ConditionalRule) -> Bool {
    for (a, b) in zip(left.conditions, right.conditions) {
      if a.argument != b.argument { return a.argument > b.argument }
      if rank(a) != rank(b) { return rank(a) > rank(b) }
      if a.value != b.value {
        switch a.comparison {
        case .less, .lessOrEqual: return a.value < b.value
        default: return a.value > b.value
        }
      }
      if a != b { return false }
    }
    return left.conditions.count < right.conditions.count
  }

  private static func rank(_ condition: ArgumentCondition) -> Int {
    switch condition.comparison {
    case .equal, .notEqual, .maskedEqual: 3
    case .less, .lessOrEqual: 2
    case .greater, .greaterOrEqual: 1
    }
  }
}
