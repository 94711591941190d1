extension SpecValidator {
  /// The highest error number that a filter can return (MAX_ERRNO); a tracer's message has 16 bits.
  private static let highestErrno: UInt32 = 4095
  private static let highestTraceMessage: UInt32 = 0xFFFF

  mutating func check(_ seccomp: RuntimeSpec.Seccomp, at keyPath: @autoclosure () -> String) {
    if seccomp.isEmpty { return }
    check(
      action: seccomp.defaultAction, errnoRet: seccomp.defaultErrnoRet, at: keyPath(), "defaultAction",
      "defaultErrnoRet")
    // A supervisor would have to answer its own calls.
    require(
      seccomp.defaultAction != "SCMP_ACT_NOTIFY", "\(keyPath()).defaultAction",
      "SCMP_ACT_NOTIFY cannot be used as default action")
    requireKnown(seccomp.architectures, among: RuntimeSpec.Seccomp.knownArchitectures, "\(keyPath()).architectures") {
      "string \($0) is not a valid arch for seccomp"
    }
    requireKnown(seccomp.flags ?? [], among: RuntimeSpec.Seccomp.knownFlags, "\(keyPath()).flags") {
      "string \($0) is not a valid flag for seccomp"
    }
    var notifies = false
    for (index, rule) in seccomp.rules.enumerated() {
      check(rule, at: "\(keyPath()).syscalls[\(index)]")
      notifies = notifies || rule.action == "SCMP_ACT_NOTIFY"
    }
    if let path = seccomp.listenerPath, !path.isEmpty {
      requireAbsolute(path, "\(keyPath()).listenerPath")
    } else {
      require(!notifies, "\(keyPath()).listenerPath", "must be set where SCMP_ACT_NOTIFY is used")
      require(
        (seccomp.listenerMetadata ?? "").isEmpty, "\(keyPath()).listenerMetadata", "means nothing without listenerPath")
    }
  }

  private mutating func check(_ rule: RuntimeSpec.SeccompRule, at keyPath: @autoclosure () -> String) {
    check(action: rule.action, errnoRet: rule.errnoRet, at: keyPath(), "action", "errnoRet")
    require(!rule.names.isEmpty, "\(keyPath()).names", "must not be empty")
    for (index, name) in rule.names.enumerated() {
      require(!name.isEmpty, "\(keyPath()).names[\(index)]", "must not be empty")
      // The runtime itself writes while the filter is already on.
      require(
        rule.action != "SCMP_ACT_NOTIFY" || name != "write", "\(keyPath()).names[\(index)]",
        "SCMP_ACT_NOTIFY cannot be used for the write syscall")
    }
    for (index, condition) in rule.conditions.enumerated() {
      func here() -> String { "\(keyPath()).args[\(index)]" }
      require(condition.index <= 5, "\(here()).index", "must be between 0 and 5")
      require(
        RuntimeSpec.Seccomp.knownOperators.contains(condition.op), "\(here()).op",
        "string \(SpecKeyPath.quoted(condition.op)) is not a valid operator for seccomp")
    }
  }

  private mutating func check(
    action: String, errnoRet: UInt32?, at keyPath: @autoclosure () -> String, _ actionMember: String,
    _ errnoMember: String
  ) {
    guard RuntimeSpec.Seccomp.knownActions.contains(action) else {
      refuse(
        "\(keyPath()).\(actionMember)", "string \(SpecKeyPath.quoted(action)) is not a valid action for seccomp")
      return
    }
    guard let errnoRet else { return }
    func here() -> String { "\(keyPath()).\(errnoMember)" }
    switch action {
    case "SCMP_ACT_ERRNO":
      require(errnoRet <= Self.highestErrno, here(), "must be between 0 and \(Self.highestErrno)")
    case "SCMP_ACT_TRACE":
      require(errnoRet <= Self.highestTraceMessage, here(), "must be between 0 and \(Self.highestTraceMessage)")
    default:
      // Engines write a zero beside actions that have no number to return.
      require(errnoRet == 0, here(), "\(action) returns no error number")
    }
  }
}
