/// Where the kernel's description of a call (struct seccomp_data) holds what.
enum CallDescription {
  static let number: UInt32 = 0
  static let architecture: UInt32 = 4

  /// A word of an argument.
  static func argument(_ index: Int, high: Bool, isBigEndian: Bool) -> UInt32 {
    16 + 8 * UInt32(truncatingIfNeeded: index) + (high == isBigEndian ? 0 : 4)
  }
}

extension FilterAssembler {
  /// Writes the look at a call's arguments: the first rule that holds answers, else `defaultAction`.
  mutating func check(_ call: ConditionalCall, defaultAction: UInt32) -> FilterTarget {
    var otherwise = FilterTarget.action(defaultAction)
    var end = call.rules.count
    while end > 0 {
      let start = beginningOfList(in: call.rules, endingAt: end, with64Bits: call.has64BitArguments)
      if end - start > 1 {
        otherwise = compare(anyOf: call.rules[start..<end], of: call, else: otherwise)
      } else {
        let rule = call.rules[start]
        var target = FilterTarget.action(rule.action)
        for condition in rule.conditions.reversed() {
          target = compare(condition, of: call, then: target, else: otherwise)
        }
        otherwise = target
      }
      end = start
    }
    return otherwise
  }

  /// Where the rules begin that end before `end` and ask alike whether one argument is this or that value.
  private func beginningOfList(in rules: [ConditionalRule], endingAt end: Int, with64Bits: Bool) -> Int {
    var start = end - 1
    guard let last = Self.singleEquality(rules[start]) else { return start }
    while start > 0, let earlier = Self.singleEquality(rules[start - 1]),
      earlier.argument == last.argument, earlier.value >> 32 == last.value >> 32,
      rules[start - 1].action == rules[end - 1].action
    {
      start -= 1
    }
    return start
  }

  private static func singleEquality(_ rule: ConditionalRule) -> ArgumentCondition? {
    guard rule.conditions.count == 1, rule.conditions[0].comparison == .equal else { return nil }
    return rule.conditions[0]
  }

  /// One load for a list of values.
  private mutating func compare(
    anyOf rules: ArraySlice<ConditionalRule>, of call: ConditionalCall, else otherwise: FilterTarget
  ) -> FilterTarget {
    guard let last = rules.last else { return otherwise }
    var target = otherwise
    for rule in rules.reversed() {
      target = branch(
        FilterInstruction.jumpEqual, UInt32(truncatingIfNeeded: rule.conditions[0].value),
        then: .action(rule.action), else: target)
    }
    let argument = last.conditions[0].argument
    target = load(offset: offset(argument, high: false, call), then: target)
    guard call.has64BitArguments else { return target }
    target = branch(
      FilterInstruction.jumpEqual, UInt32(truncatingIfNeeded: last.conditions[0].value >> 32), then: target,
      else: otherwise)
    return load(offset: offset(argument, high: true, call), then: target)
  }

  /// One comparison, of 64 bits by two of 32.
  private mutating func compare(
    _ condition: ArgumentCondition, of call: ConditionalCall, then yes: FilterTarget, else no: FilterTarget
  ) -> FilterTarget {
    switch condition.comparison {
    case .equal, .maskedEqual: compareEqual(condition, of: call, then: yes, else: no)
    case .notEqual: compareEqual(condition, of: call, then: no, else: yes)
    case .greater: compareAbove(condition, FilterInstruction.jumpGreater, of: call, then: yes, else: no)
    case .lessOrEqual: compareAbove(condition, FilterInstruction.jumpGreater, of: call, then: no, else: yes)
    case .greaterOrEqual: compareAbove(condition, FilterInstruction.jumpGreaterOrEqual, of: call, then: yes, else: no)
    case .less: compareAbove(condition, FilterInstruction.jumpGreaterOrEqual, of: call, then: no, else: yes)
    }
  }

  private mutating func compareEqual(
    _ condition: ArgumentCondition, of call: ConditionalCall, then yes: FilterTarget, else no: FilterTarget
  ) -> FilterTarget {
    var target = yes
    let lowMask = UInt32(truncatingIfNeeded: condition.mask)
    if lowMask != 0 {
      target = compareWord(
        UInt32(truncatingIfNeeded: condition.value), mask: lowMask,
        at: offset(condition.argument, high: false, call), then: target, else: no)
    }
    let highMask = UInt32(truncatingIfNeeded: condition.mask >> 32)
    if call.has64BitArguments, highMask != 0 {
      target = compareWord(
        UInt32(truncatingIfNeeded: condition.value >> 32), mask: highMask,
        at: offset(condition.argument, high: true, call), then: target, else: no)
    }
    return target
  }

  private mutating func compareWord(
    _ value: UInt32, mask: UInt32, at offset: UInt32, then yes: FilterTarget, else no: FilterTarget
  ) -> FilterTarget {
    if mask == .max {
      return load(offset: offset, then: branch(FilterInstruction.jumpEqual, value, then: yes, else: no))
    }
    if value == 0 {
      return load(offset: offset, then: branch(FilterInstruction.jumpAnyBit, mask, then: no, else: yes))
    }
    let comparison = branch(FilterInstruction.jumpEqual, value, then: yes, else: no)
    return load(offset: offset, then: and(mask: mask, then: comparison))
  }

  /// `code` compares the low words; they only matter where the high words are equal.
  private mutating func compareAbove(
    _ condition: ArgumentCondition, _ code: UInt16, of call: ConditionalCall, then yes: FilterTarget,
    else no: FilterTarget
  ) -> FilterTarget {
    let low = load(
      offset: offset(condition.argument, high: false, call),
      then: branch(code, UInt32(truncatingIfNeeded: condition.value), then: yes, else: no))
    guard call.has64BitArguments else { return low }
    let high = UInt32(truncatingIfNeeded: condition.value >> 32)
    let offset = offset(condition.argument, high: true, call)
    if high == 0 { return load(offset: offset, then: branch(FilterInstruction.jumpEqual, 0, then: low, else: yes)) }
    let equal = branch(FilterInstruction.jumpEqual, high, then: low, else: no)
    return load(offset: offset, then: branch(FilterInstruction.jumpGreater, high, then: yes, else: equal))
  }

  private func offset(_ argument: Int, high: Bool, _ call: ConditionalCall) -> UInt32 {
    CallDescription.argument(argument, high: high, isBigEndian: call.isBigEndian)
  }
}
